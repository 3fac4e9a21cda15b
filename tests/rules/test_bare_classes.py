"""Models whose class has no output layer, and which are said to write text."""

from __future__ import annotations

import pytest

from compat.engines import all_profiles
from compat.extraction.extract import extract
from compat.hub.payloads import parse_record
from compat.rules import judge_all


def judged(slug, hf_class, model_type="llama", **more):
    config = {"model_type": model_type, "architectures": [hf_class], "max_position_embeddings": 4096}
    record = {
        "id": "a/b",
        "pipeline_tag": "text-generation",
        "config": config,
        "siblings": [{"rfilename": "model.safetensors"}],
    }
    return judge_all(extract(parse_record({**record, **more}).model).judged, all_profiles()[slug]).result


@pytest.mark.parametrize("slug", ["mlx-lm", "transformers", "tgi"])
@pytest.mark.parametrize(
    ("bare", "whole", "model_type"),
    [("LlamaModel", "LlamaForCausalLM", "llama"), ("Qwen3Model", "Qwen3ForCausalLM", "qwen3")],
)
def test_a_class_without_an_output_layer_is_not_promised_to_write(slug, bare, whole, model_type):
    assert judged(slug, whole, model_type).level > 1
    result = judged(slug, bare, model_type)
    assert result.level == 1
    assert any(f"“{bare}” has no output layer" in warning for warning in result.warnings)


def test_an_engine_that_goes_by_the_class_says_what_it_makes_of_it():
    assert not judged("vllm", "LlamaModel").compatible
    assert judged("vllm", "LlamaModel", pipeline_tag="feature-extraction").compatible


def test_embeddings_need_no_output_layer():
    result = judged("transformers", "LlamaModel", pipeline_tag="feature-extraction")
    assert not any("output layer" in warning for warning in result.warnings)


def test_a_class_that_is_also_one_that_writes_has_its_output_layer():
    result = judged("transformers", "Llama4ForConditionalGeneration", "llama4", pipeline_tag="text-generation")
    assert not any("output layer" in warning for warning in result.warnings)


@pytest.mark.parametrize(
    ("hf_class", "task", "level"),
    [
        ("GemmaForCausalLM", "text-classification", 1),
        ("GemmaForCausalLM", "text-ranking", 1),
        ("GemmaModel", "text-classification", 1),
        ("GemmaForProcessRewardModel", "token-classification", 1),
        ("GemmaForSequenceClassification", "text-classification", 3),
        ("GemmaForCausalLM", "text-generation", 3),
    ],
)
def test_a_class_that_is_no_classifier_is_not_promised_to_classify(hf_class, task, level):
    result = judged("transformers", hf_class, "gemma", pipeline_tag=task)
    assert result.level == level
    assert (result.brief == "no classifying layer told") is (level == 1)


def test_what_turns_text_into_sound_is_not_told_to_lose_what_it_hears():
    result = judged("transformers", "CsmForConditionalGeneration", "csm", pipeline_tag="text-to-speech")
    assert result.level == 3
    assert not any("language part" in warning for warning in result.warnings)


@pytest.mark.parametrize("slug", [slug for slug, profile in all_profiles().items() if not profile.criteria])
def test_a_draft_head_is_refused_as_one_and_not_for_its_class(slug):
    result = judged(slug, "Eagle3Speculator", pipeline_tag="text-generation")
    assert (result.cause, result.brief) == ("task", "Speculative decoding draft model")
