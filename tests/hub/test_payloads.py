"""Answers of the Hub, real and hostile, as typed records."""

from __future__ import annotations

import contextlib
import json
from collections import ChainMap
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compat.hub.errors import HubBadPayload
from compat.hub.payloads import MAX_RECORD_BYTES, decode_json, is_repo_id, parse_record

RECORDED = Path(__file__).parent / "recorded"


def recorded(name):
    return json.loads((RECORDED / f"{name}.json").read_text())


@pytest.mark.parametrize("path", sorted(RECORDED.glob("detail-*.json")), ids=lambda path: path.stem)
def test_recorded_answers_pass(path):
    parsed = parse_record(path.read_bytes())
    assert parsed.payload == json.loads(path.read_text())
    assert parsed.model.id == parsed.payload["id"]
    assert len(parsed.digest) == 32


def test_a_recorded_list_passes():
    assert [parse_record(item).model.likes for item in recorded("list-expand")] == [0, 0]


def test_a_gguf_repository_is_read():
    model = parse_record(recorded("detail-gguf")).model
    assert (model.gguf.total, model.gguf.architecture, model.gguf.context_length) == (
        999885952,
        "gemma3",
        32768,
    )
    assert model.created_at == datetime(2025, 3, 12, 6, 14, 1, tzinfo=UTC)
    assert [file.bytes for file in model.siblings] == [None] * 5
    assert (model.owner, model.name) == ("ggml-org", "gemma-3-1b-it-GGUF")
    assert model.card_data["base_model"] == ["google/gemma-3-1b-it"]


def test_a_gated_repository_is_read():
    model = parse_record(recorded("detail-gated")).model
    assert model.gated == "manual"
    assert model.config is None


def test_parameters_are_summed_where_no_total_is_told():
    assert parse_record(recorded("detail-quantized")).model.safetensors.count == 2167371072 + 118244966400
    assert parse_record(recorded("detail-vision")).model.safetensors.count == 8767123696
    assert parse_record({"id": "a/b", "safetensors": {}}).model.safetensors.count is None


def test_the_size_of_a_file_may_be_told_by_its_pointer():
    files = [
        {"rfilename": "a", "size": 0},
        {"rfilename": "b", "lfs": {"size": 7, "sha256": "x"}},
        {"rfilename": "c"},
    ]
    model = parse_record({"id": "a/b", "siblings": files}).model
    assert [file.bytes for file in model.siblings] == [0, 7, None]


def test_a_missing_key_is_unknown():
    model = parse_record({"id": "gpt2"}).model
    assert (model.tags, model.downloads, model.gated, model.siblings, model.owner) == (
        None,
        None,
        None,
        None,
        "",
    )


def test_a_day_without_time_zone_is_read_as_utc():
    model = parse_record({"id": "a/b", "createdAt": "2025-03-12", "lastModified": "2025-03-12T06:14:01"}).model
    assert model.created_at == datetime(2025, 3, 12, tzinfo=UTC)
    assert model.last_modified == datetime(2025, 3, 12, 6, 14, 1, tzinfo=UTC)


def test_the_digest_does_not_depend_on_the_order_of_keys():
    one = parse_record('{"id": "a/b", "likes": 1}')
    assert one.digest == parse_record('{"likes":1,"id":"a/b"}').digest
    assert one.digest != parse_record({"id": "a/b", "likes": 2}).digest


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", 5),
        ("id", None),
        ("id", ["a/b"]),
        ("downloads", "5"),
        ("downloads", -1),
        ("downloads", 1.5),
        ("likes", True),
        ("likes", 2**80),
        ("tags", "gguf"),
        ("tags", [1]),
        ("private", "false"),
        ("gated", "yes"),
        ("gated", 1),
        ("createdAt", 5),
        ("createdAt", "yesterday"),
        ("siblings", {}),
        ("siblings", [5]),
        ("siblings", [{}]),
        ("siblings", [{"rfilename": ""}]),
        ("siblings", [{"rfilename": "a", "size": "9"}]),
        ("config", []),
        ("cardData", "x"),
        ("safetensors", []),
        ("safetensors", {"parameters": {"BF16": "9"}}),
        ("gguf", {"total": 1.5}),
        ("pipeline_tag", 5),
        ("trendingScore", "high"),
        ("trendingScore", []),
        ("trendingScore", True),
        ("trendingScore", 10**400),
    ],
)
def test_a_wrong_type_names_the_field(field, value):
    with pytest.raises(HubBadPayload) as raised:
        parse_record({"id": "a/b", field: value})
    assert raised.value.field.partition(".")[0] == field
    assert str(raised.value).startswith(field)


def test_the_field_is_named_by_its_path():
    with pytest.raises(HubBadPayload) as raised:
        parse_record({"id": "a/b", "siblings": [{"rfilename": "a"}, {"rfilename": "b", "lfs": {"size": "big"}}]})
    assert raised.value.field == "siblings.1.lfs.size"


