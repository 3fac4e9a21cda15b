"""What programs ask: lists by cursor, the answer for one model, and answers for models the catalogue does not have.

Everything is worked out by the functions that pages use, so that a program and a page cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from compat.catalogue.browse import curated_of, meant_by, read_as_description
from compat.catalogue.current import index_now
from compat.catalogue.cursor import part_of
from compat.catalogue.elsewhere import Elsewhere, engines_that_run
from compat.catalogue.finding import Finding
from compat.catalogue.made_for import at_its_context
from compat.catalogue.membership import ModelOf, models_of
from compat.catalogue.needs import plans_of
from compat.catalogue.question import Question
from compat.catalogue.rows import Row, find_record, row_of, worker_of
from compat.catalogue.suggesting import Standing
from compat.catalogue.surer import Surer, builds_beside
from compat.catalogue.verdict import answer_to, sheet_answers
from compat.catalogue.workers import Worker
from compat.estimate import Plans
from compat.extraction.facts import Provenance
from compat.extraction.metadata import JudgedVariant, ModelMetadata, parameter_count
from compat.hub.payloads import ParsedRecord
from compat.models import ModelRecord, RecordVariant
from compat.models.lineage import ReadRecord, read_with_relatives


@dataclass(frozen=True, slots=True)
class Item:
    """A model in an answer: its row, and the original's six facts of the variant that the verdict is about.

    ``model`` is what it is a build of, and ``standing`` why it stands where it does, where the answer tells that.
    """

    row: Row
    metadata: ModelMetadata
    model: ModelOf | None = None
    standing: Standing | None = None

    @property
    def guessed(self) -> list[str]:
        """Those of the facts that nothing told, by the API's names: read out of the model's name, or assumed."""
        facts = self.metadata.variant_facts
        sources = {
            "architecture": facts.architecture_from,
            "format": facts.format_from,
            "quantization": facts.quantization_from,
            "parameters": self.row.record.parameters_from or Provenance.UNKNOWN,
            "maxContextLength": facts.context_from,
            "task": facts.task_from,
        }
        return [name for name, source in sources.items() if Provenance(source).guessed]


@dataclass(frozen=True, slots=True)
class Listing:
    """A part of a list. ``hidden`` counts by cause what matches but does not run; ``next`` is empty at the end.

    ``meant`` are the words that were probably meant, where no record has those that were searched for, and ``read``
    are sentences on how words of the search were read that are no part of a name.
    """

    criteria: Question
    worker: Worker
    items: list[Item]
    total: int
    hidden: Mapping[str, int]
    next: str
    changed: datetime | None
    meant: str = ""
    read: tuple[str, ...] = ()


def list_models(criteria: Question, available: Mapping[str, Worker], limit: int, cursor: str = "") -> Listing:
    """So many models of a question from a cursor on. At most twelve queries, whatever the limit and the worker,
    and a few more where no record has the words.

    Raises :class:`~compat.catalogue.question.QuestionError` for an unknown list or a cursor of another question.
    """
    worker = worker_of(criteria, available)
    index, newest = index_now()
    curated_of(criteria)
    found = Finding(index, criteria, worker, models=criteria.unit == "model")
    part = part_of(found, criteria.query(), limit, cursor, newest=newest)
    models = models_of(index, part.records)
    since = {pk: model.created for pk, model in models.items()} if found.models else {}
    standings = found.standings(part.rows, since)
    meant = meant_by(index, found.asked_for)
    read = None if meant else read_as_description(index, found.asked_for, criteria, worker)
    return Listing(
        criteria=criteria,
        worker=worker,
        items=[replace(item, standing=standings.get(item.row.record.pk)) for item in items_of(part.rows, models)],
        total=found.total,
        hidden=found.hidden(),
        next=part.next,
        changed=index.changed,
        meant=meant,
        read=read.sentences if read else (),
    )


def items_of(rows: Sequence[Row], models: Mapping[int, ModelOf] | None = None) -> list[Item]:
    """Rows with their six facts, and with the ``models`` that they are builds of, by their records' keys."""
    return [item_of(row, (models or {}).get(row.record.pk)) for row in rows]


