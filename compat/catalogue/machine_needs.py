"""Verdicts on a worker with a machine, for every record at once: the rules' answers and the memory needs as columns.

For every fact sheet that an engine accepts, the variants stand in the order in which it would take them. On a machine
each variant of each memory need is looked at as a column (:mod:`compat.estimate.need_columns`), and the best one of a
need is its verdict, exactly as :func:`compat.catalogue.verdict.outcome_of` decides it for one record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from compat.catalogue.hardware_answers import HardwareAnswers, Judged
from compat.catalogue.index_columns import CAUSE_CODES, UNJUDGED, Column, IndexColumns, Mask, Verdicts, ranges
from compat.catalogue.made_for import NOT_READ, asked_for, made_for
from compat.catalogue.needs import inputs_of_variant
from compat.catalogue.taking import UNKNOWN_WORTH, UNTOLD_PACE, WORTHS, is_paced_by_memory, paced_on, trust_in, worths
from compat.catalogue.verdict import SheetAnswer, accepted_answers
from compat.catalogue.workers import Worker
from compat.engines import EngineProfile
from compat.estimate import Fit, LoadOptions, VariantInputs
from compat.estimate.amounts import distinct
from compat.estimate.launch import CUTS_CONTEXT
from compat.estimate.need_columns import DOUBTED, FIT_CODES, NeedColumns, Shares
from compat.models import ModelRecord, RecordVariant
from compat.rules import Confidence
from compat.rules.judge import bound_of_engine
from compat.rules.modality import is_text_only
from compat.rules.platform import depends_on_hardware
from compat.rules.result import confidence_of, sureness_of

_AT_ONCE = 5000


@dataclass(frozen=True)
class Entries:
    """The variants that the rules accept, sheet after sheet, best first: those of row ``n`` from ``first[n]`` on.

    ``level`` and ``cause`` are the rules' verdict on every sheet, ``sureness`` is that of a variant, ``made_for`` the
    tokens that it was made for, ``text_only`` whether the engine runs nothing but its language part, ``unaided``
    whether the hardware has nothing for its packing (of none where no hardware is told), ``unoptimized`` whether the
    engine's code for it is slow.
    """

    level: Column
    cause: Column
    first: Column
    position: Column
    sureness: Column
    made_for: Column
    text_only: Mask
    unaided: Mask
    unoptimized: Mask

    @classmethod
    def of(cls, verdicts: Verdicts, answers: Mapping[int, SheetAnswer]) -> Entries:
        """The entries of some sheets' answers, by the sheet's row; the verdicts of all others stay as they are."""
        level, cause = verdicts.level.copy(), verdicts.cause.copy()
        sizes = np.zeros(len(level), dtype=np.int64)
        flat: list[tuple[int, int, int, bool, bool]] = []
        for row in sorted(answers):
            answer = answers[row]
            best = answer.results[answer.order[0]]
            level[row], cause[row] = int(best.level), CAUSE_CODES[best.cause]
            taken = [(at, answer.results[at]) for at in answer.order if answer.results[at].compatible]
            entries = [
                (at, one.sureness, made_for(answer.facts[at]), is_text_only(one), one.unoptimized) for at, one in taken
            ]
            sizes[row] = len(entries)
            flat += entries
        told = np.array(flat, dtype=np.int64).reshape(-1, 5)
        first = np.concatenate([[0], np.cumsum(sizes)])
        text_only, unoptimized = told[:, 3:].astype(bool).T
        told_of = told[:, 0], told[:, 1].astype(np.int8), told[:, 2], text_only, np.zeros_like(text_only), unoptimized
        return cls(level, cause, first, *told_of)

    def at_most(self, limit: Confidence) -> Entries:
        """The same, none surer than a limit. The variants of a sheet stand in the order they have then."""
        sureness = np.minimum(self.sureness, sureness_of(limit, doubted=False))
        return replace(self, level=np.minimum(self.level, int(limit)), sureness=sureness)

    def rows(self, rows: Column) -> tuple[Column, ...]:
        """(size, positions, sureness, contexts, whether text only, unaided, unoptimized) of some sheets' entries."""
        sizes = np.diff(self.first)[rows]
        at = ranges(self.first[rows], sizes)
        told = (self.position, self.sureness, self.made_for, self.text_only, self.unaided, self.unoptimized)
        return sizes, *(one[at] for one in told)

    def best_made_for(self) -> Column:
        """The tokens that the best variant of every sheet was made for; not read where none is accepted."""
        found = np.full(len(self.level), NOT_READ, dtype=np.int64)
        accepted = np.diff(self.first) > 0
        found[accepted] = self.made_for[self.first[:-1][accepted]]
        return found

    def of_needs(self, index: IndexColumns) -> tuple[Column, Column, Column, Column, Mask, Mask, Mask]:
        """(need, number of the variant, sureness by the rules, context, whether text only, unaided, unoptimized) for
        each variant, need after need.
        """
        sheet = index.need_sheet
        sizes = np.diff(self.first)[sheet]
        need = np.repeat(np.arange(len(sheet), dtype=np.int64), sizes)
        at = ranges(self.first[sheet], sizes)
        position = self.position[at]
        # A record without variants is judged once, as it is, and loads nothing.
        there = position < np.diff(index.need_first)[need]
        need, position, at = need[there], position[there], at[there]
        how = self.text_only[at], self.unaided[at], self.unoptimized[at]
        return need, index.need_first[need] + position, self.sureness[at], self.made_for[at], *how


