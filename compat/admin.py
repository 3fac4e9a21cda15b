"""The curators' and operators' view: records come from the Hub and are read-only, lists are made here."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from compat.engine import Confidence, all_profiles
from compat.engines import engines
from compat.models import (
    CuratedList,
    EngineSetting,
    HubFetch,
    ListEntry,
    ModelRecord,
    RecordVariant,
    SiteWorker,
    SyncRun,
    Verdict,
)
from compat.search import matching, words_of
from compat.sync import touch
from compat.tasks import reevaluate_all, request_fetch
from compat.workers import MOST_ACCELERATORS, Machine, accelerator_labels, accelerator_named

MANY = 200
"""How many records one refresh action may ask the Hub for."""


class ReadOnly:
    """What comes from the Hub or from the rules is looked at here, never edited."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """No."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """No."""
        return False


class VariantInline(ReadOnly, admin.TabularInline[RecordVariant, ModelRecord]):
    """A record's variants."""

    model = RecordVariant
    fields = ("position", "label", "format", "quantization", "size_bytes", "missing_shards")
    extra = 0
    can_delete = False


@admin.register(ModelRecord)
class ModelRecordAdmin(ReadOnly, admin.ModelAdmin[ModelRecord]):
    """Records: search, look, refresh from the Hub."""

    list_display = ("repo_id", "family", "formats", "size", "task", "license", "origin", "as_of", "updated")
    list_filter = ("origin", "gated", "disabled")
    search_fields = ("search_text",)
    search_help_text = "Words of the id; a pasted Hub address works too."
    ordering = ("-popularity", "repo_id")
    list_per_page = 50
    show_full_result_count = False
    inlines = (VariantInline,)
    actions = ("refresh",)
    fields = (
        "repo_id", "verdicts", "family", "architecture", "architecture_from", "parameters", "parameters_from",
        "context", "formats", "task", "library", "license", "gated", "disabled", "downloads", "likes", "size_bytes",
        "created", "modified", "origin", "as_of", "fetched", "updated", "sha", "answer",
    )  # fmt: skip
    readonly_fields = ("verdicts", "answer")

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
        return (matching(queryset, words) if words else queryset), False

    @admin.display(description="parameters", ordering="parameters")
    def size(self, record: ModelRecord) -> str:
        """The parameter count for people."""
        return record.parameters_text

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

        return format_html("<pre>{}</pre>", json.dumps(record.payload.data, indent=1, ensure_ascii=False)[:20_000])

    @admin.action(description="Refresh from the Hub, in the background")
    def refresh(self, request: HttpRequest, queryset: QuerySet[ModelRecord]) -> None:
        """Enqueue a fetch for each chosen record."""
        chosen = list(queryset.values_list("repo_id", flat=True)[: MANY + 1])
        if len(chosen) > MANY:
            self.message_user(request, f"Choose at most {MANY} records at once, or use sync_models.", messages.ERROR)
            return
        asked = sum(request_fetch(repo_id) for repo_id in chosen)
        self.message_user(
            request, f"{asked} of {len(chosen)} are being refreshed; the others were asked for a moment ago."
        )


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
            queryset = queryset.filter(record__in=matching(ModelRecord.objects.order_by(), words).values("id"))
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

    @admin.action(description="Judge everything again, in the background")
    def judge_again(self, request: HttpRequest, queryset: QuerySet[Verdict]) -> None:
        """Enqueue a re-evaluation of the whole catalogue."""
        reevaluate_all.enqueue()
        self.message_user(request, "Everything is being judged again in the background.")


