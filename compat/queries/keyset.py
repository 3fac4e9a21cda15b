"""Paging by place: a cursor names the last row that was given, not a number of rows to pass over.

Rows that are added or taken away between two pages therefore neither repeat a model nor make one be skipped.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Lower

from compat import facets
from compat.criteria import Criteria, CriteriaError, Problem
from compat.models import ModelRecord
from compat.workers import Worker

from .browse import narrowed, verdicts_of

_LONGEST = 2000
_MOST_READ = 5000


@dataclass(frozen=True, slots=True)
class Key:
    """One column of an order. ``kind`` is the type of its values; values that are not told always come last."""

    name: str
    kind: type
    descending: bool = True
    nullable: bool = True

    def beyond(self, value: Any) -> Q | None:
        """What comes after a value in this column alone; None where nothing can."""
        if value is None:
            return None
        after = Q(**{f"{self.name}__{'lt' if self.descending else 'gt'}": value})
        return after | Q(**{f"{self.name}__isnull": True}) if self.nullable else after

    def equal(self, value: Any) -> Q:
        """The rows with this value."""
        return Q(**{f"{self.name}__isnull": True}) if value is None else Q(**{self.name: value})

    @property
    def order(self) -> Any:
        """The same for ``order_by``."""
        if self.nullable:
            return F(self.name).desc(nulls_last=True) if self.descending else F(self.name).asc(nulls_last=True)
        return f"-{self.name}" if self.descending else self.name


_POPULARITY = Key("popularity", int, nullable=False)
_REPO_ID = Key("repo_id", str, descending=False, nullable=False)
_EXACT = Key("exact", int, descending=False, nullable=False)
_ORDERS: Mapping[str, tuple[Key, ...]] = {
    "popular": (_POPULARITY, _REPO_ID),
    "trending": (Key("trending", float), _POPULARITY, _REPO_ID),
    "likes": (Key("likes", int), _POPULARITY, _REPO_ID),
    "recent": (Key("modified", datetime), _POPULARITY, _REPO_ID),
    "created": (Key("created", datetime), _POPULARITY, _REPO_ID),
    "params": (Key("parameters", int), _POPULARITY, _REPO_ID),
    "name": (Key("lowered", str, descending=False, nullable=False), _REPO_ID),
}


@dataclass(frozen=True, slots=True)
class Order:
    """The columns a question is ordered by, and the whole id or name that comes first, if one was asked for."""

    keys: tuple[Key, ...]
    first: str = ""

    def applied(self, records: QuerySet[ModelRecord]) -> QuerySet[ModelRecord]:
        """The records in this order."""
        names = {key.name for key in self.keys}
        if "lowered" in names:
            records = records.annotate(lowered=Lower("name"))
        if "exact" in names:
            whole = Q(repo_id__iexact=self.first) | Q(name__iexact=self.first)
            records = records.annotate(exact=Case(When(whole, then=Value(0)), default=Value(1)))
        return records.order_by(*(key.order for key in self.keys))

    def after(self, values: Sequence[Any]) -> Q:
        """The rows that come after the one with these values."""
        found, equal = Q(), Q()
        for key, value in zip(self.keys, values, strict=True):
            beyond = key.beyond(value)
            if beyond is not None:
                found |= equal & beyond
            equal &= key.equal(value)
        if not self.keys[0].nullable:
            # Says nothing new, but lets the database begin in the middle of its index.
            found &= Q(**{f"{self.keys[0].name}__{'lte' if self.keys[0].descending else 'gte'}": values[0]})
        return found

    def place(self, record: ModelRecord) -> list[Any]:
        """Where a record stands."""
        return [getattr(record, key.name) for key in self.keys]


def order_of(criteria: Criteria) -> Order:
    """The order of the pages: a model whose whole id or name was asked for comes first."""
    keys = _ORDERS[criteria.sort]
    return Order((_EXACT, *keys), criteria.words[0]) if len(criteria.words) == 1 else Order(keys)


def plain_order(sort: str, *, ascending: bool = False) -> Order:
    """The Hub's order: nothing comes first for its name; ``ascending`` turns the first column around."""
    first, *rest = _ORDERS[sort]
    return Order((replace(first, descending=False) if ascending else first, *rest))


def _digest(question: str) -> str:
    return hashlib.blake2b(question.encode(), digest_size=6).hexdigest()


def cursor_to(question: str, order: Order, record: ModelRecord) -> str:
    """The cursor of the rows after a record, good for this question only."""
    values = [value.isoformat() if isinstance(value, datetime) else value for value in order.place(record)]
    text = json.dumps([_digest(question), *values], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str, question: str, order: Order) -> list[Any]:
    """The place a cursor names. Raises :class:`CriteriaError` for one of another question, or that is none."""
    try:
        found = _unpacked(cursor, question, order)
    except (ValueError, TypeError, RecursionError):
        message = "This cursor does not belong to this question. Begin without one, then follow nextCursor as it is."
        raise CriteriaError([Problem("cursor", cursor[:60], message)]) from None
    return found


def _unpacked(cursor: str, question: str, order: Order) -> list[Any]:
    """The values in a cursor; ValueError or TypeError for anything that is none."""
    if len(cursor) > _LONGEST:
        raise ValueError("too long")
    text = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), b"-_", validate=True)
    found = json.loads(text)
    if not isinstance(found, list) or len(found) != len(order.keys) + 1 or found[0] != _digest(question):
        raise ValueError("of another question")
    return [_value(key, value) for key, value in zip(order.keys, found[1:], strict=True)]


def _value(key: Key, value: Any) -> Any:
    """One value of a cursor, of the type its column has."""
    if value is None and key.nullable:
        return None
    if key.kind is datetime:
        found = datetime.fromisoformat(str(value))
        if found.tzinfo is None:
            raise ValueError(value)
        return found
    if key.kind is float and isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300:
        return float(value)
    if isinstance(value, bool) or not isinstance(value, key.kind):
        raise TypeError(key.name)
    if (isinstance(value, int) and abs(value) >= 2**63) or (isinstance(value, str) and "\0" in value):
        raise ValueError(value)
    return value


def take(
    records: QuerySet[ModelRecord],
    order: Order,
    place: Sequence[Any] | None,
    criteria: Criteria,
    worker: Worker,
    version: int,
    most: int,
) -> list[ModelRecord]:
    """At most so many records from a place on. One query, or a few for a worker with a machine.

    What fits a machine is not in the database, so there rows are read until enough of them pass. ``records`` are those
    of :func:`within`.
    """
    found: list[ModelRecord] = []
    size = most
    while True:
        rows = order.applied(records)
        batch = list((rows.filter(order.after(place)) if place is not None else rows)[:size])
        if worker.hardware is None:
            return batch
        verdicts = verdicts_of([(record.pk, record.sheet_id) for record in batch], worker, version)
        passing = [
            record for record, verdict in zip(batch, verdicts, strict=True) if facets.passes_verdict(criteria, *verdict)
        ]
        found += passing
        if len(found) >= most or len(batch) < size:
            return found[:most]
        place, size = order.place(batch[-1]), min(size * 4, _MOST_READ)


def within(criteria: Criteria, worker: Worker) -> QuerySet[ModelRecord]:
    """The records of a question, as far as the database can tell: verdicts on a machine are left to :func:`take`."""
    return narrowed(criteria, worker, by_verdict=worker.hardware is None)