@dataclass(frozen=True)
class EngineNeeds:
    """What one engine would load of the whole catalogue: variants by sheet, and the needs of all as columns.

    ``variants`` are the numbers of the variants that ``columns`` has rows of, ascending; ``depending`` tells
    the fact sheets on which known hardware may change the rules' answer, and how.
    """

    entries: Entries
    variants: Column
    columns: NeedColumns
    depending: HardwareAnswers

    def verdicts(self, index: IndexColumns, worker: Worker) -> tuple[Verdicts, Best]:
        """The verdict on every group on the worker's machine, and the variants that verdicts are about."""
        assert worker.hardware is not None
        entries = self._on_hardware(index, worker)
        level, cause = entries.level[index.need_sheet], entries.cause[index.need_sheet]
        # What lists no variants is judged as it is, whatever memory it needs.
        level = _at_context(level, entries.best_made_for()[index.need_sheet], worker)
        need, variant, sureness, made, _, unaided, unoptimized = entries.of_needs(index)
        rows, fits, context = np.searchsorted(self.variants, variant), np.zeros(0, dtype=np.int8), made
        best, starts, speed = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0)
        # What lists no variants has no need that is known.
        value = np.full(len(level), UNKNOWN_WORTH, dtype=np.int8)
        if len(need):
            context = _loaded(worker, made)
            fits = self._fits(worker, rows, context)
            shares = self._shares(worker, rows, fits, context)
            speed = self.columns.taken(rows).speeds(fits, shares, worker.hardware, worker.kv)
            doubted = self.columns.bars(worker.hardware, worker.options)[rows] == DOUBTED
            sure = _bounded(confidence_of(sureness), doubted)
            pace = self._paces(worker, rows, fits, shares, speed)
            trust = trust_in(sureness, doubted, self.columns.variants["weights"][rows] < 0)
            quality = self.columns.variants["quality"][rows]
            worth = worths(quality, fits, pace, trust, unaided, unoptimized, shares.crowded)
            # The first of those worth most: the entries of a need stand in the order of preference.
            ranked = (WORTHS - worth.astype(np.int64)) * len(fits) + np.arange(len(fits), dtype=np.int64)
            starts = np.flatnonzero(np.diff(need, prepend=-1))
            best = np.minimum.reduceat(ranked, starts) % len(fits)
            value[need[starts]] = np.maximum(worth[best], UNKNOWN_WORTH)
            found, cause[need[starts]] = _with_fit(sure[best], fits[best], worker)
            level[need[starts]] = _at_context(found, made[best], worker)
        taken = Best(need[starts], variant[best] - index.need_first[need[starts]], speed[best])
        positions = np.full(len(index.need_sheet), -1, dtype=np.int32)
        positions[taken.need] = taken.position
        return Verdicts(level[index.need], cause[index.need], value[index.need], positions), taken

    def builds(self, index: IndexColumns, worker: Worker, needs: Column) -> Builds:
        """What each build of some memory needs comes to on the worker's machine, as verdicts and speeds say of one."""
        assert worker.hardware is not None
        need, variant, sureness, made, text_only, *_ = self._on_hardware(index, worker).of_needs(index)
        at = np.flatnonzero(np.isin(need, needs))
        rows, made = np.searchsorted(self.variants, variant[at]), made[at]
        own = replace(self, variants=variant[at], columns=self.columns.taken(rows))
        context = _loaded(worker, made)
        fits = own._fits(worker, np.arange(len(at)), context)  # noqa: SLF001 - of the same class
        doubted = own.columns.bars(worker.hardware, worker.options) == DOUBTED
        level, _ = _with_fit(_bounded(confidence_of(sureness[at]), doubted), fits, worker)
        # Only what lies on the accelerators whole is asked for its speed here.
        whole = np.isin(fits, [FIT_CODES[Fit.FITS], FIT_CODES[Fit.TIGHT]])
        there = np.where(whole, fits, FIT_CODES[Fit.UNKNOWN])
        shares = self._shares(worker, rows, there, context)
        speed = own.columns.speeds(there, shares, worker.hardware, worker.kv)
        return Builds(
            need[at],
            variant[at] - index.need_first[need[at]],
            _at_context(level, made, worker),
            whole,
            fits == FIT_CODES[Fit.FITS],
            speed,
            self._paces(worker, rows, there, shares, speed),
            own.columns.variants["weights"],
            made,
            text_only[at],
            own.columns,
        )

    def _fits(self, worker: Worker, rows: Column, context: Column) -> Column:
        """The verdict on the memory of some rows of the columns, each at its context."""
        assert worker.hardware is not None
        fits = self.columns.fits(worker.hardware, worker.options)[rows]
        for options, at in _by_context(worker, context):
            if options.context < worker.context:
                fits[at] = self.columns.taken(rows[at]).fits(worker.hardware, options)
        return fits

    def _shares(self, worker: Worker, rows: Column, fits: Column, context: Column) -> Shares:
        """What of some rows of the columns lies where, each at its context."""
        assert worker.hardware is not None
        shares = Shares.whole(len(rows))
        apart = np.flatnonzero(self.columns.lie_apart(fits, worker.hardware))
        for options, at in _by_context(worker, context[apart]):
            some = apart[at]
            shares.put(some, self.columns.taken(rows[some]).shares_read(fits[some], worker.hardware, options))
        return shares

    def _paces(self, worker: Worker, rows: Column, fits: Column, shares: Shares, speed: Column) -> Column:
        """The speeds by which they are told apart: see :func:`~compat.catalogue.taking.paced_on`."""
        assert worker.hardware is not None
        found, paced = speed.copy(), paced_on(worker.hardware)
        by_memory = is_paced_by_memory(fits, worker.hardware)
        found[np.isnan(found) & by_memory & (self.columns.variants["weights"][rows] < 0)] = UNTOLD_PACE
        for at_most in (False, True):
            at = np.flatnonzero(np.isnan(found) & by_memory)
            if len(at):
                some = self.columns.taken(rows[at])
                found[at] = some.speeds(fits[at], shares.of(at), paced, worker.kv, at_most=at_most)
        return found

    def speeds(self, index: IndexColumns, verdicts: Verdicts, best: Best) -> Column:
        """Tokens a second of every group: of the variant that its verdict is about; NaN where there is no number."""
        found = np.full(len(index.need_sheet), np.nan)
        found[best.need] = best.speed
        # What does not run has none, whatever the memory would allow.
        return np.where(verdicts.level > 0, found[index.need], np.nan)

    def _on_hardware(self, index: IndexColumns, worker: Worker) -> Entries:
        """The entries as the rules give them on the worker's accelerators, where those are named."""
        if worker.capability is None:
            return self.entries
        engine = bound_of_engine(worker.profile, worker.capability)
        if engine.cause:
            accepted = self.entries.level > 0
            level = np.where(accepted, int(Confidence.NONE), self.entries.level)
            cause = np.where(accepted, CAUSE_CODES[engine.cause], self.entries.cause)
            none, no = level[:0], level[:0].astype(bool)
            return Entries(level, cause, np.zeros_like(self.entries.first), none, none, none, no, no, no)
        entries = self.entries
        if len(self.depending.sheets):
            judged = self.depending.on(worker.profile, worker.capability)
            entries = _replaced(entries, index, self.depending, judged)
        return entries if engine.limit is None else entries.at_most(engine.limit)


