"""Upgrades: a database that an older version made keeps what it holds and gets the schema of a new one."""

from __future__ import annotations

import hashlib
import json
import signal

import pytest

from compat.engines import all_profiles
from compat.hub.documents import unpacked
from tests.own_database import OLD, ROOT, OwnDatabase
from tests.samples import RECORDS

SHIPPED = {
    "compat/migrations/0001_initial.py": "708b1d181a0c2b4b95220bbc257ebce29156ed281c73dd32c7a8420b96a9c72c",
    "compat/migrations/0002_search.py": "60120bc066b314faab616e445306def624d7875d2cf4b19e3d93696e1340779c",
    "marketplace/migrations/0001_initial.py": "9cd95f939c4c5aee104755c2122ab5bf9b6190be37f9a16685c579c440bc5270",
}
"""SHA-256 of every migration that a site may have run. What comes later goes into a migration of its own."""

VERSIONS = ("0.1.0", "after-0.1.0")
"""The first release; and what followed it, while the first migration was still being edited."""

KEPT = {
    "accounts": "SELECT username, password, is_superuser, email FROM auth_user",
    "lists": "SELECT id, title, slug, description, published, position FROM compat_curatedlist",
    "entries": "SELECT curated_list_id, record_id, position, note FROM compat_listentry ORDER BY id",
    "records": "SELECT id, repo_id, digest, origin, downloads, search_text FROM compat_modelrecord ORDER BY id",
    "variants": "SELECT record_id, position, key, files FROM compat_recordvariant ORDER BY id",
    "sheets": "SELECT id, digest, facts FROM compat_factsheet ORDER BY id",
    "workers": "SELECT name, slug, engine, accelerator, count FROM compat_siteworker",
    "engines": "SELECT slug, enabled, context_policy FROM compat_enginesetting ORDER BY slug",
    "runs": "SELECT source, origin, state, new FROM compat_syncrun",
}
ALSO_KEPT = {
    "webhooks": "SELECT id, name, url, secret, events, curated_list_id, active FROM compat_webhook",
    "deliveries": "SELECT webhook_id, event_id, type, state FROM compat_webhookdelivery",
    "gathered": "SELECT delivery_id, repo_id, popularity, workers FROM compat_gatheredmodel",
    "tokens": "SELECT name, prefix, digest, active FROM marketplace_apitoken",
}

SQLITE_SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name"
POSTGRESQL_SCHEMA = {
    "columns": """SELECT table_name, row_number() OVER (PARTITION BY table_name ORDER BY ordinal_position), column_name,
        data_type, character_maximum_length, is_nullable, column_default, is_identity
        FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2""",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2",
    "constraints": """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2""",
    "triggers": """SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger
        WHERE NOT tgisinternal ORDER BY 1, 2""",
}


def schema(own):
    """Tables with columns in order, indexes, constraints and triggers, each as the database itself defines it."""
    if own.is_sqlite:
        return own.rows(SQLITE_SCHEMA)
    return {name: own.rows(sql) for name, sql in POSTGRESQL_SCHEMA.items()}


def content(own, queries):
    return {name: own.rows(sql) for name, sql in queries.items()}


def answers(own):
    """What was kept of each record in an older version: one answer, as JSON."""
    rows = own.rows("SELECT record_id, data FROM compat_recordpayload")
    return {pk: json.loads(data) if isinstance(data, str) else data for pk, data in rows}


def documents(own):
    """What is kept of each record now, where that is one document."""
    rows = own.rows(
        "SELECT r.id, repo_id, data FROM compat_recorddocument d LEFT JOIN compat_modelrecord r ON r.id = record_id"
    )
    assert len({pk for pk, *_ in rows}) == len(rows)
    return {pk: {"id": repo_id, **unpacked(data)} for pk, repo_id, data in rows}


def done(own, *command):
    found = own.run(*command)
    assert found.returncode == 0, found.stderr
    return found.stdout


