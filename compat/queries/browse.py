"""Browse and search: one page of the catalogue, with facets, what is not shown, and paging."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import compress, islice

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from compat import facets
from compat.criteria import Criteria, CriteriaError, Problem
from compat.engine import EngineProfile
from compat.hub.payloads import is_repo_id
from compat.memo import kept
from compat.models import CuratedList, ModelRecord
from compat.search import matching
from compat.workers import Worker, workers

from . import census
from .census import Census, Kind
from .lots import Lots, lots_of, whole
from .order import met_on_the_way, order_of, slice_of
from .outcome import Standing, standings
from .rows import Row, catalogue_state, rows_of, worker_of

PAGE_SIZE = 30
CAUSE_WORDS = {
    "architecture": "architecture",
    "task": "task",
    "format": "format",
    "context": "context",
    "quantization": "quantization",
    "platform": "platform",
    "memory": "memory",
    "unknown": "unknown",
}


class NoSuchPage(LookupError):  # noqa: N818 - named for what it tells, as Django names its own
    """A page beyond the last one; ``pages`` is how many there are."""

    def __init__(self, page: int, pages: int) -> None:
        super().__init__(f"There is no page {page:,}: this list has {pages:,}.")
        self.pages = pages


@dataclass(frozen=True, slots=True)
class Chip:
    """An active filter and the question without it."""

    label: str
    query: str


@dataclass(frozen=True, slots=True)
class Hidden:
    """How many models a list leaves out for one cause, and the question that shows them."""

    cause: str
    label: str
    count: int
    query: str


@dataclass(frozen=True, slots=True)
class Paging:
    """Where in the list a page is; neighbours are query strings, empty where there is none."""

    page: int
    pages: int
    previous: str
    next: str
    around: tuple[tuple[int, str, bool], ...]
    """Page numbers to offer, their query strings, and whether pages were left out before each."""


@dataclass(frozen=True, slots=True)
class BrowsePage:
    """The browse page's data."""

    criteria: Criteria
    worker: Worker
    rows: list[Row]
    total: int
    by_confidence: Mapping[int, int]
    hidden: list[Hidden]
    facets: list[facets.FacetView]
    chips: list[Chip]
    paging: Paging
    changed: datetime | None
    curated: CuratedList | None

    @property
    def profile(self) -> EngineProfile:
        """The worker's engine."""
        return self.worker.profile

    @property
    def found_at_all(self) -> int:
        """How many models match, whatever their verdict."""
        return sum(self.by_confidence.values())

    @property
    def active(self) -> int:
        """How many filters are on."""
        return len(self.chips)

    @property
    def everything(self) -> str:
        """The same question whatever the verdict."""
        return self.criteria.query(compatible="false", confidence=(), cause=())

    @property
    def asked_id(self) -> str:
        """The repository id that was searched for, if the question is one."""
        words = self.criteria.words
        return self.criteria.q if len(words) == 1 and "/" in words[0] and is_repo_id(self.criteria.q) else ""


RARE = 5000
"""Up to so many records are found and then ordered; of more, the order is walked along until a page is full."""


def scope(criteria: Criteria, *, along: bool = False) -> QuerySet[ModelRecord]:
    """What the question singles out by other than facets: search, author and list."""
    records = ModelRecord.objects.all()
    if criteria.words:
        records = matching(records, criteria.words, along=along)
    if criteria.author and along:
        owned = Q()
        for author in criteria.author:
            owned |= Q(search_text__startswith=f"{author.lower()}/")
        records = records.filter(owned)
    elif criteria.author:
        owners = [author.lower() for author in criteria.author]
        records = records.alias(owner_lowered=Lower("owner")).filter(owner_lowered__in=owners)
    if criteria.list:
        records = records.filter(list_entries__curated_list__slug=criteria.list)
    return records


