"""What every test can use: a database with real records, and the record file itself."""

from __future__ import annotations

import gc
import re
import signal
import threading
from dataclasses import replace
from pathlib import Path

import hypothesis
import pytest
from django.core.cache import cache
from django.db import connection
from django.template.backends import jinja2
from django.test.signals import template_rendered

from compat.catalogue import current
from compat.catalogue.index import CatalogueIndex
from compat.catalogue.index_build import build_index
from tests.own_database import shared_folder

RECORDS = Path(__file__).parent / "data" / "records.jsonl"
"""Four hundred real records of the bundled snapshot: the best known, some hard ones, and a random sample."""

# How long an example takes, to make or to try, says how busy the machine is, and nothing of what is tested.
hypothesis.settings.register_profile("tests", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("tests")


def pytest_configure(config):
    """WhiteNoise warns of a missing folder; nothing is collected for tests.

    Where a shell started the tests in the background, they and the processes they start would ignore Ctrl-C.
    """
    from django.conf import settings

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    # Made before any process that tests, for all of them.
    shared_folder()


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """What was loaded and collected stays to the end: to search it for garbage takes a fifth of the tests' time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 10, 100)
        # A sync thaws what there was before it, at its end.
        gc.unfreeze = lambda: None


def pytest_collection_modifyitems(items):
    """Every test of a process shares one filled database, which a test with real commits would empty at its end.

    What asks that one is marked, and every test of a module that makes databases of its own: they run on each kind.
    """
    for item in items:
        shared = "db" in getattr(item, "fixturenames", ()) or item.get_closest_marker("django_db")
        if shared or hasattr(getattr(item, "module", None), "OwnDatabase"):
            item.add_marker(pytest.mark.database)
        marked = item.get_closest_marker("django_db")
        commits = {"transactional_db", "live_server"}.intersection(getattr(item, "fixturenames", ()))
        if commits or (marked and marked.kwargs.get("transaction")):
            raise pytest.UsageError(f"{item.nodeid} would empty the database of the others: use tests/own_database.py")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """The test database, filled once with real records; each test's changes are rolled back."""
    from compat.ingest import store as sync
    from compat.ingest.from_files import RecordFile
    from compat.models.engines import ensure_settings

    with django_db_blocker.unblock():
        ensure_settings()
        with RecordFile(RECORDS) as lines:
            counts = sync.store_raw(lines, origin="snapshot")
        assert counts.new
        assert not counts.rejected, counts.problems


@pytest.fixture(autouse=True)
def _plain_settings(settings, monkeypatch):
    """No manifest of hashed static names, tasks at once, no answers kept, and no Hub but one that a test starts.

    An index is made anew before it is asked, however long a busy machine takes for it, and none is written.
    """
    monkeypatch.setattr(current, "PATIENCE", float("inf"))
    settings.INDEX_ROOT = None
    settings.PAGE_CACHE_MB = 0
    settings.HUB = replace(settings.HUB, offline=True)
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.TASKS = {"default": {"BACKEND": "django_tasks.backends.immediate.ImmediateBackend", "QUEUES": []}}
    cache.clear()
    current.forget_index()


_READS = re.compile(r"\s*(?:SELECT|SAVEPOINT|RELEASE|ROLLBACK|EXPLAIN|PRAGMA)\b", re.IGNORECASE)
_unchanged: list[CatalogueIndex] = []
"""The index of the records as they are before any test, of this process."""


@pytest.fixture(autouse=True)
def _index_of_unchanged_records(monkeypatch):
    """Every test begins with the same records, so their columns are read once; a test that writes has its own read."""
    written = False

    def look(execute, sql, params, many, context):
        nonlocal written
        written = written or ("compat_" in sql and not _READS.match(sql))
        return execute(sql, params, many, context)

    def build():
        if written or not connection.in_atomic_block:
            return build_index()
        if not _unchanged:
            _unchanged.append(build_index())
        known = _unchanged[0]
        return CatalogueIndex(known.version, known.changed, known.columns, known.seconds)

    monkeypatch.setattr(current, "build_index", build)
    with connection.execute_wrapper(look):
        yield


@pytest.fixture(autouse=True)
def _contexts_of_pages(monkeypatch):
    """Tests look at what a page was made from: Django tells it for its own templates only, not for Jinja's."""
    render = jinja2.Template.render

    def told(template, context=None, request=None):
        made = {} if context is None else context
        text = render(template, made, request)
        template_rendered.send(sender=template, template=template, context=made)
        return text

    monkeypatch.setattr(jinja2.Template, "render", told)
