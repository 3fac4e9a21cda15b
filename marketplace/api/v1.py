"""The JSON API, version 1: parse the request, ask one query, give its answer in JSON."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.decorators import decorate_view
from ninja.errors import HttpError, ValidationError
from pydantic import TypeAdapter
from pydantic import ValidationError as Invalid

from compat import catalogue as queries
from compat.catalogue import listing as asked
from compat.catalogue.question import WORKER, QuestionError
from compat.catalogue.workers import Worker
from compat.estimate.ledger import shipped_ledger
from compat.extraction.facts import ModelMetadata
from compat.hub.errors import HubBadPayload
from compat.hub.payloads import ParsedRecord, decode_json, parse_record
from compat.models import CuratedList
from compat.timestamps import Json
from marketplace.freshness import refresh_if_stale

from . import parameters, problems, serialise
from . import schemas as s
from .caching import conditional, made_of
from .problems import Refused

MOST_BYTES = 2 * 1024 * 1024
"""The largest body accepted."""
DESCRIPTION = (
    "Which models of this site's catalogue run on which worker, and why. Answers are made by the functions behind the "
    "pages. Field names are camelCase; what is not known is null. Reading is open to every origin."
)

api = NinjaAPI(
    title="RunsHere",
    version="1",
    description=DESCRIPTION,
    docs_url=None,
    openapi_url=None,
    urls_namespace="api-v1",
)
for error_type in (Refused, QuestionError, queries.UnknownModel, HubBadPayload, ValidationError, HttpError):
    api.add_exception_handler(error_type, problems.handle)

_ASKED = {400: s.Problem, 404: s.Problem}
_POSTED = {400: s.Problem, 404: s.Problem, 413: s.Problem, 422: s.Problem}
OPEN_PARAMETERS = "x-parameters"
"""Marks in the schema where the parameters belong; what a worker may be called is known only when asked."""


def _takes(*names: str) -> dict[str, Any]:
    return {OPEN_PARAMETERS: list(names)}


def _bounded(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Refuse a body that is too large, or no JSON, before anything looks into it."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        length = request.headers.get("Content-Length") or "0"
        if not length.isdecimal() or int(length) > MOST_BYTES:
            return problems.problem(413, f"The body is larger than {MOST_BYTES:,} bytes. Send fewer models at a time.")
        try:
            decode_json(request.body)
            parameters.question(request, ())
        except (HubBadPayload, QuestionError) as error:
            message = f"The body is {error}." if isinstance(error, HubBadPayload) else str(error)
            return problems.problem(400, message)
        return view(request, *args, **kwargs)

    return checked


# --- the catalogue ---------------------------------------------------------------------------------------------


@api.get(
    "/models", response={200: s.ModelList, **_ASKED}, by_alias=True, tags=["Models"], operation_id="listModels",
    summary="List and search models", openapi_extra=_takes(*parameters.LISTING),
)  # fmt: skip
@decorate_view(conditional)
def models(request: HttpRequest) -> Any:
    """What the pages' browse shows, with the same parameters. Without any: what runs on the site's first worker."""
    criteria = parameters.question(request, parameters.LISTING)
    limit = parameters.whole(request, "limit", parameters.DEFAULT, parameters.MOST)
    cursor = request.GET.get("cursor", "")
    return serialise.listing(asked.listing(criteria, parameters.available(request), limit, cursor))


@api.get(
    "/models/{org}/{name}/compatibility", response={200: s.Compatibility, **_ASKED}, by_alias=True, tags=["Models"],
    operation_id="getCompatibility", summary="Whether one model runs, and why",
    openapi_extra=_takes(*WORKER),
)  # fmt: skip
@decorate_view(conditional)
def compatibility(request: HttpRequest, org: str, name: str) -> Any:
    """The original's result for the model's best variant, with what it was made from."""
    return _compatibility(request, f"{org}/{name}")


@api.get("/models/{name}/compatibility", response={200: s.Compatibility}, by_alias=True, include_in_schema=False)
@decorate_view(conditional)
def compatibility_of_unowned(request: HttpRequest, name: str) -> Any:
    """The same for one of the Hub's few models without an owner."""
    return _compatibility(request, name)


