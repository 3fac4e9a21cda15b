"""Where the values of a facet stand: in a column of the record, of its fact sheet, or of a table beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from compat.extraction.facts import VariantFacts


@dataclass(frozen=True, slots=True)
class RecordColumn:
    """A column of the record itself; ``read`` makes the facet's values of what it holds."""

    name: str
    read: Callable[[Any], tuple[str, ...]] = lambda value: (value,) if value else ()


@dataclass(frozen=True, slots=True)
class SheetColumns:
    """Columns of the fact sheet that the record shares with others; ``read`` makes the facet's values of them."""

    names: tuple[str, ...]
    read: Callable[..., tuple[str, ...]] = lambda *values: tuple(dict.fromkeys(filter(None, values)))


@dataclass(frozen=True, slots=True)
class BesideColumn:
    """A column of a table beside the records, of which a record may have several rows."""

    model: type[Model]
    name: str


@dataclass(frozen=True, slots=True)
class MadeColumn:
    """No column: made of several of the record, and of its tags, a line each, when an index is built.

    ``read`` gets the columns in the order of ``names``, and the tags last.
    """

    names: tuple[str, ...]
    read: Callable[..., tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class VerdictColumn:
    """The verdict on the worker that is asked about, which is in no column of the record."""


@dataclass(frozen=True, slots=True)
class Facet:
    """One way to narrow, as a field of :class:`~compat.catalogue.question.Question` declares it.

    ``label`` is what it is called, ``column`` where a record's values stand, ``word`` what a value is called. ``place``
    orders the facets on a page. ``shown`` says whether a value that is not taken is offered as a choice. ``name`` is
    the parameter's, taken from the field.
    """

    label: str
    column: RecordColumn | SheetColumns | BesideColumn | MadeColumn | VerdictColumn
    word: Callable[[str], str] = str
    place: int = 99
    shown: Callable[[str], bool] = lambda _: True
    name: str = ""


@dataclass(frozen=True, slots=True)
class Range:
    """One bound of a number of the record, as a field of :class:`~compat.catalogue.question.Question` declares it.

    ``column`` is the record's, which must hold whole numbers; ``least`` says whether the value asked for is the least
    or the most; ``words`` calls the bound on a chip. ``scale`` is what one of the value asked for stands for: 10**9
    where people ask in billions. A record that does not tell the number passes no bound. ``name`` is taken from the
    field.
    """

    column: str
    least: bool
    words: Callable[[float], str]
    scale: int = 1
    name: str = ""


def quantizations_of(facts: list[dict[str, Any]]) -> tuple[str, ...]:
    """The quantizations of a fact sheet's variants."""
    told = (VariantFacts.from_json(fact).quantization for fact in facts)
    return tuple(dict.fromkeys(name[:40] for name in told if name))


def license_label(value: str) -> str:
    """A licence as written, but for the common ones' proper names."""
    return _LICENSES.get(value, value)


_LICENSES = {
    "apache-2.0": "Apache 2.0",
    "mit": "MIT",
    "cc-by-nc-4.0": "CC BY-NC 4.0",
    "cc-by-4.0": "CC BY 4.0",
    "cc-by-sa-4.0": "CC BY-SA 4.0",
    "cc-by-nc-sa-4.0": "CC BY-NC-SA 4.0",
    "gpl-3.0": "GPL 3.0",
    "agpl-3.0": "AGPL 3.0",
    "bsd-3-clause": "BSD 3-Clause",
    "llama2": "Llama 2",
    "llama3": "Llama 3",
    "llama3.1": "Llama 3.1",
    "llama3.2": "Llama 3.2",
    "llama3.3": "Llama 3.3",
    "llama4": "Llama 4",
    "gemma": "Gemma terms",
    "other": "Other",
    "unknown": "Stated as unknown",
}
