"""How often a fact was right that was reached in a roundabout way: what a verdict may rest on.

``data/evidence.json`` is written by ``python -m tools.evaluation.evidence`` from the bundled catalogue: on records that
tell a fact themselves, each other way of reaching it is tried as if they did not.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Annotated, Any, Literal

from pydantic import Field

from compat.engines.confidence import Confidence
from compat.extraction.facts import Provenance
from compat.strict_data import Name, StrictTable, check_table, parse_json, read_text

FILE = "evidence.json"
FEWEST = 50
"""With fewer cases than these nothing is promised."""
HIGH, MEDIUM = 0.995, 0.97
"""Shares of right cases from which on a verdict may be *Runs*, or *Should run*."""
FEWEST_HIGH = 200
"""With fewer, the smallest share that could be told from all would be more than *Runs* allows."""


class EvidencePath(StrictTable):
    """One way to a fact: what it tells, where from, and in how many of how many cases it was right."""

    fact: Literal["architecture", "context", "quantization", "format"]
    origin: Annotated[Literal["relatives", "relative", "packing", "known", "list", "name"], Field(alias="from")]
    words: Name
    right: Annotated[int, Field(ge=0)]
    cases: Annotated[int, Field(ge=1)]

    @property
    def share(self) -> float:
        """Of the cases, how many were right."""
        return self.right / self.cases

    @property
    def level(self) -> Confidence:
        """How sure a verdict that rests on it can be at best."""
        if self.cases < FEWEST or self.share < MEDIUM:
            return Confidence.LOW
        return Confidence.HIGH if self.share >= HIGH and self.cases >= FEWEST_HIGH else Confidence.MEDIUM

    def as_json(self) -> dict[str, Any]:
        """The row as programs get it."""
        return {
            "fact": self.fact,
            "from": self.origin,
            "words": self.words,
            "right": self.right,
            "cases": self.cases,
            "atBest": self.level.word,
        }


class _Evidence(StrictTable):
    source: Name
    paths: list[EvidencePath]


@cache
def evidence() -> tuple[EvidencePath, ...]:
    """Every way that was tried; raises :class:`~compat.strict_data.DataError`. Read once a process."""
    text = read_text(resources.files(__package__).joinpath("data", FILE))
    return tuple(check_table(_Evidence, parse_json(text, FILE), FILE).paths)


@cache
def _levels() -> Mapping[tuple[str, Provenance], Confidence]:
    return {(path.fact, Provenance(path.origin)): path.level for path in evidence()}


_ROUNDABOUT = (
    *(Provenance.RELATIVES, Provenance.RELATIVE, Provenance.PACKING),
    *(Provenance.KNOWN, Provenance.LIST, Provenance.NAME),
)


def sureness(fact: str, origin: Provenance) -> Confidence | None:
    """How sure a verdict can be at best that rests on a fact from there; None where it was read and needs no proof."""
    if origin not in _ROUNDABOUT:
        return None
    return _levels().get((fact, origin), Confidence.LOW)
