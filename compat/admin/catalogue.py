"""Records, variants and verdicts: they come from the Hub and from the rules, and are read-only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from compat.ingest.changes import lock_records, raise_catalogue_version
from compat.ingest.jobs import want
from compat.ingest.writing import concerned_by, read_again
from compat.models import ModelRecord, RecordVariant, Verdict
from compat.models.engines import engines
from compat.models.search import matching_records, words_of
from compat.rules import Confidence
from compat.tasks import request_fetch

from .read_only import ReadOnly

MANY = 200
"""How many records one refresh action may ask the Hub for."""


class VariantInline(ReadOnly, admin.TabularInline[RecordVariant, ModelRecord]):
    """A record's variants."""

    model = RecordVariant
    fields = ("position", "label", "format", "quantization", "size_bytes", "missing_shards")
    extra = 0
    can_delete = False


@admin.register(ModelRecord)
class ModelRecordAdmin(ReadOnly, admin.ModelAdmin[ModelRecord]):
    """Records: search, look, refresh from the Hub."""

    list_display = ("repo_id", "family", "formats", "size", "task", "license", "origin", "gone", "as_of", "updated")
    list_filter = ("gone", "origin", "gated", "disabled")
    search_fields = ("search_text",)
    search_help_text = "Words of the id; a pasted Hub address works too."
    ordering = ("-popularity", "repo_id")
    list_per_page = 50
    show_full_result_count = False
    inlines = (VariantInline,)
    actions = ("refresh",)
    fields = (
        "repo_id", "verdicts", "family", "architecture", "architecture_from", "parameters", "parameters_from",
        "context", "formats", "task", "library", "license", "gated", "disabled", "gone", "gone_since", "former",
        "downloads", "likes", "size_bytes",
        "created", "modified", "origin", "as_of", "fetched", "updated", "sha", "answer",
    )  # fmt: skip
    readonly_fields = ("verdicts", "former", "answer")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As the user's permissions say: a record may have to go."""
        return request.user.has_perm("compat.delete_modelrecord")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may see records; the autocomplete of lists asks this too."""
        return request.user.has_perm("compat.view_modelrecord") or request.user.has_perm("compat.change_curatedlist")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelRecord]:
        """Without the search text, which no page shows."""
        return super().get_queryset(request).defer("search_text")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ModelRecord], search_term: str
    ) -> tuple[QuerySet[ModelRecord], bool]:
        """The site's own search."""
        words = words_of(search_term)
        return (matching_records(queryset, words) if words else queryset), False

    @admin.display(description="parameters", ordering="parameters")
    def size(self, record: ModelRecord) -> str:
        """The parameter count for people."""
        return record.parameters_text

    @admin.display(description="former names")
    def former(self, record: ModelRecord) -> str:
        """The ids that it had before it was renamed."""
        return ", ".join(name.repo_id for name in record.former_names.all())

    @admin.display(description="verdicts")
    def verdicts(self, record: ModelRecord) -> SafeString:
        """What every engine says of it, with reasons."""
        names = engines()
        rows = (
            (names[verdict.profile].name, verdict.result.level.badge, "; ".join(verdict.result.reasons))
            for verdict in Verdict.objects.filter(sheet=record.sheet_id).order_by("-confidence", "profile")
            if verdict.profile in names
        )
        return format_html("<ul>{}</ul>", format_html_join("", "<li><b>{}: {}</b><br>{}</li>", rows))

    @admin.display(description="Hub answer")
    def answer(self, record: ModelRecord) -> SafeString:
        """What the Hub said, as kept."""
        import json

        return format_html("<pre>{}</pre>", json.dumps(record.payload, indent=1, ensure_ascii=False)[:20_000])

    def get_deleted_objects(
        self, objs: QuerySet[ModelRecord] | Sequence[ModelRecord], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """What goes with them. Variants are never deleted alone, but go with their record without being asked."""
        going, counts, forbidden, protected = super().get_deleted_objects(objs, request)
        variant = str(RecordVariant._meta.verbose_name)  # noqa: SLF001 - documented by Django as public
        return going, counts, forbidden - {variant}, protected

    def delete_model(self, request: HttpRequest, obj: ModelRecord) -> None:
        """Delete; the record counts in the pages' numbers, which are kept until the catalogue changes."""
        with _forgetting([obj.repo_id]):
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ModelRecord]) -> None:
        """The same for several."""
        with _forgetting(list(queryset.values_list("repo_id", flat=True))):
            super().delete_queryset(request, queryset)

    def has_refresh_permission(self, request: HttpRequest) -> bool:
        """Whoever keeps records or lists up to date; to look at records is not enough."""
        return request.user.has_perm("compat.change_modelrecord") or request.user.has_perm("compat.change_curatedlist")

    @admin.action(description="Refresh from the Hub, in the background", permissions=["refresh"])
    def refresh(self, request: HttpRequest, queryset: QuerySet[ModelRecord]) -> None:
        """Enqueue a fetch for each chosen record."""
        chosen = list(queryset.values_list("repo_id", flat=True)[: MANY + 1])
        if len(chosen) > MANY:
            self.message_user(request, f"Choose at most {MANY} records at once, or use sync_models.", messages.ERROR)
            return
        asked = sum(request_fetch(repo_id, insisting=True) for repo_id in chosen)
        self.message_user(
            request, f"{asked} of {len(chosen)} are being refreshed; the others were asked for a moment ago."
        )


