"""What a repository's name hints at: the weakest evidence of an architecture, asked only where nothing else tells."""

from __future__ import annotations

import re

from compat.architectures.tables import read_tables

_EXPERTS = re.compile(r"\d+x\d+(\.\d+)?b|a\d+(\.\d+)?b")


def name_words(name: str) -> tuple[str, ...]:
    """A repository or file name as lower-case words, split at dashes, underscores, blanks and slashes."""
    return tuple(word for word in re.split(r"[-_\s/]+", name.lower()) if word)


def hint_in(name: str) -> tuple[str, str] | None:
    """The ``model_type`` that the name's own first words hint at, with those words; None if they do not.

    Whole words only, and nothing at all where another word of the name hints at a different kind of model (vision,
    adapter, mixture of experts, distillation...).
    """
    tables = read_tables()
    words = name_words(name)
    for start, model_type in tables.hints:
        if words[: len(start)] == start:
            rest = words[len(start) :]
            if tables.hints_nothing.intersection(rest) or any(_EXPERTS.fullmatch(word) for word in rest):
                return None
            return model_type, " ".join(start)
    return None
