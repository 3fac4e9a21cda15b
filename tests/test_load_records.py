"""``load_records``: good files, damaged files, and what is no file at all."""

from __future__ import annotations

import gzip
import json

import pytest
from django.core.management import CommandError, call_command

from compat.hub.payloads import MAX_RECORD_BYTES
from compat.management.command import Exit
from compat.models import Job, ModelRecord
from tests.own_database import OwnDatabase
from tests.samples import RECORDS, every_record, renamed, write_lines

pytestmark = pytest.mark.django_db


def load(path, capsys):
    call_command("load_records", path)
    return capsys.readouterr().out


def stored():
    return ModelRecord.objects.filter(owner="sample").count()


def lines(count):
    return "".join(json.dumps(item) + "\n" for item in renamed(count)).encode()


def test_a_plain_file_is_loaded_and_counted(tmp_path, capsys):
    out = load(write_lines(tmp_path / "new.jsonl", renamed(30)), capsys)
    assert out.startswith("30 records in ")
    assert "30 new, 0 changed, 0 unchanged, 0 rejected." in out
    assert stored() == 30
    run = Job.objects.latest("pk")
    assert (run.source, run.state, run.new, run.error) == ("new.jsonl", "done", 30, "")


def test_loading_it_again_changes_nothing(capsys):
    assert f"0 new, 0 changed, {len(every_record())} unchanged, 0 rejected." in load(RECORDS, capsys)


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.txt", "a"])
@pytest.mark.parametrize("zipped", [True, False], ids=["gzip", "plain"])
def test_the_content_tells_whether_it_is_gzipped_not_the_name(tmp_path, capsys, name, zipped):
    path = tmp_path / name
    path.write_bytes(gzip.compress(lines(5)) if zipped else lines(5))
    assert "5 new" in load(path, capsys)


def test_several_gzip_members_are_one_file(tmp_path, capsys):
    path = tmp_path / "a.gz"
    first, second = lines(6).splitlines(keepends=True)[:3], lines(6).splitlines(keepends=True)[3:]
    path.write_bytes(gzip.compress(b"".join(first)) + gzip.compress(b"".join(second)))
    assert "6 new" in load(path, capsys)


def test_a_malformed_line_is_named_and_skipped(tmp_path, capsys):
    whole = lines(3).splitlines(keepends=True)
    path = tmp_path / "a.jsonl"
    path.write_bytes(whole[0] + b'{"id": "sample/half",\n' + whole[1] + b'["no object"]\n' + whole[2])
    out = load(path, capsys)
    assert "3 new, 0 changed, 0 unchanged, 2 rejected." in out
    assert "rejected: line 2: not valid JSON" in out
    assert "rejected: line 4: a record should be a JSON object" in out
    assert Job.objects.latest("pk").rejected == 2


def test_empty_lines_windows_line_ends_and_a_missing_last_one_are_fine(tmp_path, capsys):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n\r\n" + lines(3).replace(b"\n", b"\r\n").rstrip() + b"")
    out = load(path, capsys)
    assert "3 new" in out
    assert "0 rejected" in out


def test_a_line_that_is_too_long_is_named_and_skipped(tmp_path, capsys):
    whole = lines(2).splitlines(keepends=True)
    path = tmp_path / "a.jsonl"
    path.write_bytes(whole[0] + b'{"id": "' + b"x" * (2 * MAX_RECORD_BYTES) + b'"}\n' + whole[1])
    out = load(path, capsys)
    assert "2 new" in out
    assert f"rejected: line 2: is longer than {MAX_RECORD_BYTES:,} bytes" in out


def test_many_bad_lines_are_counted_but_not_all_told(tmp_path, capsys):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"nonsense\n" * 80 + lines(1))
    out = load(path, capsys)
    assert "80 rejected" in out
    assert out.count("  rejected: ") == 50
    assert "... and 30 more" in out


def test_a_cut_off_gzip_file_keeps_what_stands_before_the_cut(tmp_path, capsys):
    whole = gzip.compress(lines(600))
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(CommandError) as caught:
        load(path, capsys)
    message = str(caught.value)
    assert "cut.jsonl.gz is damaged or cut off after line" in message
    assert "What stands before it is loaded" in message
    kept = stored()
    assert 0 < kept < 600
    assert f"after line {kept:,}" in message
    assert f"{kept} new" in capsys.readouterr().out
    run = Job.objects.latest("pk")
    assert (run.state, run.new) == ("failed", kept)
    assert "damaged" in run.error

    path.write_bytes(whole)
    assert f"{600 - kept} new, 0 changed, {kept} unchanged" in load(path, capsys)


