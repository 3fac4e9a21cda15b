"""One model: its verdicts, variants, facts with evidence, relations, and what to take instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, lru_cache
from itertools import islice
from typing import Any

from compat.architectures import family_label
from compat.catalogue.alternatives import MOST_ALTERNATIVES, Alternative, alternatives_to
from compat.catalogue.current import index_now
from compat.catalogue.descendants import Descendants, kinds_of
from compat.catalogue.elsewhere import Elsewhere, engines_that_run
from compat.catalogue.ladder import larger_machines
from compat.catalogue.made_for import at_its_context
from compat.catalogue.measurements import measured_here
from compat.catalogue.membership import ModelOf, models_of, rows_of_model
from compat.catalogue.needs import (
    asked_of,
    context_room,
    files_of_variant,
    fit_of,
    inputs_of_variant,
    plans_of,
    reading_of,
    speed_of,
    speed_told,
)
from compat.catalogue.question import Question
from compat.catalogue.rows import Row, find_record, row_of, row_of_build, worker_of
from compat.catalogue.surer import Surer, other_builds, perhaps_of, started, surer_of
from compat.catalogue.uses import SENSING, Use, uses_of
from compat.catalogue.verdict import FitAt, SheetAnswer, on_machine, sheet_answers
from compat.catalogue.widths import VariantRow, WidthStep, width_steps
from compat.catalogue.workers import Worker, workers
from compat.engines import EngineProfile
from compat.estimate import (
    DeviceNeed,
    Fit,
    FitResult,
    Hardware,
    Plan,
    Plans,
    ReadingEstimate,
    SpeedEstimate,
    conversations_at_once,
    device_needs,
    host_need,
    kept_caches,
    rooms_of,
)
from compat.estimate.ledger import shipped_ledger
from compat.estimate.memory import MOVABLE, Component
from compat.estimate.run_line import ModelFiles, is_chosen_by_engine, take_line
from compat.estimate.speed_constants import hardware_class
from compat.extraction.extract import Extraction, Relation, format_label
from compat.extraction.facts import VariantFacts, parameters_text, provenance_of
from compat.extraction.filenames import read_name
from compat.extraction.task import task_label
from compat.hub.documents import kept_record
from compat.hub.payloads import HubModel
from compat.models import HubFetch, Measurement, ModelRecord, RecordVariant
from compat.models.composed import ComposedQuery
from compat.models.lineage import Bases, bases_of, extraction_of
from compat.rules import CompatibilityResult
from compat.rules.judge import rules_version
from compat.rules.modality import is_text_only

PART_WORDS = {
    "weights": "Weights",
    "kv": "KV cache",
    "state": "Recurrent state",
    "compute": "Compute buffers",
    "overhead": "Engine overhead",
    "projector": "Vision projector",
    "embedding": "Word table",
}


@dataclass(frozen=True, slots=True)
class MemoryPart:
    """One part of the memory need: its name, bytes (None: not known), what it rests on, and a detail.

    ``least`` is what a part takes in any case whose bytes are not known. ``margin`` is how far four in five
    measurements lie from it at most, as a fraction of it; None where too few were measured on the engine. ``key`` is
    what the estimate calls the part, ``beside`` the bytes of it that lie in system memory.
    """

    name: str
    bytes: int | None
    basis: str
    detail: str
    least: int
    margin: float | None
    key: str = ""
    beside: int = 0

    @property
    def on_cards(self) -> int | None:
        """Bytes of it on accelerators."""
        return None if self.bytes is None else self.bytes - self.beside


@dataclass(frozen=True, slots=True)
class MemoryPlace:
    """One of both kinds of memory: what it is called, the ``parts`` with their bytes in it, and its room in bytes."""

    name: str
    parts: tuple[tuple[MemoryPart, int | None], ...]
    room: int

    @property
    def need(self) -> int | None:
        """Bytes of all parts; None where one is not known."""
        sizes = [size for _, size in self.parts if size is not None]
        return sum(sizes) if len(sizes) == len(self.parts) else None


@dataclass(frozen=True, slots=True)
class MemoryView:
    """The memory need of the best variant on the worker's machine. ``room`` is bytes usable over all devices that
    may be used.

    ``context`` is the tokens it is loaded for: those wanted, or what it was made for where nobody asked for more.

    ``longest`` is the longest context that still fits, None where it cannot be told. ``margin`` is that of all parts
    together, ``speed_margin`` that of the speed on one device, as a part's. ``speed_full`` is the speed when the
    context is full, and ``reading`` how long a prompt takes that fills it; both None where there is no speed of writing
    either. ``conversations`` of that context are kept at once; None where the engine has no common pool for them.
    ``on_accelerators`` is false for a machine that has none, ``embeds`` true of what writes nothing: it has a
    ``reading`` without a speed.
    ``cards`` tells what each device holds, and is empty where that is not known; ``beside`` is what lies in system
    memory beside them, None where nothing does. ``caches`` are the types of cache that the engine keeps for it here,
    and what pages call them. ``plans`` are the ways to run it, and ``questions`` the parameters that ask for each, None
    where these cannot be told on the page.
    """

    fit: FitResult
    parts: tuple[MemoryPart, ...]
    room: int
    context: int
    longest: int | None
    speed: SpeedEstimate | None
    assumed: tuple[str, ...]
    reading: ReadingEstimate | None = None
    conversations: int | None = None
    margin: float | None = None
    speed_margin: float | None = None
    speed_full: SpeedEstimate | None = None
    cards: tuple[DeviceNeed, ...] = ()
    beside: DeviceNeed | None = None
    caches: Mapping[str, str] = field(default_factory=dict)
    plans: Plans = field(default_factory=Plans)
    questions: tuple[Mapping[str, object] | None, ...] = ()
    on_accelerators: bool = True
    embeds: bool = False

    @property
    def every_part(self) -> tuple[MemoryPart, ...]:
        """The parts, and what lies in system memory whatever fits beside it: the table that words are looked up in."""
        host = self.fit.estimate.host if self.beside is not None else 0
        if not host:
            return self.parts
        basis = str(self.fit.estimate.component("weights").basis)
        detail = "rows of it are looked up, which system memory is fast enough for"
        return *self.parts, MemoryPart(PART_WORDS["embedding"], host, basis, detail, 0, None, "embedding", host)

    @property
    def places(self) -> tuple[MemoryPlace, ...]:
        """What lies on the accelerators, and what in system memory: together all of every part."""
        if not self.on_accelerators:
            return (MemoryPlace("in system memory", tuple((part, part.bytes) for part in self.parts), self.room),)
        on_cards = tuple((part, part.on_cards) for part in self.parts)
        where = f"on the {self.cards[0].name}" if len(self.cards) == 1 else "on the cards"
        room = sum(card.room for card in self.cards) or self.room
        here = MemoryPlace(where, tuple(pair for pair in on_cards if pair[1] != 0), room)
        if self.beside is None:
            return (here,)
        beside = tuple((part, part.beside) for part in self.every_part if part.beside)
        return here, MemoryPlace("in system memory", beside, self.beside.room)

    @property
    def told(self) -> tuple[tuple[Plan, Mapping[str, object] | None], ...]:
        """Each plan with the parameters that ask for it."""
        return tuple(zip(self.plans.plans, self.questions, strict=True))

    @property
    def scale(self) -> int:
        """What the whole width of the picture stands for: the room, or the need where that is more."""
        return max(self.room, self._counted)

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
        return max(0, self.room - self._counted)

    @property
    def _counted(self) -> int:
        """Bytes of all parts, those that are not known with the least they can be."""
        return sum(part.least if part.bytes is None else part.bytes for part in self.fit.estimate.components)


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
        label = " ".join(filter(None, (format_label(name.format), name.quantization)))
        what = f"{label} weights"
        if name.shards:
            what = f"{what}, part {name.shard} of {name.shards}"
    return what


@dataclass(frozen=True, slots=True)
class RelatedRow:
    """A relation to a base model; ``row`` is None where the catalogue does not have it."""

    relation: Relation
    row: Row | None


@dataclass(frozen=True)
class DetailPage:
    """The detail page's data. ``extraction`` carries every fact with its evidence.

    ``measured`` are the newest loads that this site measured on such a worker.
    """

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
    measured: Sequence[Measurement] = ()
    larger: str = ""
    """The next larger machine that holds what is too large here, in words; blank where none of the next does."""
    uses: tuple[Use, ...] = ()
    """What it is used for, each with what tells it."""
    reasons: Mapping[int, Alternative] = field(default_factory=dict)
    """Why each alternative is offered, and what changes with it, by its record's key."""
    model: ModelOf | None = None
    """The model that it is a build of; None until the index knows it."""
    builds: Sequence[Row] = ()
    """The other repositories that have the same model, the best here first."""
    listed: int | None = None
    """The key of the repository that lists show for the model here."""
    descendants: Sequence[Descendants] = ()
    """What says that it was made from this one, but for its other builds."""

    @property
    def is_listed(self) -> bool:
        """Whether lists show this repository for its model here."""
        return self.listed in (None, self.record.pk)

    @cached_property
    def surer(self) -> Row | None:
        """The other build that is surer here than this one, if there is one."""
        return surer_of(self.row, self.builds, self.listed, self.worker)

    @cached_property
    def surer_started(self) -> Surer | None:
        """The same with how to start it. A query, where a machine is told."""
        return started(self.surer, self.worker)

    @cached_property
    def perhaps(self) -> Row | None:
        """The other build that might run here, whose need is not known, where this one does not run or is likely beyond
        the machine.
        """
        return perhaps_of(self.row, self.builds, self.worker)

    elsewhere: Sequence[Elsewhere] = ()
    """Other engines that run it here, where this one does not take it."""
    best: RecordVariant | None = None
    """The best variant here, where the page is about another build that was asked for."""

    @property
    def recommended(self) -> bool:
        """Whether the best build may be called the one to take: not where its memory need is guessed or unknown, or
        where the engine does not read it as it seems to be packed.
        """
        best = next((row for row in self.variants if row.best), None)
        fit = best.fit if best is not None else None
        read = best is None or not best.result.unread
        return read and (fit is None or fit.fit is not Fit.UNKNOWN or fit.room is None)

    @property
    def is_up_to_memory(self) -> bool:
        """Whether it runs here but for its need of memory: what is refused otherwise needs nothing."""
        return self.result.compatible or self.row.fit is not None

    @cached_property
    def said(self) -> CompatibilityResult:
        """The verdict as it is shown: without the advice to look for another packing where one is known here that the
        engine takes, whether it fits the machine or not.
        """
        packed = not self.result.compatible and self.result.cause in ("format", "quantization")
        taken = any(one.result.compatible or one.fit is not None for one in self.builds)
        return replace(self.result, recommendations=()) if packed and taken else self.result

    @property
    def one_plan(self) -> Plan | None:
        """The way to run here what does not fit as it is asked for, where one change of what is asked is enough."""
        if self.result.compatible or self.memory is None:
            return None
        return next((plan for plan in self.memory.plans.plans if len(plan.changes) == 1), None)

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
    def take(self) -> str:
        """The command that gets the best variant; empty where there is none."""
        return take_line(self.profile.slug, self._files) if self._files is not None else ""

    @property
    def chosen_by_engine(self) -> bool:
        """Whether that command leaves it to the engine which of the files it takes: our record lists none."""
        return bool(self.take) and self._files is not None and is_chosen_by_engine(self._files)

    @cached_property
    def _files(self) -> ModelFiles | None:
        """Which files the best variant is; None where there is none."""
        best = self.row.best
        if best is None:
            return None
        files = files_of_variant(self.record, best, [row.variant for row in self.variants])
        return replace(files, unread=self.result.unread)

    @property
    def start(self) -> tuple[str, ...]:
        """What starts the build that the page is about as it was asked, a line a shell; empty where none is known."""
        plans = self.memory.plans.plans if self.memory else ()
        line = plans[0].line if plans and self.result.compatible else ""
        return () if isinstance(line, str) else line.lines

    @cached_property
    def widths(self) -> list[WidthStep]:
        """The builds by how many bits they give a weight, fewest first; of each width the one to look at."""
        return width_steps(self.variants, self.row.best, self.builds)

    @cached_property
    def runnable(self) -> list[VariantRow]:
        """The variants that run here, the best first, then the surest, of these those with the most bits."""

        def key(row: VariantRow) -> tuple[bool, int, float, int]:
            return not row.best, -row.result.level, -(row.variant.bits or row.width or 0), row.variant.position

        return sorted((row for row in self.variants if row.result.compatible), key=key)

    @cached_property
    def refused(self) -> list[VariantRow]:
        """The variants that do not run here."""
        return [row for row in self.variants if not row.result.compatible]

    @cached_property
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


