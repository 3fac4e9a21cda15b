"""How old a record may be, and when the Hub may be asked for it: policy, with no request made here.

A :class:`~compat.models.HubFetch` row is what many askers share: while it says that a fetch is under way, or was just
answered, nobody asks again. A repository that the Hub does not have is remembered as missing in the same way.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from compat.hub.errors import HubError, HubNotFound
from compat.models import HubFetch, ModelRecord

WAITS = {
    "queued": timedelta(minutes=10),
    "done": timedelta(minutes=2),
    "missing": timedelta(hours=1),
    "failed": timedelta(minutes=5),
}
"""How long each state of a request keeps others from asking: a fetch that never ended counts as lost after its wait."""
MOST_QUEUED = 200
"""Beyond so many requests under way, only staff and commands can ask for more."""


def is_stale(record: ModelRecord) -> bool:
    """Whether this site never asked the Hub for a record, or not for ``RECORD_TTL`` seconds, or not for all of it."""
    old = timezone.now() - timedelta(seconds=settings.RECORD_TTL)
    return record.fetched is None or record.fetched < old or record.lacks_documents


def asked_again_at(fetch: HubFetch, *, insisting: bool = False) -> datetime:
    """From when on the Hub may be asked again for what this request was about.

    Somebody who insists, by pressing a button, waits no longer than after a success.
    """
    state = "done" if insisting and fetch.state != "queued" else fetch.state
    return (fetch.finished or fetch.requested) + WAITS[state]


def may_ask(fetch: HubFetch | None, *, insisting: bool = False) -> bool:
    """Whether the Hub may be asked now, as far as this one repository goes."""
    return fetch is None or asked_again_at(fetch, insisting=insisting) <= timezone.now()


def under_way(fetch: HubFetch | None) -> bool:
    """Whether a fetch has been asked for and may still end."""
    return fetch is not None and fetch.state == "queued" and not may_ask(fetch)


def queue_is_full() -> bool:
    """Whether as many fetches wait as visitors may ask for. One query."""
    since = timezone.now() - WAITS["queued"]
    return HubFetch.objects.filter(state="queued", requested__gt=since).count() >= MOST_QUEUED


def note_outcome(repo_id: str, error: HubError | None) -> HubFetch:
    """Keep what came of asking for a repository, in words; requests that nobody needs any more are dropped."""
    now = timezone.now()
    state = "done" if error is None else "missing" if isinstance(error, HubNotFound) else "failed"
    words = str(error or "")
    old = now - timedelta(seconds=settings.RECORD_TTL) - max(WAITS.values())
    HubFetch.objects.filter(Q(finished__lt=old) | Q(state="queued", requested__lt=old)).delete()
    outcome = {"state": state, "finished": now, "error": words}
    fetch, _ = HubFetch.objects.update_or_create(
        repo_id=repo_id, defaults=outcome, create_defaults={**outcome, "requested": now}
    )
    return fetch
