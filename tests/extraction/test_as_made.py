"""Which packed weights are a model's own release, of which no build keeps more."""

from __future__ import annotations

import pytest

from compat.extraction.extract import extract
from compat.hub.payloads import parse_record
from tests.samples import record

FP8 = {"quant_method": "fp8", "weight_block_size": [128, 128], "activation_scheme": "dynamic", "fmt": "e4m3"}
INT4 = {
    "quant_method": "compressed-tensors",
    "format": "pack-quantized",
    "config_groups": {"group_0": {"targets": ["Linear"], "weights": {"num_bits": 4, "type": "int", "group_size": 32}}},
}
AWQ = {"quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemm"}


def as_made(payload):
    """Of each variant of a record, whether it is what its maker gave out."""
    return [one.as_made for one in extract(parse_record(payload).model).variants]


def released(packing, **changes):
    """A model that its maker gives out packed."""
    config = {"model_type": "deepseek_v3", "architectures": ["DeepseekV3ForCausalLM"], "quantization_config": packing}
    told = {
        "id": "maker/Model-671B",
        "config": config,
        "siblings": [{"rfilename": "config.json"}, {"rfilename": "model.safetensors", "size": 7 * 10**9}],
    }
    return told | changes


@pytest.mark.parametrize("packing", [FP8, INT4])
def test_what_a_maker_gives_out_packed_is_as_made(packing):
    assert as_made(released(packing)) == [True]


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "maker/Model-671B-FP8"},
        {"id": "maker/Model-671B-FP8-Static-PerTensor"},
        {"tags": ["base_model:other/Model-671B", "base_model:finetune:other/Model-671B"]},
        {"tags": ["base_model:maker/Model-671B-Base", "base_model:quantized:maker/Model-671B-Base"]},
    ],
)
def test_a_packing_of_what_is_elsewhere_is_not(changes):
    assert as_made(released(FP8, **changes)) == [False]


def test_what_goes_on_with_its_maker_s_own_base_is_as_made():
    tags = ["base_model:maker/Model-671B-Base", "base_model:finetune:maker/Model-671B-Base"]
    assert as_made(released(FP8, tags=tags)) == [True]


def test_what_packers_alone_write_is_no_release_whatever_it_is_called():
    assert as_made(released(AWQ)) == [False]


@pytest.mark.parametrize("repo_id", ["openai/gpt-oss-20b", "openai/gpt-oss-120b"])
def test_gpt_oss_is_as_made(repo_id):
    assert all(as_made(record(repo_id)))


@pytest.mark.parametrize("repo_id", ["Qwen/Qwen3-30B-A3B-Instruct-2507-FP8", "Qwen/Qwen2.5-14B-Instruct-AWQ"])
def test_another_packing_by_the_same_maker_is_not(repo_id):
    assert not any(as_made(record(repo_id)))


def test_a_gguf_file_of_what_its_architecture_is_made_in_is_as_made_and_another_is_not():
    files = [{"rfilename": f"gpt-oss-20b-{label}.gguf", "size": 12 * 10**9} for label in ("MXFP4", "Q4_K_M")]
    payload = {
        "id": "packer/gpt-oss-20b-GGUF",
        "gguf": {"architecture": "gpt-oss", "total": 20_900_000_000},
        "siblings": files,
    }
    found = {one.facts.quantization: one.as_made for one in extract(parse_record(payload).model).variants}
    assert found == {"MXFP4_MOE": True, "Q4_K_M": False}
