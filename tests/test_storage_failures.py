"""A disk that is full, a database that is read-only, gone or damaged: each ends in a sentence that says what to do."""

from __future__ import annotations

import pytest

from tests.own_database import OwnDatabase
from tests.samples import RECORDS, renamed, write_lines

BOUNDED = """
import sys
import django
django.setup()
from django.core.management import execute_from_command_line
from django.db.backends.signals import connection_created

def bound(connection, **_):
    with connection.cursor() as cursor:
        pages = cursor.execute("PRAGMA page_count").fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count = {pages + 200}")

connection_created.connect(bound, weak=False)
execute_from_command_line(["manage.py", *sys.argv[1:]])
"""
"""A command whose database may grow by so many pages, as on a disk that is nearly full."""


@pytest.fixture
def own(tmp_path):
    """A database with a few records."""
    with OwnDatabase(tmp_path, BACKUP_ROOT=str(tmp_path / "backups")) as own:
        few = write_lines(tmp_path / "few.jsonl", renamed(5))
        assert own.run("load_records", few).returncode == 0
        yield own


@pytest.fixture
def file(own):
    """Its file, where it is one."""
    if not own.is_sqlite:
        pytest.skip("a file is SQLite's")
    return own.path


def told(done, *words):
    """What a command that could not do its work said: one sentence or a few, no traceback."""
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("Error: "), done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def is_whole(own):
    assert own.value("PRAGMA integrity_check") == "ok"


def test_a_full_disk_ends_a_load_with_whole_batches_and_the_next_run_goes_on(own, file):
    done = own.python(BOUNDED, "load_records", RECORDS)
    told(done, "database or disk is full", str(file), "Make room on its disk, then try again")
    is_whole(own)
    again = own.run("load_records", RECORDS)
    assert again.returncode == 0, again.stderr
    assert own.records() == 5 + len(RECORDS.read_text("utf-8").splitlines())
    assert own.value("SELECT count(*) FROM compat_job WHERE state = 'running'") == 0


LIMITED = """
import resource, sys
from django.core.management import execute_from_command_line

most = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
execute_from_command_line(["manage.py", *sys.argv[2:]])
"""
"""A command whose files may grow to so many bytes."""


def test_a_disk_that_refuses_to_write_is_named(own, file):
    done = own.python(LIMITED, file.stat().st_size, "load_records", RECORDS)
    told(done, "disk I/O error", str(file), "is full or fails")
    is_whole(own)


def test_a_backup_that_finds_no_room_leaves_nothing_behind(own, tmp_path):
    done = own.python(LIMITED, 20_000, "backup")
    told(done)
    assert [path for path in (tmp_path / "backups").glob("*") if path.is_file()] == []


READ_ONLY = """
import sys
import django
django.setup()
from django.core.management import execute_from_command_line
from django.db.backends.signals import connection_created

def only_read(connection, **_):
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA query_only = on" if connection.vendor == "sqlite"
                       else "SET default_transaction_read_only = on")

connection_created.connect(only_read, weak=False)
execute_from_command_line(["manage.py", *sys.argv[1:]])
"""
"""The superuser of the tests may write any file, so the database itself refuses."""


@pytest.mark.parametrize("command", [["reevaluate", "--all"], ["work", "--batch"], ["prepare"]], ids=" ".join)
def test_a_read_only_database_is_named_and_can_still_be_read(own, command):
    done = own.python(READ_ONLY, *command)
    told(done, "read", str(own.path) if own.is_sqlite else own.url.rpartition("/")[2], "Let this user write")
    done = own.python(READ_ONLY, "find_models", "phi")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("how", ["pages", "all of it"])
def test_a_damaged_file_is_named_and_left_alone(own, file, tmp_path, how):
    own.run("shell", "-c", "from django.db import connection; connection.cursor().execute('PRAGMA wal_checkpoint')")
    whole = file.read_bytes()
    damaged = b"no database " * 5000 if how == "all of it" else whole[:8192] + b"\x7f" * (len(whole) - 8192)
    for end in ("-wal", "-shm"):
        file.with_name(file.name + end).unlink(missing_ok=True)
    file.write_bytes(damaged)
    for command in (["load_records", RECORDS], ["backup"]):
        told(own.run(*command), str(file), "It is damaged: stop the site, and restore a backup")
    assert file.read_bytes() == damaged
    assert list((tmp_path / "backups").glob("*")) == []


def test_a_database_that_was_deleted_is_said_to_be_so(own, file):
    for end in ("", "-wal", "-shm"):
        file.with_name(file.name + end).unlink(missing_ok=True)
    told(own.run("reevaluate"), "no such table", str(file), "if it was deleted or moved, restore a backup")
    done = own.run("prepare", "--no-snapshot")
    assert done.returncode == 0, done.stderr
    assert own.records() == 0


def test_a_database_on_a_server_that_is_not_there_is_named(own):
    if own.is_sqlite:
        pytest.skip("a server is PostgreSQL's")
    own.env["DATABASE_URL"] += "_gone"
    told(own.run("reevaluate"), "does not exist", "_gone on ", "see that DATABASE_URL names the right one")
