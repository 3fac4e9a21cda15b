"""What somebody who is typing into the search box may mean: a list below it, which htmx asks for."""

from __future__ import annotations

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from compat.catalogue.suggestions import suggest
from compat.models.search import MAX_QUERY

from .address import takes
from .htmx import HtmxHttpRequest, render_page
from .worker import worker_choice


@require_safe
@takes(q=())
def suggested(request: HtmxHttpRequest) -> HttpResponse:
    """``/suggest/?q=``: a fragment, empty where there is nothing to suggest."""
    choice = worker_choice(request)
    page = suggest(request.GET.get("q", "")[:MAX_QUERY], choice.asked, choice.available)
    return render_page(request, "partials/_suggestions.html", {"page": page})
