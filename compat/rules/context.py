"""Is the context the model was made for within the engine's limit?"""

from __future__ import annotations

from collections.abc import Iterator

from compat.engines.evidence import sureness
from compat.engines.profile import EngineProfile
from compat.extraction.facts import VariantFacts
from compat.rules.architecture_match import match_architecture
from compat.rules.result import Confidence, Finding, Severity

CODE = "context"
_OF_TOKENS = frozenset({"text-generation", "feature-extraction"})
"""Tasks of engines whose models have a context: what only paints or speaks is asked for none."""


def check(facts: VariantFacts, profile: EngineProfile) -> Iterator[Finding]:
    """Above the limit the profile's policy decides: ``reject`` blocks, ``cap`` and ``warn`` warn."""
    limit = _limit(facts, profile)
    if facts.context_from.guessed and (limit is not None or not _OF_TOKENS.isdisjoint(profile.tasks)):
        yield Finding(
            "guess",
            Severity.WARNS,
            f"Nothing tells the model's context length, so {facts.context:,} tokens are assumed.",
            "context assumed" if limit is not None else "",
            Confidence.LOW if limit is not None else None,
        )
    if limit is None:
        return
    sure = sureness(CODE, facts.context_from)
    if sure is not None:
        text = f"Its record does not tell its context; {facts.context:,} tokens are {facts.context_from.label}'s."
        yield Finding("guess", Severity.WARNS, text, "context not told" if sure is Confidence.LOW else "", sure)
    if facts.context <= limit:
        if not facts.context_from.guessed:
            yield Finding(
                CODE,
                Severity.SUPPORTS,
                f"Its context of {facts.context:,} tokens is within {profile.name}'s limit of {limit:,}.",
            )
        return
    made_for = f"It was made for a context of {facts.context:,} tokens; {profile.name}'s limit is {limit:,}"
    if profile.context_policy == "reject":
        yield Finding(CODE, Severity.BLOCKS, f"{made_for}.", f"{limit:,}-token limit")
        yield Finding(
            CODE,
            Severity.RECOMMENDS,
            f"The operator can set the context policy of {profile.name} to “cap”: it would then run, cut to "
            f"{limit:,} tokens.",
        )
    else:
        yield Finding(CODE, Severity.WARNS, f"{made_for}, so the context is cut to that.", f"context cut to {limit:,}")


def _limit(facts: VariantFacts, profile: EngineProfile) -> int | None:
    """The engine's limit in tokens, or a smaller one of this architecture's own."""
    group = match_architecture(facts, profile).group if facts.architecture is not None else None
    limit, own = profile.context_limit, group.context if group else None
    return own if limit is None or (own is not None and own < limit) else limit
