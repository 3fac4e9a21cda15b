"""What a page takes from its address, and the answer to an address that makes no sense.

A page takes the parameters of the worker, and those it names itself. What links from elsewhere carry along to count
visits (:func:`is_tracking`) is passed over; every other parameter that the page does not take, and every value that
nobody knows, is answered by a page of status 400 that names them all, keeps what was typed, and offers the address
without them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse

from compat.catalogue.question import PARAMETERS, WORKER, Part, Problem, Question, QuestionError, machines_meant
from compat.catalogue.reading import read_question
from compat.wording import or_
from marketplace.addresses import with_query

from .htmx import HtmxHttpRequest, render_page
from .worker import keep_others, worker_choice

View = Callable[..., HttpResponse]
Beside = Mapping[str, Collection[str]]
_NOTHING: Beside = {}
_TRACKING = re.compile(
    r"utm_\w+|fbclid|gclid|gclsrc|gbraid|wbraid|dclid|gad_\w+|msclkid|yclid|twclid|ttclid|li_fat_id|mc_[ce]id|igsh(id)?"
    r"|_ga|_gl|_hsenc|_hsmi|mkt_tok|ref|ref_src",
    re.ASCII,
)
_MOST_TOLD = 20
_MOST_TYPED = 30
_MOST_SHOWN = 200


def is_tracking(name: str) -> bool:
    """Whether a parameter only counts visits: campaign names, click ids, where a link stood."""
    return _TRACKING.fullmatch(name) is not None


def read_address(request: HttpRequest, names: Collection[str], beside: Beside = _NOTHING) -> Question:
    """The question of a page that takes these parameters, with the visitor's worker in it.

    ``beside`` are parameters that the page reads itself, each with its values where they are few. Raises
    :class:`~compat.catalogue.question.QuestionError`.
    """
    choice = worker_choice(request)
    typed = Part(request.GET, [name for name in request.GET if not is_tracking(name)])
    own = [(name, value) for name in beside for value in request.GET.getlist(name) if value]
    problems = [
        Problem(name, value[:60], f"“{value[:60]}” is not a value of {name}: use {or_(tuple(beside[name]))}.")
        for name, value in own
        if beside[name] and value not in beside[name]
    ]
    try:
        found = read_question(typed, choice.available, names, tuple(beside))
    except QuestionError as error:
        problems = [*error.problems, *problems]
        found = error.rest or Question()
    right = [pair for pair in own if not any(_is_about(problem, *pair) for problem in problems)]
    keep_others(request, [*_filters(found), *right])
    if problems:
        raise QuestionError(problems, found)
    return choice.merge(found)


def _filters(question: Question) -> list[tuple[str, str]]:
    return [(name, value) for name, value in question.items() if name not in WORKER]


def takes(**beside: Collection[str]) -> Callable[[View], View]:
    """Make a page take the worker's parameters and those it reads itself, and refuse everything else."""

    def taking(view: View) -> View:
        @wraps(view)
        def checked(request: HtmxHttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                read_address(request, WORKER, beside)
            except QuestionError as error:
                return render_page(request, "pages/refused.html", refusal(request, error, beside), status=400)
            return view(request, *args, **kwargs)

        return checked

    return taking


@dataclass(frozen=True, slots=True)
class Typed:
    """One value as it was typed, in a field to correct it."""

    name: str
    value: str
    wrong: bool


def refusal(request: HttpRequest, error: QuestionError, beside: Collection[str] = ()) -> dict[str, Any]:
    """What the page about a senseless address shows: the problems, each with the address without it, and the rest."""
    pairs = [(name, value) for name, values in request.GET.lists() for value in values]
    given = [(name, value) for name, value in pairs if value or name not in PARAMETERS]
    wrong = {pair: [one for one in error.problems if _is_about(one, *pair)] for pair in given}
    meant = {problem.parameter: problem.instead for problem in error.problems if problem.instead}
    typed = [pair for pair in given if pair[0] in PARAMETERS or pair[0] in beside or pair[0] in meant]
    return {
        "problems": [
            (one, _address(request, [pair for pair in given if one not in wrong[pair]]), _instead(request, one, given))
            for one in error.problems[:_MOST_TOLD]
        ],
        "rest": _address(request, [pair for pair in given if not wrong[pair]]),
        "typed": [
            Typed(meant.get(name, name), value[:_MOST_SHOWN], bool(wrong[name, value]))
            for name, value in typed[:_MOST_TYPED]
        ],
    }


def _instead(request: HttpRequest, problem: Problem, given: list[tuple[str, str]]) -> dict[str, str]:
    """What may be meant in place of a wrong value or parameter, each with the address that asks for it."""
    name = problem.instead or problem.parameter
    told = [value for one, value in given if _is_about(problem, one, value)]
    choices = problem.choices or (machines_meant(told[0]) if told and problem.instead == "accelerator" else ())
    rest = [pair for pair in given if not _is_about(problem, *pair) and pair[0] != name]
    return {choice: _address(request, [(name, choice), *rest]) for choice in choices}


def _is_about(problem: Problem, name: str, value: str) -> bool:
    """Whether a problem is about this pair of the address; one without a value is about the whole parameter."""
    if problem.parameter != name[:60]:
        return False
    one = PARAMETERS.get(name)
    return one is None or not one.many or not problem.value or problem.value == value.strip()[:60]


def _address(request: HttpRequest, pairs: list[tuple[str, str]]) -> str:
    return with_query(request.path, urlencode(pairs))
