"""The query parameters of the API: read as the pages read them, and described for its documentation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.http import HttpRequest

from compat.catalogue.question import MOST_VALUES, PARAMETERS, WORKER, Parameter, Problem, Question, QuestionError
from compat.catalogue.reading import BROWSE, read_question
from compat.catalogue.workers import AUTO, Worker, workers

MOST = 200
"""The longest page of a list."""
DEFAULT = 30
MOST_REPORTED = 1_000_000
"""The most models that a report can be asked about."""
_KEPT = "_api_workers"
_TEXT = {"type": "string", "pattern": r"^[^\u0000]*$"}
_OWN = {
    "limit": Parameter(
        f"How many models at most; {DEFAULT} if not given.", schema={"type": "integer", "minimum": 1, "maximum": MOST}
    ),
    "cursor": Parameter("`nextCursor` of the answer before, as it came.", schema={**_TEXT, "maxLength": 2000}),
    "top": Parameter(
        "How many of the best known models to look at; 200 if not given.",
        schema={"type": "integer", "minimum": 1, "maximum": MOST_REPORTED},
    ),
}
"""What programs can ask beside the question."""

LISTING = (*BROWSE, "limit", "cursor")
REPORT = (*WORKER, "top")


def documented_parameters(names: Iterable[str], slugs: Iterable[str]) -> list[dict[str, Any]]:
    """The parameters for the OpenAPI document; ``slugs`` are the workers there are."""
    named = {"workers": (*slugs, AUTO)}
    found = []
    for name in names:
        one = PARAMETERS.get(name) or _OWN[name]
        several = f" Give it again for several ({MOST_VALUES} at most): any of them will do." if one.many else ""
        schema = _schema(one.schema, named.get(one.source or "", ()))
        found.append(
            {"in": "query", "name": name, "required": False, "description": one.sentence + several, "schema": schema}
        )
    return found


def _schema(schema: Mapping[str, Any], words: Iterable[str]) -> dict[str, Any]:
    """The schema of a value in an address, where blank is the same as not given."""
    if schema["type"] == "array":
        return {"type": "array", "items": _schema(schema["items"], words)}
    if schema["type"] != "string":
        return {"anyOf": [dict(schema), {"const": "", "description": "Blank is the same as not given."}]}
    known = [word for word in (*words, *schema.get("enum", ())) if word]
    return {**schema, "enum": [*known, ""]} if known else dict(schema)


def available_workers(request: HttpRequest) -> Mapping[str, Worker]:
    """The workers there are, looked up once a request."""
    found: Mapping[str, Worker] | None = getattr(request, _KEPT, None)
    if found is None:
        found = workers()
        setattr(request, _KEPT, found)
    return found


def read_api_question(request: HttpRequest, allowed: Iterable[str]) -> Question:
    """The question of a request; an unknown parameter is refused like an unknown value, never passed over."""
    allowed = tuple(allowed)
    own = [name for name in allowed if name in _OWN]
    return read_question(request.GET, available_workers(request), [name for name in allowed if name not in own], own)


def read_whole_number(request: HttpRequest, name: str, default: int, most: int) -> int:
    """A whole number from 1 to ``most``; raises :class:`~compat.catalogue.question.QuestionError`."""
    value = (request.GET.getlist(name) or [""])[-1].strip()
    if not value:
        return default
    if not (value.isascii() and value.isdecimal() and len(value) < 12 and 1 <= int(value) <= most):
        message = f"{name} is “{value[:60]}”: use a whole number from 1 to {most:,}."
        raise QuestionError([Problem(name, value[:60], message)])
    return int(value)