def item_of(row: Row, model: ModelOf | None = None) -> Item:
    """A row with its six facts, and what it is a build of."""
    return Item(row, _metadata_of(row, row.record.parameters_text), model)


def _metadata_of(row: Row, parameters: str) -> ModelMetadata:
    """The six facts of the variant a row's verdict is about; a record without variants is judged once, as it is."""
    sizes = (*row.sizes, *[None] * len(row.facts))
    return ModelMetadata.of(list(map(JudgedVariant, row.facts, sizes)), row.place, parameters)


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """The answer for one model on a worker, the ways to run it there, the builds of other repositories that are surer,
    or might run where this one does not, if there are any, and the engines that run what this one does not take.
    """

    worker: Worker
    item: Item
    plans: Plans
    surer: Surer | None
    perhaps: Row | None
    elsewhere: Sequence[Elsewhere]


def answer_for_model(repo_id: str, asked: Question, available: Mapping[str, Worker]) -> ModelAnswer:
    """The answer for one model. At most eleven queries; raises :class:`~compat.catalogue.UnknownModel`."""
    worker = worker_of(asked, available)
    record = find_record(repo_id)
    answer = sheet_answers([record.sheet_id], worker)[record.sheet_id]
    variants = list(record.variants.all())
    row = row_of(record, variants, answer, worker)
    loaded = at_its_context(worker, row.judged)
    plans = plans_of(record, row.best, loaded, row.result, variants, fit=row.fit, speed=row.speed)
    others = engines_that_run(row, variants, answer.facts, worker, asked, available)
    return ModelAnswer(worker, item_of(row), plans, *builds_beside(row, worker), others)


# --- models that are not in the catalogue ----------------------------------------------------------------------


def judge_records(models: Sequence[ParsedRecord], worker: Worker) -> list[Item]:
    """The answers for models given in the Hub's shape. Two queries, for their relatives."""
    return [_judged(found, worker) for found in read_with_relatives(models)]


def _judged(read: ReadRecord, worker: Worker) -> Item:
    model, extraction = read.parsed.model, read.extraction
    record = ModelRecord(
        repo_id=model.id,
        owner=model.owner,
        name=model.name,
        parameters=extraction.parameters.value,
        parameters_from=extraction.parameters.provenance,
        context=None if extraction.context.provenance.guessed else extraction.context.value,
        shape_facts=read.shape_facts,
        projector=bool(extraction.projectors),
        projector_bytes=extraction.projector_bytes,
    )
    variants = [
        RecordVariant(
            position=position,
            key=variant.key,
            label=variant.label,
            format=variant.facts.format or "",
            quantization=variant.facts.quantization or "",
            size_bytes=variant.size_bytes,
            bits=variant.bits,
            as_made=variant.as_made,
            tensors=variant.tensors.as_text() if variant.tensors else None,
            files=list(variant.files),
            missing_shards=variant.missing_shards,
        )
        for position, variant in enumerate(extraction.variants)
    ]
    return item_of(row_of(record, variants, answer_to(extraction.judged, worker), worker))


def judge_metadata(metadata: ModelMetadata, worker: Worker) -> Item:
    """The answer for six facts, and for what an answer of ours gave beside them. No query."""
    record = ModelRecord(name="", parameters=parameter_count(metadata.parameters), context=metadata.max_context_length)
    given = metadata.variants or (JudgedVariant(metadata.variant_facts, metadata.size_bytes),)
    variants = [
        RecordVariant(
            position=position,
            label=variant.facts.quantization or variant.facts.format or metadata.format,
            format=variant.facts.format or "",
            quantization=variant.facts.quantization or "",
            size_bytes=variant.size_bytes,
        )
        for position, variant in enumerate(given)
    ]
    row = row_of(record, variants, answer_to(metadata.judged, worker), worker)
    return Item(row, _metadata_of(row, metadata.parameters) if metadata.variants else metadata)
