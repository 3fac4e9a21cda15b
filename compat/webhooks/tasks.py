"""Sending what the outbox holds, done by the ``tasks`` process: at least once, with the same id every time."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone
from django_tasks import task, task_backends

from compat.models import Webhook, WebhookDelivery

from . import signing
from .events import PING, close_gathering
from .hosts import objection_to_address

if TYPE_CHECKING:
    from .delivery import Answer

log = logging.getLogger(__name__)

PAUSES = tuple(timedelta(seconds=seconds) for seconds in (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600))
"""After each failed attempt, as the specification proposes: together a little more than a day."""
ATTEMPTS = len(PAUSES) + 1
LONGEST_PAUSE = timedelta(hours=12)
"""More than this a receiver cannot ask for with ``Retry-After``."""
LEASE = timedelta(minutes=1)
"""How long an attempt may take; one that is still under way then was lost with its process, and is made again."""
LOST = timedelta(minutes=5)
"""A delivery that is due for so long has lost its task, and gets a new one."""
STOP_AFTER = 20
STOP_AFTER_TIME = timedelta(days=1)
"""A webhook is switched off after so many failures in a row, over at least so long a time."""

KEPT_DAYS = 30
KEPT_EACH = 1000
"""Deliveries are kept so long, and so many of each webhook."""


@task(priority=-10)
def deliver(delivery: int) -> str:
    """Make the next attempt of a delivery if it is due. Returns what came of it, in a few words."""
    _wake_overdue(delivery)
    waiting = WebhookDelivery.objects.filter(pk=delivery, state="gathering").values_list("next_attempt", flat=True)
    for until in waiting:
        if until > timezone.now():
            wake_delivery(delivery, until)
            return "still gathering"
        close_gathering(delivery)
    claimed = _claim(delivery)
    if claimed is None:
        return "nothing to do"
    # Here, not above: the web processes import this module and never speak HTTP.
    from .delivery import Answer

    try:
        answer = _attempt(claimed)
    except Exception as problem:
        # Its words may hold a secret or an address; the log has them, the page has the kind.
        log.exception("webhook %s: %s could not be sent", claimed.webhook_id, claimed.event_id)
        answer = Answer(error=f"This site could not send it ({type(problem).__name__}). The log of the tasks says why.")
    _note(claimed, answer)
    return answer.error or "delivered"


def wake_delivery(delivery: int, at: datetime | None = None) -> None:
    """Have a delivery looked at by the task, now or later. To ask too often does no harm."""
    if at is None:
        deliver.enqueue(delivery)
    elif task_backends[deliver.backend].supports_defer:
        deliver.using(run_after=at).enqueue(delivery)


def _wake_overdue(but: int) -> None:
    """Give every delivery that is long overdue a task again: its own may have gone with a killed process."""
    now = timezone.now()
    overdue = WebhookDelivery.objects.filter(state__in=("gathering", "pending"), next_attempt__lt=now - LOST)
    for pk, due in overdue.exclude(pk=but).values_list("pk", "next_attempt")[:100]:
        if WebhookDelivery.objects.filter(pk=pk, next_attempt=due).update(next_attempt=now):
            wake_delivery(pk)


def _claim(pk: int) -> WebhookDelivery | None:
    """Take a due delivery for one attempt, so that nobody else makes it at the same time; None where it is not due."""
    now = timezone.now()
    with transaction.atomic():
        due = WebhookDelivery.objects.filter(pk=pk, state="pending", next_attempt__lte=now)
        if not due.update(next_attempt=now + LEASE, attempts=F("attempts") + 1):
            return None
        delivery = WebhookDelivery.objects.select_related("webhook").get(pk=pk)
        # Should this process be killed before the attempt ends, the next one begins with this.
        wake_delivery(pk, now + LEASE)
    if delivery.attempts > ATTEMPTS:
        _finish(delivery, "failed", error="Every attempt was broken off with its process.")
        return None
    if not delivery.webhook.active and delivery.type != PING:
        _finish(delivery, "failed", error="The webhook was switched off meanwhile.")
        return None
    return delivery


def _attempt(delivery: WebhookDelivery) -> Answer:
    from .delivery import Answer, post_body

    hook = delivery.webhook
    if problem := objection_to_address(hook.url, settings.WEBHOOK_HOSTS):
        return Answer(error=problem)
    keys = [hook.secret]
    if hook.previous_secret and hook.previous_until and hook.previous_until > timezone.now():
        keys.append(hook.previous_secret)
    body = delivery.body.encode()
    return post_body(hook.url, body, signing.signed_headers(keys, delivery.event_id, int(time.time()), body))


def _note(delivery: WebhookDelivery, answer: Answer) -> None:
    """Keep what came of an attempt, on the delivery and on its webhook, and see to the next one."""
    now = timezone.now()
    delivery.status, delivery.answer, delivery.duration = answer.status, answer.text, answer.duration
    with transaction.atomic():
        if not answer.error:
            _finish(delivery, "delivered")
            Webhook.objects.filter(pk=delivery.webhook_id).update(last_success=now, failures=0, failing_since=None)
        else:
            log.warning("webhook %s: %s was not delivered: %s", delivery.webhook_id, delivery.event_id, answer.error)
            Webhook.objects.filter(pk=delivery.webhook_id).update(
                failures=F("failures") + 1, failing_since=Coalesce("failing_since", now)
            )
            gone = answer.status == 410
            if gone:
                _stop(delivery.webhook_id, f"{answer.error} Activate the webhook once its receiver is there again.")
            if gone or delivery.type == PING or delivery.attempts >= ATTEMPTS:
                _finish(delivery, "failed", error=answer.error)
            else:
                _again(delivery, answer, now)
            _stop_if_hopeless(delivery.webhook_id, now)
        prune_deliveries(delivery.webhook_id)


def _finish(delivery: WebhookDelivery, state: str, error: str = "") -> None:
    _keep(delivery, state=state, error=error[:300], finished=timezone.now())


def _again(delivery: WebhookDelivery, answer: Answer, now: datetime) -> None:
    pause = PAUSES[delivery.attempts - 1] * random.uniform(1, 1.2)  # noqa: S311 - spreads load, keeps no secret
    if answer.pause is not None:
        pause = max(pause, min(timedelta(seconds=answer.pause), LONGEST_PAUSE))
    _keep(delivery, error=answer.error[:300], next_attempt=now + pause)
    wake_delivery(delivery.pk, now + pause)


def _keep(delivery: WebhookDelivery, **changes: object) -> None:
    # Not save(): the delivery may have been deleted meanwhile, with its webhook.
    WebhookDelivery.objects.filter(pk=delivery.pk).update(
        status=delivery.status, answer=delivery.answer, duration=delivery.duration, **changes
    )


def _stop_if_hopeless(pk: int, now: datetime) -> None:
    hook = Webhook.objects.filter(pk=pk, active=True, failures__gte=STOP_AFTER).first()
    if hook and hook.failing_since and hook.failing_since <= now - STOP_AFTER_TIME:
        since = f"{hook.failing_since:%d %b %Y, %H:%M} UTC"
        _stop(pk, f"{hook.failures} attempts failed in a row since {since}. Activate it once its receiver answers.")


def _stop(pk: int, reason: str) -> None:
    log.warning("webhook %s is switched off: %s", pk, reason)
    Webhook.objects.filter(pk=pk).update(active=False, stopped=reason[:300])


def prune_deliveries(hook: int) -> int:
    """Drop deliveries of a webhook that are over and old, or too many. Returns how many."""
    over = WebhookDelivery.objects.filter(webhook=hook, state__in=("delivered", "failed"))
    dropped = over.filter(created__lt=timezone.now() - timedelta(days=KEPT_DAYS)).delete()[0]
    newest: Iterable[int] = (
        WebhookDelivery.objects.filter(webhook=hook).order_by("-id").values_list("id", flat=True)[KEPT_EACH:]
    )
    last = next(iter(newest), None)
    if last is not None:
        dropped += over.filter(pk__lte=last).delete()[0]
    return dropped
