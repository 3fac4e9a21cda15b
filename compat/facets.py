"""Facets: what can be narrowed, and how many models each choice would leave.

The columns a verdict page is cut along are few and repeat much, so they are counted once, together (the "cube"):
one row for each combination that occurs. Facet counts, the total and the "not shown" figures are all sums over
those rows, which is why they cannot contradict each other. All but the licence are facts of the sheet that records
share, so the database only counts records by sheet and licence, straight from an index.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Count, Q, QuerySet

from compat.criteria import CONFIDENCES, GATED, Criteria
from compat.engine import Confidence
from compat.metadata.extract import format_label
from compat.metadata.families import family_label, kin_of
from compat.metadata.languages import language_label
from compat.metadata.task import task_label
from compat.models import FactSheet, ModelRecord, Verdict

SHOWN_AT_FIRST = 6
SHOWN_AT_MOST = 40


@dataclass(frozen=True, slots=True)
class CubeRow:
    """How many records have this combination of values."""

    confidence: int
    cause: str
    task: str
    family: str
    architecture: str
    formats: str
    gated: bool
    license: str
    count: int


@dataclass(frozen=True, slots=True)
class Facet:
    """One way to narrow.

    ``values`` are the values a cube row has; ``word`` is what a value is called; ``where`` is the same as a condition
    on fact sheets joined to their verdict, except for a facet of the record itself (``of_record``).
    """

    name: str
    label: str
    values: Callable[[CubeRow], Sequence[str]]
    where: Callable[[str], Q]
    word: Callable[[str], str] = str
    of_record: bool = False

    def passes(self, row: CubeRow, wanted: Sequence[str]) -> bool:
        """Whether a row has any of the wanted values."""
        return not wanted or any(value in wanted for value in self.values(row))

    def condition(self, wanted: Sequence[str]) -> Q:
        """The same as a database condition; empty where nothing is wanted."""
        condition = Q()
        for value in wanted:
            condition |= self.where(value)
        return condition


def license_label(value: str) -> str:
    """A licence as written, but for the common ones' proper names."""
    return _LICENSES.get(value, value)


_LICENSES = {
    "apache-2.0": "Apache 2.0",
    "mit": "MIT",
    "cc-by-nc-4.0": "CC BY-NC 4.0",
    "cc-by-4.0": "CC BY 4.0",
    "cc-by-sa-4.0": "CC BY-SA 4.0",
    "cc-by-nc-sa-4.0": "CC BY-NC-SA 4.0",
    "gpl-3.0": "GPL 3.0",
    "agpl-3.0": "AGPL 3.0",
    "bsd-3-clause": "BSD 3-Clause",
    "llama2": "Llama 2",
    "llama3": "Llama 3",
    "llama3.1": "Llama 3.1",
    "llama3.2": "Llama 3.2",
    "llama3.3": "Llama 3.3",
    "llama4": "Llama 4",
    "gemma": "Gemma terms",
    "other": "Other",
    "unknown": "Stated as unknown",
}

FACETS: tuple[Facet, ...] = (
    Facet(
        "confidence",
        "Verdict",
        values=lambda row: (Confidence(row.confidence).word,),
        where=lambda value: Q(verdicts__confidence=Confidence[value.upper()].value),
        word=lambda value: Confidence[value.upper()].badge,
    ),
    Facet(
        "architecture",
        "Architecture",
        values=lambda row: (row.family, row.architecture) if row.family != row.architecture else (row.family,),
        where=lambda value: Q(family=value) | Q(architecture=value),
        word=family_label,
    ),
    Facet(
        "format",
        "Format",
        values=lambda row: row.formats.split(),
        where=lambda value: (
            Q(formats=value)
            | Q(formats__startswith=f"{value} ")
            | Q(formats__endswith=f" {value}")
            | Q(formats__contains=f" {value} ")
        ),
        word=format_label,
    ),
    Facet("task", "Task", values=lambda row: (row.task,), where=lambda value: Q(task=value), word=task_label),
    Facet(
        "license",
        "Licence",
        values=lambda row: (row.license,),
        where=lambda value: Q(license=value),
        word=license_label,
        of_record=True,
    ),
    Facet(
        "gated",
        "Access",
        values=lambda row: ("true" if row.gated else "false",),
        where=lambda value: Q(gated=value == "true"),
        word=GATED.__getitem__,
    ),
)
"""Every facet counted in the cube; pages, API and queries iterate this one tuple."""

