"""A site as `make run` starts it, on a free port, with its requests in a log."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.own_database import ROOT

WEB = (ROOT / "Procfile").read_text().splitlines()[0].removeprefix("web: exec python ").split()
"""What Python is told to serve the site."""
STOPPING = 20
"""Seconds until a process that was asked to stop is killed."""


@dataclass
class Running:
    """A running site: its address, its process, and the log of its requests."""

    address: str
    process: subprocess.Popen[bytes]
    log: Path

    def requests(self) -> list[tuple[str, str]]:
        """Path and status of every request that reached it."""
        lines = [line.split() for line in self.log.read_text().splitlines() if " marketplace.requests: " in line]
        return [(line[-2], line[-1]) for line in lines]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def running_site(environment: Mapping[str, str], folder: Path, port: int | None = None) -> Iterator[Running]:
    """Serve the site of an environment; its logs go into the folder."""
    port = port or free_port()
    address = f"http://127.0.0.1:{port}"
    told = {"WEB_WORKERS": "1", **environment, "HOST": "127.0.0.1", "PORT": str(port), "ACCESS_LOG": "true"}
    output = folder / "web.log"
    with output.open("wb") as log:
        process = subprocess.Popen([sys.executable, *WEB], cwd=ROOT, env=told, stdout=log, stderr=log)
    try:
        wait_for(f"{address}/healthz", process, output)
        yield Running(address, process, output)
    finally:
        stop(process)


def wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once an address answers at all."""
    parts = urlsplit(address)
    for _ in range(300):
        try:
            with closing(HTTPConnection(parts.netloc, timeout=2)) as connection:
                connection.request("GET", parts.path)
                connection.getresponse().read()
                return
        except OSError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
    pytest.fail(f"Nobody answers at {address}: {log.read_text()}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to stop; kill it if it does not."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOPPING)
    process.kill()