@admin.register(EngineSetting)
class EngineSettingAdmin(admin.ModelAdmin[EngineSetting]):
    """Engine profiles: what ships is shown, what the operator decides is edited."""

    list_display = ("slug", "called", "enabled", "policy", "formats")
    fields = (
        "slug",
        "called",
        "summary",
        "families",
        "formats",
        "version",
        "source",
        "enabled",
        "context_policy",
    )
    readonly_fields = ("slug", "called", "summary", "families", "formats", "version", "source")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Profiles are files."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Profiles are files."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[EngineSetting]:
        """Only profiles that still ship."""
        return super().get_queryset(request).filter(slug__in=all_profiles())

    def save_model(
        self, request: HttpRequest, obj: EngineSetting, form: ModelForm[EngineSetting], change: bool
    ) -> None:
        """Save, and judge again what the change touches."""
        super().save_model(request, obj, form, change)
        if form.changed_data:
            reevaluate_all.enqueue()
            self.message_user(request, "The verdicts are being made again in the background.")

    @admin.display(description="name")
    def called(self, setting: EngineSetting) -> str:
        """The engine's name."""
        return all_profiles()[setting.slug].name

    @admin.display(description="summary")
    def summary(self, setting: EngineSetting) -> str:
        """What it runs, in a sentence."""
        return all_profiles()[setting.slug].summary

    @admin.display(description="families")
    def families(self, setting: EngineSetting) -> str:
        """The architecture families it runs."""
        return all_profiles()[setting.slug].family_names

    @admin.display(description="formats")
    def formats(self, setting: EngineSetting) -> str:
        """The formats it loads."""
        return ", ".join(rule.name for rule in all_profiles()[setting.slug].formats)

    @admin.display(description="version")
    def version(self, setting: EngineSetting) -> str:
        """The engine version the profile describes."""
        return all_profiles()[setting.slug].version

    @admin.display(description="source")
    def source(self, setting: EngineSetting) -> str:
        """Where the profile was read."""
        return all_profiles()[setting.slug].source

    @admin.display(description="context policy")
    def policy(self, setting: EngineSetting) -> str:
        """The policy in force."""
        return setting.context_policy or all_profiles()[setting.slug].context_policy


def _engine_choices() -> list[tuple[str, str]]:
    return [(slug, profile.name) for slug, profile in all_profiles().items()]


class SiteWorkerForm(ModelForm[SiteWorker]):
    """A worker as an operator describes it; whatever could not be estimated later is refused here."""

    engine = forms.ChoiceField(choices=_engine_choices, help_text="The program that loads the models.")
    accelerator = forms.CharField(
        max_length=80,
        required=False,
        help_text="A label of the list under /workers/, such as RTX 4090; or leave it empty and give the memory.",
    )
    count = forms.IntegerField(min_value=1, max_value=MOST_ACCELERATORS, initial=1, help_text="How many of them.")
    context = forms.IntegerField(
        min_value=1, max_value=10**9, initial=8192, help_text="Tokens of context people use on it."
    )

    class Meta:
        model = SiteWorker
        fields = (
            "name", "slug", "engine", "accelerator", "count", "memory_gb", "ram_gb", "context", "kv", "published",
            "position",
        )  # fmt: skip

    def clean_accelerator(self) -> str:
        """Only what the estimates know; close labels are named."""
        label: str = self.cleaned_data["accelerator"].strip()
        if not label or accelerator_named(label):
            return label
        words = label.lower().split()
        near = [known for known in accelerator_labels() if any(word in known.lower().split() for word in words)]
        hint = f" Did you mean {', '.join(near[:5])}?" if near else ""
        raise forms.ValidationError(f"“{label}” is not an accelerator this site knows.{hint} Or give its memory alone.")

    def clean_memory_gb(self) -> float | None:
        """More than nothing, where it is told."""
        return self._above_zero("memory_gb")

    def clean_ram_gb(self) -> float | None:
        """More than nothing, where it is told."""
        return self._above_zero("ram_gb")

    def _above_zero(self, name: str) -> float | None:
        value: float | None = self.cleaned_data[name]
        if value is not None and not 0 < value < 1e6:
            raise forms.ValidationError("Give a number of GB above 0, or leave it empty.")
        return value


@admin.register(SiteWorker)
class SiteWorkerAdmin(admin.ModelAdmin[SiteWorker]):
    """Workers of this site: an engine on the hardware that is there."""

    form = SiteWorkerForm
    list_display = ("name", "engine_name", "machine", "context", "published", "position")
    list_editable = ("published", "position")
    list_filter = ("published", "engine")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}

    @admin.display(description="engine", ordering="engine")
    def engine_name(self, worker: SiteWorker) -> str:
        """The engine's name, or what is wrong with it."""
        profile = all_profiles().get(worker.engine)
        return profile.name if profile else f"{worker.engine}: no longer known, so the worker is not shown"

    @admin.display(description="machine")
    def machine(self, worker: SiteWorker) -> str:
        """The machine in a few words."""
        return Machine(worker.accelerator, worker.count, worker.memory_gb, worker.ram_gb).label or "not told"


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

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Entries count in the pages' numbers, which are kept until the catalogue changes."""
        super().save_related(request, form, formsets, change)
        touch()

    def delete_model(self, request: HttpRequest, obj: CuratedList) -> None:
        """The same for a list that goes."""
        super().delete_model(request, obj)
        touch()

    @admin.display(description="models", ordering="entry_count")
    def size(self, curated: CuratedList) -> int:
        """How many models it holds."""
        return getattr(curated, "entry_count", 0)


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
