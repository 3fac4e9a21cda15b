"""Long runs of things in parts that one query, or one moment, can take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

BATCH = 500
"""How many rows are written, or looked up by a list of keys, at once."""


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in their order, ``size`` at a time; the last part may be shorter, and none is empty."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
