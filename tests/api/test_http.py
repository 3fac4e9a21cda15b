"""What every program may rely on: tags and dates, reading from other sites, errors in one form, hostile requests."""

from __future__ import annotations

import json
import re

import pytest
from django.utils import timezone
from django.utils.http import http_date, parse_http_date

from compat.ingest import store as sync
from compat.models import ModelRecord, SiteWorker
from tests.samples import record, renamed

pytestmark = pytest.mark.django_db
READ = (
    "/api/v1/models?limit=3",
    "/api/v1/models/microsoft/phi-2",
    "/api/v1/models/microsoft/phi-2/compatibility",
    "/api/v1/workers",
    "/api/v1/lists",
    "/api/v1/report",
    "/api/openapi.json",
    "/api/models?limit=3",
    "/api/models/microsoft/phi-2",
)


def problem(response, status):
    assert response.status_code == status, (response.status_code, response.content[:300])
    assert response.headers["Content-Type"] == "application/problem+json"
    found = response.json()
    assert found["status"] == status
    assert found["title"]
    assert found["detail"]
    return found


def send(client, name, body, **options):
    return client.post(f"/api/v1/compatibility/{name}", body, content_type="application/json", **options)


# --- conditional requests --------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", READ)
def test_an_answer_that_did_not_change_is_not_sent_again(client, address):
    first = client.get(address)
    assert first.status_code == 200
    assert first.headers["Cache-Control"] == "public, max-age=60, stale-while-revalidate=600"
    assert parse_http_date(first.headers["Last-Modified"])
    tag = first.headers["ETag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        again = client.get(address, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == tag
    assert client.get(address, headers={"If-Modified-Since": first.headers["Last-Modified"]}).status_code == 304
    assert client.get(address, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize("address", READ)
def test_an_answer_changes_its_tag_with_the_catalogue_and_the_workers(client, address):
    tags = [client.get(address).headers["ETag"]]
    sync.store_raw([(item["id"], item) for item in renamed(1)], origin="file")
    tags.append(client.get(address).headers["ETag"])
    SiteWorker.objects.create(name="Desk", slug="desk", engine="rbee", memory_gb=8)
    tags.append(client.get(address).headers["ETag"])
    SiteWorker.objects.update(memory_gb=16)
    tags.append(client.get(address).headers["ETag"])
    assert len(set(tags)) == 4


@pytest.mark.parametrize("address", ["/api/v1/workers", "/api/v1/models?worker=desk&limit=3"])
@pytest.mark.parametrize(
    "change",
    [
        {"name": "Table"}, {"engine": "ollama"}, {"accelerator": "RTX 3090"}, {"count": 2}, {"memory_gb": 20},
        {"ram_gb": 64}, {"context": 4096}, {"kv": "fp8"},
        {"slots": 3}, {"ram_bandwidth": 89.6},
    ],
    ids="".join,
)  # fmt: skip
def test_whatever_is_changed_of_a_worker_a_client_gets_a_new_answer(client, address, change):
    """A worker's change leaves the catalogue's version as it is."""
    SiteWorker.objects.create(name="Desk", slug="desk", engine="vllm", accelerator="RTX 4090")
    before = {"If-None-Match": client.get(address).headers["ETag"]}
    assert client.get(address, headers=before).status_code == 304
    SiteWorker.objects.update(**change)
    assert client.get(address, headers=before).status_code == 200


def test_an_answer_that_tells_when_its_record_was_fetched_has_another_tag_after_a_fetch(client):
    """Fetched again without a change, a record leaves the catalogue as it was, but its answer tells the new day."""
    address, lists = "/api/v1/models/microsoft/phi-2", "/api/v1/models?limit=3"
    first, listed = client.get(address), client.get(lists)
    for origin in ("hub", "hub"):
        sync.store_raw([("microsoft/phi-2", record("microsoft/phi-2"))], origin=origin)
        again = client.get(address, headers={"If-None-Match": first.headers["ETag"]})
        assert again.status_code == 200
        assert client.get(address, headers={"If-None-Match": again.headers["ETag"]}).status_code == 304
        dated = {"If-Modified-Since": again.headers["Last-Modified"]}
        assert client.get(address, headers=dated).status_code == 304
        first = again
    assert first.json()["origin"] == "hub"
    assert first.json()["asOf"] == f"{timezone.now():%Y-%m-%d}"
    before = {
        "If-Modified-Since": http_date(ModelRecord.objects.get(repo_id="microsoft/phi-2").fetched.timestamp() - 1)
    }
    assert client.get(address, headers=before).status_code == 200
    assert client.get(lists, headers={"If-None-Match": listed.headers["ETag"]}).status_code == 304


def test_an_error_has_no_tag_and_is_not_kept(client):
    response = client.get("/api/v1/models?sort=best")
    assert "ETag" not in response.headers
    assert response.headers["Cache-Control"] == "no-store"
    dated = client.get("/api/v1/models").headers["Last-Modified"]
    assert client.get("/api/v1/models?sort=best", headers={"If-Modified-Since": dated}).status_code == 400


def test_other_questions_have_other_tags(client):
    tags = {client.get(f"/api/v1/models?{query}").headers["ETag"] for query in ("", "q=a", "worker=vllm", "limit=5")}
    assert len(tags) == 4


# --- reading from other sites ----------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [*READ, "/api/v1/models?sort=best", "/api/v1/nothing"])
def test_every_origin_may_read(client, address):
    response = client.get(address, headers={"Origin": "https://elsewhere.example"})
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert "ETag" in response.headers["Access-Control-Expose-Headers"]
    assert not response.cookies


@pytest.mark.parametrize("address", READ)
def test_head_and_options(client, address):
    whole, head = client.get(address), client.head(address)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["ETag"] == whole.headers["ETag"]
    assert int(head.headers["Content-Length"]) == len(whole.content)
    options = client.options(address, headers={"Origin": "https://a.example", "Access-Control-Request-Method": "GET"})
    assert options.status_code == 204
    assert options.headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
    assert options.headers["Access-Control-Allow-Origin"] == "*"


def test_pages_are_not_opened_to_other_sites(client):
    assert "Access-Control-Allow-Origin" not in client.get("/models/").headers


# --- errors ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("sort=best", "sort"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=ten", "limit"),
        ("cursor=abc", "cursor"),
        ("cursor=" + "A" * 3000, "cursor"),
        ("cursor=W10", "cursor"),
        ("cursor=%00", "cursor"),
        ("cursor=é", "cursor"),
        ("worker=nothing", "worker"),
        ("min_params=9&max_params=1", "max_params"),
        ("memory=NaN", "memory"),
        ("memory=-1", "memory"),
        ("memory=0&count=5&worker=llama-cpp", "memory"),
        ("context=1e9", "context"),
        ("q=" + "x" * 1001, "q"),
        ("licence=mit", "licence"),
        ("page=2", "page"),
        ("task=%00", "task"),
    ],
)
def test_a_senseless_question_names_its_parameter(client, query, field):
    found = problem(client.get(f"/api/v1/models?{query}"), 400)
    assert [error["field"] for error in found["errors"]] == [field]


