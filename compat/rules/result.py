"""What the rules answer: findings, and the compatibility result made of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from compat.engines.confidence import Confidence

__all__ = ["CAUSES", "CompatibilityResult", "Confidence", "Finding", "Severity"]


class Severity(StrEnum):
    """What a finding does to the verdict."""

    BLOCKS = "blocks"
    WARNS = "warns"
    RECOMMENDS = "recommends"
    SUPPORTS = "supports"


_LEVELS = {level.word: level for level in Confidence}

CAUSES = ("gone", "architecture", "task", "format", "context", "quantization", "platform", "unknown")
"""The codes a blocking finding may carry, in the order in which causes are named and counted."""


class Finding(NamedTuple):
    """One thing a rule found.

    ``code`` names the rule, ``text`` is a sentence for a person, ``brief`` a few words for a badge.
    ``limits`` is the highest confidence a verdict may have with this finding (None: no limit). ``doubts``: it would
    refuse, were what it rests on no guess, or tells of a failure that somebody reported. ``unaided``: the hardware has
    nothing for how the weights are packed. ``unoptimized``: the engine's makers say that their code for them is slow.
    ``started_with`` are arguments that the engine needs to run it.
    """

    code: str
    severity: Severity
    text: str
    brief: str = ""
    limits: Confidence | None = None
    doubts: bool = False
    unaided: bool = False
    unoptimized: bool = False
    started_with: tuple[str, ...] = ()


def sureness_of(level: Confidence, *, doubted: bool) -> int:
    """A confidence in steps of two, of which what is ``doubted`` is half a step below: of several, the least holds."""
    return max(2 * int(level) - doubted, 0)


def confidence_of(sureness: Any) -> Any:
    """The confidence of a sureness, also of a column of them."""
    return (sureness + 1) // 2


@dataclass(frozen=True, slots=True)
class CompatibilityResult:
    """The original's answer about one model on one engine, with the findings it was made from.

    ``cause`` is the code of the first blocking finding, empty when compatible; ``brief`` is the short cause a
    badge shows. ``doubted``: something speaks against it that is not certain. ``unaided``: the hardware has nothing for
    how the weights are packed. No verdict on hardware is stored, and so this is not stored either. ``unoptimized``: the
    engine's makers say that their code for them is slow. ``started_with`` are the arguments that the engine needs.
    ``unread``: the engine does not read the packing that the weights are guessed to have, so that nothing known starts
    it.
    """

    compatible: bool
    confidence: str
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    recommendations: tuple[str, ...]
    cause: str = ""
    brief: str = ""
    codes: tuple[str, ...] = ()
    doubted: bool = False
    unaided: bool = False
    unoptimized: bool = False
    started_with: tuple[str, ...] = ()
    unread: bool = False

    @property
    def level(self) -> Confidence:
        """The confidence as an ordered value."""
        return _LEVELS[self.confidence]

    @property
    def sureness(self) -> int:
        """The same in finer steps: see :func:`sureness_of`."""
        return sureness_of(self.level, doubted=self.doubted)

    def as_json(self) -> dict[str, Any]:
        """The original's object: exactly its five fields."""
        return {
            "compatible": self.compatible,
            "confidence": self.confidence,
            "reasons": list(self.reasons),
            "warnings": list(self.warnings),
            "recommendations": list(self.recommendations),
        }

    def as_stored(self) -> dict[str, Any]:
        """All fields, for the database."""
        told = {"cause": self.cause, "brief": self.brief, "codes": list(self.codes), "doubted": self.doubted}
        how = {"unoptimized": self.unoptimized, "started_with": list(self.started_with), "unread": self.unread}
        return self.as_json() | told | how

    @classmethod
    def from_stored(cls, data: dict[str, Any]) -> CompatibilityResult:
        """The inverse of :meth:`as_stored`."""
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in data.items()
        }
        return cls(**values)
