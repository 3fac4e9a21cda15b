"""The first page: what this is, how much runs here, where to begin."""

from __future__ import annotations

from django.http import HttpResponse, QueryDict
from django.views.decorators.http import require_safe

from compat import catalogue
from compat.catalogue.question import Question
from compat.catalogue.uses import USES

from .address import takes
from .htmx import HtmxHttpRequest, render_page
from .what_runs import EXAMPLES
from .worker import WorkerChoice, remember, worker_choice

SAMPLES = (
    ("qwen 7b instruct", "q=qwen+7b+instruct"),
    ("Made for code", "use=code"),
    ("Small: under 4B", "max_params=4&sort=popular"),
    ("Apache 2.0 only", "license=apache-2.0"),
    ("GGUF files", "format=gguf"),
    ("What does not run, and why", "compatible=only-incompatible"),
)


@require_safe
@takes()
def home(request: HtmxHttpRequest) -> HttpResponse:
    """``/``"""
    choice = worker_choice(request)
    page = catalogue.home(choice.asked, choice.available)
    context = {
        "page": page,
        "shares": [page],
        "samples": SAMPLES,
        "examples": [(words, _engine(query, choice), query) for words, query in EXAMPLES],
        "uses": USES,
    }
    return remember(request, render_page(request, "pages/home.html", context))


def _engine(query: str, choice: WorkerChoice) -> str:
    """The name of the engine that a worker's part of an address leads to."""
    asked = Question.from_query(QueryDict(query), choice.available)
    return catalogue.worker_of(asked, choice.available).profile.name
