"""Widths and kinds of packings that an engine does not compute: what config.json tells refuses, a name does not."""

from __future__ import annotations

import pytest

from compat.engines import Capability, all_profiles
from compat.extraction.extract import extract
from compat.extraction.facts import Provenance
from compat.hub.payloads import parse_record
from compat.rules import judge_all
from compat.rules.result import Confidence

LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "max_position_embeddings": 4096}
FAMILY_LIST = {"config": "Xinference list 2026-08 (file list made from its name pattern)"}
ON_MLX = ("mlx-lm", "mlx-vlm", "lm-studio")


def judged(slug, config, **more):
    record = {"id": "a/llama", "pipeline_tag": "text-generation", "tags": ["safetensors"], **more}
    model = parse_record({**record, "config": {**LLAMA, **config}}).model
    return judge_all(extract(model).judged, all_profiles()[slug]).result


def packed(slug, block, **more):
    return judged(slug, {"quantization_config": block}, **more)


def pack_quantized(*widths):
    groups = {f"group_{n}": {"weights": {"type": "int", "num_bits": width}} for n, width in enumerate(widths)}
    return {"quant_method": "compressed-tensors", "format": "pack-quantized", "config_groups": groups}


def refuses(result):
    assert result.compatible is (result.cause == "")
    return result.cause == "quantization"


@pytest.mark.parametrize("bits", range(1, 9))
def test_vllm_computes_awq_of_four_bits_alone(bits):
    assert refuses(packed("vllm", {"quant_method": "awq", "bits": bits})) is (bits != 4)


@pytest.mark.parametrize("bits", range(1, 9))
def test_sglang_computes_awq_of_four_bits_and_may_of_eight(bits):
    result = packed("sglang", {"quant_method": "awq", "bits": bits})
    assert refuses(result) is (bits not in (4, 8))
    assert (result.level is Confidence.LOW) is (bits == 8)


@pytest.mark.parametrize("bits", range(1, 9))
def test_vllm_computes_gptq_of_four_and_eight_bits_alone(bits):
    assert refuses(packed("vllm", {"quant_method": "gptq", "bits": bits, "sym": True})) is (bits not in (4, 8))


@pytest.mark.parametrize("bits", range(1, 9))
def test_sglang_computes_gptq_of_four_and_eight_bits(bits):
    assert refuses(packed("sglang", {"quant_method": "gptq", "bits": bits})) is (bits not in (4, 8))


@pytest.mark.parametrize("sym", [True, None, 0, "false"])
def test_vllm_computes_gptq_that_is_not_told_to_be_asymmetric(sym):
    assert packed("vllm", gptq(sym=sym)).level is Confidence.HIGH


@pytest.mark.parametrize("more", [{}, {"bits": 8}, {"group_size": 16}, {"checkpoint_format": "gptq_v2"}])
def test_vllm_refuses_gptq_with_act_order(more):
    result = packed("vllm", gptq(desc_act=True, **more))
    assert refuses(result)
    assert any("desc_act = true" in reason for reason in result.reasons)
    assert result.recommendations
    assert packed("transformers", gptq(desc_act=True, **more)).compatible


@pytest.mark.parametrize("bits", [4, 8])
def test_groups_of_whole_rows_have_no_order(bits):
    assert packed("vllm", gptq(bits=bits, desc_act=True, group_size=-1)).level >= Confidence.MEDIUM


@pytest.mark.parametrize(
    ("rules", "refused"),
    [
        ({"+:.*down.*": {"desc_act": True}}, True),
        ({".*down.*": {"desc_act": True}}, True),
        ({".*down.*": {"desc_act": True, "group_size": -1}}, False),
        ({"-:.*down.*": {"desc_act": True}}, False),
        ({"+:.*down.*": {"bits": 8}}, False),
        ({"+:.*down.*": None}, False),
        ([], False),
    ],
)
def test_one_layer_with_act_order_is_enough(rules, refused):
    result = packed("vllm", gptq(dynamic=rules))
    assert refuses(result) is refused
    assert refused or result.level is Confidence.HIGH


@pytest.mark.parametrize("block", [{}, {"bits": 4}, {"bits": 8}, {"bits": 4, "group_size": 128, "sym": True}])
def test_gptq_whose_order_is_not_told_might_run_on_vllm(block):
    result = packed("vllm", {"quant_method": "gptq", **block})
    assert (result.level, result.brief) == (Confidence.LOW, "act order not told")
    assert packed("sglang", {"quant_method": "gptq", **block}).level > Confidence.LOW


@pytest.mark.parametrize("order", ["group", "dynamic", "GROUP", True])
@pytest.mark.parametrize("width", [4, 8])
def test_compressed_tensors_in_an_order_of_their_own_are_refused_by_vllm(order, width):
    block = pack_quantized(width, width)
    block["config_groups"]["group_1"]["weights"]["actorder"] = order
    result = packed("vllm", block)
    assert refuses(result)
    assert result.recommendations
    assert refuses(packed("lmdeploy", block))


@pytest.mark.parametrize("order", ["static", "weight", None, False])
def test_compressed_tensors_that_lie_where_they_were_are_computed(order):
    block = pack_quantized(4)
    block["config_groups"]["group_0"]["weights"]["actorder"] = order
    assert packed("vllm", block).level is Confidence.HIGH


@pytest.mark.parametrize("bits", [4, 8, None])
def test_vllm_refuses_asymmetric_gptq(bits):
    result = packed("vllm", {"quant_method": "gptq", "bits": bits, "sym": False})
    assert refuses(result)
    assert any("sym = false" in reason for reason in result.reasons)


@pytest.mark.parametrize("slug", [slug for slug in all_profiles() if slug not in ("vllm", "sglang", "lmdeploy")])
def test_asymmetric_gptq_is_gptq_to_the_others(slug):
    symmetric, not_so = (packed(slug, {"quant_method": "gptq", "bits": 4, "sym": sym}) for sym in (True, False))
    assert (symmetric.level, symmetric.cause) == (not_so.level, not_so.cause)


