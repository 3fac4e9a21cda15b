"""The columns that an index is made of, and the values that they stand for.

A worked example of ten records stands in :mod:`compat.catalogue.index`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compat.catalogue.columns import VerdictColumn
from compat.catalogue.facets import FACETS
from compat.catalogue.question import ALL_CAUSES

Column = NDArray[Any]
Mask = NDArray[np.bool_]

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


@dataclass(frozen=True)
class Values:
    """The values that groups have of one facet: ``codes`` one a group, and for every code its values."""

    codes: Column
    sets: Sequence[tuple[str, ...]]

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

    def count(self, groups: Column, counts: Column) -> dict[str, int]:
        """How many records some groups have, by value; a record with two values counts for both."""
        by_code = np.bincount(self.codes[groups], weights=counts[groups], minlength=len(self.sets))
        codes, numbers = self._pairs
        totals = np.bincount(numbers, weights=by_code[codes], minlength=len(self.names)).astype(np.int64)
        occur = np.flatnonzero(totals)
        return {self.names[number]: n for number, n in zip(occur.tolist(), totals[occur].tolist(), strict=True)}


@dataclass(frozen=True)
class Verdicts:
    """The verdict on every group on one worker: confidence, and the code of the cause of a refusal."""

    level: Column
    cause: Column


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
class IndexColumns:
    """What is written to files; see the module's docstring for what each column holds.

    ``texts`` are values by facet and code, engines by row of ``levels`` and ``causes``, and when the facts were
    recorded, first and last. ``well_known`` are the rows of the builds of well-known models, the best known first. A
    group's ``need`` is the number of what it needs of memory, told by ``needs``: ``first`` its first variant,
    ``member`` a record that has it.
    """

    ids: Column
    group: Column
    counts: Column
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


def ids_in_order(records: Any) -> Column:
    """The ids of records in the order of their query. One query."""
    return np.fromiter(records.values_list("id", flat=True).iterator(10_000), dtype=np.int64)
