"""Facets: what can be narrowed, and how many models each choice would leave.

The columns a verdict page is cut along are few and repeat much, so they are counted once, together (the "cube"):
one row for each combination that occurs. Facet counts, the total and the "not shown" figures are all sums over
those rows, which is why they cannot contradict each other. All but the licence and the languages are facts of the
sheet that records share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db.models import Exists, OuterRef, Q, QuerySet

from compat.architectures import architecture_of, family_label
from compat.catalogue.memo import kept
from compat.catalogue.question import CONFIDENCES, GATED, Criteria
from compat.extraction.extract import format_label
from compat.extraction.facts import VariantFacts
from compat.extraction.languages import language_label
from compat.extraction.task import task_label
from compat.models import FactSheet, RecordLanguage, RecordVariant, Verdict
from compat.rules import Confidence

SHOWN_AT_FIRST = 6
SHOWN_AT_MOST = 40


class CubeRow(NamedTuple):
    """A combination of values that records have."""

    confidence: int
    cause: str
    task: str
    family: str
    architecture: str
    formats: str
    gated: bool
    quantizations: tuple[str, ...]
    license: str


@dataclass(frozen=True, slots=True)
class Cube:
    """Combinations of values, each with the fact sheet it comes from and how many records have it.

    ``languages`` are how many of them speak a language: the language, the number of the row, and how many.
    """

    rows: Sequence[CubeRow]
    sheets: Sequence[int]
    counts: Sequence[int]
    languages: Sequence[tuple[str, int, int]]
    columns: dict[str, list[tuple[str, ...]]] = field(default_factory=dict, compare=False)

    def __len__(self) -> int:
        """How large it is."""
        return len(self.rows) + len(self.languages)

    def column(self, facet: Facet) -> list[tuple[str, ...]]:
        """Every row's values of one facet."""
        if facet.name not in self.columns:
            self.columns[facet.name] = [facet.values(row) for row in self.rows]
        return self.columns[facet.name]


@dataclass(frozen=True, slots=True)
class Facet:
    """One way to narrow.

    ``values`` are the values a cube row has; ``word`` is what a value is called; ``where`` is the same as a condition
    on fact sheets joined to their verdict, except for a facet of the record itself (``of_record``). Where a record may
    have several values, they lie in a table of their own, ``beside`` the records: the table and its column.
    """

    name: str
    label: str
    values: Callable[[CubeRow], tuple[str, ...]]
    where: Callable[[tuple[str, ...]], Q]
    word: Callable[[str], str] = str
    of_record: bool = False
    beside: tuple[type[RecordVariant | RecordLanguage], str] | None = None

    def condition(self, wanted: tuple[str, ...], *, along: bool = False) -> Q:
        """Any of the wanted values as a database condition; empty where nothing is wanted.

        ``along`` makes it one to try on record after record, rather than one to find records by.
        """
        if not wanted:
            return Q()
        if along and self.beside:
            table, column = self.beside
            return Q(Exists(table._default_manager.filter(**{f"{column}__in": wanted, "record": OuterRef("pk")})))  # noqa: SLF001
        return self.where(wanted)


def _format_condition(values: tuple[str, ...]) -> Q:
    """Formats are kept as words separated by blanks."""
    condition = Q()
    for value in values:
        condition |= Q(formats=value) | Q(formats__startswith=f"{value} ") | Q(formats__endswith=f" {value}")
        condition |= Q(formats__contains=f" {value} ")
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
        where=lambda values: Q(verdicts__confidence__in=[Confidence[value.upper()].value for value in values]),
        word=lambda value: Confidence[value.upper()].badge,
    ),
    Facet(
        "architecture",
        "Architecture",
        values=lambda row: (row.family, row.architecture) if row.family != row.architecture else (row.family,),
        where=lambda values: Q(family__in=values) | Q(architecture__in=values),
        word=family_label,
    ),
    Facet(
        "format",
        "Format",
        values=lambda row: tuple(row.formats.split()),
        where=_format_condition,
        word=format_label,
    ),
    Facet("task", "Task", values=lambda row: (row.task,), where=lambda values: Q(task__in=values), word=task_label),
    Facet(
        "license",
        "Licence",
        values=lambda row: (row.license,),
        where=lambda values: Q(license__in=values),
        word=license_label,
        of_record=True,
    ),
    Facet(
        "gated",
        "Access",
        values=lambda row: ("true" if row.gated else "false",),
        where=lambda values: Q(gated=values == ("true",)),
        word=GATED.__getitem__,
    ),
    Facet(
        "quantization",
        "Quantization",
        values=lambda row: row.quantizations,
        where=lambda values: Q(id__in=RecordVariant.objects.filter(quantization__in=values).values("record")),
        beside=(RecordVariant, "quantization"),
        of_record=True,
    ),
    Facet(
        "language",
        "Language",
        values=lambda _: (),
        where=lambda values: Q(id__in=RecordLanguage.objects.filter(code__in=values).values("record")),
        beside=(RecordLanguage, "code"),
        word=language_label,
        of_record=True,
    ),
)
"""Every facet; pages, API and queries iterate this one tuple. A language is not a value of the cube's rows: a record
may speak several, so a question for languages has a cube of its own, and their counts lie beside the rows."""


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


