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

from .caching import answer_conditionally
from .parameters import available_workers, documented_parameters
from .v1 import OPEN_PARAMETERS, api

PREFIX = "/api/v1"
_EXAMPLES = {
    "listModels": "?q=qwen&limit=2",
    "getCompatibility": "?worker=rbee",
    "getReport": "?top=100",
    "whatRuns": "?worker=llama-cpp&accelerator=RTX+3090",
}
_PLACES = {"org": "microsoft", "name": "phi-2", "slug": "small-and-open"}


_REFUSALS = {
    "401": ("The token is wrong, expired or switched off, or this site wants one.", ("WWW-Authenticate",)),
    "429": ("More requests than the client's rate allows.", ("Retry-After",)),
    "503": ("The site cannot use its database at the moment.", ("Retry-After",)),
}
_HEADERS = {
    "RateLimit-Policy": (
        "string",
        "The client's rate: `q` requests in any `w` seconds. A filter counts once for every 100 models.",
        '"default";q=300;w=60',
    ),
    "RateLimit": ("string", "`r` requests are left; in `t` seconds there are more.", '"default";r=299;t=42'),
    "Retry-After": ("integer", "The seconds to wait.", 12),
    "WWW-Authenticate": ("string", "How to send a token.", 'Bearer realm="api", error="invalid_token"'),
}
_LIMITED = ("RateLimit-Policy", "RateLimit")
_TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API token of this site, which curators make. Most sites answer without one, at a lower rate.",
}


def _with_limits(found: dict[str, Any]) -> None:
    """What holds for every operation: the rate, its headers, and the token."""
    parts = found["components"]
    parts["headers"] = {
        name: {"description": what, "schema": {"type": kind}, "example": example}
        for name, (kind, what, example) in _HEADERS.items()
    }
    parts["securitySchemes"] = {"token": _TOKEN}
    found["security"] = [{}, {"token": []}]
    for path in found["paths"].values():
        for operation in path.values():
            answers = operation["responses"]
            for status, (what, _) in _REFUSALS.items():
                content = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
                answers[status] = {"description": what, "content": content}
            operation["responses"] = answers = dict(sorted(answers.items()))
            for status, answer in answers.items():
                names = (*_LIMITED, *_REFUSALS.get(status, ("", ()))[1])
                answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}


@cache
def _plain() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema(path_prefix=PREFIX)))
    _with_limits(found)
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
            operation["parameters"] = [*operation.get("parameters", ()), *documented_parameters(names, slugs)]
    return found


@require_safe
@answer_conditionally
def openapi(request: HttpRequest) -> HttpResponse:
    """``/api/openapi.json``"""
    return JsonResponse(document(available_workers(request)))


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
    workers: Iterable[str] = available_workers(request)
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
    "compareLog": {"log": "load_tensors:        CUDA0 model buffer size =  5434.38 MiB"},
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
