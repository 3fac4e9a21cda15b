"""Pages over many models: home, curated lists, the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from django.db.models import Count

from compat.catalogue.current import current_index, index_now, verdicts_on
from compat.catalogue.finding import Finding
from compat.catalogue.index import CatalogueIndex
from compat.catalogue.index_columns import CAUSE_CODES, INDEX_CAUSES, Units, by_level
from compat.catalogue.membership import ModelOf, models_of
from compat.catalogue.order import ORDERS
from compat.catalogue.question import Question
from compat.catalogue.rows import Row, known_record, rows_of, worker_of
from compat.catalogue.workers import Worker, workers
from compat.engines import EngineProfile
from compat.models import (
    CuratedList,
    ListEntry,
    ModelRecord,
)


@dataclass(frozen=True, slots=True)
class HomePage:
    """The home page's data: ``first`` are the rows that the list of what runs begins with.

    ``recorded``: see :attr:`~compat.catalogue.index.CatalogueIndex.recorded`.
    """

    worker: Worker
    total: int
    by_confidence: Mapping[int, int]
    unknown: int
    first: list[Row]
    lists: list[CuratedList]
    recorded: tuple[str, ...]
    models: Mapping[int, ModelOf] = field(default_factory=dict)
    """The models of the rows, by their records' keys."""

    @property
    def profile(self) -> EngineProfile:
        """The worker's engine."""
        return self.worker.profile

    @property
    def running(self) -> int:
        """How many models run, with any confidence."""
        return sum(count for level, count in self.by_confidence.items() if level > 0)


def home(asked: Question | None = None, available: Mapping[str, Worker] | None = None) -> HomePage:
    """What the home page shows. At most ten queries."""
    criteria = asked or Question()
    worker = worker_of(criteria, available or workers())
    index, newest = index_now()
    counts, unknown = _by_confidence(index, worker, models=True)
    ids = Finding(index, criteria, worker, models=True).ids(0, 8) if counts else []
    first = index.rows.of(ids, worker, newest=newest)
    return HomePage(
        worker=worker,
        total=sum(counts.values()),
        by_confidence=counts,
        unknown=unknown,
        first=first,
        lists=published_lists(),
        recorded=index.recorded,
        models=models_of(index, [row.record for row in first]),
    )


def published_lists() -> list[CuratedList]:
    """Every published list with its number of ``entries``. One query."""
    found = CuratedList.objects.filter(published=True).annotate(size=Count("entries"))
    # Where rows are grouped, a model's own ordering does not hold.
    return list(found.order_by("position", "title", "id"))


@dataclass(frozen=True, slots=True)
class ListPage:
    """A curated list with its rows, in the curator's order."""

    curated: CuratedList
    worker: Worker
    rows: list[Row]

    @property
    def profile(self) -> EngineProfile:
        """The worker's engine."""
        return self.worker.profile

    @property
    def running(self) -> int:
        """How many of its models run."""
        return sum(row.result.compatible for row in self.rows)


def curated_list(slug: str, asked: Question | None = None, available: Mapping[str, Worker] | None = None) -> ListPage:
    """A published list. Five queries; raises :class:`CuratedList.DoesNotExist`."""
    curated = CuratedList.objects.get(slug=slug, published=True)
    worker = worker_of(asked or Question(), available or workers())
    entries = list(ListEntry.objects.filter(curated_list=curated).select_related("record"))
    rows = rows_of([entry.record for entry in entries], worker) if entries else []
    notes = {entry.record_id: entry.note for entry in entries}
    return ListPage(
        curated,
        worker,
        [replace(row, note=notes[row.record.pk]) for row in rows],
    )


@dataclass(frozen=True, slots=True)
class NamedPage:
    """Some models that somebody named, in their order. ``unknown`` are ids that the catalogue does not have."""

    worker: Worker
    rows: list[Row]
    unknown: list[str]

    @property
    def running(self) -> int:
        """How many of them run."""
        return sum(row.result.compatible for row in self.rows)


def listed(
    ids: Iterable[str], asked: Question | None = None, available: Mapping[str, Worker] | None = None
) -> NamedPage:
    """Models by their ids. Four queries, and one more for each that was renamed or is not there."""
    worker = worker_of(asked or Question(), available or workers())
    wanted = list(dict.fromkeys(ids))
    known = {record.repo_id: record for record in ModelRecord.objects.filter(repo_id__in=wanted)}
    unknown = []
    for repo_id in wanted:
        if repo_id in known:
            continue
        record = known_record(repo_id)
        if record is None:
            unknown.append(repo_id)
        else:
            known[repo_id] = record
    return NamedPage(worker, rows_of([known[one] for one in wanted if one in known], worker), unknown)


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One line of the report: a category, its count, and its share of all in percent."""

    key: str
    label: str
    count: int
    percent: float


@dataclass(frozen=True, slots=True)
class Report:
    """The compatibility rate of the best known models. The lines after ``compatible`` add up to the rest."""

    worker: Worker
    asked: int
    total: int
    lines: tuple[ReportLine, ...]
    by_confidence: Mapping[int, int]

    @property
    def profile(self) -> EngineProfile:
        """The worker's engine."""
        return self.worker.profile

    def as_json(self) -> dict[str, Any]:
        """The report as an object with counts and percents."""
        return {
            "worker": self.worker.slug,
            "top": self.asked,
            "total": self.total,
            **{line.key: {"count": line.count, "percent": line.percent} for line in self.lines},
        }


