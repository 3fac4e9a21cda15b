"""Answers that are kept: who gets one that another visitor's question made, and who does not."""

from __future__ import annotations

import dataclasses
import gzip
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connections
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from compat.ingest.changes import raise_catalogue_version
from compat.models import HubFetch, ModelRecord, SiteWorker
from marketplace import page_cache
from marketplace.api import limits
from marketplace.freshness import run_after_response
from marketplace.page_cache import Kept, Memory, PageCacheMiddleware, may_be_kept
from tests.api.test_limits import redis_at
from tests.hub_server import HubServer
from tests.running import free_port
from tests.samples import record

pytestmark = pytest.mark.django_db

PHI = "/models/microsoft/phi-2/"
BROWSE = "/models/?q=phi"
LIST = "/api/v1/models?limit=2"
PATHS = (
    *("/", "/models/", BROWSE, PHI, "/lists/", "/report/", "/workers/", "/workers/vllm/", "/accuracy/"),
    *(LIST, "/api/models?limit=2"),
)


@pytest.fixture(autouse=True)
def _kept(settings):
    settings.PAGE_CACHE_MB = 4
    settings.REDIS_URL = ""
    limits.forget_counts()


def is_kept(response):
    """Whether an answer was made before: only then it has an age."""
    return "Age" in response.headers


def visitor(client):
    """Somebody else at the same process, without a cookie."""
    other = Client()
    other.handler = client.handler
    return other


def asked(client, path=BROWSE, **headers):
    return client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/models/",
        BROWSE,
        PHI,
        "/lists/",
        "/report/",
        "/workers/",
        "/workers/vllm/",
        "/accuracy/",
        LIST,
        "/api/models?limit=2",
    ],
)
def test_the_same_question_is_answered_from_memory(client, path):
    first, second = asked(client, path), asked(client, path)
    assert (is_kept(first), is_kept(second)) == (False, True)
    assert second.content == first.content
    assert {**second.headers, "RateLimit": ""} == {**first.headers, "RateLimit": "", "Age": "0"}


def test_one_query_is_all_that_a_kept_answer_takes(client, django_assert_num_queries):
    for path in (PHI, LIST):
        asked(client, path)
        with django_assert_num_queries(1):
            assert is_kept(asked(client, path))


@pytest.mark.parametrize(
    "other",
    [
        {"path": "/models/?q=phi&page=1"},
        {"path": "/models/?q=Phi"},
        {"host": "localhost"},
        {"Accept_Encoding": "gzip"},
        {"cookie": "worker=worker%3Dvllm"},
        {"HX_Request": "true", "HX_Target": "results"},
        {"HX_Request": "true", "HX_Boosted": "true"},
        {"HX_Request": "true", "HX_History_Restore_Request": "true"},
    ],
    ids=["page", "letters", "host", "gzip", "worker", "fragment", "boosted", "history"],
)
def test_another_question_is_not_answered_with_it(client, other):
    asked(client)
    assert not is_kept(asked(client, **other))
    assert is_kept(asked(client, **other))
    assert is_kept(asked(client))


def test_a_name_spelt_another_way_in_the_address_is_the_same_question(client):
    asked(client, "/models/?q=phi%2D2+x")
    assert is_kept(asked(client, "/models/?q=phi-2%20x"))


def test_a_fragment_is_no_page(client):
    whole = asked(client)
    part = asked(client, HX_Request="true", HX_Target="results", HX_Current_URL="http://testserver/models/")
    assert b"<html" in whole.content
    assert b"<html" not in part.content
    again = asked(client, HX_Request="true", HX_Target="results", HX_Current_URL="http://testserver/models/")
    assert is_kept(again)
    assert (again.content, again["HX-Push-Url"]) == (part.content, part["HX-Push-Url"])
    replaced = asked(client, HX_Request="true", HX_Target="results", HX_Current_URL="http://testserver/models/?q=phi")
    assert not is_kept(replaced)
    assert replaced["HX-Replace-Url"] == part["HX-Push-Url"]
    assert asked(client).content == whole.content


def test_what_the_catalogue_says_now_counts(client):
    asked(client)
    raise_catalogue_version()
    assert not is_kept(asked(client))
    assert is_kept(asked(client))


def test_a_new_worker_is_offered_at_once(client, admin_client):
    asked(client, "/workers/")
    fields = {"name": "Big box", "slug": "big-box", "engine": "vllm", "accelerator": "RTX 4090", "count": 1}
    fields |= {"context": 8192, "kv": "f16", "published": "on", "position": 0}
    assert admin_client.post(reverse("admin:compat_siteworker_add"), fields).status_code == 302
    assert b"Big box" in asked(client, "/workers/").content
    gone = {"action": "delete_selected", "_selected_action": SiteWorker.objects.get().pk, "post": "yes"}
    assert admin_client.post(reverse("admin:compat_siteworker_changelist"), gone).status_code == 302
    assert b"Big box" not in asked(client, "/workers/").content