_VARIANTS = ComposedQuery(lambda record: RecordVariant.objects.filter(record=record))


def detail(
    repo_id: str,
    asked: Question | None = None,
    available: Mapping[str, Worker] | None = None,
    build: int | None = None,
) -> DetailPage:
    """Everything about one model. At most fourteen queries, seldom sixteen; raises :class:`UnknownModel`.

    The page is about its best variant here, or about the one in the position ``build``, if there is one.
    """
    record = find_record(repo_id)
    asked, available = asked or Question(), available or workers()
    worker = worker_of(asked, available)
    answer = sheet_answers([record.sheet_id], worker)[record.sheet_id]
    variants = _VARIANTS.objects(record.pk)
    fit_at = cache(lambda place: fit_of(record, variants[place], at_its_context(worker, answer.facts[place])))
    best = row_of(record, variants, answer, worker, fit_at)
    other = build is not None and build < len(variants) and best.best is not None and build != best.best.position
    row = row_of_build(record, variants, answer, worker, build or 0, fit_at) if other else best
    parsed = kept_record(record.payload)
    heard = any(provenance_of(one).heard for one in (record.architecture_from, record.parameters_from))
    bases = bases_of(parsed.model)
    extraction = extraction_of(parsed.model, bases.relations, heard=heard)
    uses = uses_of_record(record, parsed.model)
    relatives = relatives_of(record, bases, worker, senses=not SENSING.isdisjoint(use.name for use in uses))
    return DetailPage(
        row=row,
        worker=worker,
        extraction=extraction,
        source=by_note(parsed.model.source or {}),
        files=files_of(parsed.model),
        variants=_variant_rows(record, variants, answer, best, worker, fit_at),
        bases=relatives.bases,
        alternatives=relatives.instead,
        larger=_larger(row, worker),
        uses=uses,
        reasons=relatives.reasons,
        rules=rules_version(worker.profile),
        fetch=HubFetch.of(record.repo_id),
        memory=memory_of(row, at_its_context(worker, row.judged), variants),
        measured=measured_here(record.repo_id, worker),
        model=relatives.model,
        builds=relatives.builds,
        listed=relatives.listed,
        descendants=relatives.descendants,
        best=best.best if other else None,
        elsewhere=engines_that_run(row, variants, answer.facts, worker, asked, available),
    )


