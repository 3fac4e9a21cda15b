"""Values from outside made plain before an assistant reads them: no hidden characters, no endless text."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

MOST_TEXT = 2000
"""Characters of one value."""
MOST_QUOTED = 200
"""Characters of a value inside a sentence."""
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Unicode categories of what nobody sees: controls, direction marks, tag characters, halves, private use."""
_FILLERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Letters and marks that show nothing: fillers, and the selectors in which text can be hidden."""


def line(text: str, most: int = MOST_TEXT) -> str:
    """One line of visible characters, cut at ``most``; what was cut away is marked by an ellipsis."""
    seen = "".join(" " if unicodedata.category(one) in _HIDDEN else one for one in text[: 4 * most])
    words = " ".join(_FILLERS.sub(" ", seen).split())
    return words if len(words) <= most and len(text) <= 4 * most else words[: most - 1] + "…"


def quoted(text: object) -> str:
    """A value from outside inside a sentence of ours."""
    return f"“{line(str(text), MOST_QUOTED)}”"


def clean_value(value: Any) -> Any:
    """The same JSON value with every text in it made one plain line."""
    if isinstance(value, str):
        return line(value)
    if isinstance(value, list):
        return [clean_value(one) for one in value]
    if isinstance(value, dict):
        return {line(key): clean_value(one) for key, one in value.items()}
    return value
