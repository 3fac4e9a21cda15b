"""Change notification by the writers: a new catalogue version for caches, the changed keys for listeners.

Writers know no listener; those that there are subscribe when the site starts (``compat/apps.py``). A listener is called
inside the transaction of the change, before and after it, so that what it writes is kept if and only if the change is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime
from typing import Generic, TypeVar

from django.db.models import F
from django.dispatch import Signal
from django.utils import timezone

from compat.extraction.version import facts_version
from compat.models import Catalogue

Key = TypeVar("Key")


class Change(Generic[Key]):
    """A kind of change to rows that are told by their keys. A listener is a context around the change.

    Of a context, what stands before its ``yield`` sees the rows as they were, and what stands after it as they are. It
    is left by the exception where the change fails.
    """

    def __init__(self) -> None:
        self._listeners: list[Callable[[Sequence[Key]], AbstractContextManager[None]]] = []

    def subscribe(self, listener: Callable[[Sequence[Key]], AbstractContextManager[None]]) -> None:
        """Have a listener around every later change; once, however often it is subscribed."""
        if listener not in self._listeners:
            self._listeners.append(listener)

    @contextmanager
    def around(self, keys: Sequence[Key]) -> Iterator[None]:
        """Used by the writer around what it does to the rows of these keys, within one transaction."""
        with ExitStack() as stack:
            for listener in self._listeners:
                stack.enter_context(listener(keys))
            yield


records_written: Change[str] = Change()
"""Records are written, new or known, told by their repository's id."""
sheets_judged: Change[int] = Change()
"""Fact sheets of records that stay as they are get verdicts anew, told by their primary key."""
run_started = Signal()
"""A run that fills the catalogue has begun, ``run``. What it changes comes before its end."""
run_finished = Signal()
"""A run is over, ``run``, done or failed; in the transaction that notes it."""


def raise_catalogue_version(now: datetime | None = None) -> None:
    """Say that the catalogue changed, so that caches made before are not used any more."""
    changed = {"changed": now or timezone.now()}
    if not Catalogue.objects.filter(pk=1).update(version=F("version") + 1, **changed):
        # The first change: what is in the catalogue from now on is read by this code.
        Catalogue.objects.get_or_create(pk=1, defaults={"version": 1, "facts_version": facts_version(), **changed})


def lock_records() -> None:
    """Have others who write records wait for the end of this transaction: what they then read is what it wrote.

    A record's columns are made of all its documents, so whoever writes one needs to know the others. SQLite has one
    writer at a time anyway.
    """
    Catalogue.objects.get_or_create(pk=1, defaults={"facts_version": facts_version()})
    Catalogue.objects.select_for_update().get(pk=1)
