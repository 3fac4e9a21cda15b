"""Reads the tables of this folder, strictly: whatever is wrong is said with file, field and what is expected there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from compat.architectures.id_patterns import IdPatterns
from compat.architectures.layers import LayerStructure
from compat.strict_data import DataError, Name, StrictTable, Table, check_table, parse_json, parse_toml, read_text

Kind = Literal["text", "moe", "vision", "audio", "embed", "newer"]
ClassTable = Mapping[str, str | list[str]]
_FOLDER = resources.files(__package__)


class Entry(StrictTable):
    """One line of ``architectures.toml``; its head says what each field means."""

    gguf: Name | None = None
    written_as: Name | None = None
    hf_class: Name | None = Field(None, alias="class")
    also_class: list[Name] = []
    layers: LayerStructure | None = None
    experts: bool = False
    dense: bool = False
    plain_attention: bool = False
    made_in: str = ""
    name_begins: list[Name] = []
    name_begins_with_experts: list[Name] = []


class _MemberEntry(Entry):
    kind: Kind


class _Family(StrictTable):
    label: Name
    types: dict[str, _MemberEntry]


class _Architectures(StrictTable):
    hints_nothing: list[Name]
    families: dict[str, _Family]
    others: dict[str, Entry]


class _Names(StrictTable):
    """Classes by ``model_type``, a table for each auto class of Transformers."""

    generated_from: str
    causal: dict[str, str | list[str]]
    vision: dict[str, str | list[str]]
    multimodal: dict[str, str | list[str]]
    seq2seq: dict[str, str | list[str]]
    speech: dict[str, str | list[str]]
    masked: dict[str, str | list[str]]
    sequence_classification: dict[str, str | list[str]]
    token_classification: dict[str, str | list[str]]
    base: dict[str, str | list[str]]


class _GgufNames(StrictTable):
    generated_from: str
    classes: dict[str, Name]


class KnownShape(StrictTable):
    """A well-known model: its id and other names, and what its ``config.json`` says of its dimensions.

    ``parameters`` is given where the dimensions alone do not count them; ``partial`` where the configuration leaves
    something out.
    """

    id: Name
    config: dict[str, Any]
    parameters: int | None = None
    also: list[Name] = []
    partial: bool = False


class KnownModel(StrictTable):
    """Facts of well-known repositories that their records may leave out; the head of ``known_models.toml`` explains."""

    ids: list[Name] = Field(min_length=1)
    model_type: Name = Field(alias="type")
    context: Annotated[int, Field(ge=1)] | None = None
    weights: Literal["transformers", "safetensors", "pytorch", "adapter"] | None = None
    bits: Literal[8] | None = None


class _KnownModels(StrictTable):
    models: list[KnownModel]

    @model_validator(mode="after")
    def _differ(self) -> Self:
        ids = [pattern for model in self.models for pattern in model.ids]
        if len(ids) != len(set(ids)):
            raise ValueError(f"ids: {next(one for one in ids if ids.count(one) > 1)} stands there twice")
        return self


class _KnownShapes(StrictTable):
    source: str
    models: list[KnownShape]

    @model_validator(mode="after")
    def _differ(self) -> Self:
        seen: dict[str, int] = {}
        for number, model in enumerate(self.models, 1):
            first = seen.setdefault(model.id.lower(), number)
            if first != number:
                raise ValueError(f"models {number} ({model.id}): id is that of entry {first}")
        return self


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry stands: the family and its label (the entry's own name without one), and the kind."""

    family: str
    label: str
    kind: str


