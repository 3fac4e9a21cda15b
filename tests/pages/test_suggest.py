"""The list of suggestions below the search box."""

from __future__ import annotations

import pytest

from tests.markup import Page

pytestmark = pytest.mark.django_db


def test_it_is_a_fragment_of_options_that_lead_to_models(client):
    response = client.get("/suggest/?q=qwen")
    page = Page(response)
    options = [told for _, told in page.classed("suggestion")]
    assert response.status_code == 200
    assert "<html" not in response.content.decode()
    assert all(told["role"] == "option" and told["tabindex"] == "-1" for told in options)
    assert len({told["id"] for told in options}) == len(options) > 1
    assert client.get(options[0]["href"]).status_code == 200


def test_a_slip_leads_to_the_list_of_what_was_meant(client):
    page = Page(client.get("/suggest/?q=qwn"))
    assert "Did you mean qwen" in page.text
    assert "/models/?q=qwen" in page.links


@pytest.mark.parametrize("query", ["", "q=", "q=%00", "q=zzzzqqq"])
def test_it_may_be_empty(client, query):
    response = client.get(f"/suggest/?{query}")
    assert response.status_code == 200
    assert not Page(response).classed("suggestion")


def test_it_refuses_what_it_does_not_take(client):
    assert client.get("/suggest/?sort=name").status_code == 400


@pytest.mark.parametrize("path", ["/", "/models/microsoft/phi-2/", "/machine/"])
def test_the_box_names_its_list(client, path):
    page = Page(client.get(path))
    box = next(told for tag, told in page.tags if tag == "input" and told.get("role") == "combobox")
    assert box["aria-controls"] == "suggestions"
    assert [told for _, told in page.tags if told.get("id") == "suggestions" and told.get("role") == "listbox"]