def test_a_width_that_is_refused_is_refused_of_asymmetric_codes_too():
    found = all_profiles()["vllm"].packing("GPTQ", "INT3 asymmetric")
    assert found is not None
    assert found.refused


@pytest.mark.parametrize("slug", ["vllm", "sglang", "mlx-lm"])
@pytest.mark.parametrize("algorithm", ["W4A16_AWQ", "W4A8_AWQ", "INT8_SQ", "w4a16_awq"])
def test_modelopts_integers_are_refused(slug, algorithm):
    assert refuses(packed(slug, {"quant_method": "modelopt", "quant_algo": algorithm}))
    assert refuses(packed(slug, {"quant_algo": algorithm}))


@pytest.mark.parametrize("algorithm", ["FP8", "FP8_PB_WO", "NVFP4", "W4A16_NVFP4", "MIXED_PRECISION"])
@pytest.mark.parametrize("slug", ["vllm", "sglang"])
def test_modelopts_other_numbers_are_read(slug, algorithm):
    assert packed(slug, {"quant_method": "modelopt", "quant_algo": algorithm}).level >= Confidence.MEDIUM


@pytest.mark.parametrize("algorithm", ["W4A16_AWQ", "W4A8_AWQ"])
def test_tensorrt_llm_reads_modelopts_integers_of_four_bits(algorithm):
    assert packed("tensorrt-llm", {"quant_method": "modelopt", "quant_algo": algorithm}).compatible


# _torch/modules/linear.py, get_quant_method: no method for smooth quantization.
def test_tensorrt_llm_has_no_integer_activations():
    assert refuses(packed("tensorrt-llm", {"quant_method": "modelopt", "quant_algo": "INT8_SQ"}))


@pytest.mark.parametrize("bits", range(1, 9))
def test_sglang_computes_packed_integers_of_four_and_eight_bits_alone(bits):
    assert refuses(packed("sglang", pack_quantized(bits))) is (bits not in (4, 8))


@pytest.mark.parametrize("slug", ["vllm", "sglang"])
def test_packed_integers_of_eight_bits_are_not_those_with_activations_of_eight(slug):
    """These run on no Blackwell card with vLLM, the packed ones on any."""
    facts = extract(parse_record({"id": "a/b", "config": {"quantization_config": pack_quantized(8)}}).model).judged[0]
    assert all_profiles()[slug].packing(facts.quantization, facts.scheme).below is None


@pytest.mark.parametrize(
    "groups",
    [
        pack_quantized(2, 4)["config_groups"],
        pack_quantized(4, 2)["config_groups"],
        pack_quantized(2, None)["config_groups"],
        pack_quantized("2")["config_groups"],
        pack_quantized(True)["config_groups"],
        pack_quantized(0)["config_groups"],
        {"group_0": {"weights": None}},
        {"group_0": None},
        {},
        [2],
        None,
    ],
)
def test_a_width_that_not_all_groups_tell_refuses_nothing(groups):
    assert not refuses(packed("sglang", {**pack_quantized(), "config_groups": groups}))


@pytest.mark.parametrize("slug", ["vllm", "sglang"])
@pytest.mark.parametrize("key", ["version", "format"])
def test_awq_laid_out_for_marlin_is_no_sure_thing(slug, key):
    assert packed(slug, {"quant_method": "awq", "bits": 4, key: "Marlin"}).level is Confidence.LOW
    assert packed(slug, {"quant_method": "awq", "bits": 4, key: "gemm"}).level > Confidence.LOW


def test_lmdeploy_refuses_awq_laid_out_for_marlin():
    assert refuses(packed("lmdeploy", {"quant_method": "awq", "bits": 4, "version": "marlin"}))


@pytest.mark.parametrize("slug", ON_MLX)
@pytest.mark.parametrize("bits", range(1, 13))
def test_mlx_computes_the_widths_that_it_has(slug, bits):
    own = judged(slug, {"quantization": {"bits": bits, "group_size": 64}})
    assert refuses(own) is (bits not in (1, 2, 3, 4, 5, 6, 8))


@pytest.mark.parametrize("slug", ON_MLX)
@pytest.mark.parametrize("tags", [["mlx", "safetensors"], ["safetensors"]])
def test_the_mlx_width_in_a_name_may_be_an_average(slug, tags):
    """A width of the name refuses nothing."""
    assert judged(slug, {}, id="a/llama-MLX-7bit", tags=tags).level is Confidence.LOW
    assert judged(slug, {}, id="a/llama-MLX-4bit", tags=tags).level > Confidence.LOW


@pytest.mark.parametrize(("bits", "refused"), [(4, False), (7, True), (8, False), (9, True)])
def test_mlx_audio_computes_the_widths_of_mlx(bits, refused):
    assert bool(all_profiles()["mlx-audio"].packing(f"MLX {bits}-bit").refused) is refused


@pytest.mark.parametrize("bits", [3.5, 4.7, 6.4])
def test_an_average_width_of_mlx_is_read_as_before(bits):
    assert judged("mlx-lm", {"quantization": {"bits": bits}}).level is Confidence.HIGH


@pytest.mark.parametrize("slug", ["vllm", "lmdeploy"])
def test_a_width_that_a_list_for_a_family_tells_is_doubted_and_not_refused(slug):
    """Such lists call what llm-compressor packed after AWQ's method by that name, which vLLM reads in eight bits."""
    told = packed(slug, {"quant_method": "awq", "bits": 8}, id="a/llama-AWQ-8bit", _source=FAMILY_LIST)
    assert (told.compatible, told.level) == (True, Confidence.LOW)
    assert any("and not by whom they were packed" in text for text in told.warnings)


