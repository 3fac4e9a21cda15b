"""One model: its verdicts, variants, facts with evidence, relations, and what to take instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.db.models import F, QuerySet

from compat.architectures import family_label
from compat.catalogue.current import current_index
from compat.catalogue.finding import first_rows
from compat.catalogue.needs import asked_of, context_room, fit_of, inputs_of_variant, plans_of, reading_of, speed_of
from compat.catalogue.order import ORDERS
from compat.catalogue.question import Question
from compat.catalogue.rows import Row, UnknownModel, records_by_id, row_of, rows_of, worker_of
from compat.catalogue.verdict import SheetAnswer, on_machine, sheet_answers
from compat.catalogue.workers import Worker, workers
from compat.engines import EngineProfile
from compat.estimate import (
    DeviceNeed,
    FitResult,
    Hardware,
    Plan,
    Plans,
    ReadingEstimate,
    SpeedEstimate,
    conversations_at_once,
    device_needs,
    host_need,
    rooms_of,
)
from compat.estimate.ledger import shipped_ledger
from compat.estimate.speed_constants import hardware_class
from compat.extraction.extract import Extraction, Relation, format_label
from compat.extraction.facts import VariantFacts, parameters_text
from compat.extraction.filenames import read_name
from compat.extraction.task import task_label
from compat.hub.documents import kept_record
from compat.hub.payloads import HubModel, is_repo_id
from compat.models import (
    FactSheet,
    HubFetch,
    ModelRecord,
    RecordRelation,
    RecordVariant,
    in_any_case,
)
from compat.models.lineage import extraction_of
from compat.rules import CompatibilityResult
from compat.rules.judge import rules_version


@dataclass(frozen=True, slots=True)
class VariantRow:
    """A variant with its own verdict."""

    variant: RecordVariant
    result: CompatibilityResult
    best: bool
    fit: FitResult | None = None


PART_WORDS = {
    "weights": "Weights",
    "kv": "KV cache",
    "state": "Recurrent state",
    "compute": "Compute buffers",
    "overhead": "Engine overhead",
    "projector": "Vision projector",
}


@dataclass(frozen=True, slots=True)
class MemoryPart:
    """One part of the memory need: its name, bytes (None: not known), what it rests on, and a detail.

    ``least`` is what a part takes in any case whose bytes are not known. ``margin`` is how far four in five
    measurements lie from it at most, as a fraction of it; None where too few were measured on the engine. ``key`` is
    what the estimate calls the part.
    """

    name: str
    bytes: int | None
    basis: str
    detail: str
    least: int
    margin: float | None
    key: str = ""


@dataclass(frozen=True, slots=True)
class MemoryView:
    """The memory need of the best variant on the worker's machine. ``room`` is bytes usable over all devices.

    ``longest`` is the longest context that still fits, None where it cannot be told. ``margin`` is that of all parts
    together, ``speed_margin`` that of the speed on one device, as a part's. ``reading`` is how long a prompt that fills
    the context takes, None where there is no speed of writing either. ``conversations`` of that context are kept at
    once; None where the engine has no common pool for them. ``cards`` tells what each device holds, and is empty where
    that is not known; ``beside`` is what lies in system memory beside them, None where nothing does. ``plans`` are the
    ways to run it, and ``questions`` the parameters that ask for each, None where these cannot be told on the page.
    """

    fit: FitResult
    parts: tuple[MemoryPart, ...]
    room: int
    longest: int | None
    speed: SpeedEstimate | None
    assumed: tuple[str, ...]
    reading: ReadingEstimate | None = None
    conversations: int | None = None
    margin: float | None = None
    speed_margin: float | None = None
    cards: tuple[DeviceNeed, ...] = ()
    beside: DeviceNeed | None = None
    plans: Plans = field(default_factory=Plans)
    questions: tuple[Mapping[str, object] | None, ...] = ()

    @property
    def told(self) -> tuple[tuple[Plan, Mapping[str, object] | None], ...]:
        """Each plan with the parameters that ask for it."""
        return tuple(zip(self.plans.plans, self.questions, strict=True))

    @property
    def scale(self) -> int:
        """What the whole width of the picture stands for: the room, or the need where that is more."""
        return max(self.room, self.fit.estimate.floor)

    @property
    def largest(self) -> int:
        """The most that any one card holds or has room for: what the pictures of all cards are drawn to."""
        return max((max(card.need, card.room) for card in self.cards), default=0)

    @property
    def spills(self) -> bool:
        """Whether a part lies in system memory that the cards do not hold."""
        return self.fit.offload is not None and self.beside is not None

    @property
    def shades(self) -> Mapping[str, int]:
        """The number of each part's colour, from 1 on; what lies beside the cards has that of the part it is of."""
        own = {part.key: number for number, part in enumerate(self.parts, 1)}
        weights = own.get("weights", 1)
        return {**own, "layers": weights, "experts": weights, "kv": own.get("kv", 2), "embedding": 4}

    @property
    def kinds(self) -> tuple[tuple[str, DeviceNeed], ...]:
        """One card of each kind that holds something else than the others, with what it is called beside them."""
        if len({tuple(card.parts.items()) for card in self.cards}) == 1:
            return (("Here" if len(self.cards) == 1 else "Each card", self.cards[0]),)
        return tuple((f"Card {number}", card) for number, card in enumerate(self.cards, 1))

    @property
    def free(self) -> int:
        """Bytes left over."""
        return max(0, self.room - self.fit.estimate.floor)


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file of the repository: what it is, in words, and its size in bytes where told."""

    path: str
    what: str
    size: int | None


_ROLES = {
    "weights": "Weights",
    "projector": "Vision projector, goes with a variant",
    "helper": "Helper file, not a model by itself",
    "adapter": "Adapter, needs its base model",
    "duplicate": "The same weights in another layout",
}


@lru_cache(maxsize=4096)
def what_is(path: str) -> str:
    """What a file is, in words. Most repositories name theirs alike."""
    name = read_name(path)
    what = _ROLES.get(name.role, "")
    if name.role == "weights" and name.format:
        what = " ".join(filter(None, (format_label(name.format), name.quantization, "weights")))
        if name.shards:
            what += f", part {name.shard} of {name.shards}"
    return what


@dataclass(frozen=True, slots=True)
class RelatedRow:
    """A relation to a base model; ``row`` is None where the catalogue does not have it."""

    relation: Relation
    row: Row | None


@dataclass(frozen=True, slots=True)
class DetailPage:
    """The detail page's data. ``extraction`` carries every fact with its evidence."""

    row: Row
    worker: Worker
    extraction: Extraction
    source: Mapping[str, Sequence[str]]
    files: tuple[FileRow, ...]
    variants: list[VariantRow]
    bases: list[RelatedRow]
    alternatives: list[Row]
    rules: str
    fetch: HubFetch | None
    memory: MemoryView | None

    @property
    def profile(self) -> EngineProfile:
        """The worker's engine."""
        return self.worker.profile

    @property
    def record(self) -> ModelRecord:
        """The record itself."""
        return self.row.record

    @property
    def result(self) -> CompatibilityResult:
        """The record's verdict."""
        return self.row.result

    @property
    def judged(self) -> VariantFacts:
        """The facts of the variant that the verdict is about."""
        return self.row.judged

    @property
    def largest(self) -> int:
        """The size of the largest variant, in bytes; 0 where none is told."""
        return max((row.variant.size_bytes or 0 for row in self.variants), default=0)

    @property
    def family(self) -> str:
        """The architecture family's name for people."""
        return family_label(self.extraction.family) if self.extraction.family else ""

    def note_on(self, name: str) -> str:
        """The note on where one field of the record is from; blank where it has none, as with the Hub's own answers."""
        return next((note for note, names in self.source.items() if name in names), "")

    @property
    def format_words(self) -> str:
        """The judged variant's format for people."""
        return format_label(self.judged.format) if self.judged.format else ""

    @property
    def parameters_words(self) -> str:
        """The parameter count, short and exact; one by the name alone is not exact."""
        told = self.extraction.parameters
        short = parameters_text(told.value, told.provenance)
        return "" if not told.value else short if told.provenance.guessed else f"{short} ({told.value:,})"

    @property
    def context_words(self) -> str:
        """The context the model was made for."""
        number = self.extraction.context.value
        return f"{number:,} tokens" if number else ""

    @property
    def task_words(self) -> str:
        """The task for people."""
        return task_label(self.extraction.task.value) if self.extraction.task.value else ""


