"""What every query shares: the catalogue's state, the worker, a model as a row of a list."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any, overload

from django.db import DEFAULT_DB_ALIAS
from django.db.models.functions import Lower

from compat.catalogue.made_for import at_its_context
from compat.catalogue.memory_fit import advise_by_size
from compat.catalogue.needs import speed_told
from compat.catalogue.question import Question, machine_of, options_of
from compat.catalogue.suited_engine import engine_meant
from compat.catalogue.verdict import FitAt, Outcome, SheetAnswer, on_machine, outcome_of, sheet_answers
from compat.catalogue.workers import Worker, choose_worker
from compat.estimate import FitResult, SpeedEstimate
from compat.extraction.facts import VariantFacts
from compat.hub.payloads import is_repo_id
from compat.models import (
    ModelRecord,
    RecordVariant,
)
from compat.models.composed import ComposedQuery
from compat.rules import CompatibilityResult, Confidence


class UnknownModel(LookupError):  # noqa: N818 - named for what it tells, as Django names its own
    """The catalogue has no such model."""


def worker_of(criteria: Question, available: Mapping[str, Worker]) -> Worker:
    """The worker a question is about: the one it names, or has chosen, on the machine it tells; else the first one."""
    machine = machine_of(criteria)
    return choose_worker(
        available,
        engine_meant(criteria.worker, machine, available, options_of(criteria)),
        accelerator=criteria.accelerator,
        count=criteria.count,
        memory=criteria.memory,
        ram=criteria.ram,
        ram_bandwidth=criteria.ram_bandwidth,
        beside=criteria.beside,
        context=criteria.context,
        kv=criteria.kv,
        kv_values=criteria.kv_values,
        slots=criteria.slots,
        ubatch=criteria.ubatch,
        said=criteria.said,
    )


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Row:
    """A model in a list: its record, its verdict on the worker, and the variant that the verdict is about.

    ``facts`` and ``sizes`` (in bytes) are those of every variant, ``place`` says which of them the verdict is about.
    ``best`` is None for a record without variants, which is judged once, as it is. ``speed`` is that of the best
    variant on the worker's machine, None where that is not told. Nobody changes a row or what it
    holds: it is shown to many.
    """

    record: ModelRecord
    result: CompatibilityResult
    facts: tuple[VariantFacts, ...]
    place: int
    best: RecordVariant | None
    quantizations: tuple[str, ...]
    sizes: tuple[int | None, ...]
    fit: FitResult | None = None
    speed: SpeedEstimate | None = None
    note: str = ""

    @property
    def judged(self) -> VariantFacts:
        """The facts that the verdict is about."""
        return self.facts[self.place]

    @property
    def level(self) -> Confidence:
        """The verdict as an ordered value."""
        return self.result.level

    @property
    def unknown(self) -> bool:
        """Whether the verdict is a refusal for want of facts."""
        return self.result.cause == "unknown"

    @property
    def fix(self) -> str:
        """The one change that would make a refused model run, if there is one."""
        return self.result.recommendations[0] if not self.result.compatible and self.result.recommendations else ""


def records_by_id(ids: Sequence[int]) -> list[ModelRecord]:
    """Records in the order of their ids; those that went meanwhile are left out. One query."""
    known = {record.pk: record for record in _RECORDS.objects(ids)} if ids else {}
    return [known[pk] for pk in ids if pk in known]


_RECORDS = ComposedQuery(lambda ids: ModelRecord.objects.filter(pk__in=ids).order_by())


def find_record(repo_id: str) -> ModelRecord:
    """The record of this id, or of the repository that had it before it was renamed.

    Case matters only where two records differ by it. Raises :class:`UnknownModel`.
    """
    if not is_repo_id(repo_id):
        raise UnknownModel(repo_id)
    found: list[ModelRecord] = [*_SPELLED.objects(repo_id.lower())] or _RENAMED.objects(repo_id.lower())
    spelled = sorted(found, key=lambda one: one.repo_id != repo_id)
    if not spelled:
        raise UnknownModel(repo_id)
    return spelled[0]


def known_record(repo_id: str) -> ModelRecord | None:
    """The same; None where the catalogue has none."""
    try:
        return find_record(repo_id)
    except UnknownModel:
        return None


_SPELLED = ComposedQuery(lambda lowered: ModelRecord.objects.alias(lowered=Lower("repo_id")).filter(lowered=lowered))
_RENAMED = ComposedQuery(lambda lowered: ModelRecord.objects.filter(former_names__lowered=lowered))


def row_of(
    record: ModelRecord,
    variants: Sequence[RecordVariant],
    answer: SheetAnswer,
    worker: Worker,
    fit_at: FitAt | None = None,
) -> Row:
    """One record as a row; ``fit_at`` where fits are known. No query."""
    return _row(
        record, variants, *_told(variants), answer, worker, outcome_of(record, variants, answer, worker, fit_at)
    )


def row_of_build(
    record: ModelRecord,
    variants: Sequence[RecordVariant],
    answer: SheetAnswer,
    worker: Worker,
    place: int,
    fit_at: FitAt,
) -> Row:
    """The same about one of its builds, whichever is the best. No query."""
    fit = fit_at(place) if answer.results[place].compatible else None
    result = advise_by_size(answer.results[place], record.parameters, worker.hardware)
    outcome = Outcome(on_machine(result, answer.facts[place], fit, worker), place, fit)
    return _row(record, variants, *_told(variants), answer, worker, outcome)


def _told(variants: Sequence[RecordVariant]) -> tuple[list[str], list[int | None]]:
    return [variant.quantization for variant in variants], [variant.size_bytes for variant in variants]


def _row(
    record: ModelRecord,
    variants: Sequence[RecordVariant],
    quantizations: Iterable[str],
    sizes: Iterable[int | None],
    answer: SheetAnswer,
    worker: Worker,
    outcome: Outcome,
) -> Row:
    best = variants[outcome.best] if outcome.best < len(variants) else None
    return Row(
        record,
        outcome.result,
        answer.facts,
        outcome.best,
        best,
        tuple(dict.fromkeys(filter(None, quantizations))),
        tuple(sizes),
        outcome.fit,
        speed_told(record, best, at_its_context(worker, answer.facts[outcome.best]), outcome.result, outcome.fit),
    )


_COLUMNS = (
    *("id", "record_id", "position", "key", "label", "format", "quantization", "size_bytes", "bits", "missing_shards"),
    *("tensors", "as_made"),
)
_RECORD, _QUANTIZATION, _SIZE = (_COLUMNS.index(name) for name in ("record_id", "quantization", "size_bytes"))
_VARIANTS = ComposedQuery(lambda records: RecordVariant.objects.filter(record__id__in=records).values_list(*_COLUMNS))


class _Stored(Sequence[RecordVariant]):
    """A record's variants as the database told them: a list looks at one in twenty, and only that becomes an object."""

    def __init__(self, told: Sequence[tuple[Any, ...]]) -> None:
        self._told = told

    def __len__(self) -> int:
        return len(self._told)

    @overload
    def __getitem__(self, place: int) -> RecordVariant: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[RecordVariant]: ...

    def __getitem__(self, place: int | slice) -> RecordVariant | Sequence[RecordVariant]:
        if isinstance(place, slice):
            return _Stored(self._told[place])
        return RecordVariant.from_db(DEFAULT_DB_ALIAS, _COLUMNS, self._told[place])


