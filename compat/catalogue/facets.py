"""Facets: what a list can be narrowed by, with the numbers that each choice would leave.

A facet is declared where its parameter is, as a field of :class:`~compat.catalogue.question.Question`; the index,
pages, API and counts iterate :data:`FACETS`, which is read off that declaration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TypeVar

from compat.catalogue.columns import Facet, Range, VerdictColumn
from compat.catalogue.question import CONFIDENCES, Question

SHOWN_AT_FIRST = 6
SHOWN_AT_MOST = 40


Declared = TypeVar("Declared", Facet, Range)


def _declared(kind: type[Declared]) -> list[Declared]:
    fields = Question.model_fields.items()
    return [replace(told, name=name) for name, field in fields for told in field.metadata if isinstance(told, kind)]


FACETS: tuple[Facet, ...] = tuple(sorted(_declared(Facet), key=lambda facet: facet.place))
"""Every facet, in the order in which pages show them."""
RANGES: tuple[Range, ...] = tuple(_declared(Range))
"""Every bound of a number, in the order of the declaration."""


def chosen_values(criteria: Question, name: str) -> tuple[str, ...]:
    """The values of a facet that a question asks for."""
    value = getattr(criteria, name)
    return value if isinstance(value, tuple) else (value,) if value else ()


@dataclass(frozen=True, slots=True)
class FacetValue:
    """One choice of a facet of a question: what it is called, how many models it leaves, and whether it is taken."""

    value: str
    label: str
    count: int
    selected: bool
    facet: str
    asked: Question

    @property
    def query(self) -> str:
        """The question that it leads to. Only a page that makes links of its choices asks for it."""
        return self.asked.toggled(self.facet, self.value).query()


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


def view_of(facet: Facet, counts: Mapping[str, int], criteria: Question) -> FacetView:
    """A facet's counts as choices, each with the question it leads to."""
    taken = chosen_values(criteria, facet.name)
    # The most frequent first; those that are as frequent keep the order of their names.
    found = sorted(sorted(counts.items()), key=itemgetter(1), reverse=True)
    if isinstance(facet.column, VerdictColumn):
        found.sort(key=lambda item: CONFIDENCES.index(item[0]))
    keep: list[tuple[str, int]] = []
    for value, n in found:
        if value in taken or (len(keep) < SHOWN_AT_MOST and facet.shown(value)):
            keep.append((value, n))
    keep += [(value, 0) for value in taken if value not in counts]
    return FacetView(
        facet.name,
        facet.label,
        tuple(FacetValue(value, facet.word(value), n, value in taken, facet.name, criteria) for value, n in keep),
    )


def facet_views(counts: Mapping[str, Mapping[str, int]], criteria: Question) -> list[FacetView]:
    """The facets with their choices, in their order; those without any are left out."""
    made = (view_of(facet, counts[facet.name], criteria) for facet in FACETS)
    return [view for view in made if view.values]
