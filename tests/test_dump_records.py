"""``dump_records``: everything the Hub told comes out again, and goes in again unchanged."""

from __future__ import annotations

import gzip
import json

import pytest
from django.core.management import CommandError, call_command

from compat.models import ModelRecord
from tests.own_database import OwnDatabase
from tests.samples import RECORDS, every_record

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
    with pytest.raises(CommandError, match="is a folder: name a file in it"):
        call_command("dump_records", tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_whole_database_moves_to_another_one(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with OwnDatabase(tmp_path / "one") as one, OwnDatabase(tmp_path / "two") as two:
        assert one.run("load_records", RECORDS).returncode == 0
        piped = one.run("dump_records", "-")
        assert piped.returncode == 0, piped.stderr
        (tmp_path / "piped.jsonl").write_text(piped.stdout, "utf-8")
        loaded = two.run("load_records", tmp_path / "piped.jsonl")
        assert loaded.returncode == 0, loaded.stderr
        digests = "SELECT repo_id, digest, popularity FROM compat_modelrecord"
        assert sorted(one.rows(digests)) == sorted(two.rows(digests))
