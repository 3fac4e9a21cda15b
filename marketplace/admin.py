"""The admin's part that concerns the site itself: its name, and tokens of the API."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm, ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from .api import tokens
from .models import ApiToken

admin.site.site_header = admin.site.site_title = "RunsHere"
admin.site.index_title = "Keep the catalogue"


class ApiTokenForm(ModelForm[ApiToken]):
    """A token as a curator describes it; its secret is made, not chosen."""

    def clean_expires(self) -> Any:
        """Not a time that is over, unless it stood there already."""
        expires = self.cleaned_data["expires"]
        if expires and "expires" in self.changed_data and expires <= timezone.now():
            raise ValidationError("This time is over. Give a later one, or untick “active” to switch the token off.")
        return expires


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin[ApiToken]):
    """API tokens: made here, shown once, switched off here."""

    form = ApiTokenForm
    list_display = ("name", "begins", "active", "expires", "rate", "created_by", "created", "last_used")
    list_filter = ("active",)
    list_select_related = ("created_by",)
    search_fields = ("name", "prefix")
    fields = ("name", "active", "expires", "rate", "begins", "created_by", "created", "last_used")
    readonly_fields = ("begins", "created_by", "created", "last_used")
    actions = ("switch_off",)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """No question about the digest of a secret."""
        return not lookup.startswith("digest") and super().lookup_allowed(lookup, value, request)

    @admin.display(description="begins with", ordering="prefix")
    def begins(self, token: ApiToken) -> str:
        """The part of the secret that is kept, by which its holder finds it here."""
        return f"{token.prefix}…"

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        """Before it is made there is nothing to tell."""
        return self.fields if obj else ("name", "active", "expires", "rate")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One button only: whichever it is, the secret is shown next."""
        context = {**(extra_context or {}), "show_save_and_add_another": False, "show_save_and_continue": False}
        return super().add_view(request, form_url, context)

    def save_model(self, request: HttpRequest, obj: ApiToken, form: ModelForm[ApiToken], change: bool) -> None:
        """Save; a new one gets its secret."""
        if not change:
            obj.created_by = request.user  # type: ignore[assignment] # nobody else comes here
            obj.secret = obj.renew()
        super().save_model(request, obj, form, change)
        tokens.forget_tokens()

    def response_add(self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None) -> HttpResponse:
        """The secret, in the answer itself: a message would lie in a cookie or in the session until it was read."""
        context = {
            **self.admin_site.each_context(request),
            "title": "The token is made",
            "opts": self.opts,
            "token": obj,
        }
        return TemplateResponse(request, "admin/marketplace/apitoken/made.html", context)

    def delete_model(self, request: HttpRequest, obj: ApiToken) -> None:
        """Delete, at once for this process."""
        super().delete_model(request, obj)
        tokens.forget_tokens()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        """Delete, at once for this process."""
        super().delete_queryset(request, queryset)
        tokens.forget_tokens()

    @admin.action(description="Switch off", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        """Refuse them from now on."""
        count = queryset.update(active=False)
        tokens.forget_tokens()
        self.message_user(request, f"Switched off: {count}. Every web process refuses them within a minute.")
