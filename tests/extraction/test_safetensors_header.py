"""Safetensors headers: a file of the official writer, files made by hand, and files made to hurt."""

from __future__ import annotations

import contextlib
import json
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compat.extraction.header_bytes import HeaderError, NeedBytes, read_from
from compat.extraction.safetensors_header import (
    MAX_HEADER_BYTES,
    MAX_TENSORS,
    DtypeUse,
    SafetensorsHeader,
    parse_safetensors_header,
    safetensors_header_reads,
)
from tests.extraction.header_files import entries, safetensors

WRITTEN = Path(__file__).parent / "files" / "tiny.safetensors"


def header_of(data, **options):
    return read_from(lambda start, length: data[start : start + length], safetensors_header_reads(**options))


def test_a_file_of_the_official_writer_is_read():
    found = header_of(WRITTEN.read_bytes())
    assert found.dtypes == {
        "F16": DtypeUse(1, 128, 256),
        "I32": DtypeUse(1, 12, 48),
        "F32": DtypeUse(1, 8, 32),
        "BOOL": DtypeUse(1, 5, 5),
    }
    assert (found.tensor_count, found.parameters, found.tensor_bytes) == (4, 153, 341)
    assert found.header_bytes + found.tensor_bytes == WRITTEN.stat().st_size
    assert found.metadata == {"format": "pt"}


def test_every_cut_of_a_file_asks_for_more_and_then_ends():
    data = WRITTEN.read_bytes()
    for length in range(header_of(data).header_bytes):
        with pytest.raises(NeedBytes):
            parse_safetensors_header(data[:length])
        with pytest.raises(HeaderError, match="ends inside its header"):
            header_of(data[:length])


@pytest.mark.parametrize("first", [1, 8, 100, 10**6])
def test_a_header_takes_at_most_a_few_reads(first):
    data, asked = WRITTEN.read_bytes(), []

    def read(start, length):
        asked.append(length)
        return data[start : start + length]

    assert read_from(read, safetensors_header_reads(first=first)) == parse_safetensors_header(data)
    assert len(asked) <= 3


def test_packed_types_are_measured_in_bits():
    found = header_of(
        safetensors(entries(("a", "F4", (3, 3), 5), ("b", "F8_E4M3", (7,), 7), ("c", "F6_E2M3", (4,), 3)))
    )
    assert found.dtypes["F4"] == DtypeUse(1, 9, 5)
    assert found.tensor_bytes == 15


def test_a_type_not_known_is_believed():
    assert header_of(safetensors(entries(("a", "F2_E1M0", (8,), 2)))).dtypes == {"F2_E1M0": DtypeUse(1, 8, 2)}


def test_an_empty_file_of_no_tensors_is_one():
    assert header_of(safetensors(b"{}")).tensor_count == 0
    assert header_of(safetensors(b"{}      ")).parameters == 0
    assert header_of(safetensors(entries(("a", "F32", (), 4), ("b", "F32", (0, 5), 0)))).parameters == 1


def test_long_metadata_is_left_out_and_the_rest_made_fit_to_keep():
    added = {"a": "x" * 600, "b": "y\0z", "c": "\ud800", "d": 5, **{f"n{n:03d}": "v" for n in range(100)}}
    found = header_of(safetensors({"__metadata__": added})).metadata
    assert len(found) == 64
    assert (found["b"], found["c"]) == ("y\ufffdz", "?")
    assert "a" not in found
    assert "d" not in found


