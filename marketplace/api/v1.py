"""The JSON API, version 1: parse the request, ask one query, give its answer in JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from ninja import NinjaAPI
from ninja.decorators import decorate_view
from ninja.errors import HttpError, ValidationError
from pydantic import TypeAdapter
from pydantic import ValidationError as Invalid

from compat import catalogue
from compat.catalogue import ladder, listing
from compat.catalogue.accuracy import accuracy_here
from compat.catalogue.measured import compare
from compat.catalogue.question import WORKER, QuestionError
from compat.catalogue.workers import Worker
from compat.extraction.facts import VariantFacts
from compat.extraction.metadata import JudgedVariant, ModelMetadata
from compat.hub.errors import HubBadPayload
from compat.hub.payloads import ParsedRecord, decode_json, parse_record
from compat.logs import LogError, read_log
from compat.models import CuratedList
from compat.timestamps import Json
from marketplace.addresses import with_query
from marketplace.freshness import refresh_if_stale

from . import parameters, problems, schemas, serialise
from .caching import answer_conditionally, made_of
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
for error_type in (Refused, QuestionError, catalogue.UnknownModel, HubBadPayload, ValidationError, HttpError):
    api.add_exception_handler(error_type, problems.handle_error)

_ASKED = {400: schemas.Problem, 404: schemas.Problem}
_POSTED = {400: schemas.Problem, 404: schemas.Problem, 413: schemas.Problem, 422: schemas.Problem}
OPEN_PARAMETERS = "x-parameters"
"""Marks in the schema where the parameters belong; what a worker may be called is known only when listing."""


def _takes(*names: str) -> dict[str, Any]:
    return {OPEN_PARAMETERS: list(names)}


def _bounded(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Refuse a body that is too large, or no JSON, before anything looks into it."""
    return _with_body(view, (), "Send fewer models at a time.")


