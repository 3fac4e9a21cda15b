"""Runs that fill the catalogue, noted with what came of them."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from compat.ingest.changes import run_finished, run_started
from compat.ingest.lease import has_died, this_process
from compat.ingest.store import Counts
from compat.models import Catalogue, HubSelection, SyncRun

LOST_AFTER = timedelta(days=1)
"""A run that gave no sign for so long counts as failed; should it end after all, it is what it then says."""


def start_run(source: str, origin: str, *, selection: HubSelection | None = None, dead: str = "") -> SyncRun:
    """Note that a filling of the catalogue has begun; ``dead`` is the process that was at the same selection before."""
    now = timezone.now()
    run = SyncRun.objects.create(
        source=source[:300], origin=origin, selection=selection, started=now, heard=now, holder=this_process()
    )
    give_up_lost_runs(dead)
    run_started.send(SyncRun, run=run)
    return run


def give_up_lost_runs(dead: str = "") -> None:
    """Runs whose process was killed cannot note so themselves; the next run, and the next start, notice it.

    ``dead`` is a process that is known to be none any more.
    """
    now = timezone.now()
    for run in SyncRun.objects.filter(state="running"):
        if run.holder == this_process():
            continue
        killed = bool(run.holder) and (run.holder == dead or has_died(run.holder))
        if not killed and (run.heard or run.started) > now - LOST_AFTER:
            continue
        run.state, run.finished = "failed", now
        sign = "" if killed else " It gave no sign for a day."
        run.error = f"Its process was killed; what it had read until then is kept.{sign}"
        with transaction.atomic():
            lost = SyncRun.objects.filter(pk=run.pk, state="running")
            if lost.update(state=run.state, finished=run.finished, error=run.error):
                run_finished.send(SyncRun, run=run)


def note_sign(run: SyncRun, counts: Counts) -> None:
    """Note that a run goes on, and how far it came."""
    _count(run, counts)
    run.heard = timezone.now()
    run.save(update_fields=["heard", "doing", *_COUNTED])


_COUNTED = ("new", "changed", "unchanged", "rejected", "completed", "gone", "renamed")


def _count(run: SyncRun, counts: Counts) -> None:
    for name in _COUNTED:
        setattr(run, name, getattr(counts, name))
    run.unchanged += counts.older


def finish_run(run: SyncRun, counts: Counts, error: str = "") -> None:
    """Note what came of it."""
    _count(run, counts)
    run.problems, run.error, run.doing = counts.problems, error, ""
    run.state = "failed" if error else "done"
    run.heard = run.finished = timezone.now()
    with transaction.atomic():
        run.save()
        run_finished.send(SyncRun, run=run)


def begin_filling() -> None:
    """Note that the catalogue is incomplete until :func:`end_filling`, whatever happens meanwhile."""
    Catalogue.objects.update_or_create(pk=1, defaults={"filling": True})


def end_filling() -> None:
    """Note that the catalogue is complete. Called last, in one transaction with whatever is still to be done."""
    Catalogue.objects.filter(pk=1).update(filling=False)
