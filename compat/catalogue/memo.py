"""A small cache inside the process, for values that are costly to make and whose key says all they depend on.

Unlike Django's cache it keeps the objects themselves: nothing is pickled, and nothing needs to be invalidated.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock, Thread
from typing import Any, TypeVar

from django.db import connection

T = TypeVar("T")

MOST = 256
MOST_PARTS = 150_000
"""How many parts all kept values may have together: rows, or records, whatever a value says it is made of."""
PATIENCE = 0.5
"""Seconds that a request may wait for a value to be made anew; one that takes longer is made beside it."""
_kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
_newest: dict[Hashable, _Newest] = {}
_lock = Lock()


def kept(key: Hashable, make: Callable[[], T], parts: Callable[[T], int] | None = None) -> T:
    """The value made for this key before, or made now; the least used ones are dropped.

    ``parts`` tells how large a value is, for values that may be large.
    """
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            found: T = _kept[key][0]
            return found
    made = make()
    size = 1 + (parts(made) if parts else 0)
    with _lock:
        _kept[key] = made, size
        while len(_kept) > 1 and (len(_kept) > MOST or sum(size for _, size in _kept.values()) > MOST_PARTS):
            _kept.popitem(last=False)
    return made


class _Newest:
    """A value that follows a version: what it is now, the version before, and how long it took to make."""

    def __init__(self) -> None:
        self.making = Lock()
        self.state: tuple[int, Any] | None = None
        self.before: int | None = None
        self.seconds = 0.0

    def good_for(self, version: int) -> bool:
        """Whether it answers this version: a request that began before a change may end with what came after."""
        return self.state is not None and version in (self.state[0], self.before)

    def make(self, version: int, make: Callable[[Any], Any]) -> None:
        """Make it anew, from what it was."""
        start = time.perf_counter()
        value = make(self.state[1] if self.state else None)
        self.before = self.state[0] if self.state else None
        self.state, self.seconds = (version, value), time.perf_counter() - start

    def begin(self, version: int, make: Callable[[Any], Any]) -> None:
        """Make it anew in a thread, unless one is at it."""
        if self.making.acquire(blocking=False):
            Thread(target=self._beside, args=(version, make), daemon=True).start()

    def _beside(self, version: int, make: Callable[[Any], Any]) -> None:
        try:
            self.make(version, make)
        finally:
            self.making.release()
            connection.close()


def newest(name: Hashable, version: int, make: Callable[[Any], T]) -> T:
    """A value that follows the catalogue's version; ``make`` is given what it was before, or None.

    Where making it took longer than a request may wait, that is done in a thread, and what it was before serves on:
    :func:`at_hand` says of which version that is. The very first one is always waited for.
    """
    with _lock:
        known = _newest.setdefault(name, _Newest())
    if not known.good_for(version):
        if known.state is not None and known.seconds > PATIENCE:
            known.begin(version, make)
        else:
            with known.making:
                if not known.good_for(version):
                    known.make(version, make)
    assert known.state is not None
    found: T = known.state[1]
    return found


def took(name: Hashable, seconds: float) -> None:
    """Add what making a part of a newest value took later on: from now on that part is made with the whole."""
    if name in _newest:
        _newest[name].seconds += seconds


def at_hand(name: Hashable, version: int, make: Callable[[Any], Any]) -> int:
    """The version that :func:`newest` can answer at once: this one, or the one before while it is made anew."""
    known = _newest.get(name)
    if known is None or known.state is None or known.seconds <= PATIENCE or known.good_for(version):
        return version
    known.begin(version, make)
    return known.state[0]


def forget() -> None:
    """Drop everything."""
    with _lock:
        _kept.clear()
        _newest.clear()
