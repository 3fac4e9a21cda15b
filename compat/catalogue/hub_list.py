"""Questions as the Hub's own clients ask them, answered from the records as the Hub told them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from compat.catalogue import cursor as keyset
from compat.catalogue.memo import kept
from compat.catalogue.question import Question
from compat.catalogue.rows import catalogue_state, worker_of
from compat.catalogue.workers import Worker
from compat.models import FactSheet, ModelRecord, RecordLanguage, RecordPayload, RecordRelation

FORMATS = ("safetensors", "gguf", "onnx", "pytorch")
_RELATION = re.compile(r"base_model:(?:(finetune|quantized|adapter|merge):)?(.+)", re.DOTALL)
_TAGGED = {
    "sqlite": (
        "SELECT record_id FROM compat_recordpayload WHERE EXISTS (SELECT 1 FROM"
        " json_each(compat_recordpayload.data, '$.tags') WHERE json_each.value = %s)"
    ),
    "postgresql": "SELECT record_id FROM compat_recordpayload WHERE data->'tags' @> %s::jsonb",
}


@dataclass(frozen=True, slots=True)
class HubQuestion:
    """A question to ``/api/models``: what the pages' criteria can say, the tags that must all be there, the task."""

    criteria: Question
    tags: tuple[str, ...] = ()
    task: str = ""
    ascending: bool = False

    @property
    def text(self) -> str:
        """The same as text, for cursors."""
        return f"{self.criteria.query()}|{'|'.join(self.tags)}|{self.task}|{self.ascending}"


@dataclass(frozen=True, slots=True)
class HubPage:
    """Records with their payloads, in order; ``next`` is the cursor of what follows, empty at the end."""

    records: list[ModelRecord]
    next: str


def hub_page(question: HubQuestion, available: Mapping[str, Worker], limit: int, cursor: str = "") -> HubPage:
    """So many records from a cursor on. At most seven queries; more on a worker with a machine.

    Raises :class:`~compat.catalogue.question.QuestionError` for a cursor of another question.
    """
    criteria = question.criteria
    worker = worker_of(criteria, available)
    state = catalogue_state()
    order = keyset.plain_order(criteria.sort, ascending=question.ascending)
    place = keyset.read_cursor(cursor, question.text, order) if cursor else None
    records = keyset.within(criteria, worker)
    if question.task:
        records = records.filter(task=question.task)
    for tag in question.tags:
        records = _tagged(records, tag, state.version)
    whole = not (question.task or question.tags)
    found = keyset.take(records, order, place, criteria, worker, state, limit + 1, whole=whole)
    next_ = keyset.cursor_to(question.text, order, found[limit - 1]) if len(found) > limit else ""
    return HubPage(_with_payloads(found[:limit]), next_)


def _with_payloads(records: Sequence[ModelRecord]) -> list[ModelRecord]:
    payloads = RecordPayload.objects.in_bulk([record.pk for record in records]) if records else {}
    for record in records:
        if record.pk in payloads:
            record.payload = payloads[record.pk]
    return [record for record in records if record.pk in payloads]


def _tagged(records: QuerySet[ModelRecord], tag: str, version: int) -> QuerySet[ModelRecord]:
    """The records with one tag: from a column where the catalogue keeps such facts in one, else from the tags."""
    relation = _RELATION.fullmatch(tag)
    if relation:
        bases = RecordRelation.objects.filter(base=relation[2])
        bases = bases.filter(kind=relation[1]) if relation[1] else bases
        return records.filter(id__in=bases.values("record"))
    if tag.startswith("license:"):
        return records.filter(license=tag.removeprefix("license:"))
    known = kept(("hub-names", version), _names)
    if tag in FORMATS:
        listed = Q(formats=tag) | Q(formats__startswith=f"{tag} ") | Q(formats__endswith=f" {tag}")
        return records.filter(listed | Q(formats__contains=f" {tag} "))
    if tag in known["task"]:
        return records.filter(task=tag)
    if tag in known["library"]:
        return records.filter(Q(library=tag) | Q(id__in=_with_tag(tag)))
    if tag in known["language"]:
        return records.filter(id__in=RecordLanguage.objects.filter(code=tag).values("record"))
    return records.filter(id__in=_with_tag(tag))


def _with_tag(tag: str) -> RawSQL:
    value: Any = tag if connection.vendor == "sqlite" else json.dumps([tag])
    return RawSQL(_TAGGED[connection.vendor], [value])  # noqa: S611 - the tag is a parameter


def _names() -> dict[str, frozenset[str]]:
    """The tasks, libraries and languages that occur. Three queries."""
    return {
        "task": frozenset(FactSheet.objects.exclude(task="").values_list("task", flat=True)),
        "library": frozenset(ModelRecord.objects.order_by().values_list("library", flat=True).distinct()) - {""},
        "language": frozenset(RecordLanguage.objects.values_list("code", flat=True).distinct()),
    }
