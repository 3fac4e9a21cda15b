"""A question answered from the index: counts by every facet, and the records in order, from any position on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, partial, reduce
from typing import Any

import numpy as np
from django.db.models import QuerySet
from django.db.models.functions import Lower

from compat.catalogue.columns import Facet, VerdictColumn
from compat.catalogue.current import speeds_on, suggested_on, verdicts_on
from compat.catalogue.descendants import made_from
from compat.catalogue.facets import FACETS, RANGES, chosen_values
from compat.catalogue.index import CatalogueIndex
from compat.catalogue.index_columns import (
    CAUSE_CODES,
    INDEX_CAUSES,
    RUNNING,
    SCORES,
    Bits,
    Column,
    Mask,
    OrderColumns,
    Sizes,
    Speeds,
    Units,
    by_level,
    level_of,
)
from compat.catalogue.membership import best_first, rows_of_model, rows_of_models
from compat.catalogue.order import ORDERS, SPEED, SUGGESTED, Order
from compat.catalogue.packed_words import having_packed
from compat.catalogue.question import Problem, Question, QuestionError
from compat.catalogue.rows import Row, UnknownModel, find_record
from compat.catalogue.suggesting import NEED_NOT_KNOWN, Standing, Suggested, standing
from compat.catalogue.workers import Worker
from compat.engines.machine_text import read_machine
from compat.estimate.amounts import distinct
from compat.models import ModelRecord, RecordTags
from compat.models.asked import Asked, without_signs
from compat.models.composed import ComposedQuery
from compat.models.search import ids_named, matching_ids
from compat.rules import Confidence

_BLOCK = 65_536
"""So many rows of an order are looked at before seeing whether that was enough."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """How many a question finds. ``hidden`` counts by cause what passes every filter but does not run."""

    total: int
    by_confidence: Mapping[int, int]
    hidden: Mapping[str, int]
    facets: Mapping[str, Mapping[str, int]]


class Finding:
    """One question to one index, on one worker.

    ``singled`` are the rows of the records that search, author and list single out, or None where nothing of that is
    asked; ``names_first`` puts a record first whose whole id or name is searched for, and ``needs_last`` what of an
    order by size has an unknown need on the worker's machine behind the rest. A facet's own counts ignore what
    is chosen of it, as a visitor expects of check boxes: they say what taking another box would give.

    Where it finds ``models``, a model is judged by the best of those of its builds that pass every filter, is counted
    once, and stands where the first of them does.

    Raises :class:`~compat.catalogue.question.QuestionError` for an order by speed where no machine is told.
    """

    def __init__(
        self,
        index: CatalogueIndex,
        criteria: Question,
        worker: Worker,
        *,
        names_first: bool = True,
        needs_last: bool = True,
        models: bool = False,
    ) -> None:
        self.index, self.criteria, self.worker = index, criteria, worker
        self.asked_for = read_as(index, criteria.asked_for)
        self.names_first, self.models = names_first, models
        self.singled: Column | None = None
        self.among: Mask | None = None
        singled = _singled_rows(index, criteria, self.asked_for, models=models)
        if singled is not None:
            self._single_out(singled)
        # Speeds first: working them out tells the verdicts as well.
        self.speeds = _speeds(index, criteria, worker)
        self.verdicts = verdicts_on(index, worker)
        suggested = suggested_on(index, worker, models=models) if criteria.sort == SUGGESTED.name else None
        self.ranked: Speeds | Suggested | Sizes | None = suggested or self.speeds
        columns = index.columns
        self.fails = {
            facet.name: ~self.index.values(facet).having(values)
            for facet, values in self._chosen()
            if not isinstance(facet.column, VerdictColumn)
        }
        self.lost = np.zeros(len(columns.counts), dtype=np.int8)
        for failed in self.fails.values():
            self.lost += failed
        self.within = self._in_ranges() & (self.verdicts.level >= 0)
        self.within &= _described(index, self.asked_for)
        self.scores = self.verdicts.scores(columns.trusted)
        if needs_last and criteria.sort == "params" and worker.hardware is not None:
            by_size = index.order(ORDERS["params"])
            self.ranked = Sizes.of(columns.ranges["parameters"], NEED_NOT_KNOWN[self.scores], by_size)

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
        self._single_out(_rows_of_bits(self.index, _remembered(self.index, tag, lambda: RecordTags.ids_with(tag))))

    def _single_out(self, rows: Column) -> None:
        self.singled = rows if self.singled is None else rows[np.isin(rows, self.singled)]
        self.among = np.zeros(len(self.index), dtype=bool)
        self.among[self.singled] = True

    def _chosen(self) -> Iterator[tuple[Facet, tuple[str, ...]]]:
        for facet in FACETS:
            values = chosen_values(self.criteria, facet.name)
            if values:
                yield facet, values

    def _in_ranges(self) -> Mask:
        columns, criteria = self.index.columns, self.criteria
        passes = np.ones(len(columns.counts), dtype=bool)
        for bound in RANGES:
            asked = getattr(criteria, bound.name)
            if asked is not None:
                numbers, value = columns.ranges[bound.column], int(asked * bound.scale)
                passes &= (numbers >= 0) & (numbers >= value if bound.least else numbers <= value)
        return passes

    def _asked_for(self, *, confidence: bool = True, side: bool = True) -> Mask:
        """The scores that are asked for; without what the question says of confidence, or of what runs and why not."""
        criteria, asked = self.criteria, np.zeros(SCORES, dtype=bool)
        causes, levels = slice(0, len(INDEX_CAUSES)), RUNNING[level_of(RUNNING) > 0]
        asked[causes] = asked[levels] = True
        if side and criteria.cause:
            asked &= np.isin(np.arange(SCORES), [CAUSE_CODES[cause] for cause in criteria.cause])
        if side and criteria.compatible != "false":
            asked[causes if criteria.compatible == "true" else levels] = False
        if confidence and criteria.confidence:
            taken = np.zeros(SCORES, dtype=bool)
            for word in criteria.confidence:
                level = Confidence[word.upper()]
                taken[RUNNING[level_of(RUNNING) == level] if level else causes] = True
            asked &= taken
        return asked

    @cached_property
    def units(self) -> Units:
        """What is counted, among the records that are singled out."""
        columns = self.index.columns
        if self.models and self.singled is None:
            return columns.models
        if self.models:
            return Units.of(columns.model[self.singled], columns.group[self.singled], len(columns.counts))
        if self.singled is None:
            return Units.records(columns.counts)
        return Units.records(np.bincount(columns.group[self.singled], minlength=len(columns.counts)))

    @cached_property
    def good(self) -> Column:
        """The scores of the groups that pass every filter, negative for the others."""
        return np.where(self.within & (self.lost == 0), self.scores, np.int16(-1))

    @cached_property
    def asked(self) -> Mask:
        """The scores that are asked for."""
        return self._asked_for()

    @cached_property
    def passing(self) -> Mask:
        """The groups whose records are found; of models, those whose best build is another are to be left out yet."""
        found: Mask = self.asked[self.good]
        return found

    @cached_property
    def _found_models(self) -> Mask | None:
        """The models that are found; None where every one is that has a record in :attr:`passing`."""
        asked = self.asked[_SCORES]
        if not self.models or not np.any(asked[:-1] > asked[1:]):
            return None
        columns = self.index.columns
        best = np.maximum.reduceat(self._row_scores(columns.model_rows), columns.model_first[:-1])
        found: Mask = self.asked[best]
        return found

    def _row_scores(self, rows: Column) -> Column:
        """The scores of some rows; negative for those that are not singled out or do not pass every filter."""
        scores: Column = self.good[self.index.columns.group[rows]]
        return scores if self.among is None else np.where(self.among[rows], scores, -1)

    @cached_property
    def _by_score(self) -> Column:
        return self.units.by_score(self.good)

    @cached_property
    def total(self) -> int:
        """How many are found."""
        return int(self._by_score[self.asked].sum())

    def numbers(self) -> Numbers:
        """All counts of the question."""
        shown = np.where(self._asked_for(side=False), self._by_score, 0)
        facets: dict[str, Mapping[str, int]] = {}
        for facet in FACETS:
            if isinstance(facet.column, VerdictColumn):
                facets[facet.name] = self._by_word()
                continue
            failed = self.fails.get(facet.name)
            scores = self.good if failed is None else np.where(self.within & (self.lost == failed), self.scores, -1)
            facets[facet.name] = self.index.values(facet).count(self.units, scores, self.asked)
        return Numbers(self.total, by_level(shown), self.hidden(), facets)

    def _by_word(self) -> Mapping[str, int]:
        """How many have each verdict, of what the question asks for but for that."""
        found = np.where(self._asked_for(confidence=False), self._by_score, 0)
        return {Confidence(level).word: n for level, n in by_level(found).items()}

    def hidden(self) -> Mapping[str, int]:
        """How many pass every filter but do not run, by cause; none where those are asked for as well."""
        if self.criteria.compatible != "true" or self.criteria.confidence:
            return {}
        return {cause: int(n) for cause, n in zip(INDEX_CAUSES, self._by_score, strict=False) if n}

    # --- in order ------------------------------------------------------------------------------------------------

    @property
    def order(self) -> Order:
        """The order that is asked for."""
        return {SPEED.name: SPEED, SUGGESTED.name: SUGGESTED, **ORDERS}[self.criteria.sort]

    def columns(self, order: Order) -> OrderColumns:
        """The rows in an order; in one that is made for the worker only where it is the one that is asked for."""
        return self.ranked.order if self.ranked is not None and order is self.order else self.index.order(order)

    def place(self, record: ModelRecord) -> list[Any]:
        """Where a record stands in the order that is asked for, as values that a cursor can hold."""
        if self.ranked is None:
            return self.order.place(record)
        told = self._values(self.index.rows_of([record.pk])).tolist()
        value = told[0] if told and told[0] == told[0] else None
        return [value if value is not None or self.speeds is not None else 0, *ORDERS["popular"].place(record)]

    def _values(self, rows: Column) -> Column:
        """What some rows are ordered by, in an order that is made for the worker."""
        assert self.ranked is not None
        if isinstance(self.ranked, Suggested):
            return self.ranked.points[rows]
        return self.ranked.groups[self.index.columns.group[rows]]

    def position_after(self, place: Sequence[Any]) -> int:
        """The position in that order after a place. One query, or a few where the record there moved or went."""
        if self.ranked is None:
            return position_after(self.index, self.order, place)
        value, *rest = place
        popular = position_after(self.index, ORDERS["popular"], rest)
        rows = self.ranked.order.rows
        before = self.index.places(ORDERS["popular"])[rows] < popular
        known = self._values(rows)
        if value is None:
            return int(np.count_nonzero(~np.isnan(known) | before))
        return int(np.count_nonzero((known > value) | ((known == value) & before)))

    def standings(self, rows: Sequence[Row], since: Mapping[int, datetime | None]) -> dict[int, Standing]:
        """Why some rows stand where they do, by their records' keys; empty in any other order than the suggested one.

        ``since`` are the dates of their models.
        """
        if not isinstance(self.ranked, Suggested):
            return {}
        found = {}
        for row in rows:
            pk, told = row.record.pk, since.get(row.record.pk) or row.record.created
            paced = row.speed is not None and row.speed.tokens_per_second is not None
            for at in self.index.rows_of([pk]).tolist():
                score, size = int(self.scores[self.index.columns.group[at]]), row.record.parameters_text
                found[pk] = standing(
                    self.index.columns, self.ranked, at, score, size, told, models=self.models, paced=paced
                )
        return found

    @property
    def whole_names(self) -> tuple[str, ...]:
        """What is searched for as one name: a record with this id, or with this name, comes first."""
        asked = self.asked_for
        ways = dict.fromkeys("-".join(map(without_signs, words)) for words in (asked.words, asked.apart) if words)
        return tuple(ways) if self.names_first and not (asked.widths or asked.described) else ()

    @cached_property
    def named(self) -> Column:
        """The rows of what comes first, in order: those whose whole id or name was searched for, and in the suggested
        order those of few that are called by the words, where others only hold their letters. A query each, or none.
        """
        pks = [pk for name in self.whole_names for (pk,) in (_OF_ID if "/" in name else _OF_NAME).rows(name)]
        first = self._firsts(self.index.rows_of(pks))
        called = self._firsts(self.index.rows_of(self._called()))
        if not 0 < len(called) <= _MOST_CALLED:
            return first
        rows = np.concatenate([first, called[~np.isin(called, first)]])
        return self._new(rows, np.zeros(len(self.index.columns.model_self), dtype=bool)) if self.models else rows

    def _called(self) -> list[int]:
        """The records that are called by the words, where few hold them and the order is ours to choose."""
        words, singled = self.asked_for.words, self.singled
        if not self.names_first or not words or self.order is not SUGGESTED or singled is None:
            return []
        return ids_named(words) if len(singled) <= _FEW_HOLD and "/" not in words[0] else []

    def _firsts(self, rows: Column) -> Column:
        """Those of some rows that are found, in the order that is asked for; of models the first of each."""
        rows = self._found(_of_models(self.index, rows, models=self.models) if len(rows) else rows)
        rows = in_order(self.columns(self.order), rows, len(self.index)) if len(rows) > 1 else rows
        return self._new(rows, np.zeros(len(self.index.columns.model_self), dtype=bool)) if self.models else rows

    def _found(self, rows: Column) -> Column:
        """Those of some rows that are found, of models every build that a list of them could show."""
        rows = rows[self.asked[self._row_scores(rows)]]
        found = self._found_models
        return rows if found is None else rows[found[self.index.columns.model[rows]]]

    def _new(self, rows: Column, seen: Mask) -> Column:
        """The first of some rows of each model that was not seen before; it is from now on."""
        models = self.index.columns.model[rows]
        fresh = np.flatnonzero(~seen[models])
        _, first = np.unique(models[fresh], return_index=True)
        seen[models[fresh]] = True
        return rows[fresh[np.sort(first)]]

    def ids(self, start: int, most: int) -> list[int]:
        """The ids of a slice of what is found, in order."""
        first = self.named[start : start + most]
        rest = self.rows_from(self.order, 0, max(0, start - len(self.named)), most - len(first))
        return self.index.ids_at(self.shown_for(np.concatenate([first, rest])))

    def answering_for(self, ids: Sequence[int]) -> list[int]:
        """The records that a list shows for some that are named: of models, the best of all their builds here."""
        if not self.models or not ids:
            return list(ids)
        columns = self.index.columns
        models = columns.model[self.index.rows_of(ids)]
        rows = [self._best_build(model, lambda builds: self.scores[columns.group[builds]]) for model in models]
        return self.index.ids_at(np.array(rows, dtype=np.int64))

    def are_one(self, pk: int, ids: Sequence[int]) -> bool:
        """Whether a record is among others, or of models a build of the same one."""
        if not self.models or pk in ids:
            return pk in ids
        models = self.index.columns.model
        return bool(np.isin(models[self.index.rows_of([pk])], models[self.index.rows_of(ids)]).any())

    def shown_for(self, rows: Column) -> Column:
        """The rows that a list shows for those that stand in its order: of models, the best of their builds.

        Of equally good ones that is the best known. In the order by speed it is the fastest, which stands there.
        """
        if not self.models or self.speeds is not None:
            return rows
        return np.array([self._best_build(m, self._row_scores) for m in self.index.columns.model[rows]], dtype=np.int64)

    def _best_build(self, model: int, scores_of: Callable[[Column], Column]) -> int:
        """The row of the best of a model's builds."""
        builds = self.index.columns.builds_of(model)
        return int(best_first(self.index, builds, scores_of(builds))[0])

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
        columns = self.columns(order)
        seen = np.zeros(len(self.index.columns.model_self) if self.models else 0, dtype=bool)
        if self.models:
            earlier = columns.rows[:begin][self.passing[columns.groups[:begin]]]
            seen[self.index.columns.model[np.concatenate([self._found(earlier), self.named])]] = True
        for behind, rows in scan(columns, self.passing, begin):
            if self.among is not None or self._found_models is not None:
                rows = self._found(rows)
            if self.models:
                rows = self._new(rows, seen)
            elif len(self.named):
                rows = rows[~np.isin(rows, self.named)]
            yield behind, rows


