"""What keeps the site running: the catalogue's version, engine settings, workers, and requests to the Hub."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models

from compat.estimate.cache_types import CACHE_TYPES, SIXTEEN_BITS
from compat.estimate.launch import DEFAULT_CONTEXT

from .composed import ComposedQuery
from .record import ModelRecord


class Catalogue(models.Model):
    """One row that says how new and how whole the catalogue is; caches are good as long as ``version`` stays."""

    version = models.BigIntegerField(default=0)
    changed = models.DateTimeField(null=True)
    facts_version = models.CharField(
        max_length=40,
        blank=True,
        help_text="What all records were read by; if that is unknown or another now, they are read again at the start.",
    )
    filling = models.BooleanField(
        default=False,
        help_text="Whether it is being filled with the bundled snapshot, from the first record to the end.",
    )
    bundled = models.CharField(
        max_length=32,
        blank=True,
        help_text="Digest of the bundled snapshot that it took in last; empty if it took in none.",
    )

    class Meta:
        verbose_name = "catalogue state"
        verbose_name_plural = "catalogue state"

    def __str__(self) -> str:
        """The version."""
        return f"catalogue version {self.version}"

    @classmethod
    def current_version(cls) -> tuple[int, datetime | None]:
        """The version, and when it last changed; 0 and None before the first change. One query."""
        for version, changed in _STATE.rows():
            return version, changed
        return 0, None

    @classmethod
    def is_filled(cls) -> bool:
        """Whether there are records, and not just a part of the bundled snapshot because its loading was broken off."""
        return ModelRecord.objects.exists() and not cls.objects.filter(filling=True).exists()


_STATE = ComposedQuery(lambda: Catalogue.objects.filter(pk=1).values_list("version", "changed"))


class EngineSetting(models.Model):
    """What the operator decides about an engine profile; everything else stands in the profile's own file."""

    POLICY_CHOICES: ClassVar = [
        ("", "as the profile says"),
        ("reject", "reject: a longer context is not compatible"),
        ("cap", "cap: runs, with the context cut to the limit"),
    ]

    slug = models.SlugField(max_length=40, primary_key=True)
    enabled = models.BooleanField(default=True, help_text="Whether visitors can pick this engine.")
    context_policy = models.CharField(max_length=8, blank=True, choices=POLICY_CHOICES)

    class Meta:
        verbose_name = "engine profile"
        ordering = ["slug"]

    def __str__(self) -> str:
        """The profile's slug."""
        return self.slug


class SiteWorker(models.Model):
    """A worker of this site: an engine on the hardware the operator has."""

    KV_CHOICES: ClassVar = list(CACHE_TYPES.items())

    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=60, unique=True)
    engine = models.SlugField(max_length=40, help_text="The engine profile's slug, such as llama-cpp.")
    accelerator = models.CharField(max_length=80, blank=True, help_text="A known accelerator, such as RTX 4090.")
    count = models.PositiveSmallIntegerField(default=1, help_text="How many of them.")
    memory_gb = models.FloatField(
        "memory of one accelerator, GB", null=True, blank=True, help_text="Only where the accelerator does not tell it."
    )
    beside = models.CharField(
        "other accelerators",
        max_length=400,
        blank=True,
        help_text="Of the same maker, where not all are of one kind, such as 2x RTX 3060, RTX 3050.",
    )
    ram_gb = models.FloatField("system memory, GB", null=True, blank=True)
    ram_bandwidth = models.FloatField(
        "system memory, GB a second",
        null=True,
        blank=True,
        help_text="For speed where the processor computes: memory channels times MT/s times 0.008, so 89.6 for two of "
        "DDR5-5600.",
    )
    context = models.PositiveIntegerField(default=DEFAULT_CONTEXT, help_text="Tokens of context people use on it.")
    kv = models.CharField("KV cache type", max_length=8, choices=KV_CHOICES, default=SIXTEEN_BITS)
    slots = models.PositiveSmallIntegerField(
        "requests at once", null=True, blank=True, help_text="As many as the engine does by itself if left empty."
    )
    published = models.BooleanField(default=True)
    position = models.PositiveIntegerField(default=0, help_text="Order among the workers, lowest first.")

    class Meta:
        verbose_name = "worker"
        ordering = ["position", "name"]

    def __str__(self) -> str:
        """The name."""
        return self.name


class HubFetch(models.Model):
    """A request for one repository, so that many askers cause one fetch and a failure is remembered."""

    STATE_CHOICES: ClassVar = [
        ("queued", "queued"),
        ("done", "done"),
        ("missing", "not on the Hub"),
        ("failed", "failed"),
    ]

    repo_id = models.CharField("repository", max_length=200, unique=True)
    state = models.CharField(max_length=8, choices=STATE_CHOICES, default="queued")
    requested = models.DateTimeField()
    finished = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True, help_text="What the Hub answered, in words.")
    asker = models.CharField(
        max_length=24, blank=True, help_text="Digest of the address that a visitor asked from; empty for the operator."
    )

    class Meta:
        verbose_name = "Hub request"
        ordering = ["-requested"]
        indexes = [models.Index(fields=["requested"], name="fetch_by_time")]

    def __str__(self) -> str:
        """Repository and state."""
        return f"{self.repo_id}: {self.state}"

    @classmethod
    def of(cls, repo_id: str) -> HubFetch | None:
        """The request for a repository, if there is one. One query."""
        return next(iter(_FETCHES.objects(repo_id)), None)


class VisitorAddition(models.Model):
    """A record that is in the catalogue because a visitor asked for it; there is a most of these."""

    record = models.OneToOneField(ModelRecord, on_delete=models.CASCADE, primary_key=True, related_name="+")
    added = models.DateTimeField()

    class Meta:
        verbose_name = "visitor's addition"

    def __str__(self) -> str:
        """The record's number."""
        return str(self.record_id)


_FETCHES = ComposedQuery(lambda repo_id: HubFetch.objects.filter(repo_id=repo_id).order_by())
