"""What holds for every address under ``/api/``: readable from any site, HEAD and OPTIONS answered, errors as JSON, and
no more requests than a client's rate.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import resolve

from marketplace.pages.errors import NO_DATABASE

from .limits import refuse_over_limit
from .problems import problem_response, unavailable

logger = logging.getLogger(__name__)

PREFIX = "/api/"
PAGES = frozenset({"/api/docs"})
"""Pages for people: like all pages neither limited nor closed."""
READING = "GET, HEAD, OPTIONS"
EXPOSED = (
    "ETag, Last-Modified, Link, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Error-Code, "
    "X-Error-Message"
)
_WORDS = {
    400: "The request is not one this site can read.",
    404: "There is nothing at this address. /api/docs says what there is.",
    405: "This address does not answer this method.",
    413: "The body is too large.",
    500: "Something went wrong here. It was logged.",
}


class ApiMiddleware:
    """Applies to the API alone; pages pass through untouched."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """One request."""
        if not request.path_info.startswith(PREFIX):
            return self._get_response(request)
        response = self._answer(request)
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Expose-Headers"] = EXPOSED
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A database that cannot be used is a matter of time: a program may ask again."""
        if not request.path_info.startswith(PREFIX) or not isinstance(exception, NO_DATABASE):
            return None
        logger.error("%r cannot be answered without the database: %s", request.path, exception)
        return unavailable(request)

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        if request.method == "OPTIONS" and _exists(request):
            return _options()
        head = request.method == "HEAD"
        if head:
            # Views answer as to GET; META still says what was asked.
            request.method = "GET"
        is_page = request.path_info in PAGES
        refusal, told = (None, {}) if is_page else _admitted(request)
        response = refusal or self._get_response(request)
        if response.status_code >= 400 and "json" not in response.headers.get("Content-Type", ""):
            response = _as_problem(response)
        for name, value in told.items():
            response.headers[name] = value
        if not settings.API_ANONYMOUS and not is_page:
            _keep_private(response)
        if head and isinstance(response, HttpResponse):
            response.headers["Content-Length"] = str(len(response.content))
            response.content = b""
        return response


def _admitted(request: HttpRequest) -> tuple[HttpResponse | None, dict[str, str]]:
    try:
        return refuse_over_limit(request)
    except DatabaseError as error:
        logger.error("Who asks for %r cannot be looked up: %s", request.path, error)  # noqa: TRY400 - no bug in here
        return unavailable(request), {}


def _keep_private(response: HttpResponseBase) -> None:
    """Where a token is needed, no cache that others share may answer in the site's place."""
    told = response.headers.get("Cache-Control", "")
    response.headers["Cache-Control"] = told.replace("public", "private") or "no-store"


def _exists(request: HttpRequest) -> bool:
    try:
        resolve(request.path_info)
    except Http404:
        return False
    return True


def _options() -> HttpResponse:
    response = HttpResponse(status=204, headers={"Allow": READING, "Access-Control-Allow-Methods": READING})
    response.headers["Access-Control-Allow-Headers"] = "Accept, Authorization, If-None-Match, If-Modified-Since"
    response.headers["Access-Control-Max-Age"] = "86400"
    return response


def _as_problem(response: HttpResponseBase) -> HttpResponseBase:
    """An error that Django itself made, in the API's form. While debugging, its own pages say more."""
    status = response.status_code
    if settings.DEBUG and status >= 500:
        return response
    found = problem_response(status, _WORDS.get(status, "The request was refused."))
    if "Allow" in response.headers:
        found.headers["Allow"] = response.headers["Allow"]
    return found
