"""The outbox: what is to be told to whom, written with the change itself and sent afterwards by a task."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django_tasks import task_backends

from compat.models import GatheredModel, Webhook, WebhookDelivery
from compat.timestamps import Json, iso_timestamp

NEWLY_RUNNABLE = "models.newly_runnable"
LIST_CHANGED = "list.changed"
SYNC_FAILED = "sync.failed"
PING = "ping"

MOST_TOLD = 100
"""How many models the body of an event names; their number is told beside them."""
KEPT_DAYS = 30
KEPT_EACH = 1000
"""Deliveries are kept so long, and so many of each webhook."""


def hooks_wanting(event: str) -> list[Webhook]:
    """The active webhooks that are told of an event. One query; none where the site allows no hosts."""
    if not settings.WEBHOOK_HOSTS:
        return []
    return [hook for hook in Webhook.objects.filter(active=True).order_by("pk") if event in hook.events]


def put(hook: Webhook, event: str, data: Json) -> WebhookDelivery:
    """Write one event for one webhook, to be sent once this transaction is committed."""
    now = timezone.now()
    delivery = WebhookDelivery.objects.create(
        webhook=hook, event_id=_new_id(), type=event, body=body_of(event, data, now), created=now, next_attempt=now
    )
    wake(delivery.pk)
    return delivery


def _new_id() -> str:
    return f"msg_{uuid.uuid4().hex}"


def body_of(event: str, data: Json, now: datetime) -> str:
    """The text that is signed and sent: the event's type, when it happened, and what."""
    return json.dumps({"type": event, "timestamp": iso_timestamp(now, "seconds"), "data": data}, ensure_ascii=False)


def page_address(path: str, **parameters: str) -> str:
    """The address of a page of this site, without empty parameters; its path alone where ``SITE_URL`` is not set."""
    told = {name: value for name, value in parameters.items() if value}
    return f"{settings.SITE_URL}{path}" + (f"?{urlencode(told)}" if told else "")


def wake(delivery: int, at: datetime | None = None) -> None:
    """Have a delivery looked at by the task, now or later. To ask too often does no harm."""
    from .tasks import deliver

    if at is None:
        deliver.enqueue(delivery)
    elif task_backends[deliver.backend].supports_defer:
        deliver.using(run_after=at).enqueue(delivery)


# --- events that are gathered while a run goes on ----------------------------------------------------------------


CEASED = ""
"""In place of a confidence: the model ran on that worker before all this, so that running again is no news."""


def gather(hook: Webhook, found: Mapping[str, tuple[int, Mapping[str, str]]], patience: timedelta) -> None:
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
        batch_size=500,
    )
    if new:
        wake(delivery.pk, now + patience)


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
            close(pk)
            wake(pk)


def close(pk: int) -> None:
    """Make the body of what was gathered, so that it can be sent."""
    with transaction.atomic():
        delivery = (
            WebhookDelivery.objects.select_for_update(of=("self",))
            .select_related("webhook__curated_list")
            .filter(pk=pk, state="gathering")
            .first()
        )
        if delivery is None:
            return
        now = timezone.now()
        data = _gathered(delivery)
        if not data["count"]:
            delivery.delete()
            return
        delivery.body = body_of(NEWLY_RUNNABLE, data, now)
        delivery.state, delivery.next_attempt = "pending", now
        delivery.save(update_fields=["body", "state", "next_attempt"])
        delivery.gathered.all().delete()


def _gathered(delivery: WebhookDelivery) -> Json:
    hook = delivery.webhook
    slug = hook.curated_list.slug if hook.curated_list else ""
    rows = delivery.gathered.order_by("-popularity", "repo_id").values_list("repo_id", "workers")
    running = [(repo_id, told) for repo_id, workers in rows if (told := _runs_on(workers))]
    return {
        "worker": hook.worker or None,
        "list": slug or None,
        "count": len(running),
        "models": [
            {"id": repo_id, "url": model_address(repo_id, hook.worker), "runsOn": told}
            for repo_id, told in running[:MOST_TOLD]
        ],
        "url": page_address(reverse("browse"), worker=hook.worker, list=slug),
    }


def _runs_on(workers: Mapping[str, str]) -> list[Json]:
    told = ((slug, confidence) for slug, confidence in sorted(workers.items()) if confidence != CEASED)
    return [{"worker": slug, "confidence": confidence} for slug, confidence in told]


def model_address(repo_id: str, worker: str = "") -> str:
    """The address of a model's page, seen through a worker."""
    return page_address(reverse("detail", args=[repo_id]), worker=worker)


# --- keeping it small --------------------------------------------------------------------------------------------


def prune(hook: int) -> None:
    """Drop deliveries of a webhook that are over and old, or too many."""
    over = WebhookDelivery.objects.filter(webhook=hook, state__in=("delivered", "failed"))
    over.filter(created__lt=timezone.now() - timedelta(days=KEPT_DAYS)).delete()
    newest: Iterable[int] = (
        WebhookDelivery.objects.filter(webhook=hook).order_by("-id").values_list("id", flat=True)[KEPT_EACH:]
    )
    last = next(iter(newest), None)
    if last is not None:
        over.filter(pk__lte=last).delete()
