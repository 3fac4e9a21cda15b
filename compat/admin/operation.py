"""What the site did: fillings of the catalogue, and requests to the Hub."""

from __future__ import annotations

from django.contrib import admin

from compat.models import HubFetch, SyncRun

from .read_only import ReadOnly


@admin.register(SyncRun)
class SyncRunAdmin(ReadOnly, admin.ModelAdmin[SyncRun]):
    """Fillings of the catalogue, with what was rejected and why."""

    list_display = ("source", "state", "started", "finished", "new", "changed", "unchanged", "rejected")
    list_filter = ("state", "origin")


@admin.register(HubFetch)
class HubFetchAdmin(ReadOnly, admin.ModelAdmin[HubFetch]):
    """Requests for single models."""

    list_display = ("repo_id", "state", "requested", "finished", "error")
    list_filter = ("state",)
    search_fields = ("repo_id",)