def test_an_engine_that_is_switched_off_is_gone_at_once(client, admin_client):
    asked(client, "/workers/")
    change = reverse("admin:compat_enginesetting_change", args=["vllm"])
    before = asked(client, "/workers/").content
    assert b"/workers/vllm/" in before
    assert admin_client.post(change, {"context_policy": ""}).status_code == 302
    assert b"/workers/vllm/" not in asked(client, "/workers/").content


def test_an_answer_is_dropped_after_a_minute(client, monkeypatch):
    now = time.time()
    monkeypatch.setattr(page_cache.time, "time", lambda: now)
    asked(client)
    now += 59
    assert asked(client)["Age"] == "59"
    now += 1
    assert not is_kept(asked(client))
    assert asked(client)["Age"] == "0"


def test_whoever_is_logged_in_neither_gets_nor_leaves_an_answer(client):
    asked(client)
    curator = visitor(client)
    curator.force_login(User.objects.create_user("curator"))
    assert not is_kept(asked(curator))
    assert not is_kept(asked(curator))
    curator.cookies.load("messages=x")
    del curator.cookies["sessionid"]
    assert not is_kept(asked(curator))


def test_a_worker_told_in_the_address_is_remembered_all_the_same(client):
    told = [visitor(client) for _ in range(2)]
    first, second = (asked(one, "/models/?worker=vllm") for one in told)
    assert (is_kept(first), is_kept(second)) == (False, True)
    assert first.cookies["worker"].value == second.cookies["worker"].value
    assert first.cookies["worker"].output() == second.cookies["worker"].output()
    assert asked(told[0], PHI).content != asked(client, PHI).content
    # Now the cookie says so already.
    third = asked(told[0], "/models/?worker=vllm")
    assert not is_kept(third)
    assert not third.cookies


def test_a_worker_in_a_cookie_is_nobody_elses(client):
    for one in ("worker=vllm", "worker=llama-cpp"):
        chooser = visitor(client)
        chooser.cookies["worker"] = one
        first, second = asked(chooser, PHI), asked(chooser, PHI)
        assert (is_kept(first), is_kept(second)) == (False, True)
        assert first.content == second.content
        assert second["Cache-Control"] == "private, no-cache"
        assert first.content != asked(client, PHI).content


def test_only_reading_is_answered_so(client):
    asked(client, "/api/v1/models?limit=1")
    assert client.post("/api/v1/models?limit=1").status_code == 405
    assert client.post(BROWSE).status_code == 405


def test_head_is_answered_from_memory_but_leaves_nothing(client):
    for path in (BROWSE, LIST):
        assert not is_kept(client.head(path))
        got = asked(client, path)
        assert not is_kept(got)
        told = client.head(path)
        assert is_kept(told)
        assert told["ETag"] == got["ETag"]
        assert not told.content
        assert told["Content-Length"] == got["Content-Length"]


def test_whoever_has_the_answer_hears_304(client):
    for path in (BROWSE, LIST):
        tag = asked(client, path)["ETag"]
        again = asked(client, path, If_None_Match=tag)
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
        assert asked(client, path, If_None_Match='"another"').status_code == 200
    modified = asked(client, LIST)["Last-Modified"]
    assert asked(client, LIST, If_Modified_Since=modified).status_code == 304


def test_a_page_that_its_visitor_has_is_kept_for_the_next_one(client):
    tag = asked(client, PHI)["ETag"]
    raise_catalogue_version()
    first = asked(visitor(client), PHI, If_None_Match=tag)
    assert (first.status_code, is_kept(first)) == (304, False)
    second = asked(visitor(client), PHI)
    assert (second.status_code, is_kept(second)) == (200, True)


def test_answers_are_kept_compressed(client):
    plain = asked(client)
    first, second = (asked(client, Accept_Encoding="gzip, br") for _ in range(2))
    assert is_kept(second)
    assert second.content == first.content
    assert (second["Content-Encoding"], second["Content-Length"]) == ("gzip", str(len(first.content)))
    assert gzip.decompress(second.content) == plain.content
    assert "Accept-Encoding" in second["Vary"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/models/?sort=nonsense", 400),
        ("/models/?page=9999", 404),
        ("/models/nobody/nothing/", 404),
        ("/models/microsoft--phi-2/", 301),
        ("/nonsense/", 404),
        ("/api/v1/models?sort=nonsense", 400),
        ("/api/v1/models/nobody/nothing", 404),
        ("/api/models/nobody/nothing", 404),
        ("/healthz", 200),
        ("/admin/login/", 200),
        ("/fetch/?id=microsoft/phi-2", 200),
    ],
)
def test_neither_errors_nor_what_is_personal_are_kept(client, path, status):
    for _ in range(2):
        response = asked(client, path)
        assert response.status_code == status
        assert not is_kept(response)


