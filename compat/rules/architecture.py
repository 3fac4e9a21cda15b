"""Is the model's exact architecture one the engine implements?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from compat.architectures import (
    KIND_WORDS,
    architecture_of,
    has_classes,
    types_of_class,
    types_with_own_class,
)
from compat.engines.evidence import sureness
from compat.engines.profile import EngineProfile, Group, join_words
from compat.extraction.facts import Provenance, VariantFacts
from compat.extraction.task import DRAFT
from compat.extraction.variants import EITHER, TRANSFORMERS
from compat.rules.architecture_match import ArchitectureMatch, match_architecture, no_converter_takes, runs_as_gguf
from compat.rules.guesses import as_far_as_told, packing_brief
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
_OTHER_UPLOAD = Finding(
    "unknown",
    Severity.RECOMMENDS,
    "Look for another upload of this model: this one has no config.json, which names the architecture.",
)
_FETCH_CLASS = Finding(
    "unknown", Severity.RECOMMENDS, "Fetch this model from the Hub: its config.json names the class."
)
_READ_TYPE = Finding(
    "unknown",
    Severity.RECOMMENDS,
    "Look for model_type in its config.json on the Hub; fetching the model here reads it where it stands there.",
)
_FETCH_HEADER = Finding("unknown", Severity.RECOMMENDS, "Fetch this model from the Hub: that reads its header.")


_REACHED = {
    Provenance.RELATIVES: ("is what several relatives' records agree on", "architecture of its relatives"),
    Provenance.RELATIVE: ("is taken from the record of a relative", "architecture of a relative"),
    Provenance.KNOWN: ("is what this repository is well known to be; its record does not tell", "well known"),
    Provenance.LIST: (
        "is only told by a list that gives one for a whole family of models",
        "architecture of its family",
    ),
    Provenance.NAME: ("is only guessed from the model's name", "architecture guessed"),
    Provenance.DEFAULT: ("is only assumed", "architecture assumed"),
    Provenance.CONTRADICTED: ("does not agree with the rest of what is told", "architecture contradicted"),
}


def check(facts: VariantFacts, profile: EngineProfile) -> Iterator[Finding]:
    """Equality with the engine's lists, in the name space the engine itself goes by for this format.

    Only a name that was told, or that a table leads to, is refused.
    """
    if facts.no_weights and facts.format is None:
        return  # whatever it is, there is nothing to load: see the rule on formats
    if facts.architecture is None:
        yield from _by_class_alone(facts, profile)
        return
    if facts.format == TRANSFORMERS and profile.format(TRANSFORMERS) is None and profile.format("safetensors"):
        # The one of its two formats that the engine reads; whether they are in that one is for the rule on formats.
        facts = replace(facts, format="safetensors")
    where = match_architecture(facts, profile)
    told_by_header = where.by == "gguf" and bool(facts.gguf_architecture)
    guessed = facts.architecture_from.guessed and not told_by_header
    if where.by == "class" and facts.format != "gguf" and facts.more_classes and profile.classes == "one":
        yield from _several_classes(facts, profile)
        return
    if where.group is None or where.group.refused:
        yield from _refusal(where, facts, profile, guessed=guessed)
        return
    yield from _acceptance(where, facts, profile)
    if where.by == "class" and _config_not_read(facts, profile):
        text = (
            f"{profile.name} reads config.json with Transformers, which does not know the type “{facts.architecture}”: "
            "it loads only with Python code from the repository, and the record has none."
        )
        yield Finding(CODE, Severity.WARNS, text, "unknown type", Confidence.LOW)
    if _is_of_another_type(where, facts):
        by_type = f"{profile.name} goes by the type, and may take the wrong code" if where.by == "model_type" else ""
        text = (
            f"The class “{facts.hf_class}” is none of the type “{facts.architecture}”, which its config.json names "
            f"beside it: {by_type or 'one of them is wrong'}."
        )
        yield Finding(CODE, Severity.WARNS, text, "class and type disagree", Confidence.LOW)
    limit = Confidence.LOW if guessed else sureness(CODE, facts.architecture_from)
    if limit is not None and not told_by_header:
        words, brief = _REACHED[facts.architecture_from]
        text = f"The architecture “{facts.architecture}” {words}."
        yield Finding("guess", Severity.WARNS, text, "" if limit is Confidence.HIGH else brief, limit)


def _by_class_alone(facts: VariantFacts, profile: EngineProfile) -> Iterator[Finding]:
    """What a class tells where the ``model_type`` is not told: enough to try, for an engine that goes by class."""
    if facts.hf_class is None or facts.format == "gguf":
        yield _NOT_TOLD
        yield _OTHER_UPLOAD if facts.no_config and facts.format in EITHER else _FETCH
        return
    where = match_architecture(facts, profile)
    if where.by == "class" and where.group is not None and not where.group.refused:
        yield Finding(CODE, Severity.SUPPORTS, f"{profile.name} knows the class “{facts.hf_class}”.")
        text = f"The record tells the class “{facts.hf_class}” and not the model's type, which config.json has to name."
        yield Finding("guess", Severity.WARNS, text, "type not told", Confidence.LOW)
        return
    text = f"The record tells the model's class, “{facts.hf_class}”, and not its type, so nothing can be promised."
    yield Finding("unknown", Severity.BLOCKS, text, "type not told")
    yield _READ_TYPE


def _several_classes(facts: VariantFacts, profile: EngineProfile) -> Iterator[Finding]:
    names = join_words(f"“{name}”" for name in (facts.hf_class or "", *(facts.more_classes or "").split()))
    text = f"Its config.json names several classes, {names}; {profile.name} loads what names exactly one."
    yield Finding(CODE, Severity.BLOCKS, text, "several classes")
    advice = "Download it, and leave the one class in architectures of config.json that its weights are of."
    yield Finding(CODE, Severity.RECOMMENDS, advice)


def _config_not_read(facts: VariantFacts, profile: EngineProfile) -> bool:
    """Whether the engine has no class for the configuration of a ``model_type`` that was read, nor the repository."""
    told = facts.architecture_from in (Provenance.CONFIG, Provenance.HUB) and facts.remote_code is False
    if not told or facts.layout or facts.format == "gguf" or not profile.config_types:
        return False
    return facts.architecture not in profile.config_types


def _is_of_another_type(where: ArchitectureMatch, facts: VariantFacts) -> bool:
    """Whether the class that was read is known for other types alone than the one that was read."""
    hf_class, model_type = facts.hf_class or "", facts.architecture or ""
    if facts.architecture_from not in (Provenance.CONFIG, Provenance.HUB) or facts.format == "gguf":
        return False
    if where.by == "model_type":
        types = types_with_own_class(hf_class)
        return bool(types) and model_type not in {*types, *types_of_class(hf_class)}
    types = types_of_class(hf_class)
    told = where.by == "class" and where.name == hf_class and not facts.remote_code
    return told and bool(types) and model_type not in types and has_classes(model_type)


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
        text = f"{group.note}."
        yield Finding(CODE, Severity.WARNS, text, group.brief, group.limit, started_with=group.started_with)
    if facts.format != "gguf":
        yield from as_far_as_told(_unpacked_only(group, facts, profile), facts)
    if facts.format is not None and profile.format(facts.format) is None and runs_as_gguf(facts, profile):
        yield from _needs_gguf(f"{profile.name} runs this architecture from GGUF files alone.", facts, profile)
    if where.doubt and not profile.criteria:
        low = where.limit is Confidence.LOW
        yield Finding("derived", Severity.WARNS, where.doubt, "exact class not told" if low else "", where.limit)


def _unpacked_only(group: Group, facts: VariantFacts, profile: EngineProfile) -> Iterator[Finding]:
    """Packings that an engine reads, but not with architectures it has no code of its own for."""
    if not group.not_packed or not facts.quantization:
        return
    if facts.quantization in group.not_packed:
        text = f"{group.note}, and there not with weights packed with {facts.quantization}."
        yield Finding("quantization", Severity.BLOCKS, text, f"{facts.quantization} packing")
        yield Finding("quantization", Severity.RECOMMENDS, "Take the unpacked original.")
    else:
        text = f"Whether {profile.name} reads {facts.quantization} in that way is not told."
        brief = packing_brief(facts.quantization, f"{facts.quantization} untested")
        yield Finding("quantization", Severity.WARNS, text, brief, Confidence.LOW)


def _refusal(
    where: ArchitectureMatch, facts: VariantFacts, profile: EngineProfile, *, guessed: bool
) -> Iterator[Finding]:
    """Why it is not run: what was read says so, or nothing that was read tells."""
    group = where.group
    if facts.task == DRAFT and group is None and not profile.criteria:
        return  # the rule on tasks says what it is
    if group is None and facts.remote_code and profile.remote_code == "runs" and facts.format != "gguf":
        return  # the repository's own code says how to load it: see the rule on remote code
    rule = profile.format(facts.format or "")
    if group is None and (rule is None or rule.loader) and runs_as_gguf(facts, profile):
        if rule is None:
            text = f"{profile.name} runs this architecture from GGUF files alone."
        else:
            name = where.name if where.names else facts.architecture
            other = " for what it is made for" if profile.groups_of(where.by, name or "") else ""
            text = f"{profile.name}'s {rule.loader} does not take “{name}”{other}; a GGUF build of it runs."
        yield from _needs_gguf(text, facts, profile)
    elif not where.names:
        if rule is not None or facts.format is None or profile.criteria:
            yield from _untold(where, facts, profile)
        elif no_converter_takes(facts):  # else the format alone refuses it
            yield from _not_its_own(where.name, facts, profile)
    elif guessed:
        words, _ = _REACHED[facts.architecture_from]
        text = f"The architecture “{facts.architecture}” {words}; if it is right, {profile.name} does not run it."
        yield Finding("unknown", Severity.BLOCKS, text, "architecture only guessed")
        yield _FETCH
    elif group is not None:
        yield Finding(group.refused, Severity.BLOCKS, f"“{where.name}”: {group.note}.", f"model “{where.name}”")
    else:
        yield from _not_its_own(where.name, facts, profile)


def _needs_gguf(text: str, facts: VariantFacts, profile: EngineProfile) -> Iterator[Finding]:
    yield Finding("format", Severity.BLOCKS, text, "needs a GGUF build")
    advice = profile.advice.get(facts.format or "") or "Take a GGUF build of this model, or make one."
    yield Finding("format", Severity.RECOMMENDS, advice)


def _untold(where: ArchitectureMatch, facts: VariantFacts, profile: EngineProfile) -> Iterator[Finding]:
    if where.by == "gguf":
        text = (
            f"The GGUF header names its architecture; it was not read, and what is written there for "
            f"“{facts.architecture}” no table tells."
        )
        yield Finding("unknown", Severity.BLOCKS, text, "GGUF header not read")
        yield _FETCH_HEADER
    else:
        text = (
            f"{profile.name} goes by the class in config.json; it is not told here, and which it is for "
            f"“{facts.architecture}” no table tells."
        )
        yield Finding("unknown", Severity.BLOCKS, text, "class not told")
        yield _FETCH_CLASS


def _not_its_own(name: str, facts: VariantFacts, profile: EngineProfile) -> Iterator[Finding]:
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
        reads = "reads GGUF files of" if facts.format == "gguf" and profile.formats[0].name != "gguf" else "runs"
        text = f"“{name}”{kind} is not an architecture {profile.name} {reads}. {_what_runs(profile)}"
        brief = f"{architecture.label} architecture"
    yield Finding(CODE, Severity.BLOCKS, text, brief)
    yield Finding(CODE, Severity.RECOMMENDS, _what_to_look_for(profile))


def _with_article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _what_runs(profile: EngineProfile) -> str:
    return f"It runs {profile.family_names}." if profile.writes_text else f"It is made for: {profile.summary}"


def _what_to_look_for(profile: EngineProfile) -> str:
    advice = profile.advice.get("architecture")
    if advice:
        return advice
    if not profile.writes_text:
        return f"Look for a model that {profile.name} is made for."
    if profile.family_names[0].isdigit():
        return f"Look for a model of another architecture, or for a newer version of {profile.name}."
    return f"Look for a {profile.family_names.replace(' and ', ' or ')} model of a similar size."
