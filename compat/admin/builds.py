"""Which model a repository is a build of, corrected here where it came out wrong."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from compat.ingest.changes import raise_catalogue_version
from compat.models import BuildCorrection


@admin.register(BuildCorrection)
class BuildCorrectionAdmin(admin.ModelAdmin[BuildCorrection]):
    """Corrections; lists follow at once."""

    list_display = ("repo_id", "model")
    search_fields = ("repo_id", "model")

    def save_model(self, request: HttpRequest, obj: BuildCorrection, form: Any, change: bool) -> None:
        """The index says which model a repository is a build of: a new one is made."""
        super().save_model(request, obj, form, change)
        raise_catalogue_version()

    def delete_model(self, request: HttpRequest, obj: BuildCorrection) -> None:
        """The same for one that is taken back."""
        super().delete_model(request, obj)
        raise_catalogue_version()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[BuildCorrection]) -> None:
        """The same for several."""
        super().delete_queryset(request, queryset)
        raise_catalogue_version()
