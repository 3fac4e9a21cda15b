"""Filling the catalogue from a Hub: the selections of its models, how far each was read, and the Hub's quota."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

from .lease import Leased
from .record import ModelRecord

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


class HubSelection(Leased):
    """Which of a Hub's models one kind of run takes, and how far it is read: what the next run goes on from.

    A *pass* reads the list once, page by page. ``cursor`` is the address of the page that comes next, as the Hub gave
    it; empty before the first. Of each model that a pass found, ``members`` keep what is still to be read.
    """

    key = models.CharField(max_length=32, unique=True, help_text="Digest of the Hub and of what is selected.")
    name = models.CharField("selection", max_length=300, help_text="What is selected, in words.")
    number = models.PositiveIntegerField("pass", default=0, help_text="How many passes were begun.")
    is_open = models.BooleanField("being read", default=False, help_text="Whether the last pass has not ended.")
    only_changes = models.BooleanField(default=False, help_text="Whether it reads only what changed since the last.")
    cursor = models.TextField(blank=True)
    pages = models.PositiveIntegerField(default=0, help_text="Pages that the last pass read.")
    listed = models.PositiveIntegerField(default=0, help_text="Models that the last pass found.")
    began = models.DateTimeField("pass began", null=True, blank=True)
    whole = models.DateTimeField(
        "read whole", null=True, blank=True, help_text="When the last pass that read the whole list began."
    )
    whole_number = models.PositiveIntegerField(default=0, help_text="Its number.")
    current = models.DateTimeField(
        "current as of", null=True, blank=True, help_text="What changed before is known: when the last pass began."
    )

    members: RelatedManager[SelectedModel]

    class Meta:
        verbose_name = "selection"
        ordering = ["name"]

    def __str__(self) -> str:
        """What is selected."""
        return self.name


class SelectedModel(models.Model):
    """A model that a selection holds: in which pass it was last found, and what is still to be read of it."""

    selection = models.ForeignKey(HubSelection, on_delete=models.CASCADE, related_name="members", db_index=False)
    record = models.ForeignKey(ModelRecord, on_delete=models.CASCADE, related_name="+")
    seen = models.PositiveIntegerField(help_text="The number of the pass.")
    lacks_documents = models.BooleanField(help_text="Whether its configuration or sizes are to be read.")
    lacks_headers = models.BooleanField(help_text="Whether headers of its weight files are to be read.")

    class Meta:
        verbose_name = "selected model"
        constraints = [models.UniqueConstraint(fields=["selection", "record"], name="selected_once")]
        indexes = [
            models.Index(fields=["selection", "seen"], name="selected_by_pass"),
            models.Index(
                fields=["selection"], condition=models.Q(lacks_documents=True), name="selected_without_documents"
            ),
            models.Index(fields=["selection"], condition=models.Q(lacks_headers=True), name="selected_without_headers"),
        ]

    def __str__(self) -> str:
        """Record and selection, by their numbers."""
        return f"{self.record_id} of {self.selection_id}"


class ClosedRecord(models.Model):
    """A record whose files the Hub gives to no account but those it was told of: this site's token is none of them."""

    record = models.OneToOneField(ModelRecord, on_delete=models.CASCADE, primary_key=True, related_name="closed")
    to = models.CharField(max_length=24, help_text="Digest of the Hub and of the token that it was closed to.")
    times = models.PositiveSmallIntegerField(default=1, help_text="How often in a row it was found closed.")
    until = models.DateTimeField(help_text="Nobody asks again before then, but for whoever asks for this one.")

    class Meta:
        verbose_name = "closed record"

    def __str__(self) -> str:
        """The record's number."""
        return str(self.record_id)


class HubWindow(models.Model):
    """Where one of a Hub's quotas stands, for all processes of this site that ask it with the same token."""

    key = models.CharField(max_length=60, primary_key=True, help_text="Digest of Hub and token, and the quota's name.")
    host = models.CharField(max_length=200)
    state = models.JSONField(default=dict)

    class Meta:
        verbose_name = "Hub quota"
        ordering = ["host", "key"]

    def __str__(self) -> str:
        """The Hub, and the quota's name."""
        return f"{self.host} ({self.key.partition(':')[2]})"
