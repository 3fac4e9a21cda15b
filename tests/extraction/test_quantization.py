"""How weights are packed, from the most telling field down to a word of the name."""

from __future__ import annotations

import pytest

from compat.extraction.facts import Provenance
from compat.extraction.quantization import VAGUE, packing_of
from compat.hub.payloads import HubModel


def _of(name="a/model", config=None, **fields):
    return packing_of(HubModel(id=name, **fields), config or {})


@pytest.mark.parametrize(
    ("method", "label"),
    [
        ("awq", "AWQ"),
        ("awq_marlin", "AWQ"),
        ("GPTQ", "GPTQ"),
        ("fp8", "FP8"),
        ("mxfp8", "MXFP8"),
        ("auto-round", "AutoRound"),
        ("intel/auto-round", "AutoRound"),
        ("brand-new", "brand-new"),
    ],
)
def test_the_config_speaks_first(method, label):
    found = _of("a/model-EXL2", {"quantization_config": {"quant_method": method}})
    assert (found.label, found.provenance) == (label, Provenance.CONFIG)


@pytest.mark.parametrize("nest", ["text_config", "llm_config", "language_config"])
def test_the_block_may_stand_with_the_language_model(nest):
    block = {"quant_method": "compressed-tensors", "format": "pack-quantized"}
    assert _of(config={nest: {"quantization_config": block}}).label == "compressed-tensors"


@pytest.mark.parametrize(
    ("fields", "label", "bits"),
    [
        # What MLX writes, and what the Hub keeps of it.
        ({"config": {"quantization": {"bits": 4, "group_size": 64}}}, "MLX 4-bit", 4.5),
        ({"config": {"quantization_config": {"bits": 4, "group_size": 64}}}, "MLX 4-bit", 4.5),
        ({"config": {"quantization_config": {"bits": 8, "mode": "mxfp4"}}}, "MLX MXFP4", 4.25),
        # Owner, library, tag and words of the name, each with the width from where it is told.
        ({"name": "mlx-community/translategemma-12b-it-4bit"}, "MLX 4-bit", 4.5),
        ({"name": "a/Foo-q4", "library_name": "mlx"}, "MLX 4-bit", 4.5),
        ({"name": "a/Foo", "tags": ["mlx", "8-bit"]}, "MLX 8-bit", 8.5),
        ({"name": "Deviad/DeepSeek-V4-Flash-MLX-Q4Q8"}, "MLX 4-bit", 4.5),
        ({"name": "deepsweet/Qwen3.6-35B-A3B-oQ6e"}, "MLX 6-bit", 6.5),
        ({"name": "a/Qwen3-8B-OptiQ-4bit"}, "MLX 4-bit", 4.5),
        ({"name": "a/Qwen3-8B-4bit-DWQ"}, "MLX 4-bit", 4.5),
        ({"name": "nightmedia/Qwen3.6-27B-Akka-mxfp4-mlx"}, "MLX MXFP4", 4.25),
        ({"name": "poolside/Laguna-XS-2.1-NVFP4-mlx"}, "MLX NVFP4", 4.5),
        ({"name": "mlx-community/Qwen3.8-27B-mxfp8"}, "MLX MXFP8", 8.25),
        # A broken width is an average that holds the scales.
        ({"name": "spicyneuron/Kimi-K2.7-Code-MLX-3.6bit"}, "MLX 3.6-bit", 3.6),
        # Made for MLX and plain, or nobody knows.
        ({"name": "lmstudio-community/LFM2-1.2B-MLX-bf16"}, None, None),
        ({"name": "mlx-community/GLM-5.1"}, "MLX", None),
    ],
)
def test_mlx_is_told_by_owner_library_tag_name_and_config(fields, label, bits):
    found = _of(**fields)
    assert (found.label, found.bits) == (label, bits)


def test_a_loader_of_its_own_is_no_mlx():
    assert _of("JANGQ-AI/GLM-5.1-JANG_1L", tags=["mlx"]).label == "JANG"
    assert _of("OsaurusAI/MiniMax-M2.7-JANGTQ4").label == "JANG"
    assert _of("a/Hijang-8B").label is None


