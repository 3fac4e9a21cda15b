"""Fetching single models, done by the ``tasks`` process. Each task can be run again without harm."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from asgiref.sync import sync_to_async
from django.db import transaction
from django.utils import timezone
from django_tasks import task

from compat.hub import HubError, HubNotFound
from compat.hub.documents import Document, Kind, told
from compat.hub.rate_limit_budget import Party
from compat.ingest.closed import is_known_as_closed, note_closed, note_open
from compat.ingest.departures import note_gone, note_whereabouts, why_gone
from compat.ingest.freshness import may_ask, note_outcome, refusal_to
from compat.ingest.hub_quota import hub_client, run_to_end
from compat.models import HubFetch, ModelRecord, RecordDocument, VisitorAddition, in_any_case

if TYPE_CHECKING:
    from compat.ingest.at_commit import Completed

log = logging.getLogger(__name__)

OPERATOR, URGENT, LATER = 75, 50, 0
"""Priorities of a fetch: for the operator's people, for a visitor who waits, and only to make a record newer."""
QUEUE = "fetches"


def request_fetch(repo_id: str, *, asker: str = "", urgent: bool = True, insisting: bool = False) -> bool:
    """Ask for one repository to be fetched; False where it was asked for a moment ago, or visitors may not now.

    ``asker`` is the visitor, empty for the operator's people; ``urgent`` where somebody waits for it, ``insisting``
    where somebody pressed a button.
    """
    # Looked at before anything is locked: most visitors find that it is too early.
    if not may_ask(HubFetch.objects.filter(repo_id=repo_id).first(), insisting=insisting):
        return False
    if refusal_to(asker, new=not in_any_case([repo_id]).exists()):
        return False
    now = timezone.now()
    with transaction.atomic():
        request, new = HubFetch.objects.select_for_update().get_or_create(
            repo_id=repo_id, defaults={"requested": now, "asker": asker}
        )
        if not new:
            if not may_ask(request, insisting=insisting):
                return False
            request.state, request.requested, request.finished, request.error = "queued", now, None, ""
            request.asker = asker
            request.save()
        priority = LATER if not urgent else URGENT if asker else OPERATOR
        fetch_record.using(priority=priority).enqueue(repo_id)
    return True


@task(queue_name=QUEUE)
def fetch_record(repo_id: str) -> str:
    """Fetch one repository from the Hub into the catalogue; a failure is kept in words on its request."""
    request = HubFetch.of(repo_id)
    if request is not None and request.state != "queued":
        return "answered meanwhile"
    try:
        visitors = request is None or bool(request.asker)
        return fetch_now(repo_id, for_visitors=visitors, try_closed=not visitors)[1]
    except HubError:
        return "failed"


def fetch_now(repo_id: str, *, for_visitors: bool = False, try_closed: bool = True) -> tuple[str, str]:
    """Ask the Hub and keep its answer. Returns the id it has there, and "new", "changed" or "unchanged".

    What is asked ``for_visitors`` comes from their part of the Hub's quota. Files of a repository that is known as
    closed to this site's token are asked for where somebody means this very one (``try_closed``). Raises the
    :class:`~compat.hub.errors.HubError` that kept it from being fetched, after noting it.
    """
    party = Party.VISITORS if for_visitors else Party.OPERATOR
    try:
        answer = run_to_end(partial(_all_told, repo_id, party, try_closed))
        return _kept(repo_id, answer)
    except HubError as problem:
        with transaction.atomic():
            if isinstance(problem, HubNotFound) and (why := why_gone(problem)):
                note_gone(repo_id, why)
            note_outcome(repo_id, problem)
        log.warning("fetching %s failed: %s", repo_id, problem)
        raise
    except Exception:
        note_outcome(repo_id, HubError("What the Hub told could not be kept here. The site's log tells why."))
        raise


def _kept(repo_id: str, answer: Completed) -> tuple[str, str]:
    """Keep what the Hub told, what came of the request for it, and that a visitor had it added: all or nothing."""
    from compat.ingest.at_commit import HEADERS

    found = answer.told.record.model.id
    tried = any(one.kind in (Kind.CONFIG, *HEADERS) for one in answer.told.documents)
    with transaction.atomic():
        counts = note_whereabouts(repo_id, answer.told)
        record = ModelRecord.objects.get(repo_id=found)
        if answer.closed:
            note_closed(record.pk)
        elif tried:
            note_open([record.pk])
        asked = HubFetch.objects.filter(repo_id=repo_id).exclude(asker="")
        if counts.new and asked.exists():
            VisitorAddition.objects.create(record=record, added=timezone.now())
        if found != repo_id:
            HubFetch.objects.filter(repo_id=repo_id).delete()
        note_outcome(found, None)
    return found, "new" if counts.new else "changed" if counts.changed else "unchanged"


MOST_SECONDS = 60.0
"""What all answers of the Hub to one fetch may take together: other fetches wait behind it."""


async def _all_told(repo_id: str, party: Party, try_closed: bool) -> Completed:
    # Here, not above: the web processes import this module and never speak HTTP to the Hub themselves.
    from compat.ingest.at_commit import all_told, kept_of, with_known

    client = hub_client(party, most_seconds=MOST_SECONDS, total_timeout=MOST_SECONDS / 2)
    async with client:
        found = told(Kind.DETAIL, await client.model(repo_id), timezone.now())
        name = found.record.model.id
        known = await sync_to_async(_known_of)(name)
        closed = not try_closed and await sync_to_async(is_known_as_closed)(name)
        return await all_told(client, with_known(found, known), kept_of(name, known), closed=closed)


def _known_of(repo_id: str) -> list[Document]:
    return [row.document for row in RecordDocument.objects.filter(record__repo_id=repo_id)]
