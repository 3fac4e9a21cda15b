"""What holds for all commands: help that cannot rot, one form of JSON, exit codes, and who gets colours."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import threading
from argparse import SUPPRESS
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command, find_commands, get_commands, load_command_class
from django.db import OperationalError, ProgrammingError, connection, transaction

from compat.management.command import EVERY, MEANINGS, CatalogueCommand, Exit, _is_about_the_database
from compat.management.console import VERDICT_SHAPES, bar
from compat.rules.result import Confidence
from tests.own_database import ROOT, OwnDatabase, environment, manage
from tests.samples import RECORDS

pytestmark = pytest.mark.django_db

NAMES = sorted(
    name
    for folder in ("compat", "marketplace")
    for name in find_commands(str(ROOT / folder / "management"))
    if isinstance(load_command_class(folder, name), CatalogueCommand)
)
BASE = {
    "--help", "--json", "--version", "--verbosity", "--settings", "--pythonpath", "--traceback", "--no-color",
    "--force-color", "--skip-checks",
}  # fmt: skip
REFUSED = "meta-llama/Llama-3.1-70B-Instruct"
ESCAPE = "\x1b"


def command(name):
    return load_command_class(get_commands()[name], name)


def parser_of(name):
    return command(name).create_parser("manage.py", name)


def test_these_are_the_commands():
    assert NAMES == [
        "accuracy", "backup", "build_index", "check_model", "compat_report", "dump_measurements", "dump_records",
        "export_site", "find_models", "housekeeping", "list_workers", "load_records", "prepare", "read_log",
        "reevaluate", "refresh_models", "sync_models", "work",
    ]  # fmt: skip


# --- help ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_help_ends_with_examples_that_its_own_parser_takes(name):
    examples = command(name).examples
    assert len(examples) >= 2
    text = parser_of(name).format_help()
    part = text.split("\nExamples:\n")[1].split("\nExit codes:\n")[0]
    for line, what in examples:
        assert f"  manage.py {line}\n      {what}\n" in part
        first, *arguments = shlex.split(line)
        assert first == name
        parser_of(name).parse_args(arguments)
    assert any("--json" in line for line, _ in examples)


@pytest.mark.parametrize("name", NAMES)
def test_help_tells_the_exit_codes_and_every_option(name):
    text = parser_of(name).format_help()
    meanings = {code: MEANINGS[code] for code in EVERY} | dict(command(name).codes)
    told = text.split("\nExit codes:\n")[1].rstrip("\n").split("\n")
    assert told == [f"  {code:<4} {meanings[code]}" for code in sorted(meanings)]
    for action in parser_of(name)._actions:
        assert action.help, action
        assert action.help != SUPPRESS


def test_help_needs_neither_rich_nor_httpx_and_an_answer_in_a_pipe_needs_neither(tmp_path):
    code = (
        "import os, sys, django\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'marketplace.settings'\n"
        "django.setup()\n"
        "from django.core.management import call_command, get_commands, load_command_class\n"
        f"for name in {NAMES}:\n"
        "    load_command_class(get_commands()[name], name).create_parser('manage.py', name).format_help()\n"
        "late = ('rich', 'httpx', 'compat.catalogue.detail')\n"
        "print(*[name for name in late if name in sys.modules and name not in before])\n"
    ).replace("from django.core", "before = set(sys.modules)\nfrom django.core", 1)
    code += "call_command('find_models', 'phi')\nprint(*[name for name in late[:2] if name in sys.modules])\n"
    with OwnDatabase(tmp_path) as own:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=own.env, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


# --- the reference page ----------------------------------------------------------------------------------------

PAGE = (ROOT / "docs/commands.md").read_text("utf-8")


def part_of(title, level="###"):
    found = re.search(rf"^{level} {re.escape(title)}\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/commands.md has no part “{title}”"
    return found[1]


def told_options(text):
    cells = re.findall(r"^\|([^|]+)\|", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {word.split()[0] for cell in cells for word in re.findall(r"`([^`]+)`", cell)}


def test_the_page_has_a_part_for_each_command():
    heads = set(re.findall(r"^### `(\w+)`$", PAGE, re.MULTILINE))
    assert heads >= set(NAMES)
    assert heads <= set(get_commands())


@pytest.mark.parametrize("name", NAMES)
def test_the_page_names_every_option_and_no_other(name):
    text = part_of(f"`{name}`")
    told = told_options(text)
    if "[worker's options](#the-worker)" in text:
        told |= told_options(part_of("The worker"))
    told |= told_options(part_of("Options of every command"))
    expected = set()
    for action in parser_of(name)._actions:
        long = [option for option in action.option_strings if option.startswith("--")]
        expected.add(long[0] if long else action.metavar or action.dest.upper())
    assert told == expected
    assert expected >= BASE


def test_the_page_has_the_exit_codes():
    told = {
        int(code): meaning
        for code, meaning in re.findall(r"^\| (\d+) \| (.+) \|$", part_of("Exit codes"), re.MULTILINE)
    }
    assert set(told) == set(Exit)
    assert {code: told[code] for code in Exit if code is not Exit.CLOSED} == {
        code: MEANINGS[code] for code in Exit if code is not Exit.CLOSED
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_page_has_the_exit_codes_of_each_command(name):
    told = re.findall(r"^\| (\d+) \| (.+) \|$", part_of(f"`{name}`"), re.MULTILINE)
    assert {int(code): meaning for code, meaning in told} == dict(command(name).codes)


# --- JSON ------------------------------------------------------------------------------------------------------


def asked(name, folder):
    """A call of each command that works without a Hub and changes nothing outside the folder."""
    return {
        "check_model": ["microsoft/phi-2"],
        "find_models": ["qwen"],
        "dump_records": [folder / "all.jsonl"],
        "dump_measurements": [folder / "measured.jsonl"],
        "read_log": ["meta-llama/Llama-3.1-8B", ROOT / "tests/logs/data/ollama-0.9-deepseek-r1-8b-journald.log"],
        "load_records": [RECORDS],
        "export_site": ["--top", "3", "--output", folder / "dist"],
        "work": ["--batch"],
    }.get(name, [])


OFFLINE = [name for name in NAMES if name not in ("sync_models", "refresh_models", "backup")]
"""A backup needs a database that others see: tests/test_backup.py has its own."""


def keys(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            # What is counted under “skipped” and “hidden” are sentences and causes, not names of fields.
            yield key
            if key not in ("skipped", "hidden"):
                yield from keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner)


@pytest.mark.parametrize("name", OFFLINE)
def test_json_is_one_document_alone_with_names_in_camel_case(name, tmp_path, settings, capsys):
    settings.STATIC_ROOT = tmp_path / "static"
    call_command(name, *asked(name, tmp_path), "--json")
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert isinstance(found, dict)
    assert shown.err == ""
    assert all(re.fullmatch(r"[a-z][a-zA-Z0-9]*", key) for key in keys(found))


@pytest.mark.parametrize("name", OFFLINE)
def test_plain_text_has_no_escapes_boxes_or_blanks_at_line_ends(name, tmp_path, settings, capsys):
    settings.STATIC_ROOT = tmp_path / "static"
    call_command(name, *asked(name, tmp_path))
    shown = capsys.readouterr()
    assert not re.search(r"[\x1b\u2500-\u257f\u2580-\u259f●○◇✕◌]", shown.out + shown.err)
    if name != "accuracy":
        assert all(line == line.rstrip() for line in shown.out.splitlines())


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_option_raises_with_the_code_for_wrong_usage(name):
    with pytest.raises(CommandError, match="--nonsense") as caught:
        call_command(name, *asked(name, Path("nowhere")), *(["x"] if name == "dump_records" else []), "--nonsense")
    assert caught.value.returncode == Exit.USAGE


def test_an_option_cannot_be_abbreviated():
    with pytest.raises(CommandError, match="--sea"):
        call_command("sync_models", "--sea", "phi")


# --- terminals -------------------------------------------------------------------------------------------------


@contextmanager
def terminal(encoding="utf-8"):
    """A real pseudo-terminal to write to, and what arrives at its other side."""
    master, slave = pty.openpty()
    got = bytearray()

    def read():
        while True:
            try:
                data = os.read(master, 65536)
            except OSError:  # the last writer has gone
                return
            if not data:
                return
            got.extend(data)

    reader = threading.Thread(target=read)
    reader.start()
    shown = []
    with open(slave, "w", encoding=encoding, errors="plain_letters") as stream:  # noqa: PTH123 - a descriptor
        yield stream, shown
    reader.join(timeout=20)
    os.close(master)
    shown.append(got.decode(encoding).replace("\r\n", "\n"))


@pytest.fixture(autouse=True)
def _terminal_of_80_columns(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)


def on_terminal(*arguments, encoding="utf-8"):
    with terminal(encoding) as (stream, shown):
        call_command(*map(str, arguments), stdout=stream, stderr=io.StringIO())
    return shown[0]


def bare(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


SHOWN = [
    ("check_model", REFUSED, "microsoft/phi-2"),
    ("check_model", "unsloth/Qwen3.5-35B-A3B-GGUF", "--worker", "llama-cpp", "--memory", "24"),
    ("find_models", "--compatible", "false", "--limit", "60"),
    ("list_workers",),
    ("compat_report", "--top", "300"),
    ("accuracy",),
]
QUICK = SHOWN[:-1]


@pytest.mark.parametrize("arguments", SHOWN, ids=" ".join)
def test_a_terminal_gets_colours_and_shapes_and_nothing_wider_than_it_is(arguments, monkeypatch):
    for columns in (80, 140):
        monkeypatch.setenv("COLUMNS", str(columns))
        shown = on_terminal(*arguments)
        assert ESCAPE in shown
        assert max(map(len, bare(shown).splitlines())) <= columns
        assert "…" not in shown


@pytest.mark.parametrize("arguments", QUICK, ids=" ".join)
def test_without_colours_a_terminal_gets_the_same_words_and_shapes(arguments, monkeypatch):
    coloured = on_terminal(*arguments)
    assert on_terminal(*arguments, "--no-color") == bare(coloured)
    monkeypatch.setenv("NO_COLOR", "1")
    assert on_terminal(*arguments) == bare(coloured)


@pytest.mark.parametrize("arguments", QUICK, ids=" ".join)
def test_a_pipe_gets_colours_only_if_they_are_forced(arguments, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    call_command(*arguments)
    plain = capsys.readouterr().out
    assert ESCAPE not in plain
    call_command(*arguments, "--force-color")
    assert ESCAPE in capsys.readouterr().out


@pytest.mark.parametrize("value", ["dumb", ""])
def test_a_terminal_that_cannot_move_its_cursor_gets_plain_text(value, monkeypatch, capsys):
    monkeypatch.setenv("TERM", value)
    call_command("compat_report")
    assert on_terminal("compat_report") == capsys.readouterr().out


def test_json_on_a_terminal_is_plain(capsys):
    call_command("list_workers", "--json")
    assert on_terminal("list_workers", "--json") == capsys.readouterr().out


NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


@pytest.mark.parametrize("arguments", SHOWN[2:5], ids=" ".join)
def test_a_wide_terminal_shows_every_number_that_plain_text_has(arguments, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "300")
    call_command(*arguments)
    shown = bare(on_terminal(*arguments))
    assert not Counter(NUMBER.findall(capsys.readouterr().out)) - Counter(NUMBER.findall(shown))


@pytest.mark.parametrize("columns", [80, 140])
def test_no_number_of_a_wide_table_is_cut_off(columns, monkeypatch, capsys):
    call_command("accuracy", "--json")
    found = json.loads(capsys.readouterr().out)
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = bare(on_terminal("accuracy"))
    for row in (*found["memory"]["rows"], *found["speed"]["rows"]):
        shares = [f"{100 * row[key]:.1f} %" for key in ("median", "p90", "max")]
        words = [row["quantity"], row["quality"], f"{row['n']:,}", *shares]
        assert re.search(r"\s+".join(map(re.escape, words)), shown), words


def test_every_verdict_has_a_shape_of_its_own_beside_its_word():
    shown = bare(on_terminal("find_models", "--compatible", "false", "--limit", "396"))
    words = {level.word: level.badge for level in Confidence} | {"unknown": "Unknown"}
    assert set(words) == set(VERDICT_SHAPES)
    assert len(set(VERDICT_SHAPES.values())) == len(words)
    for kind in ("high", "low", "none", "unknown"):
        assert f" {VERDICT_SHAPES[kind]} {words[kind]} " in shown
    for kind, word in words.items():
        assert shown.count(f" {word} ") == shown.count(f" {VERDICT_SHAPES[kind]} {word} ")


def test_whole_ids_are_on_a_narrow_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "60")
    call_command("find_models", "--limit", "40", "--json")
    ids = [item["id"] for item in json.loads(capsys.readouterr().out)["items"]]
    shown = on_terminal("find_models", "--limit", "40")
    first = "".join(line.split("  ")[0] for line in bare(shown).splitlines()[1:])
    assert first == "".join(ids)


def test_letters_that_an_encoding_lacks_are_replaced_and_json_escapes_them(capsys):
    shown = on_terminal("check_model", REFUSED, encoding="ascii")
    assert "x Won't run" in bare(shown)
    assert '"cap"' in bare(shown)
    assert "#" in on_terminal("compat_report", encoding="ascii")
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    call_command("check_model", REFUSED, "--json", stdout=stream)
    stream.flush()
    call_command("check_model", REFUSED, "--json")
    assert json.loads(stream.buffer.getvalue()) == json.loads(capsys.readouterr().out)


def test_a_bar_is_as_long_as_its_part():
    assert bar(1, 1, 10) == "█" * 10
    assert bar(0, 10, 10) == bar(0, 0, 10) == ""
    assert bar(1, 2, 3) == "█▌"
    assert bar(1, 1_000_000, 10) == "▏"


# --- as processes ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    with OwnDatabase(tmp_path_factory.mktemp("commands"), filled=True, HF_HUB_OFFLINE="1") as made:
        yield made


def test_wrong_usage_ends_with_2_and_says_so_in_words_and_json(own):
    done = own.run("compat_report", "--top", "many", "--json")
    assert done.returncode == Exit.USAGE
    assert "'many' is not a whole number above zero" in done.stderr
    assert done.stderr.startswith("Error: ")
    assert json.loads(done.stdout) == {
        "error": {"exitCode": 2, "message": done.stderr.removeprefix("Error: ").rstrip("\n")}
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("find_models", b"\xff"), ("find_models", "--author", b"\xff"), ("find_models", b"--\xff"),
        ("find_models", "--limit", b"\xff"), ("check_model", b"\xff", "--worker", "rbee"),
    ],
)  # fmt: skip
def test_bytes_that_are_no_text_end_with_2_and_are_told_escaped(own, arguments):
    done = subprocess.run(
        [sys.executable, ROOT / "manage.py", *arguments, "--json"],
        env=own.env,
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert done.returncode == Exit.USAGE, done.stderr
    assert b"Traceback" not in done.stderr
    assert "\\udcff" in json.loads(done.stdout)["error"]["message"]


def test_output_that_nobody_reads_to_its_end_ends_quietly(own):
    with own.start("dump_records", "-") as process:
        assert process.stdout.readline().startswith('{"')
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=30) == Exit.CLOSED


def test_output_that_cannot_be_written_is_told(own):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, ROOT / "manage.py", "list_workers"],
            env=own.env, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == Exit.FAILED
    assert done.stderr == "Error: The output cannot be written: No space left on device.\n"


def test_an_encoding_without_the_letters_does_not_crash(own):
    own_ascii = {**own.env, "PYTHONIOENCODING": "ascii", "LANG": "C", "PYTHONUTF8": "0"}
    done = manage("check_model", REFUSED, "--worker", "nobody", env=own_ascii)
    assert done.returncode == Exit.USAGE
    assert done.stderr.startswith('Error: There is no worker "nobody". There are: ')


def test_ctrl_c_ends_with_130_a_sentence_and_no_file(own, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    # The pipe can be opened once the command has begun to write.
    with own.start("dump_records", tmp_path / "pipe") as process, (tmp_path / "pipe").open("rb") as reader:
        reader.read(1)
        process.send_signal(signal.SIGINT)
        reader.read()  # what was written is still flushed, which waits for room in the pipe
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (Exit.STOPPED, "")
    assert err == "\nStopped. No file was written.\n"
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_database_without_tables_is_told_with_what_to_do(tmp_path):
    done = manage("list_workers", env=environment(f"sqlite:///{tmp_path}/new.sqlite3"))
    assert done.returncode == Exit.FAILED
    assert done.stderr.startswith("Error: The database cannot be used: no such table: ")
    assert "If it is new, run manage.py prepare first" in done.stderr


def test_a_missing_table_is_about_the_database_on_either_database():
    with (
        pytest.raises((OperationalError, ProgrammingError)) as caught,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT 1 FROM there_is_no_such_table")
    assert _is_about_the_database(caught.value)


def test_a_real_terminal_shows_a_progress_bar_only_on_standard_error(own, tmp_path):
    with terminal() as (stream, shown):
        done = subprocess.run(
            [sys.executable, ROOT / "manage.py", "dump_records", tmp_path / "all.jsonl", "--json"],
            env={**own.env, "TERM": "xterm-256color"}, cwd=ROOT, stdout=subprocess.PIPE, stderr=stream, check=False,
        )  # fmt: skip
    assert done.returncode == 0
    assert json.loads(done.stdout)["records"] > 300
    assert "Writing all.jsonl" in shown[0]
    assert ESCAPE in shown[0]