_FEW_HOLD, _MOST_CALLED = 2000, 100
"""Of at most so many records that hold the words, at most so many come first because they are called by them."""
_SCORES = np.array([*range(len(INDEX_CAUSES)), *RUNNING[level_of(RUNNING) > 0]])
"""Every score that there is, the best last."""

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
        raise QuestionError([Problem("sort", SPEED.name, NO_MACHINE)], criteria.changed(sort="suggested"))
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


def in_order(order: OrderColumns, rows: Column, records: int) -> Column:
    """Some of the rows of so many records, as they stand along an order."""
    wanted = np.zeros(records, dtype=bool)
    wanted[rows] = True
    left, found = int(wanted.sum()), [np.zeros(0, dtype=np.int64)]
    for start in range(0, len(order.rows), _BLOCK):
        block = order.rows[start : start + _BLOCK]
        found.append(block[wanted[block]].astype(np.int64))
        left -= len(found[-1])
        if not left:
            break
    return np.concatenate(found)


def _position(order: OrderColumns, row: int) -> int:
    return int(np.flatnonzero(order.rows == row)[0])


def _singled_rows(index: CatalogueIndex, criteria: Question, asked: Asked, *, models: bool) -> Column | None:
    """The rows of the records that search, author, list, model and base single out; None where none of these is asked.
    ``asked`` is what the search is read as.

    Where ``models`` are found, one whose words are searched for in any of its builds is, by all of them, and so is one
    that a list holds in any, or of which any was made from a base. A query for each.
    """
    found = []
    if asked.words:
        found.append(_of_models(index, _searched(index, asked), models=models))
    found += [_owned(index, [one.value]) for one in asked.means if one.parameter == "author"]
    if criteria.list:
        listed = ModelRecord.objects.filter(list_entries__curated_list__slug=criteria.list).order_by()
        rows = index.rows_of(list(listed.values_list("id", flat=True)))
        found.append(_of_models(index, rows, models=models))
    if criteria.author:
        found.append(_owned(index, criteria.author))
    if criteria.model:
        found.append(rows_of_model(index, _model_named(criteria)))
    if criteria.base:
        found.append(_of_models(index, index.rows_of([pk for pk, _ in made_from(criteria.base)]), models=models))
    return reduce(lambda one, other: one[np.isin(one, other)], found) if found else None


