"""The first page."""

from __future__ import annotations

import pytest

from compat import catalogue as queries
from compat.catalogue.question import Question
from compat.models import ModelRecord
from marketplace import starter
from tests.markup import Page

pytestmark = pytest.mark.django_db


def test_its_numbers_are_those_of_browse(client):
    page = Page(client.get("/"))
    running = queries.browse(Question()).total
    everything = queries.browse(Question(compatible="false")).total
    assert f"{running} of {everything} Hugging Face models run on" in page.text


@pytest.mark.parametrize("machine", ["", "?worker=vllm&accelerator=RTX+4090"])
def test_it_shows_what_the_list_begins_with(client, machine):
    """Its link *All* leads to that list."""
    response = client.get(f"/{machine}")
    rows = response.context["page"].first
    listed = client.get(f"/models/{machine}").context["page"].rows
    assert 0 < len(rows) <= 8
    assert [row.record.pk for row in rows] == [row.record.pk for row in listed[: len(rows)]]
    assert len(Page(response).classed("row")) == len(rows)


def test_its_samples_lead_somewhere(client):
    page = Page(client.get("/"))
    samples = [told["href"] for tag, told in page.classed("chip") if tag == "a"]
    assert len(samples) >= 3
    for address in samples:
        assert client.get(address).status_code == 200


def test_it_searches_without_javascript(client):
    form = Page(client.get("/")).form_to("/models/")
    assert form.method == "get"
    assert "q" in form.fields


def test_lists_are_shown_once_there_are_some(client):
    assert "Curated lists" not in Page(client.get("/")).text
    starter.create_lists()
    assert "Small and open" in Page(client.get("/")).text


def test_an_empty_catalogue_says_how_to_fill_it(client):
    ModelRecord.objects.all().delete()
    response = client.get("/")
    assert response.status_code == 200
    assert "load_records --bundled" in Page(response).text
