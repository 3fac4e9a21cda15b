"""What an event says: its types, the text that is sent, and that of models that were gathered while a run went on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from compat.models import WebhookDelivery
from compat.timestamps import Json, iso_timestamp

NEWLY_RUNNABLE = "models.newly_runnable"
LIST_CHANGED = "list.changed"
SYNC_FAILED = "sync.failed"
GONE = "model.gone"
PING = "ping"

MOST_TOLD = 100
"""How many models the body of an event names; their number is told beside them."""
CEASED = ""
"""In place of a confidence: the model ran on that worker before all this, so that running again is no news."""


def body_of(event: str, data: Json, now: datetime) -> str:
    """The text that is signed and sent: the event's type, when it happened, and what."""
    return json.dumps({"type": event, "timestamp": iso_timestamp(now, "seconds"), "data": data}, ensure_ascii=False)


def page_address(path: str, **parameters: str) -> str:
    """The address of a page of this site, without empty parameters; its path alone where ``SITE_URL`` is not set."""
    told = {name: value for name, value in parameters.items() if value}
    return f"{settings.SITE_URL}{path}" + (f"?{urlencode(told)}" if told else "")


def close_gathering(pk: int) -> None:
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