def test_every_fault_is_named_at_once(client):
    found = problem(client.get("/api/v1/models?sort=best&gated=maybe&licence=mit"), 400)
    assert {error["field"] for error in found["errors"]} == {"sort", "gated", "licence"}


@pytest.mark.parametrize(
    "path",
    [
        "nobody/nothing",
        "nothing",
        "a%00b/c",
        "../settings",
        "..%2f..%2fetc/passwd",
        "a/b%0d%0aX-Evil: 1",
        "é/ü",
        "x" * 300 + "/y",
        "microsoft/phi-2/more",
        "microsoft/phi-2/",
        "%F0%9F/x",
        "a--b/c",
        "nobody/nothing/compatibility",
    ],
)
def test_an_unknown_or_impossible_model(client, path):
    response = client.get(f"/api/v1/models/{path}")
    problem(response, 404)
    assert "X-Evil" not in response.headers


def test_wrong_methods(client):
    for method, address in (("post", "/api/v1/models"), ("delete", "/api/v1/workers"), ("put", "/api/v1/report")):
        response = getattr(client, method)(address)
        problem(response, 405)
        assert "GET" in response.headers["Allow"]
    response = client.get("/api/v1/compatibility/check")
    problem(response, 405)
    assert response.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"NaN", 400),
        (b'{"models": [NaN]}', 400),
        (b'{"models": [{"id": "a/b", "likes": Infinity}]}', 400),
        (b'{"models": [' + b"9" * 5000 + b"]}", 400),
        (b"[" * 100_000, 400),
        (b'{"models":' + b"[" * 50_000 + b"]" * 50_000 + b"}", 400),
        (b"[]", 422),
        (b"null", 422),
        (b'"text"', 422),
        (b"{}", 422),
        (b'{"models": null}', 422),
        (b'{"models": {"id": "a/b"}}', 422),
        (b'{"models": ["a/b"]}', 422),
        (b'{"models": [null]}', 422),
        (b'{"models": [], "wroker": "vllm"}', 422),
        (b'{"models": [], "worker": 7}', 422),
        (b'{"models": [], "worker": "nothing"}', 422),
        (b'{"models": [{}]}', 422),
        (b'{"models": [{"id": "../etc"}]}', 422),
        (b'{"models": [{"id": "a/b\\u0000"}]}', 422),
        (b'{"models": [{"id": "a/b", "config": {"x": "\\u0000"}}]}', 422),
        (b'{"models": [{"id": "a/b", "config": {"x": "\\ud800"}}]}', 422),
        (b'{"models": [{"id": "a/b", "likes": "many"}]}', 422),
        (b'{"models": [{"id": "a/b", "tags": "x"}]}', 422),
        (b'{"models": [{"architecture": "llama", "format": 7}]}', 422),
        (b'{"models": [{"architecture": "llama", "format": "gguf", "colour": "red"}]}', 422),
        (b'{"models": [{"architecture": "llama", "format": "gguf", "maxContextLength": 1e400}]}', 422),
        (b'{"models": [{"architecture": "llama", "format": "gguf", "maxContextLength": true}]}', 422),
    ],
)
def test_hostile_bodies(client, body, status):
    problem(send(client, "filter", body), status)


