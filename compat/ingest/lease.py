"""One process at a time reads a selection or does a job: a lease that its holder renews, and that ends with it.

A holder that was killed renews nothing. On its own machine it is seen at once that there is no such process any more;
elsewhere its lease has to run out.
"""

from __future__ import annotations

import os
import socket
import time
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from compat.ingest.clock import CLOCKS_DIFFER_BY
from compat.models import HubSelection
from compat.models.lease import Leased

LASTS = timedelta(minutes=2)
"""How long a lease holds that is not renewed; longer than a page takes to be stored."""
RENEWED_EVERY = 20.0
"""Seconds."""


class TakenError(Exception):
    """Another process is at it; ``until`` is when its lease ends if it gives no further sign."""

    def __init__(self, holder: str, until: datetime) -> None:
        super().__init__(f"Another process is at it ({holder.partition('/')[0]}).")
        self.until = until


class LostError(Exception):
    """This process held the lease, and another one has taken it since."""


@cache
def _machine() -> str:
    """What processes that see each other agree on: the machine since it was started, and the space of their numbers."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot[:13]}.{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return "unknown"


def this_process() -> str:
    """This process as holders are called: its number and host for people, then what tells whether it is alive."""
    number = os.getpid()
    return f"process {number} on {socket.gethostname()[:30]}/{_machine()}.{number}.{_began(number)}"


def _began(number: int) -> str:
    """When a process began, in the machine's ticks, as numbers are given again; empty for one that is over."""
    try:
        told = Path(f"/proc/{number}/stat").read_text("ascii", "replace")
    except OSError:
        return ""
    state, *numbers = told.rpartition(")")[2].split()
    return "" if state in ("Z", "X") else numbers[18]


def has_died(holder: str) -> bool:
    """Whether it is certain that a holder is no process any more."""
    machine, number, began = [*holder.partition("/")[2].rsplit(".", 2), "", ""][:3]
    if machine != _machine() or machine == "unknown" or not (number.isdecimal() and began):
        return False
    return _began(int(number)) != began


def holds(leased: Leased, now: datetime) -> bool:
    """Whether a lease that was given lasts yet; one that would last longer than any is of a clock that was set back."""
    return leased.held_until is not None and now < leased.held_until <= now + LASTS + CLOCKS_DIFFER_BY


def take(leased: Leased) -> str:
    """Take the lease of a row for this process; returns the holder that had died with it, else nothing.

    Raises :class:`TakenError` where another process holds it.
    """
    now, me = timezone.now(), this_process()
    with transaction.atomic():
        rows = type(leased)._default_manager  # noqa: SLF001 - documented by Django as public
        row = rows.select_for_update().get(pk=leased.pk)
        if row.holder not in ("", me) and not has_died(row.holder) and holds(row, now):
            assert row.held_until is not None
            raise TakenError(row.holder, row.held_until)
        rows.filter(pk=row.pk).update(holder=me, held_until=now + LASTS)
    return "" if row.holder == me else row.holder


def take_patiently(leased: Leased) -> str:
    """The same, waiting for the lease of a holder that may have died elsewhere: one that is alive renews it."""
    first: TakenError | None = None
    while True:
        try:
            return take(leased)
        except TakenError as error:
            if first is not None and error.until > first.until:
                raise
            first = first or error
            time.sleep(1.0)


def renew(selection_id: int) -> None:
    """Hold the lease for longer; part of each step's transaction, so that nothing is written without it.

    Raises :class:`LostError`.
    """
    held = HubSelection.objects.filter(pk=selection_id, holder=this_process())
    if not held.update(held_until=timezone.now() + LASTS):
        raise LostError


def leave(selection_id: int) -> None:
    """Give the lease back."""
    HubSelection.objects.filter(pk=selection_id, holder=this_process()).update(holder="", held_until=None)
