"""Logs that are huge, hostile, foreign, or wrapped by other programs."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from re import _constants as sre_constants
from re import _parser as sre_parser

import pytest
from hypothesis import given
from hypothesis import strategies as st

import compat.logs
from compat.logs import MOST_BYTES, LogError, read_log
from compat.logs.lines import lines_of
from tests.logs.real_logs import log

SERVER = "llama-cpp-b8946-27b-q8-cache"


def sizes(given_log):
    return {part.name: part.bytes for part in read_log(given_log).load.parts}


EXPECTED = sizes(log(SERVER))


def outcome(text):
    """Why a text is no log, as a sentence; None where it is one."""
    try:
        read_log(text)
    except LogError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    "wrap",
    [
        lambda line: f"\x1b[34m0.00.608.510\x1b[0m \x1b[32mI \x1b[0m{line}",
        lambda line: f"[34m0.00.608.510[0m [32mI [0m{line}",  # a terminal's colours, pasted without their first byte
        lambda line: f"Nov 28 10:00:01 box llama-server[812]: {line}",
        lambda line: f"llama-1  | 2026-11-28T10:00:01.000000000Z {line}",
        lambda line: json.dumps({"log": f"{line}\n", "stream": "stderr", "time": "2026-11-28T10:00:01Z"}),
        lambda line: json.dumps({"MESSAGE": line, "_SYSTEMD_UNIT": "llama.service"}),
        lambda line: f"> {line}",
    ],
    ids=["coloured", "pasted colours", "journald", "compose", "docker", "journald as JSON", "quoted"],
)
def test_what_other_programs_put_around_lines_does_no_harm(wrap):
    assert sizes("\n".join(wrap(line) for line in log(SERVER).splitlines())) == EXPECTED


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends_of_other_systems(encoding, end):
    assert sizes(end.join(log(SERVER).splitlines()).encode(encoding)) == EXPECTED


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "no log"),
        (" \n\t\n", "no log"),
        (b"\x7fELF" + bytes(5000), "no text"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, "no text"),
        ("a recipe for apple pie\n" * 100, "Nothing in this text"),
        ("x" * (MOST_BYTES + 1), "larger than 2 MiB"),
        ("ä" * (MOST_BYTES // 2 + 1), "larger than 2 MiB"),
        ("127.0.0.1 - - [28/Nov/2026] GET / HTTP/1.1 200 version 5\n" * 50, "tells no size|Nothing in this text"),
    ],
    ids=["nothing", "blanks", "program", "picture", "recipe", "long", "long in bytes", "another log"],
)
def test_what_is_no_log_is_refused_with_what_to_do(text, word):
    with pytest.raises(LogError, match=word):
        read_log(text)


TEMPTING = (
    *("load_tensors: ", "CUDA0 model buffer size = ", "KV buffer size", " MiB", "llama_context: n_ctx = ", "K (f16): "),
    *("eval time = ", " ms / ", " tokens", "| model | t/s | test |", "- CUDA0 (", ") |", 'msg="model weights" size="'),
    *(
        "level=INFO source=",
        "\\",
        '"',
        "took ",
        " GiB",
        "using device ",
        "Device 0: ",
        "[0m",
        '{"log":',
        "--model ",
        "(",
    ),
)


def quantifiers(parsed):
    """The most repetitions of each repeated part of a pattern."""
    for operator, argument in parsed:
        if operator in (sre_constants.MAX_REPEAT, sre_constants.MIN_REPEAT):
            yield argument[1]
            yield from quantifiers(argument[2])
        elif operator is sre_constants.SUBPATTERN:
            yield from quantifiers(argument[-1])
        elif operator is sre_constants.BRANCH:
            for branch in argument[1]:
                yield from quantifiers(branch)


def test_no_pattern_repeats_anything_without_bound():
    """So that no line, however it is made, keeps a reader busy."""
    patterns = {
        value.pattern
        for module in pkgutil.iter_modules(compat.logs.__path__, "compat.logs.")
        for value in vars(importlib.import_module(module.name)).values()
        if isinstance(value, re.Pattern)
    }
    assert len(patterns) > 20
    unbounded = [one for one in patterns if sre_constants.MAXREPEAT in quantifiers(sre_parser.parse(one))]
    assert unbounded == []


@pytest.mark.parametrize("piece", TEMPTING, ids=range(len(TEMPTING)))
def test_a_line_of_one_piece_repeated_is_read_or_refused(piece):
    line = (piece * 4000)[:8000]
    text = "\n".join([line] * (MOST_BYTES // 8001 // 8))
    told = outcome(text)
    assert told is None or told.endswith(".")


def test_no_line_is_longer_than_what_is_looked_at():
    assert max(len(line) for _, line in lines_of("a" * 1_000_000 + "\n" + "{" * 100_000)) <= 8000


def test_millions_of_short_lines_are_passed_over():
    assert list(lines_of("a\n" * 1_000_000)) == []


@given(st.text(max_size=400), st.integers(0, 10_000))
def test_nothing_but_a_clear_refusal_comes_of_damaged_logs(junk, place):
    text = log(SERVER)
    place %= len(text)
    told = outcome(text[:place] + junk + text[place:])
    assert told is None or told.endswith(".")


@given(st.lists(st.sampled_from(TEMPTING), max_size=60))
def test_nothing_but_a_clear_refusal_comes_of_pieces(pieces):
    told = outcome("".join(pieces) + "\n" + "\n".join(pieces))
    assert told is None or told.endswith(".")


def test_numbers_that_cannot_be_do_not_stop_the_reader():
    text = log(SERVER).replace("14032.23", "9" * 400).replace("6647.00 MiB (2", "..1.2. MiB (2")
    assert read_log(text).load.part("kv").bytes == EXPECTED["kv"]
