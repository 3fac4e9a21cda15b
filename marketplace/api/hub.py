"""The Hub's read API from this site's catalogue, so that programs made for the Hub need only another endpoint."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from compat import queries
from compat.criteria import Criteria, CriteriaError, DictQuery, Problem
from compat.queries.hub import HubQuestion, hub_page

from . import hub_shape, parameters
from .caching import conditional

MOST = 1000
DEFAULT = 100
SORTS = {
    "downloads": "popular",
    "likes": "likes",
    "lastModified": "recent",
    "createdAt": "created",
    "trendingScore": "trending",
}
ASKED = (
    *("search", "author", "filter", "pipeline_tag", "library", "gated", "num_parameters", "runs_on", "sort"),
    *("direction", "limit", "cursor", "full", "config", "cardData", "expand", "expand[]"),
)
_SHOWN = ("blobs", "expand", "expand[]", "securityStatus", "full", "config", "cardData")
_COUNT = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)([KMBT]?)", re.IGNORECASE | re.ASCII)
_BILLIONS = {"K": 1e-6, "M": 1e-3, "B": 1, "T": 1e3, "": 1e-9}
_BOUNDS = {"min": "min_params", "max": "max_params"}


def _refused(status: int, message: str, code: str = "") -> JsonResponse:
    """An error as the Hub tells it."""
    response = JsonResponse({"error": message}, status=status)
    response.headers["X-Error-Message"] = message.encode("ascii", "replace").decode()
    if code:
        response.headers["X-Error-Code"] = code
    return response


def _answered(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except CriteriaError as error:
            return _refused(400, " ".join(str(error).split()))

    return answered


def _values(request: HttpRequest, *names: str) -> list[str]:
    """Every value of a parameter that may be repeated or separated by commas."""
    given = [value for name in names for value in request.GET.getlist(name)]
    return [part.strip() for value in given for part in value.split(",") if part.strip()]


def _problem(name: str, value: str, message: str) -> CriteriaError:
    return CriteriaError([Problem(name, value[:60], message)])


def _flag(request: HttpRequest, name: str) -> bool:
    value = request.GET.get(name, "").strip().lower()
    if value not in ("", "true", "false", "1", "0"):
        raise _problem(name, value, f"{name} is “{value[:60]}”: use true or false.")
    return value in ("true", "1")


def _expand(request: HttpRequest) -> list[str]:
    names = _values(request, "expand", "expand[]")
    for name in names:
        if name not in hub_shape.EXPANDABLE:
            known = ", ".join(hub_shape.EXPANDABLE)
            raise _problem("expand", name, f"“{name[:60]}” cannot be expanded. There are: {known}.")
    return names


def _known(request: HttpRequest, names: tuple[str, ...]) -> None:
    for name in request.GET:
        if name not in names:
            raise _problem(name, "", f"This site does not know the parameter “{name[:60]}”.")


def _sized(request: HttpRequest) -> dict[str, float]:
    """``num_parameters=min:6B,max:128B`` in billions."""
    found = {}
    for part in _values(request, "num_parameters"):
        bound, _, text = part.partition(":")
        number = _COUNT.fullmatch(text.strip())
        if bound not in _BOUNDS or not number:
            raise _problem("num_parameters", part, f"num_parameters is “{part[:60]}”: use min:6B,max:128B.")
        found[_BOUNDS[bound]] = float(number[1]) * _BILLIONS[number[2].upper()]
    return found


def _question(request: HttpRequest) -> HubQuestion:
    """The request in the words of this site."""
    _known(request, ASKED)
    sort, direction = request.GET.get("sort", "trendingScore"), request.GET.get("direction", "-1")
    if sort not in SORTS:
        raise _problem("sort", sort, f"“{sort[:60]}” is not an order: use {', '.join(SORTS)}.")
    if direction not in ("-1", "1"):
        raise _problem("direction", direction, f"direction is “{direction[:60]}”: use -1 or 1.")
    runs_on = request.GET.get("runs_on", "").strip()
    tags = tuple(dict.fromkeys(_values(request, "filter", "pipeline_tag", "library")))
    for tag in tags:
        if "\0" in tag or len(tag) > 250:
            raise _problem("filter", tag, "A filter is not one this catalogue could hold.")
    if len(tags) > 20:
        raise _problem("filter", "", f"There are {len(tags)} filters; 20 are the most.")
    criteria = Criteria.from_query(
        DictQuery(
            {
                "q": request.GET.get("search"),
                "author": request.GET.getlist("author"),
                "gated": _gated(request),
                "worker": runs_on,
                "compatible": "true" if runs_on else "false",
                "sort": SORTS[sort],
                **_sized(request),
            }
        ),
        parameters.available(request),
    )
    return HubQuestion(criteria, tags, direction == "1")


def _gated(request: HttpRequest) -> str:
    return str(_flag(request, "gated")).lower() if request.GET.get("gated") else ""


@require_safe
@conditional
@_answered
def models(request: HttpRequest) -> HttpResponse:
    """``/api/models``: an array of models; the next part is named by the ``Link`` header."""
    question = _question(request)
    limit = parameters.whole(request, "limit", DEFAULT, 10**9)
    expand = _expand(request)
    fields: tuple[str, ...] = (*hub_shape.LISTED, *(hub_shape.FULL if _flag(request, "full") else ()))
    fields += tuple(name for name in ("config", "cardData") if _flag(request, name))
    if expand:
        fields = ("_id", "id", *expand)
    found = hub_page(question, parameters.available(request), min(limit, MOST), request.GET.get("cursor", ""))
    response = JsonResponse([hub_shape.shaped(record, fields) for record in found.records], safe=False)
    if found.next:
        query = [(name, value) for name, values in request.GET.lists() for value in values if name != "cursor"]
        address = request.build_absolute_uri(f"{request.path}?{urlencode([*query, ('cursor', found.next)])}")
        response.headers["Link"] = f'<{address}>; rel="next"'
    return response


@require_safe
@conditional
@_answered
def model(request: HttpRequest, repo_id: str, revision: str = "main") -> HttpResponse:
    """``/api/models/<org>/<name>``: one model; an unknown one answers as the Hub does."""
    _known(request, _SHOWN)
    expand = _expand(request)
    blobs = _flag(request, "blobs")
    try:
        record = queries.find(repo_id)
    except queries.UnknownModel:
        # The Hub does not tell a caller without a token whether a repository is missing or private.
        if request.headers.get("Authorization"):
            return _refused(404, "Repository not found", "RepoNotFound")
        return _refused(401, "Invalid username or password.", "RepoNotFound")
    if revision not in ("main", record.sha):
        return _refused(404, f"Invalid rev id: {revision[:100]}", "RevisionNotFound")
    return JsonResponse(hub_shape.shaped(record, ("_id", "id", *expand) if expand else hub_shape.DETAILED, blobs=blobs))
