"""Comparisons of estimates with measurements, and the tables of the ledger made of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from compat.estimate.ledger import Accuracy, Bounds, Row

FIRM = ("high", "engine-run")
"""Qualities an estimator is held to: engine logs, vendor tables, runs of the engine itself."""
_DIGITS = 6
"""Of a share that is kept: no more of it means anything, and the last ones differ between machines."""


@dataclass(frozen=True)
class Comparison:
    """One compared quantity of one point, in MiB (or tokens a second for speed)."""

    point: str
    quantity: str
    engine: str
    family: str
    quality: str
    source: str
    measured: float
    estimated: float

    @property
    def error(self) -> float:
        """Relative error, never negative."""
        return abs(self.estimated / self.measured - 1)


@dataclass(frozen=True)
class Evaluation:
    """A table of the ledger, and every comparison behind it."""

    table: Accuracy
    comparisons: tuple[Comparison, ...]


def evaluate_comparisons(
    points: int, comparisons: Iterable[Comparison], skipped: Mapping[str, int], bounds: Bounds | None = None
) -> Evaluation:
    """The evaluation of so many points, compared or skipped."""
    found = tuple(comparisons)
    return Evaluation(Accuracy(points, summarise(found), dict(skipped), bounds or Bounds()), found)


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of the values lie, by linear interpolation."""
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def summarise(comparisons: Iterable[Comparison]) -> tuple[Row, ...]:
    """Rows over everything, per engine, per family and per source, each per quantity and quality."""
    groups: dict[tuple[str, str, str, str], list[Comparison]] = {}
    for c in comparisons:
        qualities = (c.quality, "firm") if c.quality in FIRM else (c.quality,)
        for quality in qualities:
            for by, name in (
                ("all", "all"),
                ("engine", c.engine),
                ("family", c.family),
                ("source", c.source),
            ):
                groups.setdefault((by, name, c.quantity, quality), []).append(c)
    return tuple(_row(*key, found) for key, found in sorted(groups.items()))


def _row(by: str, name: str, quantity: str, quality: str, found: list[Comparison]) -> Row:
    errors = [c.error for c in found]
    worst = sorted(found, key=lambda c: -c.error)[:3]
    return Row(
        by,
        name,
        quantity,
        quality,
        len(found),
        round(quantile(errors, 0.5), _DIGITS),
        round(quantile(errors, 0.9), _DIGITS),
        round(max(errors), _DIGITS),
        tuple(f"{c.point}: {c.estimated:.0f} for {c.measured:.0f}" for c in worst),
    )


def source_name(text: str) -> str:
    """Where a point is from, without the part that is its own."""
    words = text.removeprefix("https://github.com/").split()
    if text.startswith("llmfit"):
        return " ".join(words[:2]).rstrip(":")
    return words[0].removesuffix("^") if words else "unknown"
