"""Curated lists: what a curator recommends, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import models
from django.urls import reverse

from compat.hub.payloads import is_repo_id

from .record import ModelRecord

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


def is_an_id(text: str) -> None:
    """Refuse what cannot be a repository's id."""
    if not is_repo_id(text):
        raise ValidationError(
            "“%(text)s” is not the id of a repository; ids look like author/name.", params={"text": text}
        )


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


class BuildCorrection(models.Model):
    """What a curator says of which model a repository is a build of, where that came out wrong."""

    repo_id = models.CharField("repository", max_length=200, unique=True, validators=[is_an_id])
    model = models.CharField(
        max_length=200,
        blank=True,
        validators=[is_an_id],
        help_text="The id of the model's own repository. Leave it empty if the repository is a model by itself.",
    )

    class Meta:
        verbose_name = "build of another model"
        verbose_name_plural = "builds of other models"

    def __str__(self) -> str:
        """What it says."""
        return f"{self.repo_id}: {f'a build of {self.model}' if self.model else 'a model by itself'}"

    @staticmethod
    def by_repository() -> dict[str, str]:
        """What curators say, by the repository's id in lower case. One query."""
        return {repo_id.lower(): model for repo_id, model in BuildCorrection.objects.values_list("repo_id", "model")}


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
