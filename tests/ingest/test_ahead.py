"""What a process beside this one works out of records is what is worked out here, and none of it is needed."""

from __future__ import annotations

import pytest

from compat.engines import all_profiles
from compat.extraction.facts import digest_of
from compat.hub.documents import kept_record
from compat.ingest import ahead, sync
from compat.ingest.ahead import NOTHING, Ahead, Beside
from compat.ingest.judging import ensure_sheets
from compat.ingest.selection import Selection
from compat.models import ModelRecord, Verdict
from compat.models.engines import engines
from compat.rules.judge import rules_version, verdict_of
from tests.hub_server import HubServer
from tests.ingest.test_sync_service import Told, empty, models
from tests.samples import every_record

POLICIES = {"vllm": "cap", "llama-cpp": "warn"}


@pytest.fixture
def beside():
    made = Beside(POLICIES)
    yield made
    made.close()


def test_real_records_are_read_and_judged_as_here(beside):
    payloads = [kept_record(one).payload for one in every_record()]
    first, more = beside.read(payloads[:300]), beside.read(payloads[100:])
    seen: set[str] = set()
    assert first == ahead.read_and_judge(payloads[:300], POLICIES, seen)
    assert more == ahead.read_and_judge(payloads[100:], POLICIES, seen)
    assert len(first.read) == 300
    assert len(first.verdicts) > 2 * len(more.verdicts) > 0


def test_one_that_was_killed_says_nothing(beside, caplog):
    payloads = [every_record()[0]]
    assert beside.read(payloads) != NOTHING
    beside._process.kill()
    assert beside.read(payloads) == NOTHING
    assert "one process alone" in caplog.text
    assert beside.read(payloads) == NOTHING
    beside.close()


def test_one_of_another_version_of_the_program_is_not_believed(beside, monkeypatch):
    monkeypatch.setattr(ahead, "facts_version", lambda: "another")
    assert beside.read([every_record()[0]]) == NOTHING


def test_one_that_cannot_be_started_says_nothing(monkeypatch):
    monkeypatch.setattr(ahead.sys, "executable", "/nowhere/python")
    assert Beside(POLICIES).read([every_record()[0]]) == NOTHING


@pytest.mark.django_db
@pytest.mark.parametrize("overtaken", [False, True])
def test_a_verdict_is_taken_where_it_is_of_the_rules_and_the_profile_of_now(overtaken):
    read = ahead.read_and_judge([{"id": "sample/unheard-of", "tags": ["gguf", "mamba9"]}], {}, set())
    ((extraction, _),) = read.read.values()
    profile = engines()["vllm"]
    version = rules_version(profile)
    told = verdict_of(extraction.judged, profile, version) | {"cause": "marked"}
    if overtaken:
        version = rules_version(all_profiles()["vllm"].with_context_policy("reject"))
        assert version != told["rules"]
    verdicts = {(digest_of(extraction.judged), version): told}
    (sheet,) = ensure_sheets([extraction.judged], Ahead(verdicts=verdicts))
    found = Verdict.objects.get(sheet=sheet, profile="vllm")
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
    monkeypatch.setattr(Beside, "read", lambda self, payloads: asked.append(len(payloads)) or read(self, payloads))
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
