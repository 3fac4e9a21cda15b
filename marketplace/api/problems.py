"""Errors as programs read them: ``application/problem+json``, naming each field at fault."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja.errors import HttpError, ValidationError

from compat.catalogue import UnknownModel
from compat.catalogue.question import QuestionError
from compat.hub.errors import HubBadPayload
from marketplace.freshness import absence_of
from marketplace.pages.errors import SOON

from .rates import Rate

CONTENT_TYPE = "application/problem+json"
HUB = "/api/models"
"""Where errors have the Hub's shape."""
_BAD_CREDENTIALS = "Invalid credentials in Authorization header"
"""The Hub's words; by these its clients tell a bad token from a repository that is not there."""
_MOST = 20
_STRAIGHT = {ord("“"): '"', ord("”"): '"'}
_NO_HEADER = re.compile(r"[^ -~]")
"""What a header cannot hold; the server would answer 500 instead."""
_WHERE = ("body", "query", "path", "given")


class Refused(Exception):  # noqa: N818 - named for what it tells
    """A request that is answered with a problem; ``errors`` are pairs of field and message."""

    def __init__(self, status: int, detail: str, errors: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors = status, detail, tuple(errors)


def problem_response(status: int, detail: str, errors: Sequence[tuple[str, str]] = ()) -> HttpResponse:
    """An error answer."""
    body: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    body["detail"] = detail
    if errors:
        body["errors"] = [{"field": field, "message": message} for field, message in errors[:_MOST]]
    return JsonResponse(body, status=status, content_type=CONTENT_TYPE)


def hub_problem(status: int, message: str, code: str = "", words: str = "") -> HttpResponse:
    """An error as the Hub tells it: in the body, and the same in a header.

    ``code`` is the Hub's name for it, and ``words`` are its own, by which its clients know it, for the header alone.
    """
    message = " ".join(message.translate(_STRAIGHT).split())
    response = JsonResponse({"error": message}, status=status)
    response.headers["X-Error-Message"] = _NO_HEADER.sub("?", words or message)
    if code:
        response.headers["X-Error-Code"] = code
    return response


def answer_to(error: Exception) -> HttpResponse:
    """The problem that tells of an error a person can do something about; any other is raised again."""
    if isinstance(error, Refused):
        return problem_response(error.status, error.detail, error.errors)
    if isinstance(error, QuestionError):
        found = [(one.parameter, one.message) for one in error.problems]
        return problem_response(400, "The question cannot be answered as asked: " + found[0][1], found)
    if isinstance(error, HubBadPayload):
        return problem_response(422, str(error), [(error.field or "body", str(error))])
    if isinstance(error, ValidationError):
        listed = [(_field(one["loc"]), str(one["msg"])) for one in error.errors]
        where, message = listed[0] if listed else ("body", "is not valid")
        return problem_response(422, f"{where}: {message}", listed)
    if isinstance(error, HttpError):
        return problem_response(error.status_code, str(error))
    raise error


def _field(loc: Sequence[object]) -> str:
    parts = [str(part)[:80] for part in loc]
    while len(parts) > 1 and parts[0] in _WHERE:
        parts = parts[1:]
    return ".".join(parts)


def too_many(path: str, rate: Rate, wait: int, cost: int = 1) -> HttpResponse:
    """The answer to a client that asks more than its rate; ``wait`` in seconds."""
    weight = f" This request counts as {cost}." if cost > 1 else ""
    response = _in_shape(path, 429, f"Too many requests: the limit is {rate}.{weight} Try again in {_in_words(wait)}.")
    response.headers["Retry-After"] = str(wait)
    return response


def _in_words(seconds: int) -> str:
    """A time to wait, rounded up."""
    unit, size = next((unit, size) for unit, size in (("hour", 3600), ("minute", 60), ("second", 1)) if seconds >= size)
    count = -(-seconds // size)
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def unauthorized(request: HttpRequest, detail: str) -> HttpResponse:
    """The answer to a client without a token that counts."""
    given = "Authorization" in request.headers
    response = _in_shape(request.path_info, 401, detail, _BAD_CREDENTIALS if given else "")
    response.headers["WWW-Authenticate"] = 'Bearer realm="api"' + (', error="invalid_token"' if given else "")
    return response


def unavailable(request: HttpRequest) -> HttpResponse:
    """The answer while the database cannot be used."""
    response = _in_shape(request.path_info, 503, "This site cannot use its database at the moment. Try again soon.")
    response.headers["Retry-After"] = str(SOON)
    return response


def _in_shape(path: str, status: int, detail: str, hub_words: str = "") -> HttpResponse:
    """An error in the shape of the API that was asked; never kept by a cache, as the next client may fare better."""
    if path == HUB or path.startswith(f"{HUB}/"):
        response = hub_problem(status, detail, words=hub_words)
    else:
        response = problem_response(status, detail)
    response.headers["Cache-Control"] = "no-store"
    return response


def handle_error(request: HttpRequest, error: Any) -> HttpResponse:
    """The same as an exception handler. A model that is not here may be on the Hub: it is asked for."""
    if not isinstance(error, UnknownModel):
        return answer_to(error)
    absence = absence_of(request, str(error))
    response = problem_response(404, f"The catalogue has no model “{str(error)[:200]}”. {absence.words}")
    if absence.retry_after:
        response.headers["Retry-After"] = str(absence.retry_after)
    return response