def test_tags_then_words_of_the_name():
    assert _of(tags=["awq"]).provenance is Provenance.TAG
    assert _of("openai/gpt-oss-20b", tags=["8-bit", "mxfp4"]).label == "MXFP4"
    assert _of("a/model-GPTQ").provenance is Provenance.NAME
    assert _of("a/model-bnb-4bit").label == "bitsandbytes"
    assert _of("a/model-GGUF").label is None
    assert _of("a/model-Q4-GGUF").label is None


@pytest.mark.parametrize(
    ("name", "label", "bits"),
    [
        ("a/Llama-3-8B-4bit-UltraChat", "4-bit", 4.0),
        ("a/Falcon3-10B-1.58bit", "packed", 1.58),
        ("a/Kimi-K3-Cubic-2.5bpw", "packed", 2.5),
        ("a/Muse-30B-INT4", "INT4", 4 + 20 / 128),
    ],
)
def test_a_width_without_a_method_is_packed_and_never_plain(name, label, bits):
    found = _of(name)
    assert (found.label, found.bits) == (label, bits)
    assert label in VAGUE


@pytest.mark.parametrize("name", ["a/hawqs", "a/fp8less", "a/unint4x", "a/model", "a/model-16bit", "a/m-32bits-float"])
def test_words_are_whole(name):
    assert not _of(name).known


@pytest.mark.parametrize("name", ["google/gemma-3-27b-it-qat-q4_0-unquantized", "a/DeepSeek-V3-fp8-dequantized"])
def test_what_says_that_it_is_unpacked_again_is_plain(name):
    assert not _of(name).known


@pytest.mark.parametrize(
    "config",
    [
        {"quantization_config": "awq"},
        {"quantization_config": {"quant_method": 4}},
        {"quantization_config": {"quant_method": ""}},
        {"quantization_config": {"bits": 400}},
        {"quantization": {"bits": "four"}},
        {"quantization": {"bits": True}},
        {"quantization": []},
    ],
)
def test_odd_types_tell_nothing(config):
    assert not _of(config=config).known


@pytest.mark.parametrize(
    ("block", "scheme", "bits"),
    [
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "NVFP4", 4.5),
        ({"quant_method": "modelopt_fp4"}, "NVFP4", 4.5),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, "FP8", 8 + 32 / 128**2),
        ({"quant_algo": "FP8"}, "FP8", 8 + 32 / 128**2),
        ({"quant_method": "compressed-tensors", "format": "float-quantized"}, "FP8", 8 + 32 / 128**2),
        ({"quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized"}, "NVFP4", 4.5),
        ({"quant_method": "gptq", "bits": 4}, "INT4", 4 + 20 / 128),
        ({"quant_method": "gptq", "bits": 8}, "INT8", 8 + 24 / 128),
        ({"quant_method": "auto-round", "bits": 2}, "INT2", 2 + 20 / 128),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "INT4", 4 + 8 / 64 + 32 / (64 * 256)),
        ({"quant_method": "gptq", "bits": True}, None, 4 + 20 / 128),
        ({"quant_method": "gptq", "bits": 400}, None, 4 + 20 / 128),
        ({"quant_method": "exl3", "bits": 3.07}, None, 3.07),
    ],
)
def test_the_scheme_is_what_the_method_holds(block, scheme, bits):
    found = _of(config={"quantization_config": block})
    assert (found.scheme, found.bits) == (scheme, bits)


def test_a_name_may_tell_the_width_that_the_method_leaves_out():
    eight = _of("Qwen/Qwen2.5-7B-Instruct-GPTQ-Int8", {"quantization_config": {"quant_method": "gptq"}})
    four = _of("Qwen/Qwen2.5-7B-Instruct-GPTQ", {"quantization_config": {"quant_method": "gptq"}})
    assert (eight.bits, four.bits) == (8 + 24 / 128, 4 + 20 / 128)


def test_int8_is_told_by_the_format_of_compressed_tensors():
    block = {"quant_method": "compressed-tensors", "format": "int-quantized"}
    found = _of(config={"quantization_config": block})
    assert (found.label, found.scheme) == ("compressed-tensors", "INT8")
