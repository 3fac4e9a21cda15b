"""Errors as programs read them: ``application/problem+json``, naming each field at fault."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja.errors import HttpError, ValidationError

from compat.criteria import CriteriaError
from compat.hub.errors import HubBadPayload
from compat.queries import UnknownModel

CONTENT_TYPE = "application/problem+json"
_MOST = 20
_WHERE = ("body", "query", "path", "given")


class Refused(Exception):  # noqa: N818 - named for what it tells
    """A request that is answered with a problem; ``errors`` are pairs of field and message."""

    def __init__(self, status: int, detail: str, errors: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors = status, detail, tuple(errors)


def problem(status: int, detail: str, errors: Sequence[tuple[str, str]] = ()) -> HttpResponse:
    """An error answer."""
    body: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    body["detail"] = detail
    if errors:
        body["errors"] = [{"field": field, "message": message} for field, message in errors[:_MOST]]
    return JsonResponse(body, status=status, content_type=CONTENT_TYPE)


def answer_to(error: Exception) -> HttpResponse:
    """The problem that tells of an error a person can do something about; any other is raised again."""
    if isinstance(error, Refused):
        return problem(error.status, error.detail, error.errors)
    if isinstance(error, CriteriaError):
        found = [(one.parameter, one.message) for one in error.problems]
        return problem(400, "The question cannot be answered as asked: " + found[0][1], found)
    if isinstance(error, UnknownModel):
        return problem(404, f"The catalogue has no model “{str(error)[:200]}”.")
    if isinstance(error, HubBadPayload):
        return problem(422, str(error), [(error.field or "body", str(error))])
    if isinstance(error, ValidationError):
        listed = [(_field(one["loc"]), str(one["msg"])) for one in error.errors]
        where, message = listed[0] if listed else ("body", "is not valid")
        return problem(422, f"{where}: {message}", listed)
    if isinstance(error, HttpError):
        return problem(error.status_code, str(error))
    raise error


def _field(loc: Sequence[object]) -> str:
    parts = [str(part)[:80] for part in loc]
    while len(parts) > 1 and parts[0] in _WHERE:
        parts = parts[1:]
    return ".".join(parts)


def handle(_request: HttpRequest, error: Any) -> HttpResponse:
    """The same as an exception handler."""
    return answer_to(error)
