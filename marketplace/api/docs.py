"""The API's documentation: the OpenAPI document, and a page made from it that needs nothing from elsewhere."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from .caching import conditional
from .parameters import available, documented
from .v1 import OPEN_PARAMETERS, api

PREFIX = "/api/v1"
_EXAMPLES = {
    "listModels": "?q=qwen&limit=2",
    "getCompatibility": "?worker=rbee",
    "getReport": "?top=100",
}
_PLACES = {"org": "microsoft", "name": "phi-2", "slug": "small-and-open"}


@cache
def _plain() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema(path_prefix=PREFIX)))
    for path in found["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    response["content"] = {"application/problem+json": response["content"]["application/json"]}
    return found


def document(slugs: Iterable[str]) -> dict[str, Any]:
    """The OpenAPI document of a site with these workers."""
    found, slugs = copy.deepcopy(_plain()), list(slugs)
    for path in found["paths"].values():
        for operation in path.values():
            names = operation.pop(OPEN_PARAMETERS, ())
            operation["parameters"] = [*operation.get("parameters", ()), *documented(names, slugs)]
    return found


@require_safe
@conditional
def openapi(request: HttpRequest) -> HttpResponse:
    """``/api/openapi.json``"""
    return JsonResponse(document(available(request)))


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter or a field of an object: name, type in words, what it means, whether it must be given."""

    name: str
    kind: str
    what: str
    required: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as the page shows it."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    parameters: list[Field]
    body: str
    answers: list[tuple[str, str, str]]
    curl: str


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """``/api/docs``: every operation with its parameters, shapes and a command to try."""
    workers: Iterable[str] = available(request)
    found = document(workers)
    here = request.build_absolute_uri("/").rstrip("/")
    context = {
        "title": found["info"]["title"],
        "description": found["info"]["description"],
        "operations": list(_operations(found, here)),
        "shapes": [(name, list(_fields(shape))) for name, shape in sorted(found["components"]["schemas"].items())],
        "here": here,
    }
    return render(request, "pages/api.html", context)


def _operations(found: dict[str, Any], here: str) -> Iterator[Operation]:
    for path, methods in found["paths"].items():
        for method, one in methods.items():
            content = one.get("requestBody", {}).get("content", {}).get("application/json", {})
            body = _kind(content["schema"]) if content else ""
            yield Operation(
                id=one["operationId"],
                method=method.upper(),
                path=path,
                summary=one["summary"],
                description=one.get("description", ""),
                parameters=[
                    Field(p["name"], _kind(p["schema"]), p.get("description", ""), p["required"])
                    for p in one["parameters"]
                ],
                body=body,
                answers=[
                    (status, response["description"], _answer(response))
                    for status, response in one["responses"].items()
                ],
                curl=_curl(method, path, one["operationId"], here),
            )


def _answer(response: dict[str, Any]) -> str:
    return next((_kind(content["schema"]) for content in response.get("content", {}).values()), "")


_BODIES = {
    "checkCompatibility": {"metadata": {"architecture": "llama", "format": "gguf", "maxContextLength": 8192}},
    "filterCompatible": {"models": [{"id": "acme/tiny", "config": {"model_type": "llama"}}]},
}


def _curl(method: str, path: str, operation: str, here: str) -> str:
    for name, value in _PLACES.items():
        path = path.replace(f"{{{name}}}", value)
    if method == "post":
        body = json.dumps(_BODIES[operation])
        return f"curl -s {here}{path} -H 'Content-Type: application/json' -d '{body}'"
    return f"curl -s '{here}{path}{_EXAMPLES.get(operation, '')}'"


def _kind(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(one) for one in schema["anyOf"] if one.get("const") != ""))
    if "enum" in schema:
        values = [str(value) for value in schema["enum"] if value != ""]
        return " | ".join(values) if len(values) <= 16 else f"one of {len(values)} names"
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_kind(schema['additionalProperties'])}"
    return str(schema.get("type", "anything"))


def _fields(shape: dict[str, Any]) -> Iterator[Field]:
    for name, one in shape.get("properties", {}).items():
        yield Field(name, _kind(one), one.get("description", ""), name in shape.get("required", ()))
