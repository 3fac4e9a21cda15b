"""Results of finished tasks: kept for a while to look into, then deleted, so that the table does not grow."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from django_tasks_db.models import DBTaskResult

KEPT = timedelta(days=7)


def prune_results() -> int:
    """Drop results of tasks that ended longer than ``KEPT`` ago; those that wait or go on stay. Returns how many."""
    return DBTaskResult.objects.finished().filter(finished_at__lt=timezone.now() - KEPT).delete()[0]