@pytest.fixture(scope="module")
def static(tmp_path_factory):
    """A folder for static files, collected once."""
    return str(tmp_path_factory.mktemp("static"))


@pytest.fixture
def old(request, tmp_path, static):
    """A database as the version named by the parameter left it; webhooks are allowed."""
    allowed = {"WEBHOOK_HOSTS": "hooks.example.org", "STATIC_ROOT": static}
    with OwnDatabase(tmp_path, made_by=request.param, **allowed) as own:
        yield own


@pytest.mark.parametrize("name", SHIPPED)
def test_no_shipped_migration_is_edited(name):
    found = hashlib.sha256((ROOT / name).read_bytes()).hexdigest()
    assert found == SHIPPED[name], f"{name} was shipped: databases that ran it will not run it again"


def test_every_kept_database_is_tried():
    assert {path.name.rpartition("-")[0] for path in OLD.iterdir()} == set(VERSIONS)


@pytest.mark.parametrize("old", VERSIONS, indirect=True)
def test_an_upgrade_keeps_what_the_site_holds(old, request):
    kept = KEPT if "[0.1.0]" in request.node.name else KEPT | ALSO_KEPT
    before, told = content(old, kept), answers(old)
    assert all(before.values())
    assert told
    assert "The database is up to date." in done(old, "prepare")
    kept = kept | {"runs": kept["runs"].replace("compat_syncrun", "compat_job WHERE kind = 'load'")}
    after = content(old, kept)
    assert set(after["engines"]) >= set(before["engines"]), "an operator's decisions stand, and newer engines are added"
    # More may be read now of what was kept.
    before |= {name: after[name] for name in ("engines", "sheets")}
    assert after == before
    assert old.value("SELECT count(*) FROM compat_verdict") == len(before["sheets"]) * sum(
        profile.offered for profile in all_profiles().values()
    )
    assert old.value("SELECT count(DISTINCT rules) FROM compat_verdict WHERE profile = 'rbee'") == 1
    assert done(old, "prepare") == ""
    assert content(old, kept) == before
    assert documents(old) == told


STOPS = """
import importlib, os
from django.core.management import call_command
moving = importlib.import_module("compat.migrations.0010_payloads_to_documents")
moving.BATCH = 2
packed, left = moving.packed, 5
def stopping(data):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), 9)
    return packed(data)
moving.packed = stopping
call_command("migrate", verbosity=0)
"""


@pytest.mark.parametrize("old", VERSIONS, indirect=True)
def test_an_upgrade_that_is_killed_goes_on_where_it_was(old):
    told = answers(old)
    assert old.run("shell", "--verbosity", "0", "-c", STOPS).returncode == -signal.SIGKILL
    assert (len(documents(old)), len(answers(old))) == (4, len(told) - 4)
    done(old, "migrate", "--verbosity", "0")
    assert documents(old) == told


@pytest.mark.parametrize("old", VERSIONS, indirect=True)
def test_an_upgraded_database_has_the_schema_of_a_new_one(old, tmp_path):
    done(old, "migrate", "--verbosity", "0")
    (tmp_path / "new").mkdir()
    with OwnDatabase(tmp_path / "new") as new:
        assert schema(old) == schema(new)
        if new.is_sqlite:
            triggers = [name for kind, name, *_ in schema(new) if kind == "trigger"]
            assert triggers == ["compat_search_delete", "compat_search_insert", "compat_search_update"]
        else:
            assert "compat_search" in [name for _, name, _ in schema(new)["indexes"]]