def files_of(model: HubModel) -> tuple[FileRow, ...]:
    """The files that a record lists."""
    return tuple(FileRow(one.rfilename, what_is(one.rfilename), one.bytes) for one in model.siblings or ())


def find_record(repo_id: str) -> ModelRecord:
    """The record of this id; case matters only where two records differ by it. Raises :class:`UnknownModel`."""
    if not is_repo_id(repo_id):
        raise UnknownModel(repo_id)
    spelled = sorted(in_any_case([repo_id]).prefetch_related("documents"), key=lambda one: one.repo_id != repo_id)
    found = spelled[0] if spelled else None
    if found is None:
        raise UnknownModel(repo_id)
    return found


def detail(repo_id: str, asked: Question | None = None, available: Mapping[str, Worker] | None = None) -> DetailPage:
    """Everything about one model. At most fourteen queries; raises :class:`UnknownModel`."""
    record = find_record(repo_id)
    worker = worker_of(asked or Question(), available or workers())
    answer = sheet_answers([record.sheet_id], worker)[record.sheet_id]
    variants = list(record.variants.all())
    row = row_of(record, variants, answer, worker)
    parsed = kept_record(record.payload)
    extraction = extraction_of(parsed.model)
    related = [relation.repo_id for relation in extraction.relations]
    bases = {row.record.repo_id: row for row in _rows_by_id(related, worker)}
    return DetailPage(
        row=row,
        worker=worker,
        extraction=extraction,
        source=by_note(parsed.model.source or {}),
        files=files_of(parsed.model),
        variants=_variant_rows(record, variants, answer, row, worker),
        bases=[RelatedRow(relation, bases.get(relation.repo_id)) for relation in extraction.relations],
        alternatives=alternatives(record, related, worker),
        rules=rules_version(worker.profile),
        fetch=HubFetch.objects.filter(repo_id=record.repo_id).first(),
        memory=memory_of(record, row.best, row.fit, worker, row.result, variants),
    )


