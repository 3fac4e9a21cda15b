"""The detail page, the addresses that lead to it, and fetching a model that is not there yet."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from compat import sync
from compat.models import HubFetch, ModelRecord, Verdict
from tests.hub_server import HubServer
from tests.markup import Page
from tests.samples import record

pytestmark = pytest.mark.django_db

PHI = "/models/microsoft/phi-2/"
NEW = "sample/phi-new"


def test_a_model_that_runs(client):
    response = client.get(PHI)
    assert response.status_code == 200
    page = Page(response)
    assert page.title.startswith("microsoft/phi-2: ")
    assert "hf download microsoft/phi-2" in page.text
    assert "2.8B (2,779,683,840)" in page.text
    assert "2,048 tokens" in page.text
    assert page.classed("badge")


def test_a_model_that_does_not_run_says_why_and_what_instead(client):
    page = Page(client.get("/models/meta-llama/Llama-3.1-70B-Instruct/"))
    assert "Won't run" in page.text
    assert "131,072" in page.text
    assert "instead" in page.text
    offered = [link for link in page.internal() if link.startswith("/models/") and "?" not in link]
    assert len(offered) > 1


def test_every_record_has_a_page(client):
    for repo_id in ModelRecord.objects.order_by("?").values_list("repo_id", flat=True)[:40]:
        response = client.get(f"/models/{repo_id}/")
        assert response.status_code == 200, repo_id
        assert not Page(response).forbidden


def test_a_model_without_an_owner_has_a_page_too(client):
    assert client.get("/models/t5-small/").status_code == 200


def test_the_page_and_the_list_say_the_same(client):
    for repo_id in ("microsoft/phi-2", "BAAI/bge-m3", "meta-llama/Llama-2-7b-hf"):
        row = client.get("/models/", {"q": repo_id, "compatible": "false"}).context["page"].rows[0]
        page = client.get(f"/models/{repo_id}/").context["page"]
        assert row.record.repo_id == repo_id
        assert row.result == page.result


@pytest.mark.parametrize(
    ("address", "target", "status"),
    [
        ("/models/microsoft--phi-2/", PHI, 301),
        ("/models/MICROSOFT/Phi-2/", PHI, 302),
        ("/models/microsoft/phi-2", PHI, 301),
        ("/models/T5-Small/", "/models/t5-small/", 302),
    ],
)
def test_other_spellings_lead_to_the_one_address(client, address, target, status):
    response = client.get(address)
    assert response.status_code == status
    assert response["Location"] == target
    assert client.get(address, follow=True).status_code == 200


@pytest.mark.parametrize(
    "address", ["/models/--/", "/models/a--/", "/models/--evil.example/", "/models/http:--evil.example/"]
)
def test_no_spelling_leads_off_the_site(client, address):
    response = client.get(address)
    if response.status_code in (301, 302):
        assert response["Location"].startswith("/models/")
        assert not response["Location"].startswith("//")
    else:
        assert response.status_code == 404


def test_an_unknown_model_is_not_found_and_can_be_fetched(client):
    response = client.get("/models/nobody/nothing/")
    assert response.status_code == 404
    page = Page(response)
    assert "nobody/nothing is not in this catalogue" in page.text
    form = page.form_to("/fetch/")
    assert (form.method, form.fields["id"]) == ("post", "nobody/nothing")
    assert form.fields["csrfmiddlewaretoken"]
    search = next(link for link in page.internal() if link.startswith("/models/?q="))
    assert client.get(search).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "a/b/c/d",
        "%3Cscript%3Ealert(1)%3C/script%3E",
        "a%00b",
        "a%00b/c",
        "x" * 5000,
        "%F0%9F%A6%99/%F0%9F%A6%99",
        "..",
        "a b/c",
    ],
)
def test_what_cannot_be_an_id_is_not_found_and_offers_no_fetch(client, path):
    response = client.get(f"/models/{path}/")
    assert response.status_code == 404
    page = Page(response)
    assert "cannot be the id of a model" in page.text
    assert not [form for form in page.forms if form.action == "/fetch/"]
    assert not page.forbidden


def test_offline_no_fetch_is_offered(client, settings):
    settings.HUB = dataclasses.replace(settings.HUB, offline=True)
    page = Page(client.get("/models/nobody/nothing/"))
    assert "works offline" in page.text
    assert not [form for form in page.forms if form.action == "/fetch/"]
    assert "works offline" in Page(client.get(PHI)).text


def test_what_authors_write_stays_text(client):
    attack = '<img src=x onerror="alert(1)">'
    odd = {
        "id": "sample/odd",
        "author": attack,
        "sha": attack,
        "pipeline_tag": attack,
        "library_name": attack,
        "tags": [attack, f"base_model:{attack}"],
        "config": {"model_type": attack, "architectures": [attack]},
        "cardData": {"license": attack, "language": [attack], "base_model": [attack], "license_name": attack},
        "siblings": [{"rfilename": f"{attack}.gguf", "size": 5}, {"rfilename": f"{attack}-Q4_K_M.gguf"}],
        "gguf": {"architecture": attack, "context_length": 4096},
        "_source": {attack: attack},
    }
    assert sync.store_raw([("1", odd)], origin="file").new == 1
    for address in ("/models/sample/odd/", "/models/?q=sample/odd&compatible=false"):
        response = client.get(address)
        assert response.status_code == 200
        page = Page(response)
        assert not page.forbidden
        assert not [tag for tag, _ in page.tags if tag == "img"]


# --- fetching --------------------------------------------------------------------------------------------------


@pytest.fixture
def hub(settings):
    """A Hub that has one model the catalogue lacks; this site asks it once, without patience."""
    with HubServer([record("microsoft/phi-2", id=NEW)], renames={"old/phi": NEW}) as server:
        settings.HUB = dataclasses.replace(
            settings.HUB, endpoint=server.url, max_attempts=1, backoff=0.0, offline=False
        )
        yield server


@pytest.fixture
def ask(client, django_capture_on_commit_callbacks):
    """Press the fetch button."""

    def post(repo_id, **options):
        with django_capture_on_commit_callbacks(execute=True):
            return client.post("/fetch/", {"id": repo_id}, **options)

    return post


def test_an_unknown_model_is_fetched_judged_and_shown(client, hub, ask):
    response = ask(NEW)
    assert response.status_code == 302
    assert response["Location"] == f"/models/{NEW}/"
    page = Page(client.get(f"/models/{NEW}/"))
    assert f"{NEW} is being fetched from the Hub" in page.text
    assert "Fetched from the Hub" in page.text
    kept = ModelRecord.objects.get(repo_id=NEW)
    assert kept.origin == "hub"
    assert Verdict.objects.get(sheet=kept.sheet_id, profile="rbee").compatible
    assert HubFetch.objects.get(repo_id=NEW).state == "done"


def test_many_askers_cause_one_request(hub, ask):
    for _ in range(6):
        assert ask(NEW).status_code == 302
    assert [path for path in hub.paths() if path.startswith("/api/models/")] == [f"/api/models/{NEW}"]
    assert HubFetch.objects.count() == 1


def test_a_second_asker_is_told_so(client, hub, ask):
    ask(NEW)
    client.get(f"/models/{NEW}/")
    assert "was asked for a moment ago" in Page(ask(NEW, follow=True)).text


def test_after_a_while_it_may_be_asked_again(hub, ask):
    ask(NEW)
    HubFetch.objects.update(requested=timezone.now() - timedelta(minutes=5))
    hub.put(record("microsoft/phi-2", id=NEW, likes=1))
    ask(NEW)
    assert ModelRecord.objects.get(repo_id=NEW).likes == 1


def test_a_model_the_hub_does_not_have_is_said_in_words(client, hub, ask):
    ask("nobody/nothing")
    response = client.get("/models/nobody/nothing/")
    assert response.status_code == 404
    page = Page(response)
    failure = HubFetch.objects.get(repo_id="nobody/nothing")
    assert failure.state == "failed"
    assert failure.error
    assert " ".join(failure.error.split()) in page.text
    assert "The Hub was asked" in page.text


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 429, "retry_after": 900},
        {"cut_after": 10},
        {"body": b"<html>"},
        {"body": b"[]"},
        {"body": b'{"id": "x y"}'},
    ],
    ids=str,
)
def test_a_failing_hub_never_takes_a_page_down(client, hub, ask, fault):
    hub.fail_next(20, **fault)
    ask("microsoft/phi-2")
    failure = HubFetch.objects.get(repo_id="microsoft/phi-2")
    assert failure.state == "failed"
    response = client.get(PHI)
    assert response.status_code == 200
    text = Page(response).text
    assert "The last refresh failed" in text
    assert " ".join(failure.error.split()) in text
    assert "hf download microsoft/phi-2" in text


def test_a_renamed_model_is_kept_under_its_new_name_and_said_so(client, hub, ask):
    ask("old/phi")
    assert ModelRecord.objects.filter(repo_id=NEW).exists()
    text = Page(client.get("/models/old/phi/")).text
    assert f"it is now {NEW}" in text


def test_a_fetch_needs_the_forms_token(hub):
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/fetch/", {"id": NEW}).status_code == 403
    assert hub.requests == []
    page = Page(strict.get(f"/models/{NEW}/"))
    assert strict.post("/fetch/", page.form_to("/fetch/").fields).status_code == 302


@pytest.mark.parametrize("repo_id", ["", "a b", "../etc", "<script>", "a/b/c", "a\0b", "x" * 5000])
def test_a_fetch_of_what_cannot_be_an_id_is_refused(ask, hub, repo_id):
    assert ask(repo_id).status_code == 400
    assert hub.requests == []
    assert not HubFetch.objects.exists()


def test_a_fetch_offline_says_so_and_asks_nobody(hub, ask, settings):
    settings.HUB = dataclasses.replace(settings.HUB, offline=True)
    response = ask(NEW, follow=True)
    assert "This site works offline" in Page(response).text
    assert hub.requests == []


def test_a_fetch_is_a_post(client):
    assert client.get("/fetch/").status_code == 405
