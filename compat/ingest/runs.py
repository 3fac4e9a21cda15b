"""Runs that fill the catalogue, noted with what came of them."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from compat.ingest.changes import run_finished, run_started
from compat.ingest.store import Counts
from compat.models import Catalogue, SyncRun

LOST_AFTER = timedelta(days=1)
"""A run that has not ended after so long counts as failed; should it end after all, it is what it then says."""


def start_run(source: str, origin: str) -> SyncRun:
    """Note that a filling of the catalogue has begun."""
    run = SyncRun.objects.create(source=source[:300], origin=origin, started=timezone.now())
    _give_up_lost_runs()
    run_started.send(SyncRun, run=run)
    return run


def _give_up_lost_runs() -> None:
    """Runs whose process was killed cannot note so themselves; the next run notices it."""
    now = timezone.now()
    for run in SyncRun.objects.filter(state="running", started__lt=now - LOST_AFTER):
        run.state, run.finished = "failed", now
        run.error = "It did not end within a day: its process was probably killed."
        with transaction.atomic():
            lost = SyncRun.objects.filter(pk=run.pk, state="running")
            if lost.update(state=run.state, finished=run.finished, error=run.error):
                run_finished.send(SyncRun, run=run)


def finish_run(run: SyncRun, counts: Counts, error: str = "") -> None:
    """Note what came of it."""
    run.new, run.changed, run.unchanged = counts.new, counts.changed, counts.unchanged + counts.older
    run.rejected, run.problems, run.error = counts.rejected, counts.problems, error
    run.state = "failed" if error else "done"
    run.finished = timezone.now()
    with transaction.atomic():
        run.save()
        run_finished.send(SyncRun, run=run)


def begin_filling() -> None:
    """Note that the catalogue is incomplete until :func:`end_filling`, whatever happens meanwhile."""
    Catalogue.objects.update_or_create(pk=1, defaults={"filling": True})


def end_filling() -> None:
    """Note that the catalogue is complete. Called last, in one transaction with whatever is still to be done."""
    Catalogue.objects.filter(pk=1).update(filling=False)
