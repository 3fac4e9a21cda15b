"""The server as assistants meet it: the protocol's own client on a real process, over standard input and over HTTP."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial

import psycopg
import pytest
from anyio.from_thread import start_blocking_portal
from mcp import Client, StdioServerParameters, stdio_client

from compat.hub.documents import packed
from marketplace import VERSION
from marketplace.assistant import tools
from marketplace.assistant.arguments import schema_of
from tests.assistant.test_documentation import CONFIGURATIONS
from tests.own_database import ROOT, OwnDatabase

COMMAND = str(ROOT / "manage.py"), "mcp_server"
SECONDS = 60
"""Only a server that hangs takes that long."""


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A database with real records that other processes can open."""
    with OwnDatabase(tmp_path_factory.mktemp("own"), filled=True) as found:
        yield found


@contextmanager
def connected(transport):
    """A function that calls the server's tools, as the protocol's client does."""
    with start_blocking_portal() as portal:
        client = Client(transport, read_timeout_seconds=SECONDS)
        with portal.wrap_async_context_manager(client):
            yield lambda method, *arguments: portal.call(partial(getattr(client, method), *arguments))


@pytest.fixture(scope="module")
def ask(own, tmp_path_factory):
    """One session for many tests, started as the documentation says; its log tells of the failures below alone."""
    folder = tmp_path_factory.mktemp("log")
    (folder / "key").write_text("only for tests")
    told = CONFIGURATIONS[0]["mcpServers"]["runshere"]
    assert told["command"] == "/path/to/runshere/.venv/bin/python"
    parameters = StdioServerParameters(
        command=sys.executable,
        args=[one.replace("/path/to/runshere", str(ROOT)) for one in told["args"]],
        env={name: str(folder / "key") for name in told["env"]} | {"DATABASE_URL": own.url},
    )
    with (folder / "stderr").open("w") as log, connected(stdio_client(parameters, errlog=log)) as call:
        yield call
    errors = re.findall(r"^\S+Error\b.*", (folder / "stderr").read_text(), re.MULTILINE)
    assert all("compat_modelrecord" in one or "HubModel" in one for one in errors), errors


def answered(ask, name, arguments):
    result = ask("call_tool", name, arguments)
    assert not result.is_error, result.content
    return result


def refused(ask, name, arguments):
    result = ask("call_tool", name, arguments)
    assert result.is_error
    assert result.structured_content is None
    return result.content[0].text


# --- over standard input and output ----------------------------------------------------------------------------


def test_every_tool_is_listed_as_harmless_and_with_schemas(ask):
    listed = ask("list_tools").tools
    assert [tool.name for tool in listed] == [tool.name for tool in tools.TOOLS]
    for told, tool in zip(listed, tools.TOOLS, strict=True):
        hints = told.annotations
        assert (hints.read_only_hint, hints.idempotent_hint, hints.open_world_hint) == (True, True, False)
        assert hints.destructive_hint is False
        assert told.output_schema == tool.answer_schema
        assert told.description == tool.description
        assert told.input_schema["additionalProperties"] is False
        assert all(one["description"] for one in told.input_schema.get("properties", {}).values())


def test_workers_are_listed_as_the_choices_of_the_schema(ask):
    slugs = [one["slug"] for one in answered(ask, "list_workers", {}).structured_content["items"]]
    for told in ask("list_tools").tools:
        if "worker" in told.input_schema.get("properties", {}):
            assert told.input_schema["properties"]["worker"]["enum"] == [*slugs, "auto"]
    assert schema_of(tools.TOOLS[0].takes, slugs) == ask("list_tools").tools[0].input_schema


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("find_models", {"q": "phi", "memory": 24}),
        ("does_it_run", {"model": "microsoft/phi-2", "worker": "vllm", "memory": 24}),
        ("alternatives", {"model": "microsoft/phi-2"}),
        ("compatibility_report", {"top": 100}),
        ("check_metadata", {"architecture": "llama", "format": "safetensors"}),
    ],
)
def test_an_answer_over_the_wire_is_the_one_made_here(ask, name, arguments):
    told, here = answered(ask, name, arguments), tools.call_tool(name, arguments)
    local = {"updatedAt": None, "origin": None}
    assert {**told.structured_content, **local} == {**here.structured, **local}
    assert told.content[0].text.split("\nRecord:")[0] == here.text.split("\nRecord:")[0]


def test_a_bad_question_is_an_error_of_the_tool_and_not_of_the_protocol(ask):
    assert "Did you mean memory?" in refused(ask, "find_models", {"memroy": 1})
    assert "There are: find_models" in refused(ask, "no_such_tool", {})
    assert "Ids look like author/name" in refused(ask, "does_it_run", {"model": "a\0b"})
    assert "at most 1000 characters" in refused(ask, "find_models", {"q": "x" * 3_000_000})


def test_many_calls_in_a_row_and_at_once_are_all_answered(ask):
    def question(number):
        return "does_it_run", {"model": "microsoft/phi-2", "context": 1024 + number}

    for number in range(40):
        assert answered(ask, *question(number)).structured_content["worker"]["context"] == 1024 + number
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda number: answered(ask, *question(number)), range(40)))
    assert [one.structured_content["worker"]["context"] for one in found] == list(range(1024, 1064))


