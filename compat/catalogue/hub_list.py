"""Questions as the Hub's own clients ask them, answered from the records as the Hub told them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import prefetch_related_objects

from compat.catalogue.current import current_index
from compat.catalogue.cursor import cursor_to, read_cursor
from compat.catalogue.finding import Finding, position_after
from compat.catalogue.order import Order, order_named
from compat.catalogue.question import Question
from compat.catalogue.rows import records_by_id, worker_of
from compat.catalogue.workers import Worker
from compat.hub.documents import names
from compat.models import ModelRecord, RecordDocument, RecordRelation, payloads_of

FORMATS = ("safetensors", "gguf", "onnx", "pytorch")
_RELATION = re.compile(r"base_model:(?:(finetune|quantized|adapter|merge):)?(.+)", re.DOTALL)


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
    """Records with their documents, in order; ``next`` is the cursor of what follows, empty at the end."""

    records: list[ModelRecord]
    next: str


def hub_page(question: HubQuestion, available: Mapping[str, Worker], limit: int, cursor: str = "") -> HubPage:
    """So many records from a cursor on. At most eight queries, and more where a tag is in no column.

    Raises :class:`~compat.catalogue.question.QuestionError` for a cursor of another question.
    """
    order = order_named(question.criteria.sort, ascending=question.ascending)
    place = read_cursor(cursor, question.text, order) if cursor else None
    index = current_index()
    found = Finding(index, question.criteria, worker_of(question.criteria, available), names_first=False)
    if question.task:
        found.narrow("task", question.task)
    unindexed = [tag for tag in question.tags if not _narrowed(found, tag)]
    begin = position_after(index, order, place.values) if place else 0
    records = records_by_id(_first_ids(found, order, begin, unindexed, limit + 1))
    next_ = cursor_to(question.text, order, records[limit - 1]) if len(records) > limit else ""
    taken = records[:limit]
    prefetch_related_objects(taken, "documents")
    return HubPage(taken, next_)


def _narrowed(found: Finding, tag: str) -> bool:
    """Narrow to one tag by what the index or a table tells; False where only the Hub's own answers hold such tags."""
    relation = _RELATION.fullmatch(tag)
    if relation:
        bases = RecordRelation.objects.filter(base=relation[2])
        bases = bases.filter(kind=relation[1]) if relation[1] else bases
        found.only(bases.values_list("record", flat=True))
        return True
    if tag.startswith("license:"):
        found.narrow("license", tag.removeprefix("license:"))
        return True
    if tag in FORMATS:
        found.narrow("format", tag)
        return True
    for facet in ("task", "language"):
        if tag in found.index.values(facet).names:
            found.narrow(facet, tag)
            return True
    return False


def _first_ids(found: Finding, order: Order, begin: int, tags: Sequence[str], most: int) -> list[int]:
    """The first ids from a position of an order on that have all of some tags, which no column tells.

    Documents are looked at along the order, of a few hundred rows at a time and of more where few have them.
    """
    if not tags:
        return found.index.ids_at(found.rows_from(order, begin, 0, most))
    taken: list[int] = []
    size = 4 * most
    for _, rows in found.walk(order, begin):
        waiting = found.index.ids_at(rows)
        while waiting and len(taken) < most:
            part, waiting = waiting[:size], waiting[size:]
            known = _tagged(part, tags)
            taken += [pk for pk in part if pk in known]
            size = min(size * 2, _MOST_LOOKED_AT)
        if len(taken) >= most:
            break
    return taken[:most]


_MOST_LOOKED_AT = 5000


def _tagged(ids: Sequence[int], tags: Sequence[str]) -> set[int]:
    """Which of some records have all of these tags, or were made for a library of that name. Three queries."""
    named: dict[int, set[str]] = {}
    for pk, data in RecordDocument.objects.filter(record__in=ids).values_list("record_id", "data"):
        named.setdefault(pk, set()).update(names(data, tags))
    return {
        pk
        for pk, payload in payloads_of(pk for pk, found in named.items() if found.issuperset(tags)).items()
        if {*(payload.get("tags") or ()), payload.get("library_name")}.issuperset(tags)
    }