def one(**changes):
    return {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "ends inside"),
        (b"<!doctype html><title>Not found</title>", "no safetensors file"),
        (b"GGUF" + bytes(100), "no safetensors file"),
        (bytes(100), "no safetensors file"),
        (safetensors(b"[]"), "no safetensors file"),
        (safetensors(b"{}", length=2**63), "larger than"),
        (safetensors(b"{}", length=1), "no safetensors file"),
        (safetensors(b"{}", length=50), "ends inside"),
        (safetensors(b"{oops}"), "not valid JSON"),
        (safetensors(b'{"a": NaN}'), "NaN"),
        (safetensors(b'{"\xff": 1}'), "UTF-8"),
        (safetensors(b'{"a":' * 100_000 + b"1" + b"}" * 100_000), "nested too deeply"),
        (safetensors(b'{"a": ' + b"1" * 5000 + b"}"), "not valid JSON"),
        (safetensors(b'{"a": {}, "a": {}}'), "twice"),
        (safetensors(b'{"a": {"dtype": "F32", "dtype": "F16"}}'), "twice"),
        (safetensors(b'{"a":[' + b"[]," * (5 * MAX_TENSORS) + b"1]}"), "more lists"),
        (safetensors(b'{"a":[' + b"1," * (17 * MAX_TENSORS) + b"1]}"), "more lists"),
        (safetensors({"__metadata__": []}), "__metadata__"),
        (safetensors(b"{" + b",".join(b'"%d":0' % n for n in range(MAX_TENSORS + 1)) + b"}"), "at most 131,072"),
        (safetensors({"a": 5}), "not described"),
        (safetensors(one(dtype=5)), "no data type"),
        (safetensors(one(dtype="")), "no data type"),
        (safetensors(one(dtype="F\n")), "no data type"),
        (safetensors(one(shape=None)), "no shape"),
        (safetensors(one(shape=[-2])), "no shape"),
        (safetensors(one(shape=[2.0])), "no shape"),
        (safetensors(one(shape=[True])), "no shape"),
        (safetensors(one(shape=[1] * 20)), "no shape"),
        (safetensors(one(shape=[10**30])), "no shape"),
        (safetensors(one(data_offsets=[0])), "begins and ends"),
        (safetensors(one(data_offsets=[8, 0])), "begins and ends"),
        (safetensors(one(data_offsets=[0, 9])), "another size"),
        (safetensors(one(shape=[2**61, 2**61])), "another size"),
        (safetensors(one(data_offsets=[8, 16])), "does not begin"),
        (safetensors({**one(), "b": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}}), "does not begin"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{zlib.crc32(value):08x}",
)  # fmt: skip
def test_a_wrong_header_says_why(data, why):
    with pytest.raises(HeaderError, match=why):
        header_of(data)


def test_a_hostile_header_costs_little():
    lists = safetensors(b'{"a":[' + b"[]," * (MAX_HEADER_BYTES // 3 - 100) + b"1]}")
    tracemalloc.start()
    with pytest.raises(HeaderError):
        parse_safetensors_header(lists)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2 * MAX_HEADER_BYTES


def attempt(data):
    with contextlib.suppress(HeaderError, NeedBytes):
        assert isinstance(parse_safetensors_header(data), SafetensorsHeader)
    with contextlib.suppress(HeaderError):
        assert isinstance(header_of(data, first=16), SafetensorsHeader)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "dtype": st.sampled_from(["F32", "BF16", "X"]) | JSON,
        "shape": st.lists(st.integers(0, 9), max_size=3) | JSON,
        "data_offsets": st.lists(st.integers(0, 99), max_size=3) | JSON,
    },
)


@given(
    st.binary(max_size=300), st.dictionaries(st.text(max_size=12) | st.just("__metadata__"), ENTRY | JSON, max_size=5)
)
def test_nothing_does_harm(noise, listed):
    attempt(noise)
    attempt(safetensors(noise))
    attempt(safetensors(b"{" + noise))
    attempt(safetensors(json.dumps(listed).encode()))


@given(st.lists(st.lists(st.integers(0, 50), max_size=3), max_size=9))
def test_what_is_written_is_read(shapes):
    listed, start = {}, 0
    for number, shape in enumerate(shapes):
        size = 2
        for length in shape:
            size *= length
        listed[str(number)] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, start + size]}
        start += size
    found = header_of(safetensors(listed), first=16)
    assert (found.tensor_count, found.tensor_bytes, found.parameters) == (len(shapes), start, start // 2)
