"""Keyset pagination: a cursor holds the last row's values of the order's columns, not an offset.

Rows that are added or taken away between two pages therefore neither repeat a model nor make one be skipped.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from compat.catalogue.finding import Finding
from compat.catalogue.order import Key, Order
from compat.catalogue.question import Problem, QuestionError
from compat.catalogue.rows import Row, records_by_id, rows_of
from compat.models import ModelRecord

_LONGEST = 2000


def _digest(question: str) -> str:
    return hashlib.blake2b(question.encode(), digest_size=6).hexdigest()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list goes on: after the row with these values of the order's columns.

    ``named`` says whether it is among those that come first, because their whole name was searched for.
    """

    values: Sequence[Any]
    named: bool = False


def cursor_to(question: str, place: Sequence[Any], *, named: bool = False) -> str:
    """The cursor of the rows after a place of an order, good for this question only."""
    values = [value.isoformat() if isinstance(value, datetime) else value for value in place]
    text = json.dumps([_digest(question), named, *values], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str, question: str, order: Order) -> Place:
    """The place a cursor names. Raises :class:`QuestionError` for one of another question, or that is none."""
    try:
        found = _unpacked(cursor, question, order)
    except (ValueError, TypeError, RecursionError):
        message = "This cursor does not belong to this question. Begin without one, then follow nextCursor as it is."
        raise QuestionError([Problem("cursor", cursor[:60], message)]) from None
    return found


def _unpacked(cursor: str, question: str, order: Order) -> Place:
    """The values in a cursor; ValueError or TypeError for anything that is none."""
    if len(cursor) > _LONGEST:
        raise ValueError("too long")
    text = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), b"-_", validate=True)
    found = json.loads(text)
    if not isinstance(found, list) or len(found) != len(order.keys) + 2 or found[0] != _digest(question):
        raise ValueError("of another question")
    if not isinstance(found[1], bool):
        raise TypeError("named")
    return Place([_value(key, value) for key, value in zip(order.keys, found[2:], strict=True)], found[1])


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


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a list, and the cursor of those that follow; empty at the end."""

    rows: list[Row]
    next: str

    @property
    def records(self) -> list[ModelRecord]:
        """The records of the rows."""
        return [row.record for row in self.rows]


def part_of(found: Finding, question: str, limit: int, cursor: str = "", *, newest: bool = False) -> Part:
    """At most so many rows of what is found, from a cursor on. Four queries, or a few more.

    Rows that lists showed before are not read again where the index is the ``newest``: see
    :class:`~compat.catalogue.rows.KeptRows`.

    Raises :class:`QuestionError` for a cursor of another question.
    """
    index, order = found.index, found.order
    place = read_cursor(cursor, question, order) if cursor else None
    named = records_by_id(index.ids_at(found.named)) if len(found.named) else []
    if place is not None:
        named = _after(found, place, named)
    begin = found.position_after(place.values) if place is not None and not place.named else 0
    wanted = max(0, limit - len(named))
    rest = found.rows_from(order, begin, 0, wanted + 1)
    ids = [*(record.pk for record in named[:limit]), *index.ids_at(rest[:wanted])]
    stands = dict(zip(index.ids_at(found.shown_for(index.rows_of(ids))), ids, strict=False)) if found.models else {}
    rows = index.rows.of(list(stands) or ids, found.worker, newest=newest)
    if len(rest) > wanted and not named and not rows:
        # All of them went since the index was made: the list goes on after them.
        there = records_by_id(index.ids_at(found.rows_from(order, begin, wanted, _READ_ON)))[:limit]
        rows = rows_of(there, found.worker)
    more = bool(rows) and (len(rest) > wanted or len(named) > limit)
    last = len(rows) <= len(named)
    if not more:
        return Part(rows, "")
    shown = rows[-1].record
    # A model stands where the first of its builds does, which need not be the one that is shown.
    standing = [shown] if stands.get(shown.pk, shown.pk) == shown.pk else records_by_id([stands[shown.pk]])
    return Part(rows, cursor_to(question, found.place(next(iter(standing), shown)), named=last))


_READ_ON = 5000
"""So many rows are looked at for one that is still there."""


def _after(found: Finding, place: Place, named: Sequence[ModelRecord]) -> list[ModelRecord]:
    """Those of the records that come first that stand behind a place, or behind where its record stood."""
    if not place.named:
        return []
    places = [found.place(record) for record in named]
    if list(place.values) in places:
        return list(named[places.index(list(place.values)) + 1 :])
    behind = found.columns(found.order).rows[found.position_after(place.values) :]
    return [record for record in named if np.isin(found.index.rows_of([record.pk]), behind).any()]
