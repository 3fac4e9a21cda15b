"""The columns that an index is made of, and the values that they stand for.

A worked example of ten records stands in :mod:`compat.catalogue.index`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compat.catalogue.columns import VerdictColumn
from compat.catalogue.facets import FACETS
from compat.catalogue.question import ALL_CAUSES
from compat.catalogue.taking import UNSURE, WORTHS
from compat.estimate.amounts import distinct
from compat.rules import Confidence

Column = NDArray[Any]
Mask = NDArray[np.bool_]
Bits = NDArray[np.uint8]
"""One bit for each row."""

INDEXED = tuple(facet for facet in FACETS if not isinstance(facet.column, VerdictColumn))
"""The facets that groups have a column of."""

UNJUDGED = -1
"""Stands for the confidence of a fact sheet that an engine has not judged yet."""
INDEX_CAUSES = ("", *ALL_CAUSES)
"""The causes of refusals by their code in a column."""
CAUSE_CODES = {cause: code for code, cause in enumerate(INDEX_CAUSES)}


def ranges(starts: Column, sizes: Column) -> Column:
    """The numbers from each start on, so many of each."""
    before = np.repeat(np.cumsum(sizes) - sizes, sizes)
    found: Column = np.repeat(starts, sizes) + np.arange(sizes.sum(), dtype=np.int64) - before
    return found


def _distinct(first: Column, second: Column, size: int) -> tuple[Column, Column]:
    """The distinct pairs of two columns, of which the second is below ``size``."""
    one, other = np.divmod(distinct(first.astype(np.int64) * max(size, 1) + second), max(size, 1))
    return one, other


@dataclass(frozen=True)
class Units:
    """What a list counts as one: records, or the models that records are builds of.

    Of most units all records are in one group: each of the groups ``at`` has ``alone`` of them. Those whose records are
    in the same several groups are counted together: ``groups`` from ``first[n]`` on are those of the ``n``-th kind, of
    which there are ``counts[n]``. Three groups with one model each, and two models that have builds in both the first
    and the last group::

        at      0 1 2
        alone   1 1 1
        first   0
        groups  0 2
        counts  2
    """

    at: Column
    alone: Column
    first: Column
    groups: Column
    counts: Column

    @classmethod
    def records(cls, counts: Column) -> Units:
        """Every record by itself, of which each group has so many."""
        at, nothing = np.flatnonzero(counts), np.zeros(0, dtype=np.int64)
        return cls(at, counts[at], nothing, nothing, nothing)

    @classmethod
    def of(cls, units: Column, groups: Column, size: int) -> Units:
        """The units that some records are of, by number, and their groups, of which there are ``size`` in all."""
        # Most units have one record: only the others need sorting.
        lone = np.bincount(units)[units] == 1
        alone = np.bincount(groups[lone], minlength=size)
        unit, group = _distinct(units[~lone], groups[~lone], size)
        first = np.flatnonzero(np.diff(unit, prepend=-1))
        sizes = np.diff(first, append=len(unit))
        alone += np.bincount(group[first[sizes == 1]], minlength=size)
        several = np.flatnonzero(sizes > 1)
        kinds = Counter(
            group[start:end].tobytes()
            for start, end in zip(first[several].tolist(), (first + sizes)[several].tolist(), strict=True)
        )
        lengths = np.array([len(key) // group.itemsize for key in kinds], dtype=np.int64)
        at = np.flatnonzero(alone)
        return cls(
            at,
            alone[at],
            np.cumsum(lengths) - lengths,
            np.frombuffer(b"".join(kinds), dtype=group.dtype),
            np.fromiter(kinds.values(), np.int64, len(kinds)),
        )

    def by_score(self, scores: Column) -> Column:
        """How many units have which largest score, by the scores of their groups; negative ones do not count."""
        alone = scores[self.at]
        found = np.bincount(alone[alone >= 0], weights=self.alone[alone >= 0], minlength=SCORES)
        if len(self.first):
            best = np.maximum.reduceat(scores[self.groups], self.first)
            found = found + np.bincount(best[best >= 0], weights=self.counts[best >= 0], minlength=SCORES)
        return found.astype(np.int64)


def by_level(by_score: Column) -> dict[int, int]:
    """Numbers by confidence, of numbers by score; those of none are left out."""
    found = np.bincount(level_of(RUNNING), weights=by_score[RUNNING], minlength=len(Confidence))
    counts = {int(level): int(found[level]) for level in Confidence if level}
    counts[Confidence.NONE] = int(by_score[:RUNS].sum())
    return {level: n for level, n in counts.items() if n}


@dataclass(frozen=True)
class Values:
    """The values that groups have of one facet: ``codes`` one a group, and for every code its values.

    ``whole`` are the units of the whole catalogue, of which what they have is looked up once.
    """

    codes: Column
    sets: Sequence[tuple[str, ...]]
    whole: Units | None = None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every value that occurs."""
        return tuple(dict.fromkeys(value for values in self.sets for value in values))

    @cached_property
    def _pairs(self) -> tuple[Column, Column]:
        """(code, number of a value) for every value of every code."""
        numbers = {value: number for number, value in enumerate(self.names)}
        pairs = [(code, numbers[value]) for code, values in enumerate(self.sets) for value in values]
        flat = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        return flat[:, 0], flat[:, 1]

    @cached_property
    def _codes_of(self) -> dict[str, list[int]]:
        """The codes whose values a value is among."""
        found: dict[str, list[int]] = {}
        for code, values in enumerate(self.sets):
            for value in values:
                found.setdefault(value, []).append(code)
        return found

    def having(self, wanted: Iterable[str]) -> Mask:
        """The groups that have any of these values."""
        allowed = np.zeros(len(self.sets), dtype=bool)
        for value in wanted:
            allowed[self._codes_of.get(value, [])] = True
        return allowed[self.codes]

    def count(self, units: Units, scores: Column, allowed: Mask) -> dict[str, int]:
        """How many units have each value, by the records that have it; a unit with two values counts for both.

        ``scores`` are those of the groups; a unit counts for a value where the best that it has there is ``allowed``.
        """
        near = allowed[scores[units.at]]
        by_code = np.bincount(self.codes[units.at[near]], weights=units.alone[near], minlength=len(self.sets))
        codes, numbers = self._pairs
        totals = np.bincount(numbers, weights=by_code[codes], minlength=len(self.names))
        if len(units.first):
            totals = totals + self._of_several(units, scores, allowed)
        occur = np.flatnonzero(totals)
        found = zip(occur.tolist(), totals[occur].astype(np.int64).tolist(), strict=True)
        return {self.names[number]: n for number, n in found}

    def _of_several(self, units: Units, scores: Column, allowed: Mask) -> Column:
        """By the value's number, how many of the units whose records are in several groups."""
        pairs = self._of_whole if units is self.whole else self._pairs_of(units)
        best = np.maximum.reduceat(scores[pairs.groups], pairs.first) if len(pairs.first) else pairs.first
        weights = units.counts[pairs.kind] * allowed[best]
        return np.bincount(pairs.number, weights=weights, minlength=len(self.names))

    @cached_property
    def _of_whole(self) -> _Pairs:
        assert self.whole is not None
        return self._pairs_of(self.whole)

    def _pairs_of(self, units: Units) -> _Pairs:
        codes, numbers = self._pairs
        starts, ends = (np.searchsorted(codes, self.codes[units.groups], side=side) for side in ("left", "right"))
        sizes = ends - starts
        kinds = np.repeat(np.arange(len(units.first)), np.diff(units.first, append=len(units.groups)))
        pair = np.repeat(kinds, sizes) * len(self.names) + numbers[ranges(starts, sizes)]
        order = np.argsort(pair, kind="stable")
        first = np.flatnonzero(np.diff(pair[order], prepend=-1))
        kind, number = np.divmod(pair[order][first], max(len(self.names), 1))
        groups = np.repeat(units.groups, sizes)[order]
        return _Pairs(groups.astype(np.int32), first, kind.astype(np.int32), number.astype(np.int32))


