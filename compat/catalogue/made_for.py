"""The context of an estimate beside what the model was made for.

Where nobody asks for a context, a model that was made for less than the usual one is loaded for what it was made for,
as engines do. Beyond that, where somebody asks for it, they refuse to start, or cut it, and need no more memory then.
"""

from __future__ import annotations

from dataclasses import replace

from compat.catalogue.workers import Worker
from compat.estimate.launch import CUTS_CONTEXT, DEFAULT_CONTEXT
from compat.extraction.facts import DEFAULT_CONTEXT as ASSUMED
from compat.extraction.facts import Provenance, VariantFacts
from compat.rules import CompatibilityResult, Confidence

NOT_READ = 0
"""Stands for a context that nothing tells."""
_MOST = 2**62


def made_for(facts: VariantFacts) -> int:
    """The tokens that a variant was made for, as it was read; :data:`NOT_READ` where it is guessed."""
    # A program that states no context is taken to state the usual one: the two cannot be told apart.
    unsaid = facts.context_from is Provenance.GIVEN and facts.context == ASSUMED
    return NOT_READ if facts.context_from.guessed or unsaid else min(facts.context, _MOST)


def asked_for(context: int) -> int:
    """The tokens that somebody asked for; 0 where it is what they are taken to want, of which nobody is warned."""
    return 0 if context == DEFAULT_CONTEXT else context


def loaded_context(made: int, context: int, slug: str) -> int:
    """The tokens that an engine is started for, of those wanted and those that the model was made for."""
    cut = asked_for(context) == 0 or slug in CUTS_CONTEXT
    return made if cut and NOT_READ < made < context else context


def at_its_context(worker: Worker, facts: VariantFacts) -> Worker:
    """The worker as it loads a variant."""
    context = loaded_context(made_for(facts), worker.context, worker.profile.slug)
    return worker if context == worker.context else replace(worker, context=context)


def apply_made_for(result: CompatibilityResult, facts: VariantFacts, context: int) -> CompatibilityResult:
    """What remains of a verdict on a machine at a context: beyond what the model was made for it might run, no more.

    Engines refuse to start so, or cut the context, unless a person extends the model; so it is no refusal.
    """
    made = made_for(facts)
    if not result.compatible or not NOT_READ < made < asked_for(context):
        return result
    warning = (
        f"It was made for {made:,} tokens, and {context:,} are asked for. Ask for less, or extend it with RoPE scaling "
        "where model and engine allow that."
    )
    return replace(
        result,
        confidence=min(result.level, Confidence.LOW).word,
        warnings=(warning, *result.warnings),
        brief=f"made for {made:,} tokens",
        codes=(*result.codes, "context"),
    )
