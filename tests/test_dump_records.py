"""``dump_records``: everything the Hub told comes out again, and goes in again unchanged."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from compat.management.command import Exit
from compat.management.commands.dump_records import replaced_file
from compat.models import ModelRecord
from tests.own_database import OwnDatabase
from tests.samples import every_record

pytestmark = pytest.mark.django_db


def test_what_is_written_is_what_was_read(tmp_path, capsys):
    target = tmp_path / "all.jsonl"
    call_command("dump_records", target)
    written = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
    by_id = {item["id"]: item for item in every_record()}
    assert {item["id"]: item for item in written} == by_id
    assert [item["id"] for item in written] == list(
        ModelRecord.objects.order_by("repo_id").values_list("repo_id", flat=True)
    )
    assert capsys.readouterr().out.startswith(f"{len(by_id)} records written to {target}")


def test_a_dash_writes_the_same_to_standard_output(tmp_path):
    out = io.StringIO()
    call_command("dump_records", tmp_path / "all.jsonl")
    call_command("dump_records", "-", stdout=out)
    assert out.getvalue() == (tmp_path / "all.jsonl").read_text("utf-8")


def test_loading_a_dump_changes_nothing(tmp_path, capsys):
    call_command("dump_records", tmp_path / "all.jsonl.gz")
    capsys.readouterr()
    call_command("load_records", tmp_path / "all.jsonl.gz")
    assert f"0 new, 0 changed, {len(every_record())} unchanged, 0 rejected" in capsys.readouterr().out


def test_equal_records_make_equal_files(tmp_path):
    for name in ("a.jsonl", "b.jsonl", "a.jsonl.gz", "b.jsonl.gz"):
        call_command("dump_records", tmp_path / name)
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()) == (tmp_path / "a.jsonl").read_bytes()


def test_an_old_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path):
    target = tmp_path / "all.jsonl"
    target.write_text("old")
    call_command("dump_records", target)
    assert target.read_text("utf-8").startswith("{")
    assert [path.name for path in tmp_path.iterdir()] == ["all.jsonl"]


def test_a_target_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(CommandError, match="cannot be written: No such file or directory"):
        call_command("dump_records", tmp_path / "no" / "such" / "folder.jsonl")
    (tmp_path / "folder").mkdir()
    with pytest.raises(CommandError, match="is a folder: name a file in it") as caught:
        call_command("dump_records", tmp_path / "folder")
    assert caught.value.returncode == Exit.USAGE
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_full_disk_is_told_and_a_device_is_written_to_not_replaced():
    full = Path("/dev/full")
    with pytest.raises(CommandError, match="/dev/full cannot be written: No space left on device") as caught:
        call_command("dump_records", full)
    assert caught.value.returncode == Exit.FAILED
    assert full.is_char_device()
    assert not list(full.parent.glob(".full*"))


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "folder").mkdir()
    link = tmp_path / "all.jsonl"
    link.symlink_to(tmp_path / "folder/real.jsonl")
    call_command("dump_records", link)
    assert link.is_symlink()
    assert len((tmp_path / "folder/real.jsonl").read_text("utf-8").splitlines()) == len(every_record())
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["real.jsonl"]


def test_a_broken_run_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    target = tmp_path / "all.jsonl"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), replaced_file(target) as out:  # noqa: PT012 - what happens in it is the test
        out.write(b"half")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_json_says_how_much_was_written(tmp_path, capsys):
    target = tmp_path / "all.jsonl.gz"
    call_command("dump_records", target, "--json")
    found = json.loads(capsys.readouterr().out)
    assert found == {"file": str(target), "records": len(every_record()), "bytes": target.stat().st_size}
    with pytest.raises(CommandError, match="leave out --json") as caught:
        call_command("dump_records", "-", "--json")
    assert caught.value.returncode == Exit.USAGE


def test_a_whole_database_moves_to_another_one(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with OwnDatabase(tmp_path / "one", filled=True) as one, OwnDatabase(tmp_path / "two") as two:
        piped = one.run("dump_records", "-")
        assert piped.returncode == 0, piped.stderr
        loaded = two.run("load_records", "-", said=piped.stdout)
        assert loaded.returncode == 0, loaded.stderr
        assert two.rows("SELECT source, state FROM compat_job") == [("standard input", "done")]
        digests = "SELECT repo_id, digest, popularity FROM compat_modelrecord"
        assert sorted(one.rows(digests)) == sorted(two.rows(digests))
