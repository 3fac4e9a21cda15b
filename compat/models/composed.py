"""Queries that are asked again and again, composed once: Django takes twenty times as long to compose one as to ask it.

A query may leave values open, and lists of values::

    named = ComposedQuery(lambda ids: ModelRecord.objects.filter(repo_id__in=ids).values_list("pk", "repo_id"))
    named.rows(["microsoft/phi-2", "gpt2"])

``make`` gets something to stand for each value, and must only compare with it, as it is called when the query is first
asked. What is given later goes to the database as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar, cast

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Model, QuerySet, Value

M = TypeVar("M", bound=Model)
Given = str | int | Sequence[str] | Sequence[int]


@dataclass(frozen=True, slots=True)
class _Open:
    """The place of a value that is told when the query is asked: which of those given, and where in a list."""

    number: int
    at: int = 0


class _Composed(NamedTuple):
    """SQL, what it is asked with, the columns that become Python values, and every column's attribute of the model."""

    sql: str
    parameters: tuple[Any, ...]
    converted: tuple[tuple[int, Any], ...]
    model: type[Model]
    names: tuple[str, ...]


class ComposedQuery(Generic[M]):
    """A query that is always the same but for the values that ``make`` gets."""

    def __init__(self, make: Callable[..., QuerySet[M, Any]]) -> None:
        self._make = make
        self._composed = lru_cache(maxsize=_LENGTHS)(self._compose)

    def rows(self, *given: Given) -> list[tuple[Any, ...]]:
        """The columns of what it finds, as Django's ``values_list`` has them. One query."""
        composed = self._for(given)
        parameters = [_told(one, given) if isinstance(one, _Open) else one for one in composed.parameters]
        with connection.cursor() as cursor:
            cursor.execute(composed.sql, parameters)
            found: list[tuple[Any, ...]] = cursor.fetchall()
        return list(_converted(found, composed.converted)) if composed.converted else found

    def objects(self, *given: Given) -> list[M]:
        """The same as objects of the query's model; what it leaves out is read when it is asked for. One query."""
        composed = self._for(given)
        make = cast("type[M]", composed.model).from_db
        return [make(DEFAULT_DB_ALIAS, composed.names, row) for row in self.rows(*given)]

    def _for(self, given: Sequence[Given]) -> _Composed:
        """The query for as many values as are given: a list is filled up, so that few lengths are composed."""
        return self._composed(*(0 if isinstance(one, str | int) else _filled(len(one)) for one in given))

    def _compose(self, *sizes: int) -> _Composed:
        places = [
            [Value(_Open(number, at)) for at in range(size)] if size else Value(_Open(number))
            for number, size in enumerate(sizes)
        ]
        found = self._make(*places)
        compiler = found.query.get_compiler(DEFAULT_DB_ALIAS)
        sql, parameters = compiler.as_sql()
        columns = [column for column, _, _ in compiler.select]
        converters = compiler.get_converters(columns)
        names = tuple(getattr(getattr(column, "target", None), "attname", "") for column in columns)
        return _Composed(sql, tuple(parameters), tuple((at, columns[at]) for at in converters), found.model, names)


_LENGTHS = 16
"""So many lengths of its lists a query is kept for."""


def _filled(count: int) -> int:
    """The next power of eight, beyond a batch of two: of several lists a query is composed for all their lengths."""
    bits = max(count - 1, 0).bit_length()
    return 1 << (bits if bits > 9 else -(-bits // 3) * 3)


def _told(place: _Open, given: Sequence[Given]) -> str | int | None:
    """The value for a place: a list that is shorter repeats its last, and an empty one holds nothing that is equal."""
    told = given[place.number]
    if isinstance(told, str | int):
        return told
    return told[min(place.at, len(told) - 1)] if told else None


def _converted(rows: Sequence[tuple[Any, ...]], columns: Sequence[tuple[int, Any]]) -> Iterator[tuple[Any, ...]]:
    """Rows with the values of some columns as Django makes them."""
    # A converter belongs to its connection, and each thread has one of its own.
    converters = [
        (at, column, [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)])
        for at, column in columns
    ]
    for row in rows:
        values = list(row)
        for at, column, convert in converters:
            for one in convert:
                values[at] = one(values[at], column, connection)
        yield tuple(values)
