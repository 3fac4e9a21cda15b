"""The Hub's read API from this site's catalogue, so that programs made for the Hub need only another endpoint."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import quote, urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from compat import catalogue
from compat.catalogue.hub_list import HubQuestion, hub_page
from compat.catalogue.question import WORKER, DictQuery, Problem, Question, QuestionError
from compat.catalogue.reading import unknown_parameter
from compat.models import ModelRecord
from marketplace.freshness import absence_of, refresh_if_stale

from . import hub_schemas, parameters
from .caching import answer_conditionally
from .problems import hub_problem

MOST = 1000
DEFAULT = 100
SORTS = {
    "downloads": "popular",
    "likes": "likes",
    "lastModified": "recent",
    "createdAt": "created",
    "trendingScore": "trending",
    "num_parameters": "params",
}
_MACHINE = tuple(name for name in WORKER if name != "worker")
"""What describes the worker that ``runs_on`` names."""
ASKED = (
    *("search", "author", "filter", "pipeline_tag", "library", "gated", "num_parameters", "runs_on", "sort"),
    *("direction", "limit", "cursor", "full", "config", "cardData", "expand", "expand[]"),
    *_MACHINE,
)
_SHOWN = ("blobs", "expand", "expand[]", "securityStatus", "full", "config", "cardData")
_NO_FACTS = {
    "inference_provider": "which providers serve a model",
    "inference": "which models are served elsewhere",
    "apps": "which apps open a model",
}
"""What the Hub's clients can ask for and this catalogue cannot tell."""
_CURRENT = ("main", "HEAD")
_ELSEWHERE = frozenset(
    {"paths-info", "commits", "compare", "refs", "discussions", "treesize", "scan", "resolve", "raw"}
)
_COUNT = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)([KMBT]?)", re.IGNORECASE | re.ASCII)
_BILLIONS = {"K": 1e-6, "M": 1e-3, "B": 1, "T": 1e3, "": 1e-9}
_BOUNDS = {"min": "min_params", "max": "max_params"}


class _Absent(Exception):  # noqa: N818 - named for what it tells
    """What was asked for is not here: an error's message, and the code by which the Hub's clients know it.

    ``retry_after`` are the seconds after which it may be here, if that is known.
    """

    def __init__(self, message: str, code: str = "", retry_after: int | None = None) -> None:
        super().__init__(message)
        self.code, self.retry_after = code, retry_after


