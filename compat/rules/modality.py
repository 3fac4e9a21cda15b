"""How much of a model that sees or hears does the engine run: all of it, or its language part?"""

from __future__ import annotations

from collections.abc import Iterator

from compat.engines.profile import EngineProfile
from compat.extraction.facts import VariantFacts
from compat.rules.architecture_match import match_architecture
from compat.rules.result import CompatibilityResult, Confidence, Finding, Severity

CODE = "text-only"
_BY_PROJECTOR = "Images or sound go through the projector file (mmproj) beside it."
_SPOKEN = frozenset({"text-to-speech", "text-to-audio"})
"""What turns text into sound: an engine that serves it loses nothing."""


def check(facts: VariantFacts, profile: EngineProfile) -> Iterator[Finding]:
    """Says it where images or sound would be lost. In GGUF repositories they need a file of their own."""
    if profile.criteria or facts.architecture is None:
        return
    where = match_architecture(facts, profile)
    if not where.more_than_text or where.group is None or where.group.refused:
        return
    if facts.format == "gguf":
        if facts.projector and profile.projector:
            yield Finding(CODE, Severity.SUPPORTS, _BY_PROJECTOR)
            return
        why = (
            "this site knows of no projector file (mmproj) for images or sound in this repository"
            if profile.projector
            else f"{profile.name} does not use projector files"
        )
        yield _text_only(f"Only its language part runs: {why}.")
    elif where.group.reads != "images" and not (facts.task in _SPOKEN and facts.task in where.group.tasks):
        yield _text_only(
            f"{profile.name} runs only the language part of this model: it answers text, and does not see or hear."
        )


def is_text_only(result: CompatibilityResult) -> bool:
    """Whether an answer says that a model runs, and nothing but its language part."""
    return CODE in result.codes and _BY_PROJECTOR not in result.reasons


def _text_only(text: str) -> Finding:
    return Finding(CODE, Severity.WARNS, text, "text only", Confidence.MEDIUM)
