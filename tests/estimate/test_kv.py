"""Cache sizes against figures that engines logged: each must close exactly."""

from dataclasses import replace

import pytest

from compat.architectures.layers import LayerKind
from compat.engines.hardware import Accelerator, Hardware
from compat.estimate import LoadOptions, VariantInputs, estimate_memory, from_config, from_gguf, known_shape
from compat.estimate.kv import (
    CacheOptions,
    HybridPages,
    estimate_cache,
    hybrid_pages,
    reserved_cells,
    unified_pool,
)

MIB = 1024 * 1024


def shape_of(layers, kv_heads, head_dim, model_type="llama", **more):
    return from_config(
        {
            "model_type": model_type,
            "num_hidden_layers": layers,
            "num_key_value_heads": kv_heads,
            "head_dim": head_dim,
            **more,
        }
    )


def kv_mib(shape, engine, **options):
    return estimate_cache(shape, engine, CacheOptions(**options)).kv / MIB


def test_vllm_pool_of_an_eight_billion_llama():
    shape = shape_of(32, 8, 128)
    assert estimate_cache(shape, "vllm", CacheOptions(16)).per_token == 128 * 1024
    assert kv_mib(shape, "vllm", context=31232, kv_type="bf16") == 31232 / 8
    assert kv_mib(shape, "vllm", context=23648, kv_type="bf16") / 1024 == pytest.approx(2.89, abs=0.005)


def test_command_r_without_grouped_heads():
    assert kv_mib(known_shape("c4ai-command-r-v01"), "llama.cpp", context=4096) == 5120


def test_sixty_four_layers_in_eight_bits():
    assert kv_mib(shape_of(64, 8, 128), "llama.cpp", context=32768, kv_type="q8_0") == 4352


@pytest.mark.parametrize(
    ("model", "context", "kv_type", "kv", "state", "sequences"),
    [
        ("Qwen/Qwen3.5-9B", 262144, "q8_0", 4352, 100.5, 2),
        ("Qwen/Qwen3.6-35B-A3B", 65536, "f16", 1280, 188.4, 3),
        ("Qwen/Qwen3.6-27B", 4096, "f16", 256, 598.5, 4),
    ],
)
def test_hybrids_keep_keys_on_every_fourth_layer_and_a_state_on_the_rest(model, context, kv_type, kv, state, sequences):
    cache = estimate_cache(known_shape(model), "llama.cpp", CacheOptions(context, kv_type, parallel=sequences))
    assert cache.kv / MIB == kv
    assert cache.state / MIB == pytest.approx(state, abs=0.06)


@pytest.mark.parametrize(
    ("parallel", "unified", "expected"),
    [(1, True, 39), (2, False, 54), (4, False, 84), (2, True, 46.5), (4, True, 61.5)],
)
def test_gemma_windows_with_sequences(parallel, unified, expected):
    shape = known_shape("unsloth/gemma-3-270m-it")
    found = kv_mib(shape, "llama.cpp", context=8192, parallel=parallel, unified=unified)
    assert found == expected


def test_windows_have_no_spare_cell_before_release_0_5():
    gemma = known_shape("synthetic:Gemma2Config-default (x)")
    assert kv_mib(gemma, "llama.cpp", context=8192) == 416 + 13 * 4608 * 4096 / MIB
    assert kv_mib(gemma, "llama.cpp", context=8192, swa_slack=1) == 416 + 247
    gpt_oss = known_shape("synthetic:GptOssConfig-default (x)")
    # 18 full layers with n_ctx cells and 18 with 768, 8 heads x 64 each
    assert kv_mib(gpt_oss, "llama.cpp", context=8192) == 18 * (8192 + 768) * 2 * 8 * 64 * 2 / MIB


@pytest.mark.parametrize(("slots", "cells"), [(1, 1536), (4, 4608)])
def test_every_slot_has_a_window_of_its_own(slots, cells):
    """Cells that llama-server of July 2026 logs for Gemma 3's windows of 1,024 tokens."""
    gemma = known_shape("google/gemma-3-27b-it")
    layer = next(layer for layer in gemma.caches if layer.window)
    assert reserved_cells(layer, "llama.cpp", CacheOptions(32768, parallel=slots)) == cells


def test_swa_full_gives_every_layer_all_cells():
    gemma = known_shape("synthetic:Gemma2Config-default (x)")
    assert kv_mib(gemma, "llama.cpp", context=8192, swa_full=True) == 26 * 8192 * 4 * 256 * 4 / MIB


