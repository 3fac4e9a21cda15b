"""Work that takes long: what is wanted, what goes on and how far it is, what came of it; and when it is wanted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from django.db import models

from .lease import Leased
from .sync import HubSelection

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


COMMANDS = {
    "sync": "sync_models",
    "refresh": "refresh_models",
    "judge": "reevaluate",
    "housekeeping": "housekeeping",
    "backup": "backup",
}
"""The command that does each kind of work which the site does by itself."""


class Schedule(models.Model):
    """A kind of work that is wanted again and again; the ``tasks`` process has an eye on when."""

    KIND_CHOICES: ClassVar = [
        ("sync", "sync: bring a selection of the Hub's models up to date"),
        ("refresh", "refresh: fetch again what is out of date, best known first"),
        ("judge", "judge: read and judge again what rests on other code or tables"),
        ("housekeeping", "housekeeping: drop what nobody needs any more"),
        ("backup", "backup: copy the database"),
    ]

    kind = models.CharField(max_length=12, choices=KIND_CHOICES)
    options = models.CharField(
        max_length=300, blank=True, help_text="As after the command of that kind, such as --limit 1000 --author Qwen."
    )
    every = models.PositiveIntegerField("every so many hours", default=24)
    active = models.BooleanField(default=False)
    due = models.DateTimeField("next", help_text="Not before then. UTC.")

    jobs: RelatedManager[Job]

    class Meta:
        ordering = ["kind", "options"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "options"], name="scheduled_once"),
            models.CheckConstraint(condition=models.Q(every__gte=1), name="schedule_moves_on"),
        ]

    def __str__(self) -> str:
        """Kind and options."""
        return f"{self.kind} {self.options}".strip()

    def after(self, now: datetime) -> datetime:
        """When it is due after a time: times that were missed are left out."""
        hours = timedelta(hours=self.every)
        missed = max(0, (now - self.due) // hours)
        return self.due + hours * (missed + 1)


class Job(Leased):
    """One piece of work that takes long: a command, one that waits in the queue, or one that the site is at.

    It is written in the transaction of what caused it, and taken by one process at a time. The counts are those of work
    that fills the catalogue.
    """

    KIND_CHOICES: ClassVar = [
        ("sync", "sync"),
        ("load", "load"),
        ("refresh", "refresh"),
        ("judge", "judge"),
        ("housekeeping", "housekeeping"),
        ("backup", "backup"),
        ("export", "export"),
    ]
    STATE_CHOICES: ClassVar = [("waiting", "waiting"), ("running", "running"), ("done", "done"), ("failed", "failed")]

    kind = models.CharField(max_length=12, choices=KIND_CHOICES)
    options = models.CharField(max_length=300, blank=True, help_text="As after the command of that kind.")
    source = models.CharField(
        "what", max_length=300, blank=True, help_text="A file name, or what is selected of the Hub, or why it is done."
    )
    origin = models.CharField(max_length=8, blank=True, help_text="Of records that it brings.")
    selection = models.ForeignKey(
        HubSelection, on_delete=models.SET_NULL, null=True, blank=True, related_name="jobs", editable=False
    )
    schedule = models.ForeignKey(
        Schedule, on_delete=models.SET_NULL, null=True, blank=True, related_name="jobs", editable=False
    )
    state = models.CharField(max_length=8, choices=STATE_CHOICES, default="running")
    wanted = models.DateTimeField("wanted since", help_text="When it was asked for.")
    due = models.DateTimeField(null=True, blank=True, help_text="While it waits: not before then.")
    attempts = models.PositiveSmallIntegerField(default=0)
    most_attempts = models.PositiveSmallIntegerField(
        default=1, help_text="A command is run once; what waited in the queue is tried again."
    )
    started = models.DateTimeField(null=True, blank=True, help_text="When the last attempt began.")
    heard = models.DateTimeField("last heard of", null=True, blank=True, help_text="When its process last gave a sign.")
    doing = models.CharField(max_length=300, blank=True, help_text="What it did then.")
    stage = models.CharField(max_length=100, blank=True, help_text="The part of it that goes on.")
    stage_began = models.DateTimeField(null=True, blank=True)
    done = models.BigIntegerField(default=0, help_text="How much of the stage is done.")
    total = models.BigIntegerField(null=True, blank=True, help_text="How much that is in all; empty if nobody knows.")
    finished = models.DateTimeField(null=True, blank=True)
    new = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    completed = models.PositiveIntegerField(default=0, help_text="Models of which more than the list was read.")
    gone = models.PositiveIntegerField(default=0, help_text="Models that the Hub does not have any more.")
    renamed = models.PositiveIntegerField(default=0)
    problems = models.JSONField(default=list, help_text="The first rejected records, with reasons.")
    error = models.TextField("last error", blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "options"], condition=models.Q(state="waiting"), name="job_waits_once"
            )
        ]
        indexes = [models.Index(fields=["state", "due"], name="job_by_state")]

    def __str__(self) -> str:
        """What it is, and its state."""
        return f"{self.source or self.kind} ({self.state})"

    @property
    def progress(self) -> str:
        """How far it is, in words: part, rate and time left, as far as they can be told."""
        if self.state != "running":
            return ""
        told = [self.doing or self.stage]
        if self.total:
            told.append(f"{100 * self.done // self.total} %")
        elif self.done:
            told.append(f"{self.done:,}")
        if self.rate:
            told.append(f"{self.rate:,.0f} a second" if self.rate >= 10 else f"{self.rate:.1f} a second")
        if self.seconds_left is not None:
            minutes, seconds = divmod(round(self.seconds_left), 60)
            told.append(f"{minutes} min {seconds} s left" if minutes else f"{seconds} s left")
        return ", ".join(filter(None, told))

    @property
    def rate(self) -> float | None:
        """How much of its stage a second gets done; None where that cannot be told yet."""
        if self.state != "running" or not (self.done and self.stage_began and self.heard):
            return None
        seconds = (self.heard - self.stage_began).total_seconds()
        return self.done / seconds if seconds >= 1 else None

    @property
    def seconds_left(self) -> float | None:
        """How long its stage takes yet at this rate; None where that cannot be told."""
        rate = self.rate
        return max(0, self.total - self.done) / rate if rate and self.total is not None else None
