"""From what a person types to the words to look for."""

from __future__ import annotations

import re

MAX_QUERY = 200
"""The longest question accepted, in characters."""
_MAX_WORDS = 8
_HUB_ADDRESS = re.compile(r"^(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/(?:models/)?", re.IGNORECASE)


def words_of(question: str) -> tuple[str, ...]:
    """The words of a question in lower case, at most eight; a pasted Hub address counts as its repository's id."""
    bare, pasted = _HUB_ADDRESS.subn("", question.replace("\0", " ").strip())
    if pasted:
        bare = "/".join(bare.split("?")[0].split("#")[0].strip("/").split("/")[:2])
    return tuple(dict.fromkeys(bare.lower().split()))[:_MAX_WORDS]


def squash(name: str) -> str:
    """A name without punctuation, so that ``phi2`` finds ``phi-2``."""
    return re.sub(r"[^a-z0-9]+", "", name.lower())
