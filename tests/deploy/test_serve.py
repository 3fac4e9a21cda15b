"""How the web server starts, and what it says where it cannot."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from marketplace.serve import MOST_CONNECTIONS, SPARE_FILES, connections, free_address
from tests.own_database import ROOT, environment
from tests.running import WEB, free_port, running_site


def refused(**told):
    """What is said on standard error by a server that does not start."""
    env = {"PATH": os.environ["PATH"], "DATABASE_URL": "sqlite:///var/none.sqlite3", **told}
    ran = subprocess.run(
        [sys.executable, *WEB], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 1
    assert len(ran.stderr.splitlines()) == 1, ran.stderr
    return ran.stderr


def test_without_a_key_it_says_how_to_get_one():
    assert refused().startswith("The site cannot start: SECRET_KEY is not set.")


@pytest.mark.parametrize("name", ["PORT", "WEB_WORKERS", "WEB_THREADS"])
def test_what_is_no_number_is_named(name):
    assert f"The site cannot start: {name} is '0'" in refused(SECRET_KEY="x", **{name: "0"})


def test_a_port_that_somebody_has_is_not_shared():
    with socket.socket() as taken:
        # Another one of its own kind would let it.
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = refused(SECRET_KEY="x", PORT=str(port))
        assert told.startswith(f"The site cannot listen on 127.0.0.1, port {port}: Address already in use.")


def test_a_host_may_be_a_name():
    assert free_address("localhost", free_port()) in ("127.0.0.1", "::1")


def test_connections_are_as_many_as_files_may_be_opened(monkeypatch):
    asked = []
    limits = [100, 1000]
    monkeypatch.setattr("resource.getrlimit", lambda _: tuple(limits))
    monkeypatch.setattr("resource.setrlimit", lambda _, values: asked.append(values))
    assert connections() == 1000 - SPARE_FILES
    assert asked.pop() == (1000, 1000)
    limits[1] = 1_000_000
    assert connections() == MOST_CONNECTIONS
    assert asked.pop() == (MOST_CONNECTIONS + SPARE_FILES, 1_000_000)
    limits[0] = 500_000
    assert connections() == MOST_CONNECTIONS
    assert asked.pop() == (500_000, 1_000_000), "never fewer than before"


def test_there_are_as_many_processes_as_told(tmp_path):
    env = environment(f"sqlite:///{tmp_path}/none.sqlite3", STATIC_ROOT=str(tmp_path), WEB_WORKERS="3")
    with running_site(env, tmp_path) as site:
        children = Path(f"/proc/{site.process.pid}/task/{site.process.pid}/children").read_text().split()
        threads = Path(f"/proc/{site.process.pid}/task").iterdir()
        children += [pid for thread in threads for pid in (thread / "children").read_text().split()]
        assert len(set(children)) == 3


_HELD = """
from pathlib import Path
from marketplace.serve import return_large_blocks

def held():
    return int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0]) // 1024

return_large_blocks()
bytearray(30 * 2**20)
before = held()
blocks, kept = [], []
for _ in range(20):
    blocks.append(bytearray(3 * 2**20))
    kept.append(bytearray(70_000))
most = held() - before
del blocks
print(most, held() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries give large blocks back by themselves")
def test_what_a_large_question_took_is_given_back_though_small_things_beside_it_stay():
    ran = subprocess.run(
        [sys.executable, "-c", _HELD], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    most, left = map(int, ran.stdout.split())
    assert most >= 60
    assert left < 10
