"""Reads the tables of this folder, strictly: whatever is wrong is said with file, field and what is expected there."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from compat.architectures.layers import LayerStructure

Kind = Literal["text", "moe", "vision", "audio", "embed", "newer"]
ClassTable = Mapping[str, str | list[str]]
_FOLDER = resources.files(__package__)
_Name = Annotated[str, StringConstraints(min_length=1)]


class TableError(ValueError):
    """A table is wrong; the message names the file, the field and what is expected there."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Entry(_Strict):
    """One line of ``architectures.toml``; its head says what each field means."""

    gguf: _Name | None = None
    written_as: _Name | None = None
    hf_class: _Name | None = Field(None, alias="class")
    layers: LayerStructure | None = None
    experts: bool = False
    plain_attention: bool = False
    name_begins: list[_Name] = []


class _MemberEntry(Entry):
    kind: Kind


class _Family(_Strict):
    label: _Name
    types: dict[str, _MemberEntry]


class _Architectures(_Strict):
    hints_nothing: list[_Name]
    families: dict[str, _Family]
    others: dict[str, Entry]


class _Names(_Strict):
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


class _GgufNames(_Strict):
    generated_from: str
    classes: dict[str, _Name]


class KnownShape(_Strict):
    """A well-known model: its id and other names, and what its ``config.json`` says of its dimensions.

    ``parameters`` is given where the dimensions alone do not count them; ``partial`` where the configuration leaves
    something out.
    """

    id: _Name
    config: dict[str, Any]
    parameters: int | None = None
    also: list[_Name] = []
    partial: bool = False


class _KnownShapes(_Strict):
    source: str
    models: list[KnownShape]


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
    first; words of ``hints_nothing`` undo a hint. ``classes`` has the classes of a ``model_type`` for each of
    Transformers' auto classes, ``gguf_of_class`` what llama.cpp's converter writes for a class.
    """

    entries: Mapping[str, Entry]
    places: Mapping[str, Place]
    by_gguf: Mapping[str, str]
    labels: Mapping[str, str]
    hints: tuple[tuple[tuple[str, ...], str], ...]
    hints_nothing: frozenset[str]
    classes: Mapping[str, ClassTable]
    gguf_of_class: Mapping[str, str]


Model = TypeVar("Model", bound=BaseModel)


def _read(model: type[Model], filename: str) -> Model:
    text = _FOLDER.joinpath(filename).read_text("utf-8")
    try:
        data: Any = tomllib.loads(text) if filename.endswith(".toml") else json.loads(text)
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise TableError(f"{filename}: {'.'.join(map(str, first['loc']))} {_problem(first)}") from None
    except ValueError as error:  # what both parsers raise
        raise TableError(f"{filename}: cannot be read: {error}") from None


def _problem(error: Mapping[str, Any]) -> str:
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return "is not a field here"
    if error["type"] == "missing":
        return "is missing"
    return f"is {error['input']!r}: {error['msg'][:1].lower()}{error['msg'][1:]}"


@cache
def read_tables() -> Tables:
    """The tables of ``model_type``, class and GGUF names; raises :class:`TableError`. Read once a process."""
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
        raise TableError(f"architectures.toml: {name} stands there twice")
    if entry.gguf and entry.written_as:
        raise TableError(f"architectures.toml: {name} has both gguf and written_as: only one of them is written")
    entries[name] = entry


def _gguf_names(entries: Mapping[str, Entry]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, entry in entries.items():
        if entry.gguf and found.setdefault(entry.gguf, name) != name:
            raise TableError(
                f"architectures.toml: {found[entry.gguf]} and {name} have the same gguf, {entry.gguf!r}: a header with "
                "it can mean only one; say written_as in the other"
            )
    return found


def _hints(entries: Mapping[str, Entry]) -> tuple[tuple[tuple[str, ...], str], ...]:
    found: dict[tuple[str, ...], str] = {}
    for name, entry in entries.items():
        for words in entry.name_begins:
            if found.setdefault(tuple(words.split()), name) != name:
                raise TableError(f"architectures.toml: {name} has name_begins {words!r}, which stands there twice")
    return tuple(sorted(found.items(), key=lambda hint: -len(hint[0])))


@cache
def known_shapes() -> tuple[KnownShape, ...]:
    """The well-known models whose shapes are published; raises :class:`TableError`. Read once a process."""
    return tuple(_read(_KnownShapes, "known_shapes.json").models)
