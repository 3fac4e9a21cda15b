"""A question answered from the index: counts by every facet, and the records in order, from any position on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from django.db.models import QuerySet
from django.db.models.functions import Lower

from compat.catalogue.columns import Facet, VerdictColumn
from compat.catalogue.current import speeds_on, verdicts_on
from compat.catalogue.facets import FACETS, RANGES, chosen_values
from compat.catalogue.index import CatalogueIndex
from compat.catalogue.index_columns import CAUSE_CODES, INDEX_CAUSES, Column, Mask, OrderColumns, Speeds
from compat.catalogue.order import ORDERS, SPEED, Order
from compat.catalogue.question import Problem, Question, QuestionError
from compat.catalogue.workers import Worker
from compat.models import ModelRecord, RecordTags
from compat.models.composed import ComposedQuery
from compat.models.search import matching_ids
from compat.rules import Confidence

_BLOCK = 65_536
"""So many rows of an order are looked at before seeing whether that was enough."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """How many records a question finds. ``hidden`` counts by cause what passes every filter but does not run."""

    total: int
    by_confidence: Mapping[int, int]
    hidden: Mapping[str, int]
    facets: Mapping[str, Mapping[str, int]]


class Finding:
    """One question to one index, on one worker.

    ``singled`` are the rows of the records that search, author and list single out, or None where nothing of that is
    asked; ``names_first`` puts a record first whose whole id or name is searched for. A facet's own counts ignore what
    is chosen of it, as a visitor expects of check boxes: they say what taking another box would give.

    Raises :class:`~compat.catalogue.question.QuestionError` for an order by speed where no machine is told.
    """

    def __init__(self, index: CatalogueIndex, criteria: Question, worker: Worker, *, names_first: bool = True) -> None:
        self.index, self.criteria, self.worker = index, criteria, worker
        self.names_first = names_first
        self.singled = singled_rows(index, criteria)
        # Speeds first: working them out tells the verdicts as well.
        self.speeds = _speeds(index, criteria, worker)
        self.verdicts = verdicts_on(index, worker)
        columns = index.columns
        self.fails = {facet.name: ~self._having(facet, values) for facet, values in self._chosen()}
        self.lost = np.zeros(len(columns.counts), dtype=np.int8)
        for failed in self.fails.values():
            self.lost += failed
        self.within = self._in_ranges() & (self.verdicts.level >= 0)
        self.shown = self._on_the_side_shown()

    def narrow(self, facet: str, value: str) -> None:
        """Find only records with a value of a facet, whatever else is chosen of it. Call before reading any result."""
        self.within &= self.index.values(facet).having([value])

    def without_cause(self, cause: str) -> None:
        """Find no record that is refused for a cause. Call before reading any result."""
        self.within &= self.verdicts.cause != CAUSE_CODES[cause]

    def only(self, ids: QuerySet[Any, int]) -> None:
        """Find only records among some ids. Call before reading any result; one query."""
        self._single_out(self.index.rows_of(list(ids)))

    def only_tagged(self, tag: str) -> None:
        """Find only records with a tag. Call before reading any result; a query, unless it was asked a moment ago."""
        self._single_out(_remembered(self.index, tag, lambda: RecordTags.ids_with(tag)))

    def _single_out(self, rows: Column) -> None:
        self.singled = rows if self.singled is None else rows[np.isin(rows, self.singled)]

    def _chosen(self) -> Iterator[tuple[Facet, tuple[str, ...]]]:
        for facet in FACETS:
            values = chosen_values(self.criteria, facet.name)
            if values:
                yield facet, values

    def _having(self, facet: Facet, values: Sequence[str]) -> Mask:
        if isinstance(facet.column, VerdictColumn):
            return np.isin(self.verdicts.level, [Confidence[value.upper()].value for value in values])
        return self.index.values(facet).having(values)

    def _in_ranges(self) -> Mask:
        columns, criteria = self.index.columns, self.criteria
        passes = np.ones(len(columns.counts), dtype=bool)
        for bound in RANGES:
            asked = getattr(criteria, bound.name)
            if asked is not None:
                numbers, value = columns.ranges[bound.column], int(asked * bound.scale)
                passes &= (numbers >= 0) & (numbers >= value if bound.least else numbers <= value)
        return passes

    def _on_the_side_shown(self) -> Mask:
        criteria, level = self.criteria, self.verdicts.level
        shown = np.ones(len(level), dtype=bool)
        if criteria.cause:
            shown &= np.isin(self.verdicts.cause, [CAUSE_CODES[cause] for cause in criteria.cause])
        if criteria.compatible != "false":
            shown &= (level > 0) == (criteria.compatible == "true")
        return shown

    @cached_property
    def counts(self) -> Column:
        """How many records every group has, among those that are singled out."""
        columns = self.index.columns
        if self.singled is None:
            return columns.counts
        return np.bincount(columns.group[self.singled], minlength=len(columns.counts))

    @cached_property
    def among(self) -> Mask | None:
        """Whether each row is singled out; None where nothing of that is asked."""
        if self.singled is None:
            return None
        among = np.zeros(len(self.index), dtype=bool)
        among[self.singled] = True
        return among

    @cached_property
    def passing(self) -> Mask:
        """The groups whose records are found."""
        found: Mask = self.within & self.shown & (self.lost == 0)
        return found

    @cached_property
    def total(self) -> int:
        """How many records are found."""
        return int(self.counts[self.passing].sum())

    def numbers(self) -> Numbers:
        """All counts of the question."""
        # Only groups that have a record count, and of a search those are few.
        there = np.flatnonzero((self.counts > 0) & self.within)
        lost, shown, counts = self.lost[there], self.shown[there], self.counts
        good = there[lost == 0]
        by_level = np.bincount(self.verdicts.level[good], weights=counts[good], minlength=len(Confidence))
        facets: dict[str, Mapping[str, int]] = {}
        for facet in FACETS:
            failed = self.fails.get(facet.name)
            near = there[shown & ((lost == 0) if failed is None else (lost == failed[there]))]
            facets[facet.name] = self._count(facet, near)
        return Numbers(self.total, {level: int(n) for level, n in enumerate(by_level) if n}, self.hidden(), facets)

    def hidden(self) -> Mapping[str, int]:
        """How many records pass every filter but do not run, by cause; none where those are asked for as well."""
        if self.criteria.compatible != "true" or self.criteria.confidence:
            return {}
        refused = np.flatnonzero(self.within & (self.lost == 0) & (self.verdicts.level == 0))
        weights = self.counts[refused]
        by_cause = np.bincount(self.verdicts.cause[refused], weights=weights, minlength=len(INDEX_CAUSES))
        return {cause: int(n) for cause, n in zip(INDEX_CAUSES, by_cause, strict=True) if n}

    def _count(self, facet: Facet, groups: Column) -> Mapping[str, int]:
        if isinstance(facet.column, VerdictColumn):
            level = np.bincount(self.verdicts.level[groups], weights=self.counts[groups], minlength=len(Confidence))
            return {Confidence(at).word: int(n) for at, n in enumerate(level) if n}
        return self.index.values(facet).count(groups, self.counts)

    # --- in order ------------------------------------------------------------------------------------------------

    @property
    def order(self) -> Order:
        """The order that is asked for."""
        return SPEED if self.speeds is not None else ORDERS[self.criteria.sort]

    def columns(self, order: Order) -> OrderColumns:
        """The rows in an order; in that by speed only where it is the one that is asked for."""
        return self.index.order(order) if self.speeds is None or order is not SPEED else self.speeds.order

    def place(self, record: ModelRecord) -> list[Any]:
        """Where a record stands in the order that is asked for, as values that a cursor can hold."""
        if self.speeds is None:
            return self.order.place(record)
        speeds = self.speeds.groups[self.index.columns.group[self.index.rows_of([record.pk])]]
        told = [float(speed) for speed in speeds if not np.isnan(speed)]
        return [told[0] if told else None, *ORDERS["popular"].place(record)]

    def position_after(self, place: Sequence[Any]) -> int:
        """The position in that order after a place. One query, or a few where the record there moved or went."""
        if self.speeds is None:
            return position_after(self.index, self.order, place)
        speed, *rest = place
        popular = position_after(self.index, ORDERS["popular"], rest)
        before = self.index.places(ORDERS["popular"])[self.speeds.order.rows] < popular
        known = self.speeds.groups[self.speeds.order.groups]
        if speed is None:
            return int(np.count_nonzero(~np.isnan(known) | before))
        return int(np.count_nonzero((known > speed) | ((known == speed) & before)))

    @property
    def whole_name(self) -> str:
        """The one word that is searched for: a record with this id, or with this name, comes first."""
        return self.criteria.words[0] if self.names_first and len(self.criteria.words) == 1 else ""

    @cached_property
    def named(self) -> Column:
        """The rows of the found records whose whole id or name was searched for, in order. One query, or none."""
        if not self.whole_name:
            return np.zeros(0, dtype=np.int64)
        named = (_OF_ID if "/" in self.whole_name else _OF_NAME).rows(self.whole_name)
        rows = self.index.rows_of([pk for (pk,) in named])
        rows = rows[self.passing[self.index.columns.group[rows]]]
        if self.among is not None:
            rows = rows[self.among[rows]]
        order = self.columns(self.order)
        return np.array(sorted(rows, key=lambda row: _position(order, row)), dtype=np.int64)

    def ids(self, start: int, most: int) -> list[int]:
        """The ids of a slice of what is found, in order."""
        first = self.named[start : start + most]
        rest = self.rows_from(self.order, 0, max(0, start - len(self.named)), most - len(first))
        return self.index.ids_at(np.concatenate([first, rest]))

    def rows_from(self, order: Order, begin: int, skip: int, most: int) -> Column:
        """At most so many rows from a position of an order on, ``skip`` of those found passed over.

        Rows in :attr:`named` are left out: they come first.
        """
        found: list[Column] = []
        for _, rows in self.walk(order, begin):
            passed = min(skip, len(rows))
            skip -= passed
            rows = rows[passed : passed + most]
            most -= len(rows)
            found.append(rows)
            if most <= 0:
                break
        return np.concatenate([*found, np.zeros(0, dtype=np.int64)])

    def walk(self, order: Order, begin: int = 0) -> Iterator[tuple[int, Column]]:
        """(next position, rows that are found) of every block of a scan along an order."""
        among = self.among
        for behind, rows in scan(self.columns(order), self.passing, begin):
            if among is not None:
                rows = rows[among[rows]]
            if len(self.named):
                rows = rows[~np.isin(rows, self.named)]
            yield behind, rows


_OF_NAME, _OF_ID = (
    ComposedQuery(
        lambda word, column=column: (
            ModelRecord.objects.alias(lowered=Lower(column)).filter(lowered=word).order_by().values_list("pk")
        )
    )
    for column in ("name", "repo_id")
)


def _speeds(index: CatalogueIndex, criteria: Question, worker: Worker) -> Speeds | None:
    """The speeds that a question is ordered by; None where it asks for another order."""
    if criteria.sort != SPEED.name:
        return None
    if worker.hardware is None:
        raise QuestionError([Problem("sort", SPEED.name, NO_MACHINE)], criteria.changed(sort="popular"))
    return speeds_on(index, worker)


NO_MACHINE = (
    "sort is speed, but no machine is told, and how fast a model writes depends on what it runs on. Give the "
    "accelerator (or, for the processor alone, ram and ram_bandwidth), or take another order."
)


def scan(order: OrderColumns, passing: Mask, begin: int = 0) -> Iterator[tuple[int, Column]]:
    """(next position, rows whose group passes) of every block of a scan along an order."""
    for start in range(begin, len(order.rows), _BLOCK):
        groups = order.groups[start : start + _BLOCK]
        yield start + len(groups), order.rows[start : start + _BLOCK][passing[groups]]


def first_rows(order: OrderColumns, passing: Mask, most: int) -> Column:
    """The first rows along an order whose group passes."""
    found: list[Column] = [np.zeros(0, dtype=np.int64)]
    for _, rows in scan(order, passing):
        found.append(rows[:most])
        most -= len(found[-1])
        if most <= 0:
            break
    return np.concatenate(found)


def _position(order: OrderColumns, row: int) -> int:
    return int(np.flatnonzero(order.rows == row)[0])


def singled_rows(index: CatalogueIndex, criteria: Question) -> Column | None:
    """The rows of the records that search, author and list single out; None where nothing of that is asked.

    A query for the words, and one for author and list.
    """
    found = _with_words(index, criteria.words) if criteria.words else None
    if criteria.author or criteria.list:
        records = ModelRecord.objects.order_by()
        if criteria.author:
            owners = [author.lower() for author in criteria.author]
            records = records.alias(owner_lowered=Lower("owner")).filter(owner_lowered__in=owners)
        if criteria.list:
            records = records.filter(list_entries__curated_list__slug=criteria.list)
        rows = index.rows_of(list(records.values_list("id", flat=True)))
        found = rows if found is None else rows[np.isin(rows, found)]
    return found


def finds_words(index: CatalogueIndex, words: tuple[str, ...]) -> bool:
    """Whether any record's search text holds some words. One query, unless they were asked for a moment ago."""
    return bool(len(_with_words(index, words)))


