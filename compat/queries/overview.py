"""Pages over many models: home, curated lists, the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count

from compat import facets
from compat.criteria import Criteria
from compat.engine import EngineProfile
from compat.engines import engines
from compat.memo import kept
from compat.models import (
    CuratedList,
    ListEntry,
    ModelRecord,
)

from .browse import cube_of, narrowed, ordered
from .rows import Row, catalogue_state, rows_of, worker_of


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
