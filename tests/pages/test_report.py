"""The report's page: the same numbers as its command, and they add up."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from compat.models import ModelRecord
from marketplace.pages.report import TOPS
from tests.markup import Page

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("top", [1, 50, 200, 5000])
def test_it_shows_the_commands_numbers(client, capsys, top):
    response = client.get(f"/report/?top={top}")
    assert response.status_code == 200
    shown = response.context["page"]
    assert sum(line.count for line in shown.lines) == shown.total == min(top, ModelRecord.objects.count())
    call_command("compat_report", "--top", str(top), "--json")
    told = json.loads(capsys.readouterr().out)
    assert {line.key: line.count for line in shown.lines} == {
        key: value["count"] for key, value in told.items() if isinstance(value, dict)
    }
    text = Page(response).text
    assert f"How much of the top {shown.total} runs here" in text
    for line in shown.lines:
        assert f"{line.label} {line.count} {line.percent} %" in text


def test_without_a_number_it_is_of_200(client):
    assert client.get("/report/").context["page"].total == 200


@pytest.mark.parametrize("top", ["0", "-5", "two", "1e3", "9" * 50, "²", "<script>"])
def test_a_senseless_number_gets_a_message_and_the_usual_report(client, top):
    response = client.get("/report/", {"top": top})
    assert response.status_code == 400
    page = Page(response)
    assert "is not a number of models" in page.text
    assert response.context["page"].total == 200
    assert not page.forbidden


def test_its_sizes_are_links(client):
    links = Page(client.get("/report/")).links
    assert {f"/report/?top={top}" for top in TOPS} <= set(links)


def test_an_empty_catalogue_is_no_error(client):
    ModelRecord.objects.all().delete()
    response = client.get("/report/")
    assert response.status_code == 200
    assert "The catalogue is empty" in Page(response).text
