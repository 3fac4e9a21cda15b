"""The outbox: what is to be told to whom, written with the change itself and sent afterwards by a task."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from compat.batches import BATCH
from compat.models import GatheredModel, Webhook, WebhookDelivery
from compat.timestamps import Json

from .events import CEASED, NEWLY_RUNNABLE, body_of, close_gathering
from .tasks import wake_delivery


def hooks_wanting(event: str) -> list[Webhook]:
    """The active webhooks that are told of an event. One query; none where the site allows no hosts."""
    if not settings.WEBHOOK_HOSTS:
        return []
    return [hook for hook in Webhook.objects.filter(active=True).order_by("pk") if event in hook.events]


def put_event(hook: Webhook, event: str, data: Json) -> WebhookDelivery:
    """Write one event for one webhook, to be sent once this transaction is committed."""
    now = timezone.now()
    delivery = WebhookDelivery.objects.create(
        webhook=hook, event_id=_new_id(), type=event, body=body_of(event, data, now), created=now, next_attempt=now
    )
    wake_delivery(delivery.pk)
    return delivery


def _new_id() -> str:
    return f"msg_{uuid.uuid4().hex}"


def gather_models(hook: Webhook, found: Mapping[str, tuple[int, Mapping[str, str]]], patience: timedelta) -> None:
    """Add models (popularity, and confidence by worker) to what a webhook is told when the run ends.

    Inside the transaction that changed them. It is told at the latest when nothing was added for ``patience``. A model
    that ceased to run (:data:`CEASED`) is taken out again, and one that only came back is not told.
    """
    now = timezone.now()
    delivery, new = WebhookDelivery.objects.select_for_update().get_or_create(
        webhook=hook,
        type=NEWLY_RUNNABLE,
        state="gathering",
        defaults={"event_id": _new_id(), "created": now, "next_attempt": now + patience},
    )
    if not new:
        WebhookDelivery.objects.filter(pk=delivery.pk).update(next_attempt=now + patience)
    before = dict(delivery.gathered.filter(repo_id__in=found).values_list("repo_id", "workers"))
    GatheredModel.objects.bulk_create(
        [
            GatheredModel(
                delivery=delivery,
                repo_id=repo_id,
                popularity=popularity,
                workers=_merged(before.get(repo_id, {}), workers),
            )
            for repo_id, (popularity, workers) in found.items()
        ],
        update_conflicts=True,
        unique_fields=["delivery", "repo_id"],
        update_fields=["popularity", "workers"],
        batch_size=BATCH,
    )
    if new:
        wake_delivery(delivery.pk, now + patience)


def _merged(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """What a run did to one model, from what was known of it and what happened since."""
    merged = dict(before)
    for slug, confidence in now.items():
        if before.get(slug) == CEASED:
            continue
        if confidence == CEASED and slug in before:
            del merged[slug]
        else:
            merged[slug] = confidence
    return merged


def close_gathered() -> None:
    """The run has ended: what was gathered is sent."""
    if settings.WEBHOOK_HOSTS:
        for pk in WebhookDelivery.objects.filter(state="gathering").values_list("pk", flat=True):
            close_gathering(pk)
            wake_delivery(pk)
