"""The original's functions, in Python. They read the catalogue; the Hub is asked only for what it does not have.

A *model* is a model record, a mapping in the Hub's shape, or a parsed :class:`~compat.hub.payloads.HubModel`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from compat import catalogue
from compat.catalogue.current import current_index
from compat.catalogue.finding import Finding
from compat.catalogue.listing import judge_records
from compat.catalogue.question import DictQuery
from compat.catalogue.reading import read_question
from compat.catalogue.rows import records_by_id
from compat.catalogue.workers import Worker, workers
from compat.engines import default_profile
from compat.extraction.extract import Extraction
from compat.extraction.metadata import ModelMetadata
from compat.hub.documents import kept_record
from compat.hub.payloads import HubModel, ParsedRecord, is_repo_id, parse_record
from compat.models import ModelRecord
from compat.models.lineage import extraction_of
from compat.rules import CompatibilityResult, judge_all
from compat.tasks import fetch_now

Model = ModelRecord | HubModel | Mapping[str, Any]
M = TypeVar("M", bound=Model)


def _extraction(model: Model) -> Extraction:
    return extraction_of(_parsed(model).model)


def _worker(slug: str | None) -> Worker:
    available = workers()
    if slug and slug not in available:
        raise ValueError(f"There is no worker {slug!r}. There are: {', '.join(available)}.")
    return available[slug] if slug else next(iter(available.values()))


def _parsed(model: Model) -> ParsedRecord:
    if isinstance(model, HubModel):
        return ParsedRecord(model, {}, "")
    return kept_record(model.payload) if isinstance(model, ModelRecord) else parse_record(model)


def get_huggingface_model(model_id: str) -> ModelRecord:
    """The record of one model, from the catalogue or else from the Hub, then kept.

    Raises :class:`~compat.catalogue.UnknownModel` for an impossible id, and a
    :class:`~compat.hub.errors.HubError` where the Hub cannot give it.
    """
    try:
        return catalogue.find_record(model_id)
    except catalogue.UnknownModel:
        if not is_repo_id(model_id):
            raise catalogue.UnknownModel(
                f"“{model_id[:120]}” is not the id of a model; ids look like author/name."
            ) from None
    return catalogue.find_record(fetch_now(model_id)[0])


def _browse(query: str, limit: int, options: Mapping[str, Any]) -> list[ModelRecord]:
    available = workers()
    criteria = read_question(DictQuery({"compatible": "false", **options, "q": query}), available)
    worker = catalogue.worker_of(criteria, available)
    found = Finding(current_index(), criteria, worker)
    return records_by_id(found.ids(0, limit))


def list_huggingface_models(*, limit: int = 50, sort: str = "popular", **options: Any) -> list[ModelRecord]:
    """The catalogue's models in order, narrowed by browse parameters (``task=...``, ``author=...``).

    Raises :class:`~compat.catalogue.question.QuestionError` for an option that makes no sense.
    """
    return _browse("", limit, {"sort": sort, **options})


def search_huggingface_models(query: str, *, limit: int = 50, **options: Any) -> list[ModelRecord]:
    """The catalogue's models whose id holds every word of the query, best known first."""
    return _browse(query, limit, {"sort": "popular", **options})


def list_compatible_models(*, limit: int = 50, sort: str = "popular", **options: Any) -> list[ModelRecord]:
    """Like :func:`list_huggingface_models`, but only what runs: ``limit`` models if there are as many."""
    return _browse("", limit, {"sort": sort, **options, "compatible": "true"})


def search_compatible_models(query: str, *, limit: int = 50, **options: Any) -> list[ModelRecord]:
    """Like :func:`search_huggingface_models`, but only what runs."""
    return _browse(query, limit, {"sort": "popular", **options, "compatible": "true"})


def extract_model_metadata(model: Model) -> ModelMetadata:
    """The six facts of a model's best variant on the default worker."""
    extraction = _extraction(model)
    return extraction.metadata(extraction.variants[judge_all(extraction.judged, default_profile()).best])


def is_model_compatible(metadata: ModelMetadata) -> CompatibilityResult:
    """What the default worker's criteria say of six facts, as they ship. Needs no database and no network.

    Of metadata that a model gave, all of its variants are judged, as the model itself would be.

    :func:`check_model_worker_compatibility` also applies what this site's operator decided (the context policy).
    """
    return judge_all(metadata.judged, default_profile()).result


def check_model_compatibility(model: Model) -> CompatibilityResult:
    """What the default worker says of a model: the result of its best variant."""
    return check_model_worker_compatibility(model)


def check_model_worker_compatibility(model: Model | ModelMetadata, worker: str | None = None) -> CompatibilityResult:
    """What one worker, by its slug, says of a model or of its metadata. ValueError names the workers there are.

    A worker of this site that has a machine is asked about memory too; six facts alone cannot tell that.
    """
    asked = _worker(worker)
    if isinstance(model, ModelMetadata):
        return judge_all(model.judged, asked.profile, asked.capability).result
    return judge_records([_parsed(model)], asked)[0].row.result


def filter_compatible_models(models: Iterable[M], worker: str | None = None) -> list[M]:
    """Those of the models that run, in their order."""
    given = list(models)
    answers = judge_records([_parsed(model) for model in given], _worker(worker))
    return [model for model, answer in zip(given, answers, strict=True) if answer.row.result.compatible]
