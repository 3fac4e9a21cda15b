"""Models side by side: each as its own page says it."""

from __future__ import annotations

import pytest

from tests.markup import Page

pytestmark = pytest.mark.django_db

PHI, QWEN = "microsoft/phi-2", "Qwen/Qwen2.5-0.5B-Instruct"
WORKER = "worker=vllm&accelerator=RTX+4090"


def test_models_stand_side_by_side_as_their_pages_say_it(client):
    response = client.get(f"/compare/?m={PHI}&m={QWEN}&{WORKER}")
    page = Page(response)
    assert response.status_code == 200
    compared = response.context["page"]
    assert compared.ids == [PHI, QWEN]
    for one in compared.models:
        own = client.get(f"/models/{one.record.repo_id}/?{WORKER}").context["page"]
        assert one.result == own.result
        assert one.memory.fit == own.memory.fit
        assert one.memory.fit.sentence in page.text
        assert one.take in page.text
    assert page.forbidden == []


def test_it_begins_without_any_and_takes_pasted_addresses(client):
    assert client.get("/compare/").status_code == 200
    compared = client.get("/compare/", {"m": [f"https://huggingface.co/{PHI}", f"{PHI.upper()}", QWEN]}).context["page"]
    assert compared.ids == [PHI, QWEN]


def test_unknown_ones_and_too_many_are_named(client):
    page = Page(client.get("/compare/", {"m": ["no/such", "", "not-an-id", "\0", PHI, QWEN]}))
    assert "no/such is not in this catalogue" in page.text
    assert "Left out: " in page.text
    assert QWEN in page.text
    assert client.get("/compare/?x=1").status_code == 400


def test_one_is_left_out_and_another_put_beside(client):
    page = Page(client.get(f"/compare/?m={PHI}&m={QWEN}"))
    assert f"/compare/?m={QWEN.replace('/', '%2F')}" in [link.replace("/Qwen2", "%2FQwen2") for link in page.links]
    assert any(form.action == "/compare/" for form in page.forms)
    assert f"/compare/?m={PHI}" in Page(client.get(f"/models/{PHI}/")).links