@pytest.mark.parametrize(("slug", "method"), [("exllamav3", "awq"), ("mlx-lm", "gptq")])
def test_what_an_engine_never_reads_is_refused_where_it_was_read_and_else_doubted(slug, method):
    block = {"quant_method": method, "bits": 4}
    assert refuses(packed(slug, block))
    listed = packed(slug, block, _source=FAMILY_LIST)
    assert listed.level is Confidence.LOW
    assert any("only guessed" in warning for warning in listed.warnings)


@pytest.mark.parametrize("name", ["llama-MLX-4bit", "llama-mxfp4-mlx", "llama-oQ4e"])
@pytest.mark.parametrize("slug", ["vllm", "transformers", "exllamav3"])
def test_a_name_with_mlx_and_a_width_counts_as_read(slug, name):
    assert refuses(judged(slug, {}, id=f"a/{name}"))


BY_NAME = (
    "AWQ",
    "GPTQ",
    "AutoRound",
    "FP8",
    "NVFP4",
    "MXFP4",
    "EXL2",
    "EXL3",
    "bnb-4bit",
    "HQQ",
    "JANG_2L",
    "MLX",
)


@pytest.mark.parametrize("slug", [slug for slug, profile in all_profiles().items() if not profile.criteria])
@pytest.mark.parametrize("method", BY_NAME)
def test_a_packing_that_only_a_name_tells_refuses_nowhere(slug, method):
    files = [{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}]
    plain, named = (judged(slug, {}, id=f"a/{name}", siblings=files) for name in ("llama", f"llama-{method}"))
    assert (named.compatible, named.cause) == (plain.compatible, plain.cause)
    assert named.level <= plain.level


@pytest.mark.parametrize("slug", [slug for slug, profile in all_profiles().items() if not profile.criteria])
@pytest.mark.parametrize("method", BY_NAME)
@pytest.mark.parametrize(
    "machine",
    [
        Capability(vendor="nvidia", compute_capability=7.0),
        Capability(vendor="amd", gfx="gfx1100"),
        Capability(vendor="cpu"),
        Capability(vendor="apple"),
    ],
)
def test_nor_does_it_on_any_machine(slug, method, machine):
    def on_it(name):
        record = {"id": f"a/{name}", "pipeline_tag": "text-generation", "tags": ["safetensors"], "config": LLAMA}
        return judge_all(extract(parse_record(record).model).judged, all_profiles()[slug], machine).result

    assert on_it(f"llama-{method}").cause == on_it("llama").cause


def compressed(weights, activations=None, kind="pack-quantized", **more):
    group = {"weights": weights, "input_activations": activations}
    block = {"quant_method": "compressed-tensors", "format": kind, "config_groups": {"group_0": group}}
    return block | more


INT4, INT8 = ({"type": "int", "num_bits": bits, "symmetric": True} for bits in (4, 8))
FLOAT8 = {"type": "float", "num_bits": 8}
SPARSE = {"sparsity_config": {"format": "sparse-24-bitmask", "targets": ["Linear"]}}


@pytest.mark.parametrize(
    ("block", "vllm", "sglang", "tgi"),
    [
        (compressed(INT4), 3, 2, 2),
        (compressed(INT4, FLOAT8), 2, 0, 0),
        (compressed(INT4, INT8, "int-quantized"), 1, 0, 0),
        (compressed(INT4, INT4, "int-quantized"), 0, 0, 0),
        (compressed(INT4, INT8), 2, 0, 0),
        (compressed(INT4, INT4), 2, 0, 0),
        (compressed(INT4, INT8, None), 1, 0, 0),
        (compressed(INT4, kind="marlin-24"), 0, 0, 0),
        (compressed(INT8, INT8, "int-quantized"), 2, 2, 2),
        (compressed(INT8 | {"symmetric": False}, INT8, "int-quantized"), 0, 0, 2),
        (compressed(FLOAT8, FLOAT8, "float-quantized"), 2, 2, 2),
        (compressed(FLOAT8, FLOAT8, "float-quantized", **SPARSE), 0, 0, 0),
        (compressed(FLOAT8, FLOAT8, "float-quantized", sparsity_config={"format": "dense"}), 2, 2, 2),
    ],
)
def test_kinds_of_compressed_tensors_are_what_engines_have_code_for(block, vllm, sglang, tgi):
    assert [packed(slug, block).level for slug in ("vllm", "sglang", "tgi")] == [vllm, sglang, tgi]


@pytest.mark.parametrize(("capability", "runs"), [(8.9, False), (9.0, True), (10.0, False)])
def test_integers_of_four_bits_with_activations_in_fp8_are_hoppers_alone_on_vllm(capability, runs):
    record = {"id": "a/llama", "pipeline_tag": "text-generation", "tags": ["safetensors"]}
    config = {**LLAMA, "quantization_config": compressed(INT4, FLOAT8)}
    judged = extract(parse_record({**record, "config": config}).model).judged
    result = judge_all(judged, all_profiles()["vllm"], Capability("nvidia", capability)).result
    assert result.compatible is runs


@pytest.mark.parametrize(
    ("numbers", "bits", "vllm", "sglang"),
    [("int", 4, True, True), (None, 4, True, True), ("nv_fp", 4, False, False), ("mx_fp", 4, True, False)],
)
def test_numbers_of_autoround_that_an_engine_does_not_read_are_refused(numbers, bits, vllm, sglang):
    block = {"quant_method": "auto-round", "bits": bits, "group_size": 32, "data_type": numbers}
    assert [packed(slug, block).compatible for slug in ("vllm", "sglang")] == [vllm, sglang]


MIXTURE = {"model_type": "qwen3_moe", "architectures": ["Qwen3MoeForCausalLM"]}


