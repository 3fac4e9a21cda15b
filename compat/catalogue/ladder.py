"""What can I run? For one machine and each use, the builds worth looking at first, and why each.

A rung is a build of a well-known model whose memory need is known, that fits with room to spare and that *runs* or
*should run*; a guess is no rung, and what was left out is counted. Rungs are found in the columns of the index; every
number of one that is shown is then worked out as its own page does it, by the same functions.

What a rung is taken for rests on these, and on nothing else:

- A build keeps enough of its model from :data:`ENOUGH_BITS` bits a weight on. Of Llama 3 8B the llama.cpp project
  measured how far the probabilities of the next word move (root mean square): by 2.3 % at 6.6 bits, by 5.5 % at 4.9,
  and by 15.5 % at 3.6.
- It loses little where its packing is very good at least, as :mod:`compat.estimate.quality` has it: five bits raise the
  perplexity of Llama 3 8B by 0.9 % and six by 0.3 %, which twice the weights outweigh.
- :data:`COMFORTABLE` tokens a second are about as fast as people read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from compat.catalogue.current import engine_needs, index_now, suggested_on, verdicts_on
from compat.catalogue.index import CatalogueIndex
from compat.catalogue.index_columns import RUNS, Column, Mask, by_level, level_of
from compat.catalogue.machine_needs import Builds
from compat.catalogue.made_for import at_its_context
from compat.catalogue.membership import shown_rows
from compat.catalogue.needs import context_room, fit_of, leaves_projector_out, plans_of, speed_told
from compat.catalogue.question import Question
from compat.catalogue.rows import records_by_id, worker_of
from compat.catalogue.suggesting import BASE, KIND
from compat.catalogue.suited_engine import SuitedEngine, engines_on, named_there, suited_engine
from compat.catalogue.taking import SLOWEST_MEMORY, is_in_system_memory
from compat.catalogue.uses import SENSING, USES, Use, tasks_of_use, uses_of
from compat.catalogue.verdict import SheetAnswer, on_machine, runs_nothing, sheet_answers
from compat.catalogue.workers import AUTO, Machine, Worker, workers
from compat.engines.accelerator_names import accelerator_named
from compat.engines.hardware import GIB, MOST_ACCELERATORS
from compat.estimate import Fit, FitResult, Plan, SpeedEstimate
from compat.estimate.amounts import distinct
from compat.estimate.quality import VERY_GOOD
from compat.models import ModelRecord, RecordTags, RecordVariant
from compat.rules import CompatibilityResult, Confidence

ENOUGH_BITS = 4.2
"""Bits a weight from which on a build keeps enough of its model: all layers in four bits or more."""
COMFORTABLE = 5.0
"""Tokens a second that a person waits for without getting bored."""
AS_LARGE = 0.75
"""The share of the most weights that counts as as much: of those the one is taken whose model lists suggest first."""
_BETTER_PACKING = 2
"""Points of the suggested order that each better word for a packing counts where quality is asked for."""
_OF_THE_BIGGEST = 0.25
"""A model with less than so much of the biggest one's weights is no rung for being fast or reading far."""
_MORE = 1.25
"""A machine unlocks something where a model with so many times the weights comes onto it."""
CONTEXTS = (16_384, 32_768, 65_536, 131_072, 262_144, 524_288, 1_048_576)
"""The contexts that are tried for the longest."""
_LEAST_WIDTH = 4
"""Packings that are called by fewer bits keep too little, whatever a large table of words adds to their size."""
NARROW = re.compile(r"(?:MLX )?[IT]?Q?[123](?:_|-?bit|$)", re.IGNORECASE)
"""Packings that keep fewer than four bits of most weights, whatever a large table of words adds."""
_LOOKED_AT = 10
"""So many builds are looked at for a rung, where some may be no rung after all."""
KINDS = {
    "biggest": "Biggest comfortable",
    "quality": "Best quality",
    "fastest": "Fastest",
    "longest": "Longest context",
}
"""The rungs of a ladder, in order, with what people call them."""
_NOT_LISTED = {"longest": " Lists take another build of it, which is not sure to read as far."}
"""Said of what reads the most where it is not the build that lists show."""
_SAME_MODEL = " The model stands above already."
"""Said of another build of a model that is on the ladder, or of the same one for a longer context."""
_FASTEST_HERE = "Writes fastest of those here."
ENGINES_FOR = {
    "vision": ("ollama", "llama-cpp", "transformers"),
    "embedding": ("transformers", "text-embeddings-inference", "vllm"),
    "speech": ("transformers", "mlx-audio", "vllm"),
}
"""For uses that the engine to begin with is not made for: what a newcomer would take for them alone, in order."""
_WRITING = ("chat", "code", "reasoning", "vision")
"""The uses in which somebody waits for each word."""


