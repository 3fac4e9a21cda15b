"""How the site is, for whoever runs it: what waits and goes on, what is left of the Hub's quota, what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from compat.hub.rate_limit_budget import Window
from compat.models import (
    FormerName,
    HubFetch,
    HubWindow,
    Job,
    ModelRecord,
    Schedule,
    VisitorAddition,
    Webhook,
    WebhookDelivery,
)

LATELY = timedelta(days=7)
MOST = 10
"""Lines of each kind."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of one of the Hub's quotas: ``left`` is None where that is not known at the moment."""

    name: str
    left: int | None
    of: int | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that went wrong lately: when, what, and why in words."""

    when: datetime
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Operation:
    """All of it. ``oldest_task`` is since when something waits that is due: long ago means that no process works."""

    running: Sequence[Job]
    waiting: Sequence[Job]
    schedules: Sequence[Schedule]
    quotas: Sequence[Quota]
    fetches_waiting: int
    deliveries_waiting: int
    oldest_task: datetime | None
    visitors_fetched: int
    visitors_added: int
    most_added: int
    gone: Sequence[ModelRecord]
    renamed: Sequence[FormerName]
    failures: Sequence[Failure]

    @property
    def stands_still(self) -> bool:
        """Whether something that is due waits for so long that the ``tasks`` process does not seem to run."""
        return self.oldest_task is not None and self.oldest_task < timezone.now() - timedelta(minutes=2)


def operation() -> Operation:
    """How the site is. Fourteen queries."""
    now = timezone.now()
    waiting = list(Job.objects.filter(state="waiting").order_by("due")[: 5 * MOST])
    ready = DBTaskResult.objects.ready().order_by("enqueued_at").values_list("enqueued_at", flat=True).first()
    due = [job.due for job in waiting if job.due and job.due <= now]
    running = list(Job.objects.filter(state="running"))
    at_work = {(job.kind, job.options) for job in running}
    free = [job.due for job in waiting if job.due in due and (job.kind, job.options) not in at_work]
    return Operation(
        running=running,
        waiting=waiting,
        schedules=list(Schedule.objects.all()),
        quotas=[_quota(row, now) for row in HubWindow.objects.all()],
        fetches_waiting=HubFetch.objects.filter(state="queued").count(),
        deliveries_waiting=WebhookDelivery.objects.filter(state__in=("gathering", "pending")).count(),
        oldest_task=min((when for when in (ready, *free) if when), default=None),
        visitors_fetched=HubFetch.objects.filter(requested__gt=now - timedelta(hours=1)).exclude(asker="").count(),
        visitors_added=VisitorAddition.objects.count(),
        most_added=settings.FETCH_MOST_NEW,
        gone=list(ModelRecord.objects.exclude(gone="").defer("search_text").order_by("-gone_since")[:MOST]),
        renamed=list(FormerName.objects.select_related("record").order_by("-noticed")[:MOST]),
        failures=_failures(now),
    )


def _quota(row: HubWindow, now: datetime) -> Quota:
    window = Window(**row.state)
    known = window.resets_at > now.timestamp()
    until = datetime.fromtimestamp(window.resets_at, UTC) if known else None
    return Quota(str(row), window.left if known else None, window.quota, until)


def _failures(now: datetime) -> list[Failure]:
    """The last things that went wrong, of all kinds, the newest first."""
    since = now - LATELY
    jobs = Job.objects.filter(heard__gt=since).exclude(error="").exclude(state="running")[:MOST]
    fetches = HubFetch.objects.filter(state="failed", finished__gt=since).order_by("-finished")[:MOST]
    deliveries = WebhookDelivery.objects.filter(state="failed", finished__gt=since).select_related("webhook")[:MOST]
    stopped = Webhook.objects.exclude(stopped="")[:MOST]
    found = [Failure(job.finished or job.heard or now, f"{job.kind} {job.options}", job.error) for job in jobs]
    found += [Failure(one.finished or now, one.repo_id, one.error) for one in fetches]
    found += [Failure(one.finished or now, f"webhook {one.webhook}", one.error) for one in deliveries]
    found += [Failure(hook.failing_since or now, f"webhook {hook}", hook.stopped) for hook in stopped]
    return sorted(found, key=lambda one: one.when, reverse=True)[: 2 * MOST]
