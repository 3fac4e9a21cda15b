"""Measurements of the site's own machines: what an engine's log told of a load, beside what was estimated for it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models


class Measurement(models.Model):
    """One load of one model on one machine, as the engine's log told it.

    It is kept by the model's id, and outlives the record: a catalogue that is filled anew loses none. ``parts`` holds a
    list of ``{"name", "measured", "estimated", "devices", "host"}`` in bytes, ``options`` how the engine was started.
    Estimates are those of the day it was kept.
    """

    repo_id = models.CharField("model", max_length=200, db_index=True)
    variant = models.CharField(max_length=300, blank=True)
    quantization = models.CharField(max_length=60, blank=True)
    format = models.CharField(max_length=20, blank=True)
    engine = models.SlugField(max_length=40)
    version = models.CharField(max_length=60, blank=True)
    accelerator = models.CharField(max_length=120, blank=True)
    count = models.PositiveSmallIntegerField(default=1)
    memory_gb = models.FloatField("memory of one accelerator, GB", null=True, blank=True)
    beside = models.CharField("accelerators of other kinds", max_length=400, blank=True)
    ram_gb = models.FloatField("system memory, GB", null=True, blank=True)
    options = models.JSONField(default=dict)
    parts = models.JSONField(default=list)
    measured_bytes = models.BigIntegerField("measured, bytes", null=True, blank=True)
    estimated_bytes = models.BigIntegerField("estimated, bytes", null=True, blank=True)
    decode = models.FloatField("tokens a second of writing", null=True, blank=True)
    estimated_decode = models.FloatField("estimated tokens a second", null=True, blank=True)
    prompt = models.FloatField("tokens a second of reading", null=True, blank=True)
    estimated_prompt = models.FloatField("estimated tokens a second of reading", null=True, blank=True)
    digest = models.CharField(max_length=64, help_text="Of the numbers: the same log is kept once.")
    made = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name="kept by",
    )

    class Meta:
        verbose_name = "measurement"
        ordering = ["-made", "-id"]
        constraints = [models.UniqueConstraint(fields=["repo_id", "digest"], name="measurement_once")]
        indexes = [models.Index(fields=["engine", "repo_id"], name="measurement_by_engine")]

    def __str__(self) -> str:
        """Model, engine and machine."""
        return f"{self.repo_id} on {self.engine}" + (f", {self.machine}" if self.machine else "")

    @property
    def machine(self) -> str:
        """The machine in a few words."""
        times = f"{self.count} × " if self.count > 1 else ""  # noqa: RUF001 - the multiplication sign is meant
        if self.accelerator:
            return f"{times}{self.accelerator}" + (f" + {self.beside}" if self.beside else "")
        if self.memory_gb is not None:
            return f"{times}{self.memory_gb:g} GB"
        return "" if self.ram_gb is None else f"{self.ram_gb:g} GB of system memory"

    @property
    def error(self) -> float | None:
        """How far the estimate of the measured parts together lies from the measurement, as a fraction of that."""
        if not self.measured_bytes or self.estimated_bytes is None:
            return None
        return abs(self.estimated_bytes / self.measured_bytes - 1)

    @property
    def decode_error(self) -> float | None:
        """The same for the speed of writing."""
        if not self.decode or self.estimated_decode is None:
            return None
        return abs(self.estimated_decode / self.decode - 1)

    def told(self, name: str) -> Any:
        """One of its options."""
        return self.options.get(name)
