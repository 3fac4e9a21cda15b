"""How weights are packed, from the most telling field down to a word of the name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compat.engines import all_profiles
from compat.extraction.facts import Provenance
from compat.extraction.original_name import original_name
from compat.extraction.quantization import ODD_GROUPS, PACKED, UNMARKED, VAGUE, packing_of
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
    for config in ({}, {"quantization": {"bits": 4, "group_size": 64}}, {"quantization_config": {"bits": 4}}):
        assert _with_files("jang_config.json", "model.safetensors", tags=["mlx"], config=config).label == "JANG"


@pytest.mark.parametrize("name", ["gpt-oss-20b-tq3", "Nemotron-3-Super-tq3a-tq2e-g32", "Qwen3.6-35B-A3B-tq3a-tqTe-g64"])
def test_turboquant_is_a_packing_of_many_loaders(name):
    assert _of(f"a/{name}").label == PACKED
    assert _of("a/TQ-8B").label is None


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
        {"quantization_config": None},
        {"quantization_config": []},
        {"text_config": {"quantization_config": ""}},
        {"quantization": {"bits": "four"}},
        {"quantization": {"bits": True}},
        {"quantization": []},
    ],
)
def test_odd_types_tell_nothing(config):
    assert not _of(config=config).known


def _compressed(*strategies):
    groups = {
        f"group_{n}": {"weights": {"type": "float", "num_bits": 8, "strategy": strategy}}
        for n, strategy in enumerate(strategies)
    }
    return {"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": groups}


def _quark(dtype, qscheme):
    return {"quant_method": "quark", "global_quant_config": {"weight": {"dtype": dtype, "qscheme": qscheme}}}


@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        ("amd/DeepSeek-V4.1-Flash-Quark-MXFP4", "MXFP4"),
        ("amd/GLM-5.3-Quark-MXFP4-AttnFP8", "MXFP4"),
        ("amd/Qwen3.8-27B-Quark-AWQ-INT4-W4A16", "INT4"),
        ("someone/Qwen3.8-27B-Quark-W8A8", None),
        ("someone/Foo-7B-quark-fp8", "FP8"),
        ("amd/Qwen3.5-35B-A3B-MXFP4", "MXFP4"),
    ],
)
def test_what_amds_quark_packed_is_told_by_name_and_owner_with_its_numbers(name, scheme):
    found = _of(name)
    assert (found.label, found.scheme, found.provenance) == ("Quark", scheme, Provenance.NAME)


def test_what_fastflowlm_packed_for_amds_npu_is_told_by_its_name():
    found = _of("FastFlowLM/GPT-OSS-20B-NPU2")
    assert (found.label, found.provenance) == ("Q4NX", Provenance.NAME)
    assert original_name("GPT-OSS-20B-NPU2") == "gpt-oss-20b"
    assert not any(profile.packing("Q4NX") for profile in all_profiles().values())


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("RedHatAI/Qwen3.8-27B-MXFP4", "MXFP4"),
        ("amd/DeepSeek-V4-Flash-NVFP4", "NVFP4"),
        ("amd/Phi-4-mini-instruct-w4a16-llmcompressor", "W4A16"),
        ("amd/gpt-oss-20b-MXFP4-GGUF", None),
        ("someone/Foo-7B-Quark", None),
        ("someone/Quark-7B-FP8", "FP8"),
    ],
)
def test_others_numbers_and_amds_other_packers_are_not_taken_for_quark(name, label):
    assert _of(name).label == label


@pytest.mark.parametrize(
    ("block", "scheme", "bits"),
    [
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "NVFP4", 4.5),
        ({"quant_method": "modelopt_fp4"}, "NVFP4", 4.5),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, "unblocked FP8", 8 + 32 / 128**2),
        ({"quant_algo": "FP8"}, "unblocked FP8", 8 + 32 / 128**2),
        ({"quant_method": "modelopt", "quant_algo": "FP8_PB_WO"}, "blockwise FP8", 8 + 32 / 128**2),
        ({"quant_method": "fp8"}, "FP8", 8 + 32 / 128**2),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "blockwise FP8", 8 + 32 / 128**2),
        ({"quant_method": "fp8", "weight_block_size": [1, 32]}, "FP8", 8 + 32 / 128**2),
        ({"quant_method": "fp8", "weight_block_size": None}, "unblocked FP8", 8 + 32 / 128**2),
        ({"quant_method": "fp8", "activation_scheme": "static"}, "undeclared unblocked FP8", 8 + 32 / 128**2),
        (_compressed("channel"), "unblocked FP8", 8 + 32 / 128**2),
        (_compressed("tensor"), "unblocked FP8", 8 + 32 / 128**2),
        (_compressed("block"), "blockwise FP8", 8 + 32 / 128**2),
        (_compressed("block", "channel"), "FP8", 8 + 32 / 128**2),
        (_quark("fp8_e4m3", "per_tensor"), "unblocked FP8", 8 + 32 / 128**2),
        (_quark("fp8_e4m3", "per_block"), "blockwise FP8", 8 + 32 / 128**2),
        (_quark("fp4", "per_group"), "MXFP4", 4.25),
        (_quark("uint4", "per_group"), "INT4", 4 + 20 / 128),
        (_quark("int8", "per_channel"), "INT8", 8.0),
        ({"quant_method": "quark"}, None, None),
        ({"quant_method": "bitnet", "linear_class": "autobitlinear", "quantization_mode": "online"}, "online", None),
        ({"quant_method": "bitnet", "linear_class": "autobitlinear", "quantization_mode": "offline"}, None, None),
        ({"quant_method": "compressed-tensors", "format": "float-quantized"}, "FP8", 8 + 32 / 128**2),
        ({"quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized"}, "NVFP4", 4.5),
        ({"quant_method": "gptq", "bits": 4}, "INT4", 4 + 20 / 128),
        ({"quant_method": "gptq", "bits": 8}, "INT8", 8 + 24 / 128),
        ({"quant_method": "auto-round", "bits": 2}, "INT2", 2 + 20 / 128),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "INT4", 4 + 8 / 64 + 32 / (64 * 256)),
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


def test_the_block_may_stand_two_models_deep():
    block = {"quant_method": "awq"}
    found = _of(config={"thinker_config": {"text_config": {"quantization_config": block}}})
    assert (found.label, found.provenance) == ("AWQ", Provenance.CONFIG)


def test_compression_config_is_read_as_engines_read_it():
    block = {"quant_method": "compressed-tensors", "format": "pack-quantized"}
    found = _of(config={"compression_config": block})
    assert (found.label, found.provenance) == ("compressed-tensors", Provenance.CONFIG)
    assert found.evidence.startswith("compression_config.quant_method")
    both = {"compression_config": block, "quantization_config": {"quant_method": "fp8"}}
    assert _of(config=both).label == "FP8"


@pytest.mark.parametrize("block", ["awq", ["awq"], [{"quant_method": "awq"}]])
def test_a_block_in_a_form_that_nothing_reads_is_a_packing_all_the_same(block):
    found = _of(config={"quantization_config": block})
    assert (found.label, found.provenance) == (PACKED, Provenance.CONFIG)
    assert _of("a/model-AWQ", {"quantization_config": block}).label == "AWQ"


def _with_files(*paths, name="a/model", **fields):
    return _of(name, siblings=[{"rfilename": path} for path in paths], **fields)


@pytest.mark.parametrize(
    ("file", "name", "label", "scheme"),
    [
        ("hf_quant_config.json", "a/model", "ModelOpt", None),
        ("hf_quant_config.json", "a/model-NVFP4", "ModelOpt", "NVFP4"),
        ("hf_quant_config.json", "a/model-FP8", "ModelOpt", "FP8"),
        ("quantize_config.json", "a/model", PACKED, None),
        ("quantize_config.json", "a/model-GPTQ", "GPTQ", None),
        ("quant_config.json", "a/model", PACKED, None),
        ("quant_config.json", "a/model-AWQ", "AWQ", None),
        ("quantization_config.json", "a/model", PACKED, None),
    ],
)
def test_a_file_that_packers_write_beside_the_weights_tells_of_a_packing(file, name, label, scheme):
    found = _with_files("config.json", "model.safetensors", file, name=name)
    assert (found.label, found.scheme) == (label, scheme)


def test_what_config_json_says_goes_over_the_files_beside_it():
    config = {"quantization_config": {"quant_method": "gptq", "bits": 4}}
    assert _with_files("model.safetensors", "hf_quant_config.json", config=config).label == "GPTQ"


@pytest.mark.parametrize(
    "files",
    [
        # Converters to ONNX write the same file, and what lies in a folder is of what lies there.
        ("model.safetensors", "onnx/model_quantized.onnx", "quantize_config.json"),
        ("model.safetensors", "other/quantize_config.json"),
        ("model.safetensors", "other/hf_quant_config.json"),
    ],
)
def test_a_file_that_is_of_other_weights_tells_nothing(files):
    assert not _with_files(*files).known


@pytest.mark.parametrize(
    ("file", "label"),
    [
        ("gptq_model-4bit-128g.safetensors", "GPTQ"),
        ("awq_model_w4_g128.safetensors", "AWQ"),
        ("model_fp8.safetensors", "FP8"),
        ("model.fp8.safetensors", "FP8"),
        ("llama-7b-4bit-128g.safetensors", "4-bit"),
        ("llama-7b-QuIP#.safetensors", "QuIP"),
        ("gptq_model-4bit-128g-00001-of-00002.safetensors", "GPTQ"),
    ],
)
def test_the_only_weight_file_tells_its_packing_by_its_name(file, label):
    found = _with_files("config.json", file)
    assert (found.label, found.provenance, found.scheme) == (label, Provenance.NAME, None)


@pytest.mark.parametrize(
    "files",
    [
        ("model.safetensors",),
        ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"),
        ("model.safetensors", "model_fp8.safetensors"),
        ("model.fp16.safetensors",),
        ("model_fp8_dequantized.safetensors",),
        ("other/model_fp8.safetensors", "model.safetensors"),
    ],
)
def test_weight_files_that_do_not_all_tell_a_packing_tell_none(files):
    assert not _with_files(*files).known


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("RedHatAI/TinyLlama-1.1B-Chat-v1.0-marlin", "Marlin"),
        ("a/TinyLlama-GPTQ-Marlin-4bit", "GPTQ"),
        ("a/Llama-2-7b-QuIP", "QuIP"),
        ("acme/Marlin-2B", None),
    ],
)
def test_rare_packings_are_told_by_their_names(name, label):
    assert _of(name).label == label


def test_a_layout_of_several_methods_is_no_method():
    assert "Marlin" in VAGUE


def test_int8_is_told_by_the_format_of_compressed_tensors():
    block = {"quant_method": "compressed-tensors", "format": "int-quantized"}
    found = _of(config={"quantization_config": block})
    assert (found.label, found.scheme) == ("compressed-tensors", "INT8")


@pytest.mark.parametrize(
    ("widths", "scheme", "bits"),
    [((2,), "INT2", 2 + 20 / 128), ((4, 4), "INT4", 4 + 20 / 128), ((8,), "W8A16", 8 + 24 / 128), ((4, 8), None, None)],
)
def test_the_width_of_packed_integers_is_that_of_all_groups(widths, scheme, bits):
    groups = {f"group_{n}": {"weights": {"num_bits": width}} for n, width in enumerate(widths)}
    block = {"quant_method": "compressed-tensors", "format": "pack-quantized", "config_groups": groups}
    found = _of(config={"quantization_config": block})
    assert found.scheme == scheme
    assert bits is None or found.bits == pytest.approx(bits)


@pytest.mark.parametrize(
    ("block", "scheme", "bits"),
    [
        ({"quant_method": "gptq", "bits": 8, "sym": False}, "INT8 asymmetric", 8 + 24 / 128),
        ({"quant_method": "gptq", "sym": False}, "asymmetric", 4 + 20 / 128),
        ({"quant_method": "gptq", "bits": 4, "sym": True}, "INT4", 4 + 20 / 128),
        ({"quant_method": "gptq", "bits": 4, "group_size": 256}, "INT4 odd-groups", 4 + 20 / 128),
        ({"quant_method": "gptq", "group_size": 16, "sym": False}, "asymmetric odd-groups", 4 + 20 / 128),
        ({"quant_method": "gptq", "bits": 4, "checkpoint_format": "marlin"}, "Marlin INT4", 4 + 20 / 128),
        ({"quant_method": "gptq", "is_bitblas_format": True}, "BitBLAS", 4 + 20 / 128),
        ({"quant_method": "auto-round", "bits": 8, "sym": False}, "INT8 asymmetric", 8 + 24 / 128),
        ({"quant_method": "auto-round", "bits": 4, "packing_format": "auto_round:auto_awq"}, "INT4 AWQ", 4 + 20 / 128),
        ({"quant_method": "auto-round", "backend": "exllamav2"}, "odd-layout", None),
        ({"quant_method": "intel/auto-round", "bits": 8}, "intel/auto-round INT8", 8 + 24 / 128),
        ({"quant_method": "inc"}, "inc", None),
        ({"quant_method": "awq", "bits": 4, "version": "marlin"}, "Marlin", 4 + 20 / 128),
        ({"quant_method": "modelopt", "quant_algo": "W4A16_AWQ"}, "W4A16", 4 + 20 / 128),
        ({"quant_method": "modelopt", "quant_algo": "W4A16_NVFP4"}, "NVFP4", 4.5),
        ({"quant_method": "modelopt", "quant_algo": "W4A8_AWQ"}, "W4A8", 4 + 20 / 128),
        ({"quant_method": "modelopt", "quant_algo": "INT8_SQ"}, "INT8", 8.0),
        ({"quant_method": "auto-round", "bits": 4, "data_type": "nv_fp4_with_static_gs"}, "NVFP4", 4.5),
        ({"quant_method": "auto-round", "bits": 4, "data_type": "mx_fp"}, "MXFP4", 4.25),
        ({"quant_method": "auto-round", "bits": 8, "data_type": "fp"}, "FP8", 8 + 32 / (128 * 128)),
        ({"quant_method": "auto-round", "bits": 4, "data_type": "int"}, "INT4", 4 + 20 / 128),
        ({"quant_method": "auto-round", "bits": 4, "data_type": "of another day"}, "INT4", 4 + 20 / 128),
        ({"quant_method": "auto-round", "bits": "4" * 9999, "data_type": "nv_fp"}, None, None),
        ({"quant_method": "auto-round", "bits": 4, "data_type": ["int"]}, "INT4", 4 + 20 / 128),
        ({"quant_method": "modelopt", "quant_algo": "W4A8_NVFP4_FP8"}, "W4A8 NVFP4", 4.5),
        ({"quant_method": "modelopt", "quant_algo": "W4A8_MXFP4_FP8"}, "W4A8 MXFP4", 4.25),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4_AWQ"}, "AWQ NVFP4", 4.5),
        ({"quant_algo": "NVFP4_AWQ"}, "AWQ NVFP4", 4.5),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "INT8", 8.0),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "INT4", 4 + 8 / 64 + 32 / (64 * 256)),
        ({"quant_method": "bitsandbytes"}, None, None),
        ({"quant_method": "compressed-tensors", "format": "int-quantized"}, "INT8", 8.0),
        ({"quant_method": "compressed-tensors", "format": "pack-quantized"}, None, 4 + 20 / 128),
        ({"quant_method": "compressed-tensors"}, None, None),
    ],
)
def test_kinds_of_a_method_are_told_by_its_fields(block, scheme, bits):
    found = _of(config={"quantization_config": block})
    assert (found.scheme, found.bits) == (scheme, pytest.approx(bits))


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
FIELDS = (
    *("quant_method", "quant_algo", "format", "version", "bits", "sym", "data_type", "load_in_4bit", "sparsity_config"),
    *("config_groups", "mode", "group_size"),
)
METHODS = ("awq", "gptq", "compressed-tensors", "auto-round", "modelopt", "bitsandbytes")


@given(
    st.sampled_from(["quantization_config", "compression_config", "quantization"]),
    st.dictionaries(
        st.sampled_from(FIELDS), ODD | st.sampled_from(["awq", "gptq", "compressed-tensors", "auto-round"])
    ),
)
def test_fields_of_any_kind_are_read_or_left(key, block):
    found = _of(config={"model_type": "llama", key: block})
    assert len(found.scheme or "") < 40


@pytest.mark.parametrize("method", [["awq"], {"a": 1}, 5, None, True])
def test_a_method_that_is_no_text_tells_nothing_of_its_numbers(method):
    assert _of(config={"quantization_config": {"quant_method": method, "bits": 4, "sym": False}}).scheme in (
        None,
        "INT4",
    )


@pytest.mark.parametrize("method", ["awq", "gptq", "auto-round"])
@pytest.mark.parametrize("bits", [0, -4, 9, 16, 10**40, 4.5, 1e9, float("nan"), True, "4", [4], {}])
def test_a_width_that_the_method_does_not_have_leaves_a_packing_of_no_known_method(method, bits):
    found = _of(config={"quantization_config": {"quant_method": method, "bits": bits}})
    assert (found.label, found.scheme, found.bits) == (PACKED, None, None)


@pytest.mark.parametrize("bits", [None, 4, 4.0, 8])
def test_a_width_that_the_method_has_is_its_own(bits):
    assert _of(config={"quantization_config": {"quant_method": "gptq", "bits": bits}}).label == "GPTQ"


@pytest.mark.parametrize(
    "block",
    [{"load_in_4bit": True}, {"bits": 400}, {"bits": 1e9}, {"bits": 0}, {"quant_method": ""}, {"quant_method": 4}],
)
def test_a_block_without_a_method_is_a_packing_all_the_same(block):
    assert _of(config={"quantization_config": block}).label == PACKED


@pytest.mark.parametrize(
    ("block", "odd"),
    [
        ({"bits": 4, "group_size": 64}, False),
        ({"bits": 4, "group_size": 32}, False),
        ({"bits": 4, "group_size": 16}, True),
        ({"bits": 4, "group_size": 16, "mode": "nvfp4"}, False),
        ({"bits": 4, "group_size": 64, "mode": "mxfp4"}, True),
        ({"bits": 8, "group_size": 32, "mode": "mxfp8"}, False),
        ({"bits": 4, "group_size": 16, "mode": "of another day"}, False),
        ({"bits": 4}, False),
    ],
)
@pytest.mark.parametrize("key", ["quantization", "quantization_config"])
def test_mlx_computes_with_groups_of_certain_sizes(key, block, odd):
    found = _of(config={key: block})
    assert found.label.startswith("MLX ")
    assert (found.scheme == ODD_GROUPS) is odd
    for slug in ("mlx-lm", "mlx-vlm", "lm-studio"):
        packing = all_profiles()[slug].packing(found.label, found.scheme)
        assert packing is not None
        assert bool(packing.refused) is odd


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("a/GLM-5.2-MXFP4xMXFP8", PACKED),
        ("a/Qwen3-30B-A3B-P48NVFP4-MoESQ", PACKED),
        ("a/Qwen3.6-27B-MXFP416-MTP", PACKED),
        ("a/Thinking-27B-PARO5", PACKED),
        ("a/Llama-8B-fp8dyn", "FP8"),
        ("HF1BitLLM/Llama3-8B-1.58-100B-tokens", "BitNet"),
        ("a/Llama-8B-int4wo", "INT4"),
        ("a/GLM-5.2-W4AFP8", "W4AFP8"),
        ("a/Qwen3-1.7B-SINQ", "sinq"),
        ("a/Qwen3-8B-SINQ-4bit", "sinq"),
        ("a/Qwen3-4B-FPQuant-QAT-NVFP4", "fp_quant"),
        ("a/Qwen3-8B-float8dq", "FP8"),
        ("a/gemma4-31b-awq8", "AWQ"),
        ("a/Llama-8B-GPTQv2", "GPTQ"),
        ("a/Llama-8B-gptqmodel-4bit", "GPTQ"),
        ("a/Llama-8B-optimum-quanto", "quanto"),
        ("a/Llama-8B-SmoothQuant", PACKED),
        ("a/Qwen3.6-27B-EntQuant-4bit", PACKED),
        ("a/internlm3-8b-smoothquant-fp8", "FP8"),
        ("a/Llama-8B-DF11", PACKED),
        ("a/Qwen3.8-Flash-FP6", PACKED),
        ("a/Qwen3-8B-dequant", None),
        ("a/Quant-Trader-8B", None),
        ("a/Paroli-7B", None),
    ],
)
def test_words_of_a_packers_own_making_are_no_plain_weights(name, label):
    assert _of(name).label == label


def test_a_width_that_is_no_whole_number_is_an_average_that_holds_the_scales():
    assert _of("a/Gemma4-31B-PrismaQuant-5.5bit").bits == 5.5


WIDE = {"hidden_size": 4096, "num_hidden_layers": 32}


@pytest.mark.parametrize(
    "fields",
    [{"desc_act": False}, {"damp_percent": 0.01}, {"head_bits": 6}, {"zero_point": True, "group_size": 128}],
)
@pytest.mark.parametrize("dimensions", [WIDE, {}])
def test_a_width_beside_another_tools_fields_is_not_mlxs(fields, dimensions):
    found = _of(config={"quantization_config": {"bits": 4, **fields}, **dimensions})
    assert (found.label, found.provenance) == (PACKED, Provenance.CONFIG)


def test_mlxs_own_settings_of_single_layers_are_no_other_tools():
    block = {"bits": 4, "group_size": 64, "model.embed_tokens": {"bits": 8}, "lm_head": False, "model.layers.0": False}
    assert _of(config={"quantization": block, "quantization_config": block, **WIDE}).scheme is None


@pytest.mark.parametrize("nest", [None, "text_config"])
def test_a_whole_configuration_without_mlxs_own_block_is_told_apart(nest):
    block = {"bits": 4, "group_size": 64}
    config = {"quantization_config": block, **({nest: WIDE} if nest else WIDE)}
    assert (_of(config=config).label, _of(config=config).scheme) == ("MLX 4-bit", UNMARKED)
    assert _of(config={**config, "quantization": block}).scheme is None
    assert _of(config={"quantization_config": {"bits": 4}}).scheme is None