def _owned(index: CatalogueIndex, owners: Sequence[str]) -> Column:
    """The rows of the records of some accounts. One query."""
    lowered = [owner.lower() for owner in owners]
    owned = ModelRecord.objects.alias(owner_lowered=Lower("owner")).filter(owner_lowered__in=lowered).order_by()
    return index.rows_of(list(owned.values_list("id", flat=True)))


def _of_models(index: CatalogueIndex, rows: Column, *, models: bool) -> Column:
    """The rows of all builds of the models that some rows are builds of; where repositories are asked for, the rows."""
    if not models:
        return rows
    columns = index.columns
    if len(rows) < len(index) // _MANY:
        return np.sort(rows_of_models(columns, distinct(columns.model[rows]))).astype(np.int64)
    taken = np.zeros(len(columns.model_self), dtype=bool)
    taken[columns.model[rows]] = True
    return np.flatnonzero(taken[columns.model])


_MANY = 32
"""A search finds many rows where it finds one in so many: then all are looked at once, and none is sorted."""


def _model_named(criteria: Question) -> ModelRecord:
    """A repository of the model that is asked for. One query."""
    try:
        return find_record(criteria.model)
    except UnknownModel:
        message = f"This catalogue has no repository “{criteria.model}”."
        raise QuestionError([Problem("model", criteria.model, message)], criteria.changed(model="")) from None