@dataclass(frozen=True, slots=True)
class Rung:
    """A build on the ladder, for one or several of :data:`KINDS`, each with why it is the one.

    ``worker`` is as it loads the build, and ``question`` asks the model's own page for the same. ``bits`` are those a
    weight takes, ``model`` is the number of its model in the index. ``plan`` is the best way to start it; None where
    none is known.
    """

    why: Mapping[str, str]
    use: Use
    record: ModelRecord
    variant: RecordVariant
    worker: Worker
    question: Question
    result: CompatibilityResult
    fit: FitResult
    speed: SpeedEstimate | None
    plan: Plan | None
    longest: int | None
    bits: float
    model: int

    @property
    def query(self) -> str:
        """The query string that asks the model's own page for this build."""
        return build_query(self.question, self.variant)

    @property
    def lines(self) -> tuple[str, ...]:
        """What to type to start it; empty where that is not known."""
        return () if self.plan is None or isinstance(self.plan.line, str) else self.plan.line.lines


@dataclass(frozen=True, slots=True)
class Unlocked:
    """What a larger machine would bring onto the ladder: in words what is larger, and the biggest comfortable there."""

    words: str
    machine: Machine
    question: Question
    rung: Rung


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many models of a use are on no ladder: that only might run, that few people use, that are no rung else.

    ``all`` are those of the use, and ``running`` those that run or should run. They are what lists count: a model is
    judged by the best of its builds that are for the use.
    """

    all: int
    running: int
    unsure: int
    little_known: int


@dataclass(frozen=True, slots=True)
class Ladder:
    """The rungs of one use, and what was left out.

    ``text_only``: the engine runs nothing but the text part of what would be a rung, and ``instead`` is one that runs
    all of such models on the machine, where there is one. ``by`` is the engine whose rungs these are, where nobody
    named one and the one to begin with runs nothing for the use.
    """

    use: str
    rungs: tuple[Rung, ...]
    left_out: LeftOut
    unlocked: Unlocked | None = None
    text_only: bool = False
    instead: EngineChoice | None = None
    by: EngineChoice | None = None

    @property
    def label(self) -> str:
        """What people call the use."""
        return USES[self.use]


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine that runs something on the machine, and the question that asks for it."""

    worker: Worker
    question: Question


@dataclass(frozen=True, slots=True)
class MachinePage:
    """What one machine can run. ``ladders`` are empty where no machine is told, or the engine does not run on it.

    ``assumed_rate`` are the GB a second of system memory by which slow builds are left out where nobody told them.
    """

    worker: Worker
    asked: Question
    ladders: tuple[Ladder, ...]
    engines: tuple[EngineChoice, ...]
    suited: SuitedEngine
    """The engine to begin with on the machine."""
    refused: bool = False
    assumed_rate: float | None = None


