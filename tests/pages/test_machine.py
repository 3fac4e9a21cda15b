"""What can I run? The page of a machine, and that of what a model needs."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from compat.catalogue.ladder import KINDS
from tests.markup import Page

pytestmark = pytest.mark.django_db

HERE = "/machine/?worker=llama-cpp&accelerator=RTX+3090"


def test_a_machine_s_ladder_says_what_to_run_why_and_how_to_start_it(client):
    response = client.get(HERE)
    page = Page(response)
    assert response.status_code == 200
    assert page.forbidden == []
    rungs = [rung for ladder in response.context["page"].ladders for rung in ladder.rungs]
    assert rungs
    for rung in rungs:
        assert rung.fit.sentence in page.text
        assert f"{rung.record.get_absolute_url()}?{rung.query}" in page.links
        for line in rung.lines:
            assert line in page.text
        for why in rung.why.values():
            assert why in page.text
    assert any(words in page.text for words in KINDS.values())
    assert "that only might run" in page.text


def test_what_one_more_card_would_bring_is_told(client):
    page = Page(client.get("/machine/?worker=vllm&accelerator=RTX+4090"))
    assert "With one more card (2x RTX 4090) also" in page.text
    assert any("count=2" in link for link in page.links if link.startswith("/machine/?"))


def test_every_link_of_a_ladder_leads_somewhere(client):
    for link in {link for link in Page(client.get(HERE)).links if link.startswith("/")}:
        assert client.get(link, follow=True).status_code == 200, link


def test_without_a_machine_the_page_offers_the_field_and_examples(client):
    page = Page(client.get("/machine/"))
    assert "Tell what you have" in page.text
    assert page.form_to("/machine/read/").fields["next"]
    examples = [link for link in page.links if link.startswith("/machine/?")]
    assert len(examples) >= 5
    for link in examples:
        assert client.get(link).context["page"].ladders, link


def test_what_is_typed_leads_back_to_the_page_with_the_machine_in_its_address(client):
    sent = {"machine": "2x3090 and 64 GB", "worker": "llama-cpp", "context": "16384", "next": "/machine/"}
    response = client.post("/machine/read/", sent)
    assert response["Location"] == "/machine/?worker=llama-cpp&context=16384&accelerator=RTX+3090&count=2&ram=64"
    assert "2x RTX 3090, 64 GB RAM" in Page(client.get(response["Location"])).text


def test_an_engine_that_does_not_run_there_is_told(client):
    page = Page(client.get("/machine/?worker=tensorrt-llm&accelerator=Apple+M4+Max&memory=64"))
    assert "does not run on Apple M4 Max" in page.text
    others = [link for link in page.links if link.startswith("/machine/?") and "worker=mlx-lm" in link]
    assert client.get(others[0]).context["page"].ladders


def test_a_processor_is_asked_how_fast_its_memory_is_read(client):
    page = Page(client.get("/machine/?worker=llama-cpp&ram=64"))
    assert "How fast your memory is read is not told" in page.text
    assert any("ram_bandwidth=89.6" in link for link in page.links)


@pytest.mark.parametrize("address", ["/machine/?accelerator=nonsense", "/machine/?frob=1", "/machine/?count=99"])
def test_what_makes_no_sense_is_refused(client, address):
    assert client.get(address).status_code == 400


def test_the_page_asks_the_database_a_few_times(client):
    client.get(HERE)
    with CaptureQueriesContext(connection) as queries:
        client.get(f"{HERE}&context=16384")
    assert len(queries) <= 18


def test_every_page_links_to_it(client):
    for address in ("/", "/models/", "/workers/"):
        assert "/machine/" in Page(client.get(address)).links


def test_a_model_s_page_leads_to_what_it_needs(client):
    page = Page(client.get("/models/unsloth/Qwen3.5-35B-A3B-GGUF/?worker=llama-cpp"))
    link = next(link for link in page.links if link.startswith("/machine/for/"))
    needs = Page(client.get(link))
    assert "What runs Qwen3.5-35B-A3B-GGUF well?" in needs.text
    assert "RTX 3090" in needs.text
    assert needs.forbidden == []


@pytest.mark.parametrize(("query", "status"), [("m=nobody/nothing", 400), ("", 400), ("m=x&frob=1", 400)])
def test_what_a_model_needs_is_told_of_a_model(client, query, status):
    assert client.get(f"/machine/for/?{query}").status_code == status


def test_the_api_says_the_same(client):
    page = client.get(HERE).context["page"]
    told = client.get("/api/v1/machine?worker=llama-cpp&accelerator=RTX+3090").json()
    assert [one["use"] for one in told["ladders"]] == [one.use for one in page.ladders]
    for one, ladder in zip(told["ladders"], page.ladders, strict=True):
        assert [(rung["id"], rung["why"]) for rung in one["rungs"]] == [
            (rung.record.repo_id, dict(rung.why)) for rung in ladder.rungs
        ]
        for rung, shown in zip(one["rungs"], ladder.rungs, strict=True):
            assert rung["fit"]["needBytes"] == shown.fit.need
            assert client.get(rung["url"]).status_code == 200
    empty = client.get("/api/v1/machine?worker=rbee").json()
    assert (empty["ladders"], empty["refused"]) == ([], False)


def test_the_number_on_a_link_is_that_of_the_list_it_opens(client):
    page = client.get(HERE)
    counts = {ladder.use: ladder.left_out for ladder in page.context["page"].ladders if ladder.rungs}
    for use, left in counts.items():
        link = next(one for one in Page(page).links if one.startswith("/models/?") and one.endswith(f"use={use}"))
        assert f"All {left.running + left.unsure:,} models for it" in Page(page).text
        assert f"{left.running + left.unsure:,} models run here" in Page(client.get(link)).text


def test_where_only_the_text_part_runs_the_page_says_what_sees(client):
    address = "worker=mlx-lm&accelerator=Apple+M3+Max&memory=64"
    page = Page(client.get(f"/machine/?{address}"))
    assert "MLX-LM runs only the language part of the models that would stand here" in page.text
    assert any("worker=mlx-vlm" in link and link.endswith("#vision") for link in page.links)
    told = client.get(f"/api/v1/machine?{address}").json()
    vision = next(one for one in told["ladders"] if one["use"] == "vision")
    assert (vision["rungs"], vision["textOnly"], vision["instead"]) == ([], True, "mlx-vlm")


def test_engines_that_are_not_chosen_are_folded(client):
    markup = client.get(HERE).content.decode()
    nav = markup.split('aria-label="The same machine with another engine"')[1].split("</nav>")[0]
    named, folded = nav.split("<details>")
    assert named.count('class="chip plain"') == 1
    assert 'aria-current="true">llama.cpp</a>' in named
    assert folded.count("<a ") > 5
    refused = client.get("/machine/?worker=tensorrt-llm&accelerator=Apple+M4+Max&memory=64").content.decode()
    assert "<details open>" in refused
