"""A first start that is killed or stopped at any point is finished by the next one: records, verdicts and lists."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from marketplace import starter
from tests.own_database import ROOT, TIMEOUT, OwnDatabase
from tests.samples import every_record, write_lines

PREPARE = """
import os, signal, sys
from pathlib import Path
import django
django.setup()
from django.core.management import execute_from_command_line
from compat.ingest import from_files, runs, store, writing
from marketplace import starter

records, name, calls = sys.argv[1:4]
from_files.BUNDLED = Path(records)
store.BATCH = 10
left = int(calls)

def stopping(function, after):
    def call(*arguments, **named):
        global left
        left -= 1
        if left:
            return function(*arguments, **named)
        result = function(*arguments, **named) if after else None
        os.kill(os.getpid(), signal.Signals[sys.argv[4]])
        return result
    return call

if name:
    owner, _, rest = name.partition(".")
    function, _, when = rest.partition(" ")
    module = {"store": store, "runs": runs, "writing": writing, "starter": starter}[owner]
    setattr(module, function, stopping(getattr(module, function), when == "done"))
execute_from_command_line(["manage.py", "prepare", *sys.argv[5:]])
"""
"""``prepare`` with a small snapshot, which stops itself at the n-th call of a function."""


def _chosen():
    """Eighty records: those of the lists, others, and two that come before the models which tell their architecture."""
    telling = {"TheBloke/phi-2-GGUF": "microsoft/phi-2", "unsloth/Qwen3.5-35B-A3B-GGUF": "Qwen/Qwen3.5-35B-A3B"}
    listed = {repo_id for *_, entries in starter.LISTS for repo_id, _ in entries} | set(telling.values())
    known = {one["id"]: one for one in every_record()}
    names = [*telling, *(name for name in known if name not in listed | telling.keys())]
    last = [name for name in known if name in listed]
    return [known[name] for name in [*names[: 80 - len(last)], *last]]


SNAPSHOT = _chosen()

POINTS = {
    "before anything is loaded": ("runs.start_run", 1),
    "before the first batch": ("store.store_told", 1),
    "inside a batch, before its commit": ("writing._write done", 3),
    "between two batches": ("store.store_told done", 5),
    "before relatives learn of a batch": ("writing._read_relatives_again", 1),
    "while relatives learn of a batch": ("writing._read_relatives_again done", 1),
    "after the last batch": ("store.store_told done", 8),
    "before the run is noted as done": ("runs.finish_run", 1),
    "after the run, before the lists": ("starter.create_lists", 1),
    "after the lists, before their commit": ("starter.create_lists done", 1),
    "before the last mark": ("runs.end_filling", 1),
}

RESULT = {
    "records": """SELECT repo_id, r.digest, sha, downloads, popularity, r.task, license, r.family, r.architecture,
        architecture_from, parameters, parameters_from, context, r.formats, shape_facts, size_bytes, projector, origin,
        as_of, search_text, s.digest FROM compat_modelrecord r JOIN compat_factsheet s ON s.id = sheet_id ORDER BY 1""",
    "answers": """SELECT repo_id, kind, d.sha, read, data FROM compat_recorddocument d
        JOIN compat_modelrecord r ON r.id = record_id ORDER BY 1""",
    "variants": """SELECT repo_id, v.position, key, label, format, quantization, v.size_bytes, CAST(files AS text)
        FROM compat_recordvariant v JOIN compat_modelrecord r ON r.id = record_id ORDER BY 1, 2""",
    "languages": """SELECT repo_id, code FROM compat_recordlanguage
        JOIN compat_modelrecord r ON r.id = record_id ORDER BY 1, 2""",
    "relations": """SELECT repo_id, base, kind FROM compat_recordrelation
        JOIN compat_modelrecord r ON r.id = record_id ORDER BY 1, 2""",
    "verdicts": """SELECT repo_id, profile, confidence, cause, best, CAST(results AS text), rules FROM compat_verdict v
        JOIN compat_modelrecord r ON r.sheet_id = v.sheet_id ORDER BY 1, 2""",
    "lists": """SELECT title, slug, description, l.position, e.position, repo_id, note FROM compat_curatedlist l
        JOIN compat_listentry e ON e.curated_list_id = l.id JOIN compat_modelrecord r ON r.id = record_id
        ORDER BY 4, 5""",
    "filling": "SELECT filling FROM compat_catalogue",
}
"""All that a visitor can see, without numbers of rows and times."""


def snapshot(own):
    return write_lines(own.path.with_name("snapshot.jsonl"), SNAPSHOT)


def prepare(own, point=("", 0), signal_name="SIGKILL", options=()):
    return own.python(PREPARE, snapshot(own), *point, signal_name, *options)


def result(own):
    return {name: own.rows(sql) for name, sql in RESULT.items()}


@pytest.fixture(scope="module")
def static(tmp_path_factory):
    """A folder for static files, collected once."""
    return str(tmp_path_factory.mktemp("static"))


@pytest.fixture
def own(tmp_path, static):
    """A new site's database."""
    with OwnDatabase(tmp_path, STATIC_ROOT=static) as own:
        yield own


