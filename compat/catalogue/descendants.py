"""What was made from a model, by its kind: fine-tunes, merges, adapters, other packings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from compat.catalogue.index import CatalogueIndex
from compat.catalogue.index_columns import Column
from compat.catalogue.order import ORDERS
from compat.catalogue.rows import Row
from compat.extraction.relatives import CONVERTED, RELATION_KINDS
from compat.models import RecordRelation
from compat.models.composed import ComposedQuery

MOST_OF_A_KIND = 5
"""So many of each kind stand on a model's page; a list shows all."""


@dataclass(frozen=True, slots=True)
class Descendants:
    """The repositories that say they are of one ``kind`` of a model: how many, and the best known of them as rows."""

    kind: str
    count: int
    rows: tuple[Row, ...]


def made_from(repo_id: str) -> list[tuple[int, str]]:
    """The records that say they were made from a repository, with the kind of relation. One query."""
    found: list[tuple[int, str]] = [(pk, kind) for pk, kind in _MADE_FROM.rows(repo_id)]
    return found


_MADE_FROM = ComposedQuery(
    lambda base: RecordRelation.objects.filter(base=base).order_by().values_list("record_id", "kind")
)


@dataclass(frozen=True, slots=True)
class Kinds:
    """The descendants of a model by kind, before rows are read: how many there are, and the ids of the best known."""

    counts: Mapping[str, int]
    known: Mapping[str, Sequence[int]]

    @property
    def ids(self) -> list[int]:
        """The ids of all that are to be shown."""
        return [pk for some in self.known.values() for pk in some]

    def told(self, row_of_id: Callable[[int], Row | None]) -> list[Descendants]:
        """The same as rows."""
        return [
            Descendants(kind, count, tuple(row for pk in self.known[kind] if (row := row_of_id(pk)) is not None))
            for kind, count in self.counts.items()
        ]


def kinds_of(index: CatalogueIndex, repo_id: str, *, without: Column) -> Kinds:
    """The descendants of a model as an index knows them, but for those in some rows. One query.

    Fine-tunes come first, packings last.
    """
    by_kind = defaultdict[str, list[int]](list)
    for pk, kind in made_from(repo_id):
        by_kind[kind].append(pk)
    places = index.places(ORDERS["popular"])
    counts, known = dict[str, int](), dict[str, list[int]]()
    for kind in sorted(by_kind, key=lambda kind: (kind == CONVERTED, *_place(kind))):
        rows = np.setdiff1d(index.rows_of(by_kind[kind]), without)
        if len(rows):
            counts[kind] = len(rows)
            known[kind] = index.ids_at(rows[np.argsort(places[rows])][:MOST_OF_A_KIND])
    return Kinds(counts, known)


def _place(kind: str) -> tuple[int, str]:
    return (RELATION_KINDS.index(kind) if kind in RELATION_KINDS else len(RELATION_KINDS)), kind
