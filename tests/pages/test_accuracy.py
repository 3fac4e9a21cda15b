"""The page of the ledger: the command's numbers, for people and for programs."""

from __future__ import annotations

import json
import re

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from compat.catalogue import current
from compat.engines.evidence import evidence
from tests.markup import Page

pytestmark = pytest.mark.django_db


def test_the_tables_are_there_with_headings_and_numbers(client):
    response = client.get("/accuracy/")
    assert response.status_code == 200
    page = Page(response)
    assert page.title == "Accuracy · RunsHere"
    assert not page.forbidden
    for title in ("Memory, by quantity", "Memory, by engine", "Decode speed, by engine", "Points left out, and why"):
        assert title in page.text
    for engine in ("llama.cpp", "vllm", "transformers"):
        assert engine in page.text
    assert len([tag for tag, _ in page.tags if tag == "table"]) == len(response.context["tables"]) + 1
    for path in evidence():
        assert f"{path.words} {path.cases} {path.share * 100:.1f} % {path.level.badge}" in page.text
    assert re.search(r"\d %", page.text)
    for table in (response.context["page"].memory, response.context["page"].speed):
        assert all(reason in page.text for reason in table.skipped)


def test_the_shown_rows_are_the_ledgers(client):
    response = client.get("/accuracy/")
    found = response.context["page"]
    for _, name, rows in response.context["tables"]:
        table = getattr(found, name.partition("-")[0])
        assert rows
        for entry in rows:
            assert entry["row"] in table.rows
            assert 0 <= entry["row"].median <= entry["row"].p90 <= entry["row"].max


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
