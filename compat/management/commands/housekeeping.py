"""Drop what nobody needs any more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compat.management.command import Answer, CatalogueCommand
from compat.management.console import Screen


class Command(CatalogueCommand):
    """``housekeeping``"""

    help = (
        "Drop what nobody needs any more: results of tasks after a week, deliveries of webhooks after a month, jobs "
        "after ninety days, requests to the Hub that are long over, and sessions that have run out."
    )
    examples = (
        ("housekeeping", "what the schedule of that name does"),
        ("housekeeping --json", "the same, and say for a program how much it was"),
    )

    def answer(self, options: Mapping[str, Any]) -> Answer:
        """Drop, and say how much."""
        from django.contrib.sessions.models import Session
        from django.utils import timezone

        from compat.ingest import jobs
        from compat.ingest.freshness import forget_old_requests
        from compat.ingest.task_results import prune_results
        from compat.models import Webhook
        from compat.webhooks.tasks import prune_deliveries

        with jobs.noted("housekeeping"):
            dropped = {
                "tasks": prune_results(),
                "deliveries": sum(prune_deliveries(pk) for pk in Webhook.objects.values_list("pk", flat=True)),
                "jobs": jobs.forget_old(),
                "requests": forget_old_requests(),
                "sessions": Session.objects.filter(expire_date__lt=timezone.now()).delete()[0],
            }

        def show(screen: Screen) -> None:
            screen.line("Dropped: " + ", ".join(f"{count:,} {what}" for what, count in dropped.items()) + ".")

        return Answer(dict(dropped), show)
