"""The ASGI application that the web server runs: the WSGI application behind a door that slow clients cannot block.

A request comes to a thread only when all of it is here, and its answer leaves the thread whole, so that threads work
and wait for the database, and for nobody else. They are few and they stay, and so do their database connections.
Django's own ASGI handler starts a thread, and with it a connection, for each request: as many as there are requests,
and half as many answers a second where an answer is quick.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, NamedTuple, Protocol
from urllib.parse import unquote_to_bytes

from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
log = logging.getLogger(__name__)
requests = logging.getLogger("marketplace.requests")
"""A line for each request, where ``ACCESS_LOG`` says so."""

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Coroutine[Any, Any, None]]
Headers = list[tuple[bytes, bytes]]

BODY_SECONDS = 20.0
"""Seconds within which a request's body must be here."""
MOST_BODY = 4 * 1024 * 1024
"""Bytes of the longest body. Forms and the API have lower limits of their own, and better words for them."""
MOST_BODIES = 64 * 1024 * 1024
"""Bytes of bodies that a process holds at a time."""
MOST_WAITING = 100
"""How many requests may wait for each thread."""
WAITING_SECONDS = 30.0
"""Seconds that a request may wait for a thread: whoever asked has given up then."""
SENDING_SECONDS = 30.0
"""Seconds that a client may take over one part of a long answer."""
WHOLE = 1024 * 1024
"""Bytes up to which an answer leaves its thread as a whole; a longer one is sent part by part."""
SOON = "5"
"""Seconds after which a busy site may be asked again."""


class WsgiApplication(Protocol):
    """What :pep:`3333` calls an application."""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any], /) -> Iterable[bytes]:
        """Answer one request."""


