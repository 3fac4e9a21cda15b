"""Whether a log is of the model that it is held against: what the log tells of the model, beside what the record tells.

A log of another model is never compared as if it were right. Where nothing speaks against it and nothing proves it,
that is said: weights of one shape take the same memory, whoever trained them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from compat.architectures import architecture_of_model_type, is_gguf_name, model_types_of_gguf
from compat.catalogue.needs import shape_of_record
from compat.estimate.engine_names import LLAMA_FAMILY, engine_name
from compat.extraction.filenames import gguf_label
from compat.extraction.parameters import named_sizes
from compat.logs import Load
from compat.models import ModelRecord


class Same(StrEnum):
    """Whether a log is of this model."""

    YES = "yes"
    PERHAPS = "perhaps"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Match:
    """Whether a log is of this model, with the reason as a sentence."""

    same: Same
    sentence: str


_LEAST, _MOST = 0.75, 1.35
"""How many times the record's parameters a log's may be: counts leave out embeddings, towers or draft layers."""
_DRAFT_LAYERS = 3
"""Layers by which engines may count more or fewer: those that only guess ahead."""
_PACKED = re.compile(
    r"(?<![a-z0-9])(?:[2-8]-?bit|awq|gptq|exl[23]|fp8|int[48]|nvfp4|mxfp[48]|bnb|w[48]a(?:8|16)|autoround|dwq)(?![a-z0-9])"
)
"""Words of a name that tell that its weights are packed; files of GGUF tell it by themselves."""


def match_of(record: ModelRecord, load: Load) -> Match:
    """Whether ``load`` is of this record's model."""
    told = told_name(load)
    if told and told.lower() == record.repo_id.lower():
        return Match(Same.YES, f"The log names {record.repo_id}.")
    against = _against(record, load)
    if against:
        called = f" It calls its model “{told}”." if told else ""
        return Match(Same.NO, f"This log is of another model: {against}{called}")
    if not told and not load.architecture and load.layers is None:
        return Match(Same.PERHAPS, "The log does not say which model it loaded: it is compared as if it were this one.")
    if _named_alike(record, load):
        return Match(Same.YES, f"The log is of “{told or load.file}”.")
    return Match(
        Same.PERHAPS,
        f"The log calls its model “{told or load.architecture}”. Nothing in it contradicts {record.repo_id}, "
        "and nothing proves that it is the same.",
    )


def told_name(load: Load) -> str:
    """What the log calls its model, in the words that tell most; Ollama's file names are digests.

    A path in the Hub's cache is the repository that it names.
    """
    cached = _IN_CACHE.search(load.name)
    if cached:
        return cached[1].replace("--", "/", 1)
    file = "" if load.file.startswith("sha256-") else load.file
    return load.name if len(load.name) > 1 else file


_IN_CACHE = re.compile(r"(?:^|[/\\])models--([\w.-]{1,200})[/\\]{1,2}snapshots(?:[/\\]|$)")
"""``models--Qwen--Qwen3-8B/snapshots/…``: no name on the Hub holds two hyphens in a row."""


def _against(record: ModelRecord, load: Load) -> str:
    """What cannot be of one model, as a sentence; blank where nothing is."""
    shape = shape_of_record(record.shape_facts, record.parameters, record.name).shape
    mine = shape.model_type if shape is not None else None
    if load.architecture and mine and _is_other_architecture(load.architecture, mine):
        return f"its architecture is {load.architecture}, and this page's model is {mine}."
    if shape is not None and load.layers and shape.layers and abs(load.layers - shape.layers) > _DRAFT_LAYERS:
        return f"it has {load.layers} layers, and this page's model has {shape.layers}."
    if shape is not None and load.hidden and shape.hidden and load.hidden != shape.hidden:
        return f"its layers are {load.hidden:,} wide, and those of this page's model {shape.hidden:,}."
    count = load.parameters or _size_named(load)
    if engine_name(load.engine) not in LLAMA_FAMILY:
        return _against_packing(record, load, count)
    return _against_count(record, count)


def _against_packing(record: ModelRecord, load: Load, count: int | None) -> str:
    """Weights that are packed in another way are others, in safetensors: each packing is a model of its own."""
    named = told_name(load).rpartition("/")[2]
    theirs, mine = _packings(named), _packings(record.name)
    packed = bool(mine) or any(one.quantization for one in record.variants.all())
    if named and theirs != mine and (theirs or mine):
        return f"its weights are packed in another way (“{named}”). Compare it on the page of that model."
    if load.quantization and not packed:
        return f"its weights are packed ({load.quantization}), and those of this page's model are not."
    return _against_count(record, count)


def _packings(name: str) -> frozenset[str]:
    return frozenset(word.replace("-", "") for word in _PACKED.findall(name.lower()))


def _against_count(record: ModelRecord, count: int | None) -> str:
    if count and record.parameters and not _LEAST <= count / record.parameters <= _MOST:
        return f"it has {count / 1e9:.1f}B parameters, and this page's model {record.parameters / 1e9:.1f}B."
    return ""


def _size_named(load: Load) -> int | None:
    """The size in the name of a model; of a mixture, whose name tells several, none."""
    sizes = named_sizes(told_name(load).rpartition("/")[2])
    return sizes[0][1] if len(sizes) == 1 else None


def _is_other_architecture(told: str, mine: str) -> bool:
    """Whether a GGUF name is never written for this ``model_type``; of a class's name that is not known."""
    if not is_gguf_name(told) or told.endswith(("LM", "Generation", "Model")):
        return False
    types = {_bare(one) for one in model_types_of_gguf(told)}
    families = {architecture_of_model_type(one).family for one in model_types_of_gguf(told)}
    return _bare(mine) not in types and architecture_of_model_type(mine).family not in families


def _bare(model_type: str) -> str:
    return model_type.removesuffix("_text")


def _named_alike(record: ModelRecord, load: Load) -> bool:
    files = {name.rpartition("/")[2] for one in record.variants.all() for name in one.files}
    names = (told_name(load).rpartition("/")[2], load.name.rpartition("/")[2], load.name, load.file)
    return load.file in files or _letters(record.name) in {_letters(name) for name in names if name}


def _letters(name: str) -> str:
    """A model's name without its owner's spelling and without what tells the packing of a file."""
    label = gguf_label(name)
    if label is not None:
        name = name[: name.lower().rfind(label.lower())]
    name = name.lower().removesuffix(".gguf").removesuffix("-gguf").removesuffix("ud-")
    return "".join(letter for letter in name if letter.isalnum())