def _larger(row: Row, worker: Worker) -> str:
    """The next larger machine that holds what is too large here, in words; blank where none of the next does."""
    if row.best is None or row.result.cause != "memory":
        return ""
    for words, machine in larger_machines(worker.machine):
        there = at_its_context(replace(worker, machine=machine, registered=False), row.judged)
        fit = fit_of(row.record, row.best, there)
        if fit is not None and fit.fit in (Fit.FITS, Fit.TIGHT):
            return words
    return ""


def uses_of_record(record: ModelRecord, model: HubModel) -> tuple[Use, ...]:
    """What a record is used for, as the filter of lists has it."""
    return uses_of(record.name, record.task, model.tags or (), record.architecture, projector=record.projector)


def _variant_rows(
    record: ModelRecord, variants: Sequence[RecordVariant], answer: SheetAnswer, row: Row, worker: Worker, fit_at: FitAt
) -> list[VariantRow]:
    rows = []
    for place, (variant, facts, result) in enumerate(zip(variants, answer.facts, answer.results, strict=False)):
        fit = fit_at(place) if result.compatible else None
        best = row.best is not None and variant.position == row.best.position
        here = on_machine(result, facts, fit, worker)
        speed = row.speed if best else _speed_at(record, variant, at_its_context(worker, facts), here, fit)
        rows.append(VariantRow(variant, here, best, fit, speed, record.parameters))
    return rows


