"""Lists in order: from every place on follows exactly the rest, in the database and in the index alike."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from compat.catalogue.browse import browse
from compat.catalogue.current import current_index, forget_index
from compat.catalogue.finding import Finding, position_after
from compat.catalogue.order import ORDERS, order_named
from compat.catalogue.question import Question
from compat.catalogue.rows import worker_of
from compat.catalogue.workers import workers
from compat.estimate import Fit
from compat.models import ModelRecord

pytestmark = pytest.mark.django_db


@pytest.fixture
def told():
    """Values that many records share, and many that are not told: where an order is most easily lost."""
    chance = random.Random(4)
    start = datetime(2025, 1, 1, tzinfo=UTC)
    records = list(ModelRecord.objects.all())
    for one in records:
        one.likes = chance.choice([None, 0, 0, 1, 2])
        one.trending = chance.choice([None, 0.0, 0.5])
        one.modified = chance.choice([None, start, start + timedelta(days=1)])
        one.created = chance.choice([None, start])
        one.parameters = chance.choice([None, 7, 8])
        one.popularity = chance.choice([0, 0, 5])
    ModelRecord.objects.bulk_update(
        records, ["likes", "trending", "modified", "created", "parameters", "popularity"], batch_size=100
    )
    forget_index()
    return len(records)


def in_order(order, place=None):
    return [one for part in order.ranges(place) for one in part]


@pytest.mark.parametrize("sort", ORDERS)
@pytest.mark.parametrize("ascending", [False, True])
def test_from_every_place_on_follows_exactly_the_rest(told, sort, ascending):
    order = order_named(sort, ascending=ascending)
    every = in_order(order)
    assert len({one.pk for one in every}) == told
    for number in random.Random(sort).sample(range(told), 40):
        after = [one.pk for one in in_order(order, order.place(every[number]))]
        assert after == [one.pk for one in every[number + 1 :]]


@pytest.mark.parametrize("sort", ORDERS)
@pytest.mark.parametrize("ascending", [False, True])
def test_the_index_has_the_orders_of_the_database(told, sort, ascending):
    order = order_named(sort, ascending=ascending)
    index, every = current_index(), in_order(order)
    columns = index.order(order)
    assert index.columns.ids[columns.rows].tolist() == [one.pk for one in every]
    assert columns.groups.tolist() == index.columns.group[columns.rows].tolist()
    for number in random.Random(sort).sample(range(told), 10):
        assert position_after(index, order, order.place(every[number])) == number + 1


@pytest.mark.parametrize("sort", ORDERS)
def test_nulls_come_last_in_both_directions(told, sort):
    for ascending in (False, True):
        order = order_named(sort, ascending=ascending)
        first = [order.place(one)[0] for one in in_order(order)]
        known = [value for value in first if value is not None]
        assert first == [*sorted(known, reverse=order.keys[0].descending), *[None] * (told - len(known))]


@pytest.mark.parametrize("question", ["phi-2", "microsoft/phi-2", "LLAMA", "gpt2"])
def test_what_is_asked_for_by_name_comes_first_and_once(told, question):
    criteria = Question(q=question, sort="likes", compatible="false")
    found = Finding(current_index(), criteria, worker_of(criteria, workers()))
    records = ModelRecord.objects.in_bulk(found.ids(0, told))
    every = list(records.values())
    assert len(found.ids(0, told)) == len(every) == found.total
    ids = found.ids(0, told)
    named = {one.pk for one in every if question.lower() in (one.name.lower(), one.repo_id.lower())}
    assert set(ids[: len(named)]) == named
    for start in (0, 1, len(named), found.total // 2, found.total):
        assert found.ids(start, 20) == ids[start : start + 20]


@pytest.mark.parametrize("sort", ORDERS)
def test_a_slice_may_begin_anywhere(told, sort):
    criteria = Question(sort=sort, compatible="false")
    found = Finding(current_index(), criteria, worker_of(criteria, workers()))
    every = [one.pk for one in in_order(order_named(sort))]
    for start in (0, 1, 99, told - 5, told, told + 50):
        assert found.ids(start, 30) == every[start : start + 30]


@pytest.mark.parametrize("unit", ["model", "repository"])
def test_by_size_what_has_a_memory_need_that_is_not_known_comes_behind_the_rest(unit):
    criteria = Question(worker="vllm", memory=24.0, sort="params", unit=unit)
    pages = range(1, browse(criteria).paging.pages + 1)
    rows = [row for page in pages for row in browse(criteria.changed(page=page)).rows]
    unknown = [row.fit.fit is Fit.UNKNOWN for row in rows]
    assert 5 < sum(unknown) < len(rows) - 5
    assert unknown == sorted(unknown)
    if unit == "repository":
        for among in (False, True):
            sizes = [row.record.parameters or 0 for row, one in zip(rows, unknown, strict=True) if one is among]
            assert sizes == sorted(sizes, reverse=True)
