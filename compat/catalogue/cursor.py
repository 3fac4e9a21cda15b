"""Paging by place: a cursor names the last row that was given, not a number of rows to pass over.

Rows that are added or taken away between two pages therefore neither repeat a model nor make one be skipped.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from django.db.models import QuerySet

from compat.catalogue import facets
from compat.catalogue.finding import ids_on_machine
from compat.catalogue.numbers import sums_of, verdicts_of
from compat.catalogue.order import Key, Order, order_of, plain_order
from compat.catalogue.question import Criteria, CriteriaError, Problem
from compat.catalogue.rows import State, catalogue_state
from compat.catalogue.scope import narrowed
from compat.catalogue.workers import Worker
from compat.models import ModelRecord

__all__ = ["Order", "cursor_to", "order_of", "plain_order", "read_cursor", "take", "within"]

T = TypeVar("T")
_LONGEST = 2000
_MOST_READ = 5000


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
    state: State,
    most: int,
    *,
    whole: bool = True,
) -> list[ModelRecord]:
    """At most so many records from a place on. One query for each range of the order's index that is read, usually one.

    ``records`` are those of :func:`within`, all of them if ``whole``. What fits a machine is not in the database: it
    is known of all records in order, or else rows are read until enough of them pass.
    """
    if worker.hardware is None:
        return _first(order.parts(records, place), most)
    known = _known(order, place, criteria, worker, state.version, most) if whole and state.newest else None
    return _walked(records, order, place, criteria, worker, state.version, most) if known is None else known


def _known(
    order: Order, place: Sequence[Any] | None, criteria: Criteria, worker: Worker, version: int, most: int
) -> list[ModelRecord] | None:
    """The same out of what is kept of every record; None where the database has changed since. Two queries at most."""
    if order != order_of(criteria):
        return None
    before = list(ModelRecord.objects.filter(repo_id=place[-1]).values_list("id", flat=True)) if place else []
    if place and not before:
        return None
    try:
        ids = ids_on_machine(criteria, worker, version, *before)
    except ValueError:
        return None
    wanted = [*before, *islice(ids, most)]
    found = _first(order.parts(ModelRecord.objects.filter(id__in=wanted), few=True), len(wanted))
    if [record.pk for record in found] != wanted or (place and order.place(found[0]) != list(place)):
        return None
    return found[len(before) :]


def _walked(
    records: QuerySet[ModelRecord],
    order: Order,
    place: Sequence[Any] | None,
    criteria: Criteria,
    worker: Worker,
    version: int,
    most: int,
) -> list[ModelRecord]:
    """The same by reading rows until enough of them pass; only those become records."""
    columns = [field.attname for field in ModelRecord._meta.concrete_fields]  # noqa: SLF001 - documented by Django as public
    names = [*columns, *(key.name for key in order.keys if key.name not in columns)]
    pk, sheet = names.index("id"), names.index("sheet_id")
    place_of = [names.index(key.name) for key in order.keys]
    found: list[ModelRecord] = []
    size = most
    while True:
        rows = _first((part.values_list(*names) for part in order.parts(records, place)), size)
        verdicts = verdicts_of([(row[pk], row[sheet]) for row in rows], worker, version)
        for row, verdict in zip(rows, verdicts, strict=True):
            if len(found) < most and facets.passes_verdict(criteria, *verdict):
                record = ModelRecord.from_db(records.db, columns, row[: len(columns)])
                vars(record).update(zip(names[len(columns) :], row[len(columns) :], strict=True))
                found.append(record)
        if len(found) == most or len(rows) < size:
            return found
        place, size = [rows[-1][index] for index in place_of], min(size * 4, _MOST_READ)


def _first(parts: Iterable[QuerySet[ModelRecord, T]], most: int) -> list[T]:
    found: list[T] = []
    for part in parts:
        found += part[: most - len(found)]
        if len(found) == most:
            break
    return found


def within(criteria: Criteria, worker: Worker, found: facets.CubeSums | None = None) -> QuerySet[ModelRecord]:
    """The records of a question, as far as the database can tell: verdicts on a machine are left to :func:`take`.

    ``found`` are the question's numbers; where they are not given, they are asked for if anything is narrowed.
    """
    alone = worker.hardware is None
    if found is None and alone and criteria != Criteria(sort=criteria.sort, worker=criteria.worker, compatible="false"):
        found = sums_of(criteria, worker, catalogue_state().version)
    return narrowed(criteria, worker, by_verdict=alone, found=found)
