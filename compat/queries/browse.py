"""Browse and search: one page of the catalogue, with facets, what is not shown, and paging."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, Count, F, Q, QuerySet, Value, When
from django.db.models.functions import Lower

from compat import facets
from compat.criteria import Criteria, CriteriaError, Problem
from compat.engine import EngineProfile
from compat.hub.payloads import is_repo_id
from compat.memo import kept
from compat.models import (
    CuratedList,
    ModelRecord,
    RecordLanguage,
    RecordVariant,
)
from compat.search import matching
from compat.workers import Worker, workers

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
_ORDERS: Mapping[str, Sequence[Any]] = {
    "popular": ("-popularity", "repo_id"),
    "trending": (F("trending").desc(nulls_last=True), "-popularity", "repo_id"),
    "likes": (F("likes").desc(nulls_last=True), "-popularity", "repo_id"),
    "recent": (F("modified").desc(nulls_last=True), "-popularity", "repo_id"),
    "created": (F("created").desc(nulls_last=True), "-popularity", "repo_id"),
    "params": (F("parameters").desc(nulls_last=True), "-popularity", "repo_id"),
    "name": (Lower("name"), "repo_id"),
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


def scope(criteria: Criteria) -> QuerySet[ModelRecord]:
    """What the question narrows outside the cube: search, author, size, context, side tables, list."""
    records = ModelRecord.objects.all()
    if criteria.words:
        records = matching(records, criteria.words)
    if criteria.author:
        condition = Q()
        for author in criteria.author:
            condition |= Q(search_text__startswith=f"{author.lower()}/")
        records = records.filter(condition)
    if criteria.min_params is not None:
        records = records.filter(parameters__gte=int(criteria.min_params * 10**9))
    if criteria.max_params is not None:
        records = records.filter(parameters__lte=int(criteria.max_params * 10**9))
    if criteria.min_context is not None:
        records = records.filter(context__gte=criteria.min_context)
    if criteria.quantization:
        records = records.filter(
            id__in=RecordVariant.objects.filter(quantization__in=criteria.quantization).values("record")
        )
    if criteria.language:
        records = records.filter(id__in=RecordLanguage.objects.filter(code__in=criteria.language).values("record"))
    if criteria.list:
        records = records.filter(list_entries__curated_list__slug=criteria.list)
    return records


def narrowed(criteria: Criteria, worker: Worker, *, by_verdict: bool = True) -> QuerySet[ModelRecord]:
    """Every condition of the question, for the rows themselves; ``by_verdict`` leaves out those on the verdict."""
    records = scope(criteria)
    sheets = facets.sheets(criteria if by_verdict else _any_verdict(criteria), worker.profile.slug)
    if sheets is not None:
        records = records.filter(sheet__in=sheets.values("id"))
    for facet in facets.FACETS:
        if facet.of_record:
            records = records.filter(facet.condition(facets.wanted(criteria, facet.name)))
    return records


def _any_verdict(criteria: Criteria) -> Criteria:
    return criteria.changed(compatible="false", confidence=(), cause=())


def found_records(criteria: Criteria, worker: Worker, version: int, start: int, most: int) -> list[ModelRecord]:
    """A slice of the question's records in order. One query, or two for a worker with a machine.

    What fits a machine is not in the database: the ids in order are read whole, once, and cut here.
    """
    if worker.hardware is None:
        return list(ordered(narrowed(criteria, worker), criteria)[start : start + most])
    plain = criteria.changed(page=1)
    ids = _ids(plain, worker, version)[start : start + most]
    records = ModelRecord.objects.in_bulk(ids)
    return [records[pk] for pk in ids if pk in records]


def _worker_key(worker: Worker) -> tuple[Hashable, ...]:
    """All of a worker that an answer depends on: its slug does not tell, as an operator may change its machine."""
    return worker.profile.slug, worker.profile.digest, worker.machine, worker.context, worker.kv


def _ids(criteria: Criteria, worker: Worker, version: int) -> list[int]:
    """The question's records in order, on a worker with a machine; kept until the catalogue changes."""
    return kept(("ids", version, *_worker_key(worker), criteria), lambda: _passing(criteria, worker, version))


def _passing(criteria: Criteria, worker: Worker, version: int) -> list[int]:
    standing, values = standings(worker, version), _values(worker, version)
    rows = ordered(narrowed(criteria, worker, by_verdict=False), criteria).values_list("id", "sheet_id")
    return [pk for pk, sheet in rows if facets.passes_verdict(criteria, *_stands(pk, sheet, standing, values))]


_UNJUDGED = (0, "unknown", "", "", "", "", False)
"""Where a record stands whose facts no engine has judged yet."""


def _stands(pk: int, sheet: int, standing: Mapping[int, Standing], values: facets.SheetValues) -> tuple[int, str]:
    """Confidence and cause of one record on a worker with a machine."""
    found = standing.get(pk)
    return (found.confidence, found.cause) if found else values.get(sheet, _UNJUDGED)[:2]