def what_runs(asked: Question, available: Mapping[str, Worker] | None = None) -> MachinePage:
    """The ladders of the machine that a question tells. At most eleven queries, whatever the catalogue's size; four
    more for each other engine that is taken where none is named.
    """
    available = available or workers()
    worker = worker_of(asked, available)
    engines = tuple(_engines(asked, worker, available)), suited_engine(worker.machine, available)
    if worker.hardware is None:
        return MachinePage(worker, asked, (), *engines)
    if runs_nothing(worker):
        return MachinePage(worker, asked, (), *engines, refused=True)
    index, _ = index_now()
    here = _Machine.of(index, worker)
    picks = {use: dict(here.picks(use)) for use in USES}
    reader = _Reader(worker, asked, [one for found in picks.values() for some in found.values() for one in some])
    ladders = [_ladder(use, found, reader, here) for use, found in picks.items()]
    ladders = [replace(one, instead=_instead(one.use, worker, engines[0])) if one.text_only else one for one in ladders]
    if asked.worker == AUTO and worker.slug != AUTO:
        ladders = list(_with_other_engines(ladders, engines[0], available, index))
    ladders = list(_with_unlocked(ladders, here, worker, asked, available))
    return MachinePage(worker, asked, tuple(ladders), *engines, assumed_rate=here.assumed_rate)


def _engines(asked: Question, worker: Worker, available: Mapping[str, Worker]) -> Iterator[EngineChoice]:
    for slug, there in engines_on(worker.machine, available).items():
        told = told_machine(worker.machine)
        yield EngineChoice(there, asked.changed(worker=slug, kv="", kv_values="", ubatch=None, **told))


def _with_other_engines(
    ladders: Sequence[Ladder], engines: Sequence[EngineChoice], available: Mapping[str, Worker], index: CatalogueIndex
) -> Iterator[Ladder]:
    """The ladders, those without a rung from the first other engine that has one for the use."""
    choices = {one.worker.profile.slug: one for one in engines}
    machines: dict[str, _Machine] = {}
    for ladder in ladders:
        found = ladder
        sibling = (ladder.instead.worker.slug,) if ladder.instead is not None else ()
        for slug in () if ladder.rungs else (*sibling, *ENGINES_FOR.get(ladder.use, ())):
            if slug not in choices:
                continue
            question = choices[slug].question
            if slug not in machines:
                machines[slug] = _Machine.of(index, worker_of(question, available))
            there = machines[slug]
            picks = dict(there.picks(ladder.use))
            reader = _Reader(there.worker, question, [one for some in picks.values() for one in some])
            other = _ladder(ladder.use, picks, reader, there) if picks else ladder
            if other.rungs:
                found = replace(other, by=choices[slug])
                break
        yield found


def _instead(use: str, worker: Worker, engines: Sequence[EngineChoice]) -> EngineChoice | None:
    """An engine for the same files and hardware that runs more than the text part of models of a use."""
    own = worker.profile
    for one in engines:
        profile = one.worker.profile
        if profile.platforms == own.platforms and {rule.name for rule in profile.formats} & {
            rule.name for rule in own.formats
        }:
            groups = (group for group in profile.groups if group.reads == "images" and not group.refused)
            if any(group.tasks & tasks_of_use(use) for group in groups):
                return one
    return None


def build_query(question: Question, variant: RecordVariant) -> str:
    """The query string that asks a model's page for one of its builds."""
    return "&".join(filter(None, (question.query(), f"build={variant.position}")))


def told_machine(machine: Machine) -> dict[str, object]:
    """The parameters that tell a machine."""
    return {
        "accelerator": machine.accelerator,
        "count": machine.count,
        "memory": machine.memory,
        "beside": machine.others,
        "ram": machine.ram,
        "ram_bandwidth": machine.ram_bandwidth,
    }


# --- which builds ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Pick:
    """A build that may be a rung: its record's key, its model's number, the variant's position, and the context it is
    taken at.
    """

    record: int
    model: int
    position: int
    bits: float
    context: int
    why: str


