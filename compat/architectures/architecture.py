"""One architecture with all that the tables say of it, found by equality under any name that a record or a file tells.

Records often tell only ``model_type`` while an engine goes by the class in ``architectures[]`` or by the name in a GGUF
header; :class:`Architecture` leads from one to the other exactly, or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from compat.architectures.layers import LayerStructure
from compat.architectures.tables import Entry, Place, read_tables

KIND_WORDS = {
    "text": "text model",
    "moe": "mixture-of-experts model",
    "vision": "vision model",
    "audio": "audio model",
    "embed": "embedding model",
    "newer": "different design",
    "other": "model",
}
"""What a kind is called in sentences; ``other`` is the kind of what stands in no family."""

_TABLES_BY_USE = {
    "text": ("causal", "vision", "multimodal", "seq2seq"),
    "vision": ("vision", "multimodal", "causal"),
    "embed": ("base", "causal", "masked"),
    "classify": ("sequence_classification", "token_classification"),
    "speech": ("speech", "multimodal", "vision"),
}
EXTRACTIVE = "question-answering"
"""What encoders do by marking words of a text, and models that write by writing."""
_TASK_USE = {
    "text-generation": "text",
    "conversational": "text",
    "text2text-generation": "text",
    "summarization": "text",
    "translation": "text",
    EXTRACTIVE: "text",
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
_REWRITING = frozenset({"text2text-generation", "summarization", "translation"})
"""Tasks of models that have an encoder and a decoder, where there are such of an architecture."""
IMAGE_TASKS = frozenset(task for task, use in _TASK_USE.items() if use == "vision")
AUDIO_TASKS = frozenset(task for task, use in _TASK_USE.items() if use == "speech")


@dataclass(frozen=True, slots=True)
class Architecture:
    """What is known of one architecture.

    ``name`` is its ``model_type``, or what was asked for where the tables do not list it. ``family`` groups relatives
    (``qwen`` for ``qwen3_moe``), ``label`` is the family's name for people, ``kind`` a key of :data:`KIND_WORDS`.
    ``gguf_name`` is the ``general.architecture`` that converters write for it, where its own entry says so.
    ``layers`` is None where the structure is not known; ``mixture``: a mixture of experts; ``dense``: surely none;
    ``plain_attention``: every layer has four plain attention matrices; ``made_in``: the packing that its weights are
    made in, empty where they are plain; ``reads_more_than_text``: its models take images
    or sound beside text.
    Classes and all GGUF names depend on more than the architecture: :meth:`classes_for`, :meth:`gguf_names`.
    """

    name: str
    family: str
    label: str
    kind: str
    gguf_name: str | None = None
    layers: LayerStructure | None = None
    mixture: bool = False
    dense: bool = False
    plain_attention: bool = False
    made_in: str = ""
    reads_more_than_text: bool = False

    @property
    def reads_only_text(self) -> bool:
        """Whether its models are known to take text alone; an unlisted architecture is not known to."""
        known = self.kind in ("text", "moe") or self.name in read_tables().classes["causal"]
        return known and not self.reads_more_than_text

    @property
    def marks_answers(self) -> bool:
        """Whether it answers questions by marking words of a text, as encoders do that cannot write."""
        reads = self.name in read_tables().classes["masked"]
        return self.kind == "embed" or (reads and self.kind not in ("text", "moe"))

    def classes_for(self, task: str | None) -> tuple[str, ...]:
        """The classes its ``config.json`` may name for this task, likeliest first; empty if none is known."""
        return _classes_for(self.name, task)

    def is_bare(self, hf_class: str) -> bool:
        """Whether this class is its model without an output layer, as ``LlamaModel`` is, and nothing else."""
        tables = read_tables().classes
        return [use for use in tables if hf_class in _classes_in(use, self.name)] == ["base"]

    def gguf_names(self, hf_class: str | None) -> tuple[str, ...]:
        """The names a converter may write into its GGUF files, given the class where it is told; empty if not known."""
        if self.gguf_name:
            return (self.gguf_name,)
        classes = (hf_class,) if hf_class else (*self.classes_for("text-generation"), *self.classes_for(None))
        written = read_tables().gguf_of_class
        return tuple(dict.fromkeys(written[name] for name in classes if name in written))


def architecture_of(name: str) -> Architecture:
    """The architecture of an exact ``model_type``, else GGUF name; an unlisted one is a family of its own."""
    tables = read_tables()
    return _joined(name if name in tables.entries else tables.by_gguf.get(name, name))


def architecture_of_model_type(name: str) -> Architecture:
    """The architecture of an exact ``model_type``; a name that is only a GGUF name is not listed as one."""
    return _joined(name)


def architecture_of_gguf(name: str) -> Architecture:
    """The architecture of a GGUF header's name. ``gemma3`` is the text model there, the vision model in a config."""
    return _joined(read_tables().by_gguf.get(name, name))


