"""A small cache inside the process, for values that are costly to make and whose key says all they depend on.

Unlike Django's cache it keeps the objects themselves: nothing is pickled, and nothing needs to be invalidated.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")

MOST = 256
_kept: OrderedDict[Hashable, Any] = OrderedDict()
_lock = Lock()


def kept(key: Hashable, make: Callable[[], T]) -> T:
    """The value made for this key before, or made now; the least used ones are dropped."""
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            found: T = _kept[key]
            return found
    made = make()
    with _lock:
        _kept[key] = made
        while len(_kept) > MOST:
            _kept.popitem(last=False)
    return made


def forget() -> None:
    """Drop everything."""
    with _lock:
        _kept.clear()