@dataclass(frozen=True, slots=True)
class Tables:
    """All tables, joined by name.

    ``entries`` and ``places`` are by ``model_type``. ``by_gguf`` leads from a GGUF name to the ``model_type``,
    ``labels`` from a family to its label, ``hints`` from the first words of a name to a ``model_type``, the longest
    first, for names that tell of a mixture of experts and for those that do not; words of ``hints_nothing`` undo a
    hint. ``classes`` has the classes of a ``model_type`` for each of Transformers' auto classes, ``gguf_of_class`` what
    llama.cpp's converter writes for a class.
    """

    entries: Mapping[str, Entry]
    places: Mapping[str, Place]
    by_gguf: Mapping[str, str]
    labels: Mapping[str, str]
    hints: Mapping[bool, Mapping[tuple[str, ...], str]]
    hints_nothing: frozenset[str]
    classes: Mapping[str, ClassTable]
    gguf_of_class: Mapping[str, str]


def _read(model: type[Table], filename: str) -> Table:
    text = read_text(_FOLDER.joinpath(filename))
    return check_table(model, (parse_toml if filename.endswith(".toml") else parse_json)(text, filename), filename)


@cache
def read_tables() -> Tables:
    """The tables of ``model_type``, class and GGUF names; raises :class:`DataError`. Read once a process."""
    told = _read(_Architectures, "architectures.toml")
    entries: dict[str, Entry] = {}
    places: dict[str, Place] = {}
    for family, row in told.families.items():
        for name, member in row.types.items():
            _put(entries, name, member)
            places[name] = Place(family, row.label, member.kind)
    for name, entry in told.others.items():
        _put(entries, name, entry)
        places[name] = Place(name, name, "other")
    names = _read(_Names, "names.toml")
    return Tables(
        entries=entries,
        places=places,
        by_gguf=_gguf_names(entries),
        labels={family: row.label for family, row in told.families.items()},
        hints=_hints(entries),
        hints_nothing=frozenset(told.hints_nothing),
        classes={key: getattr(names, key) for key in _Names.model_fields if key != "generated_from"},
        gguf_of_class=_read(_GgufNames, "gguf_names.toml").classes,
    )


def _put(entries: dict[str, Entry], name: str, entry: Entry) -> None:
    if name in entries:
        raise DataError(f"architectures.toml: {name} stands there twice")
    if entry.gguf and entry.written_as:
        raise DataError(f"architectures.toml: {name} has both gguf and written_as: only one of them is written")
    entries[name] = entry


def _gguf_names(entries: Mapping[str, Entry]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, entry in entries.items():
        if entry.gguf and found.setdefault(entry.gguf, name) != name:
            raise DataError(
                f"architectures.toml: {found[entry.gguf]} and {name} have the same gguf, {entry.gguf!r}: a header with "
                "it can mean only one; say written_as in the other"
            )
    return found


def _hints(entries: Mapping[str, Entry]) -> Mapping[bool, Mapping[tuple[str, ...], str]]:
    return {
        experts: _longest_first({name: getattr(entry, field) for name, entry in entries.items()}, field)
        for experts, field in ((False, "name_begins"), (True, "name_begins_with_experts"))
    }


def _longest_first(starts: Mapping[str, list[str]], field: str) -> Mapping[tuple[str, ...], str]:
    found: dict[tuple[str, ...], str] = {}
    for name, texts in starts.items():
        for words in texts:
            if found.setdefault(tuple(words.split()), name) != name:
                raise DataError(f"architectures.toml: {name} has {field} {words!r}, which stands there twice")
    return dict(sorted(found.items(), key=lambda hint: -len(hint[0])))


@cache
def known_models() -> IdPatterns[KnownModel]:
    """The well-known repositories by their ids; raises :class:`DataError`. Read once a process."""
    told = _read(_KnownModels, "known_models.toml").models
    return IdPatterns((pattern, model) for model in told for pattern in model.ids)


def known_model(repo_id: str) -> KnownModel | None:
    """What is known of a repository by its id; None where nothing is. Raises :class:`DataError`."""
    return known_models().find(repo_id)


@cache
def known_shapes() -> tuple[KnownShape, ...]:
    """The well-known models whose shapes are published; raises :class:`DataError`. Read once a process."""
    return tuple(_read(_KnownShapes, "known_shapes.json").models)
