"""The site as its server serves it, which refuses answers that Django's client lets pass, and on a busy database."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from marketplace.env import SQLITE_OPTIONS
from tests.own_database import OwnDatabase
from tests.running import free_port, running_site
from tests.samples import record, write_lines

MADE = """
from marketplace.models import ApiToken
token = ApiToken(name="a program")
print(token.renew())
token.save()
"""
HUBS = (
    "/api/models/foo%01bar/baz",
    "/api/models/a/b%1b/c",
    "/api/models/a/b%7f",
    "/api/models/%E2%80%9C%C3%A9%E2%80%9D/%F0%9F%98%80",
    "/api/models/%FF%FE/x",
    "/api/models/microsoft/phi-2/revision/%01",
    "/api/models/microsoft/phi-2/tree/main/%02",
    "/api/models?sort=%01%7f",
    "/api/models?%02=1",
    "/api/models?%00=1",
    "/api/models?%C2%85=1",
    "/api/models?%E2%80%A8=1",
    "/api/models?full=%1b[31m",
    "/api/models?expand=%0d%0aX-Evil:%201",
    "/api/models?num_parameters=%01",
    "/api/models?search=%01&cursor=%01",
)
OURS = (
    "/api/models/microsoft/phi-2/tree/main/%0d%0aX-Evil:%201",
    "/api/v1/models/foo%01bar/baz",
    "/api/v1/models/%FF/%01",
    "/api/v1/models?sort=%01%7f",
    "/api/v1/models?%00=1",
    "/api/v1/lists/%01",
    "/api/%01",
)
PAGES = (
    "/models/foo%01bar/baz/",
    "/models/foo%01bar--baz/",
    "/models/foo%01bar--baz",
    "/models/?q=%01%7f",
    "/models/?q=%C3%A9%0d%0aX-Evil:%201",
    "/models/?author=%01",
    "/models/?sort=%01",
    "/models/microsoft/phi-2/?worker=%01",
    "/models/MICROSOFT/phi-2/?memory=%01",
    "/lists/%01/",
    "/workers/%01/",
)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    with OwnDatabase(folder, HF_HUB_OFFLINE="1", API_RATE="off", API_TOKEN_RATE="off") as database:
        database.fill(write_lines(folder / "records.jsonl", [record("microsoft/phi-2"), record("BAAI/bge-m3")]))
        yield database


@pytest.fixture(scope="module")
def served(own, tmp_path_factory):
    with running_site(own.env, tmp_path_factory.mktemp("served")) as site:
        yield site


def ask(site, address, patience=60, **headers):
    with closing(HTTPConnection(urlsplit(site.address).netloc, timeout=patience)) as connection:
        connection.request("GET", address, headers=headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read()


@pytest.mark.parametrize("address", HUBS)
def test_odd_input_is_refused_in_the_hubs_shape(served, address):
    status, headers, body = ask(served, address)
    assert status in (400, 404), body
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body)["error"]
    told = headers["X-Error-Message"]
    assert told
    assert all(" " <= letter <= "~" for letter in told)
    assert "X-Evil" not in headers


@pytest.mark.parametrize("address", OURS)
def test_odd_input_is_a_problem(served, address):
    status, headers, body = ask(served, address)
    assert status in (400, 404), body
    assert headers["Content-Type"] == "application/problem+json"
    assert json.loads(body)["status"] == status


def test_a_link_to_the_next_part_keeps_odd_input_escaped(served):
    status, headers, _ = ask(served, "/api/models?limit=1&full=%0b%1f%0d%0a")
    assert status == 200
    assert "full=%0B%1F%0D%0A" in headers["Link"]


@pytest.mark.parametrize("address", PAGES)
def test_odd_input_is_no_fault_of_a_page(served, address):
    for asked in ({}, {"HX-Request": "true", "HX-Target": "results"}):
        status, headers, body = ask(served, address, **asked)
        assert status < 500, body
        assert "X-Evil" not in headers


def test_a_token_is_answered_while_somebody_else_writes(served, own):
    """When it was last used is written down, but afterwards: whoever waits to write does so for ``timeout`` seconds."""
    patience = SQLITE_OPTIONS["timeout"] / 2
    made = own.run("shell", "--verbosity", "0", "-c", MADE)
    assert made.returncode == 0, made.stderr
    token = {"Authorization": f"Bearer {made.stdout.strip()}"}
    ask(served, "/api/v1/workers")
    with closing(locked(own)):
        assert ask(served, "/api/v1/workers", patience, **token)[0] == 200
        assert own.value("SELECT count(*) FROM marketplace_apitoken WHERE last_used IS NOT NULL") == 0
    for _ in range(100):
        if own.value("SELECT count(*) FROM marketplace_apitoken WHERE last_used IS NOT NULL"):
            return
        time.sleep(0.1)
    pytest.fail("The last use was never written down.")


def locked(own):
    """A connection that keeps others from writing down a token's use until it is closed."""
    if own.url.startswith("sqlite"):
        connection = sqlite3.connect(own.path, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        return connection
    import psycopg

    connection = psycopg.connect(own.url)
    connection.execute("SELECT * FROM marketplace_apitoken FOR UPDATE")
    return connection


@pytest.fixture(scope="module")
def without_database(own, tmp_path_factory):
    """The site while nobody listens where its database was."""
    env = own.env | {"DATABASE_URL": f"postgresql://postgres@127.0.0.1:{free_port()}/none"}
    with running_site(env, tmp_path_factory.mktemp("down")) as site:
        yield site


@pytest.mark.parametrize(
    "address", ["/api/v1/models", "/api/v1/models/a/b", "/api/v1/workers", "/api/models", "/api/openapi.json"]
)
def test_a_database_that_is_gone_is_a_reason_to_ask_again(without_database, address):
    status, headers, body = ask(without_database, address)
    assert status == 503
    assert int(headers["Retry-After"]) > 0
    assert headers["Cache-Control"] == "no-store"
    found = json.loads(body)
    assert "cannot use its database" in (found.get("detail") or found["error"])


@pytest.mark.parametrize("address", ["/", "/models/", "/models/microsoft/phi-2/", "/report/"])
def test_pages_say_so_as_well(without_database, address):
    status, headers, body = ask(without_database, address)
    assert status == 503
    assert int(headers["Retry-After"]) > 0
    assert headers["Cache-Control"] == "no-store"
    assert "cannot use its database" in body.decode()
    assert "default-src 'none'" in headers["Content-Security-Policy"]
