"""Engine profiles and the site's own workers: what the operator decides about them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from compat.catalogue.question import MOST_SLOTS
from compat.catalogue.workers import AUTO, Machine, not_together, too_many
from compat.engines import all_profiles
from compat.engines.accelerator_names import near_names, read_name
from compat.engines.cards import read_cards
from compat.engines.hardware import MOST_ACCELERATORS
from compat.estimate.cache_types import cache_types
from compat.estimate.launch import DEFAULT_CONTEXT
from compat.ingest.changes import raise_catalogue_version
from compat.ingest.jobs import want
from compat.models import EngineSetting, SiteWorker
from compat.wording import or_


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
            raise_catalogue_version()
            want("judge", why=f"{obj} was changed")
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
        min_value=1, max_value=10**9, initial=DEFAULT_CONTEXT, help_text="Tokens of context people use on it."
    )

    class Meta:
        model = SiteWorker
        fields = (
            "name", "slug", "engine", "accelerator", "count", "memory_gb", "beside", "ram_gb", "ram_bandwidth",
            "context", "kv", "slots", "published", "position",
        )  # fmt: skip

    def clean_slug(self) -> str:
        """Not the word that leaves the choice to the machine."""
        slug: str = self.cleaned_data["slug"]
        if slug == AUTO:
            raise forms.ValidationError(f"“{AUTO}” means the engine that suits a machine: take another slug.")
        return slug

    def clean_accelerator(self) -> str:
        """Only what the estimates know; close labels are named."""
        told: str = self.cleaned_data["accelerator"].strip()
        read = read_name(told, None)
        if not told or (read.label and read.count == 1):
            return read.label
        near = [read.label] if read.label else near_names(told)
        hint = f" Did you mean {', '.join(near)}?" if near else ""
        raise forms.ValidationError(f"“{told}” is not an accelerator this site knows.{hint} Or give its memory alone.")

    def clean_count(self) -> int:
        """Several only of what a machine can have several of."""
        count: int = self.cleaned_data["count"]
        message = too_many(self.cleaned_data.get("accelerator", ""), count)
        if message:
            raise forms.ValidationError(message)
        return count

    def clean_beside(self) -> str:
        """Only what goes together with the first kind, by the names of the list."""
        told, given = self.cleaned_data["beside"].strip(), self.cleaned_data
        cards, unread = read_cards(told)
        if unread:
            raise forms.ValidationError(f"“{unread[0][:60]}” is not an accelerator this site knows.")
        machine = Machine(given.get("accelerator", ""), given.get("count", 1), given.get("memory_gb"), beside=cards)
        message = not_together(machine)
        if message:
            raise forms.ValidationError(message)
        return ", ".join(one.words for one in cards)

    def clean_memory_gb(self) -> float | None:
        """More than nothing, where it is told."""
        return self._above_zero("memory_gb")

    def clean_ram_gb(self) -> float | None:
        """More than nothing, where it is told."""
        return self._above_zero("ram_gb")

    def clean_ram_bandwidth(self) -> float | None:
        """More than nothing, where it is told."""
        return self._above_zero("ram_bandwidth")

    def clean_kv(self) -> str:
        """One that the engine has."""
        kv: str = self.cleaned_data["kv"]
        types = cache_types(self.cleaned_data.get("engine", ""))
        if "engine" in self.cleaned_data and not types.takes(kv):
            raise forms.ValidationError(f"This engine has no such type: take {or_(types.names)}.")
        return kv

    def clean_slots(self) -> int | None:
        """As many as visitors may ask for."""
        slots: int | None = self.cleaned_data["slots"]
        if slots is not None and not 1 <= slots <= MOST_SLOTS:
            raise forms.ValidationError(f"Give a number from 1 to {MOST_SLOTS}, or leave it empty.")
        return slots

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

    def save_model(self, request: HttpRequest, obj: SiteWorker, form: ModelForm[SiteWorker], change: bool) -> None:
        """Every page offers the workers: what was kept of them is not good any more."""
        super().save_model(request, obj, form, change)
        raise_catalogue_version()

    def delete_model(self, request: HttpRequest, obj: SiteWorker) -> None:
        """The same for one that goes."""
        super().delete_model(request, obj)
        raise_catalogue_version()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[SiteWorker]) -> None:
        """The same for several."""
        super().delete_queryset(request, queryset)
        raise_catalogue_version()

    @admin.display(description="engine", ordering="engine")
    def engine_name(self, worker: SiteWorker) -> str:
        """The engine's name, or what is wrong with it."""
        profile = all_profiles().get(worker.engine)
        return profile.name if profile else f"{worker.engine}: no longer known, so the worker is not shown"

    @admin.display(description="machine")
    def machine(self, worker: SiteWorker) -> str:
        """The machine in a few words."""
        beside = read_cards(worker.beside)[0]
        return (
            Machine(worker.accelerator, worker.count, worker.memory_gb, worker.ram_gb, beside=beside).label
            or "not told"
        )
