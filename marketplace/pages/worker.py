"""The visitor's worker: named in the address, else remembered in a cookie, else the default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse

from compat.engine import EngineProfile
from compat.engines import engines

COOKIE = "worker"
_YEAR = 365 * 24 * 3600
_KEPT = "worker_choice"


@dataclass(frozen=True, slots=True)
class WorkerChoice:
    """The engines there are, and the one this visitor looks through."""

    available: Mapping[str, EngineProfile]
    profile: EngineProfile
    named: bool

    @property
    def slug(self) -> str:
        """The slug for query strings; empty for the default."""
        return "" if self.profile.default else self.profile.slug


def worker_choice(request: HttpRequest) -> WorkerChoice:
    """This request's worker, looked up once. An unknown slug is left to the page, which says what is wrong."""
    found: WorkerChoice | None = getattr(request, _KEPT, None)
    if found is None:
        available = engines()
        asked = request.GET.get("worker", "")
        slug = asked if asked in available else request.COOKIES.get(COOKIE, "")
        profile = available.get(slug) or next(iter(available.values()))
        found = WorkerChoice(available, profile, asked in available)
        setattr(request, _KEPT, found)
    return found


def remember(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Keep the worker for the next visit where this request named one."""
    choice = worker_choice(request)
    if choice.named and request.COOKIES.get(COOKIE) != choice.profile.slug:
        response.set_cookie(
            COOKIE,
            choice.profile.slug,
            max_age=_YEAR,
            httponly=True,
            samesite="Lax",
            secure=request.is_secure(),
        )
    return response
