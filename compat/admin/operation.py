"""What the site did: fillings of the catalogue, requests to the Hub, and what is left of the Hub's quota."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import admin
from django.utils import timezone

from compat.hub.rate_limit_budget import Window
from compat.models import HubFetch, HubSelection, HubWindow, SyncRun

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


@admin.register(SyncRun)
class SyncRunAdmin(ReadOnly, admin.ModelAdmin[SyncRun]):
    """Fillings of the catalogue, with what was rejected and why."""

    list_display = (
        *("source", "state", "started", "heard", "doing", "finished"),
        *("new", "changed", "unchanged", "completed", "gone", "renamed", "rejected"),
    )
    list_filter = ("state", "origin")


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
