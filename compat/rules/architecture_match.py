"""How a variant's architecture matches an engine's lists: looked up once, asked by several rules."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from compat.architectures import (
    AUDIO_TASKS,
    IMAGE_TASKS,
    architecture_of,
    architecture_of_gguf,
    architecture_of_model_type,
    has_classes,
    read_tables,
)
from compat.engines.profile import EngineProfile, Group
from compat.extraction.facts import VariantFacts
from compat.extraction.variants import TRANSFORMERS
from compat.rules.result import Confidence
from compat.wording import or_

_CLOSING_WORDS = re.compile(r"(forcausallm|forconditionalgeneration|lmheadmodel|forquestionanswering|model)$")

_SEEING = ("vision", "multimodal")


@dataclass(frozen=True, slots=True)
class ArchitectureMatch:
    """The answer: the ``name`` looked up in name space ``by``, and the group it is in (None: not the
    engine's).

    ``names`` are all the names it might have; more than one only where the record does not tell which, none where the
    engine goes by a name that the record does not tell and no table leads to. ``limit`` and ``doubt`` say how the name
    was reached, where that was not by reading it.
    """

    by: str
    name: str
    names: tuple[str, ...]
    group: Group | None
    limit: Confidence | None = None
    doubt: str = ""
    more_than_text: bool = False


def match_architecture(facts: VariantFacts, profile: EngineProfile) -> ArchitectureMatch:
    """Where the engine puts this variant; nowhere, where only a GGUF build of it serves what it is made for."""
    return _place(
        profile,
        facts.architecture or "",
        facts.gguf_architecture,
        facts.hf_class,
        facts.format,
        facts.task,
        facts.class_listed,
        facts.more_classes,
    )


@lru_cache(maxsize=16384)
def _place(
    profile: EngineProfile,
    architecture: str,
    gguf: str | None,
    hf_class: str | None,
    format_: str | None,
    task: str | None,
    class_listed: bool,
    more_classes: str | None,
) -> ArchitectureMatch:
    rule = profile.format(format_ or "")
    by = rule.by if rule else "gguf" if format_ == "gguf" and profile.criteria else profile.formats[0].by
    more = architecture_of(architecture).reads_more_than_text or task in IMAGE_TASKS or task in AUDIO_TASKS
    if by == "gguf" and profile.criteria and _experts_hidden(architecture, gguf, profile):
        by = "model_type"
    names, limit, doubt = _names(profile, by, architecture, gguf, hf_class, task)
    if by == "class" and more_classes and profile.classes == "each" and not _any_runs(profile, by, names):
        names = next(((name,) for name in more_classes.split() if _any_runs(profile, by, (name,))), names)
    if class_listed and not gguf and not _any_runs(profile, by, names):
        others, *_ = _names(profile, by, architecture, gguf, None, task)
        names = tuple(dict.fromkeys((*names, *others)))
    placed = [(name, _group(profile, by, name, format_, task)) for name in names]
    if rule is not None and rule.loader and task is not None:
        served = any(group is not None and task in group.tasks for _, group in placed)
        if not served and _runs_as_gguf(profile, architecture, hf_class, class_listed, task):
            placed = []
    known = [(name, group) for name, group in placed if group and not group.refused]
    if not known:
        refused = next(((name, group) for name, group in placed if group), None)
        shown = refused[0] if refused else names[0] if names else architecture
        return ArchitectureMatch(by, shown, names, refused[1] if refused else None, limit, doubt, more)
    name, group = known[0]
    if any(found.limit is Confidence.LOW for _, found in known):
        limit = Confidence.LOW
    if len(known) < len(names):
        limit = Confidence.LOW
        doubt = (
            f"Its config.json may name {_either(names)}, and only {_either([n for n, _ in known])} is one "
            f"{profile.name} runs; the record does not tell which it is."
        )
    elif len(names) > 1 and not doubt:
        limit = limit or Confidence.MEDIUM
        doubt = (
            f"Its exact class is not told; from “{architecture}” it is {_either(names)}, and {profile.name} runs each."
        )
    return ArchitectureMatch(by, name, names, group, limit, doubt, more)


def _any_runs(profile: EngineProfile, by: str, names: tuple[str, ...]) -> bool:
    return any(not group.refused for name in names for group in profile.groups_of(by, name))


def _either(names: tuple[str, ...] | list[str]) -> str:
    return or_([f"“{name}”" for name in names])


def _names(
    profile: EngineProfile,
    by: str,
    architecture: str,
    gguf: str | None,
    hf_class: str | None,
    task: str | None,
) -> tuple[tuple[str, ...], Confidence | None, str]:
    """The names to look up, and what is doubtful about them."""
    if by == "gguf":
        if gguf:
            return (gguf,), None, ""
        written = architecture_of(architecture).gguf_names(hf_class)
        if written or profile.criteria:
            doubt = f"The GGUF header has not been read; the name in it follows from “{architecture}”."
            return written, Confidence.MEDIUM, doubt
        return _alike(profile, by, architecture)
    # "gemma3" is the text model in a GGUF header and the vision model in a config: translate the former only.
    model_type = architecture_of_gguf(architecture).name if gguf == architecture else architecture
    if by == "model_type":
        return (model_type,), None, ""
    if hf_class:
        return (hf_class,), None, ""
    classes = architecture_of_model_type(model_type).classes_for(task)
    if classes:
        return classes, None, ""
    return _alike(profile, by, model_type)


def no_converter_takes(facts: VariantFacts) -> bool:
    """Whether this is an architecture of Transformers, and llama.cpp's converter has no case for its class.

    Models that see are left open: the converter goes by the class of their language part, which no record tells.
    """
    architecture, tables = architecture_of_model_type(facts.architecture or ""), read_tables()
    known = has_classes(architecture.name)
    sees = architecture.kind == "vision" or any(architecture.name in tables.classes[use] for use in _SEEING)
    told = architecture.classes_for(facts.task)
    if facts.hf_class:
        told = (facts.hf_class, *(told if facts.class_listed else ()))
    return known and not sees and bool(told) and not any(name in tables.gguf_of_class for name in told)


@lru_cache(maxsize=64)
def _spellings(profile: EngineProfile, by: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for group in profile.groups:
        if group.by == by and not group.refused and not group.derived:
            for name in sorted(group.names):
                key = _spelling(name)
                found[key] = tuple(dict.fromkeys((*found.get(key, ()), name)))
    return found


def _alike(profile: EngineProfile, by: str, model_type: str) -> tuple[tuple[str, ...], Confidence | None, str]:
    """Names of the engine that are spelled like a ``model_type`` which no table knows, as names to look up."""
    alike = _spellings(profile, by).get(_spelling(model_type), ()) if model_type else ()
    if not alike:
        return (), None, ""
    untold = "Its class is not told" if by == "class" else "The GGUF header has not been read"
    doubt = f"{untold}; {profile.name} has {_either(alike)}, which is spelled like “{model_type}”."
    return alike, Confidence.LOW, doubt


def runs_as_gguf(facts: VariantFacts, profile: EngineProfile) -> bool:
    """Whether an engine that is made for GGUF files runs a GGUF build of this model, whose files are something else."""
    likely = facts.format == TRANSFORMERS and facts.format_from.guessed
    if profile.formats[0].name != "gguf" or facts.format in ("gguf", None) or likely or facts.architecture is None:
        return False
    return _runs_as_gguf(profile, facts.architecture, facts.hf_class, facts.class_listed, facts.task)


def _runs_as_gguf(
    profile: EngineProfile, model_type: str, hf_class: str | None, class_listed: bool, task: str | None
) -> bool:
    if profile.formats[0].name != "gguf":
        return False
    architecture = architecture_of(model_type)
    names = architecture.gguf_names(hf_class)
    if class_listed:
        names = tuple(dict.fromkeys((*names, *architecture.gguf_names(None))))
    groups = [_group(profile, "gguf", name, "gguf", task) for name in names]
    return any(group and not group.refused and (task or "") in {"", *group.tasks} for group in groups)


def _group(profile: EngineProfile, by: str, name: str, format_: str | None, task: str | None) -> Group | None:
    """The group a name is in: the one that serves the task, else the first one for this format."""
    groups = [
        group
        for group in profile.groups_of(by, name)
        if not group.formats or format_ in group.formats or profile.format(format_ or "") is None
    ]
    if task is not None:
        for group in groups:
            if task in group.tasks and not group.refused:
                return group
    return groups[0] if groups else None


def _experts_hidden(architecture: str, gguf: str | None, profile: EngineProfile) -> bool:
    """Whether the ``model_type`` tells of experts that the GGUF name hides.

    llama.cpp writes "llama" into Mixtral files too. A vision model's GGUF holds its language part alone, so where the
    two names differ only mixture of experts counts.
    """
    if any(group.limit is Confidence.LOW for group in profile.groups_of("model_type", architecture)):
        return True
    if gguf is None:
        names = architecture_of(architecture).gguf_names(None) or (architecture,)
        gguf = names[0]
    told, hidden = architecture_of(architecture), architecture_of(gguf)
    return told.kind == "moe" and hidden.kind == "text" and architecture != gguf


def _spelling(name: str) -> str:
    """A class or model type without case, underscores and closing words: ``InternLM2ForCausalLM`` is ``internlm2``."""
    return _CLOSING_WORDS.sub("", re.sub(r"[-_.]", "", name.lower()))
