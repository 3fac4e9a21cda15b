"""Comparisons of estimates with measurements, and the tables made of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

FIRM = ("high", "engine-run")
"""Qualities an estimator is held to: engine logs, vendor tables, runs of the engine itself."""


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
class Row:
    """Errors of one group. ``worst`` names the points that are furthest off."""

    by: str
    name: str
    quantity: str
    quality: str
    n: int
    median: float
    p90: float
    max: float
    worst: tuple[str, ...] = ()


@dataclass(frozen=True)
class Accuracy:
    """The whole evaluation: rows, what was skipped and why, and every comparison behind them."""

    points: int
    rows: tuple[Row, ...]
    skipped: dict[str, int]
    comparisons: tuple[Comparison, ...] = field(repr=False)
    bounds: tuple[int, int] = (0, 0)

    def row(self, by: str, name: str, quantity: str, quality: str) -> Row | None:
        """One row, or None."""
        key = (by, name, quantity, quality)
        return next((r for r in self.rows if (r.by, r.name, r.quantity, r.quality) == key), None)

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON, without the single comparisons."""
        return {
            "points": self.points,
            "rows": [asdict(r) for r in self.rows],
            "skipped": dict(self.skipped),
            "bounds": {"held": self.bounds[0], "of": self.bounds[1]},
        }

    def lines(self) -> Iterator[str]:
        """The tables as text."""
        yield f"{self.points} points"
        yield f"{'by':8} {'group':34} {'quantity':8} {'quality':10}    n  median     p90     max"
        for r in self.rows:
            yield (
                f"{r.by:8} {r.name[:34]:34} {r.quantity:8} {r.quality:10} {r.n:4}"
                f" {r.median:7.1%} {r.p90:7.1%} {r.max:7.1%}  {r.worst[0] if r.worst else ''}"
            )
        for reason, count in sorted(self.skipped.items(), key=lambda item: -item[1]):
            yield f"skipped {count:4}  {reason}"
        if self.bounds[1]:
            yield f"upper bounds held: {self.bounds[0]} of {self.bounds[1]}"


MemoryAccuracy = Accuracy
SpeedAccuracy = Accuracy


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
        quantile(errors, 0.5),
        quantile(errors, 0.9),
        max(errors),
        tuple(f"{c.point}: {c.estimated:.0f} for {c.measured:.0f}" for c in worst),
    )


def source_name(text: str) -> str:
    """Where a point is from, without the part that is its own."""
    words = text.removeprefix("https://github.com/").split()
    if text.startswith("llmfit"):
        return " ".join(words[:2]).rstrip(":")
    return words[0].removesuffix("^") if words else "unknown"