def narrowed(
    criteria: Criteria, worker: Worker, *, by_verdict: bool = True, found: facets.CubeSums | None = None
) -> QuerySet[ModelRecord]:
    """Every condition of the question, for the rows themselves; ``by_verdict`` leaves out those on the verdict.

    ``found`` are the question's numbers. They tell which way is the shorter one, which a database does not see by
    itself: to look up the records of the few fact sheets that occur, or to walk along the order asked for.
    """
    many = found is not None and found.total > RARE
    along = many and connection.vendor == "sqlite"
    records = scope(criteria, along=along)
    if criteria.min_params is not None:
        records = records.filter(parameters__gte=_count(criteria.min_params))
    if criteria.max_params is not None:
        records = records.filter(parameters__lte=_count(criteria.max_params))
    if criteria.min_context is not None:
        records = records.filter(context__gte=criteria.min_context)
    if found is not None and by_verdict and found.total <= RARE:
        records = records.filter(sheet__in=found.sheets)
    sheets = facets.sheets(criteria if by_verdict else _any_verdict(criteria), worker.profile.slug)
    if sheets is not None and many:
        records = met_on_the_way(records, sheets)
    elif sheets is not None:
        records = records.filter(sheet__in=sheets.values("id"))
    for facet in facets.FACETS:
        if facet.of_record:
            records = records.filter(facet.condition(facets.wanted(criteria, facet.name), along=along))
    return records


def _count(billions: float) -> int:
    return int(billions * 10**9)


def _any_verdict(criteria: Criteria) -> Criteria:
    return criteria.changed(compatible="false", confidence=(), cause=())


def _within(criteria: Criteria) -> Callable[[Kind], bool]:
    """Whether a kind has the size and the context that are asked for."""
    low = _count(criteria.min_params) if criteria.min_params is not None else None
    high = _count(criteria.max_params) if criteria.max_params is not None else None
    context = criteria.min_context

    def within(kind: Kind) -> bool:
        size = kind.parameters
        if (low is not None and (size is None or size < low)) or (high is not None and (size is None or size > high)):
            return False
        return context is None or (kind.context is not None and kind.context >= context)

    return within


def found_records(criteria: Criteria, worker: Worker, version: int, start: int, most: int) -> list[ModelRecord]:
    """A slice of the question's records in order. One query beyond those for its numbers, or a few."""
    plain = criteria.changed(page=1)
    if worker.hardware is None:
        sums = sums_of(plain, worker, version)
        records = narrowed(plain, worker, found=sums)
        return slice_of(records, order_of(plain), start, most, few=sums.total <= RARE)
    ids = list(islice(_on_machine(plain, worker, version), start, start + most))
    known = ModelRecord.objects.in_bulk(ids)
    return [known[pk] for pk in ids if pk in known]


def _worker_key(worker: Worker) -> tuple[Hashable, ...]:
    """All of a worker that an answer depends on: its slug does not tell, as an operator may change its machine."""
    return worker.profile.slug, worker.profile.digest, worker.machine, worker.context, worker.kv


