"""The query parameters of the API: read as the pages read them, and described for its documentation."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from django.http import HttpRequest

from compat.catalogue.question import (
    ALL_CAUSES,
    CONFIDENCES,
    GATED,
    LEAST_MEMORY,
    SHOWN,
    SORTS,
    WORKER,
    Criteria,
    CriteriaError,
    Problem,
)
from compat.catalogue.workers import KV_TYPES, MOST_ACCELERATORS, Worker, accelerator_labels, workers
from compat.models.search import MAX_QUERY

MOST = 200
"""The longest page of a list."""
DEFAULT = 30
MOST_REPORTED = 1_000_000
"""GB; there is no accelerator with less, and nothing to share out among several with none."""
_BLANK = {"const": "", "description": "Blank is the same as not given."}
_KEPT = "_api_workers"


def _one(*, what: str, **schema: Any) -> tuple[str, dict[str, Any]]:
    return what, {"anyOf": [schema, _BLANK]}


def _many(*, what: str, **schema: Any) -> tuple[str, dict[str, Any]]:
    value = {"type": "string", "maxLength": 120, **schema}
    if "enum" not in schema:
        value["pattern"] = r"^[^\u0000]*$"
    else:
        value["enum"] = [*schema["enum"], ""]
    return what + " Give it again for several (20 at most): any of them will do.", {"type": "array", "items": value}


def _number(what: str, least: float = 0) -> tuple[str, dict[str, Any]]:
    return _one(what=what, type="number", minimum=least, exclusiveMaximum=1_000_000)


def _whole(what: str, most: int = 999_999_999) -> tuple[str, dict[str, Any]]:
    return _one(what=what, type="integer", minimum=1, maximum=most)


def _choice(what: str, values: Iterable[str]) -> tuple[str, dict[str, Any]]:
    return what, {"type": "string", "enum": [*values, ""]}


def _described(slugs: Iterable[str]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Every parameter: what it means, and the schema of its value."""
    text = {"type": "string", "pattern": r"^[^\u0000]*$"}
    return {
        "q": ("Words that the model's id must hold, or a Hub address.", {"type": "string", "maxLength": MAX_QUERY}),
        "worker": _choice("The engine or worker to judge for; the site's first one if not given.", slugs),
        "accelerator": _choice("The worker's accelerator, by its name in the site's list.", accelerator_labels()),
        "count": _whole("How many accelerators it has.", MOST_ACCELERATORS),
        "memory": _number("Memory of one accelerator, in GB.", LEAST_MEMORY),
        "ram": _number("System memory, in GB."),
        "context": _whole("The context you want, in tokens; 8,192 if not given."),
        "kv": _choice("The type of the KV cache.", KV_TYPES),
        "compatible": _choice("`true`: what runs (as if not given); `false`: everything.", SHOWN),
        "confidence": _many(what="How sure the verdict is.", enum=list(CONFIDENCES)),
        "cause": _many(what="Why a model does not run.", enum=list(ALL_CAUSES)),
        "task": _many(what="The model's task, such as `text-generation`."),
        "architecture": _many(what="Architecture family or `model_type`."),
        "format": _many(what="Weight format, such as `safetensors` or `gguf`."),
        "quantization": _many(what="Quantization of one of its variants, such as `Q4_K_M`."),
        "license": _many(what="Licence, such as `apache-2.0`."),
        "language": _many(what="Language code, such as `en`."),
        "author": _many(what="The account it belongs to."),
        "gated": _choice("Whether its terms must be accepted first.", GATED),
        "min_params": _number("At least so many billions of parameters."),
        "max_params": _number("At most so many billions of parameters."),
        "min_context": _whole("Made for a context of at least so many tokens."),
        "list": ("The slug of a curated list.", {**text, "maxLength": 120}),
        "sort": _choice("The order.", SORTS),
        "limit": _whole(f"How many models at most; {DEFAULT} if not given.", MOST),
        "cursor": ("`nextCursor` of the answer before, as it came.", {**text, "maxLength": 2000}),
        "top": _whole("How many of the best known models to look at; 200 if not given.", MOST_REPORTED),
    }


LISTING = (
    *("q", *WORKER, "compatible", "confidence", "cause", "task", "architecture", "format", "quantization", "license"),
    *("language", "author", "gated", "min_params", "max_params", "min_context", "list", "sort", "limit", "cursor"),
)
REPORT = (*WORKER, "top")


def documented(names: Iterable[str], slugs: Iterable[str]) -> list[dict[str, Any]]:
    """The parameters for the OpenAPI document."""
    known = _described(list(slugs))
    return [
        {"in": "query", "name": name, "required": False, "description": known[name][0], "schema": known[name][1]}
        for name in names
    ]


def available(request: HttpRequest) -> Mapping[str, Worker]:
    """The workers there are, looked up once a request."""
    found: Mapping[str, Worker] | None = getattr(request, _KEPT, None)
    if found is None:
        found = workers()
        setattr(request, _KEPT, found)
    return found


def criteria(request: HttpRequest, allowed: Iterable[str]) -> Criteria:
    """The question of a request; an unknown parameter is refused like an unknown value, never passed over."""
    allowed = tuple(allowed)
    problems = [_unknown(name, allowed) for name in request.GET if name not in allowed]
    try:
        found = Criteria.from_query(request.GET, available(request))
    except CriteriaError as error:
        raise CriteriaError([*problems, *error.problems]) from None
    if problems:
        raise CriteriaError(problems)
    return found


def _unknown(name: str, allowed: tuple[str, ...]) -> Problem:
    near = difflib.get_close_matches(name[:60], allowed, 1)
    hint = f" Did you mean {near[0]}?" if near else f" There are: {', '.join(allowed)}." if allowed else ""
    return Problem(name[:60], "", f"There is no parameter “{name[:60]}” here.{hint}")


def whole(request: HttpRequest, name: str, default: int, most: int) -> int:
    """A whole number from 1 to ``most``; raises :class:`CriteriaError`."""
    value = (request.GET.getlist(name) or [""])[-1].strip()
    if not value:
        return default
    if not (value.isascii() and value.isdecimal() and len(value) < 12 and 1 <= int(value) <= most):
        message = f"{name} is “{value[:60]}”: use a whole number from 1 to {most:,}."
        raise CriteriaError([Problem(name, value[:60], message)])
    return int(value)