def _compatibility(request: HttpRequest, repo_id: str) -> Json:
    criteria = parameters.question(request, WORKER)
    worker, item = asked.one(repo_id, criteria, parameters.available(request))
    refresh_if_stale(request, item.row.record, None)
    return serialise.compatibility(item, worker, item.row.record.repo_id)


@api.get(
    "/models/{org}/{name}", response={200: s.ModelDetail, **_ASKED}, by_alias=True, tags=["Models"],
    operation_id="getModel", summary="Everything about one model", openapi_extra=_takes(*WORKER),
)  # fmt: skip
@decorate_view(conditional)
def model(request: HttpRequest, org: str, name: str) -> Any:
    """Verdict, variants, facts with their evidence, files, and what to take instead."""
    return _model(request, f"{org}/{name}")


@api.get("/models/{name}", response={200: s.ModelDetail}, by_alias=True, include_in_schema=False)
@decorate_view(conditional)
def unowned_model(request: HttpRequest, name: str) -> Any:
    """The same for one of the Hub's few models without an owner."""
    return _model(request, name)


def _model(request: HttpRequest, repo_id: str) -> Json:
    criteria = parameters.question(request, WORKER)
    page = queries.detail(repo_id, criteria, parameters.available(request))
    made_of(request, page.record)
    refresh_if_stale(request, page.record, page.fetch)
    return serialise.detail(page, asked.items_of(page.alternatives))


# --- models that are given -------------------------------------------------------------------------------------


@api.post(
    "/compatibility/check", response={200: s.Compatibility, **_POSTED}, by_alias=True, tags=["Compatibility"],
    operation_id="checkCompatibility", summary="Judge a model that you describe",
)  # fmt: skip
@decorate_view(_bounded)
def check(request: HttpRequest, given: s.CheckIn) -> Any:
    """Give `metadata` (the six facts) or `model` (an answer of the Hub's API), not both."""
    worker = _worker(request, given.worker)
    if (given.metadata is None) == (given.model is None):
        wanted = "give either metadata or model"
        raise Refused(422, f"What to judge is not clear: {wanted}.", [("metadata", wanted), ("model", wanted)])
    if given.metadata is not None:
        return serialise.compatibility(asked.judged_metadata(_metadata(given.metadata), worker), worker, None)
    parsed = parse_record(given.model or {})
    return serialise.compatibility(asked.judged([parsed], worker)[0], worker, parsed.model.id)


@api.post(
    "/compatibility/filter", response={200: s.Filtered, **_POSTED}, by_alias=True, tags=["Compatibility"],
    operation_id="filterCompatible", summary="Keep the models that run",
)  # fmt: skip
@decorate_view(_bounded)
def filter_models(request: HttpRequest, given: s.FilterIn) -> Any:
    """Give models in the Hub's shape, or metadata, or both. At most 1,000 models and 2 MB."""
    worker = _worker(request, given.worker)
    parsed = [_parsed(index, value) for index, value in enumerate(given.models)]
    hub = iter(asked.judged([one for one in parsed if isinstance(one, ParsedRecord)], worker))
    results = []
    for index, one in enumerate(parsed):
        item = next(hub) if isinstance(one, ParsedRecord) else asked.judged_metadata(one, worker)
        named = one.model.id if isinstance(one, ParsedRecord) else None
        results.append((index, named, item.row.result))
    kept = [given.models[index] for index, _, result in results if result.compatible]
    return {
        "models": kept,
        "total": len(results),
        "compatible": len(kept),
        "results": [
            {"index": index, "id": named, "reasons": list(result.reasons), **serialise.verdict(result)}
            for index, named, result in results
        ],
        "worker": serialise.worker(worker),
    }


