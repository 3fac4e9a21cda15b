"""Clients that hold connections, against the web server as `make run` starts it."""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from marketplace.asgi import BODY_SECONDS, MOST_BODY
from marketplace.serve import IDLE_SECONDS
from tests.own_database import OwnDatabase
from tests.running import running_site
from tests.samples import record, write_lines

SILENT, SLOW, ASKING = 1000, 50, 20
HEAD = b"GET /models/ HTTP/1.1\r\nHost: 127.0.0.1\r\n"
BODY = b"POST /api/v1/compatibility/filter HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000\r\n\r\n{"
PAGES = ("/", "/models/", "/models/?q=phi", "/models/microsoft/phi-2/", "/api/v1/models?limit=1", "/healthz")


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slow")
    with OwnDatabase(folder, HF_HUB_OFFLINE="1", API_RATE="off") as database:
        database.fill(write_lines(folder / "records.jsonl", [record("microsoft/phi-2"), record("BAAI/bge-m3")]))
        yield database


@pytest.fixture(scope="module")
def site(own, tmp_path_factory):
    with running_site(own.env | {"WEB_WORKERS": "2"}, tmp_path_factory.mktemp("web")) as found:
        yield found


class Holders:
    """Connections that are kept open: ``opened`` tells when each began, ``ended`` when and how the server ended it."""

    def __init__(self, address):
        self._parts = urlsplit(address)
        self._open = selectors.DefaultSelector()
        self._stack = ExitStack()
        self.opened, self.ended = {}, {}
        self._dripping = []

    def hold(self, count, kind, first=b"", drop=b""):
        """Open connections, send the first bytes of each, and one more each second."""
        for number in range(count):
            connection = self._stack.enter_context(
                socket.create_connection((self._parts.hostname, self._parts.port), timeout=10)
            )
            connection.sendall(first)
            connection.setblocking(False)
            self.opened[kind, number] = time.monotonic()
            self._open.register(connection, selectors.EVENT_READ, (kind, number))
            if drop:
                self._dripping.append((connection, drop))

    def watch(self, until):
        """Drip, and note what the server ends, until a time."""
        dripped, answers = 0.0, {}
        while time.monotonic() < until and self._open.get_map():
            if time.monotonic() - dripped > 1:
                dripped = time.monotonic()
                for connection, drop in self._dripping:
                    if connection.fileno() in self._open.get_map():
                        connection.send(drop)
            for key, _ in self._open.select(0.2):
                try:
                    read = key.fileobj.recv(65536)
                except OSError:
                    read = b""
                answers[key.data] = answers.get(key.data, b"") + read
                if not read:
                    self._open.unregister(key.fileobj)
                    lasted = time.monotonic() - self.opened[key.data]
                    self.ended[key.data] = (lasted, answers[key.data].split(b"\r\n")[0].decode())

    def close(self):
        self._stack.close()


def ask(site, path):
    """Status and seconds of an honest request."""
    started = time.monotonic()
    connection = HTTPConnection(urlsplit(site.address).netloc, timeout=10)
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status, time.monotonic() - started


def test_everybody_who_asks_is_answered_while_others_hold_connections(site):
    holders = Holders(site.address)
    try:
        holders.hold(SILENT, "silent")
        holders.hold(SLOW, "head", HEAD, b"X")
        holders.hold(SLOW, "body", BODY, b" ")
        begun = max(holders.opened.values())
        watching = threading.Thread(target=holders.watch, args=(begun + BODY_SECONDS + 4,))
        watching.start()
        with ThreadPoolExecutor(ASKING) as clients:
            asked = list(clients.map(lambda number: ask(site, PAGES[number % len(PAGES)]), range(ASKING * 5)))
            late = [seconds for status, seconds in asked if status != 200 or seconds > 8]
            assert not late
            # All of them are still there: none was answered because the others had gone.
            assert time.monotonic() - begun < IDLE_SECONDS
            assert not holders.ended
        watching.join()
        assert Counter(kind for kind, _ in holders.ended) == {"silent": SILENT, "head": SLOW, "body": SLOW}
        lasted = {
            kind: [found[0] for (one, _), found in holders.ended.items() if one == kind] for kind, _ in holders.ended
        }
        for kind, limit in (("silent", IDLE_SECONDS), ("head", IDLE_SECONDS), ("body", BODY_SECONDS)):
            assert limit - 1 < min(lasted[kind])
            assert max(lasted[kind]) < limit + 4
        told = Counter(found[1] for (kind, _), found in holders.ended.items() if kind == "body")
        assert told == {"HTTP/1.1 408 Request Timeout": SLOW}
    finally:
        holders.close()


