"""The visitor's worker: told in the address, else remembered in a cookie, else the site's first one.

The parameters that describe it go together: one of them in the address replaces all that is remembered. Where nobody
named an engine for a machine, address and cookie say so (``worker=auto``), and each machine has the one that suits it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict

from compat.catalogue import worker_of
from compat.catalogue.question import WORKER, Part, Query, Question, QuestionError, machine_of
from compat.catalogue.suited_engine import engines_on
from compat.catalogue.workers import AUTO, CONTEXT_STOPS, Worker, workers
from compat.engines import EngineProfile
from compat.engines.system_memory import USUAL_MEMORY
from marketplace.cookies import WORKER as WORKER_COOKIE
from marketplace.machines import kept_machines

if TYPE_CHECKING:
    from .htmx import HtmxHttpRequest

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
    engine_named: bool = True
    """Whether somebody named the engine; an address with a machine and without one means the site's first."""
    lost: str = ""
    """The remembered worker that this site does not have any more, as a sentence."""
    stops: tuple[int, ...] = CONTEXT_STOPS
    kept: Mapping[str, str] = field(default_factory=dict)
    """The machines that this browser keeps by name, as the machine's part of an address."""

    @property
    def choices(self) -> Mapping[str, str]:
        """Query strings of this page for each of the machines that the visitor's may be, by what tells them apart."""
        if self.worker.registered:
            return {}
        return {
            words: urlencode(
                [*self.others, *self.asked.changed(accelerator=one.accelerator, memory=one.memory).items()]
            )
            for words, one in self.worker.machine.choices.items()
        }

    @property
    def engines(self) -> Mapping[str, str]:
        """Query strings of this page for the same machine with each other engine that runs there, by its name."""
        return {
            one.name: urlencode([*self.others, *self.asked.changed(worker=slug).items()])
            for slug, one in engines_on(self.worker.machine, self.available).items()
            if slug != self.worker.slug
        }

    @property
    def profile(self) -> EngineProfile:
        """The worker's engine."""
        return self.worker.profile

    @property
    def context_stops(self) -> tuple[int, ...]:
        """The contexts offered, the present one among them."""
        return tuple(sorted({*self.stops, self.worker.context}))

    @property
    def usual_memory(self) -> Mapping[str, float]:
        """What system memory is often built in, with the GB it reads a second."""
        return USUAL_MEMORY

    @cached_property
    def query(self) -> str:
        """The worker's part of an address, which each link of a page has; empty where nobody told anything of it."""
        return self.asked.query()

    def merge(self, criteria: Question) -> Question:
        """A question with this worker in it."""
        return criteria.changed(**{name: getattr(self.asked, name) for name in WORKER})


def worker_choice(request: HttpRequest) -> WorkerChoice:
    """This request's worker, looked up once.

    What makes no sense in the address is left to the page, which says so; what the cookie remembers and is gone is not
    what the visitor typed: the site's first worker takes its place, and ``lost`` says so.
    """
    found: WorkerChoice | None = getattr(request, _KEPT, None)
    if found is None:
        available = workers()
        told, lost = any(request.GET.get(name) for name in WORKER), ""
        try:
            asked = _described(request.GET if told else QueryDict(request.COOKIES.get(WORKER_COOKIE, "")), available)
        except QuestionError as error:
            asked = error.rest if told and error.rest else Question()
            lost = "" if told else _lost(error)
        if asked.worker == AUTO and not machine_of(asked).told:
            asked = asked.changed(worker="")
        worker = worker_of(asked, available)
        named = asked.worker != AUTO and (bool(asked.worker) or worker.machine.told)
        found = WorkerChoice(available, worker, asked, told, engine_named=named, lost=lost, kept=kept_machines(request))
        setattr(request, _KEPT, found)
    return found


def keep_others(request: HttpRequest, others: Sequence[tuple[str, str]]) -> None:
    """Have the form that picks a worker keep these parameters of the address."""
    setattr(request, _KEPT, replace(worker_choice(request), others=tuple(others)))


def _described(query: Query, available: Mapping[str, Worker]) -> Question:
    """The worker's part of a query; raises :class:`~compat.catalogue.question.QuestionError`."""
    return Question.from_query(Part(query, WORKER), available)


def _lost(error: QuestionError) -> str:
    gone = next((problem.value for problem in error.problems if problem.parameter == "worker"), "")
    if gone:
        return f"The worker “{gone}” that you had chosen is not on this site any more."
    return f"The machine that you had described cannot be used any more: {error.problems[0].message}"


def remember(request: HtmxHttpRequest, response: HttpResponse) -> HttpResponse:
    """Keep the worker for the next visit where this request told one; forget one that is gone, once that was said."""
    choice = worker_choice(request)
    if choice.lost and response.status_code == 200 and not request.htmx:
        response.delete_cookie(WORKER_COOKIE, samesite="Lax")
    if choice.told and response.status_code == 200 and request.COOKIES.get(WORKER_COOKIE, "") != choice.query:
        if choice.query:
            response.set_cookie(
                WORKER_COOKIE, choice.query, max_age=_YEAR, httponly=True, samesite="Lax", secure=request.is_secure()
            )
        else:
            response.delete_cookie(WORKER_COOKIE, samesite="Lax")
        response["Cache-Control"] = "private, no-cache"
        del response["CDN-Cache-Control"]
    return response
