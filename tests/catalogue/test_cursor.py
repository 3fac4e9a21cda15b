"""Lists by cursor on a machine: what is kept of every record, and the database read along, give the same."""

from __future__ import annotations

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from compat import catalogue as queries
from compat.catalogue import cursor as keyset
from compat.catalogue import memo
from compat.catalogue.question import SORTS, Criteria
from compat.catalogue.workers import workers
from compat.ingest.changes import raise_catalogue_version
from compat.models import ModelRecord

pytestmark = pytest.mark.django_db
QUESTIONS = (
    "worker=vllm&memory=12",
    "worker=vllm&memory=12&compatible=false&q=qwen",
    "worker=vllm&memory=12&q=llama&author=meta-llama",
    "worker=llama-cpp&accelerator=RTX 4090&language=en&compatible=false",
    "worker=vllm&memory=8&compatible=only-incompatible&cause=memory",
)


class Asked:
    """A question, and parts of its list taken in either way."""

    def __init__(self, query):
        self.criteria = Criteria.from_query(QueryDict(query), workers())
        self.worker = queries.worker_of(self.criteria, workers())
        self.order = keyset.order_of(self.criteria)

    def take(self, place, most, *, whole=True):
        records = keyset.within(self.criteria, self.worker)
        state = queries.catalogue_state()
        return keyset.take(records, self.order, place, self.criteria, self.worker, state, most, whole=whole)

    def queries(self, place, most):
        with CaptureQueriesContext(connection) as context:
            self.take(place, most)
        return len(context)


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("question", QUESTIONS)
def test_what_is_kept_and_what_is_read_along_agree(question, sort):
    asked = Asked(f"{question}&sort={sort}")
    every = asked.take(None, 10_000, whole=False)
    assert len(every) > 2
    assert asked.take(None, 10_000) == every
    for number in (0, 1, len(every) // 2, len(every) - 2, len(every) - 1):
        place = asked.order.place(every[number])
        after = every[number + 1 : number + 30]
        assert asked.take(place, 29) == asked.take(place, 29, whole=False) == after


def test_what_is_kept_takes_two_queries_wherever_it_begins():
    """The largest models come first and fit no machine so small: read along, the whole list would be passed over."""
    asked = Asked("worker=vllm&memory=2&sort=params")
    every = asked.take(None, 10_000)
    state = 1
    assert 3 < len(every) < ModelRecord.objects.count() / 2
    for number in (0, len(every) // 2, len(every) - 1):
        assert asked.queries(asked.order.place(every[number]), 20) == state + 2


@pytest.mark.parametrize("question", ["worker=vllm&memory=12", "worker=vllm&memory=12&compatible=false&q=qwen"])
def test_records_that_move_or_go_before_it_is_known_hide_no_other(question):
    """The order changes in the database, and what is kept does not know of it yet."""
    asked = Asked(question)
    every = [record.pk for record in asked.take(None, 10_000)]
    first = asked.take(None, 20)
    ModelRecord.objects.filter(pk=first[-1].pk).update(popularity=-1)
    ModelRecord.objects.filter(pk=every[25]).update(popularity=2**62)
    ModelRecord.objects.filter(pk=every[30]).delete()
    seen, last = [record.pk for record in first], first[-1]
    while part := asked.take(asked.order.place(last), 20):
        seen += [record.pk for record in part]
        last = part[-1]
    moved = {first[-1].pk, every[25], every[30]}
    assert [pk for pk in seen if pk not in moved] == [pk for pk in every if pk not in moved]


def test_what_is_kept_is_not_asked_while_a_newer_version_is_made(monkeypatch):
    """A record that moves to the end of the list meanwhile is still met there."""
    asked = Asked("worker=vllm&memory=12")
    every = [record.pk for record in asked.take(None, 10_000)]
    monkeypatch.setattr(memo, "PATIENCE", -1)
    monkeypatch.setattr(memo._Newest, "begin", lambda *_: None)
    first = asked.take(None, 20)
    ModelRecord.objects.filter(pk=every[25]).update(popularity=-1)
    raise_catalogue_version()
    assert not queries.catalogue_state().newest
    seen, last = [record.pk for record in first], first[-1]
    while part := asked.take(asked.order.place(last), 20):
        seen += [record.pk for record in part]
        last = part[-1]
    assert seen == [*every[:25], *every[26:], every[25]]


def test_a_cursor_whose_record_is_gone_leads_on():
    asked = Asked("worker=vllm&memory=12")
    every = asked.take(None, 40)
    ModelRecord.objects.filter(pk=every[9].pk).delete()
    assert asked.take(asked.order.place(every[9]), 20) == every[10:30]
