"""Browse and search: the whole catalogue, narrowed by the address's parameters."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from compat import queries
from compat.criteria import SHOWN, SORTS, Criteria, CriteriaError

from .htmx import HtmxHttpRequest, render_page
from .worker import remember, worker_choice

TEMPLATE = "pages/browse.html"
RESULTS = "partials/_results.html"


@require_safe
def browse(request: HtmxHttpRequest) -> HttpResponse:
    """``/models/``: 400 with what is wrong for a senseless parameter, 404 for a page beyond the last."""
    choice = worker_choice(request)
    try:
        criteria = choice.merge(Criteria.from_query(request.GET, choice.available))
        page = queries.browse(criteria, choice.available)
    except CriteriaError as error:
        problems = [(problem, _without(request, problem.parameter)) for problem in error.problems]
        return render_page(request, TEMPLATE, _context(problems=problems), fragment=RESULTS, status=400)
    except queries.NoSuchPage as error:
        last = criteria.query(page=error.pages)
        return render_page(
            request,
            TEMPLATE,
            _context(criteria=criteria, no_page=error, last=last),
            fragment=RESULTS,
            status=404,
        )
    query = criteria.query(page=criteria.page)
    address = reverse("browse") + (f"?{query}" if query else "")
    context = _context(page=page, criteria=criteria)
    return remember(request, render_page(request, TEMPLATE, context, fragment=RESULTS, push=address))


def _context(**extra: object) -> dict[str, object]:
    return {"page": None, "criteria": None, "problems": (), "no_page": None, "sorts": SORTS, "shown": SHOWN, **extra}


def _without(request: HtmxHttpRequest, parameter: str) -> str:
    """The address's query without one parameter."""
    kept = [(key, value) for key, values in request.GET.lists() if key != parameter for value in values if value]
    return urlencode(kept)
