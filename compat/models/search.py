"""Searching text: from what a person types to the words to look for, and to the records that hold every word.

SQLite uses an FTS5 table with trigram tokens, PostgreSQL a ``pg_trgm`` index; the answers are equal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from compat.models.asked import read_search, spellings_of
from compat.models.record import ModelRecord

MAX_QUERY = 200
"""The longest question accepted, in characters."""
_TRIGRAM = 3
_SIZE = re.compile(r"[0-9]+(?:\.[0-9]+)?[bm]")
"""How many parameters a model has, as names say it: a word of its own, no beginning of ``8bit`` or end of ``8x7b``."""


def words_of(question: str) -> tuple[str, ...]:
    """The words to look for, as :func:`~compat.models.asked.read_search` reads them."""
    return read_search(question).words


def normalise_name(name: str) -> str:
    """A name without punctuation, so that ``phi2`` finds ``phi-2``."""
    return re.sub(r"[^a-z0-9]+", "", name.lower())


def matching_records(records: QuerySet[ModelRecord], words: Sequence[str]) -> QuerySet[ModelRecord]:
    """The records whose search text holds every word."""
    query = _ids_query(words)
    return records.filter(id__in=RawSQL(*query)) if query else records.none()  # noqa: S611 - only values come from outside


def matching_ids(words: Sequence[str], most: int | None = None) -> list[int]:
    """The ids of all records whose search text holds every word, or of so many of them. One query."""
    query = _ids_query(words)
    if query is None:
        return []
    sql, values = query
    with connection.cursor() as cursor:
        cursor.execute(*((sql, values) if most is None else (f"{sql} LIMIT %s", [*values, most])))
        return [pk for (pk,) in cursor.fetchall()]


def _ids_query(words: Sequence[str]) -> tuple[str, list[str]] | None:
    """The ids as SQL with its values; None where no id can match."""
    if not all(word.isascii() for word in words):
        # Ids are ASCII. SQLite would fold some other letters into it (a long s), PostgreSQL would not.
        return None
    conditions, values = [], []
    table, key = "compat_modelrecord", "id"
    sizes = [word for word in words if _SIZE.fullmatch(word)]
    if connection.vendor == "sqlite":
        # Words of one or two characters have no trigram; the plain comparison serves them.
        long = [word for word in words if len(word) >= _TRIGRAM]
        words = [word for word in words if len(word) < _TRIGRAM]
        if long:
            table, key = "compat_search", "rowid"
            conditions.append("compat_search MATCH %s")
            values.append(" AND ".join(_any_of(word) for word in long))
    for size in sizes:
        found = "[^a-z0-9.]{}[^a-z0-9]"
        conditions.append("search_text GLOB %s" if connection.vendor == "sqlite" else "search_text ~ %s")
        values.append(f"*{found.format(size)}*" if connection.vendor == "sqlite" else found.format(re.escape(size)))
    for word in words:
        spelled = spellings_of(word)
        conditions.append("(" + " OR ".join(["search_text LIKE %s ESCAPE '!'"] * len(spelled)) + ")")
        values += ["%" + re.sub(r"([!%_])", r"!\1", one) + "%" for one in spelled]
    return f"SELECT {key} FROM {table} WHERE {' AND '.join(conditions or ['1=1'])}", values  # noqa: S608 - only values come from outside


def _any_of(word: str) -> str:
    """A word in any of its spellings, as FTS5 is asked for it."""
    return "(" + " OR ".join('"' + one.replace('"', '""') + '"' for one in spellings_of(word)) + ")"
