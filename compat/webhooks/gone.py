"""A repository that the Hub does not have any more, or under another name."""

from __future__ import annotations

from typing import Any

from compat.ingest.departures import Departure
from compat.models import ListEntry, Webhook
from compat.timestamps import Json, iso_timestamp

from . import events, outbox


def tell_departure(departure: Departure, **_: Any) -> None:
    """Tell of a repository that went, in the transaction that notes it."""
    for hook in outbox.hooks_wanting(events.GONE):
        if _concerns(hook, departure):
            outbox.put_event(hook, events.GONE, _told(departure))


def _concerns(hook: Webhook, departure: Departure) -> bool:
    if hook.curated_list_id is None:
        return True
    now = departure.renamed_to or departure.repo_id
    return ListEntry.objects.filter(curated_list=hook.curated_list_id, record__repo_id=now).exists()


def _told(departure: Departure) -> Json:
    return {
        "id": departure.repo_id,
        "url": events.model_address(departure.renamed_to or departure.repo_id),
        "why": departure.why,
        "since": iso_timestamp(departure.since, "seconds"),
        "renamedTo": departure.renamed_to or None,
    }
