"""Background work, done by the ``db_worker`` process. Each task can be run again without harm."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django_tasks import task

from compat import sync
from compat.hub import HubError
from compat.hub.payloads import parse_record
from compat.models import HubFetch

log = logging.getLogger(__name__)

PATIENCE = timedelta(minutes=2)
"""How long a request that is under way, or just failed, keeps others from asking the Hub again."""


def request_fetch(repo_id: str) -> bool:
    """Ask for one repository to be fetched; False where it was already asked for a moment ago."""
    now = timezone.now()
    with transaction.atomic():
        request, new = HubFetch.objects.select_for_update().get_or_create(repo_id=repo_id, defaults={"requested": now})
        if not new:
            if request.requested > now - PATIENCE:
                return False
            request.state, request.requested, request.finished, request.error = "queued", now, None, ""
            request.save()
    fetch_record.enqueue(repo_id)
    return True


@task()
def fetch_record(repo_id: str) -> str:
    """Fetch one repository from the Hub into the catalogue; a failure is kept in words on its request."""
    error = ""
    try:
        parsed = parse_record(asyncio.run(_full_model(repo_id)))
        counts = sync.store([parsed], origin="hub")
        if counts.new or counts.changed:
            sync.inherit()
        if parsed.model.id.lower() != repo_id.lower():
            error = f"The Hub has renamed it: it is now {parsed.model.id}."
        outcome = "new" if counts.new else "changed" if counts.changed else "unchanged"
    except HubError as problem:
        outcome, error = "failed", str(problem)
        log.warning("fetching %s failed: %s", repo_id, problem)
    now = timezone.now()
    result = {"state": "failed" if error else "done", "finished": now, "error": error}
    HubFetch.objects.update_or_create(repo_id=repo_id, defaults=result, create_defaults={**result, "requested": now})
    return outcome


async def _full_model(repo_id: str) -> dict[str, object]:
    # Here, not above: the web processes import this module and never speak HTTP to the Hub themselves.
    from compat.hub import HubClient
    from compat.hub_headers import with_gguf_header

    async with HubClient(settings.HUB) as client:
        return await with_gguf_header(client, await client.full_model(repo_id))


@task()
def reevaluate_all() -> str:
    """Judge everything again."""
    done = sync.reevaluate(everything=True)
    return f"{done.verdicts} verdicts on {done.sheets} fact sheets"