@dataclass(frozen=True)
class _Pairs:
    """The values that kinds of units have: the ``n``-th is ``number[n]`` of ``kind[n]``, in the groups from
    ``first[n]`` on.
    """

    groups: Column
    first: Column
    kind: Column
    number: Column


@dataclass(frozen=True)
class Verdicts:
    """The verdict on every group on one worker: confidence, and the code of the cause of a refusal.

    ``worth`` is how much the build that it is about is worth on the worker's machine (see
    :mod:`compat.catalogue.taking`), ``taken`` the position of that build in its record, by need; None where no machine
    is told.
    """

    level: Column
    cause: Column
    worth: Column | None = None
    taken: Column | None = None

    def scores(self, trusted: Mask) -> Column:
        """How good each is, as one number: a refusal's cause; above all refusals the worth, and then the confidence.

        ``trusted`` are the groups whose packer is known; of others no build is sure.
        """
        return self.at(slice(None), trusted)

    def at(self, groups: Column | slice, trusted: Mask) -> Column:
        """The same of some groups; ``trusted`` are still of all."""
        level, cause = self.level[groups], self.cause[groups]
        runs = RUNS + level.astype(np.int16)
        if self.worth is not None:
            worth = self.worth[groups]
            worth = np.where(trusted[groups], worth, UNSURE[worth])
            runs = runs + _LEVELS * worth.astype(np.int16)
        return np.where(level > 0, runs, np.where(level == 0, cause, -1)).astype(np.int16)


