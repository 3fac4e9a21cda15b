"""The orders a list can have: their columns, index scans in that order, and keyset conditions for cursors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from compat.models import ModelRecord


@dataclass(frozen=True, slots=True)
class Key:
    """One column of an order. ``kind`` is the type of its values; NULLS LAST in both directions."""

    name: str
    kind: type
    descending: bool = True
    nullable: bool = True

    def equal(self, value: Any) -> Q:
        """The rows with this value."""
        return Q(**{f"{self.name}__isnull": True}) if value is None else Q(**{self.name: value})

    def beyond(self, value: Any) -> list[Q]:
        """What comes after a value in this column alone, in parts that are each one range of an index."""
        if value is None:
            return []
        after = Q(**{f"{self.name}__{'lt' if self.descending else 'gt'}": value})
        return [after, Q(**{f"{self.name}__isnull": True})] if self.nullable else [after]

    @property
    def by(self) -> str:
        """The column for ``order_by``, in a range that holds either values or NULLs."""
        return f"-{self.name}" if self.descending else self.name


_POPULARITY = Key("popularity", int, nullable=False)
_REPO_ID = Key("repo_id", str, descending=False, nullable=False)


@dataclass(frozen=True, slots=True)
class Order:
    """A name and the columns that rows are sorted by; the last one tells all rows apart."""

    name: str
    keys: tuple[Key, ...]

    def ranges(self, place: Sequence[Any] | None = None) -> Iterator[QuerySet[ModelRecord]]:
        """The catalogue in this order, from after a place on, as index scans that follow each other.

        Each is one range of one index: ``a < x``, then ``a = x and b < y``, and so on, with values before NULLs. One
        condition for all of them would make the database sort.
        """
        records = ModelRecord.objects.annotate(lowered=Lower("name"))
        columns = [key.by for key in self.keys]
        if place is None:
            first = self.keys[0]
            for missing in (False, True) if first.nullable else (None,):
                told = Q() if missing is None else Q(**{f"{first.name}__isnull": missing})
                yield records.filter(told).order_by(*columns)
            return
        for count in reversed(range(len(self.keys))):
            equal = Q()
            for key, value in zip(self.keys[:count], place, strict=False):
                equal &= key.equal(value)
            for beyond in self.keys[count].beyond(place[count]):
                yield records.filter(equal & beyond).order_by(*columns)

    def place(self, record: ModelRecord) -> list[Any]:
        """Where a record stands."""
        return [record.name.lower() if key.name == "lowered" else getattr(record, key.name) for key in self.keys]


ORDERS: Mapping[str, Order] = {
    name: Order(name, keys)
    for name, keys in {
        "popular": (_POPULARITY, _REPO_ID),
        "trending": (Key("trending", float), _POPULARITY, _REPO_ID),
        "likes": (Key("likes", int), _POPULARITY, _REPO_ID),
        "recent": (Key("modified", datetime), _POPULARITY, _REPO_ID),
        "created": (Key("created", datetime), _POPULARITY, _REPO_ID),
        "params": (Key("parameters", int), _POPULARITY, _REPO_ID),
        "name": (Key("lowered", str, descending=False, nullable=False), _REPO_ID),
    }.items()
}
"""The orders of the database, by the name that a question gives them."""

SPEED = Order("speed", (Key("speed", float), _POPULARITY, _REPO_ID))
"""The order by decode speed on a machine, which is in no column of the database: see
:class:`~compat.catalogue.index_columns.Speeds`.
"""

SUGGESTED = Order("suggested", (Key("points", int, nullable=False), _POPULARITY, _REPO_ID))
"""The suggested order on a worker: see :mod:`compat.catalogue.suggesting`."""


def order_named(sort: str, *, ascending: bool = False) -> Order:
    """The order of this name; ``ascending`` turns its first column around, as the Hub's lists can be asked for."""
    order = ORDERS[sort]
    first, *rest = order.keys
    if not ascending or not first.descending:
        return order
    return Order(f"{sort}-ascending", (replace(first, descending=False), *rest))
