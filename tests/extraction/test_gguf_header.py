"""GGUF headers: a file of the official writer, files made by hand, and files made to hurt."""

from __future__ import annotations

import contextlib
import struct
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compat.extraction.gguf_header import (
    MAX_PAIRS,
    MAX_TENSORS,
    GgufHeader,
    TensorTypeUse,
    gguf_header_reads,
    parse_gguf_header,
)
from compat.extraction.header_bytes import HeaderError, NeedBytes, read_from
from tests.extraction.header_files import (
    ARRAY,
    BOOL,
    F32,
    F64,
    I32,
    STRING,
    U8,
    U32,
    U64,
    gguf,
    llama,
    llama_pairs,
    pair,
    tensor,
    text,
)
from tests.work import calls_of

WRITTEN = Path(__file__).parent / "files" / "tiny-gemma-Q3_K_M.gguf"


def header_of(data, **options):
    return read_from(lambda start, length: data[start : start + length], gguf_header_reads(**options))


def test_a_file_of_the_official_writer_is_read():
    found = header_of(WRITTEN.read_bytes())
    expected = {
        "general.architecture": "gemma3", "general.name": "Tiny Gemma", "general.type": "model",
        "general.size_label": "17K", "general.file_type": 12, "general.quantization_version": 2,
        "gemma3.context_length": 32768, "gemma3.block_count": 4, "gemma3.embedding_length": 256,
        "gemma3.attention.head_count": 4, "gemma3.attention.head_count_kv": (1, 1, 2, 1),
        "gemma3.attention.key_length": 64, "gemma3.attention.value_length": 64, "gemma3.rope.dimension_count": 64,
        "gemma3.attention.sliding_window": 512, "gemma3.expert_count": 8, "gemma3.expert_used_count": 2,
        "gemma3.feed_forward_length": (512, 512, 512, 1024),
        "gemma3.attention.sliding_window_pattern": (True, True, True, False),
    }  # fmt: skip
    assert {key: found.values.get(key) for key in expected} == expected
    assert found.vocab_size == 40
    assert found.complete


