"""The orders a list can have, for pages and programs alike, and how the database walks along them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import BooleanField, Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Lower

from compat.catalogue.question import Criteria
from compat.models import FactSheet, ModelRecord


@dataclass(frozen=True, slots=True)
class Key:
    """One column of an order. ``kind`` is the type of its values; values that are not told always come last."""

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
    def order(self) -> str:
        """The same for ``order_by``, where values that are told and those that are not do not mix."""
        return f"-{self.name}" if self.descending else self.name


_POPULARITY = Key("popularity", int, nullable=False)
_REPO_ID = Key("repo_id", str, descending=False, nullable=False)
_EXACT = Key("exact", int, descending=False, nullable=False)
ORDERS: Mapping[str, tuple[Key, ...]] = {
    "popular": (_POPULARITY, _REPO_ID),
    "trending": (Key("trending", float), _POPULARITY, _REPO_ID),
    "likes": (Key("likes", int), _POPULARITY, _REPO_ID),
    "recent": (Key("modified", datetime), _POPULARITY, _REPO_ID),
    "created": (Key("created", datetime), _POPULARITY, _REPO_ID),
    "params": (Key("parameters", int), _POPULARITY, _REPO_ID),
    "name": (Key("lowered", str, descending=False, nullable=False), _REPO_ID),
}
"""The columns of every order, by the name that a question gives it."""


@dataclass(frozen=True, slots=True)
class Order:
    """The columns a question is ordered by, and the whole id or name that comes first, if one was asked for."""

    keys: tuple[Key, ...]
    first: str = ""

    def parts(
        self, records: QuerySet[ModelRecord], place: Sequence[Any] | None = None, *, few: bool = False
    ) -> Iterator[QuerySet[ModelRecord]]:
        """The records in this order, from a place on, as one or more lists that follow each other.

        Each is one range of one index, which a single condition for all of them would hide from the database. So
        ``few`` that they are looked up and then ordered need no such care.
        """
        if self.first or ORDERS["name"][0] in self.keys:
            records = records.annotate(lowered=Lower("name"))
        if not self.first:
            yield from self._ranges(records, self.keys, place, few=few)
            return
        whole, rest = self._whole(), self.keys[1:]
        if place is None or not place[0]:
            named = records.filter(whole).annotate(exact=Value(0))
            yield from self._ranges(named, rest, place[1:] if place else None, few=True)
        others = records.exclude(whole).annotate(exact=Value(1))
        yield from self._ranges(others, rest, place[1:] if place and place[0] else None, few=few)

    def named(self, records: QuerySet[ModelRecord]) -> QuerySet[ModelRecord]:
        """The records of which the whole id, or the whole name, was asked for."""
        return records.annotate(lowered=Lower("name")).filter(self._whole())

    def _whole(self) -> Q:
        """The records of which the whole id, or the whole name, was asked for."""
        named = Q(lowered=self.first.rpartition("/")[2])
        return named & Q(repo_id__iexact=self.first) if "/" in self.first else named

    @staticmethod
    def _ranges(
        records: QuerySet[ModelRecord], keys: Sequence[Key], place: Sequence[Any] | None, *, few: bool
    ) -> Iterator[QuerySet[ModelRecord]]:
        columns = [key.order for key in keys]
        if place is None and few:
            first = F(keys[0].name)
            last = first.desc(nulls_last=True) if keys[0].descending else first.asc(nulls_last=True)
            yield records.order_by(last, *columns[1:])
            return
        if place is None:
            # Values that are told, then those that are not: so no order has to say where nothing goes.
            parts = [{f"{keys[0].name}__isnull": missing} for missing in (False, True)] if keys[0].nullable else [{}]
            for told in parts:
                yield records.filter(**told).order_by(*columns)
            return
        for count in reversed(range(len(keys))):
            equal = Q()
            for key, value in zip(keys[:count], place, strict=False):
                equal &= key.equal(value)
            for beyond in keys[count].beyond(place[count]):
                yield records.filter(equal & beyond).order_by(*columns)

    def place(self, record: ModelRecord) -> list[Any]:
        """Where a record stands."""
        return [getattr(record, key.name) for key in self.keys]


def order_of(criteria: Criteria) -> Order:
    """The order of the pages: a model whose whole id or name was asked for comes first."""
    keys = ORDERS[criteria.sort]
    return Order((_EXACT, *keys), criteria.words[0]) if len(criteria.words) == 1 else Order(keys)


def plain_order(sort: str, *, ascending: bool = False) -> Order:
    """The Hub's order: nothing comes first for its name; ``ascending`` turns the first column around."""
    first, *rest = ORDERS[sort]
    return Order((replace(first, descending=False) if ascending else first, *rest))


def met_on_the_way(records: QuerySet[ModelRecord], sheets: QuerySet[FactSheet]) -> QuerySet[ModelRecord]:
    """The records with one of these fact sheets, told by a look at each record that is passed along an order.

    Where many have one, that soon fills a page. As a plain condition it would tempt the database to gather all of them
    by their sheets and then to order them.
    """
    met = Case(When(sheet__in=sheets.values("id"), then=True), default=False, output_field=BooleanField())
    return records.alias(met=met).filter(met=True)


def slice_of(
    records: QuerySet[ModelRecord], order: Order, start: int, most: int, *, few: bool = False
) -> list[ModelRecord]:
    """A slice of the records in order. One query, and two for each part of the order that is passed over."""
    found: list[ModelRecord] = []
    for part in order.parts(records, few=few):
        here = list(part[start : start + most - len(found)])
        found += here
        if len(found) == most:
            break
        start = max(0, start - part.count()) if start and not here else 0
    return found
