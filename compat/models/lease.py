"""Rows that one process at a time has in hand."""

from __future__ import annotations

from django.db import models


class Leased(models.Model):
    """A row that a process works at until a time, unless it says so again: see ``compat/ingest/lease.py``."""

    holder = models.CharField(
        "process", max_length=100, blank=True, help_text="The process that is at it; empty for none."
    )
    held_until = models.DateTimeField(null=True, blank=True, help_text="Until when, unless it says so again.")

    class Meta:
        abstract = True
