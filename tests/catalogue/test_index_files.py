"""The index on disk: written once for a version, shared by all, and never trusted further than it can be read."""

from __future__ import annotations

import json
import logging
import signal
import time

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from compat.catalogue import current, index_files
from compat.catalogue.current import current_index, engine_needs, verdicts_on
from compat.catalogue.workers import choose_worker, workers
from compat.ingest import store as sync
from compat.ingest.changes import raise_catalogue_version
from compat.models import Catalogue
from tests.own_database import OwnDatabase
from tests.samples import record

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def root(settings, tmp_path):
    settings.INDEX_ROOT = tmp_path / "index"
    return settings.INDEX_ROOT


def folders(root):
    return sorted(path for path in root.glob("*/*") if path.is_dir())


def equal(one, other):
    for name, column in vars(one).items():
        others = getattr(other, name)
        if name == "orders":
            assert column.keys() == others.keys()
            for sort, order in column.items():
                assert np.array_equal(order.rows, others[sort].rows)
                assert np.array_equal(order.groups, others[sort].groups)
        elif name in ("facets", "ranges"):
            assert column.keys() == others.keys()
            assert all(np.array_equal(codes, others[facet]) for facet, codes in column.items())
        elif name == "models":
            assert all(np.array_equal(part, getattr(others, field)) for field, part in vars(column).items())
        elif name == "texts":
            assert json.loads(json.dumps(column)) == others
        else:
            assert np.array_equal(column, others), name
    return True


def test_what_is_read_is_what_was_made(root, settings):
    written = current_index()
    settings.INDEX_ROOT = None
    current.forget_index()
    made = current_index()
    assert made.folder is None
    assert equal(made.columns, written.columns)
    assert written.folder in folders(root)


def test_another_process_opens_it_with_one_query(root):
    first = current_index()
    worker = choose_worker(workers(), "llama-cpp", memory=8.0, ram=32.0)
    expected = verdicts_on(first, worker)
    current.forget_index()
    with CaptureQueriesContext(connection) as context:
        again = current_index()
        found = verdicts_on(again, worker)
    assert len(context) == 1
    assert again is not first
    assert found.level.tolist() == expected.level.tolist()
    assert found.cause.tolist() == expected.cause.tolist()


def test_a_change_of_the_catalogue_has_files_of_its_own_and_the_oldest_go(root):
    seen = []
    for number in range(4):
        sync.store_raw([("1", record("microsoft/phi-2", id=f"sample/number-{number}"))], origin="file")
        seen.append(current_index().folder)
        time.sleep(0.01)
    assert len(set(seen)) == 4
    assert folders(root) == sorted(seen[-2:])


@pytest.mark.parametrize(("quick", "waits"), [(10_000, True), (10, False)])
def test_nobody_waits_for_the_next_one_of_a_catalogue_that_takes_long(monkeypatch, quick, waits):
    """As well where this process opened the one before, and so never saw how long it takes."""
    before = current_index().version
    current.forget_index()
    monkeypatch.setattr(current, "PATIENCE", 0.5)
    monkeypatch.setattr(current, "REST", float("inf"))
    monkeypatch.setattr(current, "_QUICK", quick)
    assert current_index().version == before
    raise_catalogue_version()
    index, newest = current.index_now()
    assert (newest, index.version > before) == (waits, waits)


def test_what_was_cut_off_in_the_version_before_goes_with_the_next_unless_it_is_being_made():
    before = current_index().folder
    cut_off = before / f"{index_files._UNFINISHED}abc"
    cut_off.mkdir()
    sync.store_raw([("1", record("microsoft/phi-2", id="sample/one"))], origin="file")
    with index_files.only_one(before / "needs-vllm"):
        current_index()
        assert cut_off.exists()
    sync.store_raw([("1", record("microsoft/phi-2", id="sample/two"))], origin="file")
    after = current_index().folder
    (after / f"{index_files._UNFINISHED}def").mkdir()
    sync.store_raw([("1", record("microsoft/phi-2", id="sample/three"))], origin="file")
    current_index()
    assert not list(after.parent.rglob(f"{index_files._UNFINISHED}*"))
    assert after.exists()


def test_the_same_version_of_another_catalogue_is_another_index():
    first = current_index().folder
    Catalogue.objects.filter(pk=1).update(changed="2001-01-01T00:00:00Z")
    assert current_index().folder != first


def test_other_code_does_not_open_what_this_code_made(monkeypatch):
    first = current_index().folder
    monkeypatch.setattr(index_files, "digest_sources", lambda *_: "other")
    current.forget_index()
    assert current_index().folder != first


@pytest.mark.parametrize("damage", ["cut", "no-json", "gone"])
def test_damaged_files_are_made_anew(damage):
    first = current_index()
    expected = first.columns.group.tolist()
    file = {"cut": "order-likes.npy", "no-json": "texts.json", "gone": "group.npy"}[damage]
    path = first.folder / file
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    current.forget_index()
    assert current_index().columns.group.tolist() == expected
    assert path.exists()


def test_damaged_needs_are_made_anew():
    worker = choose_worker(workers(), "vllm", memory=24.0)
    index = current_index()
    expected = verdicts_on(index, worker).level.tolist()
    path = index.folder / "needs-vllm" / "rows.npy"
    path.write_bytes(path.read_bytes()[:100])
    current.forget_index()
    assert verdicts_on(current_index(), worker).level.tolist() == expected


def test_where_nothing_can_be_written_the_process_keeps_its_own(root, caplog):
    root.parent.mkdir(exist_ok=True)
    root.write_text("a file where a folder should be")
    with caplog.at_level(logging.WARNING):
        index = current_index()
        assert engine_needs(index, [choose_worker(workers(), "vllm")])
    assert index.folder is None
    assert "cannot be written" in caplog.text


# --- real processes ----------------------------------------------------------------------------------------------


def test_the_command_makes_it_once(tmp_path):
    with OwnDatabase(tmp_path, filled=True) as own:
        first = own.run("build_index", "--json")
        assert json.loads(first.stdout)["models"] == own.records()
        made = folders(tmp_path / "index")
        times = {path: path.stat().st_mtime_ns for path in made[0].rglob("*.npy")}
        assert own.run("build_index").returncode == 0
        assert folders(tmp_path / "index") == made
        assert {path: path.stat().st_mtime_ns for path in made[0].rglob("*.npy")} == times


def test_two_processes_at_once_make_one(tmp_path):
    with OwnDatabase(tmp_path, filled=True) as own:
        both = [own.start("build_index", "--json") for _ in range(2)]
        assert [json.loads(process.communicate(timeout=120)[0])["models"] for process in both] == [own.records()] * 2
        assert len(folders(tmp_path / "index")) == 1


def test_a_process_killed_while_making_it_leaves_nothing_in_the_way(tmp_path):
    with OwnDatabase(tmp_path, filled=True) as own:
        process = own.start("build_index")
        while not list((tmp_path / "index").glob("*/.making-*")) and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert own.run("build_index").returncode == 0
        assert not list((tmp_path / "index").glob("*/.making-*"))
        found = own.run("find_models", "llama", "--worker", "vllm", "--memory", "24", "--json")
        assert json.loads(found.stdout)["total"]
