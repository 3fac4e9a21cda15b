"""The ledger: how memory and speed as pages show them compare with measurements, as it ships with the site.

``data/ledger.json`` is written by ``python -m tools.evaluation.ledger`` from the measured points, which are not
shipped. Pages take from it how far off each part of an answer may be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from compat.engines import all_profiles
from compat.engines.evidence import evidence
from compat.estimate.engine_names import engine_name
from compat.strict_data import DataError, describe_first, parse_json, read_text

_STRICT = ConfigDict(extra="forbid", strict=True)

LEAST_POINTS = 10
"""Fewer measured points than this prove nothing of an engine: it is called unproven, and gets no margin."""
MARGIN_HOLDS = 0.8
"""The share of measurements that a margin holds."""


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

    @property
    def unproven(self) -> bool:
        """Whether it says of an engine what too few measurements of one kind say."""
        return self.by == "engine" and self.n < LEAST_POINTS


@dataclass(frozen=True, config=_STRICT)
class Margin:
    """How far measurements lie from one part of an answer: four in five within ``margin``, a fraction of the answer.

    ``basis`` is what the part rests on, of a speed the class of hardware; ``where`` is ``accelerator`` or
    ``processor``. ``held`` is the share of the ``n`` measurements that the margin held while it was drawn from those of
    other model families alone.
    """

    engine: str
    quantity: str
    basis: str
    where: str
    n: int
    families: int
    margin: float
    held: float


@dataclass(frozen=True, config=_STRICT)
class BrokenBound:
    """A measurement that says that a load takes no more (``upper``) or no less (``lower``), and is not kept; in MiB."""

    point: str
    engine: str
    kind: str
    shown: int
    measured: int

    def __str__(self) -> str:
        """The point, what is shown, and the bound."""
        word = "at most" if self.kind == "upper" else "at least"
        return f"{self.point} on {self.engine}: {self.shown:,} MiB shown, {word} {self.measured:,} measured"


@dataclass(frozen=True, config=_STRICT)
class Bounds:
    """Of how many measured bounds the estimate keeps, how many there are, and those that it does not keep."""

    held: int = 0
    of: int = 0
    broken: tuple[BrokenBound, ...] = ()


@dataclass(frozen=True, config=_STRICT)
class Range:
    """Of how many measurements the range that pages show holds, on one engine and class of hardware."""

    engine: str
    basis: str
    held: int
    of: int


_KINDS = ("firm", "table", "medium", "user")
"""Kinds of points, the firmest first."""


@dataclass(frozen=True, config=_STRICT)
class Accuracy:
    """One table: its rows, and what was skipped and why, so that nothing hides by being left out.

    ``asked`` counts the points of which pages show a number if they know enough, ``answered`` those of which they do.
    """

    points: int
    asked: int
    answered: int
    rows: tuple[Row, ...]
    margins: tuple[Margin, ...]
    ranges: tuple[Range, ...]
    skipped: dict[str, int]
    bounds: Bounds

    def row(self, by: str, name: str, quantity: str, quality: str) -> Row | None:
        """One row, or None."""
        key = (by, name, quantity, quality)
        return next((r for r in self.rows if (r.by, r.name, r.quantity, r.quality) == key), None)

    def points_of(self, engine: str, quantity: str) -> int:
        """How many measurements of a part on one engine there are, of the kind of points that has the most."""
        row = self.engine_row(engine, quantity)
        return row.n if row else 0

    def engine_row(self, engine: str, quantity: str) -> Row | None:
        """The row of a part on one engine: of the firmest kind of points that proves anything, else of the largest."""
        found = [row for kind in _KINDS if (row := self.row("engine", engine_name(engine), quantity, kind))]
        return next((row for row in found if row.n >= LEAST_POINTS), max(found, key=lambda row: row.n, default=None))

    def lines(self) -> Iterator[str]:
        """The table as text."""
        yield f"{self.points} points, {self.answered} of {self.asked} that pages can be asked for are answered"
        yield f"{'by':8} {'group':34} {'quantity':8} {'quality':10}    n  median     p90     max"
        for r in self.rows:
            proof = " unproven" if r.unproven else ""
            yield (
                f"{r.by:8} {r.name[:34]:34} {r.quantity:8} {r.quality:10} {r.n:4}"
                f" {r.median:7.1%} {r.p90:7.1%} {r.max:7.1%}{proof}  {r.worst[0] if r.worst else ''}"
            )
        for m in self.margins:
            yield (
                f"margin   {m.engine:16} {m.quantity:8} {m.basis:18} {m.where:11} ±{m.margin:.1%} "
                f"({m.n} points of {m.families} families, held {m.held:.0%})"
            )
        for one in self.ranges:
            yield f"range    {one.engine:16} {one.basis:18} holds {one.held} of {one.of}"
        for reason, count in sorted(self.skipped.items(), key=lambda item: -item[1]):
            yield f"skipped {count:4}  {reason}"
        if self.bounds.of:
            yield f"bounds held: {self.bounds.held} of {self.bounds.of}"
        for broken in self.bounds.broken:
            yield f"bound not held: {broken}"


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

    def margin(self, engine: str, quantity: str, basis: str, where: str = "accelerator") -> float | None:
        """How far four in five measurements lie at most from a part of an answer, as a fraction of it.

        None where too few were measured on the engine itself.
        """
        key = (engine_name(engine), quantity, basis, where)
        every = (*self.memory.margins, *self.speed.margins)
        return next((m.margin for m in every if (m.engine, m.quantity, m.basis, m.where) == key), None)


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


@dataclass(frozen=True, config=_STRICT)
class Proof:
    """How much was measured on the engine of one profile. ``measured_as`` names the engine whose loader it runs.

    ``memory`` and ``speed`` are how many measurements of whole loads and of decoding there are, of one kind of points.
    """

    slug: str
    name: str
    measured_as: str
    memory: int
    speed: int

    @property
    def memory_proven(self) -> bool:
        """Whether enough whole loads were measured."""
        return self.memory >= LEAST_POINTS

    @property
    def speed_proven(self) -> bool:
        """Whether enough speeds were measured."""
        return self.speed >= LEAST_POINTS

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        proven = {"memoryProven": self.memory_proven, "speedProven": self.speed_proven}
        points = {"memoryPoints": self.memory, "speedPoints": self.speed}
        return {"slug": self.slug, "name": self.name, "measuredAs": self.measured_as, **points, **proven}


def proofs(ledger: Ledger) -> tuple[Proof, ...]:
    """Every engine that has a profile, those with the most measurements first."""
    found = (
        Proof(
            slug,
            profile.name,
            engine_name(slug),
            ledger.memory.points_of(slug, "total"),
            ledger.speed.points_of(slug, "decode"),
        )
        for slug, profile in all_profiles().items()
    )
    return tuple(sorted(found, key=lambda one: (-(one.memory + one.speed), one.name.lower())))


def accuracy_of(ledger: Ledger) -> dict[str, Any]:
    """A comparison for programs, with how much was measured on each engine."""
    engines = [proof.as_json() for proof in proofs(ledger)]
    return {**ledger.as_json(), "engines": engines, "evidence": [path.as_json() for path in evidence()]}
