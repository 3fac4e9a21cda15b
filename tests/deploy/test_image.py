"""The image: exactly the files that the Dockerfile copies are enough to serve the site and to do background work."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.conftest import RECORDS
from tests.own_database import ROOT, TIMEOUT, OwnDatabase
from tests.running import free_port, stop

SECONDS = 120
"""How long a process may take until it has done its first work."""


def is_let_in(path: Path) -> bool:
    """Whether .dockerignore lets a file be copied: of its rules the last that matches the file or a folder of it."""
    parts = [str(path), *map(str, path.parents)]
    let_in = True
    for rule in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = rule.lstrip("!")
        if rule and not rule.startswith("#") and any(fnmatch.fnmatch(part, pattern) for part in parts):
            let_in = rule.startswith("!")
    return let_in


def copy_as_the_image_does(folder: Path) -> None:
    """Carry out the COPY lines of the Dockerfile that take files of the project."""
    text = re.sub(r"\\\n", " ", (ROOT / "deploy/Dockerfile").read_text())
    lines = re.findall(r"^COPY +(?!--)(.+)$", text.split(" AS site\n")[1], re.MULTILINE)
    assert lines
    for line in lines:
        *sources, target = line.split()
        assert target.endswith("/"), f"{line}: a target that ends with / is a folder, whatever is copied"
        for source in sources:
            found = sorted(ROOT.glob(source))
            assert found, f"{line}: there is no {source}"
            for place in found:
                files = [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]
                inside = place.parent if place.is_file() else place
                for path in files:
                    if is_let_in(path.relative_to(ROOT)):
                        copy = folder / target / path.relative_to(inside)
                        copy.parent.mkdir(parents=True, exist_ok=True)
                        shutil.copy(path, copy)


def test_the_image_can_copy_the_database_of_the_compose_file():
    """``pg_dump`` refuses servers that are newer than itself."""
    installed = re.search(r"apt-get install .* postgresql-client-(\d+)", (ROOT / "deploy/Dockerfile").read_text())
    server = re.search(r"image: postgres:(\d+)", (ROOT / "deploy/compose.yaml").read_text())
    assert installed
    assert server
    assert int(installed[1]) >= int(server[1])


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A folder that holds what the image holds, beside a database with records."""
    folder = tmp_path_factory.mktemp("image")
    copy_as_the_image_does(folder)
    with OwnDatabase(tmp_path_factory.mktemp("data")) as own:
        environment = {**own.env, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        del environment["STATIC_ROOT"]
        load = [sys.executable, "manage.py", "load_records", RECORDS]
        done = subprocess.run(load, cwd=folder, env=environment, capture_output=True, timeout=TIMEOUT, check=False)
        assert done.returncode == 0, done.stderr
        yield folder, environment, own


@contextmanager
def started(image, name, **more):
    """One of the Procfile's processes, as the image's entry point starts it; it ends with the test."""
    folder, environment, _ = image
    log = folder / f"{name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [folder / "deploy/entrypoint.sh", name], env={**environment, **more}, cwd="/", stdout=out, stderr=out
        )
    try:
        yield process, log
    finally:
        stop(process)


def answer_of(port: int, path: str) -> tuple[int, str]:
    """Status and text of a page; a status of 0 while nobody listens."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        try:
            connection.request("GET", path)
        except ConnectionRefusedError:
            return 0, ""
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def wait_until(done: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + SECONDS
    while not done():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.2)


def test_the_web_process_alone_is_a_site(image):
    """It makes everything ready itself: static files were never collected here."""
    folder, environment, _ = image
    port = free_port()
    with started(image, "web", PORT=str(port)) as (process, log):
        wait_until(lambda: answer_of(port, "/healthz")[0] != 0, process, log)
        status, page = answer_of(port, "/models/?sort=popular")
        assert status == 200
        assert "/models/microsoft/phi-2/" in page
        static = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page))
        assert any(path.endswith(".css") for path in static)
        for path in static:
            assert answer_of(port, path)[0] == 200, path
        check = [sys.executable, folder / "deploy/healthcheck.py"]
        assert subprocess.run(check, env={**environment, "PORT": str(port)}, check=False).returncode == 0


def test_the_tasks_process_does_what_is_asked_for(image):
    folder, environment, own = image
    ask = "from compat.ingest.jobs import want; want('judge')"
    run = [sys.executable, "manage.py", "shell", "-c", ask]
    subprocess.run(run, cwd=folder, env=environment, capture_output=True, check=True)
    state = "SELECT state FROM compat_job WHERE kind = 'judge'"
    with started(image, "tasks") as (process, log):
        wait_until(lambda: own.value(state) == "done", process, log)
