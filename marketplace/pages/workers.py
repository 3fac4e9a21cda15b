"""The workers a visitor can look through, what each accepts, and how many models run on it."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.views.decorators.http import require_safe

from compat import catalogue
from compat.catalogue.question import Question
from compat.catalogue.workers import CONTEXT_STOPS
from compat.engines.accelerator_names import accelerator_labels
from compat.estimate.cache_types import CACHE_TYPES

from .address import takes
from .htmx import HtmxHttpRequest, render_page
from .worker import remember, worker_choice


@require_safe
@takes()
def workers(request: HtmxHttpRequest) -> HttpResponse:
    """``/workers/``: every worker, and the form to describe one's own."""
    choice = worker_choice(request)
    context = {
        "page": catalogue.workers_page(choice.available, models=True),
        "accelerators": accelerator_labels(),
        "stops": CONTEXT_STOPS,
        "kv_types": CACHE_TYPES,
    }
    return remember(request, render_page(request, "pages/workers.html", context))


@require_safe
@takes()
def worker(request: HtmxHttpRequest, slug: str) -> HttpResponse:
    """``/workers/<slug>/``: what it accepts, with sources, and how many models run on it."""
    choice = worker_choice(request)
    if slug not in choice.available:
        raise Http404(f"There is no worker “{slug}”.")
    context = {"page": catalogue.worker_page(Question(worker=slug), choice.available, models=True)}
    return render_page(request, "pages/worker.html", context)