@dataclass(frozen=True)
class _Machine:
    """The builds of well-known models on one machine, as columns; ``parameters`` and ``bits`` have a row for each."""

    index: CatalogueIndex
    worker: Worker
    rows: Column
    groups: Column
    builds: Builds
    parameters: Column
    assumed_rate: float | None

    @classmethod
    def of(cls, index: CatalogueIndex, worker: Worker) -> _Machine:
        """What the index tells of well-known models on a worker's machine, which must be told."""
        columns = index.columns
        rows, groups = columns.well_known, columns.group[columns.well_known]
        hardware = worker.hardware
        untold = hardware is not None and hardware.system_bandwidth is None and is_in_system_memory(hardware)
        assumed = SLOWEST_MEMORY if untold else None
        needs = distinct(columns.need[groups])
        builds = engine_needs(index, [worker])[worker.profile.slug].builds(columns, worker, needs)
        of_need = np.full(len(columns.need_sheet), -1, dtype=np.int64)
        of_need[columns.need[groups]] = columns.ranges["parameters"][groups]
        return cls(index, worker, rows, groups, builds, of_need[builds.need], assumed)

    @cached_property
    def bits(self) -> Column:
        """Bits a weight of every build; NaN where they are not known."""
        known = (self.builds.weights > 0) & (self.parameters > 0)
        return np.where(known, 8 * self.builds.weights / np.maximum(self.parameters, 1), np.nan)

    @cached_property
    def good(self) -> Mask:
        """The builds that may be a rung: sure to run, with room to spare, and not packed too tightly."""
        found: Mask = (self.builds.level >= Confidence.MEDIUM) & self.builds.spare & self.kept
        return found

    @cached_property
    def kept(self) -> Mask:
        """The builds that keep enough of their models."""
        width = self.builds.columns.variants["width"]
        found: Mask = (self.bits >= ENOUGH_BITS) & ((width == 0) | (width >= _LEAST_WIDTH))
        return found

    @property
    def quality(self) -> Column:
        """How much of its model each build keeps, as :func:`~compat.estimate.quality.quality_code` tells it."""
        found: Column = self.builds.columns.variants["quality"]
        return found

    @cached_property
    def comfortable(self) -> Mask:
        """Those that are not known to be slower than people read."""
        found: Mask = self.good & ~(self.builds.pace < COMFORTABLE)
        return found

    @cached_property
    def taught(self) -> Mask:
        """The rows whose models are no base models of others that were taught to talk, nor anything odder."""
        columns = self.index.columns
        found: Mask = columns.model_merit[columns.model[self.rows], KIND] > BASE
        return found

    @cached_property
    def points(self) -> Column:
        """The points of every row in the suggested order of models."""
        return suggested_on(self.index, self.worker, models=True).points

    @cached_property
    def reach(self) -> Column:
        """The longest of :data:`CONTEXTS` at which each good build still fits with room to spare; 0 for none."""
        found = np.zeros(len(self.good), dtype=np.int64)
        at = np.flatnonzero(self.comfortable)
        for context in CONTEXTS:
            at = at[self.builds.made_for[at] >= context]
            if context > self.worker.context and len(at):
                at = at[self.builds.spare_at(self.worker, at, context)]
                found[at] = context
        return found

    def might_run(self, use: str) -> Column:
        """The models of which a build that keeps enough might run here already for a use, and not known to be slow."""
        found = (self.builds.level >= Confidence.LOW) & self.builds.whole & self.kept & self.serving(use)
        found &= ~(self.builds.pace < COMFORTABLE)
        rows = np.isin(self.index.columns.need[self.groups], distinct(self.builds.need[found]))
        found_models: Column = distinct(self.index.columns.model[self.rows[rows]])
        return found_models

    def serving(self, use: str) -> Mask:
        """The builds of which the engine runs what a use needs."""
        return ~self.builds.text_only if use in SENSING else np.ones(len(self.good), dtype=bool)

    def is_text_only(self, use: str) -> bool:
        """Whether nothing but the text part runs of what would be a rung of a use."""
        there = self.good & (self.places(use) < len(self.rows))
        return bool(there.any() and not (there & self.serving(use)).any())

    def places(self, use: str) -> Column:
        """Of every build, where the best-known record of the use stands that has it; past the end where none does."""
        places = np.full(len(self.index.columns.need_sheet), len(self.rows), dtype=np.int64)
        at = np.flatnonzero(self.index.values("use").having([use])[self.groups] & self.taught)
        # From the least known to the best, so that the best is put last.
        places[self.index.columns.need[self.groups[at[::-1]]]] = at[::-1]
        # Of those that need the same, the one that lists show.
        shown = at[::-1][self.shown[at[::-1]]]
        places[self.index.columns.need[self.groups[shown]]] = shown
        return places[self.builds.need]

    @cached_property
    def shown(self) -> Mask:
        """The rows that lists show for their models."""
        columns, verdicts = self.index.columns, verdicts_on(self.index, self.worker)
        models = distinct(columns.model[self.rows])
        found: Mask = np.isin(self.rows, shown_rows(self.index, models, verdicts.scores(columns.trusted)))
        return found

    def taken(self, places: Column) -> Mask:
        """The builds that lists show for their models; ``places`` are those of a use."""
        taken = verdicts_on(self.index, self.worker).taken
        assert taken is not None
        there = places < len(self.rows)
        found: Mask = there & (taken[self.builds.need] == self.builds.position)
        found[there] &= self.shown[places[there]]
        return found

    def picks(self, use: str) -> Iterator[tuple[str, list[_Pick]]]:
        """For every kind of rung the builds to take, the first one first."""
        places = self.places(use)
        there = places < len(self.rows)
        writes = use in _WRITING
        able = there & (self.comfortable if writes else self.good) & self.serving(use)
        if not able.any():
            return
        every, taken = able, able & self.taken(places)
        if taken.any():
            able = taken
        biggest = self.parameters[able].max()
        yield (
            "biggest",
            self._most(
                able, self.parameters, places, "Among the most weights that fit with a tenth of the memory to spare."
            ),
        )
        little = every & (self.quality >= VERY_GOOD)
        why = "Among the most weights in a packing that is very good or better, so that little is lost."
        yield "quality", self._most(little, self.parameters, places, why, kind="quality")
        if use != "embedding":
            why = "Writes fastest of those with a quarter of the biggest one's weights or more."
            told = able & (self.parameters >= _OF_THE_BIGGEST * biggest) & ~np.isnan(self.builds.speed)
            yield "fastest", self._most(told, self.builds.speed, places, why, kind="fastest")
        if writes:
            far = every & (self.parameters >= _OF_THE_BIGGEST * biggest) & (self.reach > self.worker.context)
            if far.any():
                most = self.reach[far].max()
                why = "Reads the most of those with a quarter of the biggest one's weights or more."
                far &= self.reach == most
                yield (
                    "longest",
                    self._most(far, self.parameters, places, why, kind="longest", context=int(most)),
                )

    def _most(
        self, among: Mask, numbers: Column, places: Column, why: str, *, kind: str = "", context: int = 0
    ) -> list[_Pick]:
        """Of the builds that come near to the most of something, those of the models first that lists suggest first; of
        one model the build that lists take, where it is among them. For quality a better packing counts beside that.
        What is called the fastest is nothing less.
        """
        at = np.flatnonzero(among)
        if not len(at):
            return []
        fastest = kind == "fastest"
        if not fastest:
            at = at[numbers[at] >= AS_LARGE * numbers[at].max()]
        at = at[np.argsort(places[at], kind="stable")]
        rows = self.rows[places[at]]
        models, first, of_model = np.unique(self.index.columns.model[rows], return_index=True, return_inverse=True)
        points = np.full(len(models), np.iinfo(np.int16).min)
        np.maximum.at(points, of_model, self.points[rows])
        listed = self.taken(places)[at]
        suggested = points[of_model].astype(np.int64)
        if kind == "quality":
            suggested += _BETTER_PACKING * self.quality[at]
        by = (~listed, first[of_model], -suggested)
        order = np.lexsort((*by, -numbers[at]) if fastest else by)[:_LOOKED_AT]
        at, listed, models = at[order], listed[order], models[of_model][order].tolist()
        keys = self.index.ids_at(self.rows[places[at]])
        others = _NOT_LISTED.get(kind, "")
        return [
            _Pick(
                key,
                model,
                int(self.builds.position[one]),
                float(self.bits[one]),
                context,
                why if shown else why + others,
            )
            for key, model, one, shown in zip(keys, models, at, listed, strict=True)
        ]

    def left_out(self, use: str) -> LeftOut:
        """How many models of a use are on no ladder, and why; counted as the lists of them count."""
        columns = self.index.columns
        scores = verdicts_on(self.index, self.worker).scores(columns.trusted)
        scores = np.where(self.index.values("use").having([use]), scores, np.int16(-1))
        counted = by_level(columns.models.by_score(scores))
        running = sum(number for level, number in counted.items() if level >= Confidence.MEDIUM)
        models = distinct(columns.model[self.rows])
        best = scores[columns.group[shown_rows(self.index, models, scores)]]
        known = int(np.count_nonzero((best >= RUNS) & (level_of(best) >= Confidence.MEDIUM)))
        return LeftOut(sum(counted.values()), running, counted.get(Confidence.LOW, 0), running - known)