def test_context_is_padded_to_256_by_llama_cpp_and_not_by_transformers():
    shape = shape_of(32, 32, 128)
    assert kv_mib(shape, "llama.cpp", context=5000) == 2560
    assert kv_mib(shape, "transformers", context=5000) == 2500


def deepseek_header(**more):
    return {
        "general.architecture": "deepseek2",
        "deepseek2.block_count": 61,
        "deepseek2.attention.head_count": 128,
        "deepseek2.attention.head_count_kv": 128,
        "deepseek2.attention.key_length": 192,
        "deepseek2.attention.value_length": 128,
        "deepseek2.attention.kv_lora_rank": 512,
        "deepseek2.rope.dimension_count": 64,
        **more,
    }


def test_latent_attention_keeps_576_values_and_no_values_apart():
    shape = known_shape("deepseek-ai/DeepSeek-R1")
    cache = estimate_cache(shape, "llama.cpp", CacheOptions(4096))
    assert cache.kv == 61 * 4096 * 576 * 2
    latent = from_gguf(deepseek_header(**{"deepseek2.attention.key_length_mla": 192}))
    assert estimate_cache(latent, "llama.cpp", CacheOptions(4096)).kv == cache.kv


def test_old_deepseek_files_without_latent_metadata_store_full_heads():
    shape = from_gguf(deepseek_header())
    cache = estimate_cache(shape, "llama.cpp", CacheOptions(16384, "q4_0", v_type="f16"))
    assert cache.kv / MIB / 61 == 728


def test_transformers_expands_latent_attention():
    shape = known_shape("deepseek-ai/DeepSeek-V2-Lite")
    cache = estimate_cache(shape, "transformers", CacheOptions(1000))
    assert cache.kv == 27 * 1000 * 16 * (128 + 64 + 128) * 2


def test_shared_layers_of_gemma_3n_hold_nothing():
    kinds = [c.kind for c in known_shape("google/gemma-3n-E4B").caches]
    assert len(kinds) == 35
    assert set(kinds[20:]) == {LayerKind.NONE}
    assert LayerKind.NONE not in kinds[:20]


def test_vllm_window_layers_hold_a_step_of_the_prompt_too():
    full, windowed = 12 * 65536, 12 * (2176 + 16)
    cache = estimate_cache(known_shape("openai/gpt-oss-20b"), "vllm", CacheOptions(65536))
    assert cache.kv == (full + windowed) * 8 * 64 * 2 * 2


def test_pure_state_models_have_no_keys():
    shape = from_config({"model_type": "falcon_mamba", "num_hidden_layers": 64, "hidden_size": 4096})
    cache = estimate_cache(shape, "llama.cpp", CacheOptions(8192))
    assert cache.kv == 0
    assert cache.state is None
    assert cache.missing == ("size of the recurrent state",)


def test_hybrid_gguf_with_heads_per_layer():
    shape = from_gguf(
        {
            "general.architecture": "jamba",
            "jamba.block_count": 8,
            "jamba.embedding_length": 4096,
            "jamba.attention.head_count": 32,
            "jamba.attention.head_count_kv": [0, 0, 0, 0, 8, 0, 0, 0],
            "jamba.attention.key_length": 128,
            "jamba.attention.value_length": 128,
            "jamba.ssm.conv_kernel": 4,
            "jamba.ssm.inner_size": 8192,
            "jamba.ssm.state_size": 16,
        }
    )
    cache = estimate_cache(shape, "llama.cpp", CacheOptions(8192))
    assert cache.kv == 8192 * 8 * 128 * 2 * 2
    assert cache.state == 7 * 4 * (3 * 8192 + 16 * 8192)


@pytest.mark.parametrize(
    ("config", "missing"),
    [
        ({"model_type": "llama", "num_hidden_layers": 32, "head_dim": 128}, "kv heads"),
        ({"model_type": "llama", "num_key_value_heads": 8, "head_dim": 128}, "layers"),
        ({"model_type": "llama", "num_hidden_layers": 32, "num_key_value_heads": 8}, "head size"),
        (
            {"model_type": "nemotron_h", "num_hidden_layers": 52, "num_key_value_heads": 8, "head_dim": 128},
            "which layers keep keys and values",
        ),
    ],
)
def test_a_missing_fact_makes_the_cache_unknown_and_is_named(config, missing):
    cache = estimate_cache(from_config(config), "llama.cpp", CacheOptions(4096))
    assert cache.kv is None
    assert cache.missing == (missing,)


def test_an_unknown_cache_type_is_unknown():
    cache = estimate_cache(shape_of(32, 8, 128), "llama.cpp", CacheOptions(4096, "turbo2"))
    assert cache.kv is None


