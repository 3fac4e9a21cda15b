"""One model: its verdicts, variants, facts with evidence, relations, and what to take instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from compat.criteria import Criteria
from compat.engine import CompatibilityResult, EngineProfile
from compat.engines import engines
from compat.hub.payloads import is_repo_id, parse_record
from compat.metadata.extract import Extraction, Relation, extract, format_label
from compat.metadata.facts import VariantFacts, parameters_text
from compat.metadata.families import family_label
from compat.metadata.filenames import read_name
from compat.metadata.task import task_label
from compat.models import (
    HubFetch,
    ModelRecord,
    RecordRelation,
    RecordVariant,
    Verdict,
)

from .rows import Row, UnknownModel, rows_of, worker_of


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
