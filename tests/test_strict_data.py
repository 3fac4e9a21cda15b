"""What is said of a data file that is wrong: file, place and what is expected there."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

import pytest
from pydantic import Field

from compat.strict_data import (
    DataError,
    Name,
    Names,
    StrictTable,
    check_table,
    one_of,
    parse_json,
    parse_toml,
    read_text,
)


class Entry(StrictTable):
    name: Name
    kind: Annotated[str, one_of("a", "b")] = "a"
    sizes: list[Annotated[float, Field(gt=0)]] = []
    words: Names = []
    on: bool = False
    checked: date | None = None
    parts: dict[str, int] = {}
    also: dict[str, str | list[str]] = {}
    side: Literal["left", "right"] = "left"


class File(StrictTable):
    entries: list[Entry] = []
    tables: dict[str, Entry] = {}


CASES = [
    ({"entry": []}, "entry is not a field here"),
    ({"entries": {}}, "entries should be list, not {}"),
    ({"entries": [{"name": "x"}, {}]}, "entries 2: name is missing"),
    ({"entries": ["x"]}, "entries 1 should be a table, not 'x'"),
    ({"entries": [{"name": ""}]}, "entries 1: name is empty"),
    ({"entries": [{"name": "x", "kind": "c"}]}, "entries 1 (x): kind should be one of a, b, not 'c'"),
    ({"entries": [{"name": "x", "sizes": [1, 0]}]}, "entries 1 (x): sizes 2 should be greater than 0, not 0"),
    ({"entries": [{"name": "x", "sizes": [True]}]}, "entries 1 (x): sizes 1 should be float or int, not True"),
    ({"entries": [{"name": "x", "words": ["a", "a"]}]}, "entries 1 (x): words names something twice"),
    ({"entries": [{"name": "x", "on": "yes"}]}, "entries 1 (x): on should be bool, not 'yes'"),
    ({"entries": [{"name": "x", "checked": "now"}]}, "entries 1 (x): checked should be date, not 'now'"),
    ({"entries": [{"name": "x", "parts": {"a": 1.5}}]}, "entries 1 (x): parts: a should be int, not 1.5"),
    ({"entries": [{"name": "x", "parts": 3}]}, "entries 1 (x): parts should be a table, not 3"),
    ({"entries": [{"name": "x", "also": {"a": 3}}]}, "entries 1 (x): also: a should be str, not 3"),
    ({"entries": [{"name": "x", "also": {"a": ["b", 3]}}]}, "entries 1 (x): also: a should be str, not ['b', 3]"),
    ({"entries": [{"name": "x", "side": "up"}]}, "entries 1 (x): side should be one of left, right, not 'up'"),
    ({"tables": {"one": {"name": 3}}}, "tables: one: name should be str, not 3"),
]


@pytest.mark.parametrize(("data", "problem"), CASES, ids=[case[1] for case in CASES])
def test_the_place_is_named_as_a_reader_of_the_file_counts(data, problem):
    with pytest.raises(DataError) as caught:
        check_table(File, data, "demo.json")
    assert str(caught.value) == f"demo.json: {problem}"


def test_a_misspelt_field_is_named_before_the_one_that_is_missed_for_it():
    with pytest.raises(DataError, match=r"^demo\.json: entries 1: nam is not a field here$"):
        check_table(File, {"entries": [{"nam": "x"}]}, "demo.json")


def test_a_long_value_is_cut():
    with pytest.raises(DataError) as caught:
        check_table(File, {"entries": "x" * 10_000}, "demo.json")
    assert len(str(caught.value)) < 150


def test_whole_numbers_are_numbers_and_what_is_right_is_kept():
    found = check_table(File, {"entries": [{"name": "x", "sizes": [1, 2.5], "checked": date(2026, 1, 1)}]}, "demo.toml")
    assert found.entries[0].sizes == [1, 2.5]
    assert found.entries[0].checked == date(2026, 1, 1)


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        (parse_toml, "a = ", "demo: not valid TOML: "),
        (parse_toml, "a = 1\na = 2", "demo: not valid TOML: "),
        (parse_json, "{", "demo: not valid JSON: "),
        (parse_json, '[{"b": {"a": 1, "a": 1}}]', "demo: 'a' stands twice in one object"),
    ],
)
def test_a_file_that_cannot_be_parsed_is_named(parse, text, message):
    with pytest.raises(DataError) as caught:
        parse(text, "demo")
    assert str(caught.value).startswith(message)


def test_a_file_that_is_missing_or_no_text_is_told_in_a_sentence(tmp_path):
    with pytest.raises(DataError, match=r"^cards\.json: cannot be read: No such file"):
        read_text(tmp_path / "cards.json")
    (tmp_path / "cards.json").write_bytes(b"{\xff}")
    with pytest.raises(DataError, match=r"^cards\.json: cannot be read: .*utf-8"):
        read_text(tmp_path / "cards.json")
