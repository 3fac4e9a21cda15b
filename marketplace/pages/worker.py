"""The visitor's worker: told in the address, else remembered in a cookie, else the site's first one.

The parameters that describe it go together: one of them in the address replaces all that is remembered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, QueryDict

from compat.catalogue import worker_of
from compat.catalogue.question import WORKER, Question, QuestionError
from compat.catalogue.workers import CONTEXT_STOPS, KV_TYPES, Worker, workers
from compat.engines import EngineProfile

COOKIE = "worker"
_YEAR = 365 * 24 * 3600
_KEPT = "worker_choice"


@dataclass(frozen=True)
class WorkerChoice:
    """The workers there are, the one this visitor looks through, and how they described it."""

    available: Mapping[str, Worker]
    worker: Worker
    asked: Question
    told: bool
    others: tuple[tuple[str, str], ...] = ()
    """The address's other parameters, which picking a worker keeps; the page is not among them."""
    stops: tuple[int, ...] = CONTEXT_STOPS

    @property
    def profile(self) -> EngineProfile:
        """The worker's engine."""
        return self.worker.profile

    @property
    def context_stops(self) -> tuple[int, ...]:
        """The contexts offered, the present one among them."""
        return tuple(sorted({*self.stops, self.worker.context}))

    @property
    def kv_types(self) -> Mapping[str, str]:
        """The KV cache types offered."""
        return KV_TYPES

    @property
    def query(self) -> str:
        """The worker's part of an address; empty for the site's first worker as it is."""
        return self.asked.query()

    def merge(self, criteria: Question) -> Question:
        """A question with this worker in it."""
        return criteria.changed(**{name: getattr(self.asked, name) for name in WORKER})


def worker_choice(request: HttpRequest) -> WorkerChoice:
    """This request's worker, looked up once. Nonsense is left to the page, which says what is wrong."""
    found: WorkerChoice | None = getattr(request, _KEPT, None)
    if found is None:
        available = workers()
        told = any(request.GET.get(name) for name in WORKER)
        asked = _asked(request.GET if told else QueryDict(request.COOKIES.get(COOKIE, "")), available)
        first = next(iter(available))
        if asked.worker == first:
            asked = asked.changed(worker="")
        others = tuple(
            (name, value)
            for name, values in request.GET.lists()
            if name not in (*WORKER, "page")
            for value in values
            if value
        )
        found = WorkerChoice(available, worker_of(asked, available), asked, told, others)
        setattr(request, _KEPT, found)
    return found


def _asked(query: QueryDict, available: Mapping[str, Worker]) -> Question:
    """The worker's parameters of a query; the defaults where they make no sense."""
    only = QueryDict(mutable=True)
    for name in WORKER:
        only.setlist(name, query.getlist(name))
    try:
        return Question.from_query(only, available)
    except QuestionError:
        return Question()


def remember(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Keep the worker for the next visit where this request told one."""
    choice = worker_choice(request)
    if choice.told and response.status_code == 200 and request.COOKIES.get(COOKIE, "") != choice.query:
        if choice.query:
            response.set_cookie(
                COOKIE, choice.query, max_age=_YEAR, httponly=True, samesite="Lax", secure=request.is_secure()
            )
        else:
            response.delete_cookie(COOKIE, samesite="Lax")
        response["Cache-Control"] = "private, no-cache"
        del response["CDN-Cache-Control"]
    return response
