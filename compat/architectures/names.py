"""From one name space to another: ``model_type`` to class to GGUF name, exactly, or not at all.

Records often tell only ``model_type`` while an engine goes by the class in ``architectures[]`` or by the
name in a
GGUF header. The tables here are generated from Transformers' auto classes and llama.cpp's converter; a
handful of
model types whose code lives in their own repositories are in ``families.toml``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from compat.architectures import families

_TABLES_BY_USE = {
    "text": ("causal", "vision", "multimodal", "seq2seq"),
    "vision": ("vision", "multimodal", "causal"),
    "embed": ("base", "causal", "masked"),
    "classify": ("sequence_classification", "token_classification"),
    "speech": ("speech", "multimodal", "vision"),
}
_TASK_USE = {
    "text-generation": "text",
    "conversational": "text",
    "text2text-generation": "text",
    "summarization": "text",
    "translation": "text",
    "question-answering": "text",
    "image-text-to-text": "vision",
    "image-to-text": "vision",
    "visual-question-answering": "vision",
    "document-question-answering": "vision",
    "video-text-to-text": "vision",
    "any-to-any": "vision",
    "feature-extraction": "embed",
    "sentence-similarity": "embed",
    "fill-mask": "embed",
    "text-ranking": "classify",
    "text-classification": "classify",
    "token-classification": "classify",
    "automatic-speech-recognition": "speech",
    "audio-text-to-text": "speech",
}
IMAGE_TASKS = frozenset(task for task, use in _TASK_USE.items() if use == "vision")
AUDIO_TASKS = frozenset(task for task, use in _TASK_USE.items() if use == "speech")
_SUFFIX = re.compile(r"(forcausallm|forconditionalgeneration|lmheadmodel|forquestionanswering|model)$")


@cache
def _tables() -> Mapping[str, Mapping[str, Any]]:
    text = resources.files("compat.architectures").joinpath("names.toml").read_text("utf-8")
    return {key: value for key, value in tomllib.loads(text).items() if isinstance(value, dict)}


@cache
def _converts() -> Mapping[str, str]:
    text = resources.files("compat.engines").joinpath("profiles", "llama-cpp.lists.toml").read_text("utf-8")
    found: dict[str, str] = tomllib.loads(text)["converts"]
    return found


def reads_more_than_text(model_type: str) -> bool:
    """Whether models of this type take images or sound beside text."""
    if families.kin_of(model_type).kind in ("vision", "audio"):
        return True
    tables = _tables()
    return any(model_type in tables[name] for name in ("vision", "multimodal", "speech"))


def reads_only_text(model_type: str) -> bool:
    """Whether models of this type are known to take text alone; an unknown type is not known to."""
    known = families.kin_of(model_type).kind in ("text", "moe") or model_type in _tables()["causal"]
    return known and not reads_more_than_text(model_type)


@lru_cache(maxsize=8192)
def classes_of(model_type: str, task: str | None) -> tuple[str, ...]:
    """The classes a ``config.json`` of this type may name for this task, likeliest first; empty if none is
    known.
    """
    told = families.class_of(model_type)
    if told:
        return (told,)
    tables = _tables()
    use = _TASK_USE.get(task or "") or _usual_use(model_type, tables)
    found: dict[str, None] = {}
    for table in _TABLES_BY_USE.get(use, ()):
        value = tables[table].get(model_type, ())
        found.update(dict.fromkeys((value,) if isinstance(value, str) else value))
    return tuple(found)


def _usual_use(model_type: str, tables: Mapping[str, Mapping[str, Any]]) -> str:
    """What models of this type are mostly for, where the record names no task."""
    if families.kin_of(model_type).kind == "embed":
        return "embed"
    if model_type in tables["speech"]:
        return "speech"
    if model_type in tables["vision"]:
        return "vision"
    if model_type in tables["masked"]:
        return "embed"
    return "text" if model_type in tables["causal"] or model_type in tables["seq2seq"] else "embed"


@lru_cache(maxsize=8192)
def gguf_names(model_type: str, hf_class: str | None) -> tuple[str, ...]:
    """The names a converter may write into the GGUF files of such a model; empty if none is known."""
    if families.is_gguf_name(model_type):
        return (model_type,)
    written = families.written_gguf_name(model_type)
    if written:
        return (written,)
    uses = ("text-generation", None)
    classes = (hf_class,) if hf_class else tuple(name for use in uses for name in classes_of(model_type, use))
    return tuple(dict.fromkeys(_converts()[name] for name in classes if name in _converts()))


def plain(name: str) -> str:
    """A class or model type without case, underscores and closing words: ``InternLM2ForCausalLM`` is
    ``internlm2``.
    """
    return _SUFFIX.sub("", re.sub(r"[-_.]", "", name.lower()))
