"""Background work, done by the ``db_worker`` process. Each task can be run again without harm."""

from __future__ import annotations

import logging
from functools import partial

from asgiref.sync import sync_to_async
from django.db import transaction
from django.utils import timezone
from django_tasks import task

from compat.hub import HubError, HubNotFound
from compat.hub.documents import Document, Kind, Told, told
from compat.hub.rate_limit_budget import Party
from compat.ingest import task_results
from compat.ingest.departures import note_gone, note_whereabouts, why_gone
from compat.ingest.freshness import may_ask, note_outcome, queue_is_full
from compat.ingest.hub_quota import hub_client, run_to_end
from compat.ingest.judging import reevaluate
from compat.models import HubFetch, RecordDocument

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
        _, outcome = fetch_now(repo_id, for_visitors=True)
    except HubError:
        return "failed"
    return outcome


def fetch_now(repo_id: str, *, for_visitors: bool = False) -> tuple[str, str]:
    """Ask the Hub and keep its answer. Returns the id it has there, and "new", "changed" or "unchanged".

    What is asked ``for_visitors`` comes from their part of the Hub's quota. Raises the
    :class:`~compat.hub.errors.HubError` that kept it from being fetched, after noting it.
    """
    party = Party.VISITORS if for_visitors else Party.OPERATOR
    try:
        answer = run_to_end(partial(_all_told, repo_id, party))
        counts = note_whereabouts(repo_id, answer)
    except HubError as problem:
        if isinstance(problem, HubNotFound) and (why := why_gone(problem)):
            note_gone(repo_id, why)
        note_outcome(repo_id, problem)
        log.warning("fetching %s failed: %s", repo_id, problem)
        raise
    except Exception:
        note_outcome(repo_id, HubError("What the Hub told could not be kept here. The site's log tells why."))
        raise
    found = answer.record.model.id
    note_outcome(found, None)
    if found != repo_id:
        HubFetch.objects.filter(repo_id=repo_id).delete()
    return found, "new" if counts.new else "changed" if counts.changed else "unchanged"


MOST_SECONDS = 60.0
"""What all answers of the Hub to one fetch may take together: other fetches wait behind it."""


async def _all_told(repo_id: str, party: Party) -> Told:
    # Here, not above: the web processes import this module and never speak HTTP to the Hub themselves.
    from compat.ingest.at_commit import all_told, kept_of, with_known

    client = hub_client(party, most_seconds=MOST_SECONDS, total_timeout=MOST_SECONDS / 2)
    async with client:
        found = told(Kind.DETAIL, await client.model(repo_id), timezone.now())
        name = found.record.model.id
        known = await sync_to_async(_known_of)(name)
        return await all_told(client, with_known(found, known), kept_of(name, known))


def _known_of(repo_id: str) -> list[Document]:
    return [row.document for row in RecordDocument.objects.filter(record__repo_id=repo_id)]


@task()
def reevaluate_all() -> str:
    """Judge everything again."""
    done = reevaluate(everything=True)
    return f"{done.verdicts} verdicts on {done.sheets} fact sheets"