# --- the same builds as their pages have them --------------------------------------------------------------------


class _Reader:
    """Reads the records of some picks at once, and makes rungs of them. Four queries."""

    def __init__(self, worker: Worker, asked: Question, picks: Sequence[_Pick]) -> None:
        self.worker, self.asked = worker, asked
        keys = list(dict.fromkeys(one.record for one in picks))
        self.records = {record.pk: record for record in records_by_id(keys)}
        self.variants: dict[int, list[RecordVariant]] = {}
        for variant in RecordVariant.objects.filter(record__in=keys).order_by("record_id", "position"):
            self.variants.setdefault(variant.record_id, []).append(variant)
        sheets = [record.sheet_id for record in self.records.values()]
        self.answers: Mapping[int, SheetAnswer] = sheet_answers(sheets, worker)
        tags = RecordTags.objects.filter(record__in=keys).values_list("record_id", "lines")
        self.tags = {key: lines.split("\n") for key, lines in tags}

    def first(self, use: str, kind: str, picks: Sequence[_Pick]) -> Rung | None:
        """The first of some picks that is a rung; one that is known how to start goes before others, if as fast where
        it is to be the fastest.
        """
        found: Rung | None = None
        for one in picks:
            rung = self._rung(use, kind, one)
            if rung is None or (kind == "fastest" and found is not None and _rate(rung) < _rate(found)):
                continue
            if rung.lines:
                return rung
            found = found or rung
        return found

    def _rung(self, use: str, kind: str, pick: _Pick) -> Rung | None:
        record = self.records.get(pick.record)
        variants = self.variants.get(pick.record, [])
        if record is None or pick.position >= len(variants):
            return None
        variant, answer = variants[pick.position], self.answers[record.sheet_id]
        if NARROW.match(variant.quantization) or (use in SENSING and leaves_projector_out(record, variant)):
            return None
        facts = answer.facts[pick.position]
        asked = self.asked.changed(context=pick.context) if pick.context else self.asked
        wanted = replace(self.worker, context=pick.context) if pick.context else self.worker
        worker = at_its_context(wanted, facts)
        fit = fit_of(record, variant, worker)
        result = on_machine(answer.results[pick.position], facts, fit, wanted)
        told = uses_of(
            record.name, record.task, self.tags.get(record.pk, ()), record.architecture, projector=record.projector
        )
        found = next((one for one in told if one.name == use), None)
        if fit is None or fit.fit is not Fit.FITS or result.level < Confidence.MEDIUM or found is None:
            return None
        speed = speed_told(record, variant, worker, result, fit)
        plans = plans_of(record, variant, worker, result, variants, fit=fit, speed=speed).plans
        longest = context_room(record, variant, worker)
        plan = plans[0] if plans else None
        return Rung(
            {kind: pick.why},
            *(found, record, variant, worker, asked, result, fit, speed, plan, longest),
            pick.bits,
            pick.model,
        )