class Refused(Exception):  # noqa: N818 - named for what it tells
    """A request that comes to no thread: the status of its answer, and a sentence for whoever asked."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


class Answer(NamedTuple):
    """A whole answer."""

    status: int
    headers: Headers
    body: bytes


class Door:
    """An ASGI application that runs a WSGI application in ``threads`` threads, and may log each request."""

    def __init__(self, application: WsgiApplication, threads: int, *, log_requests: bool = False) -> None:
        self._log_requests = log_requests
        self._application, self._most = application, threads * (1 + MOST_WAITING)
        self._count, self._threads = threads, ThreadPoolExecutor(threads, thread_name_prefix="request")
        # Only the event loop changes these.
        self._requests = self._held = 0

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """One request."""
        parts: list[bytes] = []
        try:
            answer = await self._answer(scope, receive, send, parts)
        except Refused as refused:
            answer = _refusal(scope, refused)
        finally:
            self._held -= sum(map(len, parts))
        if answer:
            await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})
        if self._log_requests:
            # As it was sent, because what is decoded may hold line ends.
            address = b"?".join(filter(None, (scope["raw_path"], scope["query_string"]))).decode("latin-1")
            status = answer.status if answer else "-"
            requests.info("%s %s %s %s", (scope.get("client") or "-")[0], scope["method"], address, status)

    async def _answer(self, scope: dict[str, Any], receive: Receive, send: Send, parts: list[bytes]) -> Answer | None:
        """What to send; None where everything was sent already, or nobody waits for it any more."""
        headers = _headers(scope)
        if ("CONTENT_LENGTH" in headers or "HTTP_TRANSFER_ENCODING" in headers) and not await self._read(
            headers, receive, parts
        ):
            return None
        if self._requests >= self._most:
            raise Refused(503, "This site is busy. Try again in a few seconds.")
        work = _Work(self._application, _environ(scope, headers, b"".join(parts)), send)
        self._requests += 1
        watch = asyncio.create_task(work.watch(receive)) if self._requests > self._count else None
        try:
            self._threads.submit(work.run)
            return await work.answer
        finally:
            self._requests -= 1
            if watch:
                watch.cancel()

    async def _read(self, headers: Mapping[str, str], receive: Receive, parts: list[bytes]) -> bool:
        """Read a body into its parts; whether all of it came."""
        told, length = headers.get("CONTENT_LENGTH", ""), 0
        if told.isdecimal() and int(told) > MOST_BODY:
            raise Refused(413, f"The body is larger than {MOST_BODY:,} bytes.")
        try:
            async with asyncio.timeout(BODY_SECONDS):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return False
                    part, more = message.get("body", b""), message.get("more_body", False)
                    parts.append(part)
                    length += len(part)
                    self._held += len(part)
                    if length > MOST_BODY:
                        raise Refused(413, f"The body is larger than {MOST_BODY:,} bytes.")
                    if self._held > MOST_BODIES:
                        raise Refused(503, "This site is busy. Try again in a few seconds.")
        except TimeoutError:
            raise Refused(408, f"The body did not come within {BODY_SECONDS:.0f} seconds.") from None
        return True


@dataclass
class _Work:
    """One request's work in a thread."""

    application: WsgiApplication
    environ: dict[str, Any]
    send: Send
    arrived: float = field(default_factory=time.monotonic)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    answer: asyncio.Future[Answer | None] = field(init=False)
    given_up: bool = False

    def __post_init__(self) -> None:
        self.answer = self.loop.create_future()

    async def watch(self, receive: Receive) -> None:
        """Note that whoever asked is gone, so that a request which waits for a thread then needs none."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self.given_up = True

    def run(self) -> None:
        """Answer; then do what is left to be done after the response."""
        if self.given_up:
            self._told(None)
            return
        if time.monotonic() - self.arrived > WAITING_SECONDS:
            self._told(Refused(503, "This site is busy. Try again in a few seconds."))
            return
        try:
            self._run()
        except Exception as error:
            log.exception("%s was not answered", self.environ["PATH_INFO"])
            self._told(error)

    def _run(self) -> None:
        begun: list[tuple[int, Headers]] = []

        def start_response(status: str, headers: list[tuple[str, str]], _error: object = None) -> None:
            encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
            begun[:] = [(int(status.split(" ", 1)[0]), encoded)]

        found = self.application(self.environ, start_response)
        try:
            status, headers = begun[0]
            if _length(found, headers) <= WHOLE:
                self._told(Answer(status, headers, b"".join(found)))
            else:
                self._send_parts(status, headers, found)
                self._told(None)
        finally:
            getattr(found, "close", _nothing)()

    def _send_parts(self, status: int, headers: Headers, parts: Iterable[bytes]) -> None:
        self._send({"type": "http.response.start", "status": status, "headers": headers})
        for part in parts if self.environ["REQUEST_METHOD"] != "HEAD" else ():
            self._send({"type": "http.response.body", "body": part, "more_body": True})
        self._send({"type": "http.response.body", "body": b""})

    def _send(self, message: dict[str, Any]) -> None:
        asyncio.run_coroutine_threadsafe(asyncio.wait_for(self.send(message), SENDING_SECONDS), self.loop).result()

    def _told(self, answer: Answer | Exception | None) -> None:
        """Hand the answer to the loop; the first one counts."""

        def tell() -> None:
            if self.answer.done():
                return
            if isinstance(answer, Exception):
                self.answer.set_exception(answer)
            else:
                self.answer.set_result(answer)

        self.loop.call_soon_threadsafe(tell)


def _nothing() -> None:
    """Do nothing."""


def _length(found: Iterable[bytes], headers: Headers) -> float:
    """How long an answer is; one that is not told and may go on for ever is endless."""
    if isinstance(found, HttpResponse):
        return 0
    return next((int(value) for name, value in headers if name == b"content-length"), float("inf"))


def _headers(scope: dict[str, Any]) -> dict[str, str]:
    """A request's headers as WSGI names them.

    A name with an underscore is left out: it would pass for one with a hyphen, which a proxy in front may vouch for.
    """
    found: dict[str, str] = {}
    for raw, value in scope["headers"]:
        if b"_" in raw:
            continue
        name = raw.decode("latin-1").upper().replace("-", "_")
        if name not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            name = f"HTTP_{name}"
        text = value.decode("latin-1")
        if name in found:
            text = f"{found[name]}{'; ' if name == 'HTTP_COOKIE' else ','}{text}"
        found[name] = text
    return found


def _environ(scope: dict[str, Any], headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """The WSGI environment of a request that is here in full."""
    path, raw = scope["path"], scope["raw_path"]
    # The path as it was sent: decoded as UTF-8 it would lose what is none.
    unquoted = unquote_to_bytes(raw) if b"%" in raw else path.encode()
    client, server = scope.get("client") or ("", 0), scope.get("server") or ("", 0)
    return {
        **headers,
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquoted.decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "CONTENT_LENGTH": str(len(body)) if body or "CONTENT_LENGTH" in headers else "",
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": str(server[0]),
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": str(client[0]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def _refusal(scope: dict[str, Any], refused: Refused) -> Answer:
    """The answer to a request that came to no thread, in the API's form where it was meant for the API."""
    from .api.middleware import PREFIX
    from .api.problems import problem_response

    if scope["path"].startswith(PREFIX):
        response = problem_response(refused.status, refused.words)
    else:
        response = HttpResponse(f"{refused.words}\n", status=refused.status, content_type="text/plain; charset=utf-8")
    told = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Content-Length": len(response.content)}
    # What is left of its body is not read.
    told |= {"Retry-After": SOON} if refused.status == 503 else {"Connection": "close"}
    for name, value in told.items():
        response.headers[name] = str(value)
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    return Answer(refused.status, headers, response.content)


def get_application() -> Door:
    """The site's one application, with as many threads as the settings say."""
    found = get_wsgi_application()
    from django.conf import settings

    from compat.checks import require_valid_data

    require_valid_data()
    return Door(found, settings.WEB_THREADS, log_requests=settings.ACCESS_LOG)


application = get_application()
