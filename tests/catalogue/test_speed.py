"""Lists by speed: the order and the numbers of rows, pages and the API are one answer, on every kind of machine."""

from __future__ import annotations

import math

import pytest
from django.http import QueryDict

from compat import catalogue as queries
from compat.catalogue import current
from compat.catalogue.current import current_index, speeds_on, verdicts_on
from compat.catalogue.finding import Finding
from compat.catalogue.listing import list_models
from compat.catalogue.question import Question, QuestionError
from compat.catalogue.workers import workers
from compat.estimate import Fit
from compat.ingest.changes import raise_catalogue_version
from compat.models import ModelRecord, SiteWorker
from marketplace.api import serialise

pytestmark = pytest.mark.django_db

MACHINES = {
    "llama.cpp, RTX 4090": "worker=llama-cpp&accelerator=RTX 4090&ram=64",
    "llama.cpp, a small card and system memory": "worker=llama-cpp&accelerator=RTX 3060 Ti&ram=64&ram_bandwidth=50",
    "llama.cpp, 2 cards": "worker=llama-cpp&accelerator=RTX 3090&count=2&ram=64&ram_bandwidth=80",
    "Ollama, M3 Max": "worker=ollama&accelerator=Apple M3 Max&memory=48",
    "Ollama, the processor": "worker=ollama&ram=32&ram_bandwidth=89.6",
    "vLLM, RTX 4090": "worker=vllm&accelerator=RTX 4090",
    "vLLM, 2 cards, which keep some weights wider": "worker=vllm&accelerator=Tesla T4&count=2",
    "SGLang, A100": "worker=sglang&accelerator=A100&memory=80",
    "MLX-LM, M3 Max": "worker=mlx-lm&accelerator=Apple M3 Max&memory=48",
    "Transformers, A100": "worker=transformers&accelerator=A100&memory=80&context=32768",
}
FEW = ("llama.cpp, a small card and system memory", "vLLM, RTX 4090")


def asked(machine, more=""):
    return Question.from_query(QueryDict(f"{MACHINES[machine]}&sort=speed{more}"), workers())


def told(row):
    """A row's tokens a second, as rows, pages and programs are told them."""
    return row.speed.tokens_per_second if row.speed else None


def rows_of_all_pages(criteria):
    found, page = [], 1
    while True:
        answer = queries.browse(criteria.changed(page=page, unit="repository"))
        found += answer.rows
        if page >= answer.paging.pages:
            return found
        page += 1


@pytest.mark.parametrize("machine", MACHINES)
def test_the_fastest_come_first_by_the_number_that_each_row_shows(machine):
    criteria = asked(machine, "&compatible=false")
    rows = rows_of_all_pages(criteria)
    assert len({row.record.pk for row in rows}) == len(rows) == ModelRecord.objects.count()
    known = [row.record.pk for row in rows_of_all_pages(criteria.changed(sort="popular"))]
    places = [(-told(row) if told(row) else math.inf, known.index(row.record.pk)) for row in rows]
    assert places == sorted(places)
    fast = [row for row in rows if told(row)]
    assert 5 < len(fast) < len(rows)
    for row in fast:
        assert row.result.compatible
        assert row.fit.fit in (Fit.FITS, Fit.TIGHT, Fit.PARTIAL)
        assert row.speed.backend


@pytest.mark.parametrize("machine", MACHINES)
def test_the_index_has_the_very_numbers_of_the_rows(machine):
    worker = queries.worker_of(asked(machine), workers())
    index = current_index()
    groups = speeds_on(index, worker).groups
    speeds = dict(zip(index.columns.ids.tolist(), groups[index.columns.group].tolist(), strict=True))
    for row in queries.rows_of(list(ModelRecord.objects.all()), worker):
        speed = speeds[row.record.pk]
        assert told(row) == (None if math.isnan(speed) else speed), row.record.repo_id