def test_its_tensors_are_counted_by_type():
    found = header_of(WRITTEN.read_bytes())
    assert found.tensor_types == {
        "Q3_K": TensorTypeUse(4, 12288, 5280),
        "Q6_K": TensorTypeUse(1, 2048, 1680),
        "F32": TensorTypeUse(4, 1024, 4096),
        "IQ4_NL": TensorTypeUse(1, 512, 288),
    }
    assert next(iter(found.tensor_types)) == "Q3_K"
    assert (found.tensor_count, found.parameters, found.tensor_bytes) == (10, 15872, 11344)
    data_start = -(-found.header_bytes // 32) * 32
    assert data_start + found.tensor_bytes <= WRITTEN.stat().st_size <= data_start + found.tensor_bytes + 10 * 32


def test_every_cut_of_a_file_asks_for_more_and_then_ends():
    data = WRITTEN.read_bytes()[: header_of(WRITTEN.read_bytes()).header_bytes]
    for length in range(len(data)):
        with pytest.raises(NeedBytes) as raised:
            parse_gguf_header(data[:length])
        assert length < raised.value.up_to <= len(data)
        with pytest.raises(HeaderError, match="ends inside its header"):
            header_of(data[:length])


@pytest.mark.parametrize("first", [1, 7, 100, 4096, 10**6])
def test_it_does_not_matter_how_the_bytes_come(first):
    data, asked = WRITTEN.read_bytes(), []

    def read(start, length):
        asked.append((start, length))
        return data[start : start + length]

    assert read_from(read, gguf_header_reads(first=first)) == parse_gguf_header(data)
    assert [start for start, _ in asked] == [sum(length for _, length in asked[:n]) for n in range(len(asked))]
    assert len(asked) < 15


def test_a_source_that_gives_too_much_is_cut():
    data = WRITTEN.read_bytes()
    assert read_from(lambda start, _: data[start:], gguf_header_reads(first=64)) == parse_gguf_header(data)


def test_without_tensors_the_vocabulary_is_not_read():
    data, read = llama(tokens=50_000), []
    found = read_from(
        lambda start, length: read.append(length) or data[start : start + length],
        gguf_header_reads(tensors=False, first=4096),
    )
    assert read == [4096]
    told = ("general.architecture", "llama.context_length", "llama.attention.head_count_kv")
    assert [found.values[key] for key in told] == ["llama", 8192, 8]
    assert found.vocab_size == 50_000
    assert not found.complete
    assert (found.parameters, found.tensor_bytes, found.tensor_types) == (None, None, {})
    assert "general.file_type" not in found.values


def test_without_tensors_a_late_vocabulary_is_waited_for():
    pairs = {"general.note": (STRING, "x" * 10_000), **llama_pairs(tokens=5000)}
    found = header_of(gguf(pairs), tensors=False, first=256)
    assert found.values["llama.context_length"] == 8192
    assert (found.vocab_size, found.complete) == (5000, False)


def test_a_short_file_is_read_whole_even_without_tensors():
    found = header_of(llama(), tensors=False)
    assert found.complete
    assert (found.parameters, found.values["general.file_type"]) == (3 * 1024, 15)


def test_all_kinds_of_values_are_kept_under_their_keys():
    found = header_of(
        gguf(
            {
                "a": (I32, -5),
                "b": (F64, 0.5),
                "c": (BOOL, True),
                "d": (U64, 2**63),
                "e": (ARRAY, (U8, [1, 2])),
                "f": (STRING, ""),
                "g": (ARRAY, (F32, [])),
                "h": (F32, float("nan")),
                "i": (ARRAY, (F32, [float("inf")])),
                "j": (STRING, "a\0b"),
                "k": (STRING, b"\xff"),
                "l": (STRING, "x" * 513),
                "m": (ARRAY, (STRING, ["x"] * 3)),
                "n": (ARRAY, (U8, [1] * 2000)),
            }
        )
    )
    assert found.values == {
        "a": -5,
        "b": 0.5,
        "c": True,
        "d": 2**63,
        "e": (1, 2),
        "f": "",
        "g": (),
        "j": "a\ufffdb",
        "k": "\ufffd",
    }
    assert found.counts == {"l": 513, "m": 3, "n": 2000}


def test_keys_may_come_before_the_architecture_they_belong_to():
    found = header_of(gguf({"mamba.vocab_size": (U32, 16), "general.architecture": (STRING, "mamba")}))
    assert found.vocab_size == 16


@pytest.mark.parametrize("size", [(STRING, "8192"), (I32, -1), (BOOL, True), (F32, 1.0), (U64, 2**64 - 1)], ids=str)
def test_a_vocabulary_size_of_another_type_is_unknown(size):
    found = header_of(gguf({"general.architecture": (STRING, "llama"), "llama.vocab_size": size}))
    assert found.vocab_size is None


def test_a_split_file_says_which_it_is():
    found = header_of(gguf({"split.no": (U32, 1), "split.count": (U32, 3), "split.tensors.count": (I32, 291)}))
    assert found.values == {"split.no": 1, "split.count": 3, "split.tensors.count": 291}
    assert found.parameters == 0


def test_a_type_not_known_is_counted_without_bytes():
    found = header_of(gguf(tensors=tensor("a", (32, 2), 777) + tensor("b", (32,), 2), tensor_count=2))
    assert found.tensor_types == {"type 777": TensorTypeUse(1, 64, None), "Q4_0": TensorTypeUse(1, 32, 18)}
    assert (found.parameters, found.tensor_bytes) == (96, None)


def test_version_2_is_read():
    assert header_of(gguf(llama_pairs(), version=2)).values["general.architecture"] == "llama"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "ends inside"),
        (b"GGU", "ends inside"),
        (b"PK\x03\x04" * 10, "no GGUF file"),
        (b"<!doctype html>", "no GGUF file"),
        (gguf(version=1), "version 1"),
        (gguf(version=4), "version 4 is not known"),
        (gguf(version=0), "version 0 is not known"),
        (struct.pack(">4sIQQ", b"GGUF", 3, 0, 0), "big-endian"),
        (gguf(tensor_count=MAX_TENSORS + 1), "make sense"),
        (gguf(pair_count=MAX_PAIRS + 1), "make sense"),
        (gguf(pair_count=MAX_PAIRS), "ends inside"),
        (gguf(tensor_count=MAX_TENSORS), "ends inside"),
        (gguf(text("a" * 2000), pair_count=1), "a key is 2,000 bytes"),
        (gguf(struct.pack("<Q", 2**64 - 1), pair_count=1), "a key is"),
        (gguf(text("a") + struct.pack("<I", 13), pair_count=1), "value type 13 is not known"),
        (gguf(text("a") + struct.pack("<IQ", STRING, 2**64 - 1), pair_count=1), "larger than"),
        (gguf(text("a") + struct.pack("<IIQ", ARRAY, F32, 2**64 - 1), pair_count=1), "larger than"),
        (gguf(text("a") + struct.pack("<IIQ", ARRAY, STRING, 2**62), pair_count=1), "larger than"),
        (gguf(text("a") + struct.pack("<IIQQ", ARRAY, STRING, 1, 2**62), pair_count=1), "larger than"),
        (gguf(text("a") + struct.pack("<IIQ", ARRAY, ARRAY, 1), pair_count=1), "arrays of arrays"),
        (gguf(text("a") + struct.pack("<IIQ", ARRAY, 99, 0), pair_count=1), "value type 99"),
        (gguf(pair("a", U8, 1) * 2, pair_count=2), "'a' is there twice"),
        (gguf(tensors=tensor("a", (1,)) * 2, tensor_count=2), "'a' is there twice"),
        (gguf(tensors=tensor("a", (1,) * 9), tensor_count=1), "9 dimensions"),
        (gguf(tensors=text("a") + struct.pack("<I", 2**32 - 1) + bytes(24), tensor_count=1), "dimensions"),
        (gguf(tensors=tensor("a" * 2000, (1,)), tensor_count=1), "a tensor's name is"),
        (gguf(tensors=tensor("a", (2**63, 2**63)), tensor_count=1), "more parameters"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{zlib.crc32(value):08x}",
)  # fmt: skip
def test_a_wrong_header_says_why(data, why):
    with pytest.raises(HeaderError, match=why):
        header_of(data)


