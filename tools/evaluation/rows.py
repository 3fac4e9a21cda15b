"""Comparisons of what pages show with measurements, and the tables of the ledger made of them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from compat.estimate.ledger import LEAST_POINTS, MARGIN_HOLDS, Accuracy, Bounds, BrokenBound, Margin, Range, Row

FIRM = ("high", "engine-run")
"""Qualities an estimator is held to: engine logs, vendor tables, runs of the engine itself."""
_DIGITS = 6
"""Of a share that is kept: no more of it means anything, and the last ones differ between machines."""
_TOLERANCE = 1.05
"""Times a bound that an estimate may miss it by: readings of bounds are round."""


@dataclass(frozen=True)
class Comparison:
    """One compared quantity of one point, in MiB (or tokens a second for speed).

    ``low`` and ``high`` are the range that pages show, where they show one, ``backend`` is the engine with what it
    computes on (``llama.cpp on Vulkan``), where that is told. ``basis`` and ``where`` are those of
    :class:`compat.estimate.ledger.Margin`. ``machine`` is what a speed was measured on, blank for memory.
    """

    point: str
    quantity: str
    engine: str
    build: str
    family: str
    quality: str
    source: str
    measured: float
    estimated: float
    basis: str
    where: str
    low: float | None = None
    high: float | None = None
    backend: str = ""
    machine: str = ""

    @property
    def error(self) -> float:
        """Relative error, never negative."""
        return abs(self.estimated / self.measured - 1)

    @property
    def distance(self) -> float:
        """How far the measurement is from what is shown, as a fraction of what is shown."""
        return abs(self.measured / self.estimated - 1) if self.estimated else math.inf


@dataclass(frozen=True)
class Bound:
    """A comparison with a measurement that is an ``upper`` or a ``lower`` bound of what is needed."""

    comparison: Comparison
    kind: str

    @property
    def holds(self) -> bool:
        """Whether the estimate keeps the bound."""
        share = self.comparison.estimated / self.comparison.measured
        return share <= _TOLERANCE if self.kind == "upper" else share * _TOLERANCE >= 1

    @property
    def broken(self) -> BrokenBound:
        """How it is told where it does not hold."""
        c = self.comparison
        return BrokenBound(c.point, c.engine, self.kind, round(c.estimated), round(c.measured))


@dataclass(frozen=True)
class Evaluation:
    """A table of the ledger, and every comparison behind it."""

    table: Accuracy
    comparisons: tuple[Comparison, ...]


def evaluate_comparisons(
    points: int,
    comparisons: Iterable[Comparison],
    skipped: Mapping[str, int],
    bounds: Sequence[Bound] = (),
    asked: int = 0,
    answered: int = 0,
) -> Evaluation:
    """The evaluation of so many points, compared or skipped."""
    found = tuple(comparisons)
    held = sum(one.holds for one in bounds)
    broken = tuple(sorted((one.broken for one in bounds if not one.holds), key=str))
    table = Accuracy(
        points,
        asked,
        answered,
        summarise(found),
        margins_of(found),
        ranges_of(found),
        dict(sorted(skipped.items())),
        Bounds(held, len(bounds), broken),
    )
    return Evaluation(table, found)


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of the values lie, by linear interpolation."""
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def summarise(comparisons: Iterable[Comparison]) -> tuple[Row, ...]:
    """Rows over everything, per engine, engine and year, backend, family and source, each per quantity and quality."""
    groups: dict[tuple[str, str, str, str], list[Comparison]] = {}
    for c in comparisons:
        qualities = (c.quality, "firm") if c.quality in FIRM else (c.quality,)
        for quality in qualities:
            for by, name in (
                ("all", "all"),
                ("engine", c.engine),
                ("build", c.build),
                *((("backend", c.backend),) if c.backend else ()),
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


def margins_of(comparisons: Iterable[Comparison]) -> tuple[Margin, ...]:
    """The margin of every part that enough was measured of, on each engine and basis by itself.

    Readings of a whole card, with whatever else ran on it, draw none. Weights by their label are those of a page
    whose files are of unknown size.
    """
    groups: dict[tuple[str, str, str, str], list[Comparison]] = {}
    for c in comparisons:
        if c.quality not in _LOOSE:
            quantity = "weights" if c.quantity == "file" else c.quantity
            groups.setdefault((c.engine, quantity, c.basis, c.where), []).append(c)
    found = (_margin(*key, members) for key, members in sorted(groups.items()))
    return tuple(margin for margin in found if margin is not None)


_LOOSE = ("medium", "low")
_FINEST = 0.01
"""No margin is told finer than that."""
_EDGES = ((0.8, 1.0), (0.85, 1.0), (0.9, 1.0), (0.95, 1.0), (1.0, 1.0), (1.0, 1.25), (1.0, 1.5), (1.0, 2.0))
"""(share of the distances that lie within, times that): the margins that are tried, the narrowest first."""


def _margin(engine: str, quantity: str, basis: str, where: str, found: list[Comparison]) -> Margin | None:
    """The narrowest margin that holds what it says of families it was not drawn from; None where none does.

    Of a speed it must do so of machines too, each of which counts as much as any other: what was measured on one
    of them tells nothing of the next.
    """
    by_family, by_machine = _distances(found, "family"), _distances(found, "machine")
    if len(found) < LEAST_POINTS or len(by_family) < 2:
        return None
    for share, times in _EDGES:
        held = sum(of * len(by_family[name]) for name, of in _held(by_family, share, times).items())
        machines = _held(by_machine, share, times)
        if quantity == "decode" and (not machines or sum(machines.values()) < MARGIN_HOLDS * len(machines)):
            continue
        if held >= MARGIN_HOLDS * len(found) - 1e-9:
            edge = max(_within([c.distance for c in found], share) * times, _FINEST)
            of = round(edge, _DIGITS), round(held / len(found), 3)
            return Margin(engine, quantity, basis, where, len(found), len(by_family), *of)
    return None


def _distances(found: Iterable[Comparison], what: str) -> dict[str, list[float]]:
    """The distances of some points by one of their fields."""
    groups: dict[str, list[float]] = {}
    for c in found:
        groups.setdefault(getattr(c, what), []).append(c.distance)
    return groups


def _held(groups: Mapping[str, list[float]], share: float, times: float) -> dict[str, float]:
    """The share of each group's distances within a margin that is drawn of all others; empty of one group alone."""
    found = {}
    for name, distances in groups.items() if len(groups) > 1 else ():
        others = [d for other, members in groups.items() if other != name for d in members]
        edge = max(_within(others, share) * times, _FINEST)
        found[name] = sum(distance <= edge for distance in distances) / len(distances)
    return found


def _within(distances: Sequence[float], share: float) -> float:
    """The least of the distances within which at least ``share`` of them lie."""
    return sorted(distances)[math.ceil(share * len(distances) - 1e-9) - 1]


def ranges_of(comparisons: Iterable[Comparison]) -> tuple[Range, ...]:
    """How often the shown ranges hold, on each engine and class of hardware."""
    groups: dict[tuple[str, str], list[bool]] = {}
    for c in comparisons:
        if c.low is not None and c.high is not None:
            groups.setdefault((c.engine, c.basis), []).append(c.low <= c.measured <= c.high)
    return tuple(Range(*key, sum(held), len(held)) for key, held in sorted(groups.items()))


def engine_and_year(engine: str, date: str | None) -> str:
    """``llama.cpp 2026``; without a date the engine alone with a word on it."""
    return f"{engine} {date[:4]}" if date else f"{engine}, year not told"


def source_name(text: str) -> str:
    """Where a point is from, without the part that is its own."""
    words = text.removeprefix("https://github.com/").split()
    if text.startswith("llmfit"):
        return " ".join(words[:2]).rstrip(":")
    if not words or not {"/", "."} & set(words[0]):
        return text.split(",", maxsplit=1)[0] or "unknown"
    return words[0].removesuffix("^")
