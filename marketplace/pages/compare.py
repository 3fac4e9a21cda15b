"""Models side by side, or one model on several machines; and the models that a browser saved."""

from __future__ import annotations

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from compat import catalogue
from compat.catalogue.compare import MOST_COMPARED, compare
from compat.models.search import MAX_QUERY

from .address import takes
from .htmx import HtmxHttpRequest, render_page
from .worker import remember, worker_choice

MACHINES = ("RTX 4070 and 32 GB RAM", "RTX 4090", "2x RTX 3090", "M4 Max 64GB", "H100")
"""Machines to compare a model on, in words."""
MOST_SAVED = 50
"""So many models are shown of an address."""


@require_safe
@takes(m=(), on=(), find=())
def compared(request: HtmxHttpRequest) -> HttpResponse:
    """``/compare/?m=<id>&m=<id>``: up to four models; an id that the catalogue does not have is named.

    With ``on=<machine in words>`` the first model on several machines; ``find`` looks for another one to put beside.
    """
    choice, find = worker_choice(request), request.GET.get("find", "")[:MAX_QUERY]
    page = compare(request.GET.getlist("m"), choice.asked, choice.available, request.GET.getlist("on"), find)
    context = {"page": page, "most": MOST_COMPARED, "find": find, "machines": MACHINES}
    return remember(request, render_page(request, "pages/compare.html", context))


@require_safe
@takes(m=())
def saved(request: HtmxHttpRequest) -> HttpResponse:
    """``/saved/?m=<id>&m=<id>``: the models that a browser saved, which its address names, judged for the worker."""
    choice = worker_choice(request)
    page = catalogue.listed(request.GET.getlist("m")[:MOST_SAVED], choice.asked, choice.available)
    return remember(request, render_page(request, "pages/saved.html", {"page": page}))
