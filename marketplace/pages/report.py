"""The report: how much of the best known models runs here."""

from __future__ import annotations

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from compat import catalogue

from .address import takes
from .htmx import HtmxHttpRequest, render_page
from .worker import remember, worker_choice

TOPS = (100, 200, 500, 1000, 5000)


@require_safe
@takes(top=())
def report(request: HtmxHttpRequest) -> HttpResponse:
    """``/report/?top=200``; a senseless ``top`` gets a message and the usual 200."""
    choice = worker_choice(request)
    asked = request.GET.get("top") or "200"
    sensible = asked.isascii() and asked.isdecimal() and len(asked) < 8 and int(asked) > 0
    page = catalogue.report(int(asked) if sensible else 200, choice.asked, choice.available)
    context = {"page": page, "reports": [page], "tops": TOPS, "problem": "" if sensible else asked[:60]}
    return remember(request, render_page(request, "pages/report.html", context, status=200 if sensible else 400))
