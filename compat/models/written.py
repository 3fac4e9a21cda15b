"""Writing many rows at once.

Django's ``bulk_create`` composes one statement for each few rows, and its text takes longer than the database does:
here one statement is composed, and the database is given the rows. Nor are there objects of the models between what is
to be written and the database: of a million rows these take longer than the rest.

SQLite is given several rows a statement: after each statement the full-text index, which a trigger keeps, writes down
what it has, and every page that the statement changes is copied first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import Any

from django.db import connections, models, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.constants import OnConflict

Row = Mapping[str, Any]
"""A value for each field but a key that the database gives, by the field's ``attname`` (``record_id``)."""
_MOST_VALUES = 999
"""Values that any SQLite takes in one statement."""
_AS_THEY_ARE = (models.CharField, models.TextField, models.BooleanField, models.FloatField)
_AS_THEY_ARE_IN_SQLITE = (*_AS_THEY_ARE, models.IntegerField, models.BinaryField)


def write_rows(
    model: type[models.Model],
    rows: Sequence[Row],
    *,
    unique_fields: Sequence[str] = (),
    update_fields: Sequence[str] = (),
    ignore_conflicts: bool = False,
) -> None:
    """Insert rows of one model without keys of their own: all, or none of them.

    Where a row of the same ``unique_fields`` is stored, its ``update_fields`` are overwritten; with
    ``ignore_conflicts`` it is left alone. Fields are written as they stand (no defaults, no ``auto_now``), and no
    signal is sent.
    """
    if not rows:
        return
    meta = model._meta  # noqa: SLF001 - documented by Django as public
    using = router.db_for_write(model)
    connection = connections[using]
    fields = _fields(model)
    quoted = connection.ops.quote_name
    conflict = OnConflict.UPDATE if update_fields else OnConflict.IGNORE if ignore_conflicts else None
    columns = {field.name: str(field.column) for field in meta.concrete_fields}
    suffix = connection.ops.on_conflict_suffix_sql(
        fields, conflict, [columns[name] for name in update_fields], [columns[name] for name in unique_fields]
    )
    into = (
        f"{connection.ops.insert_statement(on_conflict=conflict)} {quoted(meta.db_table)} "
        f"({', '.join(quoted(columns[field.name]) for field in fields)})"
    )
    one = f"({', '.join(['%s'] * len(fields))})"
    at_once = max(_MOST_VALUES // len(fields), 1) if connection.vendor == "sqlite" else 1
    with transaction.atomic(using, savepoint=False):
        try:
            with connection.cursor() as cursor:
                for count, values in _in_statements(_values(rows, fields, connection), at_once):
                    cursor.executemany(f"{into} VALUES {', '.join([one] * count)} {suffix}", values)
        except KeyboardInterrupt:
            # Broken off amid many rows, a connection to PostgreSQL takes no more statements: the next is a new one's.
            connection.close()
            raise


def _in_statements(values: Sequence[list[Any]], at_once: int) -> Iterator[tuple[int, Sequence[list[Any]]]]:
    """Values for statements of so many rows each, and for one of the rest."""
    whole = len(values) - len(values) % at_once
    if whole:
        starts = range(0, whole, at_once)
        yield at_once, [list(chain.from_iterable(values[start : start + at_once])) for start in starts]
    if rest := values[whole:]:
        yield len(rest), [list(chain.from_iterable(rest))]


@cache
def _fields(model: type[models.Model]) -> tuple[models.Field[Any, Any], ...]:
    found = model._meta.concrete_fields  # noqa: SLF001 - documented by Django as public
    return tuple(field for field in found if not (field.primary_key and field.db_returning))


def _values(
    rows: Sequence[Row], fields: Sequence[models.Field[Any, Any]], connection: BaseDatabaseWrapper
) -> list[list[Any]]:
    """The values of each row as the database takes them, in the fields' order."""
    picked = itemgetter(*(field.attname for field in fields))
    prepared = [(at, prepare) for at, field in enumerate(fields) if (prepare := _preparing(field, connection))]
    values = []
    for row in rows:
        value = list(picked(row))
        for at, prepare in prepared:
            value[at] = prepare(value[at])
        values.append(value)
    return values


def _preparing(field: models.Field[Any, Any], connection: BaseDatabaseWrapper) -> Callable[[Any], Any] | None:
    """What Django makes of a field's values for the database; None where that is the value itself."""
    kept = field.target_field if isinstance(field, models.ForeignKey) else field
    if isinstance(kept, _AS_THEY_ARE_IN_SQLITE if connection.vendor == "sqlite" else _AS_THEY_ARE):
        return None

    def prepare(value: Any) -> Any:
        return None if value is None else kept.get_db_prep_save(value, connection)

    if not isinstance(kept, models.DateTimeField):
        return prepare
    times: dict[Any, Any] = {}

    def prepare_time(value: Any) -> Any:
        found = times.get(value)
        if found is None and value is not None:
            found = times[value] = prepare(value)
        return found

    return prepare_time
