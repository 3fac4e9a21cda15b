"""A question's records in order: out of the database or, where a machine decides, out of what is kept of every one."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import compress, islice

from django.db.models import QuerySet

from compat.catalogue import facets
from compat.catalogue.census import Kind
from compat.catalogue.lots import lots_of
from compat.catalogue.memo import kept
from compat.catalogue.numbers import sums_of, values_of
from compat.catalogue.order import order_of, slice_of
from compat.catalogue.question import Criteria
from compat.catalogue.scope import RARE, few, narrowed, singled, within
from compat.catalogue.verdict import standings
from compat.catalogue.workers import Worker
from compat.models import ModelRecord


def found_records(criteria: Criteria, worker: Worker, version: int, start: int, most: int) -> list[ModelRecord]:
    """A slice of the question's records in order. One query beyond those for its numbers, or a few."""
    plain = criteria.changed(page=1)
    if worker.hardware is None:
        sums = sums_of(plain, worker, version)
        records = narrowed(plain, worker, found=sums)
        return slice_of(records, order_of(plain), start, most, few=few(sums))
    ids = list(islice(ids_on_machine(plain, worker, version), start, start + most))
    known = ModelRecord.objects.in_bulk(ids)
    return [known[pk] for pk in ids if pk in known]


def ids_on_machine(criteria: Criteria, worker: Worker, version: int, after: int | None = None) -> Iterator[int]:
    """The ids of the question's records in order, on a worker with a machine: what fits it is not in the database.

    ``after`` is the id of the record they begin behind; ValueError where that is not known.
    """
    lots, only = lots_of(version), singled(criteria)
    if only is None:
        return map(lots.ids.__getitem__, _in_order(criteria, worker, version, after))

    def found() -> array[int]:
        return _singled_on_machine(criteria, only, worker, version)

    key = ("ids", version, *worker.key, criteria)
    ids = kept(key, found, lambda ids: len(ids) // 8)
    return islice(ids, ids.index(after) + 1 if after is not None else 0, None)


def _in_order(criteria: Criteria, worker: Worker, version: int, after: int | None = None) -> Iterator[int]:
    """The places of the lots' records that pass what is asked of facts, in the question's order."""
    lots, passes = lots_of(version), _passing(criteria, worker, version)
    order = lots.in_order(criteria.sort)
    if after is not None:
        place = lots.place_of(after)
        if place is None:
            raise ValueError(after)
        order = order[order.index(place) + 1 :]
    return compress(order, map(passes.__getitem__, map(lots.numbers.__getitem__, order)))


def _singled_on_machine(criteria: Criteria, only: QuerySet[ModelRecord], worker: Worker, version: int) -> array[int]:
    """The same for records that are singled out; those whose whole id or name was asked for come first."""
    lots, order = lots_of(version), order_of(criteria)
    hits = bytearray(len(lots))
    for place in lots.places_of(only.values_list("id", flat=True).iterator(RARE)):
        hits[place] = True
    found = list(filter(hits.__getitem__, _in_order(criteria, worker, version)))
    if order.first:
        named = set(lots.places_of(order.named(ModelRecord.objects.all()).values_list("id", flat=True)))
        found.sort(key=lambda place: place not in named)
    return array("q", map(lots.ids.__getitem__, found))


def _passing(criteria: Criteria, worker: Worker, version: int) -> bytes:
    """For every lot by number, whether its records pass all that is asked of facts."""
    key = ("passing", version, *worker.key, criteria.changed(page=1, sort="popular"))
    return kept(key, lambda: _passing_lots(criteria, worker, version), lambda found: len(found) // 8)


def _passing_lots(criteria: Criteria, worker: Worker, version: int) -> bytes:
    standing, values, fitting = standings(worker, version), values_of(worker, version), within(criteria)
    asked = [(facet, facets.wanted(criteria, facet.name)) for facet in facets.FACETS if facet.name != "language"]
    asked = [(facet, wanted) for facet, wanted in asked if wanted]

    def passes(kind: Kind) -> bool:
        if kind.sheet not in values or not fitting(kind):
            return False
        found = standing.by_fit[kind.fit]
        row = values[kind.sheet].row(kind.license, found)
        return facets.shown_passes(criteria, row.confidence, row.cause) and all(
            any(value in wanted for value in facet.values(row)) for facet, wanted in asked
        )

    return bytes(map(passes, standing.lots.kinds))
