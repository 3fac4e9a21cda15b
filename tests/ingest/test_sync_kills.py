"""A sync that is killed at any of its commits is finished by the next one, as if nothing had happened."""

from __future__ import annotations

import pytest

from tests import kills
from tests.hub_server import HubServer
from tests.kills import killed_at_every_commit
from tests.own_database import OwnDatabase
from tests.samples import record

FILES = [{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}]
PHI = "microsoft/phi-2"
QUERIES = kills.QUERIES | {
    "members": "SELECT repo_id, lacks_documents, lacks_headers FROM compat_selectedmodel"
    " JOIN compat_modelrecord r ON r.id = record_id",
    "names": "SELECT lowered, r.repo_id FROM compat_formername f JOIN compat_modelrecord r ON r.id = f.record_id",
    "selection": "SELECT is_open, cursor, listed, holder FROM compat_hubselection",
    "runs": "SELECT DISTINCT state FROM compat_job WHERE state = 'running'",
    "entries": "SELECT repo_id, note FROM compat_listentry JOIN compat_modelrecord r ON r.id = record_id",
}
SMALL_STEPS = """
from compat.hub.rate_limit_budget import OwnLedger
from compat.ingest import hub_quota, sync
hub_quota.ledger_of = lambda hub: OwnLedger()
sync.PAGE, sync.AT_ONCE = 3, 2
"""


def models(count=7):
    return [record(PHI, id=f"sample/phi-{n}", sha=f"{n:040x}", siblings=FILES, downloads=900 - n) for n in range(count)]


@pytest.mark.parametrize("begun", [False, True])
def test_a_sync_killed_at_any_commit_is_finished_by_the_next(tmp_path, begun):
    with HubServer(models()) as hub, OwnDatabase(tmp_path, HF_ENDPOINT=hub.url) as own:
        if begun:
            done = own.run("sync_models", "--limit", 20)
            assert done.returncode == 0, done.stderr
            code = (
                "from compat.models import *; l = CuratedList.objects.create(title='x', slug='x');"
                "[ListEntry.objects.create(curated_list=l, record=r, note=r.name) for r in ModelRecord.objects.all()]"
            )
            assert own.run("shell", "-c", code).returncode == 0
            moved = hub.records["sample/phi-1"] | {"id": "sample/moved"}
            hub.put(moved)
            hub.remove("sample/phi-1")
            hub.remove("sample/phi-2")
            hub.renames["sample/phi-1"] = "sample/moved"
            hub.put(hub.records["sample/phi-3"] | {"sha": "f" * 40})
            hub.put(record(PHI, id="sample/new", sha="e" * 40, siblings=FILES, downloads=5))
        told = killed_at_every_commit(own, ["sync_models", "--limit", "20"], QUERIES, SMALL_STEPS)
    assert told["broken"] == []
    assert told["commits"] > 10
    names = [row[0] for row in told["clean"]["records"]]
    assert len(names) == (8 if begun else 7)
    if begun:
        assert told["clean"]["names"] == [["sample/phi-1", "sample/moved"]]
        assert [row[0] for row in told["clean"]["records"] if row[4]] == ["sample/phi-2"]