@dataclass(frozen=True)
class Builds:
    """Builds of some memory needs on one machine, need after need, of each the one that an engine prefers first.

    ``position`` is the variant's in its record, ``level`` its verdict, ``whole`` whether it fits on the accelerators,
    ``spare`` whether with room to spare, ``speed`` tokens a second (NaN: no number), ``pace`` those by which builds are
    told apart where there are none (see :func:`~compat.catalogue.taking.paced_on`), ``weights`` its bytes (-1: not
    known), ``made_for`` the tokens that it was made for (0: not read), ``text_only`` whether nothing but its language
    part runs. ``columns`` has a row for each.
    """

    need: Column
    position: Column
    level: Column
    whole: Mask
    spare: Mask
    speed: Column
    pace: Column
    weights: Column
    made_for: Column
    text_only: Mask
    columns: NeedColumns

    def spare_at(self, worker: Worker, at: Column, context: int) -> Mask:
        """Whether some of them fit with room to spare at another context."""
        assert worker.hardware is not None
        fits = self.columns.taken(at).fits(worker.hardware, replace(worker.options, context=context))
        found: Mask = fits == FIT_CODES[Fit.FITS]
        return found


@dataclass(frozen=True)
class Best:
    """The variants that verdicts are about, need after need: their positions, and tokens a second (NaN: no number)."""

    need: Column
    position: Column
    speed: Column


