"""Runs that fill the catalogue: one event tells what a whole run changed, and one that it failed."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings

from compat.models import Catalogue, Job
from compat.timestamps import Json, iso_timestamp

from . import events, outbox

WITHIN_RUN = timedelta(minutes=10)
"""Longer than a run ever waits for the Hub: only a run that died keeps what it gathered back so long."""
OUTSIDE_RUN = timedelta(seconds=30)
"""Changes that belong to no run come in one event if they follow each other so closely."""


@dataclass(frozen=True, slots=True)
class _Run:
    pk: int
    first_fill: bool


_current: ContextVar[_Run | None] = ContextVar("run", default=None)


def note_start(run: Job, **_: Any) -> None:
    """A run goes on from here. Into an empty catalogue it brings a thousand models, of which none is news."""
    if settings.WEBHOOK_HOSTS:
        _current.set(_Run(run.pk, first_fill=not Catalogue.is_filled()))


def note_end(run: Job, **_: Any) -> None:
    """A run is over: what it gathered is sent, and its failure told."""
    current = _current.get()
    if current is not None and current.pk == run.pk:
        _current.set(None)
    outbox.close_gathered()
    if run.state != "failed":
        return
    for hook in outbox.hooks_wanting(events.SYNC_FAILED):
        outbox.put_event(hook, events.SYNC_FAILED, _told(run))


def _told(run: Job) -> Json:
    return {
        "run": run.pk,
        "source": run.source,
        "error": run.error,
        "startedAt": iso_timestamp(run.started or run.wanted, "seconds"),
        "finishedAt": run.finished and iso_timestamp(run.finished, "seconds"),
        "new": run.new,
        "changed": run.changed,
        "unchanged": run.unchanged,
        "rejected": run.rejected,
    }


def is_first_fill() -> bool:
    """Whether the run that goes on here began with an empty catalogue, or goes on filling one."""
    current = _current.get()
    return current is not None and current.first_fill


def gathering_patience() -> timedelta:
    """How long to wait for more of the same before it is told."""
    return WITHIN_RUN if _current.get() else OUTSIDE_RUN