class SheetValues(NamedTuple):
    """What the cube needs of a fact sheet: confidence and cause on one engine, then the sheet's own columns."""

    confidence: int
    cause: str
    task: str
    family: str
    architecture: str
    formats: str
    gated: bool
    quantizations: tuple[str, ...]

    def row(self, license_: str, verdict: tuple[int, str] | None = None) -> CubeRow:
        """The cube's row with these facts and a licence; ``verdict`` is that of a machine, where one is asked for."""
        confidence, cause = verdict or (self.confidence, self.cause)
        facts = (self.task, self.family, self.architecture, self.formats, self.gated, self.quantizations)
        return CubeRow(confidence, cause, *facts, license_)


def sheet_values(profile: str) -> Mapping[int, SheetValues]:
    """Every fact sheet's values on one engine. One query over a few thousand rows, and more for sheets not yet seen."""
    columns = (
        "confidence",
        "cause",
        "sheet__task",
        "sheet__family",
        "sheet__architecture",
        "sheet__formats",
        "sheet__gated",
    )
    rows = list(Verdict.objects.filter(profile=profile).values_list("sheet_id", *columns))
    quantizations = _quantizations([row[0] for row in rows])
    return {row[0]: SheetValues._make((*row[1:], quantizations[row[0]])) for row in rows}


def _quantizations(sheets: Sequence[int]) -> Mapping[int, tuple[str, ...]]:
    """The quantizations of fact sheets' variants. Sheets never change, so each is read once."""
    known: dict[int, tuple[str, ...]] = kept(("quantizations of sheets",), dict)
    missing = [sheet for sheet in sheets if sheet not in known]
    for start in range(0, len(missing), _AT_ONCE):
        rows = FactSheet.objects.filter(id__in=missing[start : start + _AT_ONCE]).values_list("id", "facts")
        for sheet, facts in rows.iterator():
            told = (VariantFacts.from_json(fact).quantization for fact in facts)
            known[sheet] = tuple(dict.fromkeys(name[:40] for name in told if name))
    return known


_AT_ONCE = 10_000


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
    """What a question makes of a cube. ``sheets`` are the fact sheets that the records found have."""

    total: int
    sheets: frozenset[int]
    by_confidence: Mapping[int, int]
    hidden: Mapping[str, int]
    facets: Mapping[str, Counter[str]]


class _Sieve:
    """What a question leaves of a cube's rows, and what each facet's own choice takes away."""

    def __init__(self, cube: Cube, criteria: Criteria) -> None:
        verdicts = {(row.confidence, row.cause) for row in cube.rows}
        shown = {verdict: shown_passes(criteria, *verdict) for verdict in verdicts}
        self.shown = [shown[row.confidence, row.cause] for row in cube.rows]
        self.lost = [0] * len(cube.rows)
        """How many facets' choices each row fails."""
        self.fails: dict[str, list[bool]] = {}
        for facet in FACETS:
            values = wanted(criteria, facet.name)
            if values and facet.name != "language":
                column = cube.column(facet)
                passes = {found: any(value in values for value in found) for found in set(column)}
                fails = self.fails[facet.name] = [not passes[found] for found in column]
                self.lost = [lost + failed for lost, failed in zip(self.lost, fails, strict=True)]
        self.good = [row for row, lost in enumerate(self.lost) if not lost]
        self.taken = [row for row in self.good if self.shown[row]]

    def near(self, name: str) -> list[int]:
        """The rows that a question leaves if one facet's own choice is ignored."""
        if name not in self.fails:
            return self.taken
        one = zip(self.fails[name], self.lost, self.shown, strict=True)
        return self.taken + [row for row, (fails, lost, shown) in enumerate(one) if fails and lost == 1 and shown]


def sum_cube(cube: Cube, criteria: Criteria, spoken: Cube | None = None) -> CubeSums:
    """Total, hidden causes and facet counts.

    A facet's counts ignore its own choice, as a visitor expects of check boxes: they say what taking another box
    would give. For a question with languages, ``spoken`` is therefore the cube without them. ``hidden`` counts, by
    cause, what passes every filter but does not run.
    """
    sieve = _Sieve(cube, criteria)
    by_confidence: Counter[int] = Counter()
    hidden: Counter[str] = Counter()
    hiding = criteria.compatible == "true" and not criteria.confidence
    for number in sieve.good:
        row, n = cube.rows[number], cube.counts[number]
        by_confidence[row.confidence] += n
        if hiding and row.confidence == 0:
            hidden[row.cause] += n
    counts: dict[str, Counter[str]] = {}
    for facet in FACETS:
        counter = counts[facet.name] = Counter()
        column = cube.column(facet)
        for number in sieve.near(facet.name):
            for value in column[number]:
                counter[value] += cube.counts[number]
    wider = spoken or cube
    taken = set(_Sieve(wider, criteria).taken if spoken else sieve.taken)
    for code, number, n in wider.languages:
        if number in taken:
            counts["language"][code] += n
    total = sum(cube.counts[number] for number in sieve.taken)
    return CubeSums(total, frozenset(cube.sheets[number] for number in sieve.taken), by_confidence, hidden, counts)


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
            counts = {
                value: n for value, n in counts.items() if value in taken or architecture_of(value).family == value
            }
        made.append(view_of(facet.name, facet.label, facet.word, counts, criteria))
    return made
