"""What the tensors of GGUF files take, by what they are for, and how their list is found without the vocabulary."""

from __future__ import annotations

import pytest

from compat.extraction.extract import extract
from compat.extraction.facts import Provenance
from compat.extraction.gguf_header import GgufTensor, parse_gguf_header, tensor_list_reads
from compat.extraction.gguf_tensors import sums_of_tensors
from compat.extraction.header_bytes import HeaderError, read_from
from compat.hub.errors import HubBadPayload
from compat.hub.payloads import parse_record
from compat.shapes.tensor_bytes import TensorBytes
from tests.extraction.header_files import F32_TENSOR, Q4_K_TENSOR, STRING, U32, gguf_file, llama_pairs

TENSORS = {
    "token_embd.weight": ((256, 100), Q4_K_TENSOR),
    **{f"blk.{n}.attn_q.weight": ((256, 256), Q4_K_TENSOR) for n in range(3)},
    **{f"blk.{n}.attn_norm.weight": ((250,), F32_TENSOR) for n in range(3)},
    "output.weight": ((256, 100), F32_TENSOR),
}
OTHER = {name: (shape, F32_TENSOR) for name, (shape, _) in TENSORS.items()}


def with_notes(tokens=40_000, **notes):
    """The pairs of a file whose vocabulary is followed by notes, as those of an importance matrix are."""
    return {**llama_pairs(tokens), **{name: (STRING, text) for name, text in notes.items()}}


def read(data, like):
    """The header of a file as it is found beside another one, and how many of its bytes were read."""
    asked = []

    def part(start, length):
        asked.append(length)
        return data[start : start + length]

    return read_from(part, tensor_list_reads(like)), sum(asked)


# --- sums ----------------------------------------------------------------------------------------------------------


def test_bytes_are_told_apart_by_what_tensors_are_for():
    sizes = {
        "token_embd.weight": 1,
        "output.weight": 2,
        "per_layer_token_embd.weight": 4,
        "blk.0.ffn_gate_exps.weight": 8,
        "blk.0.ffn_gate_up_exps.weight": 16,
        "blk.0.ffn_down.3.weight": 32,
        "blk.0.ffn_down_shexp.weight": 64,
        "blk.1.ffn_down.weight": 128,
        "blk.1.ffn_gate_inp.weight": 256,
        "output_norm.weight": 512,
    }
    found = sums_of_tensors([GgufTensor(name, "Q8_0", 10, size) for name, size in sizes.items()])
    assert found["bytes"] == {"total": 1023, "embed": 1, "head": 2, "lookup": 4, "experts": 8 + 16 + 32}
    assert (found["tensors"], found["layers"], found["weights"]) == (10, 2, 100)
    assert found["types"] == {"Q8_0": 1023}


def test_nothing_is_told_of_a_type_that_is_not_known():
    assert sums_of_tensors([GgufTensor("a", "Q8_0", 10, 5), GgufTensor("b", "type 777", 10, None)]) is None


def test_bytes_become_a_line_of_text_and_again_bytes():
    found = TensorBytes(10, 1, 2, 3, 4)
    assert TensorBytes.from_text(found.as_text()) == found
    assert TensorBytes.sum_of([found, TensorBytes(5, experts=5)]) == TensorBytes(15, 1, 2, 3, 9)


# --- the list beside another one's -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pairs",
    [
        with_notes(),
        with_notes(note="a matrix that was made of a data set" * 20),
        {"general.quantized_by": (STRING, "somebody"), **with_notes(), "general.file_type": (U32, 2)},
    ],
    ids=["the same", "longer behind the vocabulary", "longer before it"],
)
@pytest.mark.parametrize("tensors", [TENSORS, OTHER], ids=["alike", "of other types"])
def test_the_tensors_are_found_about_where_another_file_has_them(pairs, tensors):
    like = parse_gguf_header(gguf_file(with_notes(), TENSORS, data=False))
    data = gguf_file(pairs, tensors, data=False)
    found, bytes_read = read(data, like)
    whole = parse_gguf_header(data)
    assert (found.tensors, found.tensors_start, found.header_bytes) == (
        *(whole.tensors, whole.tensors_start, whole.header_bytes),
    )
    assert found.tensor_bytes == whole.tensor_bytes
    assert bytes_read < len(data) / 10