def found_by(index: CatalogueIndex, asked: Asked) -> int:
    """How many records a search finds, whatever runs. One query or two, unless it was asked for a moment ago."""
    if not (asked.widths or asked.means):
        return int(np.bitwise_count(_bits_of(index, asked)).sum()) if asked.words else len(index)
    rows = _searched(index, asked) if asked.words else np.arange(len(index))
    return int(_described(index, asked)[index.columns.group[rows]].sum())


def read_as(index: CatalogueIndex, asked: Asked) -> Asked:
    """What a search asks for: where no record has its words, what those mean that need not be part of a name.

    A machine is no part of one either: ``best model for rtx 4090``.
    """
    if asked.pasted or not asked.words or found_by(index, asked):
        return asked
    other = asked.otherwise
    if other is not None and found_by(index, other):
        return other
    return next(filter(None, map(_of_machine, filter(None, (other, asked)))), asked)


def _of_machine(asked: Asked) -> Asked | None:
    """The same search without its words where these are a machine's; None where they are not."""
    words = tuple(map(without_signs, asked.apart or asked.words))
    machine = read_machine(" ".join(words)) if asked.described or len(words) > 1 else None
    named = machine is not None and machine.whole and machine.accelerator
    return replace(asked, words=(), apart=(), otherwise=None, left=(*asked.left, *words)) if named else None


