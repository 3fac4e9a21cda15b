"""Searching text: from what a person types to the words to look for, and to the records that hold every word.

SQLite uses an FTS5 table with trigram tokens, PostgreSQL a ``pg_trgm`` index; the answers are equal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from compat.models.record import ModelRecord

MAX_QUERY = 200
"""The longest question accepted, in characters."""
_MAX_WORDS = 8
_HUB_ADDRESS = re.compile(r"^(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/(?:models/)?", re.IGNORECASE)
_TRIGRAM = 3


def words_of(question: str) -> tuple[str, ...]:
    """The words of a question in lower case, at most eight; a pasted Hub address counts as its repository's id."""
    bare, pasted = _HUB_ADDRESS.subn("", question.replace("\0", " ").strip())
    if pasted:
        bare = "/".join(bare.split("?")[0].split("#")[0].strip("/").split("/")[:2])
    return tuple(dict.fromkeys(bare.lower().split()))[:_MAX_WORDS]


def normalise_name(name: str) -> str:
    """A name without punctuation, so that ``phi2`` finds ``phi-2``."""
    return re.sub(r"[^a-z0-9]+", "", name.lower())


def matching_records(records: QuerySet[ModelRecord], words: Sequence[str]) -> QuerySet[ModelRecord]:
    """The records whose search text holds every word."""
    query = _ids_query(words)
    return records.filter(id__in=RawSQL(*query)) if query else records.none()  # noqa: S611 - only values come from outside


def matching_ids(words: Sequence[str]) -> list[int]:
    """The ids of all records whose search text holds every word. One query."""
    query = _ids_query(words)
    if query is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(*query)
        return [pk for (pk,) in cursor.fetchall()]


def _ids_query(words: Sequence[str]) -> tuple[str, list[str]] | None:
    """The ids as SQL with its values; None where no id can match."""
    if not all(word.isascii() for word in words):
        # Ids are ASCII. SQLite would fold some other letters into it (a long s), PostgreSQL would not.
        return None
    conditions, values = [], []
    table, key = "compat_modelrecord", "id"
    if connection.vendor == "sqlite":
        # Words of one or two characters have no trigram; the plain comparison serves them.
        long = [word for word in words if len(word) >= _TRIGRAM]
        words = [word for word in words if len(word) < _TRIGRAM]
        if long:
            table, key = "compat_search", "rowid"
            conditions.append("compat_search MATCH %s")
            values.append(" AND ".join('"' + word.replace('"', '""') + '"' for word in long))
    for word in words:
        conditions.append("search_text LIKE %s ESCAPE '!'")
        values.append("%" + re.sub(r"([!%_])", r"!\1", word) + "%")
    return f"SELECT {key} FROM {table} WHERE {' AND '.join(conditions or ['1=1'])}", values  # noqa: S608 - only values come from outside
