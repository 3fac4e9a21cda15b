"""The ledger: how memory and speed estimates compare with measurements, as it ships with the site.

``data/ledger.json`` is written by ``python -m tools.evaluation.ledger`` from the measured points, which are not
shipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from compat.engines.evidence import evidence
from compat.strict_data import DataError, describe_first, parse_json, read_text

_STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, config=_STRICT)
class Row:
    """Relative errors of one group, fractions of the measurement. ``worst`` names the points that are furthest off."""

    by: str
    name: str
    quantity: str
    quality: str
    n: int
    median: float
    p90: float
    max: float
    worst: tuple[str, ...] = ()


@dataclass(frozen=True, config=_STRICT)
class Bounds:
    """Of how many points that are upper bounds only the estimate stays below, and how many there are."""

    held: int = 0
    of: int = 0


@dataclass(frozen=True, config=_STRICT)
class Accuracy:
    """One table: its rows, and what was skipped and why, so that nothing hides by being left out."""

    points: int
    rows: tuple[Row, ...]
    skipped: dict[str, int]
    bounds: Bounds

    def row(self, by: str, name: str, quantity: str, quality: str) -> Row | None:
        """One row, or None."""
        key = (by, name, quantity, quality)
        return next((r for r in self.rows if (r.by, r.name, r.quantity, r.quality) == key), None)

    def lines(self) -> Iterator[str]:
        """The table as text."""
        yield f"{self.points} points"
        yield f"{'by':8} {'group':34} {'quantity':8} {'quality':10}    n  median     p90     max"
        for r in self.rows:
            yield (
                f"{r.by:8} {r.name[:34]:34} {r.quantity:8} {r.quality:10} {r.n:4}"
                f" {r.median:7.1%} {r.p90:7.1%} {r.max:7.1%}  {r.worst[0] if r.worst else ''}"
            )
        for reason, count in sorted(self.skipped.items(), key=lambda item: -item[1]):
            yield f"skipped {count:4}  {reason}"
        if self.bounds.of:
            yield f"upper bounds held: {self.bounds.held} of {self.bounds.of}"


@dataclass(frozen=True, config=_STRICT)
class Ledger:
    """Both tables."""

    memory: Accuracy
    speed: Accuracy

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    def rows(self, table: str, by: str) -> list[Row]:
        """The rows of one table, grouped one way."""
        return [row for row in (self.memory if table == "memory" else self.speed).rows if row.by == by]


@cache
def shipped_ledger() -> Ledger:
    """The comparison with the project's own points, as it was made for this release; raises ``DataError``."""
    return read_ledger(read_text(files("compat.estimate") / "data" / "ledger.json"))


def read_ledger(text: str, filename: str = "ledger.json") -> Ledger:
    """A ledger from JSON; raises ``DataError`` for a field that is missing, unknown or wrong."""
    data = parse_json(text, filename)
    try:
        return TypeAdapter(Ledger).validate_json(text)
    except ValidationError as error:
        raise DataError(f"{filename}: {describe_first(error, data)}") from None


def shipped_accuracy() -> dict[str, Any]:
    """All that is known of how good the answers are: the ledger, and how often roundabout facts were right."""
    return {**shipped_ledger().as_json(), "evidence": [path.as_json() for path in evidence()]}