def test_a_header_larger_than_allowed_is_not_read():
    asked = []

    def read(start, length):
        asked.append(length)
        return data[start : start + length]

    data = llama(tokens=10_000)
    with pytest.raises(HeaderError, match="larger than 5,000 bytes"):
        read_from(read, gguf_header_reads(first=1000, most=5000))
    assert sum(asked) <= 5000


@pytest.mark.parametrize(
    "data",
    [
        gguf(text("a") + struct.pack("<IIQ", ARRAY, STRING, 125_000) + bytes(1_000_000), pair_count=1),
        gguf(b"".join(pair(f"k{n}", ARRAY, (U8, [1] * 60)) for n in range(12_000)), pair_count=12_000),
        gguf(tensors=b"".join(tensor(f"t{n}", ()) for n in range(20_000)), tensor_count=20_000),
    ],
    ids=["texts", "lists", "tensors"],
)
def test_a_hostile_header_costs_little(data):
    """So much work a byte, and so much memory a byte, however the bytes are chosen."""

    def read():
        with contextlib.suppress(HeaderError):
            header_of(data)

    assert calls_of(read) < 4 * len(data)
    tracemalloc.start()
    read()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 12 * len(data) + 1_000_000


def test_a_real_vocabulary_is_passed_over_with_a_few_steps_a_token():
    data = llama(tokens=150_000)
    assert header_of(data).vocab_size == 150_000
    assert calls_of(lambda: header_of(data)) < 5 * 150_000


def attempt(data):
    """Parse, and accept nothing but a header, a :class:`HeaderError` or a wish for more."""
    for tensors in (True, False):
        with contextlib.suppress(HeaderError, NeedBytes):
            assert isinstance(parse_gguf_header(data, tensors=tensors), GgufHeader)
        with contextlib.suppress(HeaderError):
            assert isinstance(header_of(data, tensors=tensors, first=64), GgufHeader)


@given(st.binary(max_size=500))
def test_no_bytes_do_harm(data):
    attempt(data)
    attempt(gguf(data, pair_count=3, tensor_count=2))


@given(st.data())
def test_no_change_of_a_good_file_does_harm(data):
    good = bytearray(llama(tokens=20))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(good) - 1))
        change = data.draw(st.binary(min_size=1, max_size=9))
        good[place : place + data.draw(st.sampled_from([0, len(change)]))] = change
    attempt(bytes(good[: data.draw(st.integers(0, len(good)))]))
    attempt(bytes(good))


KINDS = st.sampled_from(
    [(U8, 7), (U32, 9), (BOOL, True), (F32, 1.5), (STRING, "text"), (ARRAY, (U32, [1, 2])), (U64, 2**40)]
)
KEYS = st.sampled_from(
    [f"llama.{name}" for name in ("context_length", "attention.head_count", "expert_count")]
) | st.text(max_size=9)


@given(
    st.dictionaries(KEYS, KINDS, max_size=8),
    st.lists(st.tuples(st.text(max_size=5), st.lists(st.integers(0, 300), max_size=4)), max_size=5),
)
def test_what_is_written_is_read(pairs, tensors):
    unique = {name.replace("\0", "_"): shape for name, shape in tensors}
    pairs = {key.replace("\0", "_"): typed for key, typed in pairs.items()}
    written = gguf(pairs, b"".join(tensor(*item) for item in unique.items()), tensor_count=len(unique))
    found = header_of(written, first=16)
    assert found.header_bytes == len(written)
    assert set(found.values) == set(pairs)
    assert found.tensor_count == len(unique)
    assert sum(use.tensors for use in found.tensor_types.values()) == len(unique)