@lru_cache(maxsize=1024)
def model_types_of_gguf(name: str) -> frozenset[str]:
    """Every ``model_type`` whose files may have this name in their header: ``llama`` is written for Mistral as well."""
    tables = read_tables()
    listed = dict.fromkeys([*tables.entries, *tables.places, *(one for use in tables.classes.values() for one in use)])
    found = frozenset(one for one in listed if name in _joined(one).gguf_names(None))
    return found or frozenset({name})


def is_listed(name: str) -> bool:
    """Whether this is a ``model_type`` of a family, or a GGUF name of the tables."""
    tables = read_tables()
    return name in tables.by_gguf or (name in tables.places and tables.places[name].kind != "other")


def is_gguf_name(name: str) -> bool:
    """Whether a GGUF header may hold this name; one that only a ``config.json`` holds is none."""
    tables = read_tables()
    return name in tables.by_gguf or name in tables.gguf_of_class.values() or name not in tables.places


def family_label(family: str) -> str:
    """The family's name for people, such as ``Llama``; an unlisted family is shown by its own name."""
    return read_tables().labels.get(family, family)


def _classes_in(use: str, model_type: str) -> tuple[str, ...]:
    """The classes that one of the tables names for a ``model_type``; empty if none."""
    found = read_tables().classes[use].get(model_type, ())
    return (found,) if isinstance(found, str) else tuple(found)


def has_classes(model_type: str) -> bool:
    """Whether Transformers has a class of its own for a ``model_type``."""
    return any(model_type in table for table in read_tables().classes.values())


def types_of_class(hf_class: str) -> frozenset[str]:
    """Every ``model_type`` that Transformers has this class for; empty for a class that it does not have."""
    return _types_by_class().get(hf_class, frozenset())


@cache
def types_with_own_class(hf_class: str) -> frozenset[str]:
    """Every ``model_type`` whose repositories bring this class, or spell it so, instead of Transformers'."""
    return frozenset(name for name, entry in read_tables().entries.items() if entry.hf_class == hf_class)


@cache
def _types_by_class() -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for use, table in read_tables().classes.items():
        for model_type in table:
            for hf_class in _classes_in(use, model_type):
                found.setdefault(hf_class, set()).add(model_type)
    return {hf_class: frozenset(types) for hf_class, types in found.items()}


@lru_cache(maxsize=8192)
def _joined(model_type: str) -> Architecture:
    tables = read_tables()
    place = tables.places.get(model_type) or Place(model_type, model_type, "other")
    entry = tables.entries.get(model_type) or Entry()
    return Architecture(
        name=model_type,
        family=place.family,
        label=place.label,
        kind=place.kind,
        gguf_name=entry.gguf or entry.written_as,
        layers=entry.layers,
        mixture=entry.experts or place.kind == "moe",
        dense=entry.dense or (place.kind == "text" and not entry.experts),
        plain_attention=entry.plain_attention,
        made_in=entry.made_in,
        reads_more_than_text=place.kind in ("vision", "audio")
        or any(model_type in tables.classes[use] for use in ("vision", "multimodal", "speech")),
    )


@lru_cache(maxsize=8192)
def _classes_for(model_type: str, task: str | None) -> tuple[str, ...]:
    tables = read_tables()
    entry = tables.entries.get(model_type)
    if entry and entry.hf_class:
        return (entry.hf_class,)
    architecture = _joined(model_type)
    use = _TASK_USE.get(task or "") or _usual_use(architecture)
    if task == EXTRACTIVE and architecture.marks_answers:
        use = "embed"
    found: dict[str, None] = {}
    tables_of_use = _TABLES_BY_USE.get(use, ())
    if task in _REWRITING:
        tables_of_use = tuple(sorted(tables_of_use, key=lambda table: table != "seq2seq"))
    for table in tables_of_use:
        found.update(dict.fromkeys(_classes_in(table, model_type)))
    if found and entry:
        found.update(dict.fromkeys(entry.also_class))
    return tuple(found)


def _usual_use(architecture: Architecture) -> str:
    """What its models are mostly for, where the record names no task."""
    name, classes = architecture.name, read_tables().classes
    if architecture.kind == "embed":
        return "embed"
    if name in classes["speech"]:
        return "speech"
    if name in classes["vision"]:
        return "vision"
    if name in classes["masked"]:
        return "embed"
    return "text" if name in classes["causal"] or name in classes["seq2seq"] else "embed"
