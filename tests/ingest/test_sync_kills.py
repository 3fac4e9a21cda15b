"""A sync that is killed at any of its commits is finished by the next one, as if nothing had happened."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.hub_server import HubServer
from tests.own_database import ROOT, TIMEOUT, OwnDatabase
from tests.samples import record

FILES = [{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}]
PHI = "microsoft/phi-2"

KILLER = """
import contextlib, json, os, shutil, signal, sys, traceback
from urllib.parse import urlsplit
import django
django.setup()
import psycopg
from django.core.management import call_command
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from compat.hub.rate_limit_budget import OwnLedger
from compat.ingest import hub_quota, sync
from compat.management.commands import sync_models

hub_quota.ledger_of = lambda hub: OwnLedger()
sync.PAGE, sync.AT_ONCE = 3, 2
told = connections.settings["default"]
sqlite, before = "sqlite" in told["ENGINE"], str(told["NAME"])
name = before + "_killed"

QUERIES = {
    "records": "SELECT repo_id, sha, downloads, context, gone, gone_since IS NULL, origin FROM compat_modelrecord",
    "documents": "SELECT repo_id, kind, d.sha FROM compat_recorddocument d"
                 " JOIN compat_modelrecord r ON r.id = record_id",
    "verdicts": "SELECT repo_id, profile, confidence, cause FROM compat_verdict v"
                " JOIN compat_modelrecord r ON r.sheet_id = v.sheet_id",
    "members": "SELECT repo_id, lacks_documents, lacks_headers FROM compat_selectedmodel"
               " JOIN compat_modelrecord r ON r.id = record_id",
    "names": "SELECT lowered, r.repo_id FROM compat_formername f JOIN compat_modelrecord r ON r.id = f.record_id",
    "selection": "SELECT is_open, cursor, listed, holder FROM compat_hubselection",
    "runs": "SELECT DISTINCT state FROM compat_job WHERE state = 'running'",
    "entries": "SELECT repo_id, note FROM compat_listentry JOIN compat_modelrecord r ON r.id = record_id",
}

def on_server(sql):
    made = psycopg.connect(host=told["HOST"], port=told["PORT"] or 5432, user=told["USER"],
                           password=told["PASSWORD"] or None, dbname="postgres", autocommit=True)
    with contextlib.closing(made) as server:
        server.execute(sql)

def copy():
    if sqlite:
        for end in ("-wal", "-shm"):
            if os.path.exists(name + end):
                os.remove(name + end)
        shutil.copy(before, name)
    else:
        on_server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        on_server(f'CREATE DATABASE "{name}" TEMPLATE "{before}"')

def in_child(work):
    \"\"\"What a process of its own prints; None where it was killed.\"\"\"
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        told["NAME"] = name
        try:
            os.write(write, json.dumps(work(), default=str).encode())
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        connections.close_all()
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read()
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return None
    assert status == 0, said
    return json.loads(said)

def synced(kill_at=0):
    left = kill_at
    commit = BaseDatabaseWrapper._commit
    def counted(wrapper):
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return commit(wrapper)
    BaseDatabaseWrapper._commit = counted
    call_command("sync_models", "--limit", "20", verbosity=0, stdout=open(os.devnull, "w"))
    return kill_at - left

def fingerprint():
    with connections["default"].cursor() as cursor:
        found = {}
        for what, sql in QUERIES.items():
            cursor.execute(sql)
            found[what] = sorted(cursor.fetchall(), key=str)
    return found

copy()
commits = in_child(synced)
clean = in_child(fingerprint)
broken = []
for number in range(1, commits + 1):
    copy()
    assert in_child(lambda: synced(number)) is None, number
    in_child(synced)
    found = in_child(fingerprint)
    for what, rows in clean.items():
        if found[what] != rows:
            more = [row for row in found[what] if row not in rows]
            broken.append([number, what, more, [row for row in rows if row not in found[what]]])
print(json.dumps({"commits": commits, "clean": clean, "broken": broken[:4]}))
if not sqlite:
    on_server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
"""
"""Runs a sync on copies of a database: to its end, then killed before each of its commits and run again."""


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
        environment = {**own.env, "DJANGO_SETTINGS_MODULE": "marketplace.settings"}
        done = subprocess.run(
            [sys.executable, "-c", KILLER], cwd=ROOT, env=environment, capture_output=True, text=True,
            timeout=4 * TIMEOUT, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["broken"] == []
    assert told["commits"] > 10
    names = [row[0] for row in told["clean"]["records"]]
    assert len(names) == (8 if begun else 7)
    if begun:
        assert told["clean"]["names"] == [["sample/phi-1", "sample/moved"]]
        assert [row[0] for row in told["clean"]["records"] if row[4]] == ["sample/phi-2"]