@pytest.mark.parametrize(
    ("model", "context", "kv_type", "mib"),
    [
        # "Available KV cache memory" by "Maximum concurrency" in a log of vLLM with an 8-bit cache and no drafting.
        ("Qwen/Qwen3.5-122B-A10B", 131072, "fp8", 1861),
    ],
)
def test_vllm_keeps_states_and_keys_of_hybrids_in_pages_of_one_size(model, context, kv_type, mib):
    cache = estimate_cache(known_shape(model), "vllm", CacheOptions(context, kv_type))
    assert (cache.kv + cache.state) / MIB == pytest.approx(mib, rel=0.005)


@pytest.mark.parametrize(("devices", "keys"), [(1, 1), (2, 1), (4, 2)])
def test_that_pool_is_told_as_the_cache_and_keys_are_there_as_often_as_devices_outnumber_heads(devices, keys):
    variant = VariantInputs(known_shape("Qwen/Qwen3.6-35B-A3B"), parameters=35_000_000_000, quant="BF16")
    hardware = Hardware((Accelerator("card", "nvidia", "gpu", 80 * 1024**3, compute_capability=9.0),) * devices)
    found = estimate_memory(variant, "vllm", hardware, LoadOptions(context=131_072))
    cache = estimate_cache(variant.shape, "vllm", CacheOptions(131_072))
    assert found.component("kv").bytes == keys * cache.kv + cache.state
    assert found.component("state").bytes == 0
    assert found.component("kv").detail == "131,072 tokens, f16, with the states of recurrent layers"


def test_pages_of_a_hybrid_close_as_vllm_counts_them():
    """Qwen3.6 35B: 10 layers keep 1,024 values a token, 30 a state of 2 x 24,576 + 4 x 524,288 bytes."""
    pages = hybrid_pages(known_shape("Qwen/Qwen3.6-35B-A3B"), "vllm")
    assert pages == HybridPages(10, 30, 2_146_304, 512, 512)
    # A state takes as much as 1,048 tokens, in whole blocks 1,056: 125 pages for 131,072 tokens.
    kv, state = unified_pool(pages, CacheOptions(131072), (16, 16))
    assert (kv, state) == (125 * 10 * 1056 * 2048, 2 * 30 * 1056 * 2048)
    twice = unified_pool(pages, CacheOptions(131072, parallel=2), (16, 16))
    assert twice == (2 * kv, 2 * state)
    # With one layer more that keeps keys, three groups of eleven hold the thirty states.
    assert unified_pool(replace(pages, full=11), CacheOptions(131072), (16, 16))[1] == 2 * 33 * 1056 * 2048
    # Ten and fourteen are near enough to be groups of fourteen.
    assert unified_pool(replace(pages, recurrent=14), CacheOptions(1), (16, 16))[0] == 14 * 1056 * 2048
    assert hybrid_pages(known_shape("Qwen/Qwen3.6-35B-A3B"), "llama.cpp") is None
    assert hybrid_pages(known_shape("Qwen/Qwen3-8B"), "vllm") is None


V32 = {
    "model_type": "deepseek_v32", "num_hidden_layers": 61, "hidden_size": 7168, "num_attention_heads": 128,
    "num_key_value_heads": 128, "kv_lora_rank": 512, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128,
    "v_head_dim": 128, "index_head_dim": 128, "vocab_size": 129280,
}  # fmt: skip
GLM_5_2 = {**V32, "model_type": "glm_moe_dsa", "num_hidden_layers": 78}


@pytest.mark.parametrize(
    ("engine", "kv_type", "each"),
    [
        ("llama.cpp", "f16", 2 * (576 + 128)),
        ("llama.cpp", "q8_0", (576 + 128) * 34 / 32),
        ("vllm", "f16", 2 * 576 + 132),
        ("vllm", "fp8", 576 + 132),
        ("sglang", "f16", 2 * 576 + 132),
        ("mlx-lm", "f16", 2 * (576 + 2 * 128)),
    ],
)
def test_an_indexers_keys_are_kept_as_each_engine_keeps_them(engine, kv_type, each):
    found = estimate_cache(from_config(V32), engine, CacheOptions(4096, kv_type))
    assert found.kv == 61 * each * 4096