SIDE_FACETS: tuple[tuple[str, str, str, Callable[[str], str]], ...] = (
    ("quantization", "Quantization", "variants__quantization", str),
    ("language", "Language", "languages__code", language_label),
)
"""Facets whose values lie in tables beside the records: parameter, label, lookup, wording."""


def wanted(criteria: Criteria, name: str) -> tuple[str, ...]:
    """The values of a facet that a question asks for."""
    value = getattr(criteria, name)
    return value if isinstance(value, tuple) else (value,) if value else ()


def shown_passes(criteria: Criteria, confidence: int, cause: str) -> bool:
    """Whether a verdict is on the side that the question shows."""
    if criteria.cause and cause not in criteria.cause:
        return False
    if criteria.compatible == "false":
        return True
    return (confidence > 0) == (criteria.compatible == "true")


def passes_verdict(criteria: Criteria, confidence: int, cause: str) -> bool:
    """Whether a verdict passes all the question asks of verdicts."""
    named = not criteria.confidence or Confidence(confidence).word in criteria.confidence
    return named and shown_passes(criteria, confidence, cause)


def shown_condition(criteria: Criteria) -> Q:
    """The same as a condition on fact sheets joined to their verdict."""
    condition = Q()
    if criteria.compatible != "false":
        condition &= Q(verdicts__confidence__gt=0) if criteria.compatible == "true" else Q(verdicts__confidence=0)
    if criteria.cause:
        condition &= Q(verdicts__cause__in=criteria.cause)
    return condition


def sheets(criteria: Criteria, profile: str) -> QuerySet[FactSheet] | None:
    """The fact sheets that pass the question on one engine; None where it accepts them all."""
    condition = shown_condition(criteria)
    for facet in FACETS:
        if not facet.of_record:
            condition &= facet.condition(wanted(criteria, facet.name))
    if not condition:
        return None
    return FactSheet.objects.filter(Q(verdicts__profile=profile) & condition)


SheetValues = Mapping[int, tuple[int, str, str, str, str, str, bool]]
"""What the cube needs of each fact sheet: confidence and cause on one engine, then the sheet's own columns."""


def sheet_values(profile: str) -> SheetValues:
    """Every fact sheet's values on one engine. One query over a few thousand rows."""
    columns = (
        "confidence",
        "cause",
        "sheet__task",
        "sheet__family",
        "sheet__architecture",
        "sheet__formats",
        "sheet__gated",
    )
    rows = Verdict.objects.filter(profile=profile).values_list("sheet_id", *columns)
    return {row[0]: row[1:] for row in rows}


def count_cube(records: QuerySet[ModelRecord], values: SheetValues) -> list[CubeRow]:
    """The cube of a set of records: counted by fact sheet and licence in one query, then told apart by their values."""
    counts: Counter[tuple[Any, ...]] = Counter()
    for sheet, license_, n in records.order_by().values_list("sheet_id", "license").annotate(n=Count("id")):
        if sheet in values:
            counts[(*values[sheet], license_)] += n
    return [CubeRow(*(*key, n)) for key, n in counts.items()]


def count_each(
    records: QuerySet[ModelRecord], values: SheetValues, stands: Callable[[int, int], tuple[int, str]]
) -> list[CubeRow]:
    """The cube where confidence and cause differ between records of one sheet: every record is looked at. One query."""
    counts: Counter[tuple[Any, ...]] = Counter()
    for pk, sheet, license_ in records.order_by().values_list("id", "sheet_id", "license"):
        if sheet in values:
            counts[(*stands(pk, sheet), *values[sheet][2:], license_)] += 1
    return [CubeRow(*(*key, n)) for key, n in counts.items()]