def _bounded_log(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The same for a log, whose address may describe the worker."""
    return _with_body(view, WORKER, "Send the part of the log that tells of the load.")


def _with_body(view: Callable[..., HttpResponse], names: Sequence[str], advice: str) -> Callable[..., HttpResponse]:
    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        length = request.headers.get("Content-Length") or "0"
        if not length.isdecimal() or int(length) > MOST_BYTES:
            return problems.problem_response(413, f"The body is larger than {MOST_BYTES:,} bytes. {advice}")
        try:
            decode_json(request.body)
            parameters.read_api_question(request, names)
        except (HubBadPayload, QuestionError) as error:
            message = f"The body: {error}." if isinstance(error, HubBadPayload) else str(error)
            return problems.problem_response(400, message)
        return view(request, *args, **kwargs)

    return checked


# --- the catalogue ---------------------------------------------------------------------------------------------


@api.get(
    "/models", response={200: schemas.ModelList, **_ASKED}, by_alias=True, tags=["Models"], operation_id="listModels",
    summary="List and search models", openapi_extra=_takes(*parameters.LISTING),
)  # fmt: skip
@decorate_view(answer_conditionally)
def models(request: HttpRequest) -> Any:
    """What the pages' browse shows, with the same parameters. Without any: what runs on the site's first worker."""
    criteria = parameters.read_api_question(request, parameters.LISTING)
    limit = parameters.read_whole_number(request, "limit", parameters.DEFAULT, parameters.MOST)
    cursor = request.GET.get("cursor", "")
    return serialise.listing(listing.list_models(criteria, parameters.available_workers(request), limit, cursor))


@api.get(
    "/machine", response={200: schemas.MachineLadders, **_ASKED}, by_alias=True, tags=["Models"],
    operation_id="whatRuns", summary="What to run on a machine", openapi_extra=_takes(*WORKER),
)  # fmt: skip
@decorate_view(answer_conditionally)
def machine(request: HttpRequest) -> Any:
    """For each use the biggest comfortable build, the best, the fastest and the one that reads most, each with why."""
    criteria = parameters.read_api_question(request, WORKER)
    return serialise.ladders(ladder.what_runs(criteria, parameters.available_workers(request)))


@api.get(
    "/models/{org}/{name}/compatibility", response={200: schemas.ModelCompatibility, **_ASKED}, by_alias=True,
    tags=["Models"], operation_id="getCompatibility", summary="Whether one model runs, and why",
    openapi_extra=_takes(*WORKER),
)  # fmt: skip
@decorate_view(answer_conditionally)
def compatibility(request: HttpRequest, org: str, name: str) -> Any:
    """The original's result for the model's best variant, with what it was made from, and the ways to run it."""
    return _compatibility(request, f"{org}/{name}")


@api.get(
    "/models/{name}/compatibility", response={200: schemas.ModelCompatibility}, by_alias=True, include_in_schema=False
)
@decorate_view(answer_conditionally)
def compatibility_of_unowned(request: HttpRequest, name: str) -> Any:
    """The same for one of the Hub's few models without an owner."""
    return _compatibility(request, name)


def _compatibility(request: HttpRequest, repo_id: str) -> Json:
    criteria = parameters.read_api_question(request, WORKER)
    found = listing.answer_for_model(repo_id, criteria, parameters.available_workers(request))
    record = found.item.row.record
    refresh_if_stale(request, record, None)
    return {
        **serialise.compatibility(found.item, found.worker, record.repo_id),
        **serialise.plans(found.plans),
        "surerBuild": serialise.surer(found.surer),
        "perhapsBuild": serialise.perhaps(found.perhaps),
        "otherEngines": [serialise.other_engine(one) for one in found.elsewhere],
    }


@api.post(
    "/models/{org}/{name}/log", response={200: schemas.LogComparison, **_POSTED}, by_alias=True, tags=["Models"],
    operation_id="compareLog", summary="Compare an engine's log with the estimate", openapi_extra=_takes(*WORKER),
)  # fmt: skip
@decorate_view(_bounded_log)
def log(request: HttpRequest, org: str, name: str, given: schemas.LogIn) -> Any:
    """The log of a load of this model, held against the estimate part by part."""
    return _log(request, f"{org}/{name}", given)


@api.post("/models/{name}/log", response={200: schemas.LogComparison}, by_alias=True, include_in_schema=False)
@decorate_view(_bounded_log)
def log_of_unowned(request: HttpRequest, name: str, given: schemas.LogIn) -> Any:
    """The same for one of the Hub's few models without an owner."""
    return _log(request, name, given)


def _log(request: HttpRequest, repo_id: str, given: schemas.LogIn) -> Json:
    asked = parameters.read_api_question(request, WORKER)
    record = catalogue.find_record(repo_id)
    worker = catalogue.worker_of(asked, parameters.available_workers(request))
    try:
        found = compare(record, list(record.variants.all()), worker, read_log(given.log))
    except LogError as error:
        raise Refused(422, str(error), [("log", str(error))]) from None
    return serialise.log_comparison(record.repo_id, found)


@api.get("/models/{name}/log", response={200: schemas.ModelDetail}, by_alias=True, include_in_schema=False)
@decorate_view(answer_conditionally)
def model_called_log(request: HttpRequest, name: str) -> Any:
    """A model of that name, whose address is the same."""
    return _model(request, f"{name}/log")


@api.get(
    "/models/{org}/{name}", response={200: schemas.ModelDetail, **_ASKED}, by_alias=True, tags=["Models"],
    operation_id="getModel", summary="Everything about one model", openapi_extra=_takes(*WORKER),
)  # fmt: skip
@decorate_view(answer_conditionally)
def model(request: HttpRequest, org: str, name: str) -> Any:
    """Verdict, variants, facts with their evidence, files, and what to take instead."""
    return _model(request, f"{org}/{name}")


@api.get("/models/{name}", response={200: schemas.ModelDetail}, by_alias=True, include_in_schema=False)
@decorate_view(answer_conditionally)
def unowned_model(request: HttpRequest, name: str) -> Any:
    """The same for one of the Hub's few models without an owner."""
    return _model(request, name)


def _model(request: HttpRequest, repo_id: str) -> Json | HttpResponse:
    criteria = parameters.read_api_question(request, WORKER)
    page = catalogue.detail(repo_id, criteria, parameters.available_workers(request))
    if page.record.repo_id.lower() != repo_id.lower():
        # It was renamed: its record is found under its old id too.
        address = request.path.removesuffix(repo_id) + page.record.repo_id
        query = request.GET.urlencode()
        return HttpResponsePermanentRedirect(with_query(address, query))
    made_of(request, page.record.fetched)
    refresh_if_stale(request, page.record, page.fetch)
    return serialise.detail(page, listing.items_of(page.alternatives))


# --- models that are given -------------------------------------------------------------------------------------


@api.post(
    "/compatibility/check", response={200: schemas.Compatibility, **_POSTED}, by_alias=True, tags=["Compatibility"],
    operation_id="checkCompatibility", summary="Judge a model that you describe",
)  # fmt: skip
@decorate_view(_bounded)
def check(request: HttpRequest, given: schemas.CheckIn) -> Any:
    """Give `metadata` (the six facts) or `model` (an answer of the Hub's API), not both."""
    worker = _worker(request, given.worker)
    if (given.metadata is None) == (given.model is None):
        wanted = "give either metadata or model"
        raise Refused(422, f"What to judge is not clear: {wanted}.", [("metadata", wanted), ("model", wanted)])
    if given.metadata is not None:
        return serialise.compatibility(listing.judge_metadata(_metadata(given.metadata), worker), worker, None)
    model = given.model or {}
    one = _parsed("model", model) if isinstance(model.get("metadata"), dict) else parse_record(model)
    if isinstance(one, ModelMetadata):
        return serialise.compatibility(listing.judge_metadata(one, worker), worker, None)
    return serialise.compatibility(listing.judge_records([one], worker)[0], worker, one.model.id)


@api.post(
    "/compatibility/filter", response={200: schemas.Filtered, **_POSTED}, by_alias=True, tags=["Compatibility"],
    operation_id="filterCompatible", summary="Keep the models that run",
)  # fmt: skip
@decorate_view(_bounded)
def filter_models(request: HttpRequest, given: schemas.FilterIn) -> Any:
    """Give models in the Hub's shape, or metadata, or both. At most 1,000 models and 2 MB."""
    worker = _worker(request, given.worker)
    parsed = [_parsed(f"models.{index}", value) for index, value in enumerate(given.models)]
    hub = iter(listing.judge_records([one for one in parsed if isinstance(one, ParsedRecord)], worker))
    results = []
    for index, one in enumerate(parsed):
        item = next(hub) if isinstance(one, ParsedRecord) else listing.judge_metadata(one, worker)
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


def _parsed(place: str, value: dict[str, Any]) -> ParsedRecord | ModelMetadata:
    """What stands at a place of the body: a record of the Hub, metadata, or an item of our lists that holds it."""
    try:
        if isinstance(value.get("metadata"), dict):
            value = value["metadata"]  # an item of our own lists
        if "id" not in value and "architecture" in value:
            return _metadata(_METADATA.validate_python(value))
        return parse_record(value)
    except HubBadPayload as error:
        field = f"{place}.{error.field}".rstrip(".")
        raise Refused(422, f"{place}: {error}", [(field, str(error))]) from None
    except Invalid as error:
        found = [(".".join([place, *map(str, one["loc"])]), one["msg"]) for one in error.errors()]
        raise Refused(422, f"{found[0][0]}: {found[0][1]}", found) from None


_METADATA = TypeAdapter(schemas.MetadataIn)


def _metadata(given: schemas.MetadataIn) -> ModelMetadata:
    stated = ModelMetadata(
        architecture=given.architecture,
        format=given.format,
        quantization=given.quantization or None,
        parameters=given.parameters,
        size_bytes=given.size_bytes,
        max_context_length=given.max_context_length,
    )
    if not given.facts:
        return stated
    facts = VariantFacts(**given.facts)
    variants = [JudgedVariant(replace(facts, **differing), size) for differing, size in map(_parted, given.variants)]
    return stated.with_facts(facts, variants)


def _parted(variant: dict[str, Any]) -> tuple[dict[str, Any], int | None]:
    """In what a variant differs, and its size in bytes."""
    return {name: value for name, value in variant.items() if name != "size_bytes"}, variant["size_bytes"]


def _worker(request: HttpRequest, slug: str | None) -> Worker:
    """The worker a body names."""
    found = parameters.available_workers(request)
    if not slug:
        return next(iter(found.values()))
    if slug not in found:
        message = f"There is no worker “{slug[:60]}”. There are: {', '.join(found)}."
        raise Refused(422, message, [("worker", message)])
    return found[slug]


# --- the site --------------------------------------------------------------------------------------------------


@api.get(
    "/workers", response={200: schemas.WorkerList, **_ASKED}, by_alias=True, tags=["Site"], operation_id="listWorkers",
    summary="Every worker",
)  # fmt: skip
@decorate_view(answer_conditionally)
def workers(request: HttpRequest) -> Any:
    """Every engine and every worker of this site: what it accepts, and how many models run on it."""
    parameters.read_api_question(request, ())
    found = parameters.available_workers(request)
    first = next(iter(found))
    cards = catalogue.workers_page(found)
    return {"items": [serialise.worker_card(card, default=card.worker.slug == first) for card in cards]}


@api.get(
    "/lists", response={200: schemas.Lists, **_ASKED}, by_alias=True, tags=["Site"], operation_id="listLists",
    summary="Every curated list",
)  # fmt: skip
@decorate_view(answer_conditionally)
def lists(request: HttpRequest) -> Any:
    """The published lists, in the curators' order."""
    parameters.read_api_question(request, ())
    return {"items": [serialise.curated(one, getattr(one, "size", 0)) for one in catalogue.published_lists()]}


@api.get(
    "/lists/{slug}", response={200: schemas.ListDetail, **_ASKED}, by_alias=True, tags=["Site"], operation_id="getList",
    summary="One curated list with its models", openapi_extra=_takes(*WORKER),
)  # fmt: skip
@decorate_view(answer_conditionally)
def curated_list(request: HttpRequest, slug: str) -> Any:
    """The list's models with their verdicts, in the curator's order."""
    criteria = parameters.read_api_question(request, WORKER)
    try:
        page = catalogue.curated_list(slug.replace("\0", ""), criteria, parameters.available_workers(request))
    except CuratedList.DoesNotExist:
        raise Refused(404, f"There is no list “{slug[:120]}”.") from None
    return serialise.curated_models(page, listing.items_of(page.rows))


@api.get(
    "/report", response={200: schemas.Report, **_ASKED}, by_alias=True, exclude_none=True, tags=["Site"],
    operation_id="getReport", summary="How much of the best known models runs",
    openapi_extra=_takes(*parameters.REPORT),
)  # fmt: skip
@decorate_view(answer_conditionally)
def report(request: HttpRequest) -> Any:
    """The compatibility rate of the best known models, with the refusals by cause."""
    criteria = parameters.read_api_question(request, parameters.REPORT)
    top = parameters.read_whole_number(request, "top", 200, parameters.MOST_REPORTED)
    return catalogue.report(top, criteria, parameters.available_workers(request)).as_json()


@api.get(
    "/accuracy", response={200: schemas.Accuracy, **_ASKED}, by_alias=True, tags=["Site"], operation_id="getAccuracy",
    summary="How good the estimates are",
)  # fmt: skip
@decorate_view(answer_conditionally)
def accuracy(request: HttpRequest) -> Any:
    """Memory and speed estimates compared with published measurements, and with what this site measured."""
    parameters.read_api_question(request, ())
    found = accuracy_here()
    made_of(request, found["measuredHere"])
    return found