def _loaded(worker: Worker, made: Column) -> Column:
    """The tokens that variants are loaded for: what :func:`~compat.catalogue.made_for.loaded_context` says of each."""
    if asked_for(worker.context) and worker.profile.slug not in CUTS_CONTEXT:
        return np.full_like(made, worker.context)
    return np.where((made > NOT_READ) & (made < worker.context), made, worker.context)


def _by_context(worker: Worker, context: Column) -> Iterator[tuple[LoadOptions, Column]]:
    """How the worker loads at each context there is, and where in the column that is."""
    for tokens in distinct(context).tolist():
        yield replace(worker.options, context=tokens), np.flatnonzero(context == tokens)


def _bounded(level: Column, doubted: Mask) -> Column:
    """Confidences, where whether it loads at all is doubted no more than medium."""
    return np.where(doubted, np.minimum(level, int(Confidence.MEDIUM)), level)


def _at_context(level: Column, made: Column, worker: Worker) -> Column:
    """What :func:`~compat.catalogue.made_for.apply_made_for` leaves of each confidence."""
    beyond = (made > NOT_READ) & (made < asked_for(worker.context))
    return np.where(beyond, np.minimum(level, int(Confidence.LOW)), level)


def _with_fit(sure: Column, fit: Column, worker: Worker) -> tuple[Column, Column]:
    """(confidence, code of the cause): what :func:`~compat.catalogue.memory_fit.apply_memory_fit` leaves of each."""
    assert worker.hardware is not None
    lowered = fit == FIT_CODES[Fit.PARTIAL]
    if None not in worker.hardware.usable():
        # Where nobody told the machine's memory, a need that is not known lowers nothing.
        lowered = lowered | (fit == FIT_CODES[Fit.UNKNOWN])
    too_large, uneven, barred = (fit == FIT_CODES[one] for one in (Fit.TOO_LARGE, Fit.UNEVEN, Fit.CACHE))
    level = np.where(lowered, np.minimum(sure, int(Confidence.LOW)), sure)
    cause = np.where(too_large, CAUSE_CODES["memory"], np.where(uneven, CAUSE_CODES["platform"], 0))
    cause = np.where(barred, CAUSE_CODES["cache"], cause)
    return np.where(too_large | uneven | barred, int(Confidence.NONE), level), cause