def _on_machine(criteria: Criteria, worker: Worker, version: int) -> Iterator[int]:
    """The ids of the question's records in order, on a worker with a machine: what fits it is not in the database."""
    singled = _singled(criteria)
    if singled is None:
        return map(lots_of(version).ids.__getitem__, _in_order(criteria, worker, version))

    def found() -> array[int]:
        return _singled_on_machine(criteria, singled, worker, version)

    key = ("ids", version, *_worker_key(worker), criteria)
    ids = kept(key, found, lambda ids: len(ids) // 8)
    return iter(ids)


def _in_order(criteria: Criteria, worker: Worker, version: int) -> Iterator[int]:
    """The places of the lots' records that pass what is asked of facts, in the question's order."""
    lots, passes = lots_of(version), _passing(criteria, worker, version)
    order = lots.in_order(criteria.sort)
    return compress(order, map(passes.__getitem__, map(lots.numbers.__getitem__, order)))


def _singled_on_machine(criteria: Criteria, singled: QuerySet[ModelRecord], worker: Worker, version: int) -> array[int]:
    """The same for records that are singled out; those whose whole id or name was asked for come first."""
    lots, order = lots_of(version), order_of(criteria)
    hits = bytearray(len(lots))
    for place in lots.places_of(singled.values_list("id", flat=True).iterator(RARE)):
        hits[place] = True
    found = list(filter(hits.__getitem__, _in_order(criteria, worker, version)))
    if order.first:
        named = set(lots.places_of(order.named(ModelRecord.objects.all()).values_list("id", flat=True)))
        found.sort(key=lambda place: place not in named)
    return array("q", map(lots.ids.__getitem__, found))


def _singled(criteria: Criteria) -> QuerySet[ModelRecord] | None:
    """The records that search, author, list and several languages single out; None where nothing of that is asked."""
    if not (criteria.words or criteria.author or criteria.list or criteria.language):
        return None
    language = next(facet for facet in facets.FACETS if facet.name == "language")
    return scope(criteria).filter(language.condition(criteria.language)).order_by()


def _passing(criteria: Criteria, worker: Worker, version: int) -> bytes:
    """For every lot by number, whether its records pass all that is asked of facts."""
    key = ("passing", version, *_worker_key(worker), criteria.changed(page=1, sort="popular"))
    return kept(key, lambda: _passing_lots(criteria, worker, version), lambda found: len(found) // 8)


def _passing_lots(criteria: Criteria, worker: Worker, version: int) -> bytes:
    standing, values, within = standings(worker, version), _values(worker, version), _within(criteria)
    asked = [(facet, facets.wanted(criteria, facet.name)) for facet in facets.FACETS if facet.name != "language"]
    asked = [(facet, wanted) for facet, wanted in asked if wanted]

    def passes(kind: Kind) -> bool:
        if kind.sheet not in values or not within(kind):
            return False
        found = standing.by_fit[kind.fit]
        row = values[kind.sheet].row(kind.license, found)
        return facets.shown_passes(criteria, row.confidence, row.cause) and all(
            any(value in wanted for value in facet.values(row)) for facet, wanted in asked
        )

    return bytes(map(passes, standing.lots.kinds))


def verdicts_of(rows: Iterable[tuple[int, int]], worker: Worker, version: int) -> list[tuple[int, str]]:
    """Confidence and cause for records given as pairs of id and sheet."""
    values = _values(worker, version)
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


def _values(worker: Worker, version: int) -> Mapping[int, facets.SheetValues]:
    slug = worker.profile.slug
    return kept(("sheets", version, slug), lambda: facets.sheet_values(slug), len)


def sums_of(criteria: Criteria, worker: Worker, version: int) -> facets.CubeSums:
    """The numbers of a question, kept until the catalogue changes. Three queries at most."""
    key = ("sums", version, *_worker_key(worker), criteria.changed(page=1, sort="popular"))
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
    key = ("cube", version, *_worker_key(worker), scoped)
    return kept(key, lambda: _cube(scoped, worker, version), len)


def _cube(scoped: Criteria, worker: Worker, version: int) -> facets.Cube:
    values, within = _values(worker, version), _within(scoped)
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
        if kind.sheet in values and within(kind):
            counts[place_of(kind)] += n
    languages: Counter[tuple[str, int]] = Counter()
    for code, kind, n in taken.languages:
        if kind.sheet in values and within(kind):
            languages[code, place_of(kind)] += n
    return facets.Cube(rows, sheets, counts, [(code, place, n) for (code, place), n in languages.items()])


def _census(scoped: Criteria, version: int, lots: Lots | None) -> Census:
    """The census of a scope: out of what is known of the whole catalogue, else counted by the database."""
    alone = scoped.language[0] if len(scoped.language) == 1 else ""
    several = () if alone else scoped.language
    singled = Criteria(q=scoped.q, author=scoped.author, list=scoped.list, language=several)
    found = _singled(singled)
    if found is None:
        return whole(version).census(alone)
    if lots is not None:
        pks = found.values_list("id", flat=True).iterator(RARE)
        counted = kept(("census", version, singled, "lots"), lambda: lots.census(pks), len)
    else:
        counted = kept(("census", version, singled), lambda: census.count(found), len)
    return counted.speaking(alone) if alone else counted


def browse(criteria: Criteria, available: Mapping[str, Worker] | None = None) -> BrowsePage:
    """One page of the catalogue with its facets. At most ten queries, whatever its size; sixteen on a machine.

    Raises :class:`NoSuchPage` beyond the last page and :class:`~compat.criteria.CriteriaError` for an unknown list.
    """
    worker = worker_of(criteria, available or workers())
    version, changed = catalogue_state()
    curated = curated_of(criteria)
    sums = sums_of(criteria, worker, version)
    pages = max(1, -(-sums.total // PAGE_SIZE))
    if criteria.page > pages:
        raise NoSuchPage(criteria.page, pages)
    start = (criteria.page - 1) * PAGE_SIZE
    records = found_records(criteria, worker, version, start, PAGE_SIZE) if sums.total else []
    views = ("views", version, *_worker_key(worker), criteria.changed(page=1))
    return BrowsePage(
        criteria=criteria,
        worker=worker,
        rows=rows_of(records, worker),
        total=sums.total,
        by_confidence=sums.by_confidence,
        hidden=_hidden(sums.hidden, criteria),
        facets=kept(views, lambda: _views(sums, criteria), lambda found: sum(len(view.values) for view in found)),
        chips=_chips(criteria, curated),
        paging=_paging(criteria, pages),
        changed=changed,
        curated=curated,
    )


def _views(sums: facets.CubeSums, criteria: Criteria) -> list[facets.FacetView]:
    return [view for view in facets.views(sums, criteria) if view.values]


def curated_of(criteria: Criteria) -> CuratedList | None:
    """The list a question names; raises :class:`~compat.criteria.CriteriaError` where there is none. One query."""
    if not criteria.list:
        return None
    found = CuratedList.objects.filter(slug=criteria.list, published=True).first()
    if found is None:
        raise CriteriaError([Problem("list", criteria.list, f"There is no list “{criteria.list}”.")])
    return found


def _hidden(counts: Mapping[str, int], criteria: Criteria) -> list[Hidden]:
    return [
        Hidden(
            cause,
            CAUSE_WORDS[cause],
            counts[cause],
            criteria.query(compatible="only-incompatible", cause=(cause,)),
        )
        for cause in CAUSE_WORDS
        if counts.get(cause)
    ]


def _chips(criteria: Criteria, curated: CuratedList | None) -> list[Chip]:
    chips = []
    if criteria.q:
        chips.append(Chip(f"“{criteria.q}”", criteria.query(q="")))
    if curated:
        chips.append(Chip(f"list: {curated.title}", criteria.query(list="")))
    chips += [
        Chip(f"refused for {CAUSE_WORDS[cause]}", criteria.toggled("cause", cause).query()) for cause in criteria.cause
    ]
    words = {facet.name: (facet.label, facet.word) for facet in facets.FACETS}
    words["author"] = ("Author", str)
    for name, (label, word) in words.items():
        chips += [
            Chip(f"{label}: {word(value)}", criteria.toggled(name, value).query())
            for value in facets.wanted(criteria, name)
        ]
    if criteria.min_params is not None:
        chips.append(Chip(f"from {criteria.min_params:g}B parameters", criteria.query(min_params=None)))
    if criteria.max_params is not None:
        chips.append(Chip(f"up to {criteria.max_params:g}B parameters", criteria.query(max_params=None)))
    if criteria.min_context is not None:
        chips.append(Chip(f"context from {criteria.min_context:,}", criteria.query(min_context=None)))
    return chips


def _paging(criteria: Criteria, pages: int) -> Paging:
    page = criteria.page
    near = sorted({1, pages, *range(max(1, page - 2), min(pages, page + 2) + 1)})
    return Paging(
        page,
        pages,
        criteria.query(page=page - 1) if page > 1 else "",
        criteria.query(page=page + 1) if page < pages else "",
        tuple(
            (number, criteria.query(page=number), index > 0 and number - near[index - 1] > 1)
            for index, number in enumerate(near)
        ),
    )
