"""Searching text: from what a person types to the words to look for, and to the records that hold every word.

SQLite uses an FTS5 table with trigram tokens, PostgreSQL a ``pg_trgm`` index; the answers are equal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from compat.models.asked import BARE_NUMBER, OF_NUMBER, WHOLE_NUMBER, read_search, spellings_of, without_signs
from compat.models.record import ModelRecord

MAX_QUERY = 1000
"""The longest question accepted, in characters."""
_TRIGRAM = 3
_SIZE = re.compile(r"[0-9]+(?:\.[0-9]+)?[bm]")
"""How many parameters a model has, as names say it: a word of its own, no beginning of ``8bit`` or end of ``8x7b``.

Of a name that says no size at all, the record's count is asked: phi-4 is called 14b.
"""
_NEAR = 0.05
"""So far a count is from the size that the model is called by: phi-4 has 14.7 billion."""


def words_of(question: str) -> tuple[str, ...]:
    """The words to look for, as :func:`~compat.models.asked.read_search` reads them, and none of them left out."""
    asked = read_search(question)
    return (*(tuple(map(without_signs, asked.apart)) or asked.words), *asked.widths, *" ".join(asked.described).split())


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


def ids_named(words: Sequence[str]) -> list[int]:
    """Those of :func:`matching_ids` in which every word is one of the name, or of the account's name, by itself.

    ``mistral`` is part of ``mistralai/Devstral`` and ``ocr`` of ``socrates``, but neither is what that is called.
    A number may follow right behind a word. One query.
    """
    query = _ids_query(words)
    plain = [word for word in words if not _SIZE.fullmatch(word) and not _numbers(word)]
    if query is None or not plain:
        return []
    sql, values = query
    sqlite = connection.vendor == "sqlite"
    for word in plain:
        ways = [way for one in spellings_of(word) for way in _by_itself(one, sqlite=sqlite)]
        sql += " AND (" + " OR ".join(["search_text GLOB %s" if sqlite else "search_text ~ %s"] * len(ways)) + ")"
        values += ways
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [pk for (pk,) in cursor.fetchall()]


def _by_itself(word: str, *, sqlite: bool) -> tuple[str, ...]:
    """The patterns of texts that hold a word by itself."""
    if not sqlite:
        plain = re.escape(word)
        return (f"^([^/]*[-._])?{plain}([-._][^/]*)?/", f"/(.*[^a-z0-9])?{plain}[^a-z]")
    plain = re.sub(r"([*?\[])", r"[\1]", word)
    of_owner = (f"{plain}/*", f"{plain}[-._]*/*", f"*[-._]{plain}/*", f"*[-._]{plain}[-._]*/*")
    return (*of_owner, f"*/{plain}[^a-z]*", f"*/*[^a-z0-9]{plain}[^a-z]*")


def _ids_query(words: Sequence[str]) -> tuple[str, list[str | int]] | None:
    """The ids as SQL with its values; None where no id can match."""
    if not all(word.isascii() for word in words):
        # Ids are ASCII. SQLite would fold some other letters into it (a long s), PostgreSQL would not.
        return None
    conditions: list[str] = []
    values: list[str | int] = []
    sqlite = connection.vendor == "sqlite"
    holds = "search_text GLOB %s" if sqlite else "search_text ~ %s"
    sizes = [word for word in words if _SIZE.fullmatch(word)]
    patterns = [_numbers(word) for word in words if _numbers(word)]
    words = [without_signs(word) if _numbers(word) else word for word in words if word not in sizes]
    if sqlite:
        # Words of one or two characters have no trigram; the plain comparison serves them.
        long = [word for word in words if len(word) >= _TRIGRAM]
        words = [word for word in words if len(word) < _TRIGRAM]
        if long:
            conditions.append("id IN (SELECT rowid FROM compat_search WHERE compat_search MATCH %s)")
            values.append(" AND ".join(_any_of(word) for word in long))
    for size in sizes:
        conditions.append(f"({holds} OR (parameters BETWEEN %s AND %s AND NOT {holds}))")
        of_size, of_any = (_pattern(one, sqlite=sqlite) for one in (f"[^a-z0-9.]{size}[^a-z0-9]", "[0-9][bm][^a-z0-9]"))
        values += [of_size, *parameters_called(size), of_any]
    for ways in patterns:
        conditions.append("(" + " OR ".join([holds] * len(ways)) + ")")
        values += [_pattern(one, sqlite=sqlite) for one in ways]
    for word in words:
        spelled = spellings_of(word)
        conditions.append("(" + " OR ".join(["search_text LIKE %s ESCAPE '!'"] * len(spelled)) + ")")
        values += ["%" + re.sub(r"([!%_])", r"!\1", one) + "%" for one in spelled]
    where = " AND ".join(conditions or ["1=1"])
    return f"SELECT id FROM compat_modelrecord WHERE {where}", values  # noqa: S608 - only values come from outside


def _numbers(word: str) -> list[str]:
    """What a text must hold one of where a word says how its number ends; none for any other word."""
    plain, numbered = without_signs(word), OF_NUMBER.fullmatch(word)
    if numbered:
        return [f"{numbered[1]}{between}{numbered[2]}[^0-9]" for between in ("", "[-_.]")]
    if BARE_NUMBER.fullmatch(word):
        return [f"[^0-9.]{plain}[^0-9.]"]
    return [f"{one}[^0-9.]" for one in spellings_of(plain)] if WHOLE_NUMBER.fullmatch(word) else []


def _pattern(text: str, *, sqlite: bool) -> str:
    """What holds a text with sets of characters in brackets, as the database is asked for it."""
    return f"*{text}*" if sqlite else re.sub(r"\.(?![^\[]*\])", r"\.", text)


def parameters_called(size: str) -> tuple[int, int]:
    """The least and the most parameters of a model that is called by a size, such as ``14b``."""
    number = float(size[:-1]) * (1e9 if size[-1] == "b" else 1e6)
    return round(number * (1 - _NEAR)), round(number * (1 + _NEAR))


def _any_of(word: str) -> str:
    """A word in any of its spellings, as FTS5 is asked for it."""
    return "(" + " OR ".join('"' + one.replace('"', '""') + '"' for one in spellings_of(word)) + ")"
