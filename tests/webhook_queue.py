"""The task queue as it runs on a site, for tests that send webhooks: the database holds it, a worker empties it."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F
from django_tasks_db.models import DBTaskResult, get_date_max

from compat.management.lanes import do_task
from compat.models import WebhookDelivery

BACKEND = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": []}}


def work() -> None:
    """Do all tasks that are due, as the ``tasks`` process does."""
    while do_task("default") or do_task("fetches"):
        pass
    failed = DBTaskResult.objects.failed().first()
    assert failed is None, failed.traceback


def time_passes(**time: float) -> None:
    """As if so much time had passed for everything that waits."""
    delta = timedelta(**time)
    WebhookDelivery.objects.update(next_attempt=F("next_attempt") - delta)
    waiting = DBTaskResult.objects.filter(status="READY").exclude(run_after=get_date_max())
    waiting.update(run_after=F("run_after") - delta)
