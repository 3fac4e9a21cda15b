"""Whether somebody may be logged in."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest


def has_session(request: HttpRequest) -> bool:
    """Whether a request has a session. Without one nobody is logged in, and none is looked for: pages are alike."""
    return settings.SESSION_COOKIE_NAME in request.COOKIES
