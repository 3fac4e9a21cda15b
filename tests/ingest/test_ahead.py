"""What a process beside this one works out of records is what is worked out here, and none of it is needed."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from compat.engines import all_profiles
from compat.extraction.columns import prepared_of
from compat.extraction.facts import digest_of
from compat.hub.documents import Kind, kept_record, told
from compat.ingest import ahead, sync
from compat.ingest.ahead import Beside
from compat.ingest.judging import ensure_sheets
from compat.ingest.listed import Ahead, Asked, rows_of
from compat.ingest.selection import Selection
from compat.models import ModelRecord, Verdict
from compat.models.engines import engines
from compat.rules.judge import rules_version, verdict_of
from tests.hub_server import HubServer
from tests.ingest.test_sync_service import Told, empty, models
from tests.samples import every_record

POLICIES = {"vllm": "cap", "llama-cpp": "warn"}
ALL = Asked(Selection(limit=None))
NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def beside():
    made = Beside(POLICIES)
    yield made
    made.close()


def test_real_records_are_read_and_judged_as_here(beside):
    records = every_record()
    first, more = beside.read(records[:300], ALL), beside.read(records[100:], ALL)
    seen: set[str] = set()
    assert first == rows_of(records[:300], ALL, POLICIES, seen)
    assert more == rows_of(records[100:], ALL, POLICIES, seen)
    assert len(first.taken) == len(first.ahead.read) == 300
    assert len(first.ahead.verdicts) > 2 * len(more.ahead.verdicts) > 0
    assert len(first.ahead.verdicts) == len(POLICIES) * len(first.ahead.facts)


def test_a_row_tells_what_the_record_does():
    for raw in every_record()[:100]:
        whole = told(Kind.LIST, raw, NOW)
        (row,) = rows_of([raw], ALL, {}, set()).taken
        found = row.told(NOW)
        assert (found.record.id, found.record.digest) == (whole.record.id, whole.record.digest)
        assert found.record.payload == whole.record.payload
        assert found.record.model == whole.record.model
        assert [(one.kind, one.sha, one.read, dict(one.data)) for one in found.documents] == [
            (one.kind, one.sha, one.read, dict(one.data)) for one in whole.documents
        ]


def test_what_cannot_be_kept_is_named_and_what_is_not_meant_is_left_out():
    rows = [
        {"id": "some/first", "downloads": 9, "likes": 5},
        {"id": "some/broken", "downloads": "many"},
        {"id": "some/unliked", "downloads": 8, "likes": 1},
        {"id": "some/last", "downloads": 2, "likes": 5},
        {"id": "some/behind", "downloads": "none"},
    ]
    found = rows_of(rows, Asked(Selection(least_downloads=5, least_likes=2)), {}, set())
    assert [row.repo_id for row in found.taken] == ["some/first"]
    assert [(where, why.partition(":")[0]) for where, why in found.refused] == [("some/broken", "downloads")]
    assert found.ended


def test_of_changes_the_first_older_one_ends_the_list_and_is_taken():
    rows = [{"id": "some/new", "lastModified": "2026-01-03"}, {"id": "some/old", "lastModified": "2026-01-01"}]
    found = rows_of(rows, Asked(Selection(limit=None), since=NOW), {}, set())
    assert ([row.repo_id for row in found.taken], found.ended) == (["some/new", "some/old"], True)
    assert not rows_of(rows[:1], Asked(Selection(limit=None), since=NOW), {}, set()).ended


def test_one_that_was_killed_says_nothing(beside, caplog):
    records = [every_record()[0]]
    assert beside.read(records, ALL) is not None
    beside._process.kill()
    assert beside.read(records, ALL) is None
    assert "one process alone" in caplog.text
    assert beside.read(records, ALL) is None
    beside.close()


def test_one_of_another_version_of_the_program_is_not_believed(beside, monkeypatch):
    monkeypatch.setattr(ahead, "facts_version", lambda: "another")
    assert beside.read([every_record()[0]], ALL) is None


def test_one_that_cannot_be_started_says_nothing(monkeypatch):
    monkeypatch.setattr(ahead.sys, "executable", "/nowhere/python")
    assert Beside(POLICIES).read([every_record()[0]], ALL) is None


@pytest.mark.django_db
@pytest.mark.parametrize("overtaken", [False, True])
def test_a_verdict_is_taken_where_it_is_of_the_rules_and_the_profile_of_now(overtaken):
    _, judged = prepared_of(kept_record({"id": "sample/unheard-of", "tags": ["gguf", "mamba9"]}))
    profile = engines()["vllm"]
    version = rules_version(profile)
    told = verdict_of(judged, profile, version) | {"cause": "marked"}
    if overtaken:
        version = rules_version(all_profiles()["vllm"].with_context_policy("reject"))
        assert version != told["rules"]
    digest = digest_of(judged)
    sheets = ensure_sheets({digest: lambda: judged}, Ahead(verdicts={(digest, version): told}))
    found = Verdict.objects.get(sheet=sheets[digest], profile="vllm")
    assert (found.cause == "marked") is not overtaken
    assert Verdict.objects.filter(sheet=found.sheet).count() == len(engines())


def stored():
    columns = ("repo_id", "architecture", "parameters", "context", "formats", "shape_facts", "digest", "sheet__digest")
    return list(ModelRecord.objects.order_by("repo_id").values_list(*columns))


@pytest.mark.django_db
def test_a_list_read_with_help_is_stored_as_without(at, monkeypatch):
    monkeypatch.setattr(sync, "PAGE", 10)
    monkeypatch.setattr(sync, "ALONE", 1)
    asked = []
    read = Beside.read
    monkeypatch.setattr(Beside, "read", lambda self, rows, what: asked.append(len(rows)) or read(self, rows, what))
    with HubServer(models(35, sha="5" * 40)) as hub:
        at(hub)
        found = []
        for cores in (2, 1):
            empty()
            monkeypatch.setattr(sync, "CORES", cores)
            counts, error = sync.sync(Selection(limit=100), sync.Extent(documents=False), Told())
            assert (counts.new, error) == (35, "")
            found.append(stored())
    assert found[0] == found[1]
    assert asked == [10, 10, 5]


@pytest.mark.django_db
def test_the_next_page_is_read_while_one_is_stored(at, monkeypatch):
    monkeypatch.setattr(sync, "PAGE", 10)
    monkeypatch.setattr(sync, "CORES", 1)
    read, beside = [], []
    rows, store = sync.rows_of, sync._Sync._store_page

    def noting(raws, *more):
        found = rows(raws, *more)
        read.append(len(raws))
        return found

    def waiting(self, page):
        end = time.monotonic() + 10
        while page.following and len(read) <= self.row.pages + 1 and time.monotonic() < end:
            time.sleep(0.01)
        beside.append(len(read) - self.row.pages)
        return store(self, page)

    monkeypatch.setattr(sync, "rows_of", noting)
    monkeypatch.setattr(sync._Sync, "_store_page", waiting)
    with HubServer(models(35, sha="5" * 40)) as hub:
        at(hub)
        counts, error = sync.sync(Selection(limit=100), sync.Extent(documents=False), Told())
    assert (counts.new, error) == (35, "")
    assert beside == [2, 2, 2, 1]
