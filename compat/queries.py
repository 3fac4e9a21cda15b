"""The only reader of the catalogue: a question comes in, a page's worth of plain data goes out.

Pages, commands and programs all ask here, so that they cannot disagree. Nothing here runs a rule: verdicts are read
as they are stored. Every function says how many database queries it takes, and tests hold it to that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Case, Count, F, Q, QuerySet, Value, When
from django.db.models.functions import Lower

from compat import facets
from compat.criteria import Criteria, CriteriaError, Problem
from compat.engine import CompatibilityResult, Confidence, EngineProfile
from compat.engines import engines
from compat.hub.payloads import is_repo_id, parse_record
from compat.memo import kept
from compat.metadata.extract import Extraction, Relation, extract, format_label
from compat.metadata.facts import VariantFacts, parameters_text
from compat.metadata.families import family_label
from compat.metadata.filenames import read_name
from compat.metadata.task import task_label
from compat.models import (
    Catalogue,
    CuratedList,
    HubFetch,
    ListEntry,
    ModelRecord,
    RecordLanguage,
    RecordRelation,
    RecordVariant,
    Verdict,
)
from compat.search import matching

PAGE_SIZE = 30
CAUSE_WORDS = {
    "architecture": "architecture",
    "task": "task",
    "format": "format",
    "context": "context",
    "quantization": "quantization",
    "platform": "platform",
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
T = TypeVar("T")


class UnknownModel(LookupError):  # noqa: N818 - named for what it tells, as Django names its own
    """The catalogue has no such model."""


class NoSuchPage(LookupError):  # noqa: N818 - named for what it tells, as Django names its own
    """A page beyond the last one; ``pages`` is how many there are."""

    def __init__(self, page: int, pages: int) -> None:
        super().__init__(f"There is no page {page:,}: this list has {pages:,}.")
        self.pages = pages


def catalogue_state() -> tuple[int, datetime | None]:
    """The catalogue's version and when it last changed. One query."""
    row = Catalogue.objects.filter(pk=1).values_list("version", "changed").first()
    return row or (0, None)


def worker_of(criteria: Criteria, available: Mapping[str, EngineProfile]) -> EngineProfile:
    """The engine a question is about; the first one where it names none."""
    return available[criteria.worker] if criteria.worker else next(iter(available.values()))


# --- rows ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """A model in a list: its record, its verdict on the worker, and the variant the verdict is about."""

    record: ModelRecord
    result: CompatibilityResult
    best: RecordVariant | None
    quantizations: tuple[str, ...]
    note: str = ""

    @property
    def level(self) -> Confidence:
        """The verdict as an ordered value."""
        return self.result.level

    @property
    def unknown(self) -> bool:
        """Whether the verdict is a refusal for want of facts."""
        return self.result.cause == "unknown"

    @property
    def fix(self) -> str:
        """The one change that would make a refused model run, if there is one."""
        return self.result.recommendations[0] if not self.result.compatible and self.result.recommendations else ""


def rows_of(records: Sequence[ModelRecord], profile: EngineProfile) -> list[Row]:
    """Rows for records already read. Two queries."""
    verdicts = {
        verdict.sheet_id: verdict
        for verdict in Verdict.objects.filter(profile=profile.slug, sheet__in={record.sheet_id for record in records})
    }
    variants: dict[int, list[RecordVariant]] = {}
    for variant in RecordVariant.objects.filter(record__in=[record.pk for record in records]).defer("files", "key"):
        variants.setdefault(variant.record_id, []).append(variant)
    rows = []
    for record in records:
        own, verdict = variants.get(record.pk, []), verdicts[record.sheet_id]
        rows.append(
            Row(
                record,
                verdict.result,
                own[verdict.best] if verdict.best < len(own) else None,
                tuple(dict.fromkeys(variant.quantization for variant in own if variant.quantization)),
            )
        )
    return rows


# --- browse ----------------------------------------------------------------------------------------------------


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
    profile: EngineProfile
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


def narrowed(criteria: Criteria, profile: EngineProfile) -> QuerySet[ModelRecord]:
    """Every condition of the question, for the rows themselves."""
    records = scope(criteria)
    sheets = facets.sheets(criteria, profile.slug)
    if sheets is not None:
        records = records.filter(sheet__in=sheets.values("id"))
    for facet in facets.FACETS:
        if facet.of_record:
            records = records.filter(facet.condition(facets.wanted(criteria, facet.name)))
    return records


def cube_of(criteria: Criteria, profile: EngineProfile, version: int) -> list[facets.CubeRow]:
    """The cube of what the question's scope holds, kept until the catalogue changes. Two queries at most."""
    values = kept(("sheets", version, profile.slug), lambda: facets.sheet_values(profile.slug))
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
    return kept(("cube", version, profile.slug, scoped), lambda: facets.count_cube(scope(scoped), values))


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