def named(slug, name, **more):
    config = {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "max_position_embeddings": 4096}
    record = {"id": f"a/{name}", "pipeline_tag": "text-generation", "config": {**config, **more}}
    record |= {"siblings": [{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}]}
    return judge_all(extract(parse_record(record).model).judged, all_profiles()[slug]).result


# mlx_lm/utils.py load_model stacks experts before it repacks; transformers/integrations/awq.py swaps linear modules.
@pytest.mark.parametrize("slug", ["mlx-lm", "transformers"])
def test_awq_of_a_mixture_of_experts_is_not_read(slug):
    awq = {"quantization_config": {"quant_method": "awq", "bits": 4, "version": "gemm"}}
    assert named(slug, "Qwen3-8B", **awq).compatible
    assert named(slug, "Qwen3-30B", **MIXTURE, **awq).cause == "quantization"


@pytest.mark.parametrize("slug", ["transformers", "mlx-vlm", "mlx-lm"])
@pytest.mark.parametrize("method", ["AWQ", "GPTQ"])
def test_a_method_that_a_name_tells_may_be_another_and_is_not_refused(slug, method):
    assert named(slug, f"Qwen3-30B-{method}", **MIXTURE).confidence == "low"


@pytest.mark.parametrize(("slug", "writer"), [("transformers", "compressed-tensors"), ("mlx-vlm", "ModelOpt")])
def test_numbers_that_a_name_tells_may_be_of_a_writer_that_is_read(slug, writer):
    result = named(slug, "Qwen3-8B-NVFP4")
    assert (result.confidence, result.brief) == ("low", "NVFP4 packing unclear")
    assert writer in " ".join(result.warnings)


def test_a_list_that_goes_by_names_is_no_config_json():
    listed = {"quantization_config": {"quant_method": "awq"}}
    record = {"id": "a/Qwen3-8B-AWQ", "config": {"model_type": "qwen3", **listed}, "_source": {"config": "a list"}}
    facts = extract(parse_record(record).model).variants[0].facts
    assert (facts.quantization, facts.quantization_from) == ("AWQ", Provenance.LIST)
    record["_source"] = {}
    assert extract(parse_record(record).model).variants[0].facts.quantization_from is Provenance.CONFIG


def test_a_class_that_a_list_tells_beside_the_type_of_another_is_not_believed():
    config = {"model_type": "qwen3_moe", "architectures": ["Qwen3ForCausalLM"]}
    record = {"id": "a/Qwen3-30B-A3B", "config": config, "_source": {"config": "a list"}}
    assert extract(parse_record(record).model).variants[0].facts.hf_class is None
    record["_source"] = {}
    assert extract(parse_record(record).model).variants[0].facts.hf_class == "Qwen3ForCausalLM"


@pytest.mark.parametrize(("count", "task"), [(2_000_000_000, "speculative-draft"), (165_000_000_000, None)])
def test_a_model_that_brings_its_draft_is_no_draft(count, task):
    record = {"id": "a/DeepSeek-V4-Flash-DSpark", "safetensors": {"parameters": {"BF16": count}, "total": count}}
    assert extract(parse_record(record).model).task.value == task


@pytest.mark.parametrize(
    ("slug", "undeclared", "unblocked", "blockwise"),
    [
        ("transformers", "none", "high", "high"),
        ("mlx-vlm", "none", "none", "medium"),
        ("vllm", "medium", "medium", "medium"),
    ],
)
def test_fp8_without_blocks_is_read_where_the_engine_has_code_for_it(slug, undeclared, unblocked, blockwise):
    fp8 = {"quant_method": "fp8", "activation_scheme": "static"}
    assert packed(slug, fp8).confidence == undeclared
    assert packed(slug, fp8 | {"weight_block_size": None}).confidence == unblocked
    assert packed(slug, fp8 | {"weight_block_size": [128, 128]}).confidence == blockwise


def test_fp8_of_which_the_hub_leaves_out_the_blocks_is_not_refused():
    assert packed("transformers", {"quant_method": "fp8"}).compatible
    assert packed("mlx-vlm", {"quant_method": "fp8"}).compatible


MIXTURE = {"model_type": "qwen3_moe", "architectures": ["Qwen3MoeForCausalLM"]}


@pytest.mark.parametrize(
    ("block", "dense", "experts"),
    [
        (compressed(INT4), 2, 2),
        (compressed(FLOAT8, FLOAT8, "float-quantized"), 2, 2),
        (compressed(FLOAT8, FLOAT8, "mxfp8-quantized"), 0, 0),
        (compressed(INT8, INT8, "int-quantized"), 2, 0),
        (compressed(INT4, FLOAT8), 0, 1),
        (compressed(INT4, INT8), 0, 1),
        (compressed({"type": "float", "num_bits": 4}, kind="mxfp4-pack-quantized"), 0, 2),
    ],
)
def test_sglang_has_other_kinds_of_compressed_tensors_for_experts(block, dense, experts):
    of_experts = judged("sglang", MIXTURE | {"quantization_config": block}, id="a/mixture")
    assert (packed("sglang", block).level, of_experts.level) == (dense, experts)


@pytest.mark.parametrize(("slug", "packed_before", "rounded_while_loading"), [("mlx-lm", 1, 0), ("vllm", 0, 0)])
def test_bitnets_weights_are_packed_or_rounded_while_loading(slug, packed_before, rounded_while_loading):
    block = {"quant_method": "bitnet"}
    assert packed(slug, block).level == packed_before
    assert packed(slug, block | {"quantization_mode": "online"}).level == rounded_while_loading


@pytest.mark.parametrize("name", ["bitnet_b1_58-3B", "Llama3-8B-1.58-100B-tokens"])
@pytest.mark.parametrize("slug", ["vllm", "sglang", "lmdeploy"])
def test_a_name_that_models_bear_too_refuses_nothing(slug, name):
    result = judged(slug, {}, id=f"a/{name}")
    assert (result.level, result.brief) == (Confidence.LOW, "BitNet packing unclear")
    assert refuses(packed("vllm", {"quant_method": "bitnet"}, id=f"a/{name}"))