def _variant_rows(
    record: ModelRecord, variants: Sequence[RecordVariant], answer: SheetAnswer, row: Row, worker: Worker
) -> list[VariantRow]:
    rows = []
    for variant, facts, result in zip(variants, answer.facts, answer.results, strict=False):
        fit = fit_of(record, variant, worker) if result.compatible else None
        best = row.best is not None and variant.position == row.best.position
        rows.append(VariantRow(variant, on_machine(result, facts, fit, worker), best, fit))
    return rows


def memory_of(
    record: ModelRecord,
    best: RecordVariant | None,
    fit: FitResult | None,
    worker: Worker,
    result: CompatibilityResult,
    variants: Sequence[RecordVariant] = (),
) -> MemoryView | None:
    """The memory picture of the best of the ``variants``; None where the worker's machine is not told.

    What ``result`` refuses has no speed, whatever the memory would allow.
    """
    if best is None or worker.hardware is None:
        return None
    fit = fit or fit_of(record, best, worker)
    if fit is None:
        return None
    rooms = rooms_of(worker.hardware, worker.profile.slug, worker.options) or ()
    engine, measured = worker.profile.slug, shipped_ledger()
    where = "accelerator" if worker.hardware.accelerators else "processor"
    parts = tuple(
        MemoryPart(
            PART_WORDS.get(part.name, part.name),
            part.bytes,
            str(part.basis),
            part.detail,
            part.least,
            None if part.bytes is None else measured.margin(engine, part.name, part.basis, where),
            part.name,
        )
        for part in fit.estimate.components
        if part.bytes != 0
    )
    speed = speed_of(record, best, worker, fit) if result.compatible else _no_speed(result)
    writes = speed is not None and speed.tokens_per_second is not None
    longest = context_room(record, best, worker)
    plans = plans_of(record, best, worker, result, variants, fit=fit, speed=speed, longest=longest)
    return MemoryView(
        fit=fit,
        parts=parts,
        room=sum(rooms),
        longest=longest,
        speed=speed,
        assumed=(*inputs_of_variant(record, best)[1], *fit.estimate.assumptions),
        reading=reading_of(record, best, worker, fit) if writes else None,
        conversations=conversations_at_once(fit, rooms, engine, worker.launch.slots) if result.compatible else None,
        margin=measured.margin(engine, "total", fit.estimate.component("weights").basis, where),
        speed_margin=measured.margin(engine, "decode", _class_alone(worker.hardware, fit), where) if writes else None,
        cards=device_needs(fit, engine, worker.hardware, worker.options),
        beside=host_need(fit, engine, worker.hardware, worker.options),
        plans=plans,
        questions=tuple(asked_of(plan, worker) for plan in plans.plans),
    )


