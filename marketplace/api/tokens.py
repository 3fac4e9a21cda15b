"""Which token a request carries. Looked up in the database at most every half minute for each token."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from threading import Lock

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from marketplace.freshness import run_after_response
from marketplace.models import TOKEN_START, ApiToken, digest_of

from .rates import Rate, parse_rate

FRESH = 30.0
"""Seconds for which a token is remembered: so long may another process accept one that was just switched off."""
USED_EVERY = timedelta(hours=1)
"""How often its last use is written down."""
MOST = 1000
"""Tokens remembered at once."""
UNKNOWN = "This site does not know this API token. See that it was copied whole."
_LONGEST = 200


class TokenRefused(Exception):  # noqa: N818 - named for what it tells
    """The request says that it has a token of this site, and it is none that counts."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it was when it was read, at ``read`` on the process's clock."""

    pk: int
    active: bool
    expires: datetime | None
    last_used: datetime | None
    rate: Rate | None
    read: float


_known: OrderedDict[str, Token] = OrderedDict()
_lock = Lock()


def secret_of(request: HttpRequest) -> str:
    """What the request carries as a token of this site, blank if nothing.

    A token that does not begin as ours do belongs to another site: programs made for the Hub send theirs along. It is
    left unread.
    """
    scheme, _, secret = request.headers.get("Authorization", "").strip().partition(" ")
    secret = secret.strip()
    return secret if scheme.lower() == "bearer" and secret.startswith(TOKEN_START) else ""


def is_remembered(secret: str) -> bool:
    """Whether this process has seen that there is such a token."""
    with _lock:
        return digest_of(secret) in _known


def token_of(request: HttpRequest) -> Token | None:
    """The request's token, None where it has none of this site's. Raises :class:`TokenRefused` for a bad one."""
    secret = secret_of(request)
    if not secret:
        return None
    token = _find(digest_of(secret)) if len(secret) <= _LONGEST else None
    if token is None:
        raise TokenRefused(UNKNOWN)
    now = timezone.now()
    if not token.active:
        raise TokenRefused("This API token was switched off. Ask this site's curators for another.")
    if token.expires and token.expires <= now:
        raise TokenRefused(
            f"This API token expired on {token.expires:%Y-%m-%d at %H:%M} UTC. Ask this site's curators for another."
        )
    if token.last_used is None or now - token.last_used >= USED_EVERY:
        # Written after the response: reading must not wait until somebody else has written.
        _keep(digest_of(secret), replace(token, last_used=now))
        run_after_response(request, partial(ApiToken.objects.filter(pk=token.pk).update, last_used=now))
    return token


def forget_tokens() -> None:
    """Look every token up anew, because one was changed."""
    with _lock:
        _known.clear()


def _find(digest: str) -> Token | None:
    with _lock:
        token = _known.get(digest)
    if token and time.monotonic() - token.read < FRESH:
        return token
    found = ApiToken.objects.filter(digest=digest).first()
    if found is None:
        # Not remembered: there is no end of wrong ones.
        return None
    rate: Rate | None = parse_rate(found.rate) if found.rate else settings.API_TOKEN_RATE
    token = Token(found.pk, found.active, found.expires, found.last_used, rate, time.monotonic())
    _keep(digest, token)
    return token


def _keep(digest: str, token: Token) -> None:
    with _lock:
        _known[digest] = token
        _known.move_to_end(digest)
        while len(_known) > MOST:
            _known.popitem(last=False)