def _with_words(index: CatalogueIndex, words: tuple[str, ...]) -> Column:
    """The rows whose search text holds some words. One query, unless they were asked for a moment ago."""
    return _remembered(index, words, lambda: matching_ids(words))


def _remembered(index: CatalogueIndex, asked: tuple[str, ...] | str, find: Callable[[], list[int]]) -> Column:
    """The rows of what is found, or was found a moment ago."""
    with index.lock:
        known = index.searches.pop(asked, None)
        if known is None:
            rows = index.rows_of(find())
            known = np.zeros(len(index), dtype=bool)
            known[rows] = True
            known = np.packbits(known)
        index.searches[asked] = known
        if len(index.searches) > _MOST_SEARCHES:
            index.searches.pop(next(iter(index.searches)))
    found: Column = np.flatnonzero(np.unpackbits(known, count=len(index)))
    return found


_MOST_SEARCHES = 64
"""So many searches for words or a tag are kept with an index, a bit a record each: a next page asks the same."""


def position_after(index: CatalogueIndex, order: Order, place: Sequence[Any]) -> int:
    """The position in an order after a cursor's row. One query, or a few where the record moved or went."""
    columns = index.order(order)
    named = ModelRecord.objects.filter(repo_id=place[-1]).first()
    if named is not None and order.place(named) == list(place):
        rows = index.rows_of([named.pk])
        if len(rows):
            return _position(columns, rows[0]) + 1
    for part in order.ranges(place):
        for pk in part.values_list("id", flat=True)[:_BLOCK].iterator(100):
            rows = index.rows_of([pk])
            if len(rows):
                return _position(columns, rows[0])
    return len(columns.rows)