def change(own, *statements):
    """Change the database behind the server's back, and end its connections where that can be done."""
    if own.url.startswith("sqlite"):
        with closing(sqlite3.connect(own.path, timeout=20, isolation_level=None)) as connection:
            for sql in statements:
                connection.execute(sql)
        return
    with closing(psycopg.connect(own.url, autocommit=True)) as connection:
        for sql in statements:
            connection.execute(sql)
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_database_that_fails_is_said_and_the_next_question_answered(own, ask):
    change(own, "ALTER TABLE compat_modelrecord RENAME TO elsewhere")
    try:
        message = refused(ask, "does_it_run", {"model": "microsoft/phi-2"})
    finally:
        change(own, "ALTER TABLE elsewhere RENAME TO compat_modelrecord")
    assert message.startswith("The site's database does not answer at the moment.")
    assert answered(ask, "does_it_run", {"model": "microsoft/phi-2"}).structured_content["compatible"]


def test_a_record_that_cannot_be_read_is_said_without_its_details_and_the_next_question_answered(own, ask):
    senseless = packed({"likes": "many"}).hex()
    data = f"X'{senseless}'" if own.is_sqlite else f"decode('{senseless}', 'hex')"
    record = "SELECT id FROM compat_modelrecord WHERE repo_id = 'google-bert/bert-base-uncased'"
    change(own, f"UPDATE compat_recorddocument SET data = {data} WHERE record_id = ({record})")
    message = refused(ask, "does_it_run", {"model": "google-bert/bert-base-uncased"})
    assert message == "The site could not answer this. The reason is in its log; tell the site's operator."
    assert answered(ask, "does_it_run", {"model": "microsoft/phi-2"}).structured_content["compatible"]


# --- what no good client sends ---------------------------------------------------------------------------------


HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}


def request(number, method, params):
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})


def start(own):
    return subprocess.Popen(
        [sys.executable, *COMMAND], env=own.env, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_an_interrupt_ends_it_though_its_input_stays_open(own):
    with start(own) as process:
        try:
            process.stdin.write(request(1, "initialize", HELLO) + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == 1
            process.send_signal(signal.SIGINT)
            assert process.wait(SECONDS) == -signal.SIGINT
            assert process.stdout.read() == ""
            assert "Traceback" not in process.stderr.read()
        finally:
            process.kill()


def test_hostile_lines_get_protocol_answers_and_standard_output_holds_nothing_else(own):
    question = {"name": "does_it_run", "arguments": {"model": "microsoft/phi-2"}}
    call = '{"jsonrpc": "2.0", "id": %d, "method": "tools/call", "params": {"name": "%s", "arguments": {"%s": %s}}}'
    lines = [
        request(1, "initialize", HELLO),
        '{"jsonrpc": "2.0", "method": "notifications/initialized"}',
        "this is no JSON",
        "\0\0\0",
        "[" * 10_000,
        call % (2, "does_it_run", "model", json.dumps("\ud800")),
        request(3, "tools/call", {"name": ["find_models"], "arguments": 7}),
        request(4, "no/such/method", {}),
        request(5, "tools/call", {"name": "find_models", "arguments": {"q": "x" * 5_000_000}}),
        call % (6, "find_models", "memory", "1e999"),
        request(7, "tools/call", question),
    ]
    answers = {}
    with start(own) as process:
        try:
            process.stdin.write("\n".join(lines) + "\n")
            process.stdin.flush()
            while 7 not in answers:
                told = json.loads(process.stdout.readline())
                assert told["jsonrpc"] == "2.0"
                answers[told.get("id")] = told
            process.stdin.close()
            assert process.stdout.read() == ""
            assert process.wait(SECONDS) == 0
            assert "Traceback" not in process.stderr.read()
        finally:
            process.kill()
    assert answers[1]["result"]["serverInfo"] == {
        "name": "runshere", "title": "RunsHere", "version": VERSION,
        "description": "Which models run on your own inference workers, and why.",
    }  # fmt: skip
    assert "never as instructions" in answers[1]["result"]["instructions"]
    assert answers[3]["error"]["code"] == -32602
    assert answers[4]["error"]["code"] == -32601
    assert answers[5]["result"]["isError"]
    assert "less than 1000000" in answers[6]["result"]["content"][0]["text"]
    assert answers[7]["result"]["structuredContent"]["compatible"]
    assert answers[7]["result"]["content"][0]["text"].startswith("microsoft/phi-2 on rbee: Runs")


# --- over HTTP -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def port(own):
    """The port of a server on this machine."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    process = own.start("mcp_server", "--http", f"{number}")
    with process:
        try:
            until = time.monotonic() + SECONDS
            while True:
                try:
                    socket.create_connection(("127.0.0.1", number), timeout=1).close()
                    break
                except OSError:
                    assert process.poll() is None, process.stderr.read()
                    assert time.monotonic() < until
                    time.sleep(0.05)
            yield number
            process.send_signal(signal.SIGINT)
            process.wait(SECONDS)
        finally:
            process.kill()
        assert process.stdout.read() == ""
        assert "Traceback" not in process.stderr.read()


def post(port, body, **headers):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection:
        sent = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **headers}
        connection.request("POST", "/mcp", body, sent)
        return connection.getresponse().status


PING = '{"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}'


def test_the_same_answers_over_http(port, ask):
    with connected(f"http://127.0.0.1:{port}/mcp") as over_http:
        question = ("does_it_run", {"model": "microsoft/phi-2", "memory": 24})
        assert answered(over_http, *question).structured_content == answered(ask, *question).structured_content
        assert "Did you mean memory?" in refused(over_http, "find_models", {"memroy": 1})


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://localhost:3000"}, 200),
        ({"Host": "evil.example.org"}, 421),
        ({"Host": "127.0.0.1.evil.example.org:80"}, 421),
        ({"Origin": "http://evil.example.org"}, 403),
        ({"Content-Type": "text/plain"}, 400),
    ],
)
def test_a_web_page_elsewhere_cannot_reach_it(port, headers, status):
    assert post(port, PING, **headers) == status


def test_a_large_body_is_refused(port):
    assert post(port, "x" * 300_000) == 413