def browse(criteria: Criteria, available: Mapping[str, EngineProfile] | None = None) -> BrowsePage:
    """One page of the catalogue with its facets. At most nine queries, whatever its size.

    Raises :class:`NoSuchPage` beyond the last page and :class:`~compat.criteria.CriteriaError` for an unknown list.
    """
    profile = worker_of(criteria, available or engines())
    version, changed = catalogue_state()
    curated = _curated(criteria)
    cube = cube_of(criteria, profile, version)
    sums = facets.sum_cube(cube, criteria)
    pages = max(1, -(-sums.total // PAGE_SIZE))
    if criteria.page > pages:
        raise NoSuchPage(criteria.page, pages)
    start = (criteria.page - 1) * PAGE_SIZE
    records = list(ordered(narrowed(criteria, profile), criteria)[start : start + PAGE_SIZE]) if sums.total else []
    plain = criteria.changed(sort="popular", page=1)
    side = kept(("side", version, profile.slug, plain), lambda: _side_counts(plain, profile))
    return BrowsePage(
        criteria=criteria,
        profile=profile,
        rows=rows_of(records, profile),
        total=sums.total,
        by_confidence=sums.by_confidence,
        hidden=_hidden(sums.hidden, criteria),
        facets=[
            view
            for view in [
                *facets.views(sums, criteria),
                *(facets.view_of(n, label, word, side[n], criteria) for n, label, _, word in facets.SIDE_FACETS),
            ]
            if view.values
        ],
        chips=_chips(criteria, curated),
        paging=_paging(criteria, pages),
        changed=changed,
        curated=curated,
    )


def _curated(criteria: Criteria) -> CuratedList | None:
    if not criteria.list:
        return None
    found = CuratedList.objects.filter(slug=criteria.list, published=True).first()
    if found is None:
        raise CriteriaError([Problem("list", criteria.list, f"There is no list “{criteria.list}”.")])
    return found


def _side_counts(criteria: Criteria, profile: EngineProfile) -> dict[str, dict[str, int]]:
    counts = {}
    for name, _, lookup, _ in facets.SIDE_FACETS:
        others = narrowed(criteria.changed(**{name: ()}), profile)
        rows = (
            others.order_by()
            .exclude(**{f"{lookup}__isnull": True})
            .values_list(lookup)
            .annotate(n=Count("id", distinct=True))
            .order_by("-n")[: facets.SHOWN_AT_MOST]
        )
        counts[name] = {value: n for value, n in rows if value}
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


# --- detail ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VariantRow:
    """A variant with its own verdict."""

    variant: RecordVariant
    result: CompatibilityResult
    best: bool


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file of the repository: what it is, in words, and its size in bytes where told."""

    path: str
    what: str
    size: int | None


_ROLES = {
    "weights": "Weights",
    "projector": "Vision projector, goes with a variant",
    "helper": "Helper file, not a model by itself",
    "adapter": "Adapter, needs its base model",
    "duplicate": "The same weights in another layout",
}


def _file_row(path: str, size: int | None) -> FileRow:
    name = read_name(path)
    what = _ROLES.get(name.role, "")
    if name.role == "weights" and name.format:
        what = " ".join(filter(None, (format_label(name.format), name.quantization, "weights")))
        if name.shards:
            what += f", part {name.shard} of {name.shards}"
    return FileRow(path, what, size)


@dataclass(frozen=True, slots=True)
class RelatedRow:
    """A relation to a base model; ``row`` is None where the catalogue does not have it."""

    relation: Relation
    row: Row | None


@dataclass(frozen=True, slots=True)
class DetailPage:
    """The detail page's data. ``extraction`` carries every fact with its evidence."""

    row: Row
    profile: EngineProfile
    extraction: Extraction
    source: Mapping[str, Sequence[str]]
    files: tuple[FileRow, ...]
    variants: list[VariantRow]
    bases: list[RelatedRow]
    alternatives: list[Row]
    rules: str
    fetch: HubFetch | None

    @property
    def record(self) -> ModelRecord:
        """The record itself."""
        return self.row.record

    @property
    def result(self) -> CompatibilityResult:
        """The record's verdict."""
        return self.row.result

    @property
    def judged(self) -> VariantFacts:
        """The facts of the variant that the verdict is about."""
        return self.extraction.variants[self.row.best.position if self.row.best else 0].facts

    @property
    def largest(self) -> int:
        """The size of the largest variant, in bytes; 0 where none is told."""
        return max((row.variant.size_bytes or 0 for row in self.variants), default=0)

    @property
    def family(self) -> str:
        """The architecture family's name for people."""
        return family_label(self.extraction.family) if self.extraction.family else ""

    @property
    def format_words(self) -> str:
        """The judged variant's format for people."""
        return format_label(self.judged.format) if self.judged.format else ""

    @property
    def parameters_words(self) -> str:
        """The parameter count, short and exact."""
        number = self.extraction.parameters.value
        return f"{parameters_text(number)} ({number:,})" if number else ""

    @property
    def context_words(self) -> str:
        """The context the model was made for."""
        number = self.extraction.context.value
        return f"{number:,} tokens" if number else ""

    @property
    def task_words(self) -> str:
        """The task for people."""
        return task_label(self.extraction.task.value) if self.extraction.task.value else ""


def find(repo_id: str) -> ModelRecord:
    """The record of this id; case matters only where two records differ by it. Raises :class:`UnknownModel`."""
    if not is_repo_id(repo_id):
        raise UnknownModel(repo_id)
    found = list(ModelRecord.objects.filter(repo_id__iexact=repo_id).select_related("payload")[:5])
    for record in found:
        if record.repo_id == repo_id:
            return record
    if found:
        return found[0]
    raise UnknownModel(repo_id)


def detail(repo_id: str, worker: str = "", available: Mapping[str, EngineProfile] | None = None) -> DetailPage:
    """Everything about one model. At most eleven queries; raises :class:`UnknownModel`."""
    record = find(repo_id)
    profile = worker_of(Criteria(worker=worker), available or engines())
    verdict = Verdict.objects.get(profile=profile.slug, sheet=record.sheet_id)
    variants = list(record.variants.all())
    parsed = parse_record(record.payload.data)
    extraction = extract(parsed.model)
    row = Row(
        record,
        verdict.result,
        variants[verdict.best] if verdict.best < len(variants) else None,
        tuple(dict.fromkeys(variant.quantization for variant in variants if variant.quantization)),
    )
    bases = {row.record.repo_id: row for row in _rows_by_id([rel.repo_id for rel in extraction.relations], profile)}
    return DetailPage(
        row=row,
        profile=profile,
        extraction=extraction,
        source=_by_note(parsed.model.source or {}),
        files=tuple(_file_row(sibling.rfilename, sibling.bytes) for sibling in parsed.model.siblings or ()),
        variants=[
            VariantRow(variant, verdict.result_of(variant.position), variant.position == verdict.best)
            for variant in variants
        ],
        bases=[RelatedRow(relation, bases.get(relation.repo_id)) for relation in extraction.relations],
        alternatives=alternatives(record, [relation.repo_id for relation in extraction.relations], profile),
        rules=verdict.rules,
        fetch=HubFetch.objects.filter(repo_id=record.repo_id).first(),
    )


def _by_note(source: Mapping[str, Any]) -> dict[str, list[str]]:
    """A record's source notes, each with the fields it gave."""
    notes: dict[str, list[str]] = {}
    for key, note in source.items():
        notes.setdefault(str(note)[:200], []).append(key)
    return notes


def _rows_by_id(repo_ids: Sequence[str], profile: EngineProfile) -> list[Row]:
    records = list(ModelRecord.objects.filter(repo_id__in=repo_ids)) if repo_ids else []
    return rows_of(records, profile) if records else []


def running_sheets(profile: EngineProfile) -> QuerySet[Verdict, int]:
    """The ids of the fact sheets that run on an engine."""
    return Verdict.objects.filter(profile=profile.slug, confidence__gt=0).values_list("sheet_id", flat=True)


def alternatives(record: ModelRecord, bases: Sequence[str], profile: EngineProfile, most: int = 6) -> list[Row]:
    """Models that do run: others made from the same base first, then the same family up to this size."""
    roots = [record.repo_id, *bases]
    runs = ModelRecord.objects.exclude(pk=record.pk).filter(sheet__in=running_sheets(profile))
    kin = Q(id__in=RecordRelation.objects.filter(base__in=roots).values("record")) | Q(repo_id__in=bases)
    found = list(runs.filter(kin).order_by("-popularity", "repo_id")[:most])
    if len(found) < most and record.family:
        same = runs.filter(sheet__family=record.family).exclude(pk__in=[other.pk for other in found])
        if record.parameters:
            same = same.filter(parameters__lte=int(record.parameters * 1.1))
        found += same.order_by("-popularity", "repo_id")[: most - len(found)]
    return rows_of(found, profile) if found else []


# --- home, lists, report ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HomePage:
    """The home page's data."""

    profile: EngineProfile
    total: int
    by_confidence: Mapping[int, int]
    unknown: int
    popular: list[Row]
    lists: list[CuratedList]
    changed: datetime | None

    @property
    def running(self) -> int:
        """How many models run, with any confidence."""
        return sum(count for level, count in self.by_confidence.items() if level > 0)


def home(worker: str = "", available: Mapping[str, EngineProfile] | None = None) -> HomePage:
    """What the home page shows. At most eight queries."""
    criteria = Criteria(worker=worker, confidence=("high", "medium"))
    profile = worker_of(criteria, available or engines())
    version, changed = catalogue_state()
    cube = cube_of(Criteria(), profile, version)
    counts: Counter[int] = Counter()
    unknown = 0
    for row in cube:
        counts[row.confidence] += row.count
        unknown += row.count if row.cause == "unknown" else 0
    records = list(ordered(narrowed(criteria, profile), criteria)[:8]) if counts else []
    return HomePage(
        profile=profile,
        total=sum(counts.values()),
        by_confidence=counts,
        unknown=unknown,
        popular=rows_of(records, profile) if records else [],
        lists=published_lists(),
        changed=changed,
    )


def published_lists() -> list[CuratedList]:
    """Every published list with its number of ``entries``. One query."""
    return list(CuratedList.objects.filter(published=True).annotate(size=Count("entries")))


@dataclass(frozen=True, slots=True)
class ListPage:
    """A curated list with its rows, in the curator's order."""

    curated: CuratedList
    profile: EngineProfile
    rows: list[Row]

    @property
    def running(self) -> int:
        """How many of its models run."""
        return sum(row.result.compatible for row in self.rows)


def curated_list(slug: str, worker: str = "", available: Mapping[str, EngineProfile] | None = None) -> ListPage:
    """A published list. Five queries; raises :class:`CuratedList.DoesNotExist`."""
    curated = CuratedList.objects.get(slug=slug, published=True)
    profile = worker_of(Criteria(worker=worker), available or engines())
    entries = list(ListEntry.objects.filter(curated_list=curated).select_related("record"))
    rows = rows_of([entry.record for entry in entries], profile) if entries else []
    notes = {entry.record_id: entry.note for entry in entries}
    return ListPage(
        curated,
        profile,
        [Row(row.record, row.result, row.best, row.quantizations, notes[row.record.pk]) for row in rows],
    )


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One line of the report: a category, its count, its share of all in percent, and the question that lists it."""

    key: str
    label: str
    count: int
    percent: float
    query: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The compatibility rate of the best known models. The lines after ``compatible`` add up to the rest."""

    profile: EngineProfile
    asked: int
    total: int
    lines: tuple[ReportLine, ...]
    by_confidence: Mapping[int, int]

    def as_json(self) -> dict[str, Any]:
        """The report as an object with counts and percents."""
        return {
            "worker": self.profile.slug,
            "top": self.asked,
            "total": self.total,
            **{line.key: {"count": line.count, "percent": line.percent} for line in self.lines},
        }


REPORT_LINES = (
    ("compatible", "Compatible", ("",)),
    ("incompatibleArchitecture", "Incompatible: architecture", ("architecture", "task")),
    ("incompatibleFormat", "Incompatible: format", ("format",)),
    ("incompatibleContext", "Incompatible: context", ("context",)),
    ("unknown", "Unknown: the record tells too little", ("unknown",)),
)
"""The original's table: key, label, and the causes counted there. Tasks count under architecture."""


def report(top: int = 200, worker: str = "", available: Mapping[str, EngineProfile] | None = None) -> Report:
    """The compatibility rate of the ``top`` best known models. Three queries."""
    profile = worker_of(Criteria(worker=worker), available or engines())
    best_known = ModelRecord.objects.order_by("-popularity", "repo_id").values_list("sheet_id", flat=True)[:top]
    values = kept(("sheets", catalogue_state()[0], profile.slug), lambda: facets.sheet_values(profile.slug))
    found = [(values[sheet][1], values[sheet][0]) for sheet in best_known]
    causes = Counter(cause for cause, _ in found)
    total = len(found)
    lines = []
    for key, label, keys in REPORT_LINES:
        count = sum(causes[cause] for cause in keys)
        query = Criteria() if keys == ("",) else Criteria(compatible="only-incompatible", cause=keys)
        lines.append(ReportLine(key, label, count, round(100 * count / total, 1) if total else 0.0, query.query()))
    return Report(profile, top, total, tuple(lines), Counter(confidence for _, confidence in found))


def verdict_of(record: ModelRecord, profile: EngineProfile) -> CompatibilityResult:
    """The stored verdict of one record. One query."""
    return Verdict.objects.get(profile=profile.slug, sheet=record.sheet_id).result
