"""Is the model's exact architecture one the engine implements?"""

from __future__ import annotations

from collections.abc import Iterator

from compat.architectures import KIND_WORDS, architecture_of
from compat.engines.profile import EngineProfile
from compat.extraction.facts import Provenance, VariantFacts
from compat.rules.architecture_match import ArchitectureMatch, match_architecture
from compat.rules.result import Confidence, Finding, Severity

CODE = "architecture"

_NOT_TOLD = Finding(
    "unknown",
    Severity.BLOCKS,
    "The record does not tell the model's architecture, so nothing can be promised.",
    "architecture not known",
)
_FETCH = Finding(
    "unknown", Severity.RECOMMENDS, "Fetch this model from the Hub: its config.json names the architecture."
)


def check(facts: VariantFacts, profile: EngineProfile) -> Iterator[Finding]:
    """Equality with the engine's lists, in the name space the engine itself goes by for this format."""
    if facts.architecture is None:
        yield _NOT_TOLD
        yield _FETCH
        return
    where = match_architecture(facts, profile)
    if where.group is None:
        yield from _refusal(where, facts, profile)
        return
    if where.group.refused:
        yield Finding(
            where.group.refused,
            Severity.BLOCKS,
            f"“{where.name}”: {where.group.note}.",
            f"{where.name} model",
        )
        return
    yield from _acceptance(where, facts, profile)
    inherited = facts.architecture_from is Provenance.BASE
    if (inherited or facts.architecture_from.guessed) and not (where.by == "gguf" and facts.gguf_architecture):
        text = (
            f"The architecture “{facts.architecture}” is taken from the model it says it is made from."
            if inherited
            else f"The architecture “{facts.architecture}” is only guessed from the model's name."
        )
        brief = "architecture of its base" if inherited else "architecture guessed"
        yield Finding("guess", Severity.WARNS, text, brief, Confidence.LOW)


def _acceptance(where: ArchitectureMatch, facts: VariantFacts, profile: EngineProfile) -> Iterator[Finding]:
    group = where.group
    if group is None:
        return
    label = architecture_of(facts.architecture or "").label
    if group.limit is None:
        yield Finding(
            CODE,
            Severity.SUPPORTS,
            f"{profile.name} runs {label} models (“{where.name}”, {facts.architecture_from.label}).",
        )
    elif profile.criteria:
        text = f"“{where.name}” is a relative of {architecture_of(where.name).label}, but {group.note}."
        yield Finding(CODE, Severity.WARNS, text, "untested relative", group.limit)
    else:
        yield Finding(
            CODE, Severity.SUPPORTS, f"{profile.name} knows “{where.name}” ({facts.architecture_from.label})."
        )
        yield Finding(CODE, Severity.WARNS, f"{group.note}.", limits=group.limit)
    if where.doubt and not profile.criteria:
        low = where.limit is Confidence.LOW
        yield Finding("derived", Severity.WARNS, where.doubt, "exact class not told" if low else "", where.limit)


def _refusal(where: ArchitectureMatch, facts: VariantFacts, profile: EngineProfile) -> Iterator[Finding]:
    if facts.remote_code and profile.remote_code == "runs" and facts.format != "gguf":
        return  # the repository's own code says how to load it: see the rule on remote code
    name = where.name
    architecture = architecture_of(name)
    if architecture.kind == "other":
        architecture = architecture_of(facts.architecture or name)
    if architecture.family in profile.families and profile.criteria:
        text = (
            f"“{name}” is {_with_article(KIND_WORDS[architecture.kind])} of the {architecture.label} line; "
            f"{profile.name} runs only the line's plain text models."
        )
        brief = f"{architecture.label} {KIND_WORDS[architecture.kind]}"
    else:
        apart = architecture.kind in ("embed", "audio", "vision")
        kind = f", {_with_article(KIND_WORDS[architecture.kind])}," if apart else ""
        text = f"“{name}”{kind} is not an architecture {profile.name} runs. It runs {profile.family_names}."
        brief = f"{architecture.label} architecture"
    yield Finding(CODE, Severity.BLOCKS, text, brief)
    yield Finding(CODE, Severity.RECOMMENDS, _what_to_look_for(profile))


def _with_article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _what_to_look_for(profile: EngineProfile) -> str:
    advice = profile.advice.get("architecture")
    if advice:
        return advice
    if profile.family_names[0].isdigit():
        return f"Look for a model of another architecture, or for a newer version of {profile.name}."
    return f"Look for a {profile.family_names.replace(' and ', ' or ')} model of a similar size."