RUNS = 64
"""What is added to the score of what runs; those of refusals are below."""
_LEVELS = 4
SCORES = RUNS + _LEVELS * WORTHS + 1
"""Scores are below this, and none is the last: a negative one leads there."""
RUNNING = np.arange(RUNS, SCORES - 1)
"""The scores that what runs may have; every fourth stands for no confidence, and is none."""


def worth_of(score: int) -> int:
    """The worth that a score of what runs stands for; 0 where no machine is told."""
    return (score - RUNS) // _LEVELS


def level_of(scores: Any) -> Any:
    """The confidence that a score of what runs stands for."""
    return (scores - RUNS) % _LEVELS


@dataclass(frozen=True)
class OrderColumns:
    """One order: the rows of the records, and beside them their groups, so that a scan reads memory in sequence."""

    rows: Column
    groups: Column


@dataclass(frozen=True)
class Speeds:
    """Tokens a second of every group on one worker's machine, NaN where there is no number; and the records by it.

    Those of equal speed are in the order of popularity, as are those without one, which come last.
    """

    groups: Column
    order: OrderColumns

    @classmethod
    def of(cls, groups: Column, popular: OrderColumns) -> Speeds:
        """The records in that order, from those in the order of popularity."""
        # NaN is sorted behind every number.
        at = np.argsort(-groups[popular.groups], kind="stable")
        return cls(groups, OrderColumns(popular.rows[at], popular.groups[at]))


@dataclass(frozen=True)
class Sizes:
    """The records by their weights on one worker's machine, where those that have a memory need that is not known come
    behind all others; ``groups`` is what every group is ordered by. Of equal ones the best known stand first.
    """

    groups: Column
    order: OrderColumns

    @classmethod
    def of(cls, parameters: Column, unknown: Mask, by_size: OrderColumns) -> Sizes:
        """The records in that order, from those by size alone; ``unknown`` are the groups to be put behind."""
        at = np.argsort(unknown[by_size.groups], kind="stable")
        groups = parameters - np.where(unknown, _BEYOND_ANY_SIZE, 0)
        return cls(groups, OrderColumns(by_size.rows[at], by_size.groups[at]))


_BEYOND_ANY_SIZE = 1 << 60
"""More weights than any model has."""


@dataclass(frozen=True)
class IndexColumns:
    """What is written to files; see the module's docstring for what each column holds.

    ``texts`` are values by facet and code, engines by row of ``levels`` and ``causes``, and when the facts were
    recorded, first and last. ``well_known`` are the rows of the builds of well-known models, the best known first. A
    group's ``need`` is the number of what it needs of memory, told by ``needs``: ``first`` its first variant,
    ``member`` a record that has it.

    ``trusted`` are the groups whose owner is known for good packings (see :mod:`compat.catalogue.packers`).

    ``merit`` are the points of every record for what it is, ``model_merit`` those of every model: a column each of
    :data:`compat.catalogue.suggesting.PARTS`. ``model_line`` is the number of the line that each model is of by its
    maker and the letters that its name begins with, -1 where neither is told; ``model_created`` since when there is any
    build of it, in seconds since 1970, -1 where no date is told.

    ``model`` is the number of the model that each record is a build of, ``model_by`` what tells it (see
    :class:`~compat.catalogue.builds.BuildBy`); ``model_rows`` the rows by model, those of model ``n`` from
    ``model_first[n]`` on; ``model_self`` the row of the model itself, -1 where the catalogue has only builds of it;
    ``models`` counts models as :class:`Units` do.
    """

    ids: Column
    group: Column
    counts: Column
    trusted: Mask
    merit: Column
    model_merit: Column
    model_line: Column
    model_created: Column
    model: Column
    model_by: Column
    model_rows: Column
    model_first: Column
    model_self: Column
    models: Units
    sheet: Column
    need: Column
    ranges: Mapping[str, Column]
    facets: Mapping[str, Column]
    orders: Mapping[str, OrderColumns]
    well_known: Column
    sheet_ids: Column
    levels: Column
    causes: Column
    need_sheet: Column
    need_first: Column
    need_member: Column
    need_digest: Column
    texts: Mapping[str, Any]

    def builds_of(self, model: int) -> Column:
        """The rows of the repositories that have a model, by its number."""
        rows: Column = self.model_rows[self.model_first[model] : self.model_first[model + 1]]
        return rows


def ids_in_order(records: Any) -> Column:
    """The ids of records in the order of their query. One query."""
    return np.fromiter(records.values_list("id", flat=True).iterator(10_000), dtype=np.int64)
