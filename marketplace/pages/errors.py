"""What a visitor sees where a request makes no sense, or the site cannot answer it."""

from __future__ import annotations

import sys

from django.core.exceptions import BadRequest
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views import defaults

NO_DATABASE = OperationalError, InterfaceError
"""What is raised while the database cannot be used: it is away, restarts, or is locked for too long."""
SOON = 5
"""Seconds after which a database that failed may answer again."""


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400 with the reason, where it was written for people."""
    reason = str(exception) if isinstance(exception, BadRequest) else ""
    return render(request, "400.html", {"exception": reason}, status=400)


def server_error(request: HttpRequest) -> HttpResponse:
    """500, or 503 while the database cannot be used. Without the site's frame, which may be what is broken."""
    if not isinstance(sys.exception(), NO_DATABASE):
        return defaults.server_error(request)
    headers = {"Retry-After": str(SOON), "Cache-Control": "no-store"}
    return HttpResponse(render_to_string("503.html"), status=503, headers=headers)
