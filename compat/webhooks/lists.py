"""Curated lists as visitors see them, before and after an edit."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.urls import reverse

from compat.catalogue.rows import Row, rows_of
from compat.catalogue.workers import Worker, workers
from compat.models import CuratedList, ListEntry, ModelRecord, Webhook
from compat.timestamps import Json

from . import events, outbox


@dataclass(frozen=True, slots=True)
class Seen:
    """A list as visitors see it; one that is not published has no title and no models for them."""

    slug: str
    title: str
    records: frozenset[int]
    published: bool


NOTHING = Seen("", "", frozenset(), published=False)


def list_as_seen(pk: int | None) -> Seen | None:
    """How visitors see a list now; None, and nothing looked at, where nobody wants to know of changes."""
    if not outbox.hooks_wanting(events.LIST_CHANGED):
        return None
    curated = CuratedList.objects.filter(pk=pk).first() if pk else None
    if curated is None:
        return NOTHING
    if not curated.published:
        return Seen(curated.slug, "", frozenset(), published=False)
    records = ListEntry.objects.filter(curated_list=curated).values_list("record_id", flat=True)
    return Seen(curated.slug, curated.title, frozenset(records), published=True)


def tell_list_change(pk: int | None, before: Seen | None, after: Seen | None) -> None:
    """Tell of models that came or went and of another title; an order or a note is no event."""
    if before is None or after is None or (before.title, before.records) == (after.title, after.records):
        return
    available = workers()
    for hook in outbox.hooks_wanting(events.LIST_CHANGED):
        if hook.curated_list_id in (None, pk):
            outbox.put_event(hook, events.LIST_CHANGED, _told(before, after, _worker_of(hook, available.values())))


def _worker_of(hook: Webhook, available: Collection[Worker]) -> Worker:
    """The webhook's worker; the default one where it names none, or one that is gone."""
    return next((worker for worker in available if worker.slug == hook.worker), next(iter(available)))


def _told(before: Seen, after: Seen, worker: Worker) -> Json:
    added, removed = after.records - before.records, before.records - after.records
    slug = after.slug or before.slug
    return {
        "list": slug,
        "title": after.title or before.title,
        "previousTitle": before.title if before.title and after.title and before.title != after.title else None,
        "published": after.published,
        "url": events.page_address(reverse("list", args=[slug])) if after.published else None,
        "worker": worker.slug,
        "addedCount": len(added),
        "added": _models(added, worker),
        "removedCount": len(removed),
        "removed": _models(removed, worker),
    }


def _models(records: Collection[int], worker: Worker) -> list[Json]:
    best_known = ModelRecord.objects.filter(pk__in=records).order_by("-popularity", "repo_id")
    return [_model(row, worker) for row in rows_of(list(best_known[: events.MOST_TOLD]), worker)]


def _model(row: Row, worker: Worker) -> Json:
    return {
        "id": row.record.repo_id,
        "url": events.model_address(row.record.repo_id, worker.slug),
        "compatible": row.result.compatible,
        "confidence": row.result.confidence,
        "brief": row.result.brief or None,
    }
