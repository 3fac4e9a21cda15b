"""What does a model need? The least usual machine of each kind that runs it well on one engine.

The reverse of :mod:`compat.catalogue.ladder`, by the same measure: a build that keeps enough of the model, fits with
room to spare, *runs* or *should run*, and is not known to be slower than people read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from compat.catalogue.current import index_now
from compat.catalogue.index_columns import RUNS
from compat.catalogue.ladder import COMFORTABLE, ENOUGH_BITS, NARROW, build_query, told_machine
from compat.catalogue.made_for import at_its_context
from compat.catalogue.membership import best_first, rows_of_model
from compat.catalogue.needs import fit_of, plans_of, speed_told
from compat.catalogue.question import Question
from compat.catalogue.rows import find_record, records_by_id, worker_of
from compat.catalogue.suited_engine import named_there
from compat.catalogue.verdict import SheetAnswer, answer_to, on_machine, runs_nothing, sheet_answers
from compat.catalogue.workers import Machine, Worker, workers
from compat.estimate import Fit, FitResult, Plan, SpeedEstimate
from compat.models import ModelRecord, RecordVariant
from compat.rules import CompatibilityResult, Confidence

USUAL_MACHINES: Mapping[str, tuple[Machine, ...]] = {
    "Graphics cards": (
        Machine("RTX 4060"),
        Machine("RTX 3060 12 GB"),
        Machine("RTX 4060 Ti 16 GB"),
        Machine("RTX 3090"),
        Machine("RTX 5090"),
        Machine("RTX 3090", 2),
        Machine("RTX 5090", 2),
        Machine("RTX 3090", 4),
        Machine("H100 SXM", 2),
        Machine("H100 SXM", 4),
        Machine("H100 SXM", 8),
        Machine("H200 SXM", 8),
    ),
    "Macs": (
        Machine("Apple M4", memory=16),
        Machine("Apple M4", memory=24),
        Machine("Apple M4", memory=32),
        Machine("Apple M4 Pro", memory=48),
        Machine("Apple M4 Max", memory=64),
        Machine("Apple M4 Max", memory=128),
        Machine("Apple M3 Ultra", memory=256),
        Machine("Apple M3 Ultra", memory=512),
    ),
    "Processor alone": (
        Machine(ram=16, ram_bandwidth=89.6),
        Machine(ram=32, ram_bandwidth=89.6),
        Machine(ram=64, ram_bandwidth=89.6),
        Machine(ram=128, ram_bandwidth=89.6),
        Machine(ram=384, ram_bandwidth=460.8),
        Machine(ram=768, ram_bandwidth=460.8),
    ),
}
"""Machines that people have, by kind, the smaller ones first. Processors have two channels of DDR5-5600, or twelve."""


@dataclass(frozen=True, slots=True)
class LeastMachine:
    """The least machine of its kind that runs a model well, with the build to take there."""

    kind: str
    machine: Machine
    question: Question
    variant: RecordVariant
    result: CompatibilityResult
    fit: FitResult
    speed: SpeedEstimate | None
    plan: Plan | None

    @property
    def query(self) -> str:
        """The query string that asks the model's own page for this build there."""
        return build_query(self.question, self.variant)


@dataclass(frozen=True, slots=True)
class NeedsPage:
    """What hardware a model needs on a worker's engine; ``none`` are the kinds of which no usual machine is enough.

    ``build`` is the repository that is looked at: another one with the same model where the engine does not take
    ``record``. ``unfit`` are the kinds on which the engine does not run at all.
    """

    worker: Worker
    record: ModelRecord
    build: ModelRecord
    least: tuple[LeastMachine, ...]
    none: tuple[str, ...]
    unfit: tuple[str, ...]


def what_it_needs(repo_id: str, asked: Question, available: Mapping[str, Worker] | None = None) -> NeedsPage:
    """The least hardware for a model. At most eight queries; raises :class:`~compat.catalogue.UnknownModel`."""
    available = available or workers()
    asked_for = find_record(repo_id)
    worker = replace(worker_of(asked, available), machine=Machine(), registered=False)
    record = _build_taken(asked_for, worker)
    variants = list(record.variants.all())
    facts = sheet_answers([record.sheet_id], worker)[record.sheet_id].facts
    least, none, unfit = list[LeastMachine](), list[str](), list[str]()
    for kind, machines in USUAL_MACHINES.items():
        there = [replace(worker, machine=machine) for machine in machines]
        suited = [one for one in there if not runs_nothing(one)]
        rows = (_well(kind, record, variants, one, answer_to(facts, one), asked, available) for one in suited)
        found = next(chain.from_iterable(rows), None)
        if found is not None:
            least.append(found)
        else:
            (none if suited else unfit).append(kind)
    return NeedsPage(worker, asked_for, record, tuple(least), tuple(none), tuple(unfit))


def _build_taken(record: ModelRecord, worker: Worker) -> ModelRecord:
    """The record, or the best build of its model where the engine does not take it and takes that. Two queries."""
    index, _ = index_now()
    scores = index.stored(worker.profile.slug).scores(index.columns.trusted)[index.columns.group]
    own, builds = index.rows_of([record.pk]), rows_of_model(index, record)
    if not len(own) or scores[own[0]] > RUNS or not np.any(scores[builds] > RUNS):
        return record
    best = index.ids_at(best_first(index, builds, scores[builds])[:1])
    return next(iter(records_by_id(best)), record)


def _well(
    kind: str,
    record: ModelRecord,
    variants: Sequence[RecordVariant],
    worker: Worker,
    answer: SheetAnswer,
    asked: Question,
    available: Mapping[str, Worker],
) -> Iterator[LeastMachine]:
    """The builds that run well on one machine, the one that the engine prefers first."""
    for place in answer.order:
        if answer.results[place].level < Confidence.MEDIUM or place >= len(variants):
            continue
        variant, loaded = variants[place], at_its_context(worker, answer.facts[place])
        if NARROW.match(variant.quantization):
            continue
        fit = fit_of(record, variant, loaded)
        result = on_machine(answer.results[place], answer.facts[place], fit, worker)
        if fit is None or fit.fit is not Fit.FITS or result.level < Confidence.MEDIUM:
            continue
        speed = speed_told(record, variant, loaded, result, fit)
        if _is_narrow(record, fit) or (speed and speed.tokens_per_second and speed.tokens_per_second < COMFORTABLE):
            continue
        plans = plans_of(record, variant, loaded, result, variants, fit=fit, speed=speed).plans
        named = named_there(asked.worker, worker, worker.machine, available)
        question = asked.changed(worker=named, **told_machine(worker.machine))
        yield LeastMachine(kind, worker.machine, question, variant, result, fit, speed, plans[0] if plans else None)


def _is_narrow(record: ModelRecord, fit: FitResult) -> bool:
    """Whether so few bits a weight are kept that it is not the model any more."""
    weights = fit.estimate.component("weights").bytes
    return bool(weights and record.parameters and 8 * weights / record.parameters < ENOUGH_BITS)
