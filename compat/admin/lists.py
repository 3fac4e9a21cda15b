"""Curated lists, which are made here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from compat.ingest.changes import raise_catalogue_version
from compat.models import CuratedList, ListEntry
from compat.webhooks import lists


class ListEntryInline(admin.TabularInline[ListEntry, CuratedList]):
    """A list's models, in order."""

    model = ListEntry
    fields = ("position", "record", "note")
    autocomplete_fields = ("record",)
    extra = 1


@admin.register(CuratedList)
class CuratedListAdmin(admin.ModelAdmin[CuratedList]):
    """Curated lists."""

    list_display = ("title", "slug", "size", "published", "position")
    list_editable = ("published", "position")
    prepopulated_fields = {"slug": ("title",)}
    search_fields = ("title", "description")
    inlines = (ListEntryInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[CuratedList]:
        """With the number of models."""
        return super().get_queryset(request).annotate(entry_count=Count("entries"))

    def save_model(self, request: HttpRequest, obj: CuratedList, form: Any, change: bool) -> None:
        """Before anything is saved, see how visitors see the list; ``save_related`` gets the same form."""
        form.seen_before = lists.list_as_seen(obj.pk)
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Entries count in the pages' numbers, which are kept until the catalogue changes."""
        super().save_related(request, form, formsets, change)
        lists.tell_list_change(form.instance.pk, form.seen_before, lists.list_as_seen(form.instance.pk))
        raise_catalogue_version()

    def delete_model(self, request: HttpRequest, obj: CuratedList) -> None:
        """The same for a list that goes."""
        pk, before = obj.pk, lists.list_as_seen(obj.pk)
        super().delete_model(request, obj)
        lists.tell_list_change(pk, before, lists.NOTHING)
        raise_catalogue_version()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[CuratedList]) -> None:
        """The same for several."""
        with transaction.atomic():
            for curated in queryset:
                self.delete_model(request, curated)

    @admin.display(description="models", ordering="entry_count")
    def size(self, curated: CuratedList) -> int:
        """How many models it holds."""
        return getattr(curated, "entry_count", 0)
