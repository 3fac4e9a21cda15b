"""How old a record may be, and when the Hub may be asked for it: policy, with no request made here.

A :class:`~compat.models.HubFetch` row is what many askers share: while it says that a fetch is under way, or was just
answered, nobody asks again. A repository that the Hub does not have is remembered as missing in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from django.conf import settings
from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac

from compat.hub.errors import HubError, HubNotFound
from compat.ingest.clock import CLOCKS_DIFFER_BY, lies_ahead
from compat.models import HubFetch, ModelRecord, RecordDocument, VisitorAddition

WAITS = {
    "queued": timedelta(minutes=10),
    "done": timedelta(minutes=2),
    "missing": timedelta(hours=1),
    "failed": timedelta(minutes=5),
}
"""How long each state of a request keeps others from asking: a fetch that never ended counts as lost after its wait."""
MOST_QUEUED = 200
"""Beyond so many requests under way, only staff and commands can ask for more."""
BUDGET_OF = timedelta(hours=1)
"""The time that visitors' budgets are for: one for each address, and one for all of them together."""


def is_stale(record: ModelRecord) -> bool:
    """Whether this site never asked the Hub for a record, or not for ``RECORD_TTL`` seconds, or not for all of it."""
    old = timezone.now() - timedelta(seconds=settings.RECORD_TTL)
    return record.fetched is None or record.fetched < old or lies_ahead(record.fetched) or record.lacks_documents


def asked_again_at(fetch: HubFetch, *, insisting: bool = False) -> datetime:
    """From when on the Hub may be asked again for what this request was about.

    Somebody who insists, by pressing a button, waits no longer than after a success.
    """
    state = "done" if insisting and fetch.state != "queued" else fetch.state
    return (fetch.finished or fetch.requested) + WAITS[state]


def may_ask(fetch: HubFetch | None, *, insisting: bool = False) -> bool:
    """Whether the Hub may be asked now, as far as this one repository goes."""
    if fetch is None or lies_ahead(fetch.finished or fetch.requested):
        return True
    return asked_again_at(fetch, insisting=insisting) <= timezone.now()


def under_way(fetch: HubFetch | None) -> bool:
    """Whether a fetch has been asked for and may still end."""
    return fetch is not None and fetch.state == "queued" and not may_ask(fetch)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a visitor's fetch has to wait, or is not made: ``busy`` (too many wait, or were asked for by all visitors),
    ``spent`` (by this one), ``full`` (visitors may add no more models). ``wait`` is in seconds, None for good.
    """

    why: str
    wait: int | None


def refusal_to(asker: str, *, new: bool) -> Refusal | None:
    """Why a visitor may not have a model fetched now; ``new`` where the catalogue lacks it. One query, or two.

    Half of what is an address's is for those: pages ask for newer records of what the catalogue has by themselves.
    An empty ``asker`` is the operator, who always may.
    """
    if not asker:
        return None
    now = timezone.now()
    theirs = HubFetch.objects.filter(requested__gt=now - BUDGET_OF, requested__lte=now + CLOCKS_DIFFER_BY)
    numbers = theirs.aggregate(
        queued=Count("pk", filter=Q(state="queued", requested__gt=now - WAITS["queued"])),
        all=Count("pk", filter=~Q(asker="")),
        own=Count("pk", filter=Q(asker=asker)),
        first=Min("requested", filter=~Q(asker="")),
        own_first=Min("requested", filter=Q(asker=asker)),
    )
    if numbers["queued"] >= MOST_QUEUED:
        return Refusal("busy", 60)
    if numbers["own"] >= (settings.FETCH_PER_ADDRESS if new else (settings.FETCH_PER_ADDRESS + 1) // 2):
        return Refusal("spent", _until(numbers["own_first"], now))
    if numbers["all"] >= settings.FETCH_PER_HOUR:
        return Refusal("busy", _until(numbers["first"], now))
    if new and VisitorAddition.objects.count() >= settings.FETCH_MOST_NEW:
        return Refusal("full", None)
    return None


def _until(first: datetime | None, now: datetime) -> int:
    """Seconds until the first of those counted counts no more."""
    return max(1, ceil(((first or now) + BUDGET_OF - now).total_seconds()))


def asker_of(address: str) -> str:
    """How a visitor's address is kept: as a digest that nobody without the site's key can make again."""
    return salted_hmac("compat.fetch", address, algorithm="sha256").hexdigest()[:24]


def out_of_date() -> QuerySet[ModelRecord]:
    """The records that :func:`is_stale` says are stale, and that the Hub still has as far as is known."""
    old = timezone.now() - timedelta(seconds=settings.RECORD_TTL)
    older = RecordDocument.objects.filter(record=OuterRef("pk")).exclude(sha="").exclude(sha=OuterRef("sha"))
    ahead = Q(fetched__gt=timezone.now() + CLOCKS_DIFFER_BY)
    return ModelRecord.objects.filter(Q(fetched__isnull=True) | Q(fetched__lt=old) | ahead | Exists(older), gone="")


def forget_old_requests() -> int:
    """Drop requests that nobody needs any more. Returns how many."""
    old = timezone.now() - timedelta(seconds=settings.RECORD_TTL) - max(WAITS.values())
    return HubFetch.objects.filter(Q(finished__lt=old) | Q(state="queued", requested__lt=old)).delete()[0]


def note_outcome(repo_id: str, error: HubError | None) -> HubFetch:
    """Keep what came of asking for a repository, in words."""
    now = timezone.now()
    state = "done" if error is None else "missing" if isinstance(error, HubNotFound) else "failed"
    words = str(error or "")
    outcome = {"state": state, "finished": now, "error": words}
    fetch, _ = HubFetch.objects.update_or_create(
        repo_id=repo_id, defaults=outcome, create_defaults={**outcome, "requested": now}
    )
    return fetch