class _Renamed(Exception):  # noqa: N818 - named for what it tells
    """The repository has another id now; ``address`` is the same question with it."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


def _reads(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """What every view here is: reading alone, conditional, and with its errors told as the Hub tells them."""

    @answer_conditionally
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except QuestionError as error:
            return hub_problem(400, str(error))
        except _Renamed as error:
            return HttpResponseRedirect(error.address, preserve_request=True)
        except _Absent as error:
            response = hub_problem(404, str(error), error.code)
            if error.retry_after:
                response.headers["Retry-After"] = str(error.retry_after)
            return response

    # There is nothing to forge where nothing is written, and a program that tries to write should learn so.
    @csrf_exempt
    @wraps(view)
    def read(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            response = hub_problem(405, f"This site only tells of models: {request.method} is for the Hub itself.")
            response.headers["Allow"] = "GET, HEAD, OPTIONS"
            return response
        return answered(request, *args, **kwargs)

    return read


def _values(request: HttpRequest, *names: str) -> list[str]:
    """Every value of a parameter that may be repeated or separated by commas."""
    given = [value for name in names for value in request.GET.getlist(name)]
    return [part.strip() for value in given for part in value.split(",") if part.strip()]


def _problem(name: str, value: str, message: str) -> QuestionError:
    return QuestionError([Problem(name, value[:60], message)])


def _flag(request: HttpRequest, name: str) -> bool:
    value = request.GET.get(name, "").strip().lower()
    if value not in ("", "true", "false", "1", "0"):
        raise _problem(name, value, f"{name} is “{value[:60]}”: use true or false.")
    return value in ("true", "1")


def _expand(request: HttpRequest) -> list[str]:
    names = _values(request, "expand", "expand[]")
    for name in names:
        if name not in hub_schemas.EXPANDABLE:
            known = ", ".join(hub_schemas.EXPANDABLE)
            raise _problem("expand", name, f"“{name[:60]}” cannot be expanded. There are: {known}.")
    return names


def _known(request: HttpRequest, names: tuple[str, ...]) -> None:
    for name in request.GET:
        if name in _NO_FACTS:
            instead = "Leave it out; runs_on=<worker> asks for what runs on a worker of this site."
            raise _problem(name, "", f"{name} cannot be answered: this site does not know {_NO_FACTS[name]}. {instead}")
        if name not in names:
            raise QuestionError([unknown_parameter(name, [one for one in names if one != "expand[]"])])


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
        raise _problem("sort", sort, f"“{sort[:60]}” is not an order this site has: use {', '.join(SORTS)}.")
    if direction not in ("-1", "1"):
        raise _problem("direction", direction, f"direction is “{direction[:60]}”: use -1 or 1.")
    runs_on = request.GET.get("runs_on", "").strip()
    told = {name: request.GET.getlist(name) for name in _MACHINE if request.GET.get(name)}
    for name, values in told.items():
        if not runs_on:
            raise _problem(name, values[-1], f"{name} describes a worker: name it with runs_on=<worker>.")
    tags = tuple(dict.fromkeys(_values(request, "filter", "library")))
    tasks = list(dict.fromkeys(_values(request, "pipeline_tag")))
    for tag in (*tags, *tasks):
        if "\0" in tag or len(tag) > 250:
            raise _problem("filter", tag, "A filter is not one this catalogue could hold.")
    if len(tasks) > 1:
        raise _problem(
            "pipeline_tag", "", f"pipeline_tag names {len(tasks)} tasks; a model has one: ask for each alone."
        )
    if len(tags) > 20:
        raise _problem("filter", "", f"There are {len(tags)} filters; 20 are the most.")
    criteria = Question.from_query(
        DictQuery(
            {
                "q": request.GET.get("search"),
                "author": request.GET.getlist("author"),
                "gated": _gated(request),
                "worker": runs_on,
                "compatible": "true" if runs_on else "false",
                "sort": SORTS[sort],
                **_sized(request),
                **told,
            }
        ),
        parameters.available_workers(request),
    )
    return HubQuestion(criteria, tags, "".join(tasks), ascending=direction == "1")


def _gated(request: HttpRequest) -> str:
    return str(_flag(request, "gated")).lower() if request.GET.get("gated") else ""


@_reads
def models(request: HttpRequest) -> HttpResponse:
    """``/api/models``: an array of models; the next part is named by the ``Link`` header."""
    question = _question(request)
    limit = parameters.read_whole_number(request, "limit", DEFAULT, 10**9)
    expand = _expand(request)
    fields: tuple[str, ...] = (*hub_schemas.LISTED, *(hub_schemas.FULL if _flag(request, "full") else ()))
    fields += tuple(name for name in ("config", "cardData") if _flag(request, name))
    if expand:
        fields = ("_id", "id", *expand)
    found = hub_page(question, parameters.available_workers(request), min(limit, MOST), request.GET.get("cursor", ""))
    response = JsonResponse([hub_schemas.hub_record(record, fields) for record in found.records], safe=False)
    if found.next:
        query = [(name, value) for name, values in request.GET.lists() for value in values if name != "cursor"]
        address = request.build_absolute_uri(f"{request.path}?{urlencode([*query, ('cursor', found.next)])}")
        response.headers["Link"] = f'<{address}>; rel="next"'
    return response


@_reads
def model(request: HttpRequest, repo_id: str, revision: str = "main") -> HttpResponse:
    """``/api/models/<org>/<name>``: one model; an unknown one is 404, whoever asks."""
    _elsewhere(repo_id)
    _known(request, _SHOWN)
    expand = _expand(request)
    blobs = _flag(request, "blobs")
    security = ("securityRepoStatus",) if _flag(request, "securityStatus") else ()
    record = _record(request, repo_id, revision)
    fields = ("_id", "id", *expand) if expand else (*hub_schemas.DETAILED, *security)
    return JsonResponse(hub_schemas.hub_record(record, fields, blobs=blobs))


@_reads
def tree(request: HttpRequest, repo_id: str, place: str) -> HttpResponse:
    """``/api/models/<org>/<name>/tree/<revision>/<folder>``: what lies in a folder; what is not known of it is null."""
    _known(request, ("recursive", "expand"))
    recursive = _flag(request, "recursive")
    revision, _, folder = place.strip("/").partition("/")
    files = hub_schemas.files_of(_record(request, repo_id, revision))
    if files is None:
        raise _Absent(f"This catalogue does not know all files of “{repo_id[:200]}”: ask the Hub.")
    found = hub_schemas.tree_entries(files, folder, recursive=recursive)
    if folder and not found:
        raise _Absent(f"“{repo_id[:200]}” has no folder “{folder[:200]}”.", "EntryNotFound")
    return JsonResponse(found, safe=False)


def _record(request: HttpRequest, repo_id: str, revision: str) -> ModelRecord:
    try:
        record = catalogue.find_record(repo_id)
    except catalogue.UnknownModel:
        absence = absence_of(request, repo_id)
        told = f"There is no model “{repo_id[:200]}” in this catalogue. {absence.words}"
        raise _Absent(told, "RepoNotFound", absence.retry_after) from None
    if record.repo_id.lower() != repo_id.lower():
        raise _Renamed(request.get_full_path().replace(quote(repo_id), quote(record.repo_id), 1))
    refresh_if_stale(request, record, None)
    if record.gone:
        raise _Absent(f"The Hub does not have “{record.repo_id}” any more.", "RepoNotFound")
    if revision not in (*_CURRENT, record.sha):
        told = f"This site keeps one revision of each model: ask for main instead of “{revision[:100]}”."
        raise _Absent(told, "RevisionNotFound")
    return record


def _elsewhere(path: str) -> None:
    """Refuse what belongs to a repository but is on the Hub alone."""
    parts = path.split("/")
    if len(parts) > 2:
        for what in _ELSEWHERE.intersection(parts[1:3]):
            raise _Absent(f"This site does not tell a repository's {what}: ask the Hub.")