def test_a_model_that_is_being_fetched_is_not_kept(client, settings):
    settings.HUB = dataclasses.replace(settings.HUB, offline=False)
    HubFetch.objects.create(repo_id="microsoft/phi-2", state="queued", requested=timezone.now())
    for _ in range(2):
        response = asked(client, PHI)
        assert not is_kept(response)
        assert response["Cache-Control"] == "no-store"


def test_a_record_that_grew_old_is_asked_for_by_each_visitor(client, settings):
    """What is fetched behind an answer changes the next one."""
    with HubServer([record("microsoft/phi-2", likes=123456)]) as hub:
        settings.HUB = dataclasses.replace(settings.HUB, endpoint=hub.url, max_attempts=1, backoff=0.0, offline=False)
        asked(client, PHI)
        assert ModelRecord.objects.get(repo_id="microsoft/phi-2").likes == 123456
        assert not is_kept(asked(client, PHI))


def test_every_request_of_a_program_counts(client, settings):
    settings.API_RATE = limits.Rate(3, 60)
    answers = [asked(client, LIST) for _ in range(4)]
    assert [response.status_code for response in answers] == [200, 200, 200, 429]
    assert [is_kept(response) for response in answers] == [False, True, True, False]
    left = [response["RateLimit"].split(";")[1] for response in answers]
    assert left == ["r=2", "r=1", "r=0", "r=0"]
    assert all(response["Access-Control-Allow-Origin"] == "*" for response in answers)


def test_without_a_token_nothing_is_told_where_one_is_needed(client, settings):
    asked(client, LIST)
    settings.API_ANONYMOUS = False
    response = asked(client, LIST)
    assert response.status_code == 401
    assert not is_kept(response)


def test_what_was_made_of_the_catalogue_before_is_not_kept(client, monkeypatch):
    now = page_cache.catalogue_state()
    monkeypatch.setattr(page_cache, "catalogue_state", lambda: now._replace(newest=False))
    for _ in range(2):
        assert not is_kept(asked(client))
    monkeypatch.undo()
    asked(client)
    assert is_kept(asked(client))


def test_a_database_that_is_gone_takes_nothing_down_here(client, monkeypatch):
    def gone():
        raise OperationalError("gone")

    asked(client)
    monkeypatch.setattr(page_cache, "Catalogue", SimpleNamespace(current_version=gone))
    assert asked(client).status_code == 200
    assert not is_kept(asked(client))
    monkeypatch.undo()
    monkeypatch.setattr(page_cache, "catalogue_state", gone)
    assert asked(client, PHI).status_code == 200
    assert not is_kept(asked(client, PHI))


def test_it_can_be_switched_off(client, settings):
    settings.PAGE_CACHE_MB = 0
    for _ in range(2):
        assert not is_kept(asked(client))


# --- the middleware alone --------------------------------------------------------------------------------------


def site(view):
    """The middleware before a view, and a question."""
    return PageCacheMiddleware(view), lambda path="/": RequestFactory().get(path)


def keepable(request, **changes):
    response = HttpResponse(f"made at {request.path}".encode())
    may_be_kept(response)
    for name, value in changes.items():
        response.headers[name.replace("_", "-")] = value
    return response


def test_only_what_says_so_is_kept():
    for view in (
        lambda request: HttpResponse("nobody said so"),
        lambda request: keepable(request, Cache_Control="no-store"),
        lambda request: with_cookie(keepable(request), "csrftoken"),
        lambda request: with_cookie(keepable(request), "sessionid"),
    ):
        middleware, question = site(view)
        middleware(question())
        assert not is_kept(middleware(question()))
        assert not len(middleware.memory)


def test_while_something_is_to_be_done_behind_answers_none_is_kept():
    def view(request):
        run_after_response(request, done.append)
        return keepable(request)

    done = []
    middleware, question = site(view)
    middleware(question())
    assert not is_kept(middleware(question()))


def with_cookie(response, name):
    response.set_cookie(name, "x")
    return response


def test_an_address_without_end_is_not_kept():
    middleware, question = site(keepable)
    for _ in range(2):
        assert not is_kept(middleware(question("/?q=" + "a" * page_cache.LONGEST)))


def leaving_nothing(answer):
    """The same, called in a thread that ends: the connection to the database it may have opened is closed."""

    def call(*arguments):
        try:
            return answer(*arguments)
        finally:
            connections.close_all()

    return call


