"""The page of the ledger: the command's numbers, for people and for programs."""

from __future__ import annotations

import json
import re

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from compat.catalogue import current
from compat.engines import all_profiles
from compat.engines.evidence import evidence
from compat.estimate.ledger import LEAST_POINTS, shipped_ledger
from marketplace.pages.accuracy import engine_words
from marketplace.show import error_share, margin_share
from tests.markup import Page

pytestmark = pytest.mark.django_db


def test_the_tables_are_there_with_headings_and_numbers(client):
    response = client.get("/accuracy/")
    assert response.status_code == 200
    page = Page(response)
    assert page.title == "Accuracy · RunsHere"
    assert not page.forbidden
    for title in ("Memory, by part", "Memory, by engine", "Decode speed, by engine", "Points left out, and why"):
        assert title in page.text
    for engine in ("llama.cpp", "vLLM", "Transformers", "MLX-LM 2026", "LM Studio on Metal"):
        assert engine in page.text
    # Beside the tables of errors: engines, margins, ranges, bounds, evidence, and two of points left out.
    assert len([tag for tag, _ in page.tags if tag == "table"]) == len(response.context["tables"]) + 7
    for path in evidence():
        assert f"{path.words} {path.cases} {path.share * 100:.1f} % {path.level.badge}" in page.text
    assert re.search(r"\d %", page.text)
    for table in (response.context["page"].memory, response.context["page"].speed):
        assert all(reason in page.text for reason in table.skipped)


def test_long_tables_are_folded_and_open_without_a_script(client):
    response = client.get("/accuracy/")
    page = Page(response)
    long = [rows for _, _, rows in response.context["tables"] if len(rows) > 12]
    assert len([tag for tag, _ in page.tags if tag == "details"]) >= len(long) > 2
    for rows in long:
        assert f"{len(rows)} rows" in page.text


def test_the_shown_rows_are_the_ledgers(client):
    response = client.get("/accuracy/")
    found = response.context["page"]
    for _, name, rows in response.context["tables"]:
        table = getattr(found, name.partition("-")[0])
        assert rows
        for entry in rows:
            assert entry.row in table.rows
            assert 0 <= entry.row.median <= entry.row.p90 <= entry.row.max


def test_a_row_of_few_measurements_is_called_unproven_by_every_door(client):
    page, document = client.get("/accuracy/"), (settings.BASE_DIR / "docs/accuracy.md").read_text()
    [rows] = [rows for _, name, rows in page.context["tables"] if name == "speed-engine"]
    [shown] = [one for one in rows if (one.row.quantity, one.row.name, one.row.quality) == ("decode", "vllm", "table")]
    [line] = [line for line in shipped_ledger().speed.lines() if re.match(r"engine +vllm +decode +table ", line)]
    assert shown.row.n < LEAST_POINTS
    assert shown.unproven
    assert " unproven " in line
    assert f"vllm (table) | decode | {shown.row.n}, unproven |" in document


def test_every_engine_is_there_and_called_unproven_where_little_was_measured(client):
    response = client.get("/accuracy/")
    page = Page(response)
    assert {one.proof.slug for one in response.context["engines"]} == set(all_profiles())
    for one in response.context["engines"]:
        assert one.proof.name in page.text
    assert "TensorRT-LLM not measured unproven not measured unproven" in page.text
    [llama] = [one for one in response.context["engines"] if one.proof.slug == "llama-cpp"]
    assert llama.proof.memory_proven
    assert f"llama.cpp {error_share(llama.memory.median)} {llama.memory.n:,}" in page.text.replace(
        "\N{NO-BREAK SPACE}", " "
    )


def test_margins_ranges_and_broken_bounds_are_told(client):
    response = client.get("/accuracy/")
    text = Page(response).text.replace("\N{NO-BREAK SPACE}", " ")
    found = response.context["page"]
    assert found.memory.bounds.broken
    for bound in found.memory.bounds.broken:
        assert f"{bound.point} {engine_words(bound.engine)} {bound.shown:,} at most {bound.measured:,}" in text
    for margin in (*found.memory.margins, *found.speed.margins):
        assert f"{margin.n} {margin_share(margin.margin)}" in text
    assert "llama.cpp AMD, shared memory" in text


def test_the_page_of_a_model_says_how_far_off_each_part_may_be(client):
    ledger = shipped_ledger()
    margin = ledger.margin("llama.cpp", "kv", "formula")
    assert margin

    def page(repo_id):
        text = Page(client.get(f"/models/{repo_id}/?worker=llama-cpp&accelerator=RTX+3090")).text
        return text.replace("\N{NO-BREAK SPACE}", " ")

    def memory(repo_id):
        return client.get(f"/api/v1/models/{repo_id}?worker=llama-cpp&accelerator=RTX+3090").json()["memory"]

    refused, runs = "microsoft/phi-2", "unsloth/gemma-4-26B-A4B-it-GGUF"
    assert f"formula, {margin_share(margin)}" in page(runs)
    assert "so there is no need of memory and no speed to tell here" in page(refused)
    kv = next(part for part in memory(refused)["parts"] if part["name"] == "KV cache")
    assert kv["margin"] == margin
    assert memory(refused)["speedMargin"] is memory(refused)["tokensPerSecond"] is None
    assert "four in five measured runs lie within" in page(runs)
    assert memory(runs)["speedMargin"] == ledger.margin("llama.cpp", "decode", "nvidia")
    unproven = client.get("/api/v1/models/microsoft/phi-2?worker=tensorrt-llm&accelerator=RTX+3090").json()["memory"]
    assert unproven["margin"] is unproven["speedMargin"] is None
    assert {part["margin"] for part in unproven["parts"]} == {None}


def test_programs_get_the_commands_numbers(client, capsys):
    response = client.get("/accuracy/?format=json")
    assert response["Content-Type"] == "application/json"
    call_command("accuracy", "--json")
    assert response.json() == json.loads(capsys.readouterr().out)


def test_another_format_is_refused_with_a_page(client):
    response = client.get("/accuracy/?format=nonsense")
    assert response.status_code == 400
    assert b"<html" in response.content


def test_the_page_is_made_once_and_takes_few_queries(client):
    current.forget_index()
    client.get("/accuracy/")
    with CaptureQueriesContext(connection) as context:
        client.get("/accuracy/")
    assert len(context) <= 5


def test_it_is_only_read(client):
    assert client.post("/accuracy/").status_code == 405
    assert client.head("/accuracy/").status_code == 200


def test_the_page_of_a_model_leads_to_it(client):
    page = Page(client.get("/models/microsoft/phi-2/?worker=vllm&memory=24"))
    assert "/accuracy/" in page.internal()