def test_a_gzip_file_damaged_in_the_middle_is_an_error_too(tmp_path, capsys):
    whole = bytearray(gzip.compress(lines(600)))
    whole[len(whole) // 2] ^= 0xFF
    whole[len(whole) // 2 + 1] ^= 0xFF
    path = tmp_path / "a.gz"
    path.write_bytes(bytes(whole))
    with pytest.raises(CommandError, match="damaged or cut off"):
        load(path, capsys)


def test_a_file_of_nothing_usable_is_an_error(tmp_path, capsys):
    path = tmp_path / "a.jsonl"
    path.write_text("<html>Not Found</html>\n")
    with pytest.raises(CommandError, match="No record of this file could be used") as caught:
        load(path, capsys)
    assert caught.value.returncode == Exit.FAILED
    assert "1 rejected" in capsys.readouterr().out


def test_json_sums_up_what_was_done(tmp_path, capsys):
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(3) + b'["no object"]\n')
    call_command("load_records", path, "--json")
    found = json.loads(capsys.readouterr().out)
    assert found.pop("seconds") >= 0
    assert found.pop("problems") == ["line 4: a record should be a JSON object, not list"]
    assert found == {
        "file": str(path), "total": 4, "new": 3, "changed": 0, "unchanged": 0, "older": 0, "rejected": 1,
    }  # fmt: skip


def test_json_of_a_damaged_file_says_what_was_kept_and_what_is_wrong(tmp_path, capsys):
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(gzip.compress(lines(600))[:-400])
    with pytest.raises(CommandError) as caught:
        call_command("load_records", path, "--json")
    found = json.loads(capsys.readouterr().out)
    assert found["new"] == stored() > 0
    assert found["error"] == {"exitCode": Exit.FAILED, "message": str(caught.value)}


def test_an_empty_file_says_that_it_held_nothing(tmp_path, capsys):
    path = tmp_path / "empty.jsonl"
    path.write_bytes(b"")
    assert load(path, capsys).startswith("0 records in ")
    assert Job.objects.latest("pk").error == ""


def test_a_missing_file_and_a_folder_are_named(tmp_path, capsys):
    with pytest.raises(CommandError, match=r"missing\.jsonl cannot be read: No such file"):
        load(tmp_path / "missing.jsonl", capsys)
    with pytest.raises(CommandError, match="cannot be read: Is a directory"):
        load(tmp_path, capsys)


@pytest.mark.parametrize("arguments", [[], [RECORDS, "--bundled"]], ids=["neither", "both"])
def test_without_one_file_it_says_what_to_do(arguments):
    with pytest.raises(CommandError, match="--bundled") as caught:
        call_command("load_records", *arguments)
    assert caught.value.returncode == Exit.USAGE


def test_as_a_process_it_ends_with_an_error_and_no_traceback(tmp_path):
    whole = gzip.compress(lines(300))
    cut = tmp_path / "cut.gz"
    cut.write_bytes(whole[:-400])
    with OwnDatabase(tmp_path) as own:
        missing = own.run("load_records", tmp_path / "missing.jsonl")
        assert missing.returncode == Exit.FAILED
        assert missing.stderr.startswith("Error: ")
        damaged = own.run("load_records", cut)
        assert damaged.returncode == Exit.FAILED
        assert "Traceback" not in damaged.stderr
        assert 0 < own.records() < 300
        good = own.run("load_records", RECORDS)
        assert good.returncode == 0, good.stderr
        assert good.stderr == ""
        (tmp_path / "partly.jsonl").write_bytes(lines(3) + b"nonsense\n")
        partly = own.run("load_records", tmp_path / "partly.jsonl")
        assert (partly.returncode, partly.stderr) == (Exit.PARTLY, "")
        assert "0 new, 0 changed, 3 unchanged, 1 rejected." in partly.stdout
        assert "rejected: line 4: " in partly.stdout
