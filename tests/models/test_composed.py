"""Queries that are composed once: the answers of Django's own, whatever is asked and however often."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.db.models.functions import Lower
from django.test.utils import CaptureQueriesContext

from compat.models import HubFetch, ModelRecord, RecordVariant, Verdict
from compat.models.composed import ComposedQuery

pytestmark = pytest.mark.django_db
IDS = ["microsoft/phi-2", "t5-small", "gpt2", "nobody/has-this", "google-bert/bert-base-uncased"]


def by_id():
    return ComposedQuery(lambda ids: ModelRecord.objects.filter(repo_id__in=ids))


@pytest.mark.parametrize("count", range(len(IDS) + 1))
def test_a_list_of_any_length_finds_what_django_finds(count):
    asked = by_id()
    assert asked.objects(IDS[:count]) == list(ModelRecord.objects.filter(repo_id__in=IDS[:count]))


def test_objects_are_whole():
    (found,) = by_id().objects(["microsoft/phi-2"])
    same = ModelRecord.objects.get(repo_id="microsoft/phi-2")
    names = [field.attname for field in ModelRecord._meta.concrete_fields]
    assert [getattr(found, name) for name in names] == [getattr(same, name) for name in names]
    assert not found.get_deferred_fields()
    found.likes = 7
    found.save()
    assert ModelRecord.objects.filter(repo_id="microsoft/phi-2", likes=7).count() == 1


def test_what_an_object_leaves_out_is_read_when_it_is_asked_for():
    few = ComposedQuery(lambda ids: ModelRecord.objects.filter(repo_id__in=ids).only("repo_id"))
    (found,) = few.objects(["microsoft/phi-2"])
    assert "task" in found.get_deferred_fields()
    assert found.task == "text-generation"


def test_columns_are_the_values_that_django_makes_of_them():
    def verdicts(engine, sheets):
        found = Verdict.objects.filter(profile=engine, sheet__id__in=sheets).order_by("sheet")
        return found.values_list("sheet_id", "results", "sheet__facts")

    sheets = list(Verdict.objects.filter(profile="vllm").values_list("sheet", flat=True)[:5])
    assert len(sheets) == 5
    assert ComposedQuery(verdicts).rows("vllm", sheets) == list(verdicts("vllm", sheets))


def test_a_moment_is_told_with_its_zone():
    moment = datetime(2026, 11, 29, 1, 2, 3, tzinfo=UTC)
    HubFetch.objects.create(repo_id="sample/one", requested=moment)
    asked = HubFetch.of("sample/one")
    assert asked is not None
    assert (asked.requested, asked.finished) == (moment, None)
    assert HubFetch.of("sample/another") is None


def test_values_are_never_read_as_sql():
    named = ComposedQuery(lambda word: ModelRecord.objects.alias(low=Lower("name")).filter(low=word).values_list("pk"))
    for word in ("' OR 1=1 --", "%", "phi-2%%", "%s", 'x" OR "1"="1'):
        assert named.rows(word) == []
    assert named.rows("phi-2")


def test_it_is_composed_once_for_lists_of_nearly_a_length():
    made = []

    def make(records):
        made.append(len(records))
        return RecordVariant.objects.filter(record__id__in=records)

    asked = ComposedQuery(make)
    for count in (3, 8, 4, 2, 1, 2, 9, 64, 500, 512):
        asked.objects(list(range(count)))
    assert made == [8, 1, 64, 512]
    with CaptureQueriesContext(connection) as context:
        asked.objects([1, 2, 3])
    assert len(context) == 1


def test_no_more_than_a_few_lengths_are_kept():
    made = []

    def make(first, second):
        made.append(1)
        return ModelRecord.objects.filter(pk__in=first).filter(pk__in=second)

    asked = ComposedQuery(make)
    lengths = (1, 8, 64, 512, 1024)
    for first in lengths[:4]:
        for second in lengths:
            asked.objects([1] * first, [1] * second)
    assert len(made) == 20
    asked.objects([1], [1])
    assert len(made) == 21
