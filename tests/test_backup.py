"""Backups: whole while others write, checked, for their owner's eyes alone, and no more of them than are wanted."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing

import psycopg
import pytest

from tests.own_database import OwnDatabase


@pytest.fixture
def own(tmp_path):
    """A database, and a folder for its backups."""
    if shutil.which("pg_dump") is None:
        pytest.skip("there is no pg_dump here")
    with OwnDatabase(tmp_path, BACKUP_ROOT=str(tmp_path / "backups")) as own:
        yield own


ADD = "INSERT INTO compat_enginesetting (slug, enabled, context_policy) VALUES ('{}', true, '')"


def connect(own):
    return sqlite3.connect(own.path, timeout=20) if own.is_sqlite else psycopg.connect(own.url)


def test_a_backup_is_whole_while_others_write_and_for_its_owner_alone(own, tmp_path):
    target = tmp_path / "copy"
    with closing(connect(own)) as other:
        other.execute(ADD.format("kept"))
        other.commit()
        # It stays open, so that with SQLite the row is still in the file beside the database's.
        done = own.run("backup", target)
        assert done.returncode == 0, done.stderr
    assert target.stat().st_mode & 0o777 == 0o600
    again = own.run("backup", target)
    assert (again.returncode, "exists already" in again.stderr) == (1, True)
    if own.is_sqlite:
        with closing(sqlite3.connect(target)) as copy:
            assert copy.execute("SELECT slug FROM compat_enginesetting WHERE slug = 'kept'").fetchall() == [("kept",)]
    else:
        command = ["pg_restore", "--data-only", "--table=compat_enginesetting", "--file=-", str(target)]
        assert "kept\t" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_scheduled_backup_keeps_no_more_than_it_was_told(own, tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    ending = "sqlite3" if own.is_sqlite else "dump"
    for day in (1, 2, 3):
        (folder / f"runshere-2026010{day}T000000Z.{ending}").write_text("old")
    (folder / "mine.txt").write_text("not a backup of the site")
    done = own.run("backup", "--keep", 2)
    assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in folder.iterdir())
    assert names[0] == "mine.txt"
    assert names[1] == f"runshere-20260103T000000Z.{ending}"
    assert len(names) == 3
    assert own.rows("SELECT kind, state FROM compat_job") == [("backup", "done")]


def test_a_backup_that_cannot_be_written_says_so_and_leaves_nothing(own, tmp_path):
    (tmp_path / "backups").write_text("this is a file")
    done = own.run("backup")
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert own.rows("SELECT kind, state FROM compat_job") == [("backup", "failed")]
