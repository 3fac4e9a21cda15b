"""Models side by side, on the visitor's worker."""

from __future__ import annotations

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from compat.catalogue.compare import MOST_COMPARED, compare

from .address import takes
from .htmx import HtmxHttpRequest, render_page
from .worker import remember, worker_choice


@require_safe
@takes(m=())
def compared(request: HtmxHttpRequest) -> HttpResponse:
    """``/compare/?m=<id>&m=<id>``: up to four models; an id that the catalogue does not have is named."""
    choice = worker_choice(request)
    page = compare(request.GET.getlist("m"), choice.asked, choice.available)
    return remember(request, render_page(request, "pages/compare.html", {"page": page, "most": MOST_COMPARED}))