def rows_of(records: Sequence[ModelRecord], worker: Worker) -> list[Row]:
    """Rows for records already read. Two queries."""
    return [make() for _, make in _makers(records, worker)]


def _makers(records: Sequence[ModelRecord], worker: Worker) -> Iterator[tuple[ModelRecord, Callable[[], Row]]]:
    """Records, each with what makes its row of what was read of all of them. Two queries."""
    if not records:
        return
    found = sheet_answers([record.sheet_id for record in records], worker)
    variants: dict[int, list[tuple[Any, ...]]] = {}
    for variant in _VARIANTS.rows([record.pk for record in records]):
        variants.setdefault(variant[_RECORD], []).append(variant)
    for record in records:
        told = variants.get(record.pk, [])
        quantizations = [one[_QUANTIZATION] for one in told]
        sizes = [one[_SIZE] for one in told]
        yield record, partial(_judged, record, _Stored(told), quantizations, sizes, found[record.sheet_id], worker)


def _judged(
    record: ModelRecord,
    variants: Sequence[RecordVariant],
    quantizations: Iterable[str],
    sizes: Iterable[int | None],
    answer: SheetAnswer,
    worker: Worker,
) -> Row:
    outcome = outcome_of(record, variants, answer, worker)
    return _row(record, variants, quantizations, sizes, answer, worker, outcome)


MOST_KEPT = 4096
"""Rows that are kept with an index; with what pages make of them, some six kilobytes each."""


class KeptRows:
    """Rows that lists showed before, for one version of the catalogue: most lists begin with what is well known.

    The least asked for go first where there are more than ``most``.
    """

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most, self._lock = most, Lock()
        self._rows: OrderedDict[tuple[int, Hashable], Row] = OrderedDict()

    def of(self, ids: Sequence[int], worker: Worker, *, newest: bool) -> list[Row]:
        """Rows in the order of the ids; records that went meanwhile are left out. Three queries, or none.

        While a newer version of the catalogue has no index yet, all are read anew, so that nothing is shown of what it
        took out.
        """
        found = self.reading(ids, worker, newest=newest)
        return [row for pk in ids if (row := found(pk)) is not None]

    def reading(
        self, ids: Sequence[int], worker: Worker, *, newest: bool, first: int | None = None
    ) -> Callable[[int], Row | None]:
        """What gives the rows of some records one by one: each is worked out when somebody asks for it.

        Where ``first`` is told, so many are read at once, and the rest only when one of them is asked for.
        """
        key, found = worker.key, dict[int, Row | None]()
        with self._lock:
            for pk in ids if newest else ():
                row = self._rows.get((pk, key))
                if row is not None:
                    self._rows.move_to_end((pk, key))
                    found[pk] = row
        missing = [pk for pk in dict.fromkeys(ids) if pk not in found]
        parts = iter([missing] if first is None else [missing[:first], missing[first:]])
        read: dict[int, Callable[[], Row]] = {}

        def row_of_id(pk: int) -> Row | None:
            while pk not in found and pk not in read:
                some = next(parts)
                known = {record.pk: make for record, make in _makers(records_by_id(some), worker)}
                read.update(known)
                found.update((gone, None) for gone in some if gone not in known)
            if pk not in found:
                found[pk] = self._kept(key, read[pk]()) if newest else read[pk]()
            return found[pk]

        return row_of_id

    def _kept(self, key: Hashable, row: Row) -> Row:
        with self._lock:
            self._rows[row.record.pk, key] = row
            while len(self._rows) > self._most:
                self._rows.popitem(last=False)
        return row


def rows_by_id(ids: Sequence[int], worker: Worker) -> list[Row]:
    """The same, all read from the database."""
    return rows_of(records_by_id(ids), worker)