def _class_alone(hardware: Hardware, fit: FitResult) -> str:
    """The class of the one device that holds the whole model; blank where there are several, or system memory too."""
    alone = len(hardware.accelerators) <= 1 and fit.gpu_layers is None
    return hardware_class(next(iter(hardware.accelerators), None)) if alone else ""


def _no_speed(result: CompatibilityResult) -> SpeedEstimate:
    return SpeedEstimate(None, reason=f"It does not run here ({result.brief})." if result.brief else DOES_NOT_RUN)


DOES_NOT_RUN = "It does not run here."


def by_note(source: Mapping[str, Any]) -> dict[str, list[str]]:
    """A record's source notes, each with the fields it gave."""
    notes: dict[str, list[str]] = {}
    for key, note in source.items():
        notes.setdefault(str(note)[:200], []).append(key)
    return notes


def _rows_by_id(repo_ids: Sequence[str], worker: Worker) -> list[Row]:
    records = list(ModelRecord.objects.filter(repo_id__in=repo_ids)) if repo_ids else []
    return rows_of(records, worker) if records else []


def alternatives(record: ModelRecord, bases: Sequence[str], worker: Worker, most: int = 6) -> list[Row]:
    """Models that do run: others made from the same base first, then the same family up to this size."""
    running = FactSheet.objects.filter(verdicts__profile=worker.profile.slug, verdicts__confidence__gt=0)
    others = ModelRecord.objects.exclude(pk=record.pk)
    made = RecordRelation.objects.filter(base__in=[record.repo_id, *bases])
    relatives = [others.filter(id__in=made.values("record")), *([others.filter(repo_id__in=bases)] if bases else [])]
    # A sum is in no index: the few that are related are looked up, and then ordered.
    by_popularity = (F("popularity") + 0).desc()
    related = [one.filter(sheet__in=running.values("id")).order_by(by_popularity, "repo_id") for one in relatives]
    found = _that_run(related, worker, most)
    if len(found) < most and record.family:
        known = {record.pk, *(row.record.pk for row in found)}
        wanted = most - len(found)
        ids = _of_family(record, worker, wanted * _spare(worker) + len(known))
        same = records_by_id([pk for pk in ids if pk not in known])
        found += _that_run([same], worker, wanted)
    return found


def _of_family(record: ModelRecord, worker: Worker, most: int) -> list[int]:
    """The ids of the best known records of a record's family, up to its size, that the rules accept."""
    index = current_index()
    passing = index.values("architecture").having([record.family]) & (index.stored(worker.profile.slug).level > 0)
    if record.parameters:
        size = index.columns.ranges["parameters"]
        passing &= (size >= 0) & (size <= int(record.parameters * 1.1))
    return index.ids_at(first_rows(index.order(ORDERS["popular"]), passing, most))


def _spare(worker: Worker) -> int:
    """How many times as many are read as are shown, where some may not fit."""
    return 1 if worker.hardware is None else 5


def _that_run(lists: Sequence[Sequence[ModelRecord] | QuerySet[ModelRecord]], worker: Worker, most: int) -> list[Row]:
    """The best known of some records that also fit the worker's machine; a few more are read where some may not."""
    spare = _spare(worker)
    records = {record.pk: record for some in lists for record in some[: most * spare]}
    best = sorted(records.values(), key=lambda record: (-record.popularity, record.repo_id))
    rows = rows_of(best[: most * spare], worker) if best else []
    return [row for row in rows if row.result.compatible][:most]