def _ladder(use: str, picks: Mapping[str, Sequence[_Pick]], reader: _Reader, here: _Machine) -> Ladder:
    """The rungs of a use; a build that is on it for several reasons stands there once.

    Of those that read as far, one goes first whose model is not on it yet; a model that stands there twice says so.
    """
    chosen = {kind: reader.first(use, kind, picks.get(kind, ())) for kind in KINDS if kind != "longest"}
    there = {rung.model for rung in chosen.values() if rung is not None}
    far = sorted(picks.get("longest", ()), key=lambda one: one.model in there)
    chosen["longest"] = reader.first(use, "longest", far)
    chosen["fastest"] = _fastest([rung for rung in chosen.values() if rung is not None], chosen["fastest"])
    found: dict[tuple[int, int, int], Rung] = {}
    for rung in chosen.values():
        if rung is not None:
            key = (rung.record.pk, rung.variant.position, rung.worker.context)
            same = found.get(key)
            found[key] = rung if same is None else replace(same, why={**same.why, **rung.why})
    rungs = tuple(_said_twice(list(found.values())))
    return Ladder(use, rungs, here.left_out(use), text_only=not found and here.is_text_only(use))


def _said_twice(rungs: Sequence[Rung]) -> Iterator[Rung]:
    """Some rungs, of which those say so whose model stands above already."""
    above = set[int]()
    for rung in rungs:
        more = _SAME_MODEL if rung.model in above else ""
        above.add(rung.model)
        yield replace(rung, why={kind: why + more for kind, why in rung.why.items()})