def test_a_body_at_fault_names_the_field(client):
    found = problem(send(client, "filter", json.dumps({"models": [{"id": "a/b"}, {"id": "a/c", "likes": "x"}]})), 422)
    assert found["errors"][0]["field"] == "models.1.likes"
    found = problem(send(client, "check", json.dumps({"metadata": {"architecture": 1, "format": "x"}})), 422)
    assert found["errors"][0]["field"] == "metadata.architecture"
    found = problem(send(client, "check", json.dumps({"metadata": None})), 422)
    assert {error["field"] for error in found["errors"]} == {"metadata", "model"}


def test_too_many_models(client):
    found = problem(send(client, "filter", json.dumps({"models": [{"id": "a/b"}] * 10_000})), 422)
    assert "1000" in found["detail"]
    assert send(client, "filter", json.dumps({"models": [{"id": "a/b"}] * 1000})).status_code == 200


def test_too_large_a_body(client):
    for size in (2 * 1024 * 1024 + 1, 5_000_000):
        found = problem(send(client, "filter", b" " * size), 413)
        assert "2,097,152" in found["detail"]


def test_odd_but_possible_facts(client):
    facts = {"architecture": "llama\x00'\"<b>", "format": "ladder", "parameters": "9" * 14}
    response = send(client, "check", json.dumps({"metadata": facts}))
    assert response.status_code == 200
    assert response.json()["compatible"] is False


def test_no_error_shows_the_inside(client):
    for response in (client.get("/api/v1/nothing"), client.get("/api/v1/models?sort=x"), send(client, "check", b"{")):
        assert b"Traceback" not in response.content
        assert b".py" not in response.content


# --- documentation ---------------------------------------------------------------------------------------------


def test_the_documentation_page_needs_nothing_from_elsewhere(client):
    response = client.get("/api/docs")
    text = response.content.decode()
    assert response.status_code == 200
    assert not re.findall(r"<script(?![^>]*\ssrc=)", text)
    assert not re.findall(r"<style|\sstyle=|\son\w+=", text)
    assert all(found.startswith("/") for found in re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="([^"]+)"', text))
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]


def test_the_documentation_page_names_every_operation_and_shape(client):
    text = client.get("/api/docs").content.decode()
    document = client.get("/api/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert re.search(rf">{method.upper()}</span> <code>{re.escape(path)}</code>", text)
            for parameter in operation["parameters"]:
                assert f"<code>{parameter['name']}</code>" in text or parameter["in"] == "path"
    for name in document["components"]["schemas"]:
        assert f'id="shape-{name}"' in text
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(ids)
