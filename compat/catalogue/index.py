"""The index: one immutable set of columns per version of the catalogue, which answers every question about many models.

Records that agree in all that facets, ranges and memory needs look at are one *group* (what SQL calls GROUP BY); what a
question asks is decided once a group, and a group's size is what is counted. Ten records, of which two pairs agree::

    records   ids     11 12 13 14 15 16 17 18 19 20     ascending keys of ModelRecord
              group    0  1  0  2  3  4  5  5  6  7     12 is alone in its group, 11 and 13 share one
    groups    counts   2  1  1  1  1  2  1  1           how many records each has
              license  0  1  0  0  2  0  1  0           a code a facet: 0 = ("mit",), 1 = ("apache-2.0",), 2 = ()
              sheet    0  1  0  2  2  3  4  5           its fact sheet, which verdicts belong to
    sheets    level    3  0  2 ...                      confidence on one engine; -1 where none was judged
    orders    popular  4  0  9  2  ...                  rows of records, the best known first

"How many Apache models run, by family?" is then ``counts[(license == 1) & (level[sheet] > 0)]`` summed by the family's
code, and "which are the first thirty?" walks ``popular`` and keeps the rows whose group passed. A question for words,
an author or a list gets its records' ids from the database, and counts their groups instead.

An index is made once for a version of the catalogue, by one process, and written to files which all processes map into
their memory (:mod:`compat.catalogue.index_files`); it is never changed, only replaced by the next one.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from threading import RLock

import numpy as np

from compat.catalogue.columns import Facet
from compat.catalogue.index_columns import (
    UNJUDGED,
    Bits,
    Column,
    IndexColumns,
    OrderColumns,
    Speeds,
    Values,
    Verdicts,
    ids_in_order,
)
from compat.catalogue.machine_needs import EngineNeeds
from compat.catalogue.order import Order
from compat.catalogue.rows import KeptRows
from compat.catalogue.suggesting import Suggested
from compat.catalogue.workers import Worker


@dataclass
class CatalogueIndex:
    """The index of one version of the catalogue, changed last at ``changed``; ``seconds`` is what making it took.

    ``folder`` is where its files are. What is derived of the columns when somebody asks is kept beside them, under
    ``lock``: ``needs`` by engine, ``machines``, ``speeds`` and ``suggested`` by worker, a bit a record for each of the
    ``searches`` by words or tag. ``rows`` are those that lists showed.
    """

    version: int
    changed: datetime | None
    columns: IndexColumns
    seconds: float = 0.0
    folder: Path | None = None
    needs: dict[str, EngineNeeds] = field(default_factory=dict)
    engines: dict[str, Worker] = field(default_factory=dict)
    machines: dict[Hashable, Verdicts] = field(default_factory=dict)
    speeds: dict[Hashable, Speeds] = field(default_factory=dict)
    suggested: dict[Hashable, Suggested] = field(default_factory=dict)
    searches: dict[tuple[str, ...] | str, Bits] = field(default_factory=dict)
    rows: KeptRows = field(default_factory=KeptRows)
    lock: RLock = field(default_factory=RLock)
    _facets: dict[str, Values] = field(default_factory=dict)
    _orders: dict[str, OrderColumns] = field(default_factory=dict)
    _places: dict[str, Column] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many records there are."""
        return len(self.columns.ids)

    def answers(self, state: tuple[int, datetime | None, bool]) -> bool:
        """Whether this is the index of a state of the catalogue."""
        return (self.version, self.changed) == state[:2]

    @property
    def recorded(self) -> tuple[str, ...]:
        """When facts were recorded: the earliest and the latest :attr:`~compat.models.ModelRecord.as_of` of a record.

        Years, months or days; empty where no record tells one.
        """
        return tuple(self.columns.texts["recorded"])

    @property
    def words(self) -> list[str]:
        """Words of the records' names, the most used first."""
        words: list[str] = self.columns.texts["words"]
        return words

    @cached_property
    def names(self) -> list[tuple[int, str]]:
        """The rows of the best known models, each with its id in lower case, the best known first."""
        rows, names = self.columns.texts["names"]
        return list(zip(rows, names, strict=True))

    def values(self, facet: Facet | str) -> Values:
        """What groups have of a facet that is not the verdict."""
        name = facet if isinstance(facet, str) else facet.name
        if name not in self._facets:
            sets = [tuple(values) for values in self.columns.texts["facets"][name]]
            self._facets[name] = Values(self.columns.facets[name], sets, self.columns.models)
        return self._facets[name]

    def rows_of(self, ids: Iterable[int] | Column) -> Column:
        """The rows of some records, in the order of the ids given; those that came later are left out."""
        wanted = np.asarray(ids if isinstance(ids, np.ndarray) else list(ids), dtype=np.int64)
        known = self.columns.ids
        if not len(known) or not len(wanted):
            return np.zeros(0, dtype=np.int64)
        if known[-1] - known[0] == len(known) - 1:
            rows = wanted - known[0]
            there = (rows >= 0) & (rows < len(known))
        else:
            rows = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
            there = known[rows] == wanted
        found: Column = rows[there]
        return found

    def ids_at(self, rows: Column) -> list[int]:
        """The ids of the records in some rows."""
        found: list[int] = self.columns.ids[rows].tolist()
        return found

    def stored(self, engine: str) -> Verdicts:
        """The verdicts on an engine alone, as the database keeps them."""
        engines = self.columns.texts["engines"]
        if engine not in engines:
            size = len(self.columns.sheet)
            return Verdicts(np.full(size, UNJUDGED, dtype=np.int8), np.zeros(size, dtype=np.int8))
        at = engines.index(engine)
        return Verdicts(self.columns.levels[at][self.columns.sheet], self.columns.causes[at][self.columns.sheet])

    def order(self, order: Order) -> OrderColumns:
        """The columns of an order; those that lists are seldom asked for in are made when first needed."""
        if order.name in self.columns.orders:
            return self.columns.orders[order.name]
        with self.lock:
            if order.name not in self._orders:
                rows = self.rows_of(np.concatenate([ids_in_order(part) for part in order.ranges()]))
                self._orders[order.name] = OrderColumns(rows.astype(np.int32), self.columns.group[rows])
            return self._orders[order.name]

    def places(self, order: Order) -> Column:
        """Where each row stands in an order; made when first needed, four bytes a record."""
        with self.lock:
            if order.name not in self._places:
                rows = self.order(order).rows
                places = np.empty(len(self), dtype=np.int32)
                places[rows] = np.arange(len(rows), dtype=np.int32)
                self._places[order.name] = places
            return self._places[order.name]
