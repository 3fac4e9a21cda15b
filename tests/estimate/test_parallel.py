"""By how many devices a model can be cut, one step to each side of every number that works."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compat.engines.hardware import GIB, Accelerator, Hardware
from compat.estimate import Fit, ModelShape, VariantInputs, estimate_memory, from_config, judge_fit, known_shape
from compat.estimate.parallel import cuts_of, stage_counts
from compat.shapes.layer_facts import packing_facts

INTERN_78B = {
    "model_type": "internvl_chat",
    "quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128},
    "llm_config": {
        "model_type": "qwen2",
        "hidden_size": 8192,
        "intermediate_size": 29568,
        "num_hidden_layers": 80,
        "num_attention_heads": 64,
        "num_key_value_heads": 8,
        "vocab_size": 151674,
    },
    "vision_config": {"hidden_size": 3200},
}
QWEN_35B = {
    "model_type": "qwen3_5_moe",
    "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]},
    "text_config": {
        "model_type": "qwen3_5_moe_text",
        "hidden_size": 2048,
        "num_hidden_layers": 40,
        "num_attention_heads": 16,
        "num_key_value_heads": 2,
        "head_dim": 256,
        "vocab_size": 248320,
        "num_experts": 256,
        "num_experts_per_tok": 8,
        "moe_intermediate_size": 512,
        "shared_expert_intermediate_size": 512,
        "full_attention_interval": 4,
        "linear_conv_kernel_dim": 4,
        "linear_num_key_heads": 16,
        "linear_num_value_heads": 32,
        "linear_key_head_dim": 128,
        "linear_value_head_dim": 128,
    },
}
QWEN3_30B = {
    "model_type": "qwen3_moe",
    "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]},
    "hidden_size": 2048,
    "intermediate_size": 6144,
    "num_hidden_layers": 48,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "head_dim": 128,
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "moe_intermediate_size": 768,
    "vocab_size": 151936,
}


def sizes(config: dict, engine: str, quant: str | None, *, refines: bool = True) -> tuple[int, ...]:
    return cuts_of(from_config(config), engine, "safetensors", quant, refines=refines).sizes


def changed(config: dict, part: str | None = None, **facts: object) -> dict:
    return {**config, part: {**config[part], **facts}} if part else {**config, **facts}


def gpus(count: int, gib: float, capability: float = 9.0) -> Hardware:
    return Hardware((Accelerator("card", "nvidia", "gpu", round(gib * GIB), compute_capability=capability),) * count)


@pytest.mark.parametrize("engine", ["vllm", "sglang", "tgi"])
def test_groups_of_a_packing_stay_whole(engine):
    assert sizes(INTERN_78B, engine, "AWQ") == (1,)
    assert sizes(INTERN_78B, engine, None) == (1, 2, 4, 8, 16)
    padded = changed(INTERN_78B, "llm_config", intermediate_size=29696)
    assert sizes(padded, engine, "AWQ") == (1, 2, 4, 8)
    assert sizes(changed(padded, "quantization_config", group_size=64), engine, "AWQ") == (1, 2, 4, 8, 16)
    assert sizes(changed(INTERN_78B, "quantization_config", group_size=-1), engine, "AWQ") == (1, 2, 4, 8, 16)


def test_blocks_of_fp8_stay_whole_in_a_shared_expert():
    assert sizes(QWEN_35B, "vllm", "FP8") == (1, 2, 4)
    assert sizes(QWEN_35B, "vllm", None) == (1, 2, 4, 8, 16)
    wider = changed(QWEN_35B, "text_config", shared_expert_intermediate_size=1024)
    assert sizes(wider, "vllm", "FP8") == (1, 2, 4, 8)
    left_out = changed(
        QWEN_35B, "quantization_config", modules_to_not_convert=["model.layers.0.mlp.shared_expert.up_proj"]
    )
    assert sizes(left_out, "vllm", "FP8") == (1, 2, 4, 8, 16)
    gates = changed(QWEN_35B, "quantization_config", modules_to_not_convert=["model.layers.0.mlp.shared_expert_gate"])
    assert sizes(gates, "vllm", "FP8") == (1, 2, 4)


def test_tgi_cuts_blocks_of_fp8_whole():
    assert sizes(QWEN_35B, "tgi", "FP8") == (1, 2, 4)
    assert sizes(QWEN3_30B, "tgi", "FP8") == (1, 2)


def test_vllm_cuts_experts_finer_where_its_gpu_reads_finer_blocks():
    assert sizes(QWEN3_30B, "vllm", "FP8") == (1, 2, 4, 8)
    assert sizes(QWEN3_30B, "vllm", "FP8", refines=False) == (1, 2)
    assert sizes(QWEN3_30B, "sglang", "FP8") == (1, 2)
    narrow = changed(QWEN3_30B, moe_intermediate_size=640)
    assert sizes(narrow, "vllm", "FP8") == (1, 2, 4)
    assert sizes(narrow, "vllm", "FP8", refines=False) == (1,)


@pytest.mark.parametrize(("capability", "devices"), [(8.0, 1), (8.9, 4)])
def test_the_gpu_decides_whether_experts_are_cut_finer(capability, devices):
    shape = from_config(changed(QWEN3_30B, moe_intermediate_size=640))
    variant = VariantInputs(shape, 30 * 10**9, quant="FP8", format="safetensors")
    assert estimate_memory(variant, "vllm", gpus(4, 80, capability)).devices == devices


def test_heads_and_key_heads_are_shared_out_or_repeated():
    plain = ModelShape(heads=24, kv_heads=4)
    assert cuts_of(plain, "vllm", "safetensors", None).sizes == (1, 2, 4, 8, 12)
    assert cuts_of(plain, "tgi", "safetensors", None).sizes == (1, 2, 3, 4, 6, 8, 12)
    assert cuts_of(plain, "llama.cpp", "gguf", None).cuts == ()
    assert cuts_of(
        ModelShape(heads=64, kv_heads=64, mla=known_shape("DeepSeek-V2-Lite").mla), "vllm", "safetensors", None
    ).sizes


GLM_FLASH = {
    "model_type": "glm4_moe_lite",
    "hidden_size": 2048,
    "intermediate_size": 10240,
    "moe_intermediate_size": 1536,
    "num_hidden_layers": 47,
    "first_k_dense_replace": 1,
    "num_attention_heads": 20,
    "num_key_value_heads": 20,
    "n_routed_experts": 64,
    "n_shared_experts": 1,
    "num_experts_per_tok": 4,
    "kv_lora_rank": 512,
    "qk_rope_head_dim": 64,
    "vocab_size": 154880,
}
MINIMAX = {
    "model_type": "minimax_m2",
    "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]},
    "hidden_size": 3072,
    "intermediate_size": 1536,
    "num_hidden_layers": 62,
    "num_attention_heads": 48,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "num_local_experts": 256,
    "num_experts_per_tok": 8,
    "vocab_size": 200064,
}


@pytest.mark.parametrize("engine", ["vllm", "sglang", "tgi"])
def test_experts_of_weights_that_are_not_packed_divide_by_the_devices(engine):
    assert sizes(GLM_FLASH, engine, None) == (1, 2, 4)
    assert sizes(changed(GLM_FLASH, moe_intermediate_size=1600), engine, None) == (1, 2, 4, 5, 10)
    shared = changed(GLM_FLASH, moe_intermediate_size=1600, shared_expert_intermediate_size=1536)
    assert sizes(shared, engine, None) == (1, 2, 4)
    untold = {**GLM_FLASH, "moe_intermediate_size": None, "n_shared_experts": None}
    assert sizes(untold, engine, None) == (1, 2, 4, 5, 10)


@pytest.mark.parametrize("engine", ["vllm", "sglang", "tgi", "lmdeploy"])
def test_layers_divide_by_the_devices(engine):
    plain = ModelShape(heads=40, kv_heads=10, ffn=17_920)
    checked = engine != "lmdeploy"
    assert (5 in cuts_of(plain, engine, "safetensors", None).sizes) is checked
    assert 5 not in cuts_of(replace(plain, ffn=17_921), engine, "safetensors", None).sizes
    assert 5 not in cuts_of(replace(plain, ffn=17_920 - 1), engine, "gguf", None).sizes
    # Where all layers have experts, and these tell their width, nothing is as wide as a layer.
    experts = replace(plain, ffn=17_921, experts=8, expert_ffn=1600)
    assert (5 in cuts_of(experts, engine, "safetensors", None).sizes) is checked


def test_a_vocabulary_is_rounded_up_and_then_divides_by_the_devices():
    plain = ModelShape(heads=20, kv_heads=20)
    for vocab, five in ((51_866, False), (51_904, False), (51_840, True), (51_839, True), (51_776, False)):
        for engine in ("vllm", "sglang"):
            found = cuts_of(replace(plain, vocab=vocab), engine, "safetensors", None)
            assert (5 in found.sizes) is five, vocab
            assert 4 in found.sizes
        assert 5 in cuts_of(replace(plain, vocab=vocab), "tgi", "safetensors", None).sizes
    held = cuts_of(replace(plain, vocab=51_866), "vllm", "safetensors", None)
    assert held.why_not(5) == "its vocabulary of 51,866 tokens, held as 51,904, does not divide by 5"
    whole = cuts_of(replace(plain, vocab=100_352), "vllm", "safetensors", None)
    assert whole.why_not(5) == "its vocabulary of 100,352 tokens does not divide by 5"


def test_what_does_not_divide_is_told_with_the_cards_that_are_used():
    shape = from_config(GLM_FLASH, 31 * 10**9)
    found = judge_fit(VariantInputs(shape, 62 * 10**9, quant="BF16", format="safetensors"), "vllm", gpus(8, 80))
    assert found.estimate.devices == 4
    assert found.left_out == "Start it on 4 of the 8 GPUs: its 20 attention heads do not divide by 8."
    five = judge_fit(VariantInputs(shape, 62 * 10**9, quant="BF16", format="safetensors"), "vllm", gpus(5, 80))
    why = "its 1,536-wide shared expert cannot be cut into 5 equal parts"
    assert five.left_out == f"Start it on 4 of the 5 GPUs: {why}."


def test_blocks_stay_whole_in_experts_that_are_as_wide_as_a_layer_is_said_to_be():
    assert sizes(MINIMAX, "sglang", "FP8") == (1, 2, 4)
    assert sizes(MINIMAX, "vllm", "FP8") == (1, 2, 4, 8, 16)
    assert sizes(MINIMAX, "vllm", "FP8", refines=False) == (1, 2, 4)
    assert sizes(MINIMAX, "sglang", None) == (1, 2, 4, 8, 16)
    # Of a mixture with layers that have no experts, one width does not tell that of an expert.
    mixed = changed(MINIMAX, first_k_dense_replace=1, intermediate_size=2048)
    assert sizes(mixed, "sglang", "FP8") == (1, 2, 4, 8, 16)
    assert from_config(mixed).expert_width is None


@pytest.mark.parametrize(
    ("model_type", "quant", "used"),
    [
        ("gpt_neo", None, 1),
        ("bart", None, 1),
        ("mamba", None, 1),
        ("llama", "EXL2", 1),
        ("llama", None, 4),
        ("qwen3", None, 4),
    ],
)
def test_tgi_does_not_cut_what_it_loads_through_transformers(model_type, quant, used):
    cuts = cuts_of(ModelShape(heads=16, kv_heads=16, model_type=model_type), "tgi", "safetensors", quant)
    assert max(n for n in cuts.sizes if n <= 4) == used


def test_lmdeploy_takes_a_power_of_two():
    assert cuts_of(ModelShape(heads=24, kv_heads=8), "lmdeploy", "safetensors", None).sizes == (1, 2, 4, 8)
    assert cuts_of(ModelShape(heads=64, kv_heads=8), "lmdeploy", "safetensors", None).sizes == (1, 2, 4, 8, 16)
    assert cuts_of(ModelShape(heads=14, kv_heads=2), "lmdeploy", "safetensors", None).sizes == (1, 2)


@pytest.mark.parametrize(("count", "used"), [(1, 1), (2, 2), (3, 2), (4, 4), (5, 4)])
def test_lmdeploy_leaves_out_a_third_and_a_fifth_card(count, used):
    shape = known_shape("meta-llama/Llama-3.2-3B")
    assert shape.heads == 24
    variant = VariantInputs(shape, 6 * 10**9, quant="BF16", format="safetensors")
    found = judge_fit(variant, "lmdeploy", gpus(count, 24))
    assert found.estimate.devices == used
    if count != used:
        assert found.left_out.startswith(f"Start it on {used} of the {count} GPUs: ")
    large = judge_fit(replace(variant, file_bytes=56 * 10**9), "lmdeploy", gpus(3, 24))
    assert large.fit is Fit.UNEVEN
    assert "Needs 1, 2, 4 or 8 GPUs: LMDeploy takes 1, 2, 4, 8 or 16 of them, not 3." in large.sentence


def test_one_weight_too_few_is_one_group_too_few():
    shape = from_config(INTERN_78B)
    for width, works in ((2 * 128 * 8, True), (2 * 128 * 8 - 128, False), (2 * 128 * 8 + 1, False)):
        cuts = cuts_of(replace(shape, ffn=width), "vllm", "safetensors", "AWQ")
        assert (2 in cuts.sizes) is works, width


def test_two_cards_that_cannot_share_it_are_refused_with_the_numbers_that_work():
    variant = VariantInputs(from_config(INTERN_78B), 52 * 10**9, quant="AWQ", format="safetensors")
    found = judge_fit(variant, "vllm", gpus(2, 48, 8.6))
    assert found.fit is Fit.UNEVEN
    assert "Needs 1 GPU: its 29,568-wide layers cannot be cut into 2 parts of whole groups of 128." in found.sentence
    assert judge_fit(variant, "vllm", gpus(1, 80)).fit is Fit.FITS
    assert judge_fit(variant, "vllm", gpus(2, 24)).fit is Fit.TOO_LARGE
    assert judge_fit(variant, "llama-cpp", gpus(2, 48, 8.6)).fit is Fit.FITS


def test_a_plan_on_fewer_cards_says_so():
    variant = VariantInputs(from_config(QWEN_35B), 38 * 10**9, quant="FP8", format="safetensors")
    found = judge_fit(variant, "vllm", gpus(8, 80))
    assert (found.fit, found.estimate.devices) == (Fit.FITS, 4)
    assert found.left_out == (
        "Start it on 4 of the 8 GPUs: its 512-wide shared expert cannot be cut into 8 parts of whole blocks of 128."
    )
    assert not judge_fit(variant, "vllm", gpus(4, 80)).left_out


# --- what is kept of a packing ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("block", "facts"),
    [
        ({"group_size": 128}, {"group_size": 128}),
        ({"q_group_size": 64}, {"group_size": 64}),
        ({"group_size": -1}, {}),
        ({"group_size": True}, {}),
        ({"group_size": "128"}, {}),
        ({"weight_block_size": [128, 128]}, {"weight_block_size": [128, 128]}),
        ({"weight_block_size": [128]}, {}),
        ({"weight_block_size": None}, {}),
        ({"config_groups": {"group_0": {"weights": {"type": "int", "group_size": 128}}}}, {"group_size": 128}),
        ({"config_groups": {"group_0": {"weights": {"type": "float", "group_size": 16}}}}, {}),
        ({"config_groups": ["group_0"]}, {}),
        ({"group_size": 32, "ignore": ["lm_head", "re:.*self_attn.*"]}, {"group_size": 32, "unpacked": ["self_attn"]}),
        ({"ignore": ["re:.*self_attn.*"]}, {}),
        ("awq", {}),
        (None, {}),
    ],
)
def test_methods_tell_it_each_in_its_way(block, facts):
    assert packing_facts(block) == facts
    assert packing_facts(packing_facts(block)) == facts


@pytest.mark.parametrize(("room", "fit"), [(0, Fit.UNEVEN), (1, Fit.TIGHT)])
def test_mlx_loads_a_model_onto_one_device_however_many_there_are(room, fit):
    variant = VariantInputs(known_shape("mistralai/Mistral-7B-v0.1"), None, None, "BF16", 0, "safetensors")
    need = judge_fit(variant, "mlx-lm", Hardware((Accelerator("one", "nvidia", "gpu", 80 * GIB),))).need
    cards = (Accelerator("one", "nvidia", "gpu", need - 1 + room),) * 3
    found = judge_fit(variant, "mlx-lm", Hardware(cards))
    assert found.fit is fit
    assert found.need == need
    assert found.estimate.devices == 1
    assert "MLX loads a model onto one of them, not over 3" in found.sentence + found.left_out


@pytest.mark.parametrize(
    ("engine", "format_", "quant", "counts"),
    [
        ("sglang", "safetensors", "bitsandbytes", ((1,), ())),
        ("vllm", "safetensors", "bitsandbytes", ((1, 2, 4), (2, 4))),
        ("sglang", "safetensors", None, ((1, 2, 4), (2, 4))),
        ("sglang", "gguf", "bitsandbytes", ((1, 2, 4), (2, 4))),
    ],
)
def test_sglang_shares_out_nothing_that_bitsandbytes_packed(engine, format_, quant, counts):
    cuts = cuts_of(ModelShape(heads=4, kv_heads=4, model_type="llama"), engine, format_, quant)
    assert (cuts.sizes, stage_counts(cuts, engine, 32, 4)) == counts
