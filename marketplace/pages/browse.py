"""Browse and search: the whole catalogue, narrowed by the address's parameters."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from compat import catalogue
from compat.catalogue.elsewhere import engines_that_find
from compat.catalogue.facets import FACETS
from compat.catalogue.question import PARAMETERS, SHOWN, SORTS, UNITS, Question, QuestionError
from compat.catalogue.reading import describe_absences
from compat.models import ModelRecord
from marketplace.addresses import with_query

from .address import read_address, refusal
from .htmx import HtmxHttpRequest, render_page
from .worker import remember, worker_choice

TEMPLATE = "pages/browse.html"
RESULTS = "partials/_results.html"
_FACETS = frozenset(facet.name for facet in FACETS)


@require_safe
def browse(request: HtmxHttpRequest) -> HttpResponse:
    """``/models/``: 400 with what is wrong for a senseless parameter, 404 for a page beyond the last."""
    try:
        criteria = read_address(request, PARAMETERS)
        named = None if request.htmx else _pasted(criteria)
        choice = worker_choice(request)
        if named is not None:
            query = choice.query if choice.told else ""
            return redirect(with_query(named.get_absolute_url(), query))
        page = catalogue.browse(criteria, choice.available)
    except QuestionError as error:
        rest = error.rest or Question()
        # Without a list there are no boxes to tick: those that are ticked stay so all the same.
        ticked = [(name, value) for name, value in rest.items() if name in _FACETS]
        context = _context(criteria=rest, ticked=ticked, **refusal(request, error))
        return render_page(request, TEMPLATE, context, fragment=RESULTS, status=400)
    except catalogue.NoSuchPage as error:
        last = criteria.query(page=error.pages)
        return render_page(
            request,
            TEMPLATE,
            _context(criteria=criteria, no_page=error, last=last),
            fragment=RESULTS,
            status=404,
        )
    query = criteria.query(page=criteria.page)
    address = with_query(reverse("browse"), query)
    absences = [] if page.rows else describe_absences(criteria)
    refused = not page.rows and page.found_at_all > 0 and criteria.compatible == "true"
    others = engines_that_find(page.criteria, page.worker, choice.available) if refused else []
    context = _context(page=page, criteria=criteria, absences=absences, others=others)
    return remember(request, render_page(request, TEMPLATE, context, fragment=RESULTS, push=address))


def _pasted(criteria: Question) -> ModelRecord | None:
    """The model that a pasted address or command is about; None where the catalogue has none, or it is no such search.

    With htmx it is shown above the list instead, as somebody may be typing on.
    """
    asked = criteria.asked_for
    try:
        return catalogue.find_record(asked.repo_id) if asked.pasted and asked.repo_id else None
    except catalogue.UnknownModel:
        return None


def _context(**extra: object) -> dict[str, object]:
    none = dict.fromkeys(("page", "criteria", "no_page"))
    empty: dict[str, object] = dict.fromkeys(("ticked", "problems", "absences", "others"), ())
    return {**none, **empty, "sorts": SORTS, "units": UNITS, "shown": SHOWN, **extra}