def _speed_at(
    record: ModelRecord, variant: RecordVariant, worker: Worker, result: CompatibilityResult, fit: FitResult | None
) -> SpeedEstimate | None:
    return speed_told(record, variant, worker, result, fit) if fit is not None and result.compatible else None


def memory_of(row: Row, worker: Worker, variants: Sequence[RecordVariant]) -> MemoryView | None:
    """The memory picture of the best of the ``variants``; None where the worker's machine is not told."""
    record, best, result, speed = row.record, row.best, row.result, row.speed
    if best is None or worker.hardware is None:
        return None
    fit = row.fit or fit_of(record, best, worker)
    if fit is None:
        return None
    used = worker.hardware.with_cards(fit.estimate.cards)
    rooms = rooms_of(used, worker.profile.slug, worker.options) or ()
    engine, measured = worker.profile.slug, shipped_ledger()
    where = "accelerator" if worker.hardware.accelerators else "processor"
    cards = device_needs(fit, engine, worker.hardware, worker.options)
    parts = tuple(
        MemoryPart(
            PART_WORDS.get(part.name, part.name),
            size,
            str(part.basis),
            part.detail,
            part.least,
            None if size is None else measured.margin(engine, part.name, part.basis, where),
            part.name,
            beside,
        )
        for part in fit.estimate.components
        for size, beside in [_placed(part, fit, cards)]
        if size != 0
    )
    writes = speed is not None and speed.tokens_per_second is not None
    embeds = result.compatible and inputs_of_variant(record, best)[0].embeds
    longest = context_room(record, best, worker)
    plans = plans_of(record, best, worker, result, variants, fit=fit, speed=speed, longest=longest)
    return MemoryView(
        fit=fit,
        parts=parts,
        room=sum(rooms),
        context=worker.context,
        longest=longest,
        speed=speed,
        assumed=(*inputs_of_variant(record, best)[1], *fit.estimate.assumptions),
        reading=reading_of(record, best, worker, fit) if writes or embeds else None,
        conversations=conversations_at_once(fit, rooms, engine, worker.launch.slots) if result.compatible else None,
        margin=measured.margin(engine, "total", fit.estimate.component("weights").basis, where),
        speed_margin=measured.margin(engine, "decode", _class_alone(used, fit), where) if writes else None,
        speed_full=speed_of(record, best, worker, fit, depth=worker.context) if writes else None,
        cards=cards,
        beside=host_need(fit, engine, worker.hardware, worker.options),
        caches=_caches(record, best, worker),
        plans=plans,
        questions=tuple(asked_of(plan, worker) for plan in plans.plans),
        on_accelerators=bool(worker.hardware.accelerators),
        embeds=embeds,
    )


