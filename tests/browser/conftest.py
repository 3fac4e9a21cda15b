"""A site as an operator starts it: its own database with the bundled snapshot, gunicorn, hashed static files."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = "/usr/bin/chromium"


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session", autouse=True)
def _database_beside_playwright():
    """Playwright's event loop makes Django refuse the database, which other tests of this process may want."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture(scope="session")
def base_url(tmp_path_factory):
    """The address of a running site; one for each process that tests."""
    folder = tmp_path_factory.mktemp("site")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")
    } | {
        "SECRET_KEY": "only for the browser tests of this project",
        "DATABASE_URL": f"sqlite:///{folder}/site.sqlite3",
        "STATIC_ROOT": f"{folder}/static",
        "HF_ENDPOINT": "http://127.0.0.1:9",
    }
    subprocess.run([sys.executable, "manage.py", "prepare"], cwd=ROOT, env=environment, check=True, capture_output=True)
    address = f"http://127.0.0.1:{port}"
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        "deploy/gunicorn.conf.py",
        "marketplace.wsgi",
        "--bind",
        f"127.0.0.1:{port}",
    ]
    log = (folder / "log").open("wb")
    server = subprocess.Popen(
        [*command, "--threads", "4", "--no-control-socket"], cwd=ROOT, env=environment, stdout=log, stderr=log
    )
    try:
        _wait_for(f"{address}/healthz", server, folder / "log")
        yield address
    finally:
        server.terminate()
        server.wait(10)
        log.close()


def _wait_for(address, server, log):
    for _ in range(150):
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except (urllib.error.URLError, ConnectionError):
            assert server.poll() is None, log.read_text()
            time.sleep(0.1)
    pytest.fail(f"The site does not answer: {log.read_text()}")


@pytest.fixture(scope="session")
def browser_type_launch_args():
    return {"executable_path": CHROMIUM, "args": ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]}


class Watch:
    """What went wrong behind the pages of one test: script errors, policy violations, requests elsewhere."""

    def __init__(self, address):
        self.host = urlsplit(address).netloc
        self.problems = []
        self.expected = ["htmx:afterRequest", "htmx:sendAbort"]  # a newer request takes the place of an older one

    def expect(self, pattern):
        """Let console messages pass that this test provokes."""
        self.expected.append(pattern)

    def on_page(self, page):
        page.on("console", lambda message: self._console(message.type, message.text))
        page.on("pageerror", lambda error: self.problems.append(f"script error: {error}"))
        page.on("request", lambda request: self._request(request.url))

    def _console(self, kind, text):
        if kind in ("error", "warning") and not any(re.search(pattern, text) for pattern in self.expected):
            self.problems.append(f"console {kind}: {text}")

    def _request(self, url):
        if not url.startswith(("data:", "blob:")) and urlsplit(url).netloc != self.host:
            self.problems.append(f"request to another host: {url}")


@pytest.fixture
def watch(base_url):
    watching = Watch(base_url)
    yield watching
    assert not watching.problems


@pytest.fixture
def visit(new_context, watch):
    """Open a page in a fresh browser context: ``visit("/models/", width=375, color_scheme="dark")``."""

    def open_page(path="/", width=1280, height=800, **options):
        context = new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(8000)
        context.on("page", watch.on_page)
        page = context.new_page()
        page.goto(path)
        return page

    return open_page
