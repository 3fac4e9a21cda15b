"""What people call an accelerator, and its label in the site's list."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from compat.catalogue.workers import accelerator_labels
from compat.engines.hardware import MAKERS_WORDS

_MAKERS = re.compile(rf"\b(?:{'|'.join(MAKERS_WORDS)})\b|\((?:r|tm)\)")
_LINE = re.compile(r"^(?:rtx|gtx|rx) (?=\d)")
_LINE_AND_NUMBER = re.compile(r"\b(rtx|gtx|rx)(?=\d)")
_SIZE = re.compile(r"(\d) ?gi?b\b")
_MOST_LETTERS = 80
_ALSO = {"mi300x": "MI300", "strix halo": "Ryzen AI Max+ 395"}
"""Other names of the same. The list's MI300 has 192 GB, as MI300X has; an MI300A has 128 and is none of the list."""


def as_listed(name: str) -> str:
    """The label of the one accelerator that people spell so (``nvidia geforce rtx 4070``, ``4070``, ``m3 max``).

    What is spelled like none of them, or like several, comes back as it is.
    """
    if name in accelerator_labels():
        return name
    found = _spelled().get(_spelling(name), ())
    return found[0] if len(found) == 1 else name


@cache
def _spelled() -> Mapping[str, tuple[str, ...]]:
    """The labels by each way to spell them: with and without the maker's words and the line's."""
    found: dict[str, tuple[str, ...]] = {}
    for label in accelerator_labels():
        whole = _spelling(label)
        for spelling in dict.fromkeys((whole, _LINE.sub("", whole))):
            found[spelling] = (*found.get(spelling, ()), label)
    for spelling, label in _ALSO.items():
        found.setdefault(spelling, (label,))
    return found


def _spelling(name: str) -> str:
    """Lower case without the maker's words, a line and a size parted from their numbers."""
    plain = _MAKERS.sub(" ", name[:_MOST_LETTERS].lower().replace("-", " "))
    return " ".join(_SIZE.sub(r"\1 gb", _LINE_AND_NUMBER.sub(r"\1 ", plain)).split())
