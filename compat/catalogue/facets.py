"""Facets: what a list can be narrowed by. One declaration each, which the index, pages, API and counts iterate.

To add one, add a :class:`Facet` to :data:`FACETS`: it says in which column its values stand, and what they are called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from compat.architectures import architecture_of, family_label
from compat.catalogue.question import CONFIDENCES, GATED, Criteria
from compat.extraction.extract import format_label
from compat.extraction.facts import VariantFacts
from compat.extraction.languages import language_label
from compat.extraction.task import task_label
from compat.models import RecordLanguage
from compat.rules import Confidence

SHOWN_AT_FIRST = 6
SHOWN_AT_MOST = 40


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
class VerdictColumn:
    """The verdict on the worker that is asked about, which is in no column of the record."""


@dataclass(frozen=True, slots=True)
class Facet:
    """One way to narrow: the parameter's name, its label, where a record's values stand, what a value is called.

    ``shown`` says whether a value is offered as a choice, given the values that are taken.
    """

    name: str
    label: str
    column: RecordColumn | SheetColumns | BesideColumn | VerdictColumn
    word: Callable[[str], str] = str
    shown: Callable[[str], bool] = lambda _: True


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


def _quantizations(facts: list[dict[str, Any]]) -> tuple[str, ...]:
    told = (VariantFacts.from_json(fact).quantization for fact in facts)
    return tuple(dict.fromkeys(name[:40] for name in told if name))


FACETS: tuple[Facet, ...] = (
    Facet("confidence", "Verdict", VerdictColumn(), lambda value: Confidence[value.upper()].badge),
    Facet(
        "architecture",
        "Architecture",
        SheetColumns(("family", "architecture")),
        family_label,
        # A model_type is offered among the families only where it is taken.
        shown=lambda value: architecture_of(value).family == value,
    ),
    Facet("format", "Format", SheetColumns(("formats",), lambda formats: tuple(formats.split())), format_label),
    Facet("task", "Task", SheetColumns(("task",)), task_label),
    Facet("license", "Licence", RecordColumn("license"), license_label),
    Facet(
        "gated",
        "Access",
        SheetColumns(("gated",), lambda gated: ("true" if gated else "false",)),
        GATED.__getitem__,
    ),
    Facet("quantization", "Quantization", SheetColumns(("facts",), _quantizations)),
    Facet("language", "Language", BesideColumn(RecordLanguage, "code"), language_label),
)
"""Every facet, in the order in which pages show them."""


def wanted(criteria: Criteria, name: str) -> tuple[str, ...]:
    """The values of a facet that a question asks for."""
    value = getattr(criteria, name)
    return value if isinstance(value, tuple) else (value,) if value else ()


@dataclass(frozen=True, slots=True)
class FacetValue:
    """One choice: what it is called, how many models it leaves, whether it is taken, and the question it leads to."""

    value: str
    label: str
    count: int
    selected: bool
    query: str


@dataclass(frozen=True, slots=True)
class FacetView:
    """A facet with its choices, the most frequent first, those taken always among them."""

    name: str
    label: str
    values: tuple[FacetValue, ...]

    @property
    def first(self) -> tuple[FacetValue, ...]:
        """The choices shown at once: the most frequent and all that are taken."""
        return tuple(v for i, v in enumerate(self.values) if i < SHOWN_AT_FIRST or v.selected)

    @property
    def rest(self) -> tuple[FacetValue, ...]:
        """The choices behind "more"."""
        return tuple(v for i, v in enumerate(self.values) if i >= SHOWN_AT_FIRST and not v.selected)

    @property
    def taken(self) -> int:
        """How many choices are taken."""
        return sum(value.selected for value in self.values)


def view_of(facet: Facet, counts: Mapping[str, int], criteria: Criteria) -> FacetView:
    """A facet's counts as choices, each with the question it leads to."""
    taken = wanted(criteria, facet.name)
    offered = ((value, n) for value, n in counts.items() if value in taken or facet.shown(value))
    found = sorted(offered, key=lambda item: (-item[1], item[0]))
    if isinstance(facet.column, VerdictColumn):
        found.sort(key=lambda item: CONFIDENCES.index(item[0]))
    keep = [item for i, item in enumerate(found) if i < SHOWN_AT_MOST or item[0] in taken]
    keep += [(value, 0) for value in taken if value not in counts]
    return FacetView(
        facet.name,
        facet.label,
        tuple(
            FacetValue(value, facet.word(value), n, value in taken, criteria.toggled(facet.name, value).query())
            for value, n in keep
        ),
    )


def views(counts: Mapping[str, Mapping[str, int]], criteria: Criteria) -> list[FacetView]:
    """The facets with their choices, in their order; those without any are left out."""
    made = (view_of(facet, counts[facet.name], criteria) for facet in FACETS)
    return [view for view in made if view.values]