def _replaced(entries: Entries, index: IndexColumns, answers: HardwareAnswers, judged: Judged) -> Entries:
    """The entries with what hardware makes of the answers to some sheets."""
    rows = np.searchsorted(index.sheet_ids, answers.sheets)
    level, cause, sizes = entries.level.copy(), entries.cause.copy(), np.zeros(len(index.sheet_ids), dtype=np.int64)
    level[rows], cause[rows], sizes[rows] = judged.level, judged.cause, np.diff(judged.first)
    first = np.concatenate([[0], np.cumsum(sizes)])
    how = judged.text_only, judged.unaided, judged.unoptimized
    other = Entries(level, cause, first, judged.position, judged.sureness, judged.made_for, *how)
    touched = np.zeros(len(index.sheet_ids), dtype=bool)
    touched[rows] = True
    return _joined(Verdicts(level, cause), touched, other, entries, np.arange(len(touched)))


def _joined(verdicts: Verdicts, touched: Mask, new: Entries, old: Entries, old_rows: Column) -> Entries:
    """The entries of all sheets: of those touched the new ones, of the others the old ones, at their rows then."""
    own, other = np.flatnonzero(touched), np.flatnonzero(~touched)
    parts = [new.rows(own), old.rows(old_rows[other])]
    sizes = np.zeros(len(touched), dtype=np.int64)
    sizes[own], sizes[other] = parts[0][0], parts[1][0]
    sheet = np.concatenate([np.repeat(own, parts[0][0]), np.repeat(other, parts[1][0])])
    at = np.argsort(sheet, kind="stable")
    columns = (np.concatenate(both)[at] for both in zip(*(part[1:] for part in parts), strict=True))
    return Entries(verdicts.level, verdicts.cause, np.concatenate([[0], np.cumsum(sizes)]), *columns)


Before = tuple[IndexColumns, Mapping[str, EngineNeeds]]
"""The columns of an index before this one, and what was known of engines then."""


def read_engine_needs(
    index: IndexColumns, workers: Sequence[Worker], before: Before | None = None
) -> dict[str, EngineNeeds]:
    """What each worker's engine would load, by its slug; rows that the index before had as well are taken from it."""
    chosen = {worker.profile.slug: _entries(index, worker, before) for worker in workers}
    variants = {engine: distinct(entries.of_needs(index)[1]) for engine, (entries, _) in chosen.items()}
    columns = {}
    missing = {}
    for engine, numbers in variants.items():
        kept = _kept(index, numbers, engine, before)
        columns[engine] = [kept.columns] if kept else []
        missing[engine] = numbers[~np.isin(numbers, kept.variants)] if kept else numbers
    wanted = distinct(np.concatenate([*missing.values(), np.zeros(0, dtype=np.int64)]))
    for part, inputs_ in _inputs(index, wanted):
        for engine, numbers in missing.items():
            columns[engine].append(
                NeedColumns.of((inputs_[at] for at in np.flatnonzero(np.isin(part, numbers))), engine)
            )
    found = {}
    for engine, (entries, depending) in chosen.items():
        told = _numbers_told(index, variants[engine], missing[engine])
        joined = NeedColumns.joined(columns[engine], engine).taken(np.argsort(told, kind="stable"))
        found[engine] = EngineNeeds(entries, variants[engine], joined, depending)
    return found


def _numbers_told(index: IndexColumns, variants: Column, missing: Column) -> Column:
    """The variants' numbers in the order in which their rows were gathered: those kept, then those made."""
    return np.concatenate([variants[~np.isin(variants, missing)], missing])


@dataclass(frozen=True)
class _Kept:
    """Rows of columns that stay true, and the numbers that their variants have now, ascending."""

    variants: Column
    columns: NeedColumns


def _kept(index: IndexColumns, variants: Column, engine: str, before: Before | None) -> _Kept | None:
    if before is None or engine not in before[1]:
        return None
    old, needs = before[0], before[1][engine]
    rows = {key: row for row, key in enumerate(_keys(old, needs.variants))}
    known = np.fromiter((rows.get(key, -1) for key in _keys(index, variants)), np.int64, len(variants))
    return _Kept(variants[known >= 0], needs.columns.taken(known[known >= 0]))


