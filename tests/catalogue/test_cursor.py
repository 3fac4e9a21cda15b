"""Lists by cursor: parts follow each other without a gap or a repetition, whatever happens in between."""

from __future__ import annotations

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from compat import catalogue as queries
from compat.catalogue import current
from compat.catalogue.cursor import part_of
from compat.catalogue.finding import Finding
from compat.catalogue.order import ORDERS
from compat.catalogue.question import Question, QuestionError
from compat.catalogue.workers import workers
from compat.ingest.changes import raise_catalogue_version
from compat.models import ModelRecord

pytestmark = pytest.mark.django_db
QUESTIONS = (
    "compatible=false",
    "q=phi-2&compatible=false",
    "worker=vllm&memory=12",
    "worker=vllm&memory=12&compatible=false&q=qwen",
    "worker=vllm&memory=12&q=llama&author=meta-llama",
    "worker=llama-cpp&accelerator=RTX 4090&language=en&compatible=false",
    "worker=vllm&memory=8&compatible=only-incompatible&cause=memory",
)


class Asked:
    """A question, and parts of its list."""

    def __init__(self, query):
        self.criteria = Question.from_query(QueryDict(query), workers())
        self.worker = queries.worker_of(self.criteria, workers())
        self.question = self.criteria.query()

    def part(self, cursor="", limit=20):
        found = Finding(current.current_index(), self.criteria, self.worker)
        return part_of(found, self.question, limit, cursor)

    def all(self, limit=20, cursor="", seen=()):
        """Every record from a cursor on, part by part."""
        records = list(seen)
        while True:
            part = self.part(cursor, limit)
            records += part.records
            if not part.next:
                return [record.pk for record in records]
            cursor = part.next


@pytest.mark.parametrize("sort", ORDERS)
@pytest.mark.parametrize("question", QUESTIONS)
def test_parts_of_any_size_are_the_whole_list(question, sort):
    asked = Asked(f"{question}&sort={sort}")
    every = [record.pk for record in asked.part(limit=10_000).records]
    assert len(every) == len(set(every)) > 1
    page = queries.browse(asked.criteria.changed(unit="repository"))
    assert page.total == len(every)
    assert [row.record.pk for row in page.rows] == every[:30]
    for limit in (1, 7, len(every) - 1) if len(every) < 60 else (29, len(every) - 1):
        assert asked.all(limit) == every


def test_a_part_takes_as_many_queries_wherever_it_begins():
    """The largest models come first and fit no machine so small."""
    asked = Asked("worker=vllm&memory=2&sort=params")
    assert 3 < len(asked.part(limit=10_000).records) < ModelRecord.objects.count() / 2
    cursor, counts = asked.part(limit=2).next, []
    while cursor:
        with CaptureQueriesContext(connection) as context:
            cursor = asked.part(cursor, 2).next
        counts.append(len(context))
    assert len(counts) > 2
    assert set(counts) == {5}


@pytest.mark.parametrize(
    "question", ["compatible=false", "worker=vllm&memory=12", "worker=vllm&memory=12&compatible=false&q=qwen"]
)
def test_records_that_move_or_go_before_it_is_known_hide_no_other(question):
    """The order changes in the database, and the index does not know of it yet."""
    asked = Asked(question)
    every = asked.all(10_000)
    first = asked.part()
    ModelRecord.objects.filter(pk=first.records[-1].pk).update(popularity=-1)
    ModelRecord.objects.filter(pk=every[25]).update(popularity=2**62)
    ModelRecord.objects.filter(pk=every[30]).delete()
    seen = asked.all(20, first.next, first.records)
    moved = {first.records[-1].pk, every[25], every[30]}
    assert [pk for pk in seen if pk not in moved] == [pk for pk in every if pk not in moved]


def test_while_a_newer_index_is_made_the_list_stays_as_it_was(monkeypatch):
    """A record that moves meanwhile is met where it was: once."""
    asked = Asked("worker=vllm&memory=12")
    every = asked.all(10_000)
    first = asked.part()
    monkeypatch.setattr(current, "PATIENCE", -1)
    monkeypatch.setattr(current, "REST", float("inf"))
    ModelRecord.objects.filter(pk=every[25]).update(popularity=-1)
    raise_catalogue_version()
    assert not queries.catalogue_state().newest
    assert asked.all(20, first.next, first.records) == every


def test_a_cursor_whose_record_is_gone_leads_on():
    # In the suggested order, what is older than the newest of its line moves where that goes.
    asked = Asked("worker=vllm&memory=12&sort=likes")
    every = asked.all(10_000)
    part = asked.part(limit=10)
    ModelRecord.objects.filter(pk=every[9]).delete()
    raise_catalogue_version()
    assert [record.pk for record in asked.part(part.next).records] == every[10:30]


def test_a_part_of_which_every_record_is_gone_does_not_end_the_list():
    asked = Asked("compatible=false")
    every = asked.all(10_000)
    part = asked.part(limit=10)
    ModelRecord.objects.filter(pk__in=every[10:20]).delete()
    assert asked.all(10, part.next, part.records) == [*every[:10], *every[20:]]


def test_a_cursor_of_another_question_is_refused():
    cursor = Asked("compatible=false").part().next
    for question in ("compatible=false&sort=likes", "compatible=false&q=b", ""):
        with pytest.raises(QuestionError):
            Asked(question).part(cursor)