def verdicts_of(rows: Iterable[tuple[int, int]], worker: Worker, version: int) -> list[tuple[int, str]]:
    """Confidence and cause for records given as pairs of id and sheet."""
    values = _values(worker, version)
    standing = standings(worker, version) if worker.hardware is not None else {}
    return [_stands(pk, sheet, standing, values) for pk, sheet in rows]


def _values(worker: Worker, version: int) -> facets.SheetValues:
    slug = worker.profile.slug
    return kept(("sheets", version, slug), lambda: facets.sheet_values(slug))


def cube_of(criteria: Criteria, worker: Worker, version: int) -> list[facets.CubeRow]:
    """The cube of what the question's scope holds, kept until the catalogue changes. Two queries at most."""
    values = _values(worker, version)
    scoped = Criteria(
        q=" ".join(criteria.words),
        author=criteria.author,
        quantization=criteria.quantization,
        language=criteria.language,
        list=criteria.list,
        min_params=criteria.min_params,
        max_params=criteria.max_params,
        min_context=criteria.min_context,
    )
    if worker.hardware is None:
        return kept(("cube", version, worker.profile.slug, scoped), lambda: facets.count_cube(scope(scoped), values))
    standing = standings(worker, version)
    key = ("cube", version, worker.profile.slug, worker.machine, worker.context, worker.kv, scoped)
    return kept(
        key, lambda: facets.count_each(scope(scoped), values, lambda pk, sheet: _stands(pk, sheet, standing, values))
    )


def ordered(records: QuerySet[ModelRecord], criteria: Criteria) -> QuerySet[ModelRecord]:
    """The question's order; a model whose whole id or name was asked for comes first."""
    order = _ORDERS[criteria.sort]
    if len(criteria.words) == 1:
        exact = Case(
            When(Q(repo_id__iexact=criteria.words[0]) | Q(name__iexact=criteria.words[0]), then=Value(0)),
            default=Value(1),
        )
        return records.order_by(exact, *order)
    return records.order_by(*order)


def browse(criteria: Criteria, available: Mapping[str, Worker] | None = None) -> BrowsePage:
    """One page of the catalogue with its facets. At most nine queries, whatever its size; sixteen on a machine.

    Raises :class:`NoSuchPage` beyond the last page and :class:`~compat.criteria.CriteriaError` for an unknown list.
    """
    worker = worker_of(criteria, available or workers())
    version, changed = catalogue_state()
    curated = curated_of(criteria)
    key = (version, *_worker_key(worker), criteria.changed(page=1))
    sums = kept(("sums", *key), lambda: facets.sum_cube(cube_of(criteria, worker, version), criteria))
    pages = max(1, -(-sums.total // PAGE_SIZE))
    if criteria.page > pages:
        raise NoSuchPage(criteria.page, pages)
    start = (criteria.page - 1) * PAGE_SIZE
    records = found_records(criteria, worker, version, start, PAGE_SIZE) if sums.total else []
    plain = criteria.changed(sort="popular", page=1)
    side = kept(("side", version, *_worker_key(worker), plain), lambda: _side_counts(plain, worker, version))
    return BrowsePage(
        criteria=criteria,
        worker=worker,
        rows=rows_of(records, worker),
        total=sums.total,
        by_confidence=sums.by_confidence,
        hidden=_hidden(sums.hidden, criteria),
        facets=kept(("views", *key), lambda: _views(sums, side, criteria)),
        chips=_chips(criteria, curated),
        paging=_paging(criteria, pages),
        changed=changed,
        curated=curated,
    )


def _views(sums: facets.CubeSums, side: Mapping[str, Mapping[str, int]], criteria: Criteria) -> list[facets.FacetView]:
    views = facets.views(sums, criteria)
    views += [facets.view_of(name, label, word, side[name], criteria) for name, label, _, word in facets.SIDE_FACETS]
    return [view for view in views if view.values]


def curated_of(criteria: Criteria) -> CuratedList | None:
    """The list a question names; raises :class:`~compat.criteria.CriteriaError` where there is none. One query."""
    if not criteria.list:
        return None
    found = CuratedList.objects.filter(slug=criteria.list, published=True).first()
    if found is None:
        raise CriteriaError([Problem("list", criteria.list, f"There is no list “{criteria.list}”.")])
    return found


def _side_counts(criteria: Criteria, worker: Worker, version: int) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for name, _, lookup, _ in facets.SIDE_FACETS:
        asked = criteria.changed(**{name: ()})
        others = narrowed(asked, worker, by_verdict=worker.hardware is None).order_by()
        pairs = others.exclude(**{f"{lookup}__isnull": True}).values_list(lookup)
        if worker.hardware is None:
            rows = pairs.annotate(n=Count("id", distinct=True))
            counts[name] = {value: n for value, n in rows if value}
            continue
        kept_ids = set(_ids(asked, worker, version))
        found = Counter(value for value, pk in set(pairs.values_list(lookup, "id")) if pk in kept_ids and value)
        counts[name] = dict(found)
    return counts


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
    words |= {name: (label, word) for name, label, _, word in facets.SIDE_FACETS}
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
