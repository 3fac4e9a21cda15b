"""Runs that fill the catalogue, noted with what came of them."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from compat.ingest.store import Counts
from compat.models import SyncRun
from compat.webhooks import runs


def start_run(source: str, origin: str) -> SyncRun:
    """Note that a filling of the catalogue has begun."""
    run = SyncRun.objects.create(source=source[:300], origin=origin, started=timezone.now())
    runs.began(run)
    return run


def finish_run(run: SyncRun, counts: Counts, error: str = "") -> None:
    """Note what came of it."""
    run.new, run.changed, run.unchanged = counts.new, counts.changed, counts.unchanged + counts.older
    run.rejected, run.problems, run.error = counts.rejected, counts.problems, error
    run.state = "failed" if error else "done"
    run.finished = timezone.now()
    with transaction.atomic():
        run.save()
        runs.ended(run)
