"""Classes that somebody's list of models tells, and types whose repositories name more than one class."""

from __future__ import annotations

import pytest

from compat.engines import all_profiles
from compat.extraction.extract import extract
from compat.hub.payloads import parse_record
from compat.rules import judge_all


def judged(slug, model_type, hf_class=None, source="llmfit 1.1.17, 2026-10"):
    config = {"model_type": model_type, "max_position_embeddings": 4096}
    if hf_class:
        config["architectures"] = [hf_class]
    record = {
        "id": "a/b",
        "config": config,
        "siblings": [{"rfilename": "model.safetensors"}],
        "_source": {"config": source} if source else {},
    }
    return judge_all(extract(parse_record(record).model).judged, all_profiles()[slug]).result


LISTED = [("minimax_m3_vl", "MiniMaxM3ForCausalLM"), ("step3p7", "Step3p7FlashForCausalLM")]


@pytest.mark.parametrize("slug", ["vllm", "sglang", "tensorrt-llm"])
@pytest.mark.parametrize(("model_type", "hf_class"), LISTED)
def test_a_listed_class_that_nobody_has_is_not_refused_where_the_type_leads_to_one_that_runs(
    slug, model_type, hf_class
):
    result = judged(slug, model_type, hf_class)
    assert result.confidence == "low"
    assert any(f"“{hf_class}” or “" in warning for warning in result.warnings)


@pytest.mark.parametrize(("model_type", "hf_class"), LISTED)
def test_a_class_that_was_read_in_config_json_is_refused(model_type, hf_class):
    assert judged("vllm", model_type, hf_class, source=None).cause == "architecture"


def test_a_listed_class_is_refused_where_no_class_of_the_type_runs():
    result = judged("vllm", "vits", "SomeVitsForSpeech")
    assert result.cause == "architecture"


@pytest.mark.parametrize("slug", ["sglang", "exllamav3"])
def test_a_type_whose_repositories_name_other_classes_than_transformers_is_not_refused_for_its_one(slug):
    assert judged(slug, "bailing_hybrid").confidence == "low"
    assert judged(slug, "bailing_hybrid", "BailingMoeV3ForCausalLM", None).compatible
    assert judged(slug, "bailing_hybrid", "BailingHybridForCausalLM", None).cause == "architecture"
