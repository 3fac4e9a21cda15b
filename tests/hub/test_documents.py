"""What documents of one repository make together: nothing told at the same commit is lost, whatever came first."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compat.extraction.extract import extract
from compat.hub.documents import Document, Kind, kept_record, merged, packed, told, unpacked
from compat.hub.errors import HubBadPayload
from compat.hub.payloads import MAX_RECORD_BYTES, parse_record
from compat.shapes.layer_facts import shape_facts
from tests.samples import every_record

START = datetime(2026, 11, 1, tzinfo=UTC)
OLD, NEW = "0" * 40, "f" * 40
RECORDED = sorted((Path(__file__).parent / "recorded").glob("detail-*.json"))


def document(kind, data, *, sha=NEW, hour=0):
    return Document(kind, sha, START + timedelta(hours=hour), data)


def together(*documents):
    return merged("a/b", documents)


DETAIL = document(Kind.DETAIL, {"sha": NEW, "likes": 5, "siblings": [{"rfilename": "m.gguf", "size": 10}]}, hour=1)
ROW = document(Kind.LIST, {"sha": NEW, "likes": 9, "siblings": [{"rfilename": "m.gguf"}]}, hour=2)
CONFIG = document(Kind.CONFIG, {"config": {"model_type": "llama", "max_position_embeddings": 4096}}, hour=1)
HEADER = document(Kind.GGUF, {"_gguf_header": {"file": "m.gguf", "values": {}}}, hour=1)


def test_a_later_row_of_a_list_keeps_what_the_others_told_at_its_commit():
    found = together(DETAIL, CONFIG, HEADER, ROW)
    assert found == {
        "id": "a/b",
        "sha": NEW,
        "likes": 9,
        "siblings": [{"rfilename": "m.gguf", "size": 10}],
        **CONFIG.data,
        **HEADER.data,
    }


def test_at_a_new_commit_the_old_configuration_header_and_sizes_are_gone():
    old = [document(one.kind, {**one.data, "createdAt": "2024-01-01"}, sha=OLD) for one in (DETAIL, CONFIG, HEADER)]
    assert together(*old, ROW) == {"id": "a/b", "createdAt": "2024-01-01", **ROW.data}


def test_the_commit_that_was_read_last_counts_however_documents_are_ordered():
    old = document(Kind.CONFIG, {"config": {"model_type": "phi"}}, sha=OLD, hour=9)
    assert together(ROW, old)["config"] == {"model_type": "phi"}
    assert "siblings" not in together(old, ROW)


def test_what_tells_no_commit_counts_until_one_that_does_tells_the_same():
    file = document(
        Kind.FILE,
        {
            "config": {"vocab_size": 7, "quantization_config": {"bits": 4}},
            "pipeline_tag": "text-generation",
            "siblings": [{"rfilename": "m.gguf", "size": 3}, {"rfilename": "gone.gguf", "size": 4}],
            "_source": {"config": "a list", "siblings": "a list", "pipeline_tag": "a list"},
        },
        sha="",
        hour=5,
    )
    row = document(Kind.LIST, {**ROW.data, "config": {"model_type": "llama", "quantization_config": {"type": "awq"}}})
    assert together(row, file) == {
        "id": "a/b",
        "sha": NEW,
        "likes": 9,
        "config": {"model_type": "llama", "vocab_size": 7, "quantization_config": {"type": "awq", "bits": 4}},
        "pipeline_tag": "text-generation",
        "siblings": [{"rfilename": "m.gguf", "size": 3}],
        "_source": {"config": "a list", "siblings": "a list", "pipeline_tag": "a list"},
    }
    whole = together(row, file, CONFIG, DETAIL)
    assert whole["config"] == {**CONFIG.data["config"], "quantization_config": {"type": "awq"}}
    assert whole["siblings"] == DETAIL.data["siblings"]
    assert whole["_source"] == {"pipeline_tag": "a list"}


def test_two_types_of_model_are_never_mixed():
    file = document(
        Kind.FILE, {"config": {"model_type": "phi", "vocab_size": 7}, "_source": {"config": "a list"}}, sha=""
    )
    row = document(Kind.LIST, {"config": {"model_type": "llama"}})
    assert together(row, file) == {"id": "a/b", "config": {"model_type": "llama"}}


def test_a_null_in_a_configuration_is_an_answer_and_elsewhere_is_none():
    config = document(Kind.CONFIG, {"config": {"sliding_window": None}})
    row = document(Kind.LIST, {"config": {"sliding_window": 4096}, "pipeline_tag": None})
    detail = document(Kind.DETAIL, {"pipeline_tag": "text-generation", "library_name": None})
    assert together(config, row, detail) == {
        "id": "a/b",
        "config": {"sliding_window": None},
        "pipeline_tag": "text-generation",
        "library_name": None,
    }


def test_counts_are_of_the_document_that_was_read_last_and_tells_them():
    detail = document(Kind.DETAIL, {"likes": 5, "gated": "auto", "tags": ["a"]}, sha=OLD, hour=3)
    row = document(Kind.LIST, {"likes": 7, "tags": None}, hour=4)
    found = together(detail, row)
    assert (found["likes"], found["gated"], found["tags"]) == (7, "auto", ["a"])


# --- any documents -------------------------------------------------------------------------------------------------

VALUES = st.integers(0, 3) | st.none()
CONFIGS = st.dictionaries(st.sampled_from("abc"), VALUES | st.dictionaries(st.sampled_from("xy"), VALUES, max_size=2))
SIBLINGS = st.lists(
    st.builds(
        lambda name, size: {"rfilename": name, **({} if size is None else {"size": size})},
        st.sampled_from(["a.gguf", "b.gguf", "c.gguf"]),
        VALUES,
    ),
    max_size=3,
    unique_by=lambda file: file["rfilename"],
)
ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "likes": VALUES,
        "pipeline_tag": st.sampled_from(["text-generation", None]),
        "createdAt": st.sampled_from(["2024-01-01", "2025-01-01"]),
        "config": CONFIGS,
        "siblings": SIBLINGS,
    },
)


def documents_of(commits):
    one = st.builds(lambda sha, hour, data: (sha, hour, data), st.sampled_from(commits), st.integers(0, 5), ANSWERS)
    return st.dictionaries(st.sampled_from(list(Kind)), one, min_size=1).map(
        lambda found: [document(kind, data, sha=sha, hour=hour) for kind, (sha, hour, data) in found.items()]
    )


@given(documents_of([OLD, NEW, ""]), st.randoms(use_true_random=False))
def test_the_order_in_which_documents_come_does_not_matter(documents, random):
    expected = together(*documents)
    random.shuffle(documents)
    assert together(*documents) == expected


@given(documents_of([NEW]), st.lists(st.integers(0, 5), min_size=len(Kind), max_size=len(Kind)))
def test_at_one_commit_facts_do_not_depend_on_when_each_was_read(documents, hours):
    def facts(documents):
        return {key: value for key, value in together(*documents).items() if key != "likes"}

    moved = [document(one.kind, one.data, hour=hour) for one, hour in zip(documents, hours, strict=False)]
    assert facts(moved) == facts(documents)


@given(documents_of([NEW]))
def test_nothing_told_at_one_commit_is_lost(documents):
    found = together(*documents)
    for one in documents:
        for key, value in one.data.items():
            assert value is None or found[key] is not None
        assert (one.data.get("config") or {}).keys() <= (found.get("config") or {}).keys()
        sizes = {file["rfilename"]: file.get("size") for file in found.get("siblings") or ()}
        for file in one.data.get("siblings") or ():
            assert file["rfilename"] not in sizes or file.get("size") is None or sizes[file["rfilename"]] is not None


@given(documents_of([OLD, NEW, ""]))
def test_what_is_kept_comes_back(documents):
    assert [unpacked(packed(one.data)) for one in documents] == [one.data for one in documents]


# --- facts only ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_what_is_dropped_of_real_answers_holds_no_fact(path):
    whole = parse_record(path.read_bytes())
    kept = told(Kind.DETAIL, path.read_bytes(), START).record
    assert extract(kept.model) == extract(whole.model)
    assert shape_facts(kept.model.config) == shape_facts(whole.model.config)
    text = json.dumps(kept.payload)
    assert "widgetData" not in text
    assert "chat_template" not in text


def test_bundled_records_are_facts_already():
    assert all(told(Kind.FILE, item, START).record.payload == item for item in every_record())


def test_long_texts_and_lists_are_dropped_and_everything_else_stays():
    config = {"a": "x" * 2000, "b": "x" * 2001, "c": [1] * 4096, "d": [1] * 4097, "chat_template": "{{", "e": {"f": 1}}
    answer = {"id": "a/b", "config": config, "tags": ["y" * 5000], "widgetData": [{"text": "Hi"}]}
    assert told(Kind.DETAIL, answer, START).record.payload == {
        "id": "a/b",
        "config": {"a": "x" * 2000, "c": [1] * 4096, "e": {"f": 1}},
        "tags": ["y" * 5000],
    }


def test_deep_blocks_end_somewhere():
    deep: dict = {}
    for _ in range(300):
        deep = {"deeper": deep}
    assert len(json.dumps(told(Kind.DETAIL, {"id": "a/b", "config": deep}, START).record.payload)) < 300


def test_a_part_that_cannot_be_kept_is_named():
    with pytest.raises(HubBadPayload, match="_gguf_header"):
        told(Kind.LIST, {"id": "a/b"}, START, {Kind.GGUF: {"_gguf_header": {"file": 5}}})


def test_documents_may_together_be_larger_than_one_answer():
    half = "x" * (MAX_RECORD_BYTES * 2 // 3)
    found = together(document(Kind.DETAIL, {"tags": [half]}), document(Kind.LIST, {"library_name": half}))
    assert kept_record(found).model.tags == [half]
