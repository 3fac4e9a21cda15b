"""The models that a browser saved, which the address names."""

from __future__ import annotations

import pytest

from tests.markup import Page

pytestmark = pytest.mark.django_db

PHI = "microsoft/phi-2"


def test_they_stand_in_their_order_with_their_verdicts(client):
    response = client.get("/saved/", {"m": ["t5-small", PHI, PHI, "no/such"], "worker": "vllm"})
    rows = response.context["page"].rows
    assert [row.record.repo_id for row in rows] == ["t5-small", PHI]
    assert rows[1].result == client.get(f"/models/{PHI}/?worker=vllm").context["page"].result
    assert "no/such is not in this catalogue" in Page(response).text


def test_none_saved_says_how(client):
    page = Page(client.get("/saved/"))
    assert "Nothing saved yet" in page.text
    assert "/models/" in page.internal()


def test_a_model_s_page_and_the_list_have_what_the_browser_keeps(client):
    page = Page(client.get(f"/models/{PHI}/"))
    assert [told["data-save"] for tag, told in page.tags if tag == "button" and "data-save" in told] == [PHI]
    rows = Page(client.get("/models/?q=phi"))
    compared = [told for tag, told in rows.tags if tag == "a" and "data-compare" in told]
    assert compared
    assert all(told["href"].startswith("/compare/?m=") for told in compared)
