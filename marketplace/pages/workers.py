"""The engines a visitor can look through, and what each accepts."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.views.decorators.http import require_safe

from .htmx import HtmxHttpRequest, render_page
from .worker import remember, worker_choice


@require_safe
def workers(request: HtmxHttpRequest) -> HttpResponse:
    """``/workers/``"""
    profiles = worker_choice(request).available.values()
    return remember(request, render_page(request, "pages/workers.html", {"profiles": profiles}))


@require_safe
def worker(request: HtmxHttpRequest, slug: str) -> HttpResponse:
    """``/workers/<slug>/``"""
    profile = worker_choice(request).available.get(slug)
    if profile is None:
        raise Http404(f"There is no worker “{slug}”.")
    return remember(request, render_page(request, "pages/worker.html", {"profile": profile}))
