"""Programs that are no Python: a Node.js that stays open, and the site at an address where it can ask.

    with listening() as place, Node("@huggingface/hub", folder) as node, serving(application, place) as address:
        node("listModels", {"hubUrl": address, "limit": 3})

What Node.js needs is in ``var/npm``, where ``make setup-npm`` puts the packages of ``tests/npm``.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from django.db import connections

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "tests" / "npm"
INSTALLED = ROOT / "var" / "npm"
MISSING = "These tests run Node.js with packages of npm that are not installed here: run `make setup-npm`."


def prepared(folder: Path) -> Path:
    """The folder, made so that Node.js finds the packages in it. Raises :class:`AssertionError` if they are missing."""
    wanted, installed = SOURCES / "package-lock.json", INSTALLED / "package-lock.json"
    current = installed.is_file() and installed.read_bytes() == wanted.read_bytes() and (INSTALLED / ".stamp").is_file()
    assert current, MISSING
    assert shutil.which("node"), MISSING
    (folder / "node_modules").symlink_to(INSTALLED / "node_modules")
    for script in SOURCES.glob("*.mjs"):
        shutil.copy(script, folder)
    return folder


def listening() -> socket.socket:
    """A socket on loopback; it keeps its address while servers come and go."""
    return socket.create_server(("127.0.0.1", 0))


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


@contextlib.contextmanager
def serving(application: Any, place: socket.socket) -> Iterator[str]:
    """The address of the application, which answers inside the test's transaction, one request at a time."""
    server = WSGIServer(place.getsockname(), _QuietHandler, bind_and_activate=False)
    server.socket.close()
    server.socket = place
    server.server_name, server.server_port = place.getsockname()
    server.setup_environ()
    server.set_app(application)
    shared = connections["default"]

    def serve() -> None:
        connections["default"] = shared
        server.serve_forever(poll_interval=0.01)

    shared.inc_thread_sharing()
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        shared.dec_thread_sharing()


class NodeError(Exception):
    """What a call threw: ``told`` has its class as ``kind``, its ``message``, and its own fields."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        super().__init__(f"{told['kind']}: {told['message']}")
        self.told = told


class Node:
    """Calls what a module exports. A promise is awaited, a generator read to its end; undefined fields are missing."""

    def __init__(self, module: str, folder: Path, **environment: str) -> None:
        self._process = subprocess.Popen(
            ["node", "bridge.mjs", module],
            cwd=folder,
            env={"PATH": os.environ["PATH"], **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def __call__(self, call: str, *given: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"call": call, "given": given}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"Node.js ended with {self._process.wait(10)}"
        answer = json.loads(line)
        if "error" in answer:
            raise NodeError(answer["error"])
        return answer.get("value")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        # Closing its input ends it.
        self._process.communicate(timeout=10)