REPORT_LINES = (
    ("compatible", "Compatible", ("",)),
    ("incompatibleArchitecture", "Incompatible: architecture", ("architecture", "task")),
    ("incompatibleFormat", "Incompatible: format", ("format",)),
    ("incompatibleContext", "Incompatible: context", ("context",)),
    ("incompatibleQuantization", "Incompatible: quantization", ("quantization",)),
    ("incompatiblePlatform", "Incompatible: platform", ("platform",)),
    ("incompatibleMemory", "Incompatible: memory", ("memory",)),
    ("incompatibleCache", "Incompatible: type of cache", ("cache",)),
    ("goneFromHub", "Gone from the Hub", ("gone",)),
    ("unknown", "Unknown: the record tells too little", ("unknown",)),
)
"""Key, label, and the causes counted there. Tasks count under architecture, as in the original's table."""

ALWAYS_REPORTED = frozenset(
    {"compatible", "incompatibleArchitecture", "incompatibleFormat", "incompatibleContext", "unknown"}
)
"""The original's lines; the others are shown where there is something to count."""


def report(top: int = 200, asked: Question | None = None, available: Mapping[str, Worker] | None = None) -> Report:
    """The compatibility rate of the ``top`` best known models. At most five queries."""
    asked = asked or Question()
    worker = worker_of(asked, available or workers())
    index = current_index()
    verdicts = verdicts_on(index, worker)
    groups = index.order(ORDERS["popular"]).groups[:top]
    # What no engine has judged yet is unknown.
    levels = np.maximum(verdicts.level[groups], 0).tolist()
    causes = np.where(verdicts.level[groups] < 0, CAUSE_CODES["unknown"], verdicts.cause[groups]).tolist()
    return report_of(
        worker, top, Counter((level, INDEX_CAUSES[cause]) for level, cause in zip(levels, causes, strict=True))
    )


def report_of(worker: Worker, top: int, found: Mapping[tuple[int, str], int]) -> Report:
    """The report of how many models have which confidence and cause. No query."""
    total = sum(found.values())
    lines = []
    for key, label, causes in REPORT_LINES:
        count = sum(n for (_, cause), n in found.items() if cause in causes)
        if not count and key not in ALWAYS_REPORTED:
            continue
        lines.append(ReportLine(key, label, count, round(100 * count / total, 1) if total else 0.0))
    by_confidence: Counter[int] = Counter()
    for (confidence, _), n in found.items():
        by_confidence[confidence] += n
    return Report(worker, top, total, tuple(lines), by_confidence)


@dataclass(frozen=True, slots=True)
class WorkerCard:
    """A worker with how many models, or repositories, run on it, by confidence, and how many there are in all."""

    worker: Worker
    by_confidence: Mapping[int, int]
    unknown: int

    @property
    def total(self) -> int:
        """All models of the catalogue."""
        return sum(self.by_confidence.values())

    @property
    def running(self) -> int:
        """How many run, with any confidence."""
        return sum(count for level, count in self.by_confidence.items() if level > 0)


def workers_page(available: Mapping[str, Worker], *, models: bool = False) -> list[WorkerCard]:
    """Every worker, with its numbers, of ``models`` or else of repositories.

    Two queries, and two more for each engine seen for the first time.
    """
    index = current_index()
    return [_card(index, worker, models=models) for worker in available.values()]


def worker_page(asked: Question, available: Mapping[str, Worker], *, models: bool = False) -> WorkerCard:
    """One worker with its numbers."""
    return _card(current_index(), worker_of(asked, available), models=models)


def _card(index: CatalogueIndex, worker: Worker, *, models: bool) -> WorkerCard:
    return WorkerCard(worker, *_by_confidence(index, worker, models=models))


def _by_confidence(index: CatalogueIndex, worker: Worker, *, models: bool) -> tuple[Counter[int], int]:
    """How many have which confidence, models by their best builds, and how many are refused for want of facts."""
    units = index.columns.models if models else Units.records(index.columns.counts)
    by_score = units.by_score(verdicts_on(index, worker).scores(index.columns.trusted))
    return Counter(by_level(by_score)), int(by_score[CAUSE_CODES["unknown"]])