def test_a_long_key_does_not_make_a_long_message():
    with pytest.raises(HubBadPayload) as raised:
        parse_record({"id": "a/b", "safetensors": {"parameters": {"x" * 100_000: "9"}}})
    assert len(str(raised.value)) < 1000
    assert len(raised.value.field) < 500


@pytest.mark.parametrize("source", [[], "[]", b"5", "null", '"a/b"', b""])
def test_a_record_is_an_object(source):
    with pytest.raises(HubBadPayload):
        parse_record(source)


@pytest.mark.parametrize(
    "text",
    [
        '{"id": "a/b", "x": NaN}', '{"id": "a/b", "x": -Infinity}', '{"id": "a/b", "x": 1e999}',
        '{"id": "a/b", "x": ' + "9" * 5000 + "}", '{"id": "a/b", "x": ' + "[" * 50_000 + "]" * 50_000 + "}",
        '{"id": "a/b", "x": "\\ud800"}', '{"id": "a/b", "\\udfff": 1}', '{"id": "a/b", "x": "a\\u0000b"}',
        '{"id": "a/b", "a\\u0000b": 1}', '{"id": "a/b"', b'{"id": "a/b", "x": "\xff"}', "\ufeff{}",
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused(text):
    with pytest.raises(HubBadPayload):
        parse_record(text)


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), {1, 2}, b"x", object(), {(1, 2): 3}, 10**5000],
    ids=lambda value: None if isinstance(value, float) else type(value).__name__,
)
def test_what_is_no_json_is_refused(value):
    with pytest.raises(HubBadPayload):
        parse_record({"id": "a/b", "x": value})


def test_nesting_without_end_is_refused():
    loop: list[object] = []
    loop.append(loop)
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (loop, deep):
        with pytest.raises(HubBadPayload):
            parse_record({"id": "a/b", "config": {"x": value}})


def test_written_backslashes_are_no_nul():
    assert parse_record({"id": "a/b", "config": {"pattern": r"[\u0000-\u001f]"}}).model.config == {
        "pattern": r"[\u0000-\u001f]"
    }
    with pytest.raises(HubBadPayload, match="NUL"):
        parse_record({"id": "a/b", "config": {"pattern": "\\\0"}})


def test_a_record_that_is_too_large_is_refused():
    with pytest.raises(HubBadPayload, match="at most"):
        parse_record({"id": "a/b", "x": "y" * MAX_RECORD_BYTES})


def test_any_mapping_is_a_record():
    parsed = parse_record(ChainMap({"likes": 3}, {"id": "a/b"}))
    assert (parsed.model.likes, parsed.payload) == (3, {"id": "a/b", "likes": 3})


@pytest.mark.parametrize("text", ["gpt2", "a/b", "A-1/b.c_d", "_x/y", "a" * 96 + "/b"])
def test_an_id(text):
    assert is_repo_id(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "a/",
        "/b",
        "a/b/c",
        "a--b/c",
        "a/..",
        "../b",
        ".a/b",
        "-a/b",
        "a b",
        "a/b\n",
        "<b>x</b>",
        "a/<script>",
        'a/"onload="',
        "ä/b",
        "a" * 97,
        "a/b?c",
        "a/b#c",
        "a%2fb",
        "https://h/a",
    ],
)
def test_no_id(text):
    assert not is_repo_id(text)
    with pytest.raises(HubBadPayload, match=r"^id: ") as raised:
        parse_record({"id": text})
    assert raised.value.field == "id"


def test_constants_are_read_as_unknown_where_asked():
    assert decode_json("[NaN, -Infinity, 1]", constants=True) == [None, None, 1]
    with pytest.raises(HubBadPayload, match="NaN is not a JSON number"):
        decode_json("[NaN]")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "id",
        "author",
        "sha",
        "gated",
        "downloads",
        "trendingScore",
        "createdAt",
        "lastModified",
        "tags",
        "siblings",
        "safetensors",
        "gguf",
        "config",
        "cardData",
        "private",
        "_source",
    ]
)
NEAR = st.one_of(
    JSON,
    st.lists(st.fixed_dictionaries({"rfilename": JSON, "size": JSON, "lfs": JSON}), max_size=3),
    st.fixed_dictionaries({"total": JSON, "parameters": JSON, "architecture": JSON}),
)


RECORDS = st.dictionaries(FIELDS, NEAR, max_size=6)


@given(JSON | RECORDS | RECORDS.map(lambda found: {**found, "id": "a/b"}))
def test_no_json_gets_through_as_another_error(value):
    try:
        parsed = parse_record(value)
    except HubBadPayload:
        return
    assert parse_record(json.dumps(parsed.payload)).digest == parsed.digest


@given(st.binary() | st.text())
def test_no_text_gets_through_as_another_error(source):
    with contextlib.suppress(HubBadPayload):
        parse_record(source)
