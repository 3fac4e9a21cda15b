"""Configurations that name several classes: engines take the first, the first that they know, or none at all."""

from __future__ import annotations

import pytest

from compat.engines import all_profiles
from compat.extraction.extract import extract
from compat.hub.payloads import parse_record
from compat.rules import judge_all

KNOWN, OWN = "LlamaForCausalLM", "LlamaForFooBar"


def judged(slug, classes, **more):
    config = {"model_type": "llama", "architectures": classes, "max_position_embeddings": 4096}
    record = {"id": "a/llama", "pipeline_tag": "text-generation", "tags": ["safetensors"], "config": config, **more}
    return judge_all(extract(parse_record(record).model).judged, all_profiles()[slug]).result


@pytest.mark.parametrize(
    ("slug", "known_first", "known_last"),
    [("vllm", True, True), ("sglang", True, True), ("lmdeploy", True, False), ("exllamav3", False, False)],
)
def test_each_engine_that_goes_by_the_class_has_its_way_with_several(slug, known_first, known_last):
    assert judged(slug, [KNOWN]).compatible
    assert judged(slug, [KNOWN, OWN]).compatible is known_first
    assert judged(slug, [OWN, KNOWN]).compatible is known_last


def test_exllamav3_says_what_to_do_about_them():
    result = judged("exllamav3", [KNOWN, OWN])
    assert (result.cause, result.brief) == ("architecture", "several classes")
    assert KNOWN in result.reasons[0]
    assert OWN in result.reasons[0]
    assert "architectures" in result.recommendations[0]


def test_classes_that_a_list_tells_are_not_counted():
    assert judged("exllamav3", [KNOWN, OWN], _source={"config": "a list of models"}).compatible


@pytest.mark.parametrize(("slug", "promised"), [("vllm", True), ("sglang", True), ("mlx-vlm", False)])
def test_a_class_that_shares_the_type_of_another_model_is_not_promised_by_type(slug, promised):
    config = {"model_type": "deepseek_vl_v2", "architectures": ["DeepseekOCRForCausalLM"]}
    record = {"id": "deepseek-ai/DeepSeek-OCR", "pipeline_tag": "image-text-to-text", "tags": ["safetensors"]}
    result = judge_all(extract(parse_record({**record, "config": config}).model).judged, all_profiles()[slug]).result
    assert (result.level > 1) is promised
    assert promised or "goes by the type" in result.warnings[0]
