"""Measurements of the site's own machines: they come from engines' logs, and can be looked at and deleted."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from compat.models import Measurement

from .read_only import ReadOnly


@admin.register(Measurement)
class MeasurementAdmin(ReadOnly, admin.ModelAdmin[Measurement]):
    """What was kept, with how far off the estimate was. A wrong one is deleted, never edited."""

    list_display = ("repo_id", "variant", "engine", "version", "machine", "memory_error", "speed_error", "made", "by")
    list_filter = ("engine", "made")
    list_select_related = ("by",)
    search_fields = ("repo_id", "variant", "accelerator")
    date_hierarchy = "made"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As the user's permissions say."""
        return request.user.has_perm("compat.delete_measurement")

    @admin.display(description="memory off by")
    def memory_error(self, measurement: Measurement) -> str:
        """In percent of the measurement."""
        return "" if measurement.error is None else f"{100 * measurement.error:.1f} %"

    @admin.display(description="speed off by")
    def speed_error(self, measurement: Measurement) -> str:
        """In percent of the measurement."""
        return "" if measurement.decode_error is None else f"{100 * measurement.decode_error:.1f} %"
