"""Workers: what each accepts, and how a visitor's choice is named, kept and refused."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from compat.models.engines import engines
from tests.markup import Page

pytestmark = pytest.mark.django_db

PLACES = ("/", "/models/", "/models/microsoft/phi-2/", "/report/", "/workers/", "/lists/")


def other():
    """An engine that is not the default one."""
    return list(engines().values())[1]


def shown(response):
    """The engine whose verdicts a page shows, as its header says: where that is left to the machine, the first one."""
    form = [told for tag, told in Page(response).tags if tag == "option" and "selected" in told]
    return next(iter(engines())) if form[0]["value"] == "auto" else form[0]["value"]


def test_every_engine_is_listed_and_has_a_page(client):
    page = Page(client.get("/workers/"))
    for slug, profile in engines().items():
        assert profile.name in page.text
        response = client.get(f"/workers/{slug}/")
        assert response.status_code == 200
        own = Page(response)
        assert own.title == f"{profile.name} · RunsHere"
        assert profile.source in own.text
        assert client.get(f"/models/?worker={slug}").status_code == 200


def test_the_default_engines_limit_is_told(client):
    assert "32,768 tokens at most; a longer context is refused" in Page(client.get("/workers/rbee/")).text


def test_an_unknown_worker_is_not_found(client):
    response = client.get("/workers/nobody/")
    assert response.status_code == 404
    assert "There is no worker “nobody”" in Page(response).text


@pytest.mark.parametrize("place", PLACES)
def test_a_worker_in_the_address_is_used_and_remembered(client, place):
    slug = other().slug
    response = client.get(place, {"worker": slug})
    assert response.status_code == 200
    assert shown(response) == slug
    cookie = response.cookies["worker"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert int(cookie["max-age"]) > 30 * 24 * 3600
    for next_place in PLACES:
        assert shown(client.get(next_place)) == slug


def test_the_address_wins_over_the_cookie(client):
    first, second = list(engines())[:2]
    client.get("/models/", {"worker": second})
    assert shown(client.get("/models/", {"worker": first})) == first
    assert shown(client.get("/models/")) == first


def test_another_worker_changes_the_verdicts(client):
    totals = {slug: client.get("/models/", {"worker": slug}).context["page"].total for slug in engines()}
    assert len(set(totals.values())) > 1


def test_a_browse_link_names_the_worker_it_was_made_for(client):
    slug = other().slug
    page = Page(client.get("/models/", {"worker": slug, "q": "b", "compatible": "false"}))
    following = next(parse_qs(urlsplit(link).query) for link in page.internal() if link.endswith("&page=2"))
    assert following == {"q": ["b"], "worker": [slug], "compatible": ["false"], "page": ["2"]}


def test_no_cookie_is_set_where_nothing_was_chosen(client):
    for place in PLACES:
        assert "worker" not in client.get(place).cookies


@pytest.mark.parametrize(
    "value", ["nobody", "", "<script>", "worker=nobody", "../../etc", "a=b&" * 500, "worker=%00", "memory=lots", "é"]
)
def test_an_unsafe_cookie_is_ignored(value):
    client = Client()
    client.cookies["worker"] = value
    response = client.get("/models/")
    assert response.status_code == 200
    assert shown(response) == next(iter(engines()))
    assert not Page(response).forbidden


@pytest.mark.parametrize("place", ["/", "/report/", "/models/microsoft/phi-2/", "/workers/"])
def test_a_senseless_worker_in_the_address_is_refused_and_not_remembered(client, place):
    response = client.get(place, {"worker": "<script>alert(1)</script>"})
    assert response.status_code == 400
    assert "worker" not in response.cookies
    assert not Page(response).forbidden


def test_the_form_of_all_parts_begins_with_what_suits_the_machine(client):
    def form():
        page = Page(client.get("/workers/"))
        return next(form.fields for form in page.forms if "kv" in form.fields)

    told = {**form(), "accelerator": "M3 Max 64GB"}
    assert told["worker"] == "auto"
    assert client.get("/workers/", told).context["worker"].worker.slug == "mlx-lm"
    told = {**form(), "accelerator": "2x3090", "memory": ""}
    assert client.get("/workers/", told).context["worker"].worker.slug == "llama-cpp"
    client.get("/workers/", {"worker": "vllm"})
    assert form()["worker"] == "vllm"


def test_the_choice_is_a_form_that_works_without_javascript(client):
    page = Page(client.get("/models/?q=llama&sort=likes"))
    form = next(form for form in page.forms if "worker" in form.fields)
    assert {form.fields.get("q"), form.fields.get("sort")} >= {"llama", "likes"}
