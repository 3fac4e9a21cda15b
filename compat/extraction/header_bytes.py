"""How a file header is read piece by piece, without knowing where the bytes come from.

A header reader is a generator: it yields ``(start, length)``, is sent the bytes found there (fewer where the
file ends) and returns the parsed header. Whoever can supply bytes drives it: :func:`read_from` a function,
:func:`compat.hub.headers.read_header` a Hub.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

Header = TypeVar("Header")
HeaderReads = Generator[tuple[int, int], bytes, Header]

_GROWTH = 2


class HeaderError(ValueError):
    """A file header that cannot be used: cut short, too large, or not what its format demands."""


class NeedBytes(Exception):  # noqa: N818 - a request of a parser to its caller, not an error
    """The parser must see the file's first ``up_to`` bytes to go on."""

    def __init__(self, up_to: int) -> None:
        super().__init__(up_to)
        self.up_to = up_to


def read_growing(parse: Callable[[bytes], Header], *, first: int, most: int) -> HeaderReads[Header]:
    """Read ``first`` bytes, and more while ``parse`` raises :class:`NeedBytes`; never above ``most`` bytes.

    Each read doubles what is held, so that few are needed and few bytes are read in vain. Raises
    :class:`HeaderError` if the file ends inside its header, or its header is larger than ``most``.
    """
    held = b""
    wanted = min(first, most)
    while True:
        asked = wanted - len(held)
        piece = yield len(held), asked
        held += piece[:asked]
        try:
            return parse(held)
        except NeedBytes as need:
            if need.up_to > most:
                raise HeaderError(
                    f"the header is larger than {most:,} bytes: at least {need.up_to:,} are needed"
                ) from None
            if len(piece) < asked:
                raise HeaderError(f"the file ends inside its header, after {len(held):,} bytes") from None
            wanted = min(most, max(need.up_to, _GROWTH * len(held)))


def read_from(read: Callable[[int, int], bytes], reads: HeaderReads[Header]) -> Header:
    """Drive a header reader with a function that gives the bytes at ``(start, length)``."""
    try:
        start, length = next(reads)
        while True:
            start, length = reads.send(read(start, length))
    except StopIteration as done:
        header: Header = done.value
        return header
