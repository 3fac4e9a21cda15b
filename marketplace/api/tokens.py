"""Which token a request carries. Looked up in the database at most every half minute for each token."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest
from django.utils import timezone

from marketplace.models import TOKEN_START, ApiToken, digest_of

from .rates import Rate, parse

logger = logging.getLogger(__name__)

FRESH = 30.0
"""Seconds for which a token is remembered: so long may another process accept one that was just switched off."""
USED_EVERY = timedelta(hours=1)
"""How often its last use is written down."""
MOST = 1000
"""Tokens remembered at once."""
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


def token_of(request: HttpRequest) -> Token | None:
    """The request's token, None where it has none of this site's. Raises :class:`TokenRefused` for a bad one.

    A token that does not begin as ours do belongs to another site: programs made for the Hub send theirs along. It is
    left unread.
    """
    scheme, _, secret = request.headers.get("Authorization", "").strip().partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret.startswith(TOKEN_START):
        return None
    token = _find(digest_of(secret)) if len(secret) <= _LONGEST else None
    if token is None:
        raise TokenRefused("This site does not know this API token. See that it was copied whole.")
    now = timezone.now()
    if not token.active:
        raise TokenRefused("This API token was switched off. Ask this site's curators for another.")
    if token.expires and token.expires <= now:
        raise TokenRefused(
            f"This API token expired on {token.expires:%Y-%m-%d at %H:%M} UTC. Ask this site's curators for another."
        )
    if token.last_used is None or now - token.last_used >= USED_EVERY:
        _used(digest_of(secret), token, now)
    return token


def forget() -> None:
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
    rate: Rate | None = parse(found.rate) if found.rate else settings.API_TOKEN_RATE
    token = Token(found.pk, found.active, found.expires, found.last_used, rate, time.monotonic())
    _keep(digest, token)
    return token


def _keep(digest: str, token: Token) -> None:
    with _lock:
        _known[digest] = token
        _known.move_to_end(digest)
        while len(_known) > MOST:
            _known.popitem(last=False)


def _used(digest: str, token: Token, now: datetime) -> None:
    _keep(digest, replace(token, last_used=now))
    try:
        ApiToken.objects.filter(pk=token.pk).update(last_used=now)
    except DatabaseError as error:
        logger.warning("The last use of API token %s could not be written down: %s", token.pk, error)
