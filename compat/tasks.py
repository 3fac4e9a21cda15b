"""Background work, done by the ``db_worker`` process. Each task can be run again without harm."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Container

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django_tasks import task

from compat.hub import HubError
from compat.hub.documents import Told
from compat.ingest import store, task_results
from compat.ingest.freshness import may_ask, note_outcome, queue_is_full
from compat.ingest.judging import reevaluate
from compat.models import HubFetch, documents_kept

log = logging.getLogger(__name__)

URGENT = 50
"""The priority of a fetch that somebody waits for; one that only makes a record newer has none."""


def request_fetch(repo_id: str, *, urgent: bool = True, insisting: bool = False, bounded: bool = True) -> bool:
    """Ask for one repository to be fetched; False where it was asked for a moment ago, or too many others were.

    ``urgent`` where somebody waits for it, ``insisting`` where somebody pressed a button, ``bounded`` unless the
    operator asks: visitors cannot fill the queue.
    """
    # Looked at before anything is locked: most visitors find that it is too early.
    if not may_ask(HubFetch.objects.filter(repo_id=repo_id).first(), insisting=insisting):
        return False
    if bounded and queue_is_full():
        return False
    now = timezone.now()
    with transaction.atomic():
        request, new = HubFetch.objects.select_for_update().get_or_create(repo_id=repo_id, defaults={"requested": now})
        if not new:
            if not may_ask(request, insisting=insisting):
                return False
            request.state, request.requested, request.finished, request.error = "queued", now, None, ""
            request.save()
        fetch_record.using(priority=URGENT if urgent else 0).enqueue(repo_id)
    return True


@task()
def fetch_record(repo_id: str) -> str:
    """Fetch one repository from the Hub into the catalogue; a failure is kept in words on its request."""
    task_results.prune_daily()
    if HubFetch.objects.filter(repo_id=repo_id).exclude(state="queued").exists():
        return "answered meanwhile"
    try:
        _, outcome = fetch_now(repo_id)
    except HubError:
        return "failed"
    return outcome


def fetch_now(repo_id: str) -> tuple[str, str]:
    """Ask the Hub and keep its answer. Returns the id it has there, and "new", "changed" or "unchanged".

    Raises the :class:`~compat.hub.errors.HubError` that kept it from being fetched, after noting it.
    """
    try:
        told = asyncio.run(_all_told(repo_id, documents_kept([repo_id])))
        counts = store.store_told([told], origin="hub")
    except HubError as problem:
        note_outcome(repo_id, problem)
        log.warning("fetching %s failed: %s", repo_id, problem)
        raise
    except Exception:
        note_outcome(repo_id, HubError("What the Hub told could not be kept here. The site's log tells why."))
        raise
    found = told.record.model.id
    note_outcome(repo_id, None, renamed_to=found if found.lower() != repo_id.lower() else "")
    return found, "new" if counts.new else "changed" if counts.changed else "unchanged"


async def _all_told(repo_id: str, kept: Container[tuple[str, ...]]) -> Told:
    # Here, not above: the web processes import this module and never speak HTTP to the Hub themselves.
    from compat.hub import HubClient
    from compat.ingest.from_hub import all_told

    async with HubClient(settings.HUB) as client:
        return await all_told(client, await client.model(repo_id), kept)


@task()
def reevaluate_all() -> str:
    """Judge everything again."""
    done = reevaluate(everything=True)
    return f"{done.verdicts} verdicts on {done.sheets} fact sheets"
