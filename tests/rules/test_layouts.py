"""Weights laid out in another way than most engines read them: AWQ for its GEMV kernels, and Mistral's own files."""

from __future__ import annotations

import pytest

from compat.engines import all_profiles
from compat.extraction.extract import extract
from compat.hub.payloads import parse_record
from compat.rules import judge_all

LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "max_position_embeddings": 4096}
MISTRAL = {"model_type": "mistral", "architectures": ["MistralForCausalLM"], "max_position_embeddings": 32768}
SHARDS = [f"consolidated-{n:05d}-of-00002.safetensors" for n in (1, 2)]
FOR_TRANSFORMERS = ("transformers", "mlx-lm", "mlx-vlm", "tgi", "lmdeploy", "exllamav3")


def judged(record, slug):
    return judge_all(
        extract(parse_record({"pipeline_tag": "text-generation", **record}).model).judged, all_profiles()[slug]
    )


def awq(version, **more):
    block = {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True, "version": version}
    return {"id": "a/llama-awq", "config": {**LLAMA, "quantization_config": block}, "tags": ["safetensors"], **more}


def mistral(*names, **more):
    files = [{"rfilename": name} for name in (".gitattributes", "README.md", *names)]
    return {"id": "a/mistral-8b", "config": MISTRAL, "siblings": files, **more}


@pytest.mark.parametrize("version", ["gemv", "GEMV", "gemv_fast"])
@pytest.mark.parametrize("slug", ["vllm", "sglang", "lmdeploy"])
def test_awq_for_gemv_is_refused_where_only_gemm_is_computed(slug, version):
    assert judged(awq("gemm"), slug).result.compatible
    result = judged(awq(version), slug).result
    assert (result.compatible, result.cause) == (False, "quantization")
    assert any("gemm" in reason for reason in result.reasons)


def test_the_layout_is_read_by_the_name_that_later_packers_write_it_under():
    record = awq("gemv")
    block = record["config"]["quantization_config"]
    block["format"] = block.pop("version")
    assert not judged(record, "vllm").result.compatible


def test_transformers_takes_both_layouts_of_awq():
    assert judged(awq("gemv"), "transformers").result.level == judged(awq("gemm"), "transformers").result.level > 0


@pytest.mark.parametrize("version", [None, 5, "exllama", "marlin", ["gemv"]])
def test_a_version_that_is_not_gemv_refuses_nothing(version):
    assert judged(awq(version), "vllm").result.compatible


def test_a_gemv_of_another_method_is_not_awqs():
    record = awq("gemv")
    record["config"]["quantization_config"]["quant_method"] = "gptq"
    assert judged(record, "vllm").result.compatible


@pytest.mark.parametrize("names", [["consolidated.safetensors"], SHARDS])
def test_mistrals_own_files_run_where_they_are_read_and_nowhere_else(names):
    record = mistral("params.json", "tekken.json", *names)
    for slug in ("vllm", "sglang"):
        assert judged(record, slug).result.compatible, slug
    for slug in FOR_TRANSFORMERS:
        result = judged(record, slug).result
        assert (result.compatible, result.cause, result.brief) == (False, "format", "Mistral's own layout"), slug
        assert any("Transformers" in text for text in result.recommendations)


@pytest.mark.parametrize(
    "record",
    [
        mistral("params.json", "consolidated.safetensors", "model.safetensors"),
        mistral("params.json", "consolidated.safetensors", "model-00001-of-00001.safetensors"),
        # Without its params.json nothing tells whose names the tensors have.
        mistral("consolidated.safetensors"),
        mistral("params.json", "consolidated_merged.safetensors"),
        # Others' lists may have gaps.
        mistral("params.json", "consolidated.safetensors", _source={"siblings": "a list, 2026-05"}),
    ],
)
def test_a_layout_is_a_fact_of_the_hubs_own_whole_list_only(record):
    assert "layout" not in judged(record, "transformers").result.brief
    assert all(facts.layout is None for facts in extract(parse_record(record).model).judged)


def test_tensorrt_llm_reads_mistrals_own_files_where_it_is_told_to():
    result = judged(mistral("params.json", "consolidated.safetensors"), "tensorrt-llm").result
    assert result.confidence == "low"
    assert any("checkpoint_format" in warning for warning in result.warnings)


def test_other_weights_beside_mistrals_own_files_are_judged_by_themselves():
    record = mistral("params.json", "consolidated.safetensors", "mistral-Q4_K_M.gguf")
    layouts = {facts.format: facts.layout for facts in extract(parse_record(record).model).judged}
    assert layouts == {"safetensors": "mistral", "gguf": None}
    assert judged(record, "llama-cpp").result.compatible


def test_criteria_that_want_a_format_do_not_ask_for_its_layout():
    assert (
        judged(mistral("params.json", "consolidated.safetensors"), "rbee").result.level
        == judged(mistral("model.safetensors"), "rbee").result.level
    )


def ernie(name, **more):
    config = {"model_type": "ernie4_5", "architectures": ["Ernie4_5ForCausalLM"], "max_position_embeddings": 4096}
    files = [{"rfilename": name} for name in ("config.json", "model.safetensors")]
    return {"id": f"baidu/{name}", "pipeline_tag": "text-generation", "config": config, "siblings": files, **more}


@pytest.mark.parametrize("slug", ["vllm", "sglang", "transformers", "mlx-lm"])
def test_what_paddle_is_told_to_have_written_is_not_promised(slug):
    for record in (ernie("ERNIE-4.5-0.3B-Paddle"), ernie("ERNIE-4.5-0.3B", library_name="PaddlePaddle")):
        result = judged(record, slug).result
        assert (result.level, result.brief) == (1, "PaddlePaddle's layout")
        assert result.recommendations
    assert judged(ernie("ERNIE-4.5-0.3B-PT"), slug).result.level > 1
    assert judged(ernie("PaddleOCR-VL"), slug).result.level > 1


def unpacked(name, **more):
    config = {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "max_position_embeddings": 4096}
    files = [{"rfilename": name} for name in ("config.json", "model.safetensors")]
    return {"id": name, "pipeline_tag": "text-generation", "config": config, "siblings": files, **more}


MLX = (
    unpacked("mlx-community/Qwen3-8B-bf16"),
    unpacked("someone/Qwen3-8B-tuned-bf16", library_name="mlx"),
    unpacked("someone/Qwen3-8B-mlx-bf16", tags=["mlx"]),
)


@pytest.mark.parametrize("record", MLX, ids=lambda record: record["id"])
def test_unpacked_weights_that_were_written_for_mlx_are_promised_to_mlx_alone(record):
    for slug in ("vllm", "sglang", "transformers", "tgi", "tensorrt-llm"):
        result = judged(record, slug).result
        assert (result.level, result.brief) == (1, "written for MLX"), slug
        assert "Take the model that it was converted from." in result.recommendations
    assert judged(record, "mlx-lm").result.level == 3


@pytest.mark.parametrize("tags", [[], ["mlx"]])
def test_a_tag_alone_says_that_mlx_can_load_it_not_that_it_wrote_it(tags):
    assert judged(unpacked("Qwen/Qwen3-8B-bf16", tags=tags), "vllm").result.level == 3
