"""Webhooks: who is told of what, and what became of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from compat.catalogue.workers import workers
from compat.models import Webhook, WebhookDelivery
from compat.webhooks import events, outbox, signing, tasks
from compat.webhooks.hosts import objection_to_address

from .read_only import ReadOnly

ROTATION = timedelta(days=1)
"""How long the secret before the present one signs too."""


def _worker_choices() -> list[tuple[str, str]]:
    return [
        ("", "every engine, whatever the memory"),
        *((slug, worker.label if not worker.registered else f"{worker.name}, a worker of this site")
          for slug, worker in workers().items()),
    ]  # fmt: skip


def _outcome(delivery: WebhookDelivery) -> str:
    """What came of the last attempt, in words."""
    return delivery.error or (f"answered {delivery.status}" if delivery.status else "not yet tried")


class WebhookForm(ModelForm[Webhook]):
    """A webhook; an address that could not be told is refused here."""

    url = forms.CharField(
        label="Address",
        max_length=500,
        help_text="Where events are sent, such as https://hooks.example.org/models. Its host must be in WEBHOOK_HOSTS.",
        widget=forms.TextInput(attrs={"class": "vURLField"}),
    )
    events = forms.MultipleChoiceField(
        choices=Webhook.EVENT_CHOICES, widget=forms.CheckboxSelectMultiple, help_text="What it is told of."
    )
    worker = forms.ChoiceField(
        choices=_worker_choices,
        required=False,
        help_text="Only models that newly run on it, with its memory where it has a machine.",
    )
    active = forms.BooleanField(
        required=False,
        initial=True,
        # The page says what it showed: a webhook that was switched off meanwhile is not activated by saving a name.
        show_hidden_initial=True,
    )

    class Meta:
        model = Webhook
        fields = ("name", "url", "events", "worker", "curated_list", "active")

    def clean_url(self) -> str:
        """Only what may be told."""
        url: str = self.cleaned_data["url"]
        if problem := objection_to_address(url, settings.WEBHOOK_HOSTS):
            raise forms.ValidationError(problem)
        return url


@admin.register(Webhook)
class WebhookAdmin(admin.ModelAdmin[Webhook]):
    """Webhooks. Their secrets are shown to superusers who ask for them, and to nobody else."""

    form = WebhookForm
    list_display = ("name", "active", "host", "told_of", "narrowed", "last_success", "stopped")
    list_filter = ("active",)
    list_select_related = ("curated_list",)
    search_fields = ("name",)
    actions = ("ping", "show_secret", "rotate_secret")
    readonly_fields = ("stopped", "last_success", "failures", "failing_since", "secret_told", "latest")

    def get_fields(self, request: HttpRequest, obj: Webhook | None = None) -> tuple[str, ...]:
        """What became of a webhook is shown once there is one."""
        edited = ("name", "url", "events", "worker", "curated_list", "active")
        return (*edited, *self.readonly_fields) if obj else edited

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """No question about a secret: who may ask whether it is less than a text finds it out letter by letter."""
        return not lookup.startswith(("secret", "previous_secret")) and super().lookup_allowed(lookup, value, request)

    def has_secret_permission(self, request: HttpRequest) -> bool:
        """Who knows a secret can sign in this site's name."""
        return bool(request.user.is_superuser)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, with what is missing for any webhook to be sent."""
        self._say_what_is_missing(request)
        return super().changelist_view(request, extra_context)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The form, with the same."""
        self._say_what_is_missing(request)
        return super().changeform_view(request, object_id, form_url, extra_context)

    def _say_what_is_missing(self, request: HttpRequest) -> None:
        if request.method == "GET" and not settings.WEBHOOK_HOSTS:
            self.message_user(request, objection_to_address("", ()), messages.WARNING)

    def save_model(self, request: HttpRequest, obj: Webhook, form: ModelForm[Webhook], change: bool) -> None:
        """A new webhook gets its secret; one that is activated again begins anew."""
        if not obj.secret:
            obj.secret = signing.new_secret()
        if obj.active and "active" in form.changed_data:
            obj.stopped, obj.failures, obj.failing_since = "", 0, None
        if change:
            # Not the rest: the tasks process may have switched it off, or counted a failure, meanwhile.
            begun = ["stopped", "failures", "failing_since"] if obj.active and "active" in form.changed_data else []
            obj.save(update_fields=[*form.changed_data, *begun])
        else:
            super().save_model(request, obj, form, change)
            self.message_user(
                request,
                "Its secret was made. A superuser sees it with the action “Show the secret” of the list, and can then "
                "send a test event.",
            )

    @admin.display(description="host", ordering="url")
    def host(self, hook: Webhook) -> str:
        """Where it goes, without what the path may hold of secrets; or what speaks against it."""
        return objection_to_address(hook.url, settings.WEBHOOK_HOSTS) or urlsplit(hook.url).netloc

    @admin.display(description="told of")
    def told_of(self, hook: Webhook) -> str:
        """Its event types."""
        return ", ".join(hook.events)

    @admin.display(description="narrowed to")
    def narrowed(self, hook: Webhook) -> str:
        """Its worker and list."""
        parts = (hook.worker, hook.curated_list.title if hook.curated_list else "")
        return ", ".join(part for part in parts if part) or "nothing"

    @admin.display(description="secret")
    def secret_told(self, hook: Webhook) -> str:
        """Whether there is one, never which."""
        told = "A superuser sees it with the action “Show the secret” in the list of webhooks."
        if hook.previous_until and hook.previous_until > timezone.now():
            told += f" The one before it signs too, until {hook.previous_until:%d %b %Y, %H:%M} UTC."
        return told

    @admin.display(description="latest deliveries")
    def latest(self, hook: Webhook) -> SafeString | str:
        """What became of the last ten events."""
        found = list(hook.deliveries.all()[:10])
        if not found:
            return "none yet"
        rows = (
            (
                reverse("admin:compat_webhookdelivery_change", args=[delivery.pk]),
                f"{delivery.created:%d %b %Y, %H:%M:%S}",
                delivery.type,
                delivery.get_state_display(),
                _outcome(delivery),
            )
            for delivery in found
        )
        row = '<tr><td><a href="{}">{}</a></td><td>{}</td><td>{}</td><td>{}</td></tr>'
        return format_html("<table>{}</table>", format_html_join("", row, rows))

    @admin.action(description="Send a test event", permissions=["change"])
    def ping(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        """Send each an event that says nothing, whether it is active or not."""
        with transaction.atomic():
            sent = [outbox.put_event(hook, events.PING, {"webhook": hook.name}) for hook in queryset]
        where = reverse("admin:compat_webhookdelivery_changelist")
        self.message_user(
            request,
            format_html('Test events on their way: {}. See <a href="{}">what became of them</a>.', len(sent), where),
        )

    @admin.action(description="Show the secret", permissions=["secret"])
    def show_secret(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> HttpResponse:
        """The secrets, on a page that no browser keeps; the history says who looked."""
        hooks = list(queryset)
        for hook in hooks:
            self.log_change(request, hook, "Looked at the secret.")
        context = {
            **self.admin_site.each_context(request),
            "title": "Secrets of webhooks",
            "opts": self.opts,
            "hooks": hooks,
            "now": timezone.now(),
        }
        return TemplateResponse(request, "admin/compat/webhook/secret.html", context)

    @admin.action(description="Make a new secret; the old one signs for another day", permissions=["change"])
    def rotate_secret(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        """Give each a new secret; for a day both sign, so that a receiver can change when it suits."""
        now = timezone.now()
        until = now + ROTATION
        hooks = list(queryset)
        if early := [hook for hook in hooks if hook.previous_until and hook.previous_until > now]:
            told = "; ".join(f"{hook.name}, until {hook.previous_until:%d %b %Y, %H:%M} UTC" for hook in early)
            self.message_user(
                request,
                f"No secret was changed: an old one still signs ({told}), and a newer one would end it at once. "
                "Wait until then, or leave these webhooks out.",
                messages.ERROR,
            )
            return
        for hook in hooks:
            hook.previous_secret, hook.secret, hook.previous_until = hook.secret, signing.new_secret(), until
            hook.save(update_fields=["secret", "previous_secret", "previous_until"])
            self.log_change(request, hook, "Made a new secret.")
        self.message_user(
            request, f"New secrets are made. The old ones sign too until {until:%d %b %Y, %H:%M} UTC; then no more."
        )


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnly, admin.ModelAdmin[WebhookDelivery]):
    """Deliveries: what was sent, what was answered, and when it is tried again."""

    list_display = ("created", "webhook", "type", "state", "outcome", "attempts", "next")
    list_filter = ("state", "type", "webhook")
    list_select_related = ("webhook",)
    search_fields = ("event_id",)
    list_per_page = 50
    show_full_result_count = False
    actions = ("again",)
    fields = (
        *("webhook", "event_id", "type", "state", "created", "attempts", "next", "finished", "status", "error"),
        *("answer", "took", "text"),
    )
    readonly_fields = ("next", "took", "text")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may delete webhooks: deliveries go with theirs."""
        return request.user.has_perm("compat.delete_webhook")

    @admin.display(description="last attempt", ordering="status")
    def outcome(self, delivery: WebhookDelivery) -> str:
        """What came of it."""
        return _outcome(delivery)

    @admin.display(description="took")
    def took(self, delivery: WebhookDelivery) -> str:
        """The last attempt's duration."""
        return "" if delivery.duration is None else f"{delivery.duration:.2f} s"

    @admin.display(description="next attempt")
    def next(self, delivery: WebhookDelivery) -> Any:
        """When it is tried again, where it is."""
        return delivery.next_attempt if delivery.state in ("gathering", "pending") else ""

    @admin.display(description="body")
    def text(self, delivery: WebhookDelivery) -> SafeString:
        """What is sent."""
        return format_html("<pre>{}</pre>", delivery.body[:20_000] or "made when the run ends")

    def has_deliver_permission(self, request: HttpRequest) -> bool:
        """Whoever may change webhooks; to look at deliveries is not enough."""
        return request.user.has_perm("compat.change_webhook")

    @admin.action(description="Deliver again", permissions=["deliver"])
    def again(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        """Begin anew with what was delivered or given up; the event's id stays, so that receivers can tell."""
        over = list(queryset.filter(state__in=("delivered", "failed")).values_list("pk", flat=True))
        with transaction.atomic():
            WebhookDelivery.objects.filter(pk__in=over).update(
                state="pending", attempts=0, next_attempt=timezone.now(), finished=None
            )
            for pk in over:
                tasks.wake_delivery(pk)
        self.message_user(request, f"Being delivered again: {len(over)}.")
