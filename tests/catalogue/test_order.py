"""Lists in order: every way to read one gives the same rows, and every way to count them the same numbers."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.http import QueryDict

from compat import catalogue as queries
from compat.catalogue import census, memo
from compat.catalogue.lots import Lots, lots_of, whole
from compat.catalogue.numbers import sums_of
from compat.catalogue.order import order_of, plain_order, slice_of
from compat.catalogue.question import SORTS, Question
from compat.catalogue.verdict import standings
from compat.catalogue.workers import chosen, workers
from compat.ingest import store as sync
from compat.models import ModelRecord, RecordVariant
from tests.catalogue.test_facets import QUESTIONS
from tests.samples import record

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
    return len(records)


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("ascending", [False, True])
def test_from_every_place_on_follows_exactly_the_rest(told, sort, ascending):
    order = plain_order(sort, ascending=ascending)
    every = [one for part in order.parts(ModelRecord.objects.all()) for one in part]
    assert len({one.pk for one in every}) == told
    for number in random.Random(sort).sample(range(told), 40):
        after = [one.pk for part in order.parts(ModelRecord.objects.all(), order.place(every[number])) for one in part]
        assert after == [one.pk for one in every[number + 1 :]]


@pytest.mark.parametrize("question", ["phi-2", "microsoft/phi-2", "LLAMA", "gpt2"])
def test_what_is_asked_for_by_name_comes_first_and_once(told, question):
    order = order_of(Question(q=question, sort="likes"))
    records = ModelRecord.objects.all()
    every = [one for part in order.parts(records) for one in part]
    assert len({one.pk for one in every}) == len(every) == told
    named = [one for one in every if question.lower() in (one.name.lower(), one.repo_id.lower())]
    assert every[: len(named)] == named
    for number in (0, len(named), told // 2):
        after = [one.pk for part in order.parts(records, order.place(every[number])) for one in part]
        assert after == [one.pk for one in every[number + 1 :]]
        assert slice_of(records, order, number, 20) == every[number : number + 20]


@pytest.mark.parametrize("sort", SORTS)
def test_a_slice_may_begin_anywhere(told, sort):
    order = plain_order(sort)
    every = [one for part in order.parts(ModelRecord.objects.all()) for one in part]
    few = [one for part in order.parts(ModelRecord.objects.all(), few=True) for one in part]
    assert few == every
    for start in (0, 1, 99, told - 5, told, told + 50):
        assert slice_of(ModelRecord.objects.all(), order, start, 30) == every[start : start + 30]


@pytest.mark.parametrize("query", QUESTIONS, ids=lambda query: query or "nothing")
def test_looking_up_and_walking_along_find_the_same(monkeypatch, query):
    asked = Question.from_query(QueryDict(query), workers())
    worker = queries.worker_of(asked, workers())
    version = queries.catalogue_state().version
    found = []
    for rare in (-1, 10**9):
        monkeypatch.setattr("compat.catalogue.scope.RARE", rare)
        found.append([one.pk for one in queries.found_records(asked, worker, version, 0, 1000)])
    assert found[0] == found[1]
    assert len(found[0]) == sums_of(asked, worker, version).total


def sorted_census(found):
    kinds = sorted((repr(kind[:4]), n) for kind, n in merged(found.kinds).items())
    return kinds, sorted((code, repr(kind), n) for (code, kind), n in languages(found).items())


def merged(rows):
    counts = {}
    for kind, n in rows:
        counts[kind[:4]] = counts.get(kind[:4], 0) + n
    return counts


def languages(found):
    counts = {}
    for code, kind, n in found.languages:
        counts[code, kind[:4]] = counts.get((code, kind[:4]), 0) + n
    return counts


def test_the_census_and_the_lots_count_alike():
    lots = Lots()
    every = ModelRecord.objects.all()
    assert sorted_census(lots.census()) == sorted_census(census.count(every)) == sorted_census(census.count())
    some = every.filter(search_text__contains="llama")
    assert sorted_census(lots.census(some.values_list("id", flat=True))) == sorted_census(census.count(some))
    spoken = every.filter(languages__code="en")
    assert merged(lots.census(language="en").kinds) == merged(census.count(spoken).kinds)
    assert merged(census.count(every).speaking("en").kinds) == merged(census.count(spoken).kinds)


def test_records_of_a_lot_share_their_facts_and_the_sizes_of_their_files():
    item = record("microsoft/phi-2", siblings=[{"rfilename": "m-Q4_K_M.gguf", "size": 5}])
    sizes = {"one": 5, "same": 5, "other": 6}
    for name, size in sizes.items():
        file = {"rfilename": "m-Q4_K_M.gguf", "size": size}
        sync.store_raw([("1", item | {"id": f"sample/{name}", "siblings": [file]})], origin="file")
    lots = Lots()
    fits = {}
    for name, size in sizes.items():
        kept = ModelRecord.objects.get(repo_id=f"sample/{name}")
        assert RecordVariant.objects.get(record=kept, format="gguf").size_bytes == size
        fits[name] = lots.kinds[lots.numbers[lots.place_of(kept.pk)]].fit
    assert fits["one"] == fits["same"] != fits["other"]


def test_what_is_known_of_a_memory_need_serves_after_a_change():
    worker = chosen(workers(), "vllm", memory=24.0)
    before = dict(standings(worker, queries.catalogue_state().version))
    # An id that comes first, so that everything is numbered anew.
    ModelRecord.objects.filter(pk=ModelRecord.objects.order_by("pk")[0].pk).update(parameters=70_000_000_000)
    sync.store_raw([("1", record("microsoft/phi-2", id="sample/another"))], origin="file")
    after = standings(worker, queries.catalogue_state().version)
    kept = dict(after)
    memo.forget()
    assert kept == dict(standings(worker, queries.catalogue_state().version))
    changed = {pk for pk in before if kept.get(pk) != before[pk]}
    assert len(changed) <= 1
    assert len(kept) == len(after) >= len(before)


def test_lots_find_records_whose_ids_have_gaps():
    ModelRecord.objects.filter(pk__in=list(ModelRecord.objects.values_list("pk", flat=True)[10:60:3])).delete()
    lots, pks = Lots(), sorted(ModelRecord.objects.values_list("pk", flat=True))
    assert [lots.ids[place] for place in lots.places_of(pks)] == pks
    assert lots.place_of(max(pks) + 1) is lots.place_of(min(pks) - 1) is None
    assert not lots.places_of([max(pks) + 1])


def test_numbers_stay_the_same_once_lots_are_there():
    asked = Question(q="llama", compatible="false", language=("en",))
    before = queries.browse(asked)
    version = queries.catalogue_state().version
    memo.forget()
    lots_of(version)
    assert whole(version).lots is not None
    after = queries.browse(asked)
    assert (after.total, after.by_confidence, after.facets) == (before.total, before.by_confidence, before.facets)
