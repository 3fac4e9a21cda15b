"""The rows of lists: kept for others that show the same, and never older than the catalogue."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import pytest
from django.db import connection
from django.template import engines
from django.test.utils import CaptureQueriesContext

from compat.catalogue import browse, current, detail
from compat.catalogue import rows as rows_module
from compat.catalogue.finding import Finding
from compat.catalogue.listing import list_models
from compat.catalogue.question import Question
from compat.catalogue.rows import KeptRows, rows_by_id
from compat.catalogue.verdict import outcome_of
from compat.catalogue.workers import Machine, workers
from compat.ingest import store as sync
from compat.ingest.changes import raise_catalogue_version
from compat.models import ModelRecord
from tests.samples import record
from tests.work import calls_of

pytestmark = pytest.mark.django_db
EVERYTHING = Question(compatible="false")


@pytest.fixture
def worker():
    return workers()["vllm"]


def first_ids(worker, most=30):
    return Finding(current.current_index(), EVERYTHING, worker).ids(0, most)


def tables_of(context):
    return [query["sql"].split(' FROM "')[1].split('"')[0] for query in context.captured_queries]


def test_kept_rows_are_those_that_are_read(worker):
    ids, kept = first_ids(worker), KeptRows()
    read = rows_by_id(ids, worker)
    for _ in range(2):
        rows = kept.of(ids, worker, newest=True)
        assert [row.record.pk for row in rows] == ids
        assert [(row.result, row.best, row.quantizations) for row in rows] == [
            (row.result, row.best, row.quantizations) for row in read
        ]


def test_a_list_reads_only_the_rows_that_no_list_showed():
    browse(EVERYTHING)
    with CaptureQueriesContext(connection) as another:
        browse(EVERYTHING.changed(license=("mit",)))
    with CaptureQueriesContext(connection) as same:
        rows = browse(EVERYTHING).rows
    assert rows
    assert "compat_recordvariant" in tables_of(another)
    assert not {"compat_recordvariant", "compat_modelrecord", "compat_verdict"} & {*tables_of(same)}


def test_each_worker_has_rows_of_its_own(worker):
    small = replace(worker, machine=Machine(memory=1))
    ids, kept = first_ids(worker), KeptRows()
    alone, told = kept.of(ids, worker, newest=True), kept.of(ids, small, newest=True)
    assert [row.fit for row in alone] == [None] * len(ids)
    assert any(row.result.cause == "memory" for row in told)
    assert [row.result for row in told] == [row.result for row in rows_by_id(ids, small)]


def test_the_least_asked_for_go_first(worker):
    first, second, third = first_ids(worker, 3)
    kept = KeptRows(most=2)
    (known,) = kept.of([first], worker, newest=True)
    kept.of([second], worker, newest=True)
    assert kept.of([first], worker, newest=True)[0] is known
    kept.of([third], worker, newest=True)
    assert kept.of([first], worker, newest=True)[0] is known
    with CaptureQueriesContext(connection) as context:
        kept.of([second], worker, newest=True)
    assert "compat_modelrecord" in tables_of(context)


def test_a_change_is_seen_by_the_next_list():
    shown = browse(EVERYTHING).rows[0].record
    sync.store_raw([("1", record(shown.repo_id, downloads=shown.downloads + 5))], origin="file")
    again = browse(EVERYTHING).rows[0].record
    assert (again.repo_id, again.downloads) == (shown.repo_id, shown.downloads + 5)


def test_a_change_is_seen_by_the_next_answer_of_the_api():
    first = list_models(EVERYTHING, workers(), 5).items[0].row.record
    sync.store_raw([("1", record(first.repo_id, downloads=first.downloads + 5))], origin="file")
    again = list_models(EVERYTHING, workers(), 5).items[0].row.record
    assert (again.repo_id, again.downloads) == (first.repo_id, first.downloads + 5)


def test_a_list_of_the_api_shows_the_rows_that_pages_keep():
    question = EVERYTHING.changed(unit="repository")
    shown = browse(question).rows
    with CaptureQueriesContext(connection) as context:
        items = list_models(question, workers(), len(shown)).items
    assert [item.row for item in items] == shown
    assert not {"compat_recordvariant", "compat_modelrecord", "compat_verdict"} & {*tables_of(context)}


def test_a_change_of_a_relative_is_seen_by_the_next_page_of_a_model():
    packed = record(
        "microsoft/phi-2", id="sample/phi-2-AWQ", tags=["base_model:quantized:microsoft/phi-2"], downloads=7
    )
    sync.store_raw([("1", packed)], origin="file")

    def downloads():
        return {row.record.repo_id: row.record.downloads for row in detail("microsoft/phi-2").builds}

    assert downloads()["sample/phi-2-AWQ"] == 7
    sync.store_raw([("1", packed | {"downloads": 8})], origin="file")
    assert downloads()["sample/phi-2-AWQ"] == 8
    ModelRecord.objects.get(repo_id="sample/phi-2-AWQ").delete()
    raise_catalogue_version()
    assert "sample/phi-2-AWQ" not in downloads()


def test_a_row_is_worked_out_when_it_is_asked_for(worker, monkeypatch):
    ids, made = first_ids(worker, 9), []
    monkeypatch.setattr(rows_module, "outcome_of", lambda *given: made.append(given[0].pk) or outcome_of(*given))
    with CaptureQueriesContext(connection) as first:
        row_of_id = KeptRows().reading(ids, worker, newest=True, first=4)
        assert [row_of_id(pk).record.pk for pk in ids[:3]] == ids[:3]
    assert made == ids[:3]
    with CaptureQueriesContext(connection) as rest:
        assert [row_of_id(pk).record.pk for pk in ids] == ids
    assert made == ids
    assert len(first) == len(rest) == 3


def test_nothing_is_shown_of_what_a_newer_catalogue_took_out(worker):
    ids, kept = first_ids(worker), KeptRows()
    kept.of(ids, worker, newest=True)
    ModelRecord.objects.filter(pk=ids[0]).delete()
    assert [row.record.pk for row in kept.of(ids, worker, newest=False)] == ids[1:]
    assert kept.reading(ids, worker, newest=False)(ids[0]) is None


def test_a_row_is_rendered_once_and_forgotten_with_it(worker):
    rows = rows_by_id(first_ids(worker), worker)
    show = engines["jinja2"].env.globals["rows_of_list"]
    found = []
    first = calls_of(lambda: found.append(show(rows, worker.profile, "h2", {})))
    again = calls_of(lambda: found.append(show(rows, worker.profile, "h2", {})))
    assert found[0] == found[1]
    assert found[0].count("<li") == len(rows)
    assert again < first / 10
    assert str(show(rows, worker.profile, "h3", {})) == str(found[0]).replace("<h2", "<h3").replace("</h2", "</h3")
    gone = weakref.ref(rows[0])
    rows.clear()
    gc.collect()
    assert gone() is None
