"""``compat_report``: the original's table. The parts always add up to the whole."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from django.core.management import CommandError, call_command

from compat import catalogue as queries
from compat.catalogue.question import Question
from compat.catalogue.workers import workers
from compat.management.command import Exit
from compat.models import ModelRecord, Verdict
from compat.models.engines import engines

pytestmark = pytest.mark.django_db

TOPS = (1, 7, 50, 200, 396, 5000)


def report(*arguments, capsys):
    call_command("compat_report", *map(str, arguments))
    return capsys.readouterr().out


def by_hand(top, worker):
    best = ModelRecord.objects.order_by("-popularity", "repo_id").values_list("sheet_id", flat=True)[:top]
    causes = dict(Verdict.objects.filter(profile=worker).values_list("sheet_id", "cause"))
    return Counter(causes[sheet] for sheet in best)


@pytest.mark.parametrize("top", TOPS)
def test_the_parts_add_up(top, capsys):
    answer = json.loads(report("--top", top, "--json", capsys=capsys))
    assert answer["total"] == min(top, ModelRecord.objects.count())
    assert answer["top"] == top
    parts = [value for value in answer.values() if isinstance(value, dict)]
    assert sum(part["count"] for part in parts) == answer["total"]
    assert sum(part["percent"] for part in parts) == pytest.approx(100, abs=0.3)
    for part in parts:
        assert part["percent"] == round(100 * part["count"] / answer["total"], 1)


@pytest.mark.parametrize("top", TOPS)
def test_each_part_equals_a_count_by_hand(top, capsys):
    answer = json.loads(report("--top", top, "--json", "--worker", "rbee", capsys=capsys))
    causes = by_hand(top, "rbee")
    assert answer["worker"] == "rbee"
    assert answer["compatible"]["count"] == causes[""]
    assert answer["incompatibleArchitecture"]["count"] == causes["architecture"] + causes["task"]
    assert answer["incompatibleFormat"]["count"] == causes["format"]
    assert answer["incompatibleContext"]["count"] == causes["context"]
    assert answer["unknown"]["count"] == causes["unknown"]


def test_confidences_add_up_to_what_runs():
    for worker in engines():
        found = queries.report(396, Question(worker=worker))
        running = sum(count for level, count in found.by_confidence.items() if level > 0)
        assert running == found.lines[0].count


def test_the_whole_catalogues_report_agrees_with_browse():
    found = queries.report(5000)
    page = queries.browse(Question(compatible="false", unit="repository"))
    assert found.total == page.total
    assert dict(found.by_confidence) == dict(page.by_confidence)
    assert found.lines[0].count == queries.browse(Question(unit="repository")).total


def test_the_table_in_words(capsys):
    out = report("--top", 50, capsys=capsys)
    lines = out.splitlines()
    assert lines[0] == "Top 50 models on rbee"
    assert lines[1].split() == ["Total", "50", "100.0", "%"]
    assert [line[:40].strip() for line in lines[2:5]] == [
        "Compatible", "Incompatible: architecture", "Incompatible: format",
    ]  # fmt: skip
    assert sum(int(line[40:48].replace(",", "")) for line in lines[2:]) == 50


@pytest.mark.parametrize("arguments", [[], ["--worker", "vllm", "--memory", "8"]], ids=["an engine", "a machine"])
def test_json_is_what_the_api_answers(arguments, capsys, client):
    asked = dict(zip((word.removeprefix("--") for word in arguments[::2]), arguments[1::2], strict=True))
    found = json.loads(report("--top", 300, "--json", *arguments, capsys=capsys))
    assert found == client.get("/api/v1/report", {"top": 300, **asked}).json()


def test_a_machine_refuses_for_memory_and_the_title_names_it(capsys):
    out = report("--worker", "vllm", "--memory", 8, capsys=capsys)
    assert out.startswith("Top 200 models on vLLM, 8 GB\n")
    assert "Incompatible: memory" in out


@pytest.mark.parametrize("top", ["0", "-1", "two", "1.5", "²", "", "9" * 30])
def test_a_senseless_number_is_refused(top, capsys):
    with pytest.raises(CommandError, match="whole number above zero") as caught:
        report("--top", top, capsys=capsys)
    assert caught.value.returncode == Exit.USAGE


def test_an_unknown_worker_is_refused(capsys):
    with pytest.raises(CommandError, match="no worker “nobody”") as caught:
        report("--worker", "nobody", capsys=capsys)
    assert caught.value.returncode == Exit.USAGE


def test_an_empty_catalogue_says_how_to_fill_it(capsys):
    ModelRecord.objects.all().delete()
    with pytest.raises(CommandError, match="load_records --bundled") as caught:
        report(capsys=capsys)
    assert caught.value.returncode == Exit.FAILED


def test_with_alternatives_it_tells_for_every_engine_what_there_is_instead(capsys):
    call_command("compat_report", "--alternatives", "--top", "30", "--json")
    told = json.loads(capsys.readouterr().out)
    assert [one["worker"] for one in told["engines"]] == list(workers())
    for one in told["engines"]:
        assert one["models"] == 30
        assert one["refused"] == sum(one["nearest"].values()) + len(one["none"])
