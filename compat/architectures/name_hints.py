"""What a repository's name hints at: the weakest evidence of an architecture, asked only where nothing else tells."""

from __future__ import annotations

import re
from functools import lru_cache

from compat.architectures.tables import read_tables

_MAKERS = frozenset({"google", "meta", "qwen", "nvidia", "ibm", "openai", "mistralai", "microsoft", "zai", "org"})
_WORD = re.compile(r"[^-_\s/]+")
_EXPERTS = re.compile(r"\d+x\d+(\.\d+)?b|a\d+(\.\d+)?b")


@lru_cache(maxsize=1024)
def name_words(name: str) -> tuple[str, ...]:
    """A repository or file name as lower-case words, split at dashes, underscores, blanks and slashes."""
    return tuple(_WORD.findall(name.lower()))


def without_maker(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words of a name without its maker's before them, as packagers write it."""
    return words[1:] if words and words[0] in _MAKERS else words


def hint_in(name: str) -> tuple[str, str] | None:
    """The ``model_type`` that the name's own first words hint at, with those words; None if they do not.

    Whole words only, and nothing at all where another word of the name hints at a different kind of model (vision,
    adapter, distillation...). A maker's name before them, as packagers write it, is left out. Names that tell of
    experts (``30B-A3B``) have hints of their own.
    """
    tables = read_tables()
    words = without_maker(name_words(name))
    experts = any(_EXPERTS.fullmatch(word) for word in words)
    hints = tables.hints[experts]
    for length in range(len(next(iter(hints), ())), 0, -1):
        start = words[:length]
        if start in hints:
            return None if tables.hints_nothing.intersection(words[length:]) else (hints[start], " ".join(start))
    return None
