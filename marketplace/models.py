"""What the site itself keeps: the tokens of its API."""

from __future__ import annotations

import hashlib
import secrets

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models

from .api.rates import parse_rate

TOKEN_START = "rh_"  # noqa: S105 - how tokens begin; a Hub token begins otherwise and is none of ours
_SHOWN = 8


def digest_of(secret: str) -> str:
    """What is kept of a token. It is 32 random bytes, so nobody finds it by trying, and no slow hash is needed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def valid_rate(text: str) -> None:
    """Refuse what is no rate."""
    try:
        parse_rate(text)
    except ValueError as error:
        raise ValidationError(f"“{text}” is not a rate: {error}.") from None


class ApiToken(models.Model):
    """A key to the API: it tells one client from the others, and gives it a rate. It carries no other right."""

    name = models.CharField(max_length=80, unique=True, help_text="Who or what uses it.")
    prefix = models.CharField("begins with", max_length=len(TOKEN_START) + _SHOWN, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    active = models.BooleanField(
        default=True, help_text="Switched off, it is refused everywhere within a minute; it can be switched on again."
    )
    expires = models.DateTimeField(null=True, blank=True, help_text="From when it is refused (UTC). Empty: never.")
    rate = models.CharField(
        max_length=40,
        blank=True,
        validators=[valid_rate],
        help_text="Such as 10000/hour, or off for no limit. Empty: what the site gives every token.",
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created = models.DateTimeField(auto_now_add=True)
    last_used = models.DateTimeField(null=True, editable=False)
    secret = ""
    """Only on a token that was made just now; no column."""

    class Meta:
        verbose_name = "API token"
        ordering = ("name",)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def renew(self) -> str:
        """Give it a new secret, and return that: it is kept nowhere, so this is the only time it can be read."""
        secret = TOKEN_START + secrets.token_urlsafe(32)
        self.prefix, self.digest = secret[: len(TOKEN_START) + _SHOWN], digest_of(secret)
        return secret