@pytest.mark.parametrize(
    "data",
    [
        gguf_file(with_notes(note="x" * 50_000), TENSORS),
        gguf_file(with_notes(41_000), TENSORS),
        gguf_file(with_notes(), TENSORS, moved=32),
        gguf_file(with_notes(), dict(list(TENSORS.items())[1:])),
        gguf_file(with_notes(), TENSORS, data=False)[:-40],
        b"<html>" * 1000,
        b"",
    ],
    ids=["too far", "another vocabulary", "with a gap", "without the first", "cut", "no file", "nothing"],
)
def test_what_is_not_there_is_not_made_up(data):
    like = parse_gguf_header(gguf_file(with_notes(), TENSORS))
    with pytest.raises(HeaderError):
        read(data, like)


def test_without_another_files_list_there_is_nothing_to_go_by():
    like = parse_gguf_header(gguf_file(llama_pairs(), {}))
    with pytest.raises(HeaderError, match="nothing tells"):
        read(gguf_file(with_notes(), TENSORS), like)


# --- what becomes of a record ----------------------------------------------------------------------------------------


def told(**files):
    return {
        name.replace("_of_", "-of-"): {
            "tensors": 5,
            "layers": 2,
            "weights": weights,
            "bytes": {"total": size, "embed": size // 10},
            "types": {"Q4_K": size},
        }
        for name, (weights, size) in files.items()
    }


def record(files, read, **more):
    siblings = [{"rfilename": name, **({"size": size} if size else {})} for name, size in files.items()]
    return {"id": "sample/seven-GGUF", "siblings": siblings, "_gguf_tensors": {"files": read}, **more}


def extracted(item):
    return extract(parse_record(item).model)


def test_a_variant_has_what_all_its_files_list():
    parts = {f"b-Q8_0-0000{n}-of-00002.gguf": None for n in (1, 2)}
    read = told(**{"a-Q4_K_M.gguf": (7_000_000, 4_000_000), **dict.fromkeys(parts, (3_500_000, 3_700_000))})
    found = extracted(record({"a-Q4_K_M.gguf": 4_010_000, **parts}, read))
    assert [(one.size_bytes, one.tensors.total, one.tensors.embed) for one in found.variants] == [
        *((4_010_000, 4_000_000, 400_000), (None, 7_400_000, 740_000)),
    ]
    assert (found.parameters.value, found.parameters.provenance) == (7_000_000, Provenance.GGUF_HEADER)


def test_a_set_of_which_a_part_was_not_read_tells_nothing():
    parts = {f"b-Q8_0-0000{n}-of-00002.gguf": 3_710_000 for n in (1, 2)}
    read = told(**{"b-Q8_0-00001-of-00002.gguf": (3_500_000, 3_700_000)})
    found = extracted(record(parts, read))
    assert found.variants[0].tensors is None
    assert found.variants[0].size_bytes == 7_420_000
    assert found.parameters.value is None


def test_files_of_several_models_count_nothing():
    read = told(**{"a-Q4_K_M.gguf": (7_000_000, 4_000_000), "b-Q4_K_M.gguf": (14_000_000, 8_000_000)})
    found = extracted(record(dict.fromkeys(read), read))
    assert found.parameters.value is None
    assert [one.tensors.total for one in found.variants] == [4_000_000, 8_000_000]


def test_tensors_that_cannot_be_of_the_model_are_not_believed():
    read = told(**{"a-Q4_K_M.gguf": (7_000_000, 4_000_000)})
    found = extracted(record({"a-Q4_K_M.gguf": None}, read, id="sample/Model-70B-GGUF", gguf={"total": 70_000_000_000}))
    assert found.variants[0].tensors is None
    assert found.variants[0].facts.contradicted


@pytest.mark.parametrize(
    "wrong",
    [
        {"bytes": {"total": 5, "embed": 6}},
        {"bytes": {}},
        {"weights": -1},
        {"types": {"x" * 40: 1}},
        {"tensors": "many"},
    ],
)
def test_a_document_that_makes_no_sense_is_refused(wrong):
    good = told(**{"a.gguf": (7, 4)})["a.gguf"]
    with pytest.raises(HubBadPayload, match="_gguf_tensors"):
        parse_record(record({"a.gguf": None}, {"a.gguf": {**good, **wrong}}))
