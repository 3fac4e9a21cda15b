"""The build of a model to take instead of the repository that was asked for: decided once, for pages and programs.

Whoever asks for a model by its own repository's id means the model. Where the repository that lists show for it has a
build that is surer on the worker, every answer names that one beside the verdict on the repository itself. No other is
named: what lists show is never called less sure than something else, and nothing that is called surer leads on to a
third.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from compat.catalogue.current import index_now, verdicts_on
from compat.catalogue.index import CatalogueIndex
from compat.catalogue.made_for import at_its_context
from compat.catalogue.membership import best_first, rows_of_model
from compat.catalogue.memory_fit import least_need
from compat.catalogue.needs import plans_of
from compat.catalogue.rows import Row
from compat.catalogue.workers import Worker
from compat.estimate import Fit, Plan
from compat.estimate.fit import IN_PART, NOWHERE, rank_of
from compat.models import ModelRecord

MOST_BUILDS = 12
"""Other builds of a model that its page shows; a list shows all."""


@dataclass(frozen=True, slots=True)
class Surer:
    """A surer build of the same model: its row, and the best way to start it, None where none is known."""

    row: Row
    plan: Plan | None

    @property
    def lines(self) -> tuple[str, ...]:
        """What starts it, a line a shell; empty where none is known."""
        line = self.plan.line if self.plan is not None else ""
        return () if isinstance(line, str) else line.lines


@dataclass(frozen=True, slots=True)
class OtherBuilds:
    """The keys of ``others``, the repositories beside one that have its model, the best on a worker first.

    ``listed``: the key of the one of all that lists show; None for a record that came after the index was made.
    """

    others: Sequence[int]
    listed: int | None


def other_builds(index: CatalogueIndex, record: ModelRecord, worker: Worker) -> OtherBuilds:
    """What other repositories have a record's model; so many at the most as a page shows."""
    rows = rows_of_model(index, record)
    scores = verdicts_on(index, worker).at(index.columns.group[rows], index.columns.trusted)
    rows = best_first(index, rows, scores)[: MOST_BUILDS + 1]
    keys = index.ids_at(rows)
    return OtherBuilds([key for key in keys if key != record.pk][:MOST_BUILDS], keys[0] if keys else None)


def surer_of(row: Row, builds: Iterable[Row], listed: int | None, worker: Worker) -> Row | None:
    """The build that lists show of a row's model, ``listed`` by its record's key, where it is surer; on a machine, only
    if it is known to fit.

    Of equally sure ones that is the one whose need is known, where the row's own is beyond the whole machine as far as
    anybody can tell: nobody loads that much in order to try. And the one that fits whole, where the row's own lies in
    system memory in part.
    """
    best = _best(builds)
    if best is None or best.record.pk != listed:
        return None
    if worker.hardware is None:
        return best if best.level > row.level else None
    there, own = _rank(best), _rank(row)
    better = _is_beyond(row) or there < own == IN_PART
    return best if there < NOWHERE and (best.level > row.level or (best.level == row.level and better)) else None


def perhaps_of(row: Row, builds: Iterable[Row], worker: Worker) -> Row | None:
    """The best of the other builds of a model that is refused, or beyond the machine as far as anybody can tell: where
    it might run and nothing tells whether it fits.

    None where so many weights in its packing, or at one bit each, cannot fit.
    """
    best = _best(builds)
    if best is None or not best.result.compatible or _is_beyond(best):
        return None
    if row.result.compatible and not _is_beyond(row):
        return None
    bits = best.best.bits if best.best is not None else None
    if least_need(row.record.parameters or best.record.parameters, worker.hardware, bits or 1).is_beyond:
        return None
    return best if best.fit is not None and best.fit.fit is Fit.UNKNOWN else None


def _best(builds: Iterable[Row]) -> Row | None:
    """The first of some builds against which nothing speaks, a packing that may not be loaded above all."""
    return next((one for one in builds if not one.result.doubted), None)


def _rank(row: Row) -> int:
    return NOWHERE if row.fit is None else rank_of(row.fit.fit)


def _is_beyond(row: Row) -> bool:
    return row.fit is not None and row.fit.is_likely_beyond


def builds_beside(row: Row, worker: Worker) -> tuple[Surer | None, Row | None]:
    """The surer build of a row's model with how to start it, and the one that might run. Nine queries at most."""
    index, newest = index_now()
    beside = other_builds(index, row.record, worker)
    read = index.rows.reading(beside.others, worker, newest=newest, first=1)
    best = _best(found for pk in beside.others if (found := read(pk)) is not None)
    builds = [best] if best is not None else []
    return started(surer_of(row, builds, beside.listed, worker), worker), perhaps_of(row, builds, worker)


def started(row: Row | None, worker: Worker) -> Surer | None:
    """A surer build with how to start it there. A query, where a machine is told."""
    if row is None or row.best is None or worker.hardware is None:
        return Surer(row, None) if row is not None else None
    variants = list(row.record.variants.all())
    best = next((one for one in variants if one.position == row.best.position), None)
    there = at_its_context(worker, row.judged)
    plans = plans_of(row.record, best, there, row.result, variants, fit=row.fit, speed=row.speed).plans
    return Surer(row, plans[0] if plans else None)