def _described(index: CatalogueIndex, asked: Asked) -> Mask:
    """The groups that are as a search describes them."""
    within = np.ones(len(index.columns.counts), dtype=bool)
    for word in asked.widths:
        within &= having_packed(index, word)
    for facet in FACETS:
        for one in asked.means:
            if one.parameter == facet.name:
                within &= index.values(facet).having([one.value])
    return within


def holds_many(words: tuple[str, ...], least: int) -> bool:
    """Whether the search texts of at least so many records hold some words. One query, which reads no more of them."""
    return len(matching_ids(words, least)) >= least


def _searched(index: CatalogueIndex, asked: Asked) -> Column:
    """The rows whose search text holds the words that are asked for, or, where none does, each of them apart."""
    return _rows_of_bits(index, _bits_of(index, asked))


def _bits_of(index: CatalogueIndex, asked: Asked) -> Bits:
    """The same as a bit for each row. One query or two, unless the same was asked for a moment ago."""
    bits = _remembered(index, asked.words, partial(matching_ids, asked.words))
    if asked.apart and not bits.any():
        return _remembered(index, asked.apart, partial(matching_ids, asked.apart))
    return bits


def _rows_of_bits(index: CatalogueIndex, bits: Bits) -> Column:
    found: Column = np.flatnonzero(np.unpackbits(bits, count=len(index)))
    return found


def _remembered(index: CatalogueIndex, asked: tuple[str, ...] | str, find: Callable[[], list[int]]) -> Bits:
    """A bit for each row, set for what is found, or was found a moment ago."""
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
    return known


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
