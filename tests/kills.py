"""A command on copies of a database: to its end, then killed before each of its commits and run again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from tests.own_database import ROOT, TIMEOUT, OwnDatabase

QUERIES = {
    "records": "SELECT repo_id, sha, downloads, context, gone, gone_since IS NULL, origin FROM compat_modelrecord",
    "documents": "SELECT repo_id, kind, d.sha FROM compat_recorddocument d"
    " JOIN compat_modelrecord r ON r.id = record_id",
    "verdicts": "SELECT repo_id, profile, confidence, cause FROM compat_verdict v"
    " JOIN compat_modelrecord r ON r.sheet_id = v.sheet_id",
}

KILLER = """
import contextlib, json, os, shutil, signal, sys, traceback
import django
django.setup()
import psycopg
from django.core.management import call_command
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

asked = json.loads(sys.argv[1])
exec(asked["first"])
told = connections.settings["default"]
sqlite, before = "sqlite" in told["ENGINE"], str(told["NAME"])
name = before + "_killed"

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

def ran(kill_at=0):
    left = kill_at
    commit = BaseDatabaseWrapper._commit
    def counted(wrapper):
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return commit(wrapper)
    BaseDatabaseWrapper._commit = counted
    call_command(*asked["command"], verbosity=0, stdout=open(os.devnull, "w"))
    return kill_at - left

def fingerprint():
    with connections["default"].cursor() as cursor:
        found = {}
        for what, sql in asked["queries"].items():
            cursor.execute(sql)
            found[what] = sorted(cursor.fetchall(), key=str)
    return found

copy()
commits = in_child(ran)
clean = in_child(fingerprint)
broken = []
for number in range(1, commits + 1):
    copy()
    assert in_child(lambda: ran(number)) is None, number
    in_child(ran)
    found = in_child(fingerprint)
    for what, rows in clean.items():
        if found[what] != rows:
            more = [row for row in found[what] if row not in rows]
            broken.append([number, what, more, [row for row in rows if row not in found[what]]])
print(json.dumps({"commits": commits, "clean": clean, "broken": broken[:4]}))
if not sqlite:
    on_server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
"""


def killed_at_every_commit(
    own: OwnDatabase, command: Sequence[str], queries: Mapping[str, str], first: str = ""
) -> dict[str, Any]:
    """How many ``commits`` a command makes, what the queries answer at its ``clean`` end, and what was ``broken``.

    Broken is what they answer differently where it was killed at a commit and then run again. ``first`` is code that
    each of its processes begins with.
    """
    asked = json.dumps({"command": list(command), "queries": dict(queries), "first": first})
    done = subprocess.run(
        [sys.executable, "-c", KILLER, asked], cwd=ROOT, capture_output=True, text=True, timeout=4 * TIMEOUT,
        env={**own.env, "DJANGO_SETTINGS_MODULE": "marketplace.settings"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told