@pytest.mark.parametrize("old", VERSIONS, indirect=True)
def test_commands_work_with_webhooks_after_an_upgrade(old):
    done(old, "prepare")
    records = old.records()
    assert "verdicts" in done(old, "reevaluate", "--all")
    assert f"{records} unchanged" in done(old, "load_records", RECORDS)
    assert "microsoft/phi-2" in done(old, "find_models", "phi-2", "--json")
    if old.is_sqlite:
        check = "from django.db import connection; "
        check += (
            """connection.cursor().execute("INSERT INTO compat_search(compat_search) VALUES ('integrity-check')")"""
        )
        done(old, "shell", "--verbosity", "0", "-c", check)


IN_THE_ADMIN = """
import json
from django.contrib.auth import authenticate
from django.test import Client
from django.urls import reverse
from compat.models import CuratedList, ListEntry, ModelRecord, Webhook
user = authenticate(username="curator", password="the password before")
client = Client(SERVER_NAME="localhost")
client.force_login(user)
def post(page, *args, **data):
    return client.post(reverse("admin:compat_" + page, args=args), {"post": "yes", **data}).status_code
told = {"pages": {}}
for name in ("webhook", "webhookdelivery", "curatedlist", "modelrecord", "verdict", "siteworker"):
    told["pages"][name] = client.get(reverse(f"admin:compat_{name}_changelist")).status_code
told["list"] = client.get("/lists/for-the-team/").status_code
form = dict(name="New", url="https://hooks.example.org/", events=["list.changed"], active="on")
told["webhook made"] = post("webhook_add", **form)
for hook in Webhook.objects.filter(curated_list__isnull=False):
    told["webhook deleted"] = post("webhook_delete", hook.pk)
told["list deleted"] = post("curatedlist_delete", CuratedList.objects.get().pk)
told["record deleted"] = post("modelrecord_delete", ModelRecord.objects.get(repo_id="microsoft/phi-2").pk)
told["left"] = [CuratedList.objects.count(), ListEntry.objects.count(), Webhook.objects.count()]
print(json.dumps(told))
"""


@pytest.mark.parametrize("old", VERSIONS, indirect=True)
def test_a_curator_goes_on_working_after_an_upgrade(old):
    done(old, "prepare")
    told = json.loads(done(old, "shell", "--verbosity", "0", "-c", IN_THE_ADMIN))
    assert set(told.pop("pages").values()) == {200}
    assert told.pop("webhook deleted", 302) == 302
    assert told == {"list": 200, "webhook made": 302, "list deleted": 302, "record deleted": 302, "left": [0, 0, 1]}
    assert old.value("SELECT count(*) FROM compat_webhookdelivery WHERE type = 'list.changed'") == 1


MIGRATE_AS = """
from django.core.management import call_command
from django.db import connection
from compat.models import ModelRecord
connection.cursor().execute("UPDATE compat_syncrun SET origin = %s, state = %s", [{origin!r}, {state!r}])
ModelRecord.objects.update(origin={origin!r})
call_command("migrate", verbosity=0)
"""


@pytest.mark.parametrize("old", ["0.1.0"], indirect=True)
@pytest.mark.parametrize(
    ("origin", "state", "interrupted"),
    [
        ("snapshot", "running", True),
        ("snapshot", "failed", True),
        ("snapshot", "done", False),
        ("file", "running", False),
        ("file", "done", False),
    ],
)
def test_an_older_versions_interrupted_first_start_is_noticed(old, origin, state, interrupted):
    done(old, "shell", "--verbosity", "0", "-c", MIGRATE_AS.format(origin=origin, state=state))
    assert old.rows("SELECT filling FROM compat_catalogue") == [(interrupted,)]


@pytest.mark.parametrize("old", ["0.1.0"], indirect=True)
@pytest.mark.parametrize(("origin", "bundled"), [("snapshot", "older"), ("file", "")])
def test_an_older_versions_catalogue_is_known_to_have_another_snapshot_if_it_has_one(old, origin, bundled):
    done(old, "shell", "--verbosity", "0", "-c", MIGRATE_AS.format(origin=origin, state="done"))
    assert old.rows("SELECT bundled FROM compat_catalogue") == [(bundled,)]
