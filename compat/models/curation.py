"""Curated lists: what a curator recommends, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.urls import reverse

from .record import ModelRecord

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


class CuratedList(models.Model):
    """A named, ordered choice of models."""

    title = models.CharField(max_length=120)
    slug = models.SlugField(max_length=120, unique=True)
    description = models.TextField(blank=True, help_text="Plain text shown above the list.")
    published = models.BooleanField(default=True)
    position = models.PositiveIntegerField(default=0, help_text="Order among the lists, lowest first.")

    entries: RelatedManager[ListEntry]

    class Meta:
        verbose_name = "curated list"
        ordering = ["position", "title"]

    def __str__(self) -> str:
        """The title."""
        return self.title

    def get_absolute_url(self) -> str:
        """The list's page."""
        return reverse("list", args=[self.slug])


class ListEntry(models.Model):
    """One model in a list, with the curator's note."""

    curated_list = models.ForeignKey(CuratedList, on_delete=models.CASCADE, related_name="entries")
    record = models.ForeignKey(ModelRecord, on_delete=models.CASCADE, related_name="list_entries")
    position = models.PositiveIntegerField(default=0)
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name = "entry"
        verbose_name_plural = "entries"
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["curated_list", "record"], name="entry_once_a_list")]

    def __str__(self) -> str:
        """The model."""
        return str(self.record)
