"""What the site does and did: jobs and their schedules, requests to the Hub, and what is left of the Hub's quota."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.core.management import CommandError, load_command_class
from django.db.models import QuerySet
from django.forms import ModelForm, ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from compat.catalogue.operation import operation
from compat.hub.rate_limit_budget import Window
from compat.ingest import jobs
from compat.models import HubFetch, HubSelection, HubWindow, Job, Schedule, VisitorAddition
from compat.models.job import COMMANDS

from .read_only import ReadOnly


@admin.register(HubSelection)
class HubSelectionAdmin(ReadOnly, admin.ModelAdmin[HubSelection]):
    """Selections of the Hub's models, with how far each is read."""

    list_display = ("name", "is_open", "listed", "whole", "current", "holder")
    list_filter = ("is_open",)
    fields = (
        *("name", "number", "is_open", "only_changes", "pages", "listed", "began", "whole", "current"),
        *("holder", "held_until"),
    )


@admin.register(Job)
class JobAdmin(ReadOnly, admin.ModelAdmin[Job]):
    """Jobs: what waits, what goes on and how far it is, what came of it. Above them, how the whole site is."""

    list_display = (
        *("__str__", "kind", "options", "state", "progress", "wanted", "started", "finished", "attempts", "error"),
        *("new", "changed", "unchanged", "completed", "gone", "renamed", "rejected"),
    )
    list_filter = ("state", "kind")
    list_per_page = 50
    show_full_result_count = False
    change_list_template = "admin/compat/job/operation.html"
    actions = ("again",)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """With how the whole site is above the list."""
        return super().changelist_view(request, {**(extra_context or {}), "operation": operation()})

    @admin.display(description="progress")
    def progress(self, job: Job) -> str:
        """How far it is."""
        return job.progress

    def has_again_permission(self, request: HttpRequest) -> bool:
        """Whoever may change jobs or schedules; to look at them is not enough."""
        return request.user.has_perm("compat.change_schedule")

    @admin.action(description="Do again now", permissions=["again"])
    def again(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Want the same once more, and what waits for its next attempt at once; what only a command does is left."""
        chosen = [job for job in queryset if job.kind in COMMANDS and job.state != "running"]
        for job in chosen:
            jobs.want(job.kind, job.options, why="asked for in the admin", schedule=job.schedule)
        self.message_user(request, f"{len(chosen)} will be done by the tasks process.")


class ScheduleForm(ModelForm[Schedule]):
    """A schedule; options that its command would refuse are refused here."""

    def clean(self) -> dict[str, Any]:
        """Ask the command."""
        told: dict[str, Any] = super().clean() or {}
        if told.get("kind"):
            try:
                words = shlex.split(told.get("options") or "")
                command = load_command_class("compat", COMMANDS[told["kind"]])
                command.create_parser("manage.py", COMMANDS[told["kind"]]).parse_args(words)
            except (CommandError, ValueError) as error:
                raise ValidationError({"options": str(error)}) from None
        return told


@admin.register(Schedule)
class ScheduleAdmin(admin.ModelAdmin[Schedule]):
    """When the site does what by itself."""

    form = ScheduleForm
    list_display = ("kind", "options", "every", "active", "due", "last")
    fields = ("kind", "options", "every", "active", "due")
    actions = ("run_now",)

    @admin.display(description="last time")
    def last(self, schedule: Schedule) -> str:
        """What came of it."""
        job = schedule.jobs.exclude(state="waiting").first()
        return "never" if job is None else f"{job.state}, {job.finished or job.started:%d %b %Y, %H:%M} UTC"

    @admin.action(description="Do now, beside the times", permissions=["change"])
    def run_now(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        """Want it at once."""
        chosen = list(queryset)
        for schedule in chosen:
            jobs.run_now(schedule)
        self.message_user(request, f"{len(chosen)} will be done by the tasks process.")


@admin.register(HubWindow)
class HubWindowAdmin(ReadOnly, admin.ModelAdmin[HubWindow]):
    """What is left of the Hub's quotas, as all processes of this site share them."""

    list_display = ("__str__", "left", "of", "until")
    fields = ("host", "left", "of", "until")
    readonly_fields = ("left", "of", "until")

    @admin.display(description="requests left")
    def left(self, row: HubWindow) -> int | None:
        """Those of this window; not known between two windows."""
        window = Window(**row.state)
        return window.left if window.resets_at > timezone.now().timestamp() else None

    @admin.display(description="of")
    def of(self, row: HubWindow) -> int | None:
        """Those of a whole window."""
        return Window(**row.state).quota

    @admin.display(description="until")
    def until(self, row: HubWindow) -> datetime | None:
        """When the next window begins."""
        resets_at = Window(**row.state).resets_at
        return datetime.fromtimestamp(resets_at, UTC) if resets_at > timezone.now().timestamp() else None


@admin.register(HubFetch)
class HubFetchAdmin(ReadOnly, admin.ModelAdmin[HubFetch]):
    """Requests for single models."""

    list_display = ("repo_id", "state", "requested", "finished", "error")
    list_filter = ("state",)
    search_fields = ("repo_id",)
    fields = ("repo_id", "state", "requested", "finished", "error")


@admin.register(VisitorAddition)
class VisitorAdditionAdmin(ReadOnly, admin.ModelAdmin[VisitorAddition]):
    """Records that visitors had added. Deleting a line here keeps the record, and makes room for another."""

    list_display = ("record", "added")
    list_select_related = ("record",)
    list_per_page = 50
    ordering = ("-added",)