def test_an_answer_is_made_once_while_many_ask():
    made = []

    def view(request):
        made.append(request.path)
        time.sleep(0.3)
        return keepable(request)

    middleware, question = site(view)
    # Its one question to the database belongs to this thread's transaction.
    key = page_cache.key_of(question())
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(8) as visitors:
        patch.setattr(page_cache, "key_of", lambda _: key)
        started = time.monotonic()
        answers = list(visitors.map(leaving_nothing(lambda _: middleware(question())), range(8)))
        assert time.monotonic() - started < page_cache.PATIENCE
    assert len(made) == 1
    assert {response.content for response in answers} == {b"made at /"}


def test_nobody_waits_for_ever_for_an_answer_of_another(monkeypatch):
    monkeypatch.setattr(page_cache, "PATIENCE", 0.1)
    stuck, made = threading.Event(), []

    def view(request):
        made.append(request)
        if len(made) == 1:
            stuck.wait(5)
        return keepable(request)

    middleware, question = site(view)
    key = page_cache.key_of(question())
    monkeypatch.setattr(page_cache, "key_of", lambda _: key)
    with ThreadPoolExecutor(2) as visitors:
        first = visitors.submit(leaving_nothing(middleware), question())
        while not made:
            time.sleep(0.01)
        assert middleware(question()).content == b"made at /"
        stuck.set()
        assert first.result().content == b"made at /"
    assert len(made) == 2
    assert is_kept(middleware(question()))


def test_a_view_that_fails_holds_up_nobody():
    def view(request):
        raise RuntimeError("broken")

    middleware, question = site(view)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            middleware(question())


def answer(size, made=None):
    return Kept((("X", "y"),), b"x" * size, time.time() if made is None else made, None)


def test_memory_holds_no_more_than_it_may():
    memory = Memory(10_000)
    for number in range(100):
        memory.put(str(number), answer(1000))
        memory.get("0")
        assert memory.size <= 10_000
    assert 5 < len(memory) < 10
    assert memory.size == sum(memory.get(str(number)).size for number in range(100) if memory.get(str(number)))
    assert memory.get("0"), "what is asked for stays"
    assert memory.get("99")
    assert memory.get("1") is None


def test_what_is_put_twice_counts_once():
    memory = Memory(10_000)
    for _ in range(5):
        memory.put("a", answer(1000))
    assert (len(memory), memory.size) == (1, answer(1000).size)


def test_what_is_too_large_or_too_old_is_not_kept():
    memory = Memory(10_000)
    memory.put("large", answer(20_000))
    assert (len(memory), memory.size) == (0, 0)
    memory.put("old", answer(10, time.time() - page_cache.SECONDS))
    assert memory.get("old") is None
    assert (len(memory), memory.size) == (0, 0)
    middleware, question = site(lambda request: big(keepable(request)))
    middleware(question())
    assert not len(middleware.memory)


def big(response):
    response.content = b"x" * (page_cache.LARGEST + 1)
    return response


# --- Redis -----------------------------------------------------------------------------------------------------


@pytest.fixture
def redis(settings):
    port = free_port()

    def running():
        return redis_at(port)

    settings.REDIS_URL = f"redis://127.0.0.1:{port}/0"
    backend = "django.core.cache.backends.redis.RedisCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": settings.REDIS_URL}}
    return running


def test_processes_find_each_others_answers(redis):
    made = []

    def view(request):
        made.append(request.path)
        return with_cookie(keepable(request, ETag='"a"'), "worker")

    with redis():
        (one, question), (other, _) = site(view), site(view)
        first, second = one(question()), other(question())
        assert (is_kept(first), is_kept(second)) == (False, True)
        assert second.content == first.content
        assert second["ETag"] == first["ETag"]
        assert second.cookies.output() == first.cookies.output()
        raise_catalogue_version()
        assert not is_kept(other(question()))
        assert len(made) == 2
    assert is_kept(other(question())), "its own memory has it now"


def test_answers_are_kept_while_redis_fails(redis, monkeypatch, caplog):
    one, question = site(keepable)
    assert [is_kept(one(question(f"/{number}"))) for number in (1, 1, 2)] == [False, True, False]
    told = [record.getMessage() for record in caplog.records if record.name == page_cache.__name__]
    assert len(told) == 1
    assert "Each process keeps its own" in told[0]
    with redis():
        other, _ = site(keepable)
        one(question("/3"))
        assert not is_kept(other(question("/3"))), "a Redis that failed is left alone for a while"
        monkeypatch.setattr(page_cache, "PAUSE", 0)
        one._shared._asked_again = 0
        one(question("/4"))
        assert is_kept(other(question("/4")))
