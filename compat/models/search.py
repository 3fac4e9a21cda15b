"""Searching text: from what a person types to the words to look for, and to the records that hold every word.

SQLite asks its trigram table, PostgreSQL its trigram index; the answers are equal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.db import connection
from django.db.models import Q, QuerySet
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


def squash(name: str) -> str:
    """A name without punctuation, so that ``phi2`` finds ``phi-2``."""
    return re.sub(r"[^a-z0-9]+", "", name.lower())


def matching(records: QuerySet[ModelRecord], words: Sequence[str], *, along: bool = False) -> QuerySet[ModelRecord]:
    """The records whose search text holds every word.

    ``along``: the records are walked along in some order, and so many hold the words that looking at each on the way
    is shorter than looking all of them up.
    """
    if not all(word.isascii() for word in words):
        # Ids are ASCII. SQLite would fold some other letters into it (a long s), PostgreSQL would not.
        return records.none()
    if connection.vendor == "sqlite" and not along:
        # Words of one or two characters have no trigram; the plain comparison serves them.
        long = [word for word in words if len(word) >= _TRIGRAM]
        words = [word for word in words if len(word) < _TRIGRAM]
        if long:
            question = " AND ".join('"' + word.replace('"', '""') + '"' for word in long)
            hits = RawSQL("SELECT rowid FROM compat_search WHERE compat_search MATCH %s", [question])
            records = records.filter(id__in=hits)
    condition = Q()
    for word in words:
        condition &= Q(search_text__contains=word)
    return records.filter(condition)