def _parsed(index: int, value: dict[str, Any]) -> ParsedRecord | ModelMetadata:
    try:
        if "id" not in value and "architecture" in value:
            return _metadata(_METADATA.validate_python(value))
        return parse_record(value)
    except HubBadPayload as error:
        field = f"models.{index}.{error.field}".rstrip(".")
        raise Refused(422, f"models.{index}: {error}", [(field, str(error))]) from None
    except Invalid as error:
        found = [(".".join(["models", str(index), *map(str, one["loc"])]), one["msg"]) for one in error.errors()]
        raise Refused(422, f"{found[0][0]}: {found[0][1]}", found) from None


_METADATA = TypeAdapter(s.MetadataIn)


def _metadata(given: s.MetadataIn) -> ModelMetadata:
    return ModelMetadata(
        architecture=given.architecture,
        format=given.format,
        quantization=given.quantization or None,
        parameters=given.parameters,
        size_bytes=given.size_bytes,
        max_context_length=given.max_context_length,
    )


def _worker(request: HttpRequest, slug: str | None) -> Worker:
    """The worker a body names."""
    found = parameters.available(request)
    if not slug:
        return next(iter(found.values()))
    if slug not in found:
        message = f"There is no worker “{slug[:60]}”. There are: {', '.join(found)}."
        raise Refused(422, message, [("worker", message)])
    return found[slug]


# --- the site --------------------------------------------------------------------------------------------------


@api.get(
    "/workers", response={200: s.WorkerList, **_ASKED}, by_alias=True, tags=["Site"], operation_id="listWorkers",
    summary="Every worker",
)  # fmt: skip
@decorate_view(conditional)
def workers(request: HttpRequest) -> Any:
    """Every engine and every worker of this site: what it accepts, and how many models run on it."""
    parameters.question(request, ())
    found = parameters.available(request)
    first = next(iter(found))
    cards = queries.workers_page(found)
    return {"items": [serialise.worker_card(card, default=card.worker.slug == first) for card in cards]}


@api.get(
    "/lists", response={200: s.Lists, **_ASKED}, by_alias=True, tags=["Site"], operation_id="listLists",
    summary="Every curated list",
)  # fmt: skip
@decorate_view(conditional)
def lists(request: HttpRequest) -> Any:
    """The published lists, in the curators' order."""
    parameters.question(request, ())
    return {"items": [serialise.curated(one, getattr(one, "size", 0)) for one in queries.published_lists()]}


@api.get(
    "/lists/{slug}", response={200: s.ListDetail, **_ASKED}, by_alias=True, tags=["Site"], operation_id="getList",
    summary="One curated list with its models", openapi_extra=_takes(*WORKER),
)  # fmt: skip
@decorate_view(conditional)
def curated_list(request: HttpRequest, slug: str) -> Any:
    """The list's models with their verdicts, in the curator's order."""
    criteria = parameters.question(request, WORKER)
    try:
        page = queries.curated_list(slug.replace("\0", ""), criteria, parameters.available(request))
    except CuratedList.DoesNotExist:
        raise Refused(404, f"There is no list “{slug[:120]}”.") from None
    return serialise.curated_models(page, asked.items_of(page.rows))


@api.get(
    "/report", response={200: s.Report, **_ASKED}, by_alias=True, exclude_none=True, tags=["Site"],
    operation_id="getReport", summary="How much of the best known models runs",
    openapi_extra=_takes(*parameters.REPORT),
)  # fmt: skip
@decorate_view(conditional)
def report(request: HttpRequest) -> Any:
    """The compatibility rate of the best known models, with the refusals by cause."""
    criteria = parameters.question(request, parameters.REPORT)
    top = parameters.whole(request, "top", 200, parameters.MOST_REPORTED)
    return queries.report(top, criteria, parameters.available(request)).as_json()


@api.get(
    "/accuracy", response={200: s.Accuracy, **_ASKED}, by_alias=True, tags=["Site"], operation_id="getAccuracy",
    summary="How good the estimates are",
)  # fmt: skip
@decorate_view(conditional)
def accuracy(request: HttpRequest) -> Any:
    """Memory and speed estimates compared with published measurements."""
    parameters.question(request, ())
    return shipped_ledger().as_json()