def raw(site, request):
    """Status and body of the answer to some bytes; the connection is closed by the server."""
    parts = urlsplit(site.address)
    with socket.create_connection((parts.hostname, parts.port), timeout=IDLE_SECONDS + 5) as connection:
        connection.sendall(request)
        read = b""
        while part := connection.recv(65536):
            read += part
    head, _, body = read.partition(b"\r\n\r\n")
    return (int(head.split()[1]) if head else 0), head, body


CLOSE = b"Host: 127.0.0.1\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n" + CLOSE, 414),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + CLOSE, 431),
        (b"GET /models/?q=" + b"a" * 10_000 + b" HTTP/1.1\r\n" + CLOSE, 400),
        (b"GET /" + b"%2e%2e/" * 1000 + b" HTTP/1.1\r\n" + CLOSE, 404),
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + CLOSE, 400),
        (b"GET / HTTP/1.1\r\nHost : 127.0.0.1\r\nConnection: close\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n" + CLOSE + b"abc", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: %d\r\n" % (MOST_BODY + 1) + CLOSE, 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + CLOSE + b"%x\r\n" % (MOST_BODY + 1), 413),
        (b"OPTIONS * HTTP/1.1\r\n" + CLOSE, 404),
    ],
    ids=[
        "address", "headers", "search", "path", "host", "two hosts", "header name", "no request", "two lengths",
        "length", "chunks", "asterisk",
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_the_clients_fault(site, request_, status):
    if b"chunked" in request_:
        request_ += b"x" * (MOST_BODY + 1) + b"\r\n0\r\n\r\n"
    try:
        assert raw(site, request_)[0] == status
    except ConnectionError:
        assert status == 413, "only a body that is not read to its end may break the connection"


def test_a_long_body_for_the_api_is_refused_in_its_own_form(site):
    request = b"POST /api/v1/compatibility/filter HTTP/1.1\r\nContent-Length: %d\r\n" % (MOST_BODY + 1) + CLOSE
    status, head, body = raw(site, request)
    assert status == 413
    assert b"application/problem+json" in head
    assert json.loads(body)["status"] == 413


def test_the_answer_to_head_is_that_to_get_without_its_body(site):
    for path in (b"/", b"/models/", b"/api/v1/models?limit=1", b"/static/css/site.css", b"/models/none/none/"):
        got, told = (raw(site, method + b" " + path + b" HTTP/1.1\r\n" + CLOSE) for method in (b"GET", b"HEAD"))
        assert told[0] == got[0]
        assert told[2] == b""
        lengths = [
            [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
            for head in (got[1], told[1])
        ]
        assert lengths[0] == lengths[1]
        assert lengths[0]


def test_a_connection_is_used_again(site):
    connection = HTTPConnection(urlsplit(site.address).netloc, timeout=10)
    for _ in range(3):
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        assert connection.sock is not None
    connection.close()


@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGINT, signal.SIGTERM]], ids=["stop", "Ctrl-C"])
def test_a_site_that_is_asked_to_stop_finishes_what_it_began(own, tmp_path, signals):
    with running_site(own.env, tmp_path) as site:
        idle = HTTPConnection(urlsplit(site.address).netloc, timeout=10)
        idle.request("GET", "/healthz")
        idle.getresponse().read()
        body = b'{"models": []}'
        begun = socket.create_connection((idle.host, idle.port), timeout=10)
        head = b"POST /api/v1/compatibility/filter HTTP/1.1\r\nContent-Length: %d\r\nContent-Type: application/json\r\n"
        begun.sendall(head % len(body) + CLOSE + body[:5])
        time.sleep(0.5)
        for one in signals:
            os.kill(site.process.pid, one)
        time.sleep(0.5)
        begun.sendall(body[5:])
        answer = b""
        while part := begun.recv(65536):
            answer += part
        assert answer.startswith(b"HTTP/1.1 200 OK")
        begun.close()
        idle.close()
        # How soon the server's own processes are gone after that is its own affair, and not always the same.
        log = site.log.read_text()
        assert "Traceback" not in log, log


def test_threads_share_the_work_and_keep_their_database_connections(own, tmp_path):
    others = connections_to(own)
    with running_site(own.env | {"WEB_THREADS": "3", "PAGE_CACHE_MB": "0"}, tmp_path) as site:
        with ThreadPoolExecutor(12) as clients:
            assert {status for status, _ in clients.map(lambda _: ask(site, "/models/"), range(60))} == {200}
        assert 2 <= connections_to(own) - others <= 3


def connections_to(own):
    """How many connections there are to a database."""
    if own.url.startswith("sqlite"):
        held = 0
        for name in Path("/proc").glob("[0-9]*/fd/*"):
            with suppress(OSError):
                held += name.readlink() == own.path
        return held
    return own.value("SELECT count(*) - 1 FROM pg_stat_activity WHERE datname = current_database()")
