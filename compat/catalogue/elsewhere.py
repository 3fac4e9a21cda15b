"""Which other engines run a model on the same machine, or have something for a list, where the chosen one does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from compat.catalogue.current import current_index
from compat.catalogue.finding import Finding
from compat.catalogue.ladder import ENGINES_FOR, told_machine
from compat.catalogue.question import Question
from compat.catalogue.rows import Row
from compat.catalogue.suited_engine import best_known_on, engines_on
from compat.catalogue.verdict import accepted_answer, outcome_of
from compat.catalogue.workers import Worker
from compat.extraction.facts import VariantFacts
from compat.models import RecordVariant, Verdict
from compat.models.composed import ComposedQuery
from compat.rules import CompatibilityResult

MOST = 4
"""So many lists are named."""
_OF_THE_ENGINE = frozenset({"architecture", "task", "format", "quantization", "context"})
"""Causes that another engine may not have; a memory that is too small is so on all."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another engine that runs a model here: its verdict, and the question that asks for it."""

    worker: Worker
    question: Question
    result: CompatibilityResult


def engines_that_run(
    row: Row,
    variants: Sequence[RecordVariant],
    facts: tuple[VariantFacts, ...],
    worker: Worker,
    asked: Question,
    available: Mapping[str, Worker],
) -> list[Elsewhere]:
    """The engines that run on a worker's machine what its own does not take, the surest and best known first; none on
    which it likely needs more than the whole machine has.

    One query at most.
    """
    if row.result.cause not in _OF_THE_ENGINE:
        return []
    record = row.record
    taken = {slug: (results, best) for slug, results, best in _TAKEN.rows(record.sheet_id)}
    found = []
    for slug, one in engines_on(worker.machine, available).items():
        if slug not in taken or slug == worker.profile.slug:
            continue
        there = replace(worker, slug=slug, name=one.name, profile=one.profile, kv=one.kv, kv_values="", ubatch=None)
        results, best = taken[slug]
        if worker.hardware is None:
            result, beyond = CompatibilityResult.from_stored(results[best]), False
        else:
            outcome = outcome_of(record, variants, accepted_answer(results, facts, there), there)
            result, beyond = outcome.result, outcome.fit is not None and outcome.fit.is_likely_beyond
        if result.compatible and not beyond:
            question = asked.changed(worker=slug, kv="", kv_values="", ubatch=None, **told_machine(worker.machine))
            found.append(Elsewhere(there, question, result))
    place = {slug: number for number, slug in enumerate(best_known_on(worker.machine))}
    return sorted(found, key=lambda one: (-one.result.level, place.get(one.worker.slug, len(place))))


@dataclass(frozen=True, slots=True)
class OtherList:
    """The same list on another engine, and how many models or repositories that runs, whatever memory they need."""

    worker: Worker
    question: Question
    total: int


def engines_that_find(asked: Question, worker: Worker, available: Mapping[str, Worker]) -> list[OtherList]:
    """The engines on a worker's machine that run something of a list of which the worker runs nothing.

    Those for what most of the list is for come first, then those that run the most. What each needs of the machine's
    memory is left to the list that is linked: working that out for every engine takes minutes.
    """
    index, models = current_index(), asked.unit != "repository"
    everything = Finding(index, asked.changed(compatible="false"), worker, models=models)
    uses = everything.numbers().facets["use"]
    first = ENGINES_FOR.get(max(uses, key=lambda use: uses[use]), ()) if uses else ()
    found = []
    for slug, one in engines_on(worker.machine, available).items():
        if slug == worker.profile.slug:
            continue
        question = asked.changed(worker=slug, kv="", kv_values="", ubatch=None, **told_machine(worker.machine))
        total = Finding(index, question.changed(sort="popular"), available[slug], models=models).total
        if total:
            found.append(OtherList(one, question, total))
    place = {slug: number for number, slug in enumerate(first)}
    return sorted(found, key=lambda one: (place.get(one.worker.slug, len(place)), -one.total))[:MOST]


_TAKEN = ComposedQuery(
    lambda sheet: (
        Verdict.objects.filter(sheet__id=sheet, confidence__gt=0).order_by().values_list("profile", "results", "best")
    )
)
