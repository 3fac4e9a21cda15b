"""System checks: what must be true of the database and the profiles before the site can keep its promises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connection

from compat.architectures import TableError, known_shapes, read_tables
from compat.engines import ProfileError, all_profiles


@register()
def engine_profiles_are_valid(**kwargs: Any) -> list[CheckMessage]:
    """Every profile file must load."""
    try:
        all_profiles()
    except ProfileError as error:
        return [Error(f"An engine profile is wrong: {error}", id="compat.E001")]
    return []


@register()
def architecture_tables_are_valid(**kwargs: Any) -> list[CheckMessage]:
    """Every table of architectures must load."""
    try:
        read_tables()
        known_shapes()
    except TableError as error:
        return [Error(f"A table of architectures is wrong: {error}", id="compat.E003")]
    return []


@register(Tags.database)
def sqlite_can_search(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """SQLite must be built with FTS5 and its trigram tokenizer."""
    if connection.vendor != "sqlite" or not databases:
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT sqlite_version(), sqlite_compileoption_used('ENABLE_FTS5')")
        version, fts5 = cursor.fetchone()
    if not fts5 or tuple(map(int, version.split("."))) < (3, 34, 0):
        return [
            Error(
                f"SQLite {version} cannot search text.",
                hint="Use SQLite 3.34 or newer with FTS5, or PostgreSQL through DATABASE_URL.",
                id="compat.E002",
            )
        ]
    return []