@pytest.fixture(scope="module")
def clean(tmp_path_factory, static):
    """What a first start that nobody interrupts makes."""
    with OwnDatabase(tmp_path_factory.mktemp("clean"), STATIC_ROOT=static) as own:
        done = prepare(own)
        assert done.returncode == 0, done.stderr
        found = result(own)
    assert len(found["records"]) == len(SNAPSHOT) == 80
    assert len({row[1] for row in found["lists"]}) == len(starter.LISTS)
    assert any(row[9] == "relative" for row in found["records"])
    assert found["filling"] in ([(0,)], [(False,)])
    return found


def finished_by_the_next(own, clean):
    again = prepare(own)
    assert again.returncode == 0, again.stderr
    assert result(own) == clean


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_first_start_is_finished_by_the_next(own, clean, point):
    done = prepare(own, POINTS[point])
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert result(own) != clean, "it was killed too late"
    finished_by_the_next(own, clean)


@pytest.mark.parametrize("point", ["between two batches", "before the run is noted as done", "before the last mark"])
def test_a_first_start_stopped_by_ctrl_c_is_finished_by_the_next(own, clean, point):
    done = prepare(own, POINTS[point], "SIGINT")
    assert done.returncode == 130, done.stderr
    assert "Run it again to go on." in done.stderr
    assert result(own) != clean, "it was stopped too late"
    finished_by_the_next(own, clean)


def test_a_first_start_killed_twice_is_finished_by_the_third(own, clean):
    assert prepare(own, ("store.store_told done", 2)).returncode == -signal.SIGKILL
    assert prepare(own, ("store.store_told done", 3)).returncode == -signal.SIGKILL
    finished_by_the_next(own, clean)


def test_a_killed_load_is_finished_when_the_file_is_loaded_again(own, clean):
    """Without ``prepare``: what relatives tell is part of each batch."""
    assert prepare(own, ("store.store_told done", 8)).returncode == -signal.SIGKILL
    done = own.run("load_records", snapshot(own))
    assert done.returncode == 0, done.stderr
    found = result(own)
    assert (found["records"], found["verdicts"]) == (clean["records"], clean["verdicts"])


def test_prepares_at_the_same_time_wait_for_each_other(own, clean):
    command = [sys.executable, "-c", PREPARE, snapshot(own), "", "0", "SIGKILL"]
    environment = {**own.env, "DJANGO_SETTINGS_MODULE": "marketplace.settings"}
    several = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    told = [one.communicate(timeout=TIMEOUT) for one in several]
    assert [one.returncode for one in several] == [0, 0, 0], told
    assert sum("waiting for it to end" in stderr for _, stderr in told) == 2
    assert result(own) == clean
    assert own.value("SELECT count(*) FROM compat_job WHERE kind = 'load'") == 1


# --- what is not an interrupted first start --------------------------------------------------------------------------


def test_a_catalogue_of_ones_own_is_left_alone(own, tmp_path):
    few = write_lines(tmp_path / "mine.jsonl", SNAPSHOT[:7])
    assert own.run("load_records", few).returncode == 0
    assert prepare(own).returncode == 0
    assert own.records() == 7
    assert own.value("SELECT count(*) FROM compat_curatedlist") == 0


def test_no_snapshot_is_wanted_after_an_interrupted_start(own):
    assert prepare(own, ("store.store_told done", 2)).returncode == -signal.SIGKILL
    records = own.records()
    done = prepare(own, options=("--no-snapshot",))
    assert done.returncode == 0, done.stderr
    assert own.records() == records


def test_what_a_curator_deleted_stays_away(own, clean):
    assert prepare(own).returncode == 0
    code = "CuratedList.objects.all().delete(); ModelRecord.objects.filter(owner='Qwen').delete()"
    assert own.run("shell", "-c", f"from compat.models import CuratedList, ModelRecord; {code}").returncode == 0
    records = own.records()
    assert 0 < records < len(clean["records"])
    again = prepare(own)
    assert (again.returncode, again.stdout) == (0, ""), again.stderr
    assert own.records() == records
    assert own.value("SELECT count(*) FROM compat_curatedlist") == 0