@dataclass(frozen=True, slots=True)
class FacetValue:
    """One choice: what it is called, how many models it leaves, whether it is taken, and the question it leads to."""

    value: str
    label: str
    count: int
    selected: bool
    query: str


@dataclass(frozen=True, slots=True)
class FacetView:
    """A facet with its choices, the most frequent first, those taken always among them."""

    name: str
    label: str
    values: tuple[FacetValue, ...]

    @property
    def first(self) -> tuple[FacetValue, ...]:
        """The choices shown at once: the most frequent and all that are taken."""
        return tuple(v for i, v in enumerate(self.values) if i < SHOWN_AT_FIRST or v.selected)

    @property
    def rest(self) -> tuple[FacetValue, ...]:
        """The choices behind "more"."""
        return tuple(v for i, v in enumerate(self.values) if i >= SHOWN_AT_FIRST and not v.selected)

    @property
    def taken(self) -> int:
        """How many choices are taken."""
        return sum(value.selected for value in self.values)


@dataclass(frozen=True, slots=True)
class CubeSums:
    """What a question makes of a cube."""

    total: int
    by_confidence: Mapping[int, int]
    hidden: Mapping[str, int]
    facets: Mapping[str, Counter[str]]


def sum_cube(cube: Iterable[CubeRow], criteria: Criteria) -> CubeSums:
    """Total, hidden causes and facet counts in one pass.

    A facet's counts ignore its own choice, as a visitor expects of check boxes: they say what taking another box
    would give. ``hidden`` counts, by cause, what passes every filter but does not run.
    """
    total = 0
    by_confidence: Counter[int] = Counter()
    hidden: Counter[str] = Counter()
    counts: dict[str, Counter[str]] = {facet.name: Counter() for facet in FACETS}
    asked = [(facet, wanted(criteria, facet.name)) for facet in FACETS]
    anything = replace(criteria, compatible="false", cause=())
    hiding = criteria.compatible == "true" and not criteria.confidence
    for row in cube:
        failed = [facet for facet, values in asked if values and not facet.passes(row, values)]
        if len(failed) > 1:
            continue
        if not failed and shown_passes(anything, row.confidence, row.cause):
            by_confidence[row.confidence] += row.count
            if hiding and row.confidence == 0:
                hidden[row.cause] += row.count
        if not shown_passes(criteria, row.confidence, row.cause):
            continue
        if not failed:
            total += row.count
        for facet in failed or FACETS:
            counter = counts[facet.name]
            for value in facet.values(row):
                counter[value] += row.count
    return CubeSums(total, by_confidence, hidden, counts)


def view_of(
    name: str, label: str, word: Callable[[str], str], counts: Mapping[str, int], criteria: Criteria
) -> FacetView:
    """A facet's counts as choices with their questions."""
    taken = wanted(criteria, name)
    found = sorted(((value, n) for value, n in counts.items() if value), key=lambda item: (-item[1], item[0]))
    if name == "confidence":
        found.sort(key=lambda item: CONFIDENCES.index(item[0]))
    keep = [item for i, item in enumerate(found) if i < SHOWN_AT_MOST or item[0] in taken]
    keep += [(value, 0) for value in taken if value not in counts]
    return FacetView(
        name,
        label,
        tuple(
            FacetValue(value, word(value), n, value in taken, criteria.toggled(name, value).query())
            for value, n in keep
        ),
    )


def views(sums: CubeSums, criteria: Criteria) -> list[FacetView]:
    """The cube's facets, in their order; a model_type appears among the families only where it is chosen."""
    made = []
    for facet in FACETS:
        counts: Mapping[str, int] = sums.facets[facet.name]
        if facet.name == "architecture":
            taken = wanted(criteria, facet.name)
            counts = {value: n for value, n in counts.items() if value in taken or kin_of(value).family == value}
        made.append(view_of(facet.name, facet.label, facet.word, counts, criteria))
    return made
