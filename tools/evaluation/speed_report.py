"""How well speeds are told of model families that were left out: ``python -m tools.evaluation.speed_report``.

One line for each engine and class of hardware: runs, those that got a number, the errors of these, and how many of them
lay inside the range that would have been shown.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compat.estimate.speed import SpeedEstimate, estimate_placed
from compat.estimate.speed_constants import calibration
from tools.evaluation.calibrate import FOLDS, Fitted, add_reading, calibrate, parts, typed
from tools.evaluation.ledger import prepare_django
from tools.evaluation.rows import quantile

if TYPE_CHECKING:
    from tools.evaluation.reading_points import Prompt
    from tools.evaluation.speed_points import Run


@dataclass(frozen=True)
class Held:
    """A run, and what would have been shown of it by runs of other families alone."""

    run: Run
    estimate: SpeedEstimate

    @property
    def error(self) -> float | None:
        """Relative error, never negative; None without a number."""
        rate = self.estimate.tokens_per_second
        return None if rate is None else abs(rate / self.run.measured - 1)

    @property
    def inside(self) -> bool:
        """Whether the range holds the measured speed."""
        low, high = self.estimate.low, self.estimate.high
        return low is not None and high is not None and low <= self.run.measured <= high


@dataclass(frozen=True)
class Line:
    """How a group of runs was told."""

    name: str
    runs: int
    answered: int
    median: float | None
    ninth: float | None
    inside: float | None


def hold_out(found: Sequence[Run], folds: int = FOLDS) -> list[Held]:
    """Each run with what is said of it when its family was left out, of constants and ranges alike."""
    held = []
    for some, rest in parts(found, folds):
        constants = typed(calibrate(rest))
        held += [Held(run, estimate_placed(run.work, run.engine, run.placement, constants)) for run in some]
    return held


def lines(held: Iterable[Held]) -> Iterator[Line]:
    """One line for each engine and class of hardware, and one for all."""
    groups: dict[str, list[Held]] = defaultdict(list)
    for one in held:
        groups[f"{one.run.engine}, {one.run.hardware}"].append(one)
        groups["all"].append(one)
    for name, members in sorted(groups.items()):
        errors = [one.error for one in members if one.error is not None]
        yield _line(name, len(members), errors, sum(one.inside for one in members))


def _line(name: str, runs: int, errors: Sequence[float], inside: int) -> Line:
    if not errors:
        return Line(name, runs, 0, None, None, None)
    return Line(name, runs, len(errors), quantile(errors, 0.5), quantile(errors, 0.9), inside / len(errors))


def reading_lines(read: Sequence[Prompt], folds: int = FOLDS) -> Iterator[Line]:
    """The same for reading prompts, with the shipped constants of writing."""
    from tools.evaluation.reading_points import reading_ratio

    shipped = calibration()
    groups: dict[str, list[tuple[float | None, bool]]] = defaultdict(list)
    for some, rest in parts(read, folds):
        fitted: Fitted = {**shipped.model_dump(exclude={"note"}), "reading": {}}
        add_reading(fitted, rest)
        constants = typed(fitted)
        for one in some:
            ratio = reading_ratio(one, constants)
            own = constants.reading.get(one.pair)
            bounds = own.bounds(experts=one.work.experts) if own is not None else None
            inside = ratio is not None and bounds is not None and bounds.low <= ratio <= bounds.high
            groups[f"reading, {one.pair}"].append((None if ratio is None else abs(1 / ratio - 1), inside))
    for name, members in sorted(groups.items()):
        errors = [error for error, _ in members if error is not None]
        yield _line(name, len(members), errors, sum(inside for _, inside in members))


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def render(found: Iterable[Line], skipped: Counter[str]) -> str:
    """The report as text."""
    rows = [f"{'engine, hardware':44} runs told median  90th inside"]
    for one in found:
        errors = "".join(f"{_percent(share):>7}" for share in (one.median, one.ninth, one.inside))
        rows.append(f"{one.name:44} {one.runs:4} {one.answered:4}{errors}")
    rows += [f"{count:5} left out: {reason}" for reason, count in skipped.most_common()]
    return "\n".join(rows) + "\n"


def main() -> None:
    """Print the report of the bundled points."""
    prepare_django()
    from tools.evaluation.points import speed_points
    from tools.evaluation.reading_points import prompts
    from tools.evaluation.speed_points import usable_runs

    points = speed_points()
    found, skipped = usable_runs(points)
    sys.stdout.write(render([*lines(hold_out(found)), *reading_lines(prompts(points)[0])], skipped))


if __name__ == "__main__":
    main()
