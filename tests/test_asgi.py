"""The door between the web server and the site: what reaches a thread, and what leaves it."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from itertools import count

import pytest

from marketplace import asgi
from marketplace.asgi import Door

PLENTY = [b"x" * 1000] * 3000


class Client:
    """One request to an ASGI application, as a web server would hand it over; collects what is sent."""

    def __init__(self, *headers, method="GET", path=b"/", query=b"", parts=(b"",), gone=None):
        self.scope = {
            "type": "http", "method": method, "path": path.decode(), "raw_path": path, "query_string": query,
            "http_version": "1.1", "scheme": "http", "headers": list(headers), "client": ("192.0.2.7", "5000"),
            "server": ("127.0.0.1", "8000"),
        }  # fmt: skip
        self._parts, self._gone = list(parts), gone
        self.sent, self.delay = [], 0.0

    async def receive(self):
        if self._parts:
            part = self._parts.pop(0)
            if part is None:
                await asyncio.sleep(60)
            return {"type": "http.request", "body": part, "more_body": bool(self._parts)}
        if self._gone is None:
            await asyncio.sleep(60)
        await asyncio.sleep(self._gone)
        return {"type": "http.disconnect"}

    async def send(self, message):
        await asyncio.sleep(self.delay)
        self.sent.append(message)

    @property
    def status(self):
        return self.sent[0]["status"]

    @property
    def headers(self):
        return dict(self.sent[0]["headers"])

    @property
    def body(self):
        return b"".join(message["body"] for message in self.sent[1:])


def asked(door, *clients):
    """Have requests answered, all at once."""

    async def all_of_them():
        await asyncio.gather(*(door(client.scope, client.receive, client.send) for client in clients))

    asyncio.run(all_of_them())
    return clients[0]


class Site:
    """A WSGI application that notes what it is asked."""

    def __init__(self, body=(b"hello",), work=lambda: None, headers=None):
        self.body, self.work, self.environs, self.closed = body, work, [], []
        self.headers = [("Content-Length", str(sum(map(len, body))))] if headers is None else headers

    def __call__(self, environ, start_response):
        self.environs.append(environ)
        self.work()
        start_response("200 OK", self.headers)
        return self

    def __iter__(self):
        return iter(self.body)

    def close(self):
        self.closed.append(threading.current_thread().name)


def test_a_request_comes_as_wsgi_names_it():
    site = Site()
    headers = [(b"host", b"a.example"), (b"x-a", b"1"), (b"x-a", b"2"), (b"cookie", b"a=1"), (b"cookie", b"b=2")]
    door = Door(site, 1)
    client = asked(door, Client(*headers, path=b"/a%2Fb/%FF%C3%A9", query=b"q=%FF"))
    assert (client.status, client.body) == (200, b"hello")
    (environ,) = site.environs
    assert environ["PATH_INFO"].encode("latin-1") == b"/a/b/\xff\xc3\xa9"
    assert environ["QUERY_STRING"] == "q=%FF"
    assert (environ["HTTP_HOST"], environ["HTTP_X_A"], environ["HTTP_COOKIE"]) == ("a.example", "1,2", "a=1; b=2")
    assert (environ["REMOTE_ADDR"], environ["SERVER_PORT"]) == ("192.0.2.7", "8000")
    # Which is done behind the answer: the thread's next work comes after it.
    door._threads.submit(str).result(5)
    assert site.closed == ["request_0"]


def test_a_header_with_an_underscore_does_not_pass_for_that_of_a_proxy():
    site = Site()
    asked(Door(site, 1), Client((b"x_forwarded_for", b"198.51.100.1"), (b"x-forwarded-for", b"203.0.113.5")))
    assert site.environs[0]["HTTP_X_FORWARDED_FOR"] == "203.0.113.5"
    asked(Door(site, 1), Client((b"x_forwarded_proto", b"https")))
    assert "HTTP_X_FORWARDED_PROTO" not in site.environs[1]


def test_a_body_comes_to_a_thread_as_a_whole():
    site = Site()
    asked(Door(site, 1), Client((b"content-length", b"6"), method="POST", parts=[b"ab", b"cd", b"ef"]))
    (environ,) = site.environs
    assert (environ["wsgi.input"].read(), environ["CONTENT_LENGTH"]) == (b"abcdef", "6")
    asked(Door(site, 1), Client((b"transfer-encoding", b"chunked"), method="POST", parts=[b"abc", b"d"]))
    assert site.environs[1]["CONTENT_LENGTH"] == "4"


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(asgi, "BODY_SECONDS", 0.2)
    site = Site()
    client = asked(Door(site, 1), Client((b"content-length", b"6"), method="POST", parts=[b"ab", None]))
    assert (client.status, client.headers[b"connection"]) == (408, b"close")
    assert not site.environs


def test_whoever_leaves_while_sending_needs_no_answer():
    site = Site()
    client = Client((b"content-length", b"6"), method="POST", parts=[], gone=0)
    asked(Door(site, 1), client)
    assert not client.sent
    assert not site.environs


@pytest.mark.parametrize("told", [True, False], ids=["told", "found out"])
def test_a_body_has_a_bound(monkeypatch, told):
    monkeypatch.setattr(asgi, "MOST_BODY", 5)
    site = Site()
    header = (b"content-length", b"6") if told else (b"transfer-encoding", b"chunked")
    monkeypatch.setattr(asgi, "BODY_SECONDS", 1)
    parts = [None] if told else [b"abc", b"def", None]
    client = asked(Door(site, 1), Client(header, method="POST", path=b"/api/v1/x", parts=parts))
    assert client.status == 413
    assert client.headers[b"content-type"] == b"application/problem+json"
    assert not site.environs


def test_all_bodies_together_have_a_bound_and_give_their_room_back(monkeypatch):
    monkeypatch.setattr(asgi, "MOST_BODIES", 10)
    site = Site()
    door = Door(site, 1)
    post = {"method": "POST", "parts": [b"abcdef"]}
    clients = [Client((b"content-length", b"6"), **post) for _ in range(3)]

    async def one_after_the_other():
        for client in clients:
            await door(client.scope, client.receive, client.send)

    asyncio.run(one_after_the_other())
    assert [client.status for client in clients] == [200] * 3
    waiting = threading.Event()
    site.work = lambda: waiting.wait(5)
    clients = [Client((b"content-length", b"6"), **(post | {"parts": [b"abcdef"]})) for _ in range(2)]

    async def both():
        first = asyncio.create_task(door(clients[0].scope, clients[0].receive, clients[0].send))
        await asyncio.sleep(0.1)
        await door(clients[1].scope, clients[1].receive, clients[1].send)
        waiting.set()
        await first

    asyncio.run(both())
    assert [client.status for client in clients] == [200, 503]
    assert clients[1].headers[b"retry-after"] == b"5"


def test_requests_are_at_work_together_as_many_as_there_are_threads():
    at_work, most = count(), []
    together = threading.Barrier(3, timeout=5)
    now = []

    def work():
        now.append(next(at_work))
        most.append(len(now))
        together.wait()
        now.pop()

    clients = [Client() for _ in range(6)]
    asked(Door(Site(work=work), 3), *clients)
    assert [client.status for client in clients] == [200] * 6
    assert max(most) == 3


def test_a_queue_that_is_full_says_so_at_once(monkeypatch):
    monkeypatch.setattr(asgi, "MOST_WAITING", 2)
    clients = [Client() for _ in range(6)]
    asked(Door(Site(work=lambda: time.sleep(0.1)), 1), *clients)
    assert sorted(client.status for client in clients) == [200] * 3 + [503] * 3


def test_whoever_waited_too_long_is_told_so(monkeypatch):
    monkeypatch.setattr(asgi, "WAITING_SECONDS", 0.05)
    site = Site(work=lambda: time.sleep(0.2))
    clients = [Client() for _ in range(3)]
    asked(Door(site, 1), *clients)
    assert sorted(client.status for client in clients) == [200, 503, 503]
    assert len(site.environs) == 1


def test_no_thread_works_for_somebody_who_is_gone():
    site = Site(work=lambda: time.sleep(0.3))
    clients = [Client(), Client(gone=0.05), Client()]
    asked(Door(site, 1), *clients)
    assert [bool(client.sent) for client in clients] == [True, False, True]
    assert len(site.environs) == 2


def test_a_long_answer_is_sent_part_by_part():
    client = asked(Door(Site(PLENTY), 1), Client())
    assert client.body == b"".join(PLENTY)
    assert len(client.sent) == len(PLENTY) + 2
    client = asked(Door(Site([b"a", b"b"], headers=[]), 1), Client())
    assert client.body == b"ab"
    assert len(client.sent) == 4, "how long it is nobody told, so it may go on for ever"


def test_a_long_answer_does_not_wait_for_ever_for_whoever_does_not_read_it(monkeypatch):
    monkeypatch.setattr(asgi, "SENDING_SECONDS", 0.1)
    site = Site(PLENTY)
    client = Client()
    client.delay = 0.5
    with pytest.raises(TimeoutError):
        asked(Door(site, 1), client)
    assert site.closed


def test_the_answer_to_head_has_no_body():
    for body in ([b"hello"], PLENTY):
        client = asked(Door(Site(body), 1), Client(method="HEAD"))
        assert client.body == b""
        assert client.headers[b"content-length"] == str(sum(map(len, body))).encode()


def test_what_is_done_after_the_response_does_not_hold_it_up():
    site = Site()
    behind = threading.Event()
    site.close = lambda: behind.wait(5)
    client = Client()

    async def one():
        await door(client.scope, client.receive, client.send)
        assert client.body == b"hello"
        behind.set()

    door = Door(site, 1)
    asyncio.run(one())


def test_a_site_that_fails_is_the_servers_to_tell(caplog):
    def work():
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        asked(Door(Site(work=work), 1), Client())
    assert "was not answered" in caplog.text


def test_requests_are_logged_as_they_were_sent(caplog):
    with caplog.at_level(logging.INFO, "marketplace.requests"):
        asked(Door(Site(), 1, log_requests=True), Client(path=b"/a%0Ab", query=b"q=1"))
    assert [record.getMessage() for record in caplog.records] == ["192.0.2.7 GET /a%0Ab?q=1 200"]
    caplog.clear()
    asked(Door(Site(), 1), Client())
    assert not caplog.records
