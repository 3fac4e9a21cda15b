"""What a worker makes of a record: the rules' stored results, the memory estimate, and the best variant of both.

One function decides for one record, whoever asks: a row, a detail page, an event. What it decides for every record of
the catalogue at once stands in :mod:`compat.catalogue.machine_needs`, and a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from compat.batches import BATCH, batched
from compat.catalogue.made_for import apply_made_for, at_its_context
from compat.catalogue.memory_fit import advise_by_size, apply_memory_fit
from compat.catalogue.needs import fit_of, inputs_of_variant, pace_of
from compat.catalogue.taking import most_worth, trust_in, worth
from compat.catalogue.workers import Worker
from compat.estimate import FitResult
from compat.estimate.need_columns import quality_of_variant
from compat.extraction.facts import VariantFacts
from compat.models import FactSheet, ModelRecord, RecordVariant, Verdict
from compat.models.composed import ComposedQuery
from compat.rules import CompatibilityResult, Confidence, judge_all, order_of
from compat.rules.judge import bound_of_engine
from compat.timestamps import Json


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer for one record: its result, the position of the variant it is about, and that variant's fit."""

    result: CompatibilityResult
    best: int
    fit: FitResult | None = None


@dataclass(frozen=True, slots=True)
class SheetAnswer:
    """The rules' answer to one fact sheet: facts and result per variant, and the variants from best to worst."""

    facts: tuple[VariantFacts, ...]
    results: tuple[CompatibilityResult, ...]
    order: tuple[int, ...]


def sheet_answers(sheets: Sequence[int], worker: Worker) -> dict[int, SheetAnswer]:
    """The rules' answers to some fact sheets; one query.

    Stored verdicts serve a worker whose hardware is not told, and every refusal. Known hardware can refuse more (a
    packing its generation cannot compute), so what is accepted is judged for it, without touching what is stored.
    """
    stored = _VERDICTS.rows(worker.profile.slug, list(dict.fromkeys(sheets)))
    found = {sheet: _stored(confidence, results, facts, worker) for sheet, confidence, results, facts in stored}
    missing = set(sheets) - found.keys()
    if missing:
        # An engine that was just switched on has no verdicts until the background work has made them.
        found |= {
            sheet.pk: answer_to(_facts(sheet.facts), worker) for sheet in FactSheet.objects.filter(pk__in=missing)
        }
    return found


_VERDICTS = ComposedQuery(
    lambda engine, sheets: Verdict.objects.filter(profile=engine, sheet__id__in=sheets).values_list(
        "sheet_id", "confidence", "results", "sheet__facts"
    )
)


def accepted_answers(worker: Worker, sheets: Sequence[int]) -> Iterator[tuple[int, SheetAnswer]]:
    """(id, answer) for some fact sheets that the worker's engine accepts, whatever its hardware. A query a batch."""
    stored = Verdict.objects.filter(profile=worker.profile.slug, confidence__gt=0).select_related("sheet")
    for some in batched(sheets, BATCH):
        for verdict in stored.filter(sheet__in=some):
            yield verdict.sheet_id, _as_stored(verdict.results, _facts(verdict.sheet.facts), worker)


def runs_nothing(worker: Worker) -> bool:
    """Whether the engine runs nothing at all on the worker's accelerators, where those are known."""
    return bool(bound_of_engine(worker.profile, worker.capability).cause)


def _stored(confidence: int, results: Sequence[Json], facts: Sequence[Json], worker: Worker) -> SheetAnswer:
    told = _facts(facts)
    return (accepted_answer if confidence > Confidence.NONE else _as_stored)(results, told, worker)


def accepted_answer(results: Sequence[Json], facts: tuple[VariantFacts, ...], worker: Worker) -> SheetAnswer:
    """The rules' answer to facts of which the worker's engine accepts some: as stored, or judged for known hardware."""
    return _as_stored(results, facts, worker) if worker.capability is None else answer_to(facts, worker)


def _as_stored(stored: Sequence[Json], facts: tuple[VariantFacts, ...], worker: Worker) -> SheetAnswer:
    results = tuple(map(CompatibilityResult.from_stored, stored))
    return SheetAnswer(facts, results, tuple(order_of(facts, results, worker.profile)))


def _facts(stored: Sequence[Json]) -> tuple[VariantFacts, ...]:
    return tuple(map(VariantFacts.from_json, stored))


def answer_to(facts: tuple[VariantFacts, ...], worker: Worker) -> SheetAnswer:
    """The rules' answer to facts that are judged now."""
    found = judge_all(facts, worker.profile, worker.capability)
    return SheetAnswer(facts, found.results, found.order)


FitAt = Callable[[int], FitResult | None]
"""The fit of a variant by its position."""


def outcome_of(
    record: ModelRecord,
    variants: Sequence[RecordVariant],
    answer: SheetAnswer,
    worker: Worker,
    fit_at: FitAt | None = None,
) -> Outcome:
    """The outcome for one record whose variants, in order of position, are given; ``fit_at`` where fits are known."""
    first = answer.order[0]
    if worker.hardware is None or not answer.results[first].compatible:
        return Outcome(advise_by_size(answer.results[first], record.parameters, worker.hardware), first)
    taken: _Taken | None = None
    for most, at, place, quality, result in _by_hope(record, variants, answer):
        if taken is not None and (most, -at) < (taken.worth, -taken.at):
            continue
        loaded = at_its_context(worker, answer.facts[place])
        fit = fit_of(record, variants[place], loaded) if fit_at is None else fit_at(place)
        if fit is None:
            continue
        pace = pace_of(record, variants[place], loaded, fit)
        untold = fit.estimate.component("weights").bytes is None
        trust = int(trust_in(result.sureness, bool(fit.doubt), untold))
        how = {"unaided": result.unaided, "unoptimized": result.unoptimized, "crowded": fit.crowded}
        found = _Taken(worth(quality, fit.fit, pace, trust, **how), at, place, fit)
        if taken is None or (found.worth, -found.at) > (taken.worth, -taken.at):
            taken = found
    place, fit = (taken.place, taken.fit) if taken is not None else (first, None)
    return Outcome(on_machine(answer.results[place], answer.facts[place], fit, worker), place, fit)


@dataclass(frozen=True, slots=True)
class _Taken:
    """A variant that may be taken: what it is worth, where the engine's preference has it, its position and its fit."""

    worth: int
    at: int
    place: int
    fit: FitResult


def _by_hope(
    record: ModelRecord, variants: Sequence[RecordVariant], answer: SheetAnswer
) -> list[tuple[int, int, int, int, CompatibilityResult]]:
    """(most that it may be worth, place in the engine's order, position, quality, result) of what the rules accept,
    those first that may be worth most: the others need no estimate where one of these is.
    """
    found = []
    for at, place in enumerate(answer.order):
        if answer.results[place].compatible and place < len(variants):
            quality = quality_of_variant(inputs_of_variant(record, variants[place])[0])
            result = answer.results[place]
            trust = int(trust_in(result.sureness, doubted=False))
            most = most_worth(quality, trust, unaided=result.unaided, unoptimized=result.unoptimized)
            found.append((most, at, place, quality, result))
    return sorted(found, key=lambda one: (-one[0], one[1]))


def on_machine(
    result: CompatibilityResult, facts: VariantFacts, fit: FitResult | None, worker: Worker
) -> CompatibilityResult:
    """What remains of the rules' result for a variant on the worker's machine; all of it where none is told."""
    if worker.hardware is None:
        return result
    return apply_made_for(apply_memory_fit(result, fit), facts, worker.context)
