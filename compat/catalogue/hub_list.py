"""Questions as the Hub's own clients ask them, answered from the records as the Hub told them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from compat.catalogue.current import current_index
from compat.catalogue.cursor import cursor_to, read_cursor
from compat.catalogue.finding import Finding, position_after
from compat.catalogue.order import order_named
from compat.catalogue.question import Question
from compat.catalogue.rows import records_by_id, worker_of
from compat.catalogue.workers import Worker
from compat.models import ModelRecord, RecordRelation, read_documents

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
    """So many records from a cursor on. At most eight queries, and one more for each tag that is in no column.

    Raises :class:`~compat.catalogue.question.QuestionError` for a cursor of another question.
    """
    order = order_named(question.criteria.sort, ascending=question.ascending)
    place = read_cursor(cursor, question.text, order) if cursor else None
    index = current_index()
    # Its orders are the Hub's own, which know no machine.
    worker = worker_of(question.criteria, available)
    found = Finding(index, question.criteria, worker, names_first=False, needs_last=False)
    # The Hub would not list what it does not have.
    found.without_cause("gone")
    if question.task:
        found.narrow("task", question.task)
    for tag in question.tags:
        _narrow(found, tag)
    begin = position_after(index, order, place.values) if place else 0
    records = records_by_id(index.ids_at(found.rows_from(order, begin, 0, limit + 1)))
    next_ = cursor_to(question.text, order.place(records[limit - 1])) if len(records) > limit else ""
    taken = records[:limit]
    read_documents(taken)
    return HubPage(taken, next_)


def _narrow(found: Finding, tag: str) -> None:
    """Find only records with a tag: by what the index tells where it is one of its values, else by all their tags."""
    relation = _RELATION.fullmatch(tag)
    if relation:
        bases = RecordRelation.objects.filter(base=relation[2])
        bases = bases.filter(kind=relation[1]) if relation[1] else bases
        found.only(bases.values_list("record", flat=True))
        return
    if tag.startswith("license:"):
        found.narrow("license", tag.removeprefix("license:"))
        return
    if tag in FORMATS:
        found.narrow("format", tag)
        return
    for facet in ("task", "language"):
        if tag in found.index.values(facet).names:
            found.narrow(facet, tag)
            return
    found.only_tagged(tag)