def test_transformers_reads_both_kinds_of_bitnet():
    assert packed("transformers", {"quant_method": "bitnet"}).compatible
    assert packed("transformers", {"quant_method": "bitnet", "quantization_mode": "online"}).compatible


@pytest.mark.parametrize("slug", ["transformers", "vllm"])
def test_fp8_that_a_list_tells_alone_may_be_compressed_tensors(slug):
    block, by_list = {"quant_method": "fp8"}, {"_source": {"config": "llmfit 1.1.17, 2026-10"}}
    assert packed(slug, block, **by_list).level == 1
    assert packed(slug, block | {"weight_block_size": [128, 128]}, **by_list).level > 1
    assert packed(slug, block).level > 1


NVIDIA, AMD, INTEL, PROCESSOR = (Capability(*one) for one in (("nvidia", 8.9), ("amd",), ("intel",), ("cpu",)))
DENSE = {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"]}


def on(slug, block, hardware, model=DENSE):
    """How sure it is there, from 0 (refused) to 3."""
    record = {"id": "a/model", "pipeline_tag": "text-generation", "tags": ["safetensors"]}
    parsed = parse_record({**record, "config": {**model, "quantization_config": block}}).model
    result = judge_all(extract(parsed).judged, all_profiles()[slug], hardware).result
    assert result.cause in ("", "quantization", "platform")
    return int(result.level)


def gptq(**more):
    return {"quant_method": "gptq", "bits": 4, "group_size": 128, "sym": True, "desc_act": False, **more}


def rounded(**more):
    layout = {"packing_format": "auto_round:auto_gptq", "backend": "auto"}
    return {"quant_method": "auto-round", "bits": 4, "group_size": 128, "sym": True, **layout, **more}


def on_each(slug, block, model=DENSE):
    return tuple(on(slug, block, hardware, model) > 0 for hardware in (NVIDIA, AMD, INTEL, PROCESSOR))


YES, NO = True, False


@pytest.mark.parametrize(
    ("block", "dense", "mixture"),
    [
        (gptq(), (YES, NO, YES, YES), (YES, NO, NO, YES)),
        (gptq(bits=8), (YES, NO, NO, NO), (YES, NO, NO, NO)),
        (gptq(bits=3), (NO, NO, NO, NO), (NO, NO, NO, NO)),
        (gptq(sym=False), (NO, NO, YES, YES), (NO, NO, NO, YES)),
        (gptq(group_size=256), (NO, NO, YES, YES), (NO, NO, NO, YES)),
        (gptq(group_size=-1), (YES, NO, NO, YES), (YES, NO, NO, YES)),
        (gptq(group_size=32), (YES, NO, YES, YES), (YES, NO, NO, YES)),
        (gptq(sym=False, group_size=-1), (NO, NO, NO, YES), (NO, NO, NO, YES)),
        (gptq(checkpoint_format="gptq_v2"), (YES, NO, YES, NO), (YES, NO, NO, NO)),
        (gptq(checkpoint_format="gptq_v2", sym=False), (NO, NO, YES, NO), (NO, NO, NO, NO)),
        (gptq(desc_act=True), (YES, NO, YES, YES), (YES, NO, NO, YES)),
        (gptq(bits=8, desc_act=True), (YES, NO, NO, NO), (YES, NO, NO, NO)),
        (gptq(bits=8, sym=False), (NO, NO, NO, NO), (NO, NO, NO, NO)),
        (gptq(bits=8, group_size=16), (NO, NO, NO, NO), (NO, NO, NO, NO)),
        (gptq(checkpoint_format="marlin"), (NO, NO, NO, NO), (NO, NO, NO, NO)),
        (gptq(is_marlin_format=True), (NO, NO, NO, NO), (NO, NO, NO, NO)),
        (gptq(checkpoint_format="gptq"), (YES, NO, YES, YES), (YES, NO, NO, YES)),
        (rounded(), (YES, NO, YES, YES), (YES, NO, YES, YES)),
        (rounded(bits=2), (NO, NO, NO, NO), (NO, NO, NO, NO)),
        (rounded(bits=3), (NO, NO, NO, NO), (NO, NO, NO, NO)),
        (rounded(bits=8), (YES, NO, NO, NO), (YES, NO, NO, NO)),
        (rounded(sym=False), (NO, NO, NO, YES), (YES, NO, NO, YES)),
        (rounded(group_size=256), (NO, NO, NO, YES), (YES, NO, NO, YES)),
        (rounded(sym=False, packing_format="auto_round:auto_awq"), (YES, NO, YES, YES), (YES, NO, YES, YES)),
        (rounded(bits=8, packing_format="auto_round:auto_awq"), (NO, NO, NO, NO), (NO, NO, NO, NO)),
    ],
)
def test_sglang_computes_gptq_and_autoround_where_it_has_kernels(block, dense, mixture):
    assert on_each("sglang", block) == dense
    assert on_each("sglang", block, MIXTURE) == mixture


@pytest.mark.parametrize(
    ("block", "dense", "mixture"),
    [
        (gptq(), (YES, YES, YES, YES), (YES, YES, YES, YES)),
        (gptq(group_size=256), (NO, NO, NO, NO), (YES, YES, NO, NO)),
        (gptq(group_size=16, bits=8), (NO, NO, NO, NO), (YES, YES, NO, NO)),
        (gptq(checkpoint_format="marlin", sym=False), (NO, NO, NO, NO), (NO, NO, NO, NO)),
        (rounded(), (YES, YES, YES, YES), (YES, YES, YES, NO)),
        (rounded(bits=8), (YES, YES, NO, NO), (YES, YES, NO, NO)),
        (rounded(bits=3, sym=False), (YES, NO, NO, NO), (YES, NO, NO, NO)),
        (rounded(bits=2), (YES, NO, YES, NO), (YES, NO, YES, NO)),
        (rounded(bits=2, sym=False), (YES, NO, NO, NO), (YES, NO, NO, NO)),
        (rounded(sym=False), (NO, NO, NO, NO), (YES, YES, NO, NO)),
        (rounded(bits=8, sym=False), (NO, NO, NO, NO), (YES, YES, NO, NO)),
        (rounded(group_size=256), (NO, NO, YES, NO), (YES, YES, YES, NO)),
        (rounded(sym=False, packing_format="auto_round:auto_awq"), (YES, YES, YES, NO), (YES, YES, YES, NO)),
        (rounded(bits=8, packing_format="auto_round:auto_awq"), (NO, NO, NO, NO), (NO, NO, NO, NO)),
        (pack_quantized(3), (YES, NO, NO, NO), (YES, NO, NO, NO)),
        (pack_quantized(4), (YES, YES, YES, YES), (YES, YES, YES, YES)),
    ],
)
def test_vllm_computes_integers_where_it_has_kernels(block, dense, mixture):
    assert on_each("vllm", block) == dense
    assert on_each("vllm", block, MIXTURE) == mixture


@pytest.mark.parametrize("bits", [1, 2, 3, 5, 6, 7])
def test_packed_integers_of_rare_widths_are_nvidias_alone_on_vllm(bits):
    assert on_each("vllm", pack_quantized(bits)) == (bits > 1, NO, NO, NO)


@pytest.mark.parametrize("kind", ["marlin", "bitblas"])
def test_gptq_laid_out_for_other_kernels_is_no_sure_thing_on_vllm(kind):
    assert on("vllm", gptq(checkpoint_format=kind), NVIDIA) == Confidence.LOW
    assert on("vllm", gptq(**{f"is_{kind}_format": True}), NVIDIA) == Confidence.LOW
    assert on("vllm", gptq(checkpoint_format=kind), AMD) == Confidence.LOW


def test_groups_of_other_sizes_are_unsure_on_intels_gpus_with_sglang():
    assert on("sglang", gptq(group_size=256), INTEL) == Confidence.LOW
    assert on("sglang", gptq(group_size=256), PROCESSOR) == Confidence.MEDIUM


@pytest.mark.parametrize(("method", "least"), [("gptq", Confidence.LOW), ("auto-round", Confidence.MEDIUM)])
def test_what_is_not_told_of_gptq_and_autoround_refuses_nothing(method, least):
    assert on("vllm", {"quant_method": method}, NVIDIA) >= least
    assert on("sglang", {"quant_method": method}, NVIDIA) >= Confidence.MEDIUM
    odd = {"quant_method": method, "bits": 4, "group_size": None, "sym": None, "packing_format": None}
    assert on("vllm", odd, NVIDIA) >= least


def test_sglang_computes_act_order_on_processors_for_some_settings_alone():
    assert on("sglang", gptq(desc_act=True), PROCESSOR) == Confidence.LOW
    assert on("sglang", gptq(desc_act=True), NVIDIA) == Confidence.HIGH


def pack_quantized_in(group, **weights):
    block = pack_quantized(4)
    block["config_groups"]["group_0"]["weights"] |= {"strategy": "group", "group_size": group, **weights}
    return block


@pytest.mark.parametrize(
    ("block", "dense", "mixture"),
    [
        (pack_quantized(4), (YES, NO, YES, NO), (YES, YES, NO, NO)),
        (pack_quantized(8), (YES, NO, NO, NO), (YES, YES, NO, NO)),
        (compressed(INT8, INT8, "int-quantized"), (YES, NO, NO, YES), (NO, NO, NO, NO)),
        (compressed(FLOAT8, FLOAT8, "float-quantized"), (YES, YES, YES, NO), (YES, YES, YES, NO)),
    ],
)
def test_sglang_computes_compressed_tensors_where_it_has_kernels(block, dense, mixture):
    assert on_each("sglang", block) == dense
    assert on_each("sglang", block, MIXTURE) == mixture


def test_autoround_of_untold_numbers_is_unsure_on_a_processor_with_vllm():
    assert on("vllm", {"quant_method": "auto-round"}, PROCESSOR) == Confidence.LOW
    assert on("vllm", rounded(), PROCESSOR) == Confidence.MEDIUM
    assert on("vllm", {"quant_method": "auto-round"}, PROCESSOR, MIXTURE) == 0


def test_autoround_needs_marlin_on_sglang():
    assert on("sglang", rounded(), Capability("nvidia", 7.5)) == 0
    assert on("sglang", {"quant_method": "auto-round"}, Capability("nvidia", 7.5)) > 0
    assert on("sglang", rounded(packing_format="auto_round:auto_awq"), Capability("nvidia", 7.5)) > 0


@pytest.mark.parametrize("slug", ["vllm", "sglang"])
@pytest.mark.parametrize(
    "more",
    [
        {"packing_format": "auto_round:exllamav2"},
        {"packing_format": "gguf:q4_0"},
        {"packing_format": "auto_round:llm_compressor"},
        {"packing_format": "auto_round:exllamav2", "sym": False},
        {"packing_format": ["auto_round:auto_gptq"]},
        {"backend": "auto_round:tritonv2"},
        {"backend": "exllamav2", "bits": 8},
    ],
)
def test_layouts_and_kernels_of_autoround_that_servers_do_not_have_are_refused(slug, more):
    assert refuses(packed(slug, rounded(**more)))
    assert packed("transformers", rounded(**more)).compatible


@pytest.mark.parametrize(
    ("more", "refused"),
    [
        ({"data_type": "mx_fp", "packing_format": "auto_round:llm_compressor"}, False),
        ({"data_type": "mx_fp", "packing_format": "auto_round:auto_gptq"}, True),
        ({"data_type": "fp", "bits": 8, "packing_format": "auto_round:fp8"}, False),
        ({"data_type": "fp", "bits": 8, "packing_format": "auto_round:llm_compressor"}, True),
    ],
)
def test_each_of_autorounds_numbers_has_a_layout_on_vllm(more, refused):
    assert refuses(packed("vllm", rounded(**more))) is refused


@pytest.mark.parametrize(("method", "read_by"), [("intel/auto-round", ()), ("inc", ("vllm",)), ("auto-round", None)])
def test_autoround_goes_by_the_name_that_the_engine_knows(method, read_by):
    for slug in ("vllm", "sglang", "transformers"):
        for more in ({}, {"sym": False, "bits": 8}):
            result = packed(slug, rounded(quant_method=method, **more), id="a/m")
            if read_by is not None and slug not in read_by:
                assert refuses(result)
                assert "auto-round" in result.reasons[0]
        assert packed(slug, rounded(quant_method=method)).compatible is (read_by is None or slug in read_by)


@pytest.mark.parametrize("slug", ["vllm", "sglang"])
def test_a_method_called_nvfp4_is_none(slug):
    assert refuses(packed(slug, {"quant_method": "nvfp4"}))
    assert named(slug, "Qwen3-8B-NVFP4").compatible


@pytest.mark.parametrize("method", ["fbgemm_fp8", "fp_quant"])
def test_vllm_says_how_it_starts_with_a_deprecated_method(method):
    result = packed("vllm", {"quant_method": method})
    assert result.compatible
    assert any("--allow-deprecated-quantization" in reason for reason in result.reasons)


@pytest.mark.parametrize(("slug", "level"), [("mlx-lm", 0), ("mlx-vlm", 1)])
def test_mlx_weights_whose_whole_configuration_lacks_mlxs_own_block_are_not_promised(slug, level):
    config = {"hidden_size": 4096, "quantization_config": {"bits": 4, "group_size": 64}}
    assert judged(slug, config).level == level
    assert judged(slug, {**config, "quantization": {"bits": 4, "group_size": 64}}).level > 1


@pytest.mark.parametrize("field", [{"desc_act": True}, {"head_bits": 6}])
@pytest.mark.parametrize("slug", ["mlx-lm", "vllm"])
def test_a_packing_by_fields_of_a_tool_that_is_not_named_might_run(slug, field):
    config = {"hidden_size": 4096, "quantization_config": {"bits": 4, "group_size": 128, **field}}
    assert judged(slug, config).level is Confidence.LOW


@pytest.mark.parametrize("method", ["gemma", "fouroversix"])
def test_transformers_has_quantizers_that_no_other_engine_has(method):
    assert not refuses(packed("transformers", {"quant_method": method}))
    assert refuses(packed("vllm", {"quant_method": method}))


WHOLE = {"hidden_size": 4096, "num_hidden_layers": 32, "torch_dtype": "bfloat16"}


@pytest.mark.parametrize(
    ("slug", "name"),
    [("vllm", "llama-bnb-4bit"), ("mlx-lm", "llama-GPTQ"), ("vllm", "llama-AWQ"), ("sglang", "llama-exl3")],
)
def test_a_whole_configuration_without_a_packing_outweighs_the_name(slug, name):
    result = judged(slug, WHOLE, id=f"a/{name}")
    assert result.level is Confidence.LOW
    assert any("config.json" in warning for warning in result.warnings)


@pytest.mark.parametrize(("slug", "name"), [("vllm", "llama-bnb-4bit"), ("mlx-lm", "llama-GPTQ")])
def test_a_name_still_tells_the_packing_where_the_configuration_was_not_read_whole(slug, name):
    for config in ({}, {"hidden_size": 4096, "num_hidden_layers": 32}):
        result = judged(slug, config, id=f"a/{name}")
        assert result.level is Confidence.LOW
        assert "packing unclear" in result.brief


@pytest.mark.parametrize(
    "more",
    [
        {"sym": False},
        {"bits": 3},
        {"bits": 8},
        {"desc_act": True},
        {"group_size": 32},
        {"group_size": -1, "desc_act": True},
        {"group_size": 1024},
        {"checkpoint_format": "gptq_v2"},
        {"bits": 8, "desc_act": True, "sym": False},
    ],
)
def test_lmdeploy_computes_one_kind_of_gptq_alone(more):
    assert packed("lmdeploy", gptq()).level is Confidence.MEDIUM
    result = packed("lmdeploy", gptq(**more))
    assert refuses(result)
    assert result.recommendations


@pytest.mark.parametrize("block", [{}, {"bits": 4}, {"group_size": 128}])
def test_gptq_of_which_little_is_told_might_run_on_lmdeploy(block):
    assert packed("lmdeploy", {"quant_method": "gptq", **block}).level is Confidence.LOW


@pytest.mark.parametrize(("group", "refused"), [(128, False), (None, False), (64, True), (32, True), (-1, True)])
def test_turbomind_computes_awq_in_groups_of_128_alone(group, refused):
    awq = {"quant_method": "awq", "bits": 4, "group_size": group, "version": "gemm"}
    assert refuses(packed("lmdeploy", awq)) is refused
    in_pytorch = {"model_type": "mistral", "architectures": ["MistralForCausalLM"], "quantization_config": awq}
    assert judged("lmdeploy", in_pytorch).compatible
    assert packed("vllm", awq).level is Confidence.HIGH


@pytest.mark.parametrize(("group", "refused"), [(128, False), (32, False), (64, True), (16, True)])
def test_lmdeploy_computes_compressed_integers_in_two_sizes_of_groups(group, refused):
    assert refuses(packed("lmdeploy", pack_quantized_in(group))) is refused


@pytest.mark.parametrize(
    "block",
    [
        compressed(FLOAT8, FLOAT8, "float-quantized"),
        compressed(INT8, INT8, "int-quantized"),
        pack_quantized(8),
        pack_quantized(2),
    ],
)
def test_lmdeploy_reads_no_other_kind_of_compressed_tensors(block):
    assert refuses(packed("lmdeploy", block))


@pytest.mark.parametrize(
    ("group", "refused"), [(128, False), (64, False), (32, False), (None, False), (-1, True), (256, True)]
)
def test_mlx_lm_repacks_awq_in_groups_that_mlx_has(group, refused):
    assert refuses(packed("mlx-lm", {"quant_method": "awq", "bits": 4, "group_size": group})) is refused
    assert packed("transformers", {"quant_method": "awq", "bits": 4, "group_size": group}).compatible


@pytest.mark.parametrize(
    ("block", "refused"),
    [
        (pack_quantized_in(32), False),
        (pack_quantized_in(128), False),
        (pack_quantized_in(16), True),
        (pack_quantized_in(32, actorder="group"), True),
        (pack_quantized(8), True),
        (pack_quantized(2), True),
        (compressed(INT4, INT4), True),
    ],
)
def test_mlx_lm_takes_over_one_kind_of_packed_integers(block, refused):
    kimi = {"model_type": "kimi_k2", "architectures": ["DeepseekV3ForCausalLM"]}
    assert refuses(judged("mlx-lm", {**kimi, "quantization_config": block})) is refused


@pytest.mark.parametrize(
    ("block", "refused"),
    [
        (pack_quantized_in(128), False),
        (pack_quantized(8), False),
        (compressed(FLOAT8, FLOAT8, "float-quantized"), False),
        (pack_quantized_in(-1), True),
        (pack_quantized_in(None, strategy="channel"), True),
        (pack_quantized_in(32, actorder="group"), True),
        (compressed(INT8, INT8, "int-quantized"), True),
        (compressed(INT4, INT8, "int-quantized"), True),
        (compressed(FLOAT8, FLOAT8, "float-quantized", **SPARSE), True),
    ],
)
def test_mlx_vlm_repacks_some_kinds_of_compressed_tensors(block, refused):
    assert refuses(packed("mlx-vlm", block)) is refused


@pytest.mark.parametrize(
    ("strategy", "refused"), [("channel", False), ("tensor", False), (None, False), ("block", True)]
)
def test_exllamav3_unpacks_fp8_with_one_scale_a_row_or_tensor(strategy, refused):
    block = compressed(FLOAT8 | {"strategy": strategy}, FLOAT8, "float-quantized")
    assert refuses(packed("exllamav3", block)) is refused
    assert packed("exllamav3", block).level <= Confidence.LOW


SEEING = {"model_type": "qwen2_5_vl", "architectures": ["Qwen2_5_VLForConditionalGeneration"]}
WRAPPING = {"model_type": "llava", "architectures": ["LlavaForConditionalGeneration"]}


@pytest.mark.parametrize(("model", "level"), [(DENSE, 0), (SEEING, 0), (WRAPPING, 1), (MIXTURE, 1)])
@pytest.mark.parametrize("bits", [4, 8])
def test_odd_groups_are_refused_where_there_are_surely_no_experts(model, level, bits):
    assert on("vllm", gptq(bits=bits, group_size=256), NVIDIA, {**model, "max_position_embeddings": 4096}) == level
    assert on("vllm", gptq(bits=bits), NVIDIA, {**model, "max_position_embeddings": 4096}) > 1


def test_lmdeploy_computes_compressed_tensors_in_turbomind_and_in_experts():
    for model_type, hf_class, runs in (
        ("mistral", "MistralForCausalLM", False),
        ("llama", "LlamaForCausalLM", True),
        ("kimi_k25", "KimiK25ForConditionalGeneration", True),
    ):
        model = {"model_type": model_type, "architectures": [hf_class]}
        result = judged("lmdeploy", {**model, "quantization_config": pack_quantized_in(32)}, remote_code=True)
        assert refuses(result) is not runs


# convert/reader_safetensors.go, safetensorsFP8BlockSize
@pytest.mark.parametrize(
    ("block", "level"),
    [
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, Confidence.LOW),
        ({"quant_method": "fp8"}, Confidence.LOW),
        ({"quant_method": "fp8", "weight_block_size": None}, Confidence.NONE),
        ({"quant_method": "awq", "bits": 4}, Confidence.NONE),
        (pack_quantized(4), Confidence.NONE),
    ],
)
def test_ollamas_converter_unpacks_fp8_in_blocks_alone(block, level):
    assert packed("ollama", block).level is level


