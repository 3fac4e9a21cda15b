"""What the writers say of a change: to whoever listens, around the change and within its transaction."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from compat.ingest import changes
from compat.ingest import store as sync
from compat.ingest.changes import Change
from compat.ingest.judging import reevaluate
from compat.ingest.runs import finish_run, start_run
from compat.models import Catalogue, FactSheet, Job, ModelRecord, Verdict
from tests.samples import record, whole

pytestmark = pytest.mark.django_db

PHI = "microsoft/phi-2"


@pytest.fixture
def listen(monkeypatch):
    """Listeners that are there for one test only."""

    def add(change, listener):
        monkeypatch.setattr(change, "_listeners", [*change._listeners, listener])

    return add


def store(**fields):
    return sync.store_told([whole(record(PHI, **fields))], origin="file")


def likes():
    return ModelRecord.objects.values_list("likes", flat=True).get(repo_id=PHI)


def test_a_listener_sees_records_before_they_are_written_and_after(listen):
    seen = []

    @contextmanager
    def listener(repo_ids):
        seen.append((list(repo_ids), likes()))
        yield
        seen.append((list(repo_ids), likes()))

    listen(changes.records_written, listener)
    before = likes()
    store(likes=before + 1)
    assert seen == [([PHI], before), ([PHI], before + 1)]
    store(likes=before + 1)
    assert len(seen) == 2, "a record that is unchanged is not written"


def test_a_listener_sees_sheets_before_they_are_judged_again_and_after(listen):
    seen = []

    @contextmanager
    def listener(sheets):
        stale = Verdict.objects.filter(sheet__in=sheets, rules="older")
        seen.append(stale.count())
        yield
        seen.append(stale.count())
        told.extend(sheets)

    told = []
    listen(changes.sheets_judged, listener)
    Verdict.objects.filter(profile="rbee").update(rules="older")
    reevaluate()
    assert sum(seen[::2]) == FactSheet.objects.count()
    assert not any(seen[1::2])
    assert sorted(told) == sorted(FactSheet.objects.values_list("pk", flat=True))


def test_a_listener_that_fails_undoes_the_change(listen):
    @contextmanager
    def listener(_):
        yield
        raise RuntimeError("the listener failed")

    listen(changes.records_written, listener)
    before, version = likes(), Catalogue.objects.get().version
    with pytest.raises(RuntimeError, match="the listener failed"):
        store(likes=before + 1)
    assert (likes(), Catalogue.objects.get().version) == (before, version)


def test_a_change_that_fails_is_seen_by_its_listener():
    change, seen = Change(), []

    @contextmanager
    def listener(keys):
        try:
            yield
        except ValueError as problem:
            seen.append((keys, str(problem)))
            raise

    change.subscribe(listener)
    with pytest.raises(ValueError, match="broken"), change.around([1, 2]):
        raise ValueError("broken")
    assert seen == [([1, 2], "broken")]


def test_who_subscribes_twice_is_told_once():
    change, seen = Change(), []

    @contextmanager
    def listener(keys):
        seen.append(keys)
        yield

    change.subscribe(listener)
    change.subscribe(listener)
    with change.around(["a"]):
        pass
    assert seen == [["a"]]


def test_a_run_is_told_when_it_starts_and_when_it_ends():
    seen = []

    def started(run, **_):
        seen.append(("started", run.pk, run.state))

    def finished(run, **_):
        seen.append(("finished", run.pk, Job.objects.get(pk=run.pk).state))

    changes.run_started.connect(started)
    changes.run_finished.connect(finished)
    try:
        good, bad = start_run("good.jsonl", "file"), start_run("bad.jsonl", "file")
        finish_run(good, sync.Counts())
        finish_run(bad, sync.Counts(), "The file is damaged.")
    finally:
        changes.run_started.disconnect(started)
        changes.run_finished.disconnect(finished)
    assert seen == [
        ("started", good.pk, "running"),
        ("started", bad.pk, "running"),
        ("finished", good.pk, "done"),
        ("finished", bad.pk, "failed"),
    ]
