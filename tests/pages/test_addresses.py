"""Addresses with parameters that nobody knows: told on every page, with what was typed and the way on."""

from __future__ import annotations

import pytest
from django.test import Client

from compat.models import ModelRecord, SiteWorker
from marketplace import starter
from tests.markup import Page

pytestmark = pytest.mark.django_db

PLACES = (
    "/",
    "/models/",
    "/models/microsoft/phi-2/",
    "/workers/",
    "/workers/rbee/",
    "/report/",
    "/lists/",
    "/lists/small-and-open/",
    "/accuracy/",
)
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _lists():
    starter.create_lists()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("langauge=de", "There is no parameter “langauge” here."),
        ("worker=nope", "“nope” is not a value of worker"),
        ("worker=ollama&memory=-3", "memory is “-3”: use a number of GB of memory"),
        ("accelerator=nonsense9999", "“nonsense9999” is not an accelerator this site knows."),
        ("count=17", "16 is the most"),
        ("context=0", "use a whole number (tokens)"),
        ("kv=q1", "“q1” is not a value of kv (the KV cache type): use f16, auto, bf16"),
        ("ram=nan", "GB of system memory"),
    ],
)
def test_what_nobody_knows_is_told_on_every_page(client, place, query, message):
    response = client.get(f"{place}?{query}")
    assert response.status_code == 400
    page = Page(response)
    assert message in page.text
    assert not page.forbidden
    assert "worker" not in response.cookies
    assert "s-maxage" not in response.get("Cache-Control", "")


@pytest.mark.parametrize("place", PLACES)
def test_the_page_keeps_what_was_typed_and_offers_the_address_without_what_is_wrong(client, place):
    response = client.get(f"{place}?worker=ollama&memory=-3&colour=blue")
    page = Page(response)
    form = next(form for form in page.forms if form.fields.get("memory") == "-3")
    assert (form.action, form.fields["worker"]) == (place, "ollama")
    wrong = [told["name"] for tag, told in page.tags if tag == "input" and told.get("aria-invalid")]
    assert wrong == ["memory"]
    assert f"{place}?worker=ollama&colour=blue" in page.links
    assert f"{place}?worker=ollama&memory=-3" in page.links
    assert f"{place}?worker=ollama" in page.links
    assert client.get(f"{place}?worker=ollama").status_code == 200
    header = next(form for form in page.forms if "context" in form.fields)
    picked = next(told["value"] for tag, told in page.tags if tag == "option" and "selected" in told)
    assert picked == "ollama"
    assert "colour" not in header.fields


@pytest.mark.parametrize("place", PLACES)
def test_what_counts_visits_is_passed_over(client, place):
    query = "utm_source=mail&utm_campaign=x&fbclid=abc&gclid=d&msclkid=e&mc_cid=f&igshid=g&ref=h"
    response = client.get(f"{place}?{query}")
    assert response.status_code == 200
    assert not [form for form in Page(response).forms if {"utm_source", "fbclid"} & set(form.fields)]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("format=banana", "“banana” is not a value of format: use adapter, "),
        ("architecture=foo", "“foo” is not a value of architecture"),
        ("task=foo", "“foo” is not a value of task"),
        ("task=%F0%9F%A6%99", "is not a value of task"),
        ("quantization=q4_k_m", "Did you mean Q4_K_M"),
        ("license=foo", "“foo” is not a value of license"),
        ("language=klingon", "“klingon” is not a value of language"),
        ("author=a+b", "“a b” is not a value of author"),
        ("list=nothing", "There is no list “nothing”."),
    ],
)
def test_an_unknown_value_of_a_filter_is_told(client, query, message):
    response = client.get(f"/models/?q=llama&{query}")
    assert response.status_code == 400
    page = Page(response)
    assert message in page.text
    assert "/models/?q=llama" in page.links


def test_only_the_wrong_value_of_a_filter_goes_and_the_filters_keep_the_others(client):
    response = client.get("/models/?q=llama&format=gguf&format=banana&license=mit&sort=likes&author=Qwen")
    page = Page(response)
    assert "/models/?q=llama&format=gguf&license=mit&sort=likes&author=Qwen" in page.links
    filters = next(form for form in page.forms if "compatible" in form.fields)
    kept = {name: filters.fields[name] for name in ("format", "license", "author")}
    assert kept == {"format": "gguf", "license": "mit", "author": "Qwen"}
    search = next(told for tag, told in page.tags if tag == "input" and told.get("id") == "q")
    assert search["value"] == "llama"


def test_a_misspelt_parameter_is_kept_under_the_name_that_is_meant(client):
    page = Page(client.get("/models/?langauge=de&q=llama"))
    form = next(form for form in page.forms if form.fields.get("language") == "de")
    assert "langauge" not in form.fields
    assert client.get("/models/", form.fields).status_code == 200