SAFETENSORS = {"pipeline_tag": "text-generation", "tags": ["safetensors"]}


def float_quantized(strategy):
    groups = {"g": {"weights": {"type": "float", "num_bits": 8, "strategy": strategy}}}
    return {"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": groups}


# _torch/model_config.py, load_hf_quant_config, and update_quant_config_from_compressed_tensors
@pytest.mark.parametrize(
    ("block", "level"),
    [
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, Confidence.HIGH),
        ({"quant_method": "fp8", "weight_block_size": None}, Confidence.LOW),
        ({"quant_method": "mxfp8"}, Confidence.LOW),
        (float_quantized("block"), Confidence.MEDIUM),
        (float_quantized("channel"), Confidence.LOW),
        ({"quant_method": "compressed-tensors"}, Confidence.LOW),
        (pack_quantized(4), Confidence.NONE),
        (pack_quantized(8), Confidence.NONE),
    ],
)
def test_tensorrt_llm_reads_floats_of_compressed_tensors(block, level):
    model = parse_record({"id": "a/llama", "config": {**LLAMA, "quantization_config": block}, **SAFETENSORS}).model
    hopper = Capability("nvidia", 9.0)
    assert judge_all(extract(model).judged, all_profiles()["tensorrt-llm"], hopper).result.level is level
