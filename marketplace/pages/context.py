"""What the header and footer of every page need."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from marketplace import VERSION

from .worker import worker_choice


def site(request: HttpRequest) -> dict[str, Any]:
    """The worker (looked up only where a template shows it), the version, and the name of the page's route."""
    match = request.resolver_match
    return {
        "worker": SimpleLazyObject(partial(worker_choice, request)),
        "version": VERSION,
        "section": match.view_name if match else "",
    }
