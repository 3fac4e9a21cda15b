"""What a worker makes of a record: the rules' stored results, the memory estimate, and the best variant of both.

One function decides, whoever asks: a row, a detail page, a count. A worker without a machine needs no estimate, and
its outcomes stay in the database; for one with a machine they are worked out once and kept until the catalogue changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from compat.catalogue.lots import Lots, lots_of
from compat.catalogue.memo import kept
from compat.catalogue.memory_fit import FIT_RANK, apply_memory_fit
from compat.catalogue.needs import fit_of
from compat.catalogue.workers import Worker
from compat.estimate import Fit, FitResult
from compat.extraction.facts import VariantFacts
from compat.models import FactSheet, ModelRecord, RecordVariant, Verdict
from compat.rules import CompatibilityResult, judge_all, order_of


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


def answers(sheets: Sequence[int] | None, worker: Worker) -> dict[int, SheetAnswer]:
    """The rules' answers for some fact sheets (None: for all that run); one query.

    Stored verdicts serve a worker whose hardware is not told, and every refusal. Known hardware can refuse more (a
    packing its generation cannot compute), so what is accepted is judged for it, without touching what is stored.
    """
    stored = Verdict.objects.filter(profile=worker.profile.slug).select_related("sheet")
    stored = stored.filter(confidence__gt=0) if sheets is None else stored.filter(sheet__in=sheets)
    found = {verdict.sheet_id: _stored(verdict, worker) for verdict in stored}
    missing = set(sheets or ()) - found.keys()
    if missing:
        # An engine that was just switched on has no verdicts until the background work has made them.
        found |= {sheet.pk: answer_to(_facts(sheet), worker) for sheet in FactSheet.objects.filter(pk__in=missing)}
    return found


def _stored(verdict: Verdict, worker: Worker) -> SheetAnswer:
    facts = _facts(verdict.sheet)
    if verdict.compatible and worker.capability is not None:
        return answer_to(facts, worker)
    results = tuple(verdict.result_of(position) for position in range(len(verdict.results)))
    return SheetAnswer(facts, results, tuple(order_of(facts, results, worker.profile)))


def _facts(sheet: FactSheet) -> tuple[VariantFacts, ...]:
    return tuple(VariantFacts.from_json(fact) for fact in sheet.facts)


def answer_to(facts: tuple[VariantFacts, ...], worker: Worker) -> SheetAnswer:
    """The rules' answer to facts that are judged now."""
    found = judge_all(facts, worker.profile, worker.capability)
    return SheetAnswer(facts, found.results, found.order)


def outcome_of(record: ModelRecord, variants: Sequence[RecordVariant], answer: SheetAnswer, worker: Worker) -> Outcome:
    """The outcome for one record whose variants, in order of position, are given."""
    first = answer.order[0]
    if worker.hardware is None or not answer.results[first].compatible:
        return Outcome(answer.results[first], first)
    best: tuple[int, int, FitResult | None] | None = None
    for place in answer.order:
        if not answer.results[place].compatible or place >= len(variants):
            continue
        fit = fit_of(record, variants[place], worker)
        rank = FIT_RANK[fit.fit] if fit else 0
        if best is None or rank < best[0]:
            best = (rank, place, fit)
        if fit is None or fit.fit in (Fit.FITS, Fit.TIGHT):
            break
    if best is None:
        return Outcome(answer.results[first], first)
    _, place, fit = best
    return Outcome(apply_memory_fit(answer.results[place], fit), place, fit)


class Standing(NamedTuple):
    """As much of an outcome as counting needs."""

    confidence: int
    cause: str


class Standings(Mapping[int, Standing]):
    """Where every record stands that the rules accept, by its id, on a worker with a machine."""

    def __init__(self, lots: Lots, by_fit: Sequence[Standing | None]) -> None:
        self.lots = lots
        self.by_fit = by_fit

    def __getitem__(self, pk: int) -> Standing:
        """Where one record stands; KeyError for one that the rules refuse, or that came later."""
        place = self.lots.place_of(pk)
        found = None if place is None else self.by_fit[self.lots.kinds[self.lots.numbers[place]].fit]
        if found is None:
            raise KeyError(pk)
        return found

    def __iter__(self) -> Iterator[int]:
        """The records' ids."""
        lots = self.lots
        accepted = [self.by_fit[kind.fit] is not None for kind in lots.kinds]
        return (pk for pk, number in zip(lots.ids, lots.numbers, strict=True) if accepted[number])

    def __len__(self) -> int:
        """How many records the rules accept."""
        return sum(n for number, n in self.lots.counts.items() if self.by_fit[self.lots.kinds[number].fit] is not None)


def standings(worker: Worker, version: int) -> Standings:
    """Where the records stand on a worker with a machine; kept until the catalogue changes."""
    return kept(("standings", version, *worker.key), lambda: _standings(worker, version), lambda one: len(one.by_fit))


def _standings(worker: Worker, version: int) -> Standings:
    """Each memory need is judged once, by one record that has it; those judged for an earlier version not again."""
    lots, found = lots_of(version), answers(None, worker)
    known: dict[bytes, Standing] = kept(("standings by need", *worker.key), dict)
    by_fit: list[Standing | None] = [None] * len(lots.needs)
    sheets = {kind.fit: kind.sheet for kind in lots.kinds}
    waiting = []
    for fit, need in enumerate(lots.needs):
        if sheets[fit] in found:
            by_fit[fit] = known.get(need)
            if by_fit[fit] is None:
                waiting.append(fit)
    for start in range(0, len(waiting), _AT_ONCE):
        fits = {lots.members[fit]: fit for fit in waiting[start : start + _AT_ONCE]}
        variants: dict[int, list[RecordVariant]] = {}
        for variant in RecordVariant.objects.filter(record__in=list(fits)).only(*_OF_VARIANTS):
            variants.setdefault(variant.record_id, []).append(variant)
        for record in ModelRecord.objects.filter(pk__in=list(fits)).only(*_OF_RECORDS).order_by():
            if record.sheet_id not in found:
                continue
            outcome = outcome_of(record, variants.get(record.pk, []), found[record.sheet_id], worker)
            by_fit[fits[record.pk]] = Standing(int(outcome.result.level), outcome.result.cause)
    known.clear()
    known.update((need, standing) for need, standing in zip(lots.needs, by_fit, strict=True) if standing is not None)
    return Standings(lots, by_fit)


_AT_ONCE = 5000
_OF_VARIANTS = ("record_id", "position", "format", "quantization", "size_bytes")
_OF_RECORDS = ("sheet_id", "name", "parameters", "shape_facts", "context", "projector", "projector_bytes")
