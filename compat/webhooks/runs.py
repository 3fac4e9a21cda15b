"""Runs that fill the catalogue: one event tells what a whole run changed, and one that it failed."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from compat.models import Catalogue, SyncRun
from compat.timestamps import Json, iso_timestamp

from . import outbox

WITHIN_RUN = timedelta(minutes=10)
"""Longer than a run ever waits for the Hub: only a run that died keeps what it gathered back so long."""
OUTSIDE_RUN = timedelta(seconds=30)
"""Changes that belong to no run come in one event if they follow each other so closely."""
LOST_AFTER = timedelta(days=1)
"""A run that has not ended after so long counts as failed; should it end after all, it is what it then says."""


@dataclass(frozen=True, slots=True)
class _Run:
    pk: int
    first_fill: bool


_current: ContextVar[_Run | None] = ContextVar("run", default=None)


def began(run: SyncRun) -> None:
    """A run goes on from here. Into an empty catalogue it brings a thousand models, of which none is news."""
    _give_up_lost_runs()
    if settings.WEBHOOK_HOSTS:
        _current.set(_Run(run.pk, first_fill=not Catalogue.is_filled()))


def _give_up_lost_runs() -> None:
    """Runs whose process was killed cannot tell so themselves; the next run notices it."""
    now = timezone.now()
    for run in SyncRun.objects.filter(state="running", started__lt=now - LOST_AFTER):
        run.state, run.finished = "failed", now
        run.error = "It did not end within a day: its process was probably killed."
        with transaction.atomic():
            lost = SyncRun.objects.filter(pk=run.pk, state="running")
            if lost.update(state=run.state, finished=run.finished, error=run.error):
                ended(run)


def ended(run: SyncRun) -> None:
    """A run is over: what it gathered is sent, and its failure told."""
    current = _current.get()
    if current is not None and current.pk == run.pk:
        _current.set(None)
    outbox.close_gathered()
    if run.state != "failed":
        return
    for hook in outbox.hooks_wanting(outbox.SYNC_FAILED):
        outbox.put(hook, outbox.SYNC_FAILED, _told(run))


def _told(run: SyncRun) -> Json:
    return {
        "run": run.pk,
        "source": run.source,
        "error": run.error,
        "startedAt": iso_timestamp(run.started, "seconds"),
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


def patience() -> timedelta:
    """How long to wait for more of the same before it is told."""
    return WITHIN_RUN if _current.get() else OUTSIDE_RUN
