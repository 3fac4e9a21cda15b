"""What each tool answers: the queries of the JSON API, asked and serialised by the API's own functions."""

from __future__ import annotations

from collections.abc import Mapping

from compat import catalogue
from compat.catalogue import ladder, listing
from compat.catalogue.detail import DetailPage
from compat.catalogue.question import Question, QuestionError
from compat.catalogue.workers import Worker
from compat.extraction.metadata import ModelMetadata
from compat.hub.payloads import is_repo_id
from compat.models import CuratedList
from compat.timestamps import Json
from marketplace.api import serialise

from . import arguments as a
from .plain import line, quoted

Available = Mapping[str, Worker]
MOST_FILES = 20
"""File names in one answer."""


class NotAnsweredError(ValueError):
    """The question cannot be answered; the message says why and what to do."""


def find_models(given: a.Find, available: Available) -> Json:
    """A part of a list."""
    found = listing.list_models(given.question(available), available, given.limit, given.cursor or "")
    return serialise.listing(found)


def does_it_run(given: a.OneModel, available: Available) -> Json:
    """The verdict on one model, with what it was made from."""
    page = _page(given, available)
    told = serialise.detail(page, [])
    best = page.row.best
    return {
        **told["result"],
        **{name: told[name] for name in ("url", "task", "license", "gated")},
        **{name: told[name] for name in ("surerBuild", "perhapsBuild", "otherEngines")},
        **{name: told[name] for name in ("memory", "measured", "facts", "origin", "asOf", "updatedAt", "rules")},
        "take": {
            **told["variant"],
            "files": list(best.files)[:MOST_FILES],
            "fileCount": len(best.files),
            "missingShards": best.missing_shards,
        }
        if best is not None and page.result.compatible
        else None,
    }


def what_runs(given: a.OneMachine, available: Available) -> Json:
    """The ladders of a machine, which must be told."""
    page = ladder.what_runs(given.question(available), available)
    if not page.worker.machine.told:
        raise NotAnsweredError("Tell the machine: accelerator, memory or ram.")
    return serialise.ladders(page)


def alternatives(given: a.OneModel, available: Available) -> Json:
    """What runs instead of one model."""
    page = _page(given, available)
    return {
        "id": page.record.repo_id,
        "url": page.record.get_absolute_url(),
        "compatibility": serialise.verdict(page.result),
        "items": [
            {**one, "reason": "; ".join([one["why"], *one["changes"]])}
            for one in serialise.offered(page, listing.items_of(page.alternatives))
        ],
        "worker": serialise.worker(page.worker),
    }


def _page(given: a.OneModel, available: Available) -> DetailPage:
    criteria = given.question(available)
    try:
        return catalogue.detail(given.model, criteria, available)
    except catalogue.UnknownModel:
        raise NotAnsweredError(_unknown(given.model, available)) from None


def _unknown(repo_id: str, available: Available) -> str:
    """What to say of an id the catalogue does not have: never anything about the model itself."""
    if not is_repo_id(repo_id):
        return f"{quoted(repo_id)} is not the id of a model. Ids look like author/name; find_models finds them."
    alike = listing.list_models(Question(q=repo_id.rpartition("/")[2], compatible="false"), available, 5).items
    hint = (
        f" Ids in it that hold the same name: {', '.join(item.row.record.repo_id for item in alike)}." if alike else ""
    )
    return (
        f"The catalogue has no model {quoted(repo_id)}, so nothing can be said of it.{hint} Search with find_models, "
        "open the model's page on this site to see whether it can be fetched from the Hub, have an operator run "
        f"“manage.py check_model {repo_id}”, or give its six facts to check_metadata."
    )


def list_workers(given: a.WorkersAsked, available: Available) -> Json:
    """Every worker, or one with all that it accepts."""
    criteria = given.question(available)
    first = next(iter(available))
    if not criteria.worker:
        cards = catalogue.workers_page(available)
        return {"items": [_brief(serialise.worker_card(one, default=one.worker.slug == first)) for one in cards]}
    card = catalogue.worker_page(criteria, available)
    return {"items": [serialise.worker_card(card, default=card.worker.slug == first)]}


def _brief(card: Json) -> Json:
    return {name: value for name, value in card.items() if name not in ("architectures", "tasks")}


def curated_lists(_given: a.Nothing, _available: Available) -> Json:
    """The published lists."""
    return {"items": [serialise.curated(one, getattr(one, "size", 0)) for one in catalogue.published_lists()]}


def curated_list(given: a.OneList, available: Available) -> Json:
    """One list with the first of its models; ``size`` and ``running`` count all of them."""
    criteria = given.question(available)
    try:
        page = catalogue.curated_list(given.list.replace("\0", ""), criteria, available)
    except CuratedList.DoesNotExist:
        known = ", ".join(one.slug for one in catalogue.published_lists()[:20]) or "none yet"
        raise NotAnsweredError(f"There is no list {quoted(given.list)}. There are: {known}.") from None
    items = [{**serialise.model(item), "note": item.row.note} for item in listing.items_of(page.rows[: given.limit])]
    return {**serialise.curated_models(page, []), "size": len(page.rows), "items": items}


def compatibility_report(given: a.ReportAsked, available: Available) -> Json:
    """How much of the best known models runs."""
    return catalogue.report(given.top, given.question(available), available).as_json()


def check_metadata(given: a.Facts, available: Available) -> Json:
    """The verdict on six facts alone."""
    worker = catalogue.worker_of(given.question(available), available)
    metadata = ModelMetadata(
        architecture=given.architecture,
        format=given.format,
        quantization=given.quantization or None,
        parameters=given.parameters,
        size_bytes=given.size_bytes,
        max_context_length=given.max_context_length,
    )
    return serialise.compatibility(listing.judge_metadata(metadata, worker), worker, None)


def describe_problems(error: QuestionError) -> str:
    """What is wrong with a question, in sentences."""
    return " ".join(line(problem.message) for problem in error.problems[:5])
