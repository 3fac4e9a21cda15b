"""Curated lists."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.views.decorators.http import require_safe

from compat import catalogue
from compat.models import CuratedList

from .address import takes
from .htmx import HtmxHttpRequest, render_page
from .worker import remember, worker_choice


@require_safe
@takes()
def lists(request: HtmxHttpRequest) -> HttpResponse:
    """``/lists/``"""
    return remember(request, render_page(request, "pages/lists.html", {"lists": catalogue.published_lists()}))


@require_safe
@takes()
def curated(request: HtmxHttpRequest, slug: str) -> HttpResponse:
    """``/lists/<slug>/``"""
    choice = worker_choice(request)
    try:
        page = catalogue.curated_list(slug, choice.asked, choice.available)
    except CuratedList.DoesNotExist:
        raise Http404(f"There is no list “{slug}”.") from None
    return remember(request, render_page(request, "pages/list.html", {"page": page}))
