"""A site as an operator starts it: its own database with the bundled snapshot, the web server, hashed static files."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.own_database import environment as environment_of
from tests.own_database import made_once, manage
from tests.running import running_site

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
    """The address of a running site; one for each process that tests, of what the first of them prepared."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(made_once("site", lambda made: prepare(made, "prepare")), folder, dirs_exist_ok=True)
    rename_index(folder)
    with running_site(environment_in(folder), folder) as site:
        yield site.address


@contextmanager
def prepared_site(folder, *first_command, **env):
    """A site in a folder, after a first command of ``manage.py``; gives the site and its environment."""
    prepare(folder, *first_command, **env)
    environment = environment_in(folder, **env)
    with running_site(environment, folder) as site:
        yield site, environment


def environment_in(folder, **env):
    """The environment of a site that has all it needs in a folder, and no Hub unless it is told one."""
    roots = {"STATIC_ROOT": f"{folder}/static", "INDEX_ROOT": f"{folder}/index"}
    return environment_of(f"sqlite:///{folder}/site.sqlite3", **roots, **env)


NAME_OF_INDEX = """
from datetime import UTC, datetime
from compat.catalogue.index_files import folder_of
print(folder_of(1, datetime.now(UTC)).parent)
"""


def rename_index(folder):
    """Let the index that was copied with a database be the one of the copy: it is called by the database's place."""
    told = manage("shell", "--verbosity", "0", "-c", NAME_OF_INDEX, env=environment_in(folder))
    (copied,) = (folder / "index").iterdir()
    copied.rename(told.stdout.strip())


def prepare(folder, *first_command, **env):
    """Make a site in a folder: run a first command there, and collect its files."""
    for command in (first_command, ["collectstatic", "--noinput"]):
        ran = manage(*command, env=environment_in(folder, **env))
        assert ran.returncode == 0, ran.stderr


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
        context.set_default_timeout(60_000)
        context.on("page", watch.on_page)
        page = context.new_page()
        page.goto(path)
        return page

    return open_page