def _placed(part: Component, fit: FitResult, cards: Sequence[DeviceNeed]) -> tuple[int | None, int]:
    """(bytes of a part, bytes of it in system memory beside accelerators); of several cards as they share it out."""
    if part.bytes is None or not cards:
        return part.bytes, 0
    on_cards = sum(card.parts.get(part.name, 0) for card in cards)
    if fit.offload is None or part.name not in MOVABLE:
        return on_cards, 0
    return part.bytes, part.bytes - on_cards


def _caches(record: ModelRecord, best: RecordVariant, worker: Worker) -> Mapping[str, str]:
    """The types of cache to choose from, and that which was chosen."""
    assert worker.hardware is not None
    needed, _ = inputs_of_variant(record, best)
    kept = {*kept_caches(needed, worker.profile.slug, worker.hardware, worker.options), worker.kv, worker.kv_values}
    return {name: words for name, words in worker.cache_choices.items() if name in kept}


def _class_alone(hardware: Hardware, fit: FitResult) -> str:
    """The class of the one device that holds the whole model; blank where there are several, or system memory too."""
    alone = len(hardware.accelerators) <= 1 and fit.gpu_layers is None
    return hardware_class(next(iter(hardware.accelerators), None)) if alone else ""


def by_note(source: Mapping[str, Any]) -> dict[str, list[str]]:
    """A record's source notes, each with the fields it gave."""
    notes: dict[str, list[str]] = {}
    for key, note in source.items():
        notes.setdefault(str(note)[:200], []).append(key)
    return notes


@dataclass(frozen=True, slots=True)
class Relatives:
    """The models that a record is made from, the rows of those to take ``instead`` of it with the ``reasons`` of each
    by its key, of the other ``builds`` of its ``model``, of all of which lists show the one with the key ``listed``,
    and of what was made from it.
    """

    bases: list[RelatedRow]
    instead: list[Row]
    reasons: Mapping[int, Alternative]
    model: ModelOf | None
    builds: list[Row]
    listed: int | None
    descendants: list[Descendants]


def relatives_of(record: ModelRecord, bases: Bases, worker: Worker, *, senses: bool) -> Relatives:
    """What is related to a record. Seven queries, seldom more.

    In place of one that ``senses``, so sees or hears, nothing is offered of which the language part alone runs.
    """
    index, newest = index_now()
    beside = other_builds(index, record, worker)
    kinds = kinds_of(index, record.repo_id, without=rows_of_model(index, record))
    offered = alternatives_to(index, record, worker, 2 * MOST_ALTERNATIVES)
    wanted = [*bases.known.values(), *beside.others, *kinds.ids, *(one.record for one in offered)]
    row_of_id = index.rows.reading(wanted, worker, newest=newest)

    def running() -> Iterator[tuple[Alternative, Row]]:
        for one in offered:
            row = row_of_id(one.record)
            if row is None or not row.result.compatible:
                continue
            if not (senses and one.kind != "build" and is_text_only(row.result)):
                yield one, row

    found = list(islice(running(), MOST_ALTERNATIVES))
    return Relatives(
        bases=[
            RelatedRow(one, row_of_id(bases.known[one.repo_id]) if one.repo_id in bases.known else None)
            for one in bases.relations
        ],
        instead=[row for _, row in found],
        reasons={row.record.pk: one for one, row in found},
        model=models_of(index, [record]).get(record.pk),
        builds=[row for pk in beside.others if (row := row_of_id(pk)) is not None],
        listed=beside.listed,
        descendants=kinds.told(row_of_id),
    )
