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