def _entries(index: IndexColumns, worker: Worker, before: Before | None) -> tuple[Entries, HardwareAnswers]:
    """The variants that an engine accepts, and what known hardware may say otherwise.

    Sheets never change: what the same rules said of one before, they say now.
    """
    engine, size = worker.profile.slug, len(index.sheet_ids)
    stored = _stored(index, engine)
    known = _same_rules(index, engine, before)
    judged = known[0].sheet_ids[_stored(known[0], engine).level != UNJUDGED] if known else ()
    told = np.isin(index.sheet_ids, judged) if known else np.zeros(size, dtype=bool)
    new = np.flatnonzero(~told & (stored.level > 0))
    row_of = {int(index.sheet_ids[row]): int(row) for row in new}
    accepted, asking = {}, {}
    for pk, answer in accepted_answers(worker, list(row_of)):
        accepted[row_of[pk]] = answer
        if _depends(answer, worker.profile):
            asking[pk] = answer
    depending = HardwareAnswers.of(asking, worker.profile)
    entries = Entries.of(stored, accepted)
    if known:
        old, needs = known
        # Rows of sheets that are new lead nowhere, and are not asked.
        old_rows = np.minimum(np.searchsorted(old.sheet_ids, index.sheet_ids), len(old.sheet_ids) - 1)
        entries = _joined(stored, ~told, entries, needs.entries, old_rows)
        depending = HardwareAnswers.joined([depending, needs.depending.among(index.sheet_ids)])
    return entries, depending


def _depends(answer: SheetAnswer, profile: EngineProfile) -> bool:
    """Whether hardware may change the answer to a sheet, or the order of its variants."""
    if any(depends_on_hardware(facts, profile) for facts in answer.facts):
        return True
    limited = profile.experimental is not None or profile.doubts
    return bool(limited) and len({result.level for result in answer.results}) > 1


def _stored(index: IndexColumns, engine: str) -> Verdicts:
    """An engine's verdicts by sheet; all unjudged where it has none."""
    engines = index.texts["engines"]
    if engine not in engines:
        size = len(index.sheet_ids)
        return Verdicts(np.full(size, UNJUDGED, dtype=np.int8), np.zeros(size, dtype=np.int8))
    at = engines.index(engine)
    return Verdicts(index.levels[at], index.causes[at])


def _same_rules(index: IndexColumns, engine: str, before: Before | None) -> tuple[IndexColumns, EngineNeeds] | None:
    """What was known of an engine before, if the same rules made it, and made all of it."""
    if before is None or engine not in before[1] or not len(before[0].sheet_ids):
        return None
    old = before[0]
    versions = [dict(zip(one.texts["engines"], one.texts["rules"], strict=True)).get(engine) for one in (old, index)]
    return (old, before[1][engine]) if versions[0] and versions[0] == versions[1] else None


def _needs_and_positions(index: IndexColumns, variants: Column) -> tuple[Column, Column]:
    need = np.searchsorted(index.need_first, variants, side="right") - 1
    return need, variants - index.need_first[need]


def _keys(index: IndexColumns, variants: Column) -> Iterator[tuple[bytes, int]]:
    """What a variant's row of columns depends on: the digest of its need, and its position."""
    need, position = _needs_and_positions(index, variants)
    return zip((digest.tobytes() for digest in index.need_digest[need]), position.tolist(), strict=True)


def _inputs(index: IndexColumns, variants: Column) -> Iterator[tuple[Column, list[VariantInputs]]]:
    """Some variants' numbers and what the estimate needs of each, a few thousand at a time. Two queries for each."""
    for start in range(0, len(variants), _AT_ONCE):
        part = variants[start : start + _AT_ONCE]
        need, position = _needs_and_positions(index, part)
        members = index.need_member[need].tolist()
        records = ModelRecord.objects.only(*_OF_RECORDS).in_bulk(set(members))
        stored = RecordVariant.objects.filter(record__in=records).only(*_OF_VARIANTS).order_by()
        found = {(variant.record_id, variant.position): variant for variant in stored}
        places = list(zip(members, position.tolist(), strict=True))
        # A record that went meanwhile is of no more interest: the next index is without it.
        yield (
            part,
            [inputs_of_variant(records[at[0]], found[at])[0] if at in found else VariantInputs() for at in places],
        )


_OF_VARIANTS = ("record_id", "position", "key", "format", "quantization", "size_bytes", "bits", "as_made", "tensors")
_OF_RECORDS = (
    *("name", "parameters", "parameters_from", "shape_facts", "packed_model", "projector", "projector_bytes"),
)
