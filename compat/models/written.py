"""Writing many rows at once.

Django's ``bulk_create`` composes one statement for each few rows, and its text takes longer than the database does:
here one statement is composed, and the database is given the rows.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connections, models, router, transaction
from django.db.models.constants import OnConflict


def write_rows(
    rows: Sequence[models.Model],
    *,
    unique_fields: Sequence[str] = (),
    update_fields: Sequence[str] = (),
    ignore_conflicts: bool = False,
) -> None:
    """Insert rows of one model without keys of their own: all, or none of them.

    Where a row of the same ``unique_fields`` is stored, its ``update_fields`` are overwritten; with
    ``ignore_conflicts`` it is left alone. Keys are not set on the rows, fields are written as they stand (no
    ``auto_now``), and no signal is sent.
    """
    if not rows:
        return
    model = type(rows[0])
    meta = model._meta  # noqa: SLF001 - documented by Django as public
    using = router.db_for_write(model)
    connection = connections[using]
    fields = [field for field in meta.concrete_fields if not (field.primary_key and field.db_returning)]
    quoted = connection.ops.quote_name
    conflict = OnConflict.UPDATE if update_fields else OnConflict.IGNORE if ignore_conflicts else None
    columns = {field.name: str(field.column) for field in meta.concrete_fields}
    suffix = connection.ops.on_conflict_suffix_sql(
        fields, conflict, [columns[name] for name in update_fields], [columns[name] for name in unique_fields]
    )
    statement = (
        f"{connection.ops.insert_statement(on_conflict=conflict)} {quoted(meta.db_table)} "
        f"({', '.join(quoted(columns[field.name]) for field in fields)}) "
        f"VALUES ({', '.join(['%s'] * len(fields))}) {suffix}"
    )
    prepare = [(field.pre_save, field.get_db_prep_save) for field in fields]
    values = [tuple(prepared(before(row, True), connection) for before, prepared in prepare) for row in rows]
    with transaction.atomic(using, savepoint=False), connection.cursor() as cursor:
        cursor.executemany(statement, values)
