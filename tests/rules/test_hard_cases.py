"""Records that look like something they are not: what every engine says of each, as a table."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from compat.engines import Capability, all_profiles
from compat.extraction.extract import extract
from compat.hub.payloads import parse_record
from compat.rules import CompatibilityResult, judge_all
from tests.engines.test_real_records import SAYS

CASES: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "cases/hard_cases.toml").read_text("utf-8"))[
    "case"
]
WORDS = ("high", "medium", "low")


def _result(case: dict[str, Any], slug: str) -> CompatibilityResult:
    record = dict(case["record"])
    record["siblings"] = [{"rfilename": name} for name in record.pop("files")]
    hardware = case.get("hardware")
    extraction = extract(parse_record(record).model)
    return judge_all(extraction.judged, all_profiles()[slug], Capability(**hardware) if hardware else None).result


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_every_engine_says_what_the_table_says(case):
    said = {}
    for slug in case["says"]:
        result = _result(case, slug)
        said[slug] = result.confidence if result.compatible else result.cause
    assert said == case["says"]


def test_every_engine_is_in_all_cases_or_has_a_table_of_its_own():
    for slug in all_profiles():
        assert slug in SAYS or all(slug in case["says"] for case in CASES), slug


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_every_refusal_tells_why_in_words_and_on_the_badge(case):
    for slug, word in case["says"].items():
        result = _result(case, slug)
        if word not in WORDS:
            assert result.reasons
            assert result.brief
            assert result.confidence == "none"


@pytest.mark.parametrize(("name", "words"), [("xlm-roberta", "an embedding model"), ("whisper", "an audio model")])
def test_a_kind_of_model_has_the_right_article(name, words):
    case = {"record": {"id": "a/b", "files": ["model.safetensors"], "config": {"model_type": name}}}
    assert _result(case, "rbee").reasons[0].startswith(f"“{name}”, {words}, is not an architecture rbee runs.")


def test_case_names_are_unique():
    names = [case["name"] for case in CASES]
    assert len(set(names)) == len(names)


def test_sharded_gguf_is_one_variant_and_a_projector_is_none():
    files = [f"m-Q8_0-0000{part}-of-00003.gguf" for part in (1, 2, 3)]
    record = {"id": "a/m-GGUF", "siblings": [{"rfilename": name} for name in [*files, "mmproj-F16.gguf"]]}
    extraction = extract(parse_record(record).model)
    assert [variant.files for variant in extraction.variants] == [tuple(files)]
    assert extraction.projectors == ("mmproj-F16.gguf",)


def test_a_smaller_packing_is_named_where_the_gpu_is_too_old():
    case = next(case for case in CASES if case["name"] == "FP8 on a V100")
    result = _result(case, "vllm")
    assert result.brief == "needs Turing or newer"
    assert any("packed in a way this GPU can read" in text for text in result.recommendations)