def _fastest(shown: Sequence[Rung], chosen: Rung | None) -> Rung | None:
    """The rung to be called the fastest: the one chosen for it, unless another that is shown writes faster."""
    if chosen is None:
        return None
    most = max(shown, key=_rate)
    return chosen if _rate(chosen) >= _rate(most) else replace(most, why={"fastest": _FASTEST_HERE})


def _rate(rung: Rung) -> float:
    """Tokens a second; nothing where that is not known."""
    return (rung.speed.tokens_per_second if rung.speed is not None else None) or 0.0


# --- larger machines ---------------------------------------------------------------------------------------------


def larger_machines(machine: Machine) -> Iterator[tuple[str, Machine]]:
    """The next larger machines that one can be made into or bought instead, in words, the nearest first."""
    known = accelerator_named(machine.accelerator) if machine.accelerator else None
    if known is not None and known.of_laptop and not known.unified:
        return
    if known is not None and known.unified:
        now = (machine.hardware.usable()[0] if machine.hardware is not None else None) or 0
        for size in sorted(known.memory_options):
            if size * 0.9 > now and size > (machine.memory or 0) * GIB:
                yield f"{size / GIB:g} GB of memory", replace(machine, memory=size / GIB, ram=None)
    elif machine.accelerator or machine.memory is not None:
        for count in dict.fromkeys((machine.count + 1, 2 * machine.count)):
            if count <= MOST_ACCELERATORS:
                more = count - machine.count
                yield "one more card" if more == 1 else f"{more} more cards", replace(machine, count=count)
    elif machine.ram is not None:
        yield f"{2 * machine.ram:g} GB of memory", replace(machine, ram=2 * machine.ram)


def _with_unlocked(
    ladders: Sequence[Ladder], here: _Machine, worker: Worker, asked: Question, available: Mapping[str, Worker]
) -> Iterator[Ladder]:
    """The ladders, each with what the nearest larger machine brings onto it."""
    done, index = {ladder.use: ladder for ladder in ladders}, here.index
    missing = {use: ladder for use, ladder in done.items() if ladder.by is None}
    for words, machine in list(larger_machines(worker.machine))[:2]:
        there = replace(worker, machine=machine, registered=False)
        named = named_there(asked.worker, worker, machine, available)
        question = asked.changed(worker=named, **told_machine(machine))
        bigger = _Machine.of(index, there)
        picks = {use: dict(bigger.picks(use)).get("biggest", []) for use in missing}
        reader = _Reader(there, question, [one for some in picks.values() for one in some])
        for use, some in picks.items():
            rung = reader.first(use, "biggest", some)
            if rung is None or index.columns.model[index.rows_of([rung.record.pk])[0]] in here.might_run(use):
                continue
            if (rung.record.parameters or 0) >= _MORE * _weights(missing[use]):
                done[use] = replace(missing[use], unlocked=Unlocked(words, machine, question, rung))
        missing = {use: ladder for use, ladder in missing.items() if done[use].unlocked is None}
        if not missing:
            break
    yield from done.values()


def _weights(ladder: Ladder) -> int:
    """The weights of the biggest rung."""
    return max((rung.record.parameters or 0 for rung in ladder.rungs), default=0)
