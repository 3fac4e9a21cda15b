"""How many records a question finds, by every facet; kept until the catalogue changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from compat.catalogue import census, facets
from compat.catalogue.census import Census, Kind
from compat.catalogue.lots import Lots, whole
from compat.catalogue.memo import kept
from compat.catalogue.question import Criteria
from compat.catalogue.scope import RARE, singled, within
from compat.catalogue.verdict import Standing, standings
from compat.catalogue.workers import Worker


def verdicts_of(rows: Iterable[tuple[int, int]], worker: Worker, version: int) -> list[tuple[int, str]]:
    """Confidence and cause for records given as pairs of id and sheet."""
    values = values_of(worker, version)
    standing = standings(worker, version) if worker.hardware is not None else {}
    return [_stands(pk, sheet, standing, values) for pk, sheet in rows]


_UNJUDGED = (0, "unknown")
"""Where a record stands whose facts no engine has judged yet."""


def _stands(
    pk: int, sheet: int, standing: Mapping[int, Standing], values: Mapping[int, facets.SheetValues]
) -> tuple[int, str]:
    """Confidence and cause of one record on a worker with a machine."""
    found = standing.get(pk)
    return found or (values[sheet][:2] if sheet in values else _UNJUDGED)


def values_of(worker: Worker, version: int) -> Mapping[int, facets.SheetValues]:
    """What every fact sheet counts for on a worker's engine, kept until the catalogue changes. One query."""
    slug = worker.profile.slug
    return kept(("sheets", version, slug), lambda: facets.sheet_values(slug), len)


def sums_of(criteria: Criteria, worker: Worker, version: int) -> facets.CubeSums:
    """The numbers of a question, kept until the catalogue changes. Three queries at most."""
    key = ("sums", version, *worker.key, criteria.changed(page=1, sort="popular"))
    return kept(key, lambda: _sums(criteria, worker, version), lambda found: len(found.sheets))


def _sums(criteria: Criteria, worker: Worker, version: int) -> facets.CubeSums:
    spoken = cube_of(criteria.changed(language=()), worker, version) if criteria.language else None
    return facets.sum_cube(cube_of(criteria, worker, version), criteria, spoken)


def cube_of(criteria: Criteria, worker: Worker, version: int) -> facets.Cube:
    """The cube of what the question singles out by other than facets, kept until the catalogue changes."""
    scoped = Criteria(
        q=" ".join(criteria.words),
        author=criteria.author,
        language=criteria.language,
        list=criteria.list,
        min_params=criteria.min_params,
        max_params=criteria.max_params,
        min_context=criteria.min_context,
    )
    key = ("cube", version, *worker.key, scoped)
    return kept(key, lambda: _cube(scoped, worker, version), len)


def _cube(scoped: Criteria, worker: Worker, version: int) -> facets.Cube:
    values, fitting = values_of(worker, version), within(scoped)
    standing = standings(worker, version) if worker.hardware is not None else None
    taken = _census(scoped, version, standing.lots if standing is not None else whole(version).lots)
    places: dict[tuple[int, str, Standing | None], int] = {}
    rows: list[facets.CubeRow] = []
    sheets: list[int] = []
    counts: list[int] = []

    def place_of(kind: Kind) -> int:
        found = standing.by_fit[kind.fit] if standing is not None else None
        place = places.setdefault((kind.sheet, kind.license, found), len(rows))
        if place == len(rows):
            rows.append(values[kind.sheet].row(kind.license, found))
            sheets.append(kind.sheet)
            counts.append(0)
        return place

    for kind, n in taken.kinds:
        if kind.sheet in values and fitting(kind):
            counts[place_of(kind)] += n
    languages: Counter[tuple[str, int]] = Counter()
    for code, kind, n in taken.languages:
        if kind.sheet in values and fitting(kind):
            languages[code, place_of(kind)] += n
    return facets.Cube(rows, sheets, counts, [(code, place, n) for (code, place), n in languages.items()])


def _census(scoped: Criteria, version: int, lots: Lots | None) -> Census:
    """The census of a scope: out of what is known of the whole catalogue, else counted by the database."""
    alone = scoped.language[0] if len(scoped.language) == 1 else ""
    several = () if alone else scoped.language
    only = Criteria(q=scoped.q, author=scoped.author, list=scoped.list, language=several)
    found = singled(only)
    if found is None:
        return whole(version).census(alone)
    if lots is not None:
        pks = found.values_list("id", flat=True).iterator(RARE)
        counted = kept(("census", version, only, "lots"), lambda: lots.census(pks), len)
    else:
        counted = kept(("census", version, only), lambda: census.count(found), len)
    return counted.speaking(alone) if alone else counted
