"""Asking the Hub after the response (stale-while-revalidate): a visitor never waits for it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from math import ceil
from threading import Lock

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from compat.hub.payloads import is_repo_id
from compat.ingest.freshness import Refusal, asked_again_at, asker_of, is_stale, may_ask, refusal_to
from compat.models import HubFetch, ModelRecord
from compat.tasks import request_fetch

from .api.clients import address_of
from .sessions import has_session

log = logging.getLogger(__name__)

POLL = 2
"""Seconds after which somebody who waits for a fetch may ask again."""
LONG = timedelta(seconds=30)
"""A fetch that takes longer than this makes one wonder whether the tasks process runs."""
_KEPT = "after_the_response"
_one_at_a_time = Lock()


class AfterResponseMiddleware:
    """Does what views left to be done after their answer. Outermost, so that the answer is the one that is sent."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """One request."""
        response = self._get_response(request)
        # Django closes these after the last byte was sent, and has no public name for them.
        response._resource_closers += getattr(request, _KEPT, ())  # type: ignore[attr-defined]  # noqa: SLF001
        return response


def run_after_response(request: HttpRequest, work: Callable[[], object]) -> None:
    """Do some work after the answer to this request was sent.

    It must be work that the next visitor would ask for again: it is left out where this process is at such work
    already (a busy database must not hold more than one thread), and a database error only gets into the log.
    """

    def done() -> None:
        if not _one_at_a_time.acquire(blocking=False):
            return
        try:
            work()
        except DatabaseError as error:
            log.warning("what was to be done after the response to %s was not done: %s", request.path, error)
        finally:
            _one_at_a_time.release()

    setattr(request, _KEPT, (*getattr(request, _KEPT, ()), done))


def leaves_work(request: HttpRequest) -> bool:
    """Whether something is to be done after the answer to this request: the next answer may be another one."""
    return bool(getattr(request, _KEPT, ()))


def asker_for(request: HttpRequest) -> str:
    """Whose budget a fetch is made from: a visitor's, told by the address; nobody's for the operator's people."""
    if has_session(request) and getattr(request, "user", None) and request.user.is_staff:
        return ""
    return asker_of(address_of(request))


def refresh_if_stale(request: HttpRequest, record: ModelRecord, fetch: HubFetch | None) -> bool:
    """Have a stale record fetched again after the response; whether that is so.

    ``fetch`` is the last request for it as far as that is known; it is looked up again after the response.
    """
    if settings.HUB.offline or not settings.FETCH_ON_DEMAND or not is_stale(record) or not may_ask(fetch):
        return False
    asker = asker_for(request)
    if refusal_to(asker, new=False):
        return False
    if _reads_all(request):
        run_after_response(request, partial(request_fetch, record.repo_id, asker=asker, urgent=False))
    return True


def _reads_all(request: HttpRequest) -> bool:
    """Whether somebody looks at the answer; ``request.method`` says GET for a HEAD where a middleware made it one."""
    return request.META.get("REQUEST_METHOD", request.method) == "GET"


@dataclass(frozen=True, slots=True)
class Absence:
    """What this site can say of a model it has no record of.

    ``state`` is ``impossible`` (no id), ``offline``, ``closed`` (visitors may not add models), ``refused`` (they may
    not now, and ``refusal`` says why), ``fetching``, ``missing`` (not on the Hub), ``failed`` or ``gone`` (fetched a
    moment ago, and taken out since); ``fetch`` is the request, if there is one.
    """

    repo_id: str
    state: str
    fetch: HubFetch | None = None
    refusal: Refusal | None = None

    @property
    def retry_after(self) -> int | None:
        """Seconds after which asking again may bring another answer; None where nobody knows."""
        if self.state == "fetching":
            return POLL
        if self.refusal:
            return self.refusal.wait
        if self.state in ("missing", "failed", "gone") and self.fetch:
            return max(1, ceil((asked_again_at(self.fetch) - timezone.now()).total_seconds()))
        return None

    @property
    def slow(self) -> bool:
        """Whether the fetch takes longer than it should."""
        return self.state == "fetching" and self.fetch is not None and self.fetch.requested < timezone.now() - LONG

    @property
    def words(self) -> str:
        """The same in a sentence or two."""
        said = self.fetch.error if self.fetch else ""
        if self.refusal:
            return words_of_refusal(self.refusal)
        return {
            "impossible": "This cannot be the id of a model: ids look like author/name.",
            "offline": "This site works offline, so the Hub was not asked.",
            "closed": "Only this site's operator can add models to its catalogue.",
            "fetching": "It is being fetched from the Hub. Ask again in a few seconds.",
            "gone": "It was fetched a moment ago, and taken out of the catalogue since.",
            "missing": said,
            "failed": said,
        }[self.state]


def absence_of(request: HttpRequest, repo_id: str) -> Absence:
    """What is known of a model that the catalogue lacks. If it may exist, it is fetched after the response.

    Three queries at most, and what :func:`run_after_response` does later.
    """
    if not is_repo_id(repo_id):
        return Absence(repo_id, "impossible")
    fetch = HubFetch.objects.filter(repo_id=repo_id).first()
    if settings.HUB.offline:
        return Absence(repo_id, "offline", fetch)
    if fetch and not may_ask(fetch):
        state = {"queued": "fetching", "missing": "missing", "failed": "failed", "done": "gone"}[fetch.state]
        return Absence(repo_id, state, fetch)
    if not settings.FETCH_ON_DEMAND:
        return Absence(repo_id, "closed", fetch)
    asker = asker_for(request)
    if refusal := refusal_to(asker, new=True):
        return Absence(repo_id, "refused", fetch, refusal)
    if _reads_all(request):
        run_after_response(request, partial(request_fetch, repo_id, asker=asker))
    return Absence(repo_id, "fetching")


def words_of_refusal(refusal: Refusal) -> str:
    """Why a visitor's fetch is not made, in a sentence or two."""
    if refusal.why == "full":
        return "Visitors have added as many models to this catalogue as they may. Its operator can add more."
    minutes = ceil((refusal.wait or 60) / 60)
    when = "in a minute" if minutes == 1 else f"in {minutes} minutes"
    if refusal.why == "spent":
        return f"You have had as many models fetched from the Hub as one visitor may in an hour. Try again {when}."
    return f"Many models are being fetched from the Hub at the moment. Try again {when}."