@contextmanager
def _forgetting(repo_ids: Sequence[str]) -> Iterator[None]:
    """Around the deletion of records, of which nothing counts any more then, nor what they told of others."""
    with transaction.atomic():
        lock_records()
        concerned = concerned_by(repo_ids)
        yield
        read_again(concerned, timezone.now())
        raise_catalogue_version()


@admin.register(RecordVariant)
class RecordVariantAdmin(ReadOnly, admin.ModelAdmin[RecordVariant]):
    """Variants across records."""

    list_display = ("record", "label", "format", "quantization", "size_bytes", "missing_shards")
    list_filter = ("format",)
    search_fields = ("record__search_text",)
    list_select_related = ("record",)
    list_per_page = 50
    show_full_result_count = False
    ordering = ("record_id", "position")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Variants go with their record."""
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[RecordVariant], search_term: str
    ) -> tuple[QuerySet[RecordVariant], bool]:
        """The site's own search, on the records."""
        words = words_of(search_term)
        if words:
            queryset = queryset.filter(record__in=matching_records(ModelRecord.objects.order_by(), words).values("id"))
        return queryset, False


@admin.register(Verdict)
class VerdictAdmin(ReadOnly, admin.ModelAdmin[Verdict]):
    """Verdicts: one for each set of facts and engine, with the number of records that share it."""

    list_display = ("profile", "answer", "cause", "why", "records", "rules")
    list_filter = ("profile", "confidence", "cause")
    list_per_page = 50
    show_full_result_count = False
    ordering = ("profile", "-confidence", "id")
    actions = ("judge_again",)
    fields = ("profile", "confidence", "cause", "why", "rules", "results", "facts")
    readonly_fields = ("why", "facts")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Verdict]:
        """With the number of records."""
        return super().get_queryset(request).annotate(size=Count("sheet__records"))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A deleted verdict would leave records without one."""
        return False

    @admin.display(description="answer", ordering="confidence")
    def answer(self, verdict: Verdict) -> str:
        """The badge's words."""
        return Confidence(verdict.confidence).badge

    @admin.display(description="first reason")
    def why(self, verdict: Verdict) -> str:
        """The first reason or warning."""
        return next(iter((*verdict.result.reasons, *verdict.result.warnings)), "")

    @admin.display(description="records", ordering="size")
    def records(self, verdict: Verdict) -> int:
        """How many records have these facts."""
        return getattr(verdict, "size", 0)

    @admin.display(description="facts")
    def facts(self, verdict: Verdict) -> str:
        """What was judged."""
        return str(verdict.sheet.facts)

    def has_judge_permission(self, request: HttpRequest) -> bool:
        """Whoever decides about engines, as every such change judges again too."""
        return request.user.has_perm("compat.change_enginesetting")

    @admin.action(description="Judge everything again, in the background", permissions=["judge"])
    def judge_again(self, request: HttpRequest, queryset: QuerySet[Verdict]) -> None:
        """Want it: the tasks process does it."""
        want("judge", "--all", why="asked for in the admin")
        self.message_user(request, "Everything is being judged again in the background.")