@pytest.mark.parametrize(
    "config",
    [
        {"index_topk_freq": 4, "index_skip_topk_offset": 3},
        {"index_topk_pattern": "FFF" + "SSSF" * 18 + "SSS"},
        {"indexer_types": ["full"] * 3 + ["shared", "shared", "shared", "full"] * 18 + ["shared"] * 3},
        {"max_position_embeddings": 1_048_576},
    ],
)
def test_layers_that_take_what_another_chose_keep_no_keys_for_it(config):
    shape = from_config({**GLM_5_2, **config})
    own = sum(not layer.index_shared for layer in shape.caches)
    assert own == 21
    cache = {engine: estimate_cache(shape, engine, CacheOptions(4096)).kv for engine in ("vllm", "llama.cpp", "mlx-lm")}
    assert cache["vllm"] == (78 * 2 * 576 + own * 132) * 4096
    assert cache["llama.cpp"] == 2 * (78 * 576 + own * 128) * 4096
    assert cache["mlx-lm"] == 78 * 2 * (576 + 256) * 4096, "which runs an indexer in every layer"


@pytest.mark.parametrize(("context", "own"), [(202_752, 78), (1_048_576, 21)])
def test_a_gguf_header_tells_which_layers_have_an_indexer(context, own):
    told = {
        "block_count": 78, "context_length": context, "embedding_length": 6144, "attention.head_count": 64,
        "attention.head_count_kv": 1, "attention.kv_lora_rank": 512, "rope.dimension_count": 64,
        "attention.key_length_mla": 256, "attention.indexer.key_length": 128,
    }  # fmt: skip
    header = {"general.architecture": "glm-dsa", **{f"glm-dsa.{key}": value for key, value in told.items()}}
    assert sum(not layer.index_shared for layer in from_gguf(header).caches) == own
    types = {"glm-dsa.attention.indexer.types": (True, False) * 39}
    assert sum(not layer.index_shared for layer in from_gguf({**header, **types}).caches) == 39


@pytest.mark.parametrize(
    "config", [{**GLM_5_2, "max_position_embeddings": 202_752}, {**V32, "max_position_embeddings": 1_048_576}]
)
def test_every_layer_chooses_its_own_tokens_before_glm_5_2_and_in_others_of_its_kind(config):
    assert not any(layer.index_shared for layer in from_config(config).caches)


def test_blocks_of_a_gguf_file_that_guess_ahead_keep_nothing_of_a_conversation():
    told = {
        "block_count": 79, "nextn_predict_layers": 1, "context_length": 1_048_576, "embedding_length": 6144,
        "attention.head_count": 64, "attention.head_count_kv": 1, "attention.kv_lora_rank": 512,
        "rope.dimension_count": 64, "attention.key_length_mla": 256, "attention.indexer.key_length": 128,
        "attention.indexer.types": (True,) * 3 + (False, False, False, True) * 18 + (False,) * 3,
    }  # fmt: skip
    shape = from_gguf({"general.architecture": "glm-dsa", **{f"glm-dsa.{key}": value for key, value in told.items()}})
    assert shape.layers == 78
    assert sum(not layer.index_shared for layer in shape.caches) == 21


def test_lists_of_a_gguf_header_end_with_the_models_own_layers():
    told = {
        "block_count": 6, "nextn_predict_layers": 2, "embedding_length": 512, "attention.head_count": 8,
        "attention.key_length": 64, "attention.value_length": 64, "attention.sliding_window": 128,
        "attention.head_count_kv": (2, 4, 2, 4, 1, 1),
        "attention.sliding_window_pattern": (True, False, True, False, False, False),
    }  # fmt: skip
    shape = from_gguf({"general.architecture": "step35", **{f"step35.{key}": value for key, value in told.items()}})
    assert [layer.k_width for layer in shape.caches] == [128, 256, 128, 256]
    assert [layer.window for layer in shape.caches] == [128, None, 128, None]


@pytest.mark.parametrize("ahead", [None, 0, 4, "1"])
def test_every_block_is_a_layer_where_none_or_all_guess_ahead(ahead):
    header = {"general.architecture": "llama", "llama.block_count": 4, "llama.nextn_predict_layers": ahead}
    assert from_gguf(header).layers == 4


@pytest.mark.parametrize("model_type", ["deepseek_v2", "deepseek_v3"])
def test_mlx_keeps_full_heads_of_deepseek_v2_alone(model_type):
    shape = from_config({**V32, "model_type": model_type, "index_head_dim": None})
    full = 128 * (128 + 64 + 128) if model_type == "deepseek_v2" else 576
    assert estimate_cache(shape, "mlx-lm", CacheOptions(100)).kv == 61 * 2 * full * 100
    assert estimate_cache(shape, "vllm", CacheOptions(16)).kv == 61 * 2 * 576 * 16
