"""Fetching a model on demand, refreshing a stale one behind the request, and what caches are told meanwhile."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from threading import Event, Thread

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from compat.catalogue.current import current_index
from compat.ingest.freshness import MOST_QUEUED, WAITS
from compat.models import HubFetch, HubWindow, ModelRecord, Verdict, VisitorAddition
from marketplace import freshness
from tests.hub_server import HubServer
from tests.markup import Page
from tests.own_database import OwnDatabase
from tests.samples import record

pytestmark = pytest.mark.django_db

PHI = "/models/microsoft/phi-2/"
NEW = "sample/phi-new"
PLACE = f"/models/{NEW}/"
NEVER = {"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend", "QUEUES": []}}
"""A tasks process that does not come round to its work."""


@pytest.fixture
def hub(settings):
    """A Hub that has one model the catalogue lacks; this site asks it once, without patience."""
    with HubServer([record("microsoft/phi-2", id=NEW), record("microsoft/phi-2")], renames={"old/phi": NEW}) as server:
        settings.HUB = dataclasses.replace(
            settings.HUB, endpoint=server.url, max_attempts=1, backoff=0.0, offline=False
        )
        yield server


@pytest.fixture
def ask(client):
    """Press the fetch button."""

    def post(repo_id, **options):
        return client.post("/fetch/", {"id": repo_id}, **options)

    return post


def questions(hub):
    """What was asked of models themselves, without the lists of files that follow."""
    return [path for path in hub.paths() if path.startswith("/api/models/") and "/tree/" not in path]


def rewind(**ago):
    """Let time pass for every request."""
    for fetch in HubFetch.objects.all():
        fetch.requested -= timedelta(**ago)
        fetch.finished = fetch.finished and fetch.finished - timedelta(**ago)
        fetch.save()


# --- a model the catalogue lacks -------------------------------------------------------------------------------


def test_opening_an_unknown_model_fetches_it_and_the_page_completes_itself(client, hub):
    first = client.get(PLACE)
    assert first.status_code == 202
    assert (first["Cache-Control"], first["Retry-After"]) == ("no-store", "2")
    page = Page(first)
    assert f"Fetching {NEW}" in page.text
    main = next(told for tag, told in page.tags if tag == "main")
    assert (main["hx-get"], main["hx-trigger"], main["hx-select"]) == (PLACE, "every 2s", "#main")
    assert ("meta", {"http-equiv": "refresh", "content": "3"}) in page.tags, "it works without scripts too"

    second = client.get(PLACE)
    assert second.status_code == 200
    assert "Fetched from the Hub" in Page(second).text
    kept = ModelRecord.objects.get(repo_id=NEW)
    assert kept.origin == "hub"
    assert Verdict.objects.get(sheet=kept.sheet_id, profile="rbee").compatible
    assert questions(hub) == [f"/api/models/{NEW}"]


def test_while_it_is_fetched_many_visitors_cause_one_request(client, hub, settings):
    settings.TASKS = NEVER
    for _ in range(6):
        assert Client().get(PLACE).status_code == 202
    assert HubFetch.objects.get().state == "queued"
    assert HubFetch.objects.count() == 1


def test_a_fetch_that_takes_too_long_says_what_may_be_wrong(client, hub):
    HubFetch.objects.create(repo_id=NEW, requested=timezone.now() - timedelta(minutes=1))
    response = client.get(PLACE)
    assert response.status_code == 202
    assert "tasks process" in Page(response).text


def test_a_fetch_whose_process_died_is_asked_for_again(client, hub):
    HubFetch.objects.create(repo_id=NEW, requested=timezone.now() - WAITS["queued"])
    client.get(PLACE)
    assert ModelRecord.objects.filter(repo_id=NEW).exists()


def test_a_model_asked_for_in_another_spelling_is_waited_for_no_longer_than_the_fetch(client, hub):
    hub.renames[NEW.upper()] = NEW
    client.get(f"/models/{NEW.upper()}/")
    assert list(HubFetch.objects.values_list("repo_id", "state")) == [(NEW, "done")]
    assert client.get(f"/models/{NEW.upper()}/")["Location"] == PLACE


def test_a_missing_model_is_remembered_as_missing_for_a_while(client, hub):
    client.get("/models/nobody/nothing/")
    assert HubFetch.objects.get().state == "missing"
    for _ in range(3):
        response = client.get("/models/nobody/nothing/")
        assert response.status_code == 404
        assert response["Cache-Control"] == "no-store"
        assert 3500 < int(response["Retry-After"]) <= 3600
        assert " ".join(HubFetch.objects.get().error.split()) in Page(response).text
    assert len(questions(hub)) == 1
    hub.put(record("microsoft/phi-2", id="nobody/nothing"))
    rewind(hours=1)
    assert client.get("/models/nobody/nothing/").status_code == 202
    assert client.get("/models/nobody/nothing/").status_code == 200


def test_a_hub_in_trouble_is_left_alone_for_some_minutes(client, hub):
    hub.fail_next(20, status=503)
    client.get(PLACE)
    response = client.get(PLACE)
    assert response.status_code == 404
    assert "is not in this catalogue" in Page(response).text
    assert 290 < int(response["Retry-After"]) <= 300
    assert len(questions(hub)) == 1


def test_a_full_queue_takes_no_more_from_visitors(client, hub):
    now = timezone.now()
    HubFetch.objects.bulk_create(HubFetch(repo_id=f"a/{i}", requested=now) for i in range(MOST_QUEUED))
    response = client.get(PLACE)
    assert response.status_code == 404
    assert "Many models are being fetched" in Page(response).text
    assert response["Retry-After"] == "60"
    client.get(PHI)
    assert questions(hub) == []


@pytest.mark.parametrize("path", ["/models/a b/", "/models/..%2Fetc/", "/models/a/b/c/"])
def test_what_cannot_be_an_id_is_never_asked_for(client, hub, path):
    assert client.get(path).status_code == 404
    assert not HubFetch.objects.exists()


def test_looking_with_head_asks_nobody(client, hub):
    assert client.head(PLACE).status_code == 202
    assert client.head(PHI).status_code == 200
    assert hub.requests == []


# --- visitors' budgets ---------------------------------------------------------------------------------------------


def put_many(hub, count):
    names = [f"sample/m-{n}" for n in range(count)]
    for name in names:
        hub.put(record("microsoft/phi-2", id=name))
    return names


def test_one_address_has_a_budget_of_its_own_and_others_are_not_held_up(client, hub, settings):
    settings.FETCH_PER_ADDRESS = 3
    names = put_many(hub, 6)
    answers = [client.get(f"/models/{name}/") for name in names]
    assert [answer.status_code for answer in answers] == [202] * 3 + [404] * 3
    assert "as many models fetched from the Hub as one visitor may" in Page(answers[3]).text
    assert 3500 < int(answers[3]["Retry-After"]) <= 3600
    assert client.get(f"/models/{names[3]}/", REMOTE_ADDR="203.0.113.9").status_code == 202
    client.force_login(get_user_model().objects.create_user("curator", is_staff=True))
    client.post("/fetch/", {"id": names[4]})
    assert ModelRecord.objects.filter(repo_id=names[4]).exists(), "the operator's people are not counted"
    rewind(hours=1)
    assert Client().get(f"/models/{names[5]}/").status_code == 202


def test_an_address_is_kept_as_a_digest_alone(client, hub):
    client.get(PLACE, REMOTE_ADDR="203.0.113.9")
    fetch = HubFetch.objects.get()
    assert fetch.asker
    assert "203" not in fetch.asker


def test_what_is_out_of_date_is_refreshed_from_the_same_budget(client, hub, settings):
    settings.FETCH_PER_ADDRESS = 0
    page = Page(client.get(PHI))
    assert "may be out of date" in page.text
    assert "the Hub is being asked" not in page.text
    assert hub.requests == []


def test_half_of_a_budget_is_kept_for_what_the_catalogue_lacks(client, hub, settings):
    settings.FETCH_PER_ADDRESS = 4
    known = [*ModelRecord.objects.exclude(repo_id="microsoft/phi-2").values_list("repo_id", flat=True)[:5]]
    for name in known:
        hub.put(record("microsoft/phi-2", id=name))
        client.get(f"/models/{name}/")
    assert HubFetch.objects.count() == 2
    assert client.get(f"/models/{put_many(hub, 1)[0]}/").status_code == 202


def test_all_visitors_together_have_a_budget(client, hub, settings):
    settings.FETCH_PER_HOUR = 2
    first, second, third = put_many(hub, 3)
    for number, name in enumerate((first, second)):
        assert client.get(f"/models/{name}/", REMOTE_ADDR=f"203.0.113.{number}").status_code == 202
    refused = client.get(f"/models/{third}/", REMOTE_ADDR="203.0.113.77")
    assert (refused.status_code, "Many models are being fetched" in Page(refused).text) == (404, True)
    assert int(refused["Retry-After"]) > 3500


def test_visitors_add_no_more_than_so_many_models_and_make_room_for_none_by_asking_again(client, hub, settings):
    settings.FETCH_MOST_NEW = 2
    names = put_many(hub, 4)
    assert [client.get(f"/models/{name}/").status_code for name in names[:3]] == [202, 202, 404]
    refused = client.get(f"/models/{names[2]}/")
    assert "Visitors have added as many models to this catalogue as they may" in Page(refused).text
    assert "Retry-After" not in refused
    assert VisitorAddition.objects.count() == 2
    rewind(hours=1)
    assert "Retry-After" not in client.get(f"/models/{names[3]}/")
    assert client.get(PHI).status_code == 200
    assert [path for path in questions(hub) if "phi-2" in path], "a record that is there is refreshed all the same"
    call_command("sync_models", "--limit", "9", "--no-config", verbosity=0)
    assert VisitorAddition.objects.count() == 0, "what the operator selects is the operator's"


def test_what_staff_open_or_refresh_is_taken_from_no_visitors_budget(client, hub, ask, settings):
    settings.FETCH_PER_ADDRESS = settings.FETCH_PER_HOUR = 1
    client.force_login(get_user_model().objects.create_user("curator", is_staff=True))
    client.get(PLACE)
    ModelRecord.objects.filter(repo_id="microsoft/phi-2").update(fetched=None)
    client.get(PHI)
    assert dict(HubFetch.objects.values_list("repo_id", "state")) == {NEW: "done", "microsoft/phi-2": "done"}
    assert set(HubFetch.objects.values_list("asker", flat=True)) == {""}
    assert not VisitorAddition.objects.exists()
    (window,) = HubWindow.objects.filter(key__endswith=":api")
    assert window.state["visitors"] == 0, "nor from their part of the Hub's quota"
    hub.put(record("microsoft/phi-2", id="sample/other"))
    Client().get("/models/sample/other/")
    assert HubFetch.objects.get(repo_id="sample/other").state == "done"
    assert HubWindow.objects.get(key=window.key).state["visitors"] > 0


def test_programs_are_told_the_same(client, hub, settings):
    settings.FETCH_PER_ADDRESS = 0
    told = client.get(f"/api/v1/models/{NEW}")
    assert (told.status_code, "as one visitor may in an hour" in told.json()["detail"]) == (404, True)
    assert int(told["Retry-After"]) > 0


def test_a_full_queue_opens_again_when_what_is_in_it_is_lost(client, hub):
    long_ago = timezone.now() - WAITS["queued"] - timedelta(seconds=1)
    HubFetch.objects.bulk_create(HubFetch(repo_id=f"a/{i}", requested=long_ago) for i in range(MOST_QUEUED))
    assert client.get(PLACE).status_code == 202
    assert ModelRecord.objects.filter(repo_id=NEW).exists()


def test_a_full_queue_takes_nothing_from_the_button_but_from_staff(client, hub, ask):
    now = timezone.now()
    HubFetch.objects.bulk_create(HubFetch(repo_id=f"a/{i}", requested=now) for i in range(MOST_QUEUED))
    assert "Many models are being fetched" in Page(ask(NEW, follow=True)).text
    assert hub.requests == []
    client.force_login(get_user_model().objects.create_user("curator", is_staff=True))
    ask(NEW)
    assert ModelRecord.objects.filter(repo_id=NEW).exists()


def test_a_full_queue_makes_no_page_promise_a_newer_record(client, hub):
    now = timezone.now()
    HubFetch.objects.bulk_create(HubFetch(repo_id=f"a/{i}", requested=now) for i in range(MOST_QUEUED))
    text = Page(client.get(PHI)).text
    assert "may be out of date" in text
    assert "the Hub is being asked" not in text


def test_what_cannot_be_kept_here_is_a_failure_that_is_noted(client, hub, monkeypatch):
    def broken(*_, **__):
        raise OperationalError("database or disk is full")

    monkeypatch.setattr("compat.ingest.departures.store_told", broken)
    client.get(PLACE)
    fetch = HubFetch.objects.get()
    assert (fetch.state, "could not be kept here" in fetch.error) == ("failed", True)


def test_a_model_taken_out_a_moment_after_it_was_fetched(client, hub):
    client.get(PLACE)
    ModelRecord.objects.filter(repo_id=NEW).delete()
    response = client.get(PLACE)
    assert response.status_code == 404
    assert "taken out of the catalogue since" in Page(response).text


def test_whoever_waits_keeps_the_worker_they_asked_for(client, hub, settings):
    settings.TASKS = NEVER
    page = Page(client.get(f"{PLACE}?worker=vllm&memory=24"))
    main = next(told for tag, told in page.tags if tag == "main")
    assert main["hx-get"] == f"{PLACE}?worker=vllm&memory=24"


# --- a stale record --------------------------------------------------------------------------------------------


def test_a_stale_record_is_served_at_once_and_refreshed_behind_the_request(client, hub):
    hub.put(record("microsoft/phi-2", likes=123456))
    first = client.get(PHI)
    assert first.status_code == 200
    assert "may be out of date: the Hub is being asked for a newer record" in Page(first).text
    assert "123k" not in Page(first).text
    second = Page(client.get(PHI))
    assert "123k" in second.text
    assert "may be out of date" not in second.text
    client.get(PHI)
    assert len(questions(hub)) == 1


def test_a_record_is_stale_again_after_its_time(client, hub, settings):
    client.get(PHI)
    ModelRecord.objects.filter(repo_id="microsoft/phi-2").update(
        fetched=timezone.now() - timedelta(seconds=settings.RECORD_TTL + 1)
    )
    rewind(seconds=settings.RECORD_TTL)
    client.get(PHI)
    assert len(questions(hub)) == 2


def test_work_is_done_after_the_response_and_by_one_thread_at_a_time(rf):
    done, going, go_on = [], Event(), Event()

    def slow():
        going.set()
        assert go_on.wait(10)
        done.append("slow")

    def answered(work):
        def view(request):
            freshness.run_after_response(request, work)
            return HttpResponse("answer")

        return freshness.AfterResponseMiddleware(view)(rf.get("/"))

    first, second = answered(slow), answered(lambda: done.append("second"))
    assert done == []
    thread = Thread(target=first.close)
    thread.start()
    assert going.wait(10)
    second.close()
    go_on.set()
    thread.join()
    assert done == ["slow"], "what the next visitor asks for again is not waited for"
    answered(lambda: done.append("third")).close()
    assert done == ["slow", "third"]


def test_a_database_that_cannot_be_written_takes_no_page_down(rf, caplog):
    def view(request):
        freshness.run_after_response(request, fails)
        return HttpResponse("answer")

    def fails():
        raise OperationalError("database is locked")

    freshness.AfterResponseMiddleware(view)(rf.get("/models/x/")).close()
    assert "database is locked" in caplog.text


def test_showing_a_stale_page_writes_nothing(client, hub):
    current_index()
    with CaptureQueriesContext(connection) as asked:
        client.head(PHI)
    assert asked.captured_queries
    assert not [query for query in asked.captured_queries if not query["sql"].lstrip("(").startswith("SELECT")]


def test_a_refresh_that_was_lost_is_not_waited_for(client, hub, settings):
    settings.TASKS = NEVER
    HubFetch.objects.create(repo_id="microsoft/phi-2", requested=timezone.now() - timedelta(days=1))
    ModelRecord.objects.filter(repo_id="microsoft/phi-2").update(fetched=timezone.now())
    response = client.get(PHI)
    assert response["Cache-Control"] == "public, max-age=0, s-maxage=60"
    assert "is being fetched" not in Page(response).text


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
def test_a_failing_hub_never_takes_a_page_down(client, hub, fault):
    hub.fail_next(20, **fault)
    client.get(PHI)
    failure = HubFetch.objects.get(repo_id="microsoft/phi-2")
    assert failure.state == "failed"
    response = client.get(PHI)
    assert response.status_code == 200
    text = Page(response).text
    assert "The last refresh failed" in text
    assert " ".join(failure.error.split()) in text
    assert "hf download microsoft/phi-2" in text
    assert len(questions(hub)) == 1


def test_a_model_that_left_the_hub_is_said_to_have_left(client, hub):
    hub.remove("microsoft/phi-2")
    client.get(PHI)
    response = client.get(PHI)
    assert response.status_code == 200
    assert "Gone from the Hub, known since" in Page(response).text


def test_an_operator_can_switch_asking_off(client, hub, settings):
    settings.FETCH_ON_DEMAND = False
    response = client.get(PLACE)
    assert response.status_code == 404
    assert "only this site's operator adds models" in Page(response).text
    page = Page(client.get(PHI))
    assert "Only this site's operator can refresh the record" in page.text
    assert hub.requests == []


# --- the button ------------------------------------------------------------------------------------------------


def test_a_fetch_is_confirmed_on_a_page_of_its_own(client, hub):
    page = Page(client.get(PHI))
    link = next(link for link in page.internal() if link.startswith("/fetch/"))
    response = client.get(link)
    assert response["Cache-Control"] == "no-store"
    form = Page(response).form_to("/fetch/")
    assert (form.method, form.fields["id"]) == ("post", "microsoft/phi-2")
    assert form.fields["csrfmiddlewaretoken"]


def test_the_button_fetches_and_says_so(client, hub, ask):
    response = ask(NEW)
    assert response.status_code == 302
    assert response["Location"] == PLACE
    assert f"{NEW} is being fetched from the Hub" in Page(client.get(PLACE)).text
    assert HubFetch.objects.get(repo_id=NEW).state == "done"


def test_many_askers_cause_one_request(hub, ask):
    for _ in range(6):
        assert ask(NEW).status_code == 302
    assert questions(hub) == [f"/api/models/{NEW}"]
    assert HubFetch.objects.count() == 1


def test_a_second_asker_is_told_so(client, hub, ask):
    ask(NEW)
    client.get(PLACE)
    assert "was asked for a moment ago" in Page(ask(NEW, follow=True)).text


def test_after_a_while_it_may_be_asked_again(hub, ask):
    ask(NEW)
    rewind(minutes=5)
    hub.put(record("microsoft/phi-2", id=NEW, likes=1))
    ask(NEW)
    assert ModelRecord.objects.get(repo_id=NEW).likes == 1


def test_a_renamed_model_is_kept_under_its_new_name_and_said_so(client, hub, ask):
    ask("old/phi")
    assert ModelRecord.objects.filter(repo_id=NEW).exists()
    response = client.get("/models/old/phi/")
    assert (response.status_code, response["Location"]) == (301, PLACE)


def test_a_fetch_needs_the_forms_token(hub):
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/fetch/", {"id": NEW}).status_code == 403
    assert hub.requests == []
    page = Page(strict.get("/fetch/", {"id": NEW}))
    assert strict.post("/fetch/", page.form_to("/fetch/").fields).status_code == 302


@pytest.mark.parametrize("repo_id", ["", "a b", "../etc", "<script>", "a/b/c", "a\0b", "x" * 5000])
def test_a_fetch_of_what_cannot_be_an_id_is_refused(client, ask, hub, repo_id):
    assert ask(repo_id).status_code == 400
    assert client.get("/fetch/", {"id": repo_id}).status_code == 400
    assert hub.requests == []
    assert not HubFetch.objects.exists()


def test_a_fetch_offline_says_so_and_asks_nobody(hub, ask, settings):
    settings.HUB = dataclasses.replace(settings.HUB, offline=True)
    response = ask(NEW, follow=True)
    assert "This site works offline" in Page(response).text
    assert hub.requests == []


def test_a_closed_site_lets_only_its_staff_fetch(client, hub, ask, settings):
    settings.FETCH_ON_DEMAND = False
    assert "Only this site's operator" in Page(ask(NEW, follow=True)).text
    assert hub.requests == []
    client.force_login(get_user_model().objects.create_user("curator", is_staff=True))
    ask(NEW)
    assert ModelRecord.objects.filter(repo_id=NEW).exists()


# --- what caches are told --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/models/", "/models/?q=phi&compatible=false", PHI, "/workers/", "/report/"])
def test_a_page_may_be_kept_for_a_minute_and_served_stale_while_a_newer_one_is_made(client, path):
    response = client.get(path)
    assert response["Cache-Control"] == "public, max-age=0, s-maxage=60"
    assert response["CDN-Cache-Control"] == "public, max-age=60, stale-while-revalidate=172800"
    assert {"Cookie", "HX-Request"} <= {name.strip() for name in response["Vary"].split(",")}
    assert not response.cookies
    for _ in range(3):  # an age on the page may grow between two answers
        again = client.get(path, headers={"If-None-Match": response["ETag"]})
        if again.status_code == 304:
            break
        response = again
    assert (again.status_code, again.content) == (304, b"")


def test_an_unchanged_page_still_refreshes_a_stale_record(client, hub, settings):
    tasks, settings.TASKS = settings.TASKS, NEVER
    tag = client.get(PHI)["ETag"]
    HubFetch.objects.all().delete()
    settings.TASKS = tasks
    assert client.get(PHI, headers={"If-None-Match": tag}).status_code == 304
    assert len(questions(hub)) == 1


@pytest.mark.parametrize("path", ["/models/?worker=vllm", f"{PHI}?worker=vllm"])
def test_a_page_for_one_visitor_is_kept_by_nobody_else(client, path):
    told = client.get(path)
    remembered = client.get(path.partition("?")[0])
    for response in (told, remembered):
        assert response["Cache-Control"] == "private, no-cache"
        assert "CDN-Cache-Control" not in response


def test_what_htmx_asks_for_is_kept_by_nobody(client):
    response = client.get("/models/?q=phi", headers={"HX-Request": "true", "HX-Target": "results"})
    assert response["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("path", ["/models/?sort=nonsense", "/models/?page=9999", "/nonsense/"])
def test_an_error_is_not_kept(client, path):
    assert "public" not in client.get(path).get("Cache-Control", "")


# --- at the same time ------------------------------------------------------------------------------------------


ASKERS = """
from threading import Thread
from django.db import connection
from compat.models import HubFetch
from compat.tasks import request_fetch
asked = []
def one():
    asked.append(request_fetch("sample/new"))
    connection.close()
threads = [Thread(target=one) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(sorted(asked), HubFetch.objects.count())
"""


def test_askers_at_the_same_moment_cause_one_request(tmp_path):
    with OwnDatabase(tmp_path) as own:
        ran = own.run("shell", "-c", ASKERS)
        assert ran.stdout.splitlines()[-1] == f"{[False] * 7 + [True]} 1", ran.stderr
        assert own.value("SELECT count(*) FROM django_tasks_database_dbtaskresult") == 1
