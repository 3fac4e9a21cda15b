"""Types of configurations that an engine reads only with code from the repository."""

from __future__ import annotations

import pytest

from compat.engines import all_profiles
from compat.extraction.extract import extract
from compat.hub.payloads import parse_record
from compat.rules import judge_all

THROUGH_TRANSFORMERS = ("vllm", "sglang", "lmdeploy", "tensorrt-llm")


def judged(slug, model_type="foo", **more):
    config = {"model_type": model_type, "architectures": ["LlamaForCausalLM"], "max_position_embeddings": 4096}
    told = {"id": "a/b", "pipeline_tag": "text-generation", "tags": ["safetensors"], "config": config}
    told["siblings"] = [{"rfilename": "model.safetensors"}]
    extracted = extract(parse_record({**told, **more, "config": {**config, **more.get("config", {})}}).model)
    return judge_all(extracted.judged, all_profiles()[slug]).result


@pytest.mark.parametrize("slug", THROUGH_TRANSFORMERS)
def test_a_type_that_neither_engine_nor_repository_has_is_not_promised(slug):
    result = judged(slug)
    assert result.level <= 1
    assert any("“foo”" in warning for warning in result.warnings)
    assert judged(slug, "llama").level > 1


@pytest.mark.parametrize("slug", ["vllm", "sglang"])
@pytest.mark.parametrize("own_code", [{"tags": ["safetensors", "custom_code"]}, {"config": {"auto_map": {}}}])
def test_code_in_the_repository_reads_any_type(slug, own_code):
    assert judged(slug, **own_code).level == judged(slug, "llama", **own_code).level > 1


@pytest.mark.parametrize("untold", [{"tags": []}, {"_source": {"config": "a list"}}, {"_source": {"tags": "a list"}}])
def test_a_record_that_cannot_tell_of_code_lowers_nothing(untold):
    assert judged("vllm", **untold).level == judged("vllm", "llama", **untold).level


@pytest.mark.parametrize(("slug", "own"), [("vllm", "kimi_k25"), ("sglang", "kimi_k25")])
def test_a_type_that_the_engine_registers_itself_is_known(slug, own):
    assert own in all_profiles()[slug].config_types
    of_its_type = judged(slug, own, config={"architectures": ["KimiK25ForConditionalGeneration"]})
    assert of_its_type.compatible
    assert not any("does not know the type" in warning for warning in of_its_type.warnings)


def test_engines_that_read_config_json_themselves_need_no_types():
    for slug in ("exllamav3", "llama-cpp", "mlx-lm"):
        assert not all_profiles()[slug].config_types
