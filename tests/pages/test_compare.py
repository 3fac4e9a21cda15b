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


def test_what_differs_is_marked_and_what_does_not_is_not(client):
    page = Page(client.get(f"/compare/?m={PHI}&m={PHI}-nothing&m={QWEN}&{WORKER}"))
    lines = [told for tag, told in page.tags if tag == "tr"]
    assert 0 < len(page.classed("differs")) < len(lines)
    assert "Parameters (differs)" in page.text
    assert "Access (differs)" not in page.text


def test_one_alone_differs_from_nothing(client):
    assert not Page(client.get(f"/compare/?m={PHI}")).classed("differs")


def test_one_model_stands_on_several_machines_as_its_page_says_it(client):
    response = client.get("/compare/", {"m": PHI, "on": ["RTX 4090", "M4 Max 64GB"], "worker": "vllm"})
    page = Page(response)
    machines = response.context["page"].machines
    assert [one.page.worker.machine.label for one in machines] == ["RTX 4090", "Apple M4 Max, 64 GB"]
    for one in machines:
        own = client.get(f"/models/{PHI}/?{one.query}").context["page"]
        assert (own.result, own.memory and own.memory.fit) == (one.page.result, one.page.memory and one.page.memory.fit)
    assert "Leave out RTX 4090" in page.text
    assert page.forbidden == []


def test_the_visitor_s_own_machine_stands_first(client):
    response = client.get(f"/compare/?m={PHI}&on=H100&{WORKER}")
    machines = response.context["page"].machines
    assert [one.text for one in machines] == ["", "H100"]
    assert machines[0].page.worker.machine.label == "RTX 4090"


def test_each_machine_has_the_engine_that_suits_it_where_nobody_named_one(client):
    asked = {"m": PHI, "on": ["H100", "M3 Max 64GB"]}
    for more in ({}, {"worker": "auto", "accelerator": "RTX 4070"}):
        response = client.get("/compare/", {**asked, **more})
        engines = [one.page.worker.slug for one in response.context["page"].machines if one.text]
        assert engines == ["vllm", "mlx-lm"]
        page = Page(response)
        assert "Each with the engine in its column" in page.text
        assert "vLLM" in page.text
        assert "MLX-LM" in page.text
    named = client.get("/compare/", {**asked, "worker": "vllm"})
    assert "With vLLM, at 8,192 tokens" in Page(named).text


def test_why_a_text_is_no_machine_is_told(client):
    asked = {"m": PHI, "on": ["M3 Max 64GB and RTX 4090", "-3x 4090"], "worker": "vllm"}
    page = Page(client.get("/compare/", asked))
    assert "RTX 4090 and Apple M3 Max are not in one machine: choose one." in page.text
    assert "“-3” is no number of accelerators" in page.text


def test_what_is_no_machine_is_named_and_more_models_are_left_out(client):
    page = Page(client.get("/compare/", {"m": [PHI, QWEN], "on": ["RTX 4090", "a toaster"], "worker": "vllm"}))
    assert "“a toaster” is not understood as a machine" in page.text
    assert f"Left out: {QWEN}" in page.text


def test_another_is_found_by_its_name_without_javascript(client):
    page = Page(client.get("/compare/", {"m": PHI, "find": "qwen2.5 0.5b"}))
    offered = [link for link in page.internal() if link.startswith("/compare/?") and "Qwen2.5-0.5B" in link]
    assert offered
    compared = client.get(offered[0]).context["page"]
    assert compared.ids[0] == PHI
    assert len(compared.ids) == 2
    assert "No model is called" in Page(client.get("/compare/", {"find": "zzzzqqq"})).text


def test_what_is_refused_for_its_format_has_no_need_and_no_build_to_take(client):
    response = client.get(f"/compare/?m={PHI}&worker=llama-cpp&accelerator=RTX+4090")
    page, (phi,) = Page(response), response.context["page"].models
    assert phi.result.cause == "format"
    assert phi.memory.fit.need
    assert phi.memory.fit.sentence not in page.text
    assert not page.classed("bar")


def test_a_cell_without_an_answer_shows_a_dash_and_no_markup(client):
    response = client.get("/compare/?m=microsoft/phi-2&m=openai/whisper-large-v3&accelerator=RTX+4090&worker=mlx-lm")
    assert "not in our record" in Page(response).text
    assert "&lt;span" not in response.content.decode()


def test_a_wide_table_is_a_labelled_region_that_says_it_slides(client):
    page = Page(client.get("/compare/?m=microsoft/phi-2&m=openai/whisper-large-v3"))
    assert "Slide the table sideways for the other columns." in page.text
    (region,) = (told for _, told in page.tags if "slides" in (told.get("class") or ""))
    assert (region["tabindex"], region["role"], region["aria-describedby"]) == ("0", "region", "slide-hint")
    assert region["aria-label"]
    assert "Slide" not in Page(client.get("/compare/?m=microsoft/phi-2")).text


def test_what_is_too_large_shows_the_need_that_is_in_the_way(client):
    response = client.get(f"/compare/?m={PHI}&worker=vllm&memory=2")
    page, (phi,) = Page(response), response.context["page"].models
    assert phi.result.cause == "memory"
    assert phi.memory.fit.sentence in page.text
    assert page.classed("bar")


def test_the_surer_build_of_another_repository_is_named_and_takes_its_column(client):
    address = f"/compare/?m={PHI}&m={QWEN}&worker=llama-cpp&accelerator=RTX+4090"
    response = client.get(address)
    page = Page(response)
    (refused,) = [one for one in response.context["page"].models if one.surer]
    assert (refused.record.repo_id, refused.surer.record.repo_id) == (PHI, "TheBloke/phi-2-GGUF")
    assert "Surer as" in page.text
    (swapped,) = [one for one in page.internal() if one.startswith("/compare/?m=TheBloke/phi-2-GGUF&m=" + QWEN)]
    other = client.get(swapped)
    assert other.context["page"].ids == ["TheBloke/phi-2-GGUF", QWEN]
    assert "Surer as" not in Page(other).text