@pytest.mark.parametrize("machine", MACHINES)
def test_pages_and_items_tell_the_speed_of_the_list(machine):
    criteria, available = asked(machine), workers()
    found = list_models(criteria, available, 500)
    items = serialise.listing(found)["items"]
    rows = rows_of_all_pages(criteria)
    assert [item["id"] for item in items] == [row.record.repo_id for row in rows]
    speeds = [told(row) for row in rows]
    assert [item["speed"] and item["speed"]["tokensPerSecond"] for item in items] == speeds
    numbered = [row for row in rows if told(row)]
    for row in (*numbered[:: max(1, len(numbered) // 12)], rows[-1]):
        page = queries.detail(row.record.repo_id, criteria, available)
        assert page.row.speed == row.speed, row.record.repo_id
        if row.best is not None:
            assert page.memory.speed == row.speed, row.record.repo_id


def test_both_memories_are_among_what_is_compared():
    """Layers, and experts alone, in system memory: what is hardest to keep equal does occur."""
    rows = rows_of_all_pages(asked("llama.cpp, a small card and system memory"))
    ways = {row.fit.offload.experts is not None for row in rows if told(row) and row.fit.offload is not None}
    assert ways == {True, False}
    assert "CUDA and CPU" in {row.speed.backend for row in rows}


@pytest.mark.parametrize("machine", FEW)
@pytest.mark.parametrize("more", ["", "&compatible=false", "&q=qwen&compatible=false", "&q=phi-2&compatible=false"])
def test_parts_of_any_size_are_the_whole_list(machine, more):
    criteria, available = asked(machine, more), workers()
    every = [item.row.record.pk for item in list_models(criteria, available, 10_000).items]
    assert len(set(every)) == len(every) > 1
    for limit in (1, 7) if len(every) < 60 else (29, len(every) - 1):
        found, cursor = [], ""
        while True:
            part = list_models(criteria, available, limit, cursor)
            found += [item.row.record.pk for item in part.items]
            cursor = part.next
            if not cursor:
                break
        assert found == every


@pytest.mark.parametrize("at", [4, -3])
def test_a_cursor_whose_record_is_gone_leads_on(at):
    criteria, available = asked(FEW[0], "&compatible=false"), workers()
    every = [item.row.record.pk for item in list_models(criteria, available, 10_000).items]
    limit = at % len(every) + 1
    part = list_models(criteria, available, limit)
    ModelRecord.objects.filter(pk=every[at]).delete()
    raise_catalogue_version()
    rest = list_models(criteria, available, 10_000, part.next)
    assert [item.row.record.pk for item in rest.items] == every[limit:]


def test_from_every_place_on_follows_the_rest():
    criteria = asked(FEW[0], "&compatible=false")
    found = Finding(current_index(), criteria, queries.worker_of(criteria, workers()))
    ids = found.ids(0, 10_000)
    records = ModelRecord.objects.in_bulk(ids)
    for position in range(0, len(ids), 11):
        place = found.place(records[ids[position]])
        assert found.position_after(place) == position + 1


def test_without_a_machine_it_says_what_to_tell():
    for slug in ("", "vllm"):
        with pytest.raises(QuestionError) as caught:
            queries.browse(Question(sort="speed", worker=slug))
        (problem,) = caught.value.problems
        assert problem.parameter == "sort"
        assert "no machine is told" in problem.message
        assert "accelerator" in problem.message
        assert caught.value.rest.sort == "suggested"


def test_a_worker_of_the_site_brings_its_machine():
    SiteWorker.objects.create(slug="den", name="Den", engine="ollama", accelerator="RTX 4090", ram_gb=32)
    rows = queries.browse(Question(sort="speed", worker="den"), workers()).rows
    assert told(rows[0]) > told(rows[1]) > 0


def test_a_machine_that_tells_no_speed_keeps_the_best_known_first():
    criteria = Question(worker="llama-cpp", ram=64.0, sort="speed")
    rows = queries.browse(criteria).rows
    assert [row.record.pk for row in rows] == [
        row.record.pk for row in queries.browse(criteria.changed(sort="popular")).rows
    ]
    assert "bandwidth" in rows[0].speed.reason


def test_it_is_worked_out_once_for_a_machine_and_a_catalogue(monkeypatch):
    criteria = asked(FEW[1])
    worker, index = queries.worker_of(criteria, workers()), current_index()
    first = speeds_on(index, worker)
    monkeypatch.setattr(current, "engine_needs", None)
    assert speeds_on(index, worker) is first
    assert verdicts_on(index, worker) is index.machines[worker.key]


def test_the_speeds_of_a_few_machines_are_kept():
    index, available = current_index(), workers()
    for memory in range(current.MOST_SPEEDS + 2):
        speeds_on(index, queries.worker_of(Question(worker="ollama", memory=4.0 + memory), available))
    assert len(index.speeds) == current.MOST_SPEEDS


@pytest.mark.parametrize(("room", "kept"), [(3, 3), (2.99, 2), (0.1, 1), (100, current.MOST_SPEEDS)])
def test_of_a_large_catalogue_fewer_are_kept(monkeypatch, room, kept):
    index, available = current_index(), workers()
    monkeypatch.setattr(current, "KEPT_BYTES", room * current.EACH_SPEED * len(index))
    for memory in range(current.MOST_SPEEDS + 2):
        speeds_on(index, queries.worker_of(Question(worker="ollama", memory=4.0 + memory), available))
    assert len(index.speeds) == kept
