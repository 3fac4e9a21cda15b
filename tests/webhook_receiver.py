"""A receiver of webhooks on loopback: real HTTP, everything kept, and the faults that receivers have.

with Receiver() as receiver:
    receiver.answer_next(status=500)
    receiver.requests[0].body
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

CHUNK = 64 * 1024


@dataclass(frozen=True)
class Received:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float


@dataclass
class Reply:
    """What to answer. ``drip`` sends the body one byte at a time with so many seconds between."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    drip: float = 0.0
    endless: bool = False
    cut: str = ""


class Receiver:
    """The server: a context manager around a thread."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.sent = 0
        self.arrived = threading.Event()
        self._replies: deque[Reply] = deque()
        self._http: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    def answer_next(self, times: int = 1, **reply: Any) -> None:
        """Script the next answers; after them it answers 204."""
        self._replies.extend(Reply(**reply) for _ in range(times))

    def take(self) -> Reply:
        return self._replies.popleft() if self._replies else Reply()

    @property
    def host(self) -> str:
        """Host and port, as the operator writes them."""
        assert self._http is not None
        return f"127.0.0.1:{self._http.server_address[1]}"

    @property
    def url(self) -> str:
        """An address of it."""
        return f"http://{self.host}/events?from=runshere"

    def __enter__(self) -> Self:
        self._http = _Server(("127.0.0.1", 0), type("BoundHandler", (_Handler,), {"receiver": self}))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._http is not None
        assert self._thread is not None
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        """Clients that hang up are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        receiver = self.receiver
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver.requests.append(Received(self.path, headers, body, time.time()))
        receiver.arrived.set()
        reply = receiver.take()
        self.close_connection = True
        if reply.cut == "at once":
            # A reset, as from a process that was killed.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return
        time.sleep(reply.delay)
        with contextlib.suppress(OSError):
            self._write(reply)

    def do_GET(self):
        self.do_POST()

    def _write(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        length = len(reply.body) * (2 if reply.cut == "halfway" else 1)
        if not reply.endless:
            self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        self.end_headers()
        if reply.drip:
            for byte in reply.body:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(reply.drip)
            return
        self.wfile.write(reply.body)
        self.receiver.sent += len(reply.body)
        while reply.endless:
            self.wfile.write(b"x" * CHUNK)
            self.receiver.sent += CHUNK

    def log_message(self, *args):
        """Quiet."""
