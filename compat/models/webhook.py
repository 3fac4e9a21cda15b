"""Webhooks: their subscriptions to events, and the outbox of deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.db import models

from .curation import CuratedList

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


class Webhook(models.Model):
    """An address that is told of some events, and the secret with which what it gets is signed."""

    EVENT_CHOICES: ClassVar = [
        ("models.newly_runnable", "models run that did not run before"),
        ("list.changed", "a published list got or lost models, or another title"),
        ("model.gone", "the Hub does not have a model any more, or under another name"),
        ("sync.failed", "filling the catalogue failed"),
    ]

    name = models.CharField(max_length=80)
    url = models.CharField("address", max_length=500)
    secret = models.CharField(max_length=100, editable=False)
    previous_secret = models.CharField(max_length=100, blank=True, editable=False)
    previous_until = models.DateTimeField(
        null=True, editable=False, help_text="Until when the secret before this one signs too."
    )
    events = models.JSONField(default=list, help_text="The event types it is told of.")
    worker = models.SlugField(
        max_length=60, blank=True, help_text="Only what runs on this worker; empty for every engine."
    )
    curated_list = models.ForeignKey(
        CuratedList,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="webhooks",
        help_text="Only models of this list, and only changes of it.",
    )
    active = models.BooleanField(default=True, help_text="Whether it is told of events.")
    stopped = models.CharField(
        "why it was switched off", max_length=300, blank=True, help_text="Empty unless the site itself switched it off."
    )
    created = models.DateTimeField(auto_now_add=True)
    last_success = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0, help_text="Attempts that failed since the last success.")
    failing_since = models.DateTimeField(null=True, blank=True)

    deliveries: RelatedManager[WebhookDelivery]

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        """The name."""
        return self.name


class WebhookDelivery(models.Model):
    """One event for one webhook, written in the transaction of the change that caused it, and sent afterwards.

    ``event_id`` stays the same through all attempts, so that a receiver can drop what it has already seen. ``body`` is
    kept as text, because exactly these bytes are signed.
    """

    STATE_CHOICES: ClassVar = [
        ("gathering", "being gathered"),
        ("pending", "waiting to be sent"),
        ("delivered", "delivered"),
        ("failed", "failed"),
    ]

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event_id = models.CharField(max_length=60, unique=True)
    type = models.CharField(max_length=40)
    body = models.TextField(blank=True)
    state = models.CharField(max_length=10, choices=STATE_CHOICES, default="pending")
    created = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt = models.DateTimeField(help_text="Not before then; of no meaning once it is delivered or failed.")
    finished = models.DateTimeField(null=True, blank=True)
    status = models.PositiveSmallIntegerField("response status", null=True, blank=True)
    answer = models.CharField(max_length=500, blank=True, help_text="The beginning of the last answer's body.")
    error = models.CharField(max_length=300, blank=True, help_text="What was wrong with the last attempt.")
    duration = models.FloatField(null=True, blank=True, help_text="Seconds the last attempt took.")

    gathered: RelatedManager[GatheredModel]

    class Meta:
        verbose_name = "webhook delivery"
        verbose_name_plural = "webhook deliveries"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["state", "next_attempt"], name="delivery_by_state"),
            models.Index(fields=["webhook", "-id"], name="delivery_by_webhook"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["webhook", "type"], condition=models.Q(state="gathering"), name="gathering_once_a_webhook"
            )
        ]

    def __str__(self) -> str:
        """Type and id."""
        return f"{self.type} {self.event_id}"


class GatheredModel(models.Model):
    """A model found for an event that is still being gathered; deleted when the event's body is made of them."""

    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.CASCADE, related_name="gathered")
    repo_id = models.CharField(max_length=200)
    popularity = models.BigIntegerField()
    workers = models.JSONField(help_text="The confidence by worker; empty for one on which it ran before.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["delivery", "repo_id"], name="gathered_once_a_delivery")]

    def __str__(self) -> str:
        """The model."""
        return self.repo_id