def test_every_problem_is_named_at_once(client):
    page = Page(client.get("/models/?langauge=de&format=banana&sort=x&page=y&worker=nope"))
    for name in ("langauge", "format", "sort", "page", "worker"):
        assert f"It came from “{name}”" in page.text
    assert "/models/" in page.links
    assert "Ask without all of these" in page.text


def test_a_value_that_no_record_has_is_an_empty_list_that_says_so(client):
    assert not ModelRecord.objects.filter(license="wtfpl").exists()
    response = client.get("/models/?license=wtfpl&compatible=false")
    assert response.status_code == 200
    assert "No model of this catalogue has “wtfpl” as its license." in Page(response).text
    assert client.get("/models/?author=nobody-at-all").status_code == 200
    assert "has “mit”" not in Page(client.get("/models/?license=mit&q=zzzzzz")).text


def test_a_fragment_tells_it_too(client):
    response = client.get("/models/?format=banana", headers={**HTMX, "HX-Target": "results"})
    assert response.status_code == 400
    assert "<html" not in response.content.decode()
    assert "“banana” is not a value of format" in response.content.decode()
    page = client.get("/models/microsoft/phi-2/?memory=-1", headers={**HTMX, "HX-Target": "main"})
    assert page.status_code == 400
    assert 'id="main"' in page.content.decode()


def test_nine_hundred_unknown_parameters_are_refused_in_a_short_page(client):
    response = client.get("/models/?" + "&".join(f"a{n}=1" for n in range(900)))
    assert response.status_code == 400
    assert len(response.content) < 400_000


def test_html_in_a_parameter_stays_text(client):
    attack = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    for query in ({attack: "1"}, {"worker": attack}, {"accelerator": attack}, {"colour": attack}):
        for place in PLACES:
            page = Page(client.get(place, query))
            assert not page.forbidden
            assert not [tag for tag, _ in page.tags if tag == "img"]


@pytest.mark.parametrize("query", ["worker=nope", "langauge=de"])
def test_the_page_that_fetches_a_model_tells_it_too(client, query):
    assert client.get("/fetch/?id=microsoft/phi-2").status_code == 200
    assert client.get(f"/fetch/?id=microsoft/phi-2&{query}").status_code == 400


def test_the_accuracy_page_takes_few_other_formats(client):
    assert client.get("/accuracy/?format=json").json()
    response = client.get("/accuracy/?format=xml")
    assert response.status_code == 400
    assert "“xml” is not a value of format: use json, measured or measured-speed." in Page(response).text


# --- a remembered worker that is gone ----------------------------------------------------------------------------


def test_a_remembered_worker_that_is_gone_is_said_once_and_forgotten():
    client = Client()
    own = SiteWorker.objects.create(name="Big box", slug="big-box", engine="vllm", memory_gb=24, context=4096)
    client.get("/models/?worker=big-box")
    own.delete()
    response = client.get("/report/")
    assert response.status_code == 200
    page = Page(response)
    assert "The worker “big-box” that you had chosen is not on this site any more." in page.text
    assert response.context["page"].worker.slug == "rbee"
    assert response["Cache-Control"] == "private, no-cache"
    again = client.get("/report/")
    assert again.status_code == 200
    assert "big-box" not in Page(again).text


def test_a_remembered_machine_that_is_not_known_any_more_is_said():
    client = Client()
    client.cookies["worker"] = "worker=vllm&accelerator=Voodoo+2"
    page = Page(client.get("/models/"))
    assert "The machine that you had described cannot be used any more: “Voodoo 2” is not an accelerator" in page.text


def test_what_the_address_says_replaces_a_remembered_worker_that_is_gone():
    client = Client()
    client.cookies["worker"] = "worker=gone"
    page = Page(client.get("/models/?worker=vllm"))
    assert "any more" not in page.text


@pytest.mark.parametrize("path", ["/models/", "/machine/"])
@pytest.mark.parametrize("name", ["accelerator", "machine"])
def test_the_machines_that_a_name_may_mean_are_links(client, path, name):
    response = client.get(path, {name: "2x RTX 6000", "context": "4096"})
    assert response.status_code == 400
    address = next(link for link in Page(response).internal() if "RTX+6000+Ada" in link)
    assert address == f"{path}?accelerator=2x+RTX+6000+Ada&context=4096"
    assert client.get(address).status_code == 200
    bare = Page(client.get(path, {name: "12gb"})).internal()
    assert f"{path}?accelerator=12+GB+VRAM" in bare
    assert client.get(f"{path}?accelerator=12+GB+VRAM").status_code == 200
