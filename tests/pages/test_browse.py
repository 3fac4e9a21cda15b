"""Browse and search: answers, refusals and fragments."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import urljoin

import pytest

from compat import catalogue as queries
from compat.catalogue.question import SORTS
from compat.estimate import Fit
from compat.models import ModelRecord
from tests.markup import Page

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


def get(client, query="", **options):
    return client.get(f"/models/{query}", **options)


def ids(page):
    """The models of a list, in order."""
    rows = [link for link in page.links if re.fullmatch(r"/models/[^?#]+/", link)]
    return [link.removeprefix("/models/").removesuffix("/") for link in rows]


def test_the_first_page_shows_what_runs_in_the_suggested_order(client):
    response = get(client)
    assert response.status_code == 200
    page = Page(response)
    shown = response.context["page"]
    assert len(ids(page)) == queries.PAGE_SIZE == len(shown.rows)
    assert all(row.result.compatible for row in shown.rows)
    points = [shown.standings[row.record.pk].points for row in shown.rows]
    assert points == sorted(points, reverse=True)
    assert f"{shown.total} models run here" in page.text


def test_every_row_says_why_it_stands_there_without_scripts(client):
    page = get(client, "?worker=vllm&accelerator=RTX+4090").context["page"]
    found = Page(get(client, "?worker=vllm&accelerator=RTX+4090"))
    assert len(found.classed("row-why")) == len(page.rows)
    for row in page.rows:
        standing = page.standings[row.record.pk]
        assert f"Why this place: {standing.points} points" in found.text
        assert all(part.why in found.text for part in standing.parts)
    assert not Page(get(client, "?sort=popular")).classed("row-why")


def test_every_row_has_a_badge_with_shape_and_word(client):
    for query in ("", "?compatible=false", "?compatible=only-incompatible"):
        page = Page(get(client, query))
        rows = page.classed("row")
        badges = page.classed("badge")
        assert len(rows) == queries.PAGE_SIZE
        assert len(badges) >= len(rows)
        assert all(any(name.startswith("v-") for name in told["class"].split()) for _, told in badges)


def test_a_search_finds_and_orders(client):
    page = Page(get(client, "?q=llama&compatible=false&unit=repository&sort=popular"))
    found = ids(page)
    assert found
    assert all("llama" in repo_id.lower() for repo_id in found)
    expected = ModelRecord.objects.filter(search_text__contains="llama").order_by("-popularity", "repo_id")
    assert found == list(expected.values_list("repo_id", flat=True)[: queries.PAGE_SIZE])
    assert page.title == "llama · Models · RunsHere"


def test_an_empty_list_names_the_engines_that_have_something_for_it(client):
    page = Page(get(client, "?accelerator=Apple+M2&memory=16&worker=auto&use=embedding"))
    assert "Other engines than MLX-LM run some of them; their lists say what this machine holds:" in page.text
    address = next(link for link in page.internal() if "worker=transformers" in link and "use=embedding" in link)
    there = Page(client.get(address))
    assert "Transformers" in there.text
    assert "Apple M2" in there.text
    assert "Other engines" not in Page(get(client, "?q=zzzzzz")).text


def test_what_of_a_search_is_no_name_is_said_with_what_it_was_read_as(client):
    page = Page(get(client, "?q=small+model+for+coding&compatible=false"))
    assert "“coding” is read as Use: Code. Left out, as no part of a name: model, for, small." in page.text
    address = next(link for link in page.internal() if "max_params=4" in link)
    assert client.get(address).status_code == 200
    page = Page(get(client, "?q=whisper+for+coding&compatible=false"))
    assert "Nothing of that name is also “coding”: this list is for" in page.text


def test_the_address_of_a_dataset_is_called_so(client):
    said = "That is the address of a dataset: this catalogue has models alone."
    address = "https://huggingface.co/datasets/rajpurkar/squad"
    assert said in Page(client.get("/models/", {"q": address})).text
    assert said in client.get("/api/v1/models", {"q": address}).json()["read"]


def test_what_is_left_out_is_said_with_links_that_show_it(client):
    page = Page(get(client))
    assert "Not shown:" in page.text
    shown = queries.browse(get(client).context["criteria"])
    for hidden in shown.hidden:
        assert f"{hidden.count} {hidden.label}" in page.text
        other = get(client, f"?{hidden.query}")
        assert other.status_code == 200
        assert other.context["page"].total == hidden.count
        assert len(Page(other).classed("fails")) == min(hidden.count, queries.PAGE_SIZE)


def test_pages_follow_each_other(client):
    first = Page(get(client, "?compatible=false"))
    second = get(client, "?compatible=false&page=2")
    assert "/models/?compatible=false&page=2" in first.internal()
    assert not set(ids(first)) & set(ids(Page(second)))
    assert "/models/?compatible=false" in Page(second).internal()


def test_a_page_beyond_the_last_is_not_found_and_leads_back(client):
    response = get(client, "?q=llama&page=9999")
    assert response.status_code == 404
    page = Page(response)
    assert "There is no page 9,999" in page.text
    last = next(link for link in page.internal() if link.startswith("/models/?q=llama"))
    assert client.get(last).status_code == 200


@pytest.mark.parametrize("parameter", ["sort", "compatible", "gated", "confidence", "cause", "worker"])
def test_a_senseless_value_is_refused_with_the_allowed_ones(client, parameter):
    response = get(client, f"?q=llama&{parameter}=nonsense")
    assert response.status_code == 400
    page = Page(response)
    assert f"“nonsense” is not a value of {parameter}" in page.text
    if parameter == "sort":
        assert all(value in page.text for value in SORTS)
    assert "/models/?q=llama" in page.internal()
    assert get(client, "?q=llama").status_code == 200


def test_several_senseless_values_are_all_named(client):
    response = get(client, "?sort=x&page=y&min_params=z")
    assert response.status_code == 400
    page = Page(response)
    assert all(f"It came from “{name}”" in page.text for name in ("sort", "page", "min_params"))


def test_a_very_long_question_is_refused(client):
    response = get(client, "?q=" + "x" * 10_000)
    assert response.status_code == 400
    assert "10,000 characters" in Page(response).text
    assert len(response.content) < 60_000


def test_too_many_parameters_are_refused(client):
    assert get(client, "?" + "&".join(f"a{n}=1" for n in range(2000))).status_code == 400


@pytest.mark.parametrize("query", ["?q=%00", "?q=a%00b", "?q=%FF%FE", "?q=" + "%C3%A9" * 199, "?&&=&", "?q"])
def test_odd_bytes_are_no_error(client, query):
    assert get(client, query).status_code == 200


def test_an_unknown_list_is_refused(client):
    response = get(client, "?list=nothing")
    assert response.status_code == 400
    assert "There is no list “nothing”" in Page(response).text


def test_html_in_the_question_stays_text(client):
    attack = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    for query in ({"q": attack}, {"sort": attack}, {"license": attack}, {"author": attack}, {"list": attack}):
        response = client.get("/models/", query)
        page = Page(response)
        assert not page.forbidden
        assert not [tag for tag, _ in page.tags if tag == "img"]
        assert b"<script>alert" not in response.content


def test_nothing_found_offers_the_next_step(client):
    page = Page(get(client, "?q=zzzzzz"))
    assert "Nothing matches “zzzzzz”" in page.text
    assert not ids(page)
    refused = Page(get(client, "?q=meta-llama/Llama-3.1-70B-Instruct"))
    assert "Show them, and why" in refused.text


def test_a_model_that_is_not_there_can_be_looked_for_on_the_hub(client):
    page = Page(get(client, "?q=nobody/nothing"))
    assert "/models/nobody/nothing/" in page.internal()


def test_an_empty_catalogue_says_how_to_fill_it(client):
    from compat.models import Catalogue

    ModelRecord.objects.all().delete()
    Catalogue.objects.all().delete()
    page = Page(get(client))
    assert "The catalogue is empty" in page.text
    assert "load_records --bundled" in page.text


def test_the_filters_are_a_form_that_works_without_javascript(client):
    page = Page(get(client, "?q=llama&architecture=llama&sort=likes"))
    form = page.form_to("/models/")
    assert form.method == "get"
    named = {told.get("name") for tag, told in page.tags if told.get("form") == "facets"}
    assert {"q", "sort"} <= named
    checked = [told for tag, told in page.tags if tag == "input" and "checked" in told]
    assert {(told["name"], told["value"]) for told in checked} >= {("architecture", "llama"), ("compatible", "true")}
    fields = [told["id"] for tag, told in page.tags if "id" in told]
    assert len(fields) == len(set(fields))


def test_active_filters_can_be_taken_away(client):
    page = Page(get(client, "?architecture=llama&license=apache-2.0&min_params=1"))
    chips = {urljoin("/models/", told["href"]) for tag, told in page.classed("chip") if tag == "a"}
    assert chips >= {
        "/models/?license=apache-2.0&min_params=1",
        "/models/?architecture=llama&min_params=1",
        "/models/?architecture=llama&license=apache-2.0",
    }


# --- htmx ------------------------------------------------------------------------------------------------------


def test_htmx_gets_the_fragment_and_the_address_to_show(client):
    response = get(client, "?q=llama&sort=likes&compatible=true&format=", headers=HTMX)
    body = response.content.decode()
    assert response.status_code == 200
    assert "<html" not in body
    assert body.lstrip().startswith("<section")
    assert response["HX-Push-Url"] == "/models/?q=llama&sort=likes"
    assert "HX-Request" in response["Vary"]
    assert 'hx-swap-oob="true"' in body


@pytest.mark.parametrize("more", [{}, {**HTMX, "HX-Boosted": "true"}, {**HTMX, "HX-History-Restore-Request": "true"}])
def test_plain_boosted_and_restored_requests_get_the_whole_page(client, more):
    response = get(client, "?q=llama", headers=more)
    assert "<html" in response.content.decode()
    assert "HX-Push-Url" not in response
    assert "HX-Request" in response["Vary"]


@pytest.mark.parametrize(("query", "status"), [("?sort=nonsense", 400), ("?page=9999", 404)])
def test_a_refusal_is_a_fragment_for_htmx_too(client, query, status):
    response = get(client, query, headers=HTMX)
    assert response.status_code == status
    assert "<html" not in response.content.decode()
    assert 'role="alert"' in response.content.decode()
    assert "HX-Push-Url" not in response


def test_fragment_and_page_show_the_same_rows(client):
    whole, part = (get(client, "?q=b&compatible=false", headers=more) for more in ({}, HTMX))
    assert ids(Page(whole)) == ids(Page(part))


# --- methods ---------------------------------------------------------------------------------------------------


def test_head_answers_as_get_without_a_body(client):
    response = client.head("/models/?q=llama")
    assert response.status_code == 200
    assert response.content == b""


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_nothing_can_be_written_here(client, method):
    response = getattr(client, method)("/models/")
    assert response.status_code == 405
    assert "GET" in response["Allow"]


# --- by speed --------------------------------------------------------------------------------------------------

FAST = "worker=ollama&accelerator=RTX 4090&sort=speed"


def test_the_fastest_are_shown_first_each_with_its_speed_and_what_it_is_assumed_on(client):
    page = Page(response := get(client, f"?{FAST}"))
    rows = response.context["page"].rows
    speeds = [row.speed.tokens_per_second for row in rows]
    assert speeds == sorted(speeds, reverse=True)
    assert f"about {speeds[0]:,.0f} tokens/s on CUDA" in page.text
    assert page.text.count("tokens/s on CUDA") == len(rows)


@pytest.mark.parametrize(
    ("machine", "reason"),
    [
        ("accelerator=8x MI300X", "No measured runs of llama.cpp on AMD accelerators for computing"),
        ("ram=64", "The processor alone computes it: give the bandwidth of the system memory"),
        ("accelerator=K80 24GB", "No measured runs of llama.cpp on NVIDIA graphics cards older than Pascal"),
    ],
)
def test_where_nothing_has_a_speed_it_is_said_why(machine, reason, client):
    response = get(client, f"?worker=llama-cpp&{machine}")
    row = response.context["page"].rows[0]
    assert row.speed.tokens_per_second is None
    assert f"No speed: {reason}" in Page(response).text
    own = Page(client.get(f"/models/{row.record.repo_id}/?worker=llama-cpp&{machine}"))
    assert f"No speed: {reason}" in own.text
    assert "No speed" not in Page(get(client, "?worker=llama-cpp&accelerator=RTX 4090")).text
    assert "No speed" not in Page(get(client, "?worker=llama-cpp")).text


def test_what_is_not_known_of_some_rows_is_not_why_a_list_has_no_speed(client):
    response = get(client, "?worker=llama-cpp&ram=64")
    page = response.context["page"]
    unknown = [row for row in page.rows if row.fit is not None and row.fit.fit is Fit.UNKNOWN]
    one = next(row for row in page.rows if row.fit is not None and row.fit.fit is not Fit.UNKNOWN)
    told = replace(page, rows=[*unknown, *unknown, one])
    assert unknown
    assert told.no_speed == one.speed.reason
    assert replace(page, rows=unknown[:1]).no_speed == unknown[0].speed.reason


def test_the_page_of_a_model_shows_the_speed_of_its_row(client):
    rows = get(client, f"?{FAST}").context["page"].rows
    told = f"about {rows[0].speed.tokens_per_second:,.0f} tokens/s on CUDA"
    response = client.get(f"/models/{rows[0].record.repo_id}/?{FAST.removesuffix('&sort=speed')}")
    assert response.context["page"].memory.speed == rows[0].speed
    page = Page(response)
    assert told in page.text
    assert "First word after about" in page.text.replace("First wordafter", "First word after")
    assert ", on CUDA" in page.text


@pytest.mark.parametrize("query", ["?sort=speed", "?sort=speed&worker=vllm&q=llama"])
def test_without_a_machine_speed_is_no_order_and_the_page_says_what_to_do(client, query):
    response = get(client, query)
    assert response.status_code == 400
    page = Page(response)
    assert "no machine is told" in page.text
    assert "/workers/" in page.links
    assert query.replace("sort=speed&", "").replace("?sort=speed", "") in "".join(page.links)


def test_the_menu_says_that_speed_needs_a_machine(client):
    assert "Fastest here: tell your machine" in Page(get(client)).text
    assert "tell your machine" not in Page(get(client, "?worker=vllm&memory=24")).text


def test_a_list_in_which_nothing_has_a_speed_says_why(client):
    text = Page(get(client, "?worker=llama-cpp&ram=64&sort=speed")).text
    assert "No model of this list has a speed here" in text
    assert "bandwidth of the system memory" in text
    assert "No model of this list" not in Page(get(client, "?worker=llama-cpp&ram=64")).text


def test_the_need_on_several_cards_is_said_to_be_that_of_the_fullest(client):
    one, two = (
        Page(client.get("/models/", {"worker": "llama-cpp", "accelerator": "RTX 4090", "count": count})).text
        for count in ("1", "2")
    )
    assert "on the fullest card" not in one
    assert re.search(r"\d GiB on the fullest card", two)
    assert "on others" not in two
    asked = {"worker": "llama-cpp", "accelerator": "RTX 4090", "beside": "GTX 1660"}
    unlike = Page(client.get("/models/", asked)).text
    assert re.search(r"\d GiB on the fullest card, up to [\d.]+ GiB on others", unlike)
