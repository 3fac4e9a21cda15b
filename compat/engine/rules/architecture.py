"""Is the model's exact architecture one the engine implements?"""

from __future__ import annotations

from collections.abc import Iterator

from compat.engine.profile import EngineProfile
from compat.engine.result import Confidence, Finding, Severity
from compat.metadata.facts import VariantFacts
from compat.metadata.families import KIND_WORDS, family_label, kin_of

CODE = "architecture"


def check(facts: VariantFacts, profile: EngineProfile) -> Iterator[Finding]:
    """Equality with the engine's lists; GGUF files by their header's name, everything else by ``model_type``."""
    if facts.architecture is None:
        yield Finding(
            "unknown",
            Severity.BLOCKS,
            "The record does not tell the model's architecture, so nothing can be promised.",
            "architecture not known",
        )
        yield Finding(
            "unknown", Severity.RECOMMENDS, "Fetch this model from the Hub: its config.json names the architecture."
        )
        return
    name, accepted, untested = _name_and_lists(facts, profile)
    label = family_label(kin_of(name).family)
    if name in accepted:
        yield Finding(
            CODE,
            Severity.SUPPORTS,
            f"{profile.name} runs {label} models (“{name}”, {facts.architecture_from.label}).",
        )
    elif name in untested:
        yield Finding(
            CODE,
            Severity.WARNS,
            f"“{name}” is a relative of {label}, but {profile.untested_note}.",
            "untested relative",
            Confidence.LOW,
        )
    else:
        yield from _refusal(name, profile)
        return
    if facts.architecture_from.guessed:
        yield Finding(
            "guess",
            Severity.WARNS,
            f"The architecture “{facts.architecture}” is only guessed from the model's name.",
            "architecture guessed",
            Confidence.LOW,
        )


def _name_and_lists(facts: VariantFacts, profile: EngineProfile) -> tuple[str, frozenset[str], frozenset[str]]:
    if facts.format == "gguf" and facts.gguf_architecture:
        # llama.cpp writes "llama" into Mixtral files too: there the model_type tells the two apart.
        if facts.architecture in profile.untested.model_types or _is_other_kind(facts):
            return str(facts.architecture), profile.accepts.model_types, profile.untested.model_types
        return facts.gguf_architecture, profile.accepts.gguf, profile.untested.gguf
    return str(facts.architecture), profile.accepts.model_types, profile.untested.model_types


def _is_other_kind(facts: VariantFacts) -> bool:
    """Whether the ``model_type`` tells of experts, images or sound that the GGUF name hides.

    A vision model's GGUF holds its language part alone (the projector is a file of its own), so where the GGUF
    name differs from the model_type's family only mixture of experts counts.
    """
    kin = kin_of(facts.architecture or "")
    hidden = kin_of(facts.gguf_architecture or "")
    return kin.kind == "moe" and hidden.kind == "text" and facts.architecture != facts.gguf_architecture


def _refusal(name: str, profile: EngineProfile) -> Iterator[Finding]:
    kin = kin_of(name)
    in_family = kin.family in profile.accepts.families
    if in_family:
        text = (
            f"“{name}” is a {KIND_WORDS[kin.kind]} of the {kin.label} line; "
            f"{profile.name} runs only the line's plain text models."
        )
        brief = f"{kin.label} {KIND_WORDS[kin.kind]}"
    else:
        kind = f", a {KIND_WORDS[kin.kind]}" if kin.kind in ("embed", "audio", "vision") else ""
        text = f"“{name}”{kind} is not an architecture {profile.name} runs. It runs {profile.family_names}."
        brief = f"{kin.label} architecture"
    yield Finding(CODE, Severity.BLOCKS, text, brief)
    yield Finding(
        CODE, Severity.RECOMMENDS, f"Look for a {profile.family_names.replace(' and ', ' or ')} model of a similar size."
    )
