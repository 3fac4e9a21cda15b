"""Lines of measurements as others tell them: each field read one way, and what is not understood is named."""

from __future__ import annotations

import json

import pytest

from compat.engines import all_profiles
from compat.estimate.engine_names import engine_name
from compat.strict_data import DataError
from tools.evaluation.points import read_memory_points, read_speed_points
from tools.evaluation.told_points import engine_of, memory_point, speed_point

LOAD = {
    "model_id": "Qwen/Qwen3-4B-Instruct-2507", "quant": "UD-Q5_K_XL", "ctx": 32768, "kv_dtype": "q8_0",
    "engine": "llama.cpp (llama-server, 2026-07, flash_attn 1)", "gpu": "RTX 3090", "gpu_count": 2, "gpu_vram_gb": 24,
    "gpu_layers": 99, "weights_mib": 2764.9, "gpu_weights_mib": 2759, "host_weights_mib": 304, "kv_mib": 2448,
    "compute_mib": 162, "total_mib": 5670, "file_bytes": 2899221600, "n_parallel": 4, "kv_unified": False,
    "n_cpu_moe": None, "split": "layer", "total_meaning": "nvidia-smi of the process (all cards)", "quality": "high",
    "source": "a log", "note": "",
}  # fmt: skip
RUN = {
    "hardware": "RTX 4090", "hw_class": "DISCRETE_GPU", "gpu_count": 1, "vram_gb": 24, "bandwidth_gb_s": 1010.0,
    "model": "Qwen/Qwen3-8B", "quant": "Q4_K_M", "engine": "llamacpp", "batch": 1, "tok_s": 120.0,
    "prompt_tokens": 512, "output_tokens": 128, "metric": "decode tok/s", "source": "x",
}  # fmt: skip


def written(tmp_path, *lines):
    path = tmp_path / "points.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return path


def test_a_load_in_other_words_becomes_columns(tmp_path):
    [point], notes = read_memory_points(written(tmp_path, LOAD))
    assert notes == ()
    assert (point.engine, point.date, point.flash_attention) == ("llama.cpp", "2026-07", True)
    assert (point.accelerator, point.accelerator_gb, point.count) == ("RTX 3090", 24, 2)
    assert (point.file_mib, point.weights_mib, point.file_bytes) == (2764.9, 2759, 2899221600)
    assert (point.total_is, point.n_parallel, point.kv_unified) == ("process", 4, False)
    assert (point.k_type, point.v_type, point.bound, point.per_rank) == ("q8_0", None, None, False)


@pytest.mark.parametrize(
    ("change", "columns"),
    [
        ({"engine": "llama.cpp (llama-server, 2026-07, flash_attn 0)"}, {"flash_attention": False}),
        ({"note": "no flash attention", "engine": "llama.cpp"}, {"flash_attention": False}),
        ({"engine": "llama.cpp v0.5.0 CPU", "gpu": None}, {"version": "0.5.0", "processor_only": True}),
        ({"engine": "llama.cpp (Hexagon, ubatch 128)"}, {"ubatch": 128}),
        ({"engine": "llama.cpp CUDA --swa-full"}, {"swa_full": True}),
        ({"engine": "llama.cpp CUDA RTX 4080", "gpu": None, "gpu_vram_gb": None}, {"accelerator": "RTX 4080"}),
        ({"engine": "llama.cpp CUDA 4 GPUs", "gpu": None}, {"count": 4}),
        ({"engine": "transformers 4.51.3 + flash-attn 2.7.4", "total_meaning": ""}, {"total_is": "allocated"}),
        ({"engine": "mlx", "total_meaning": "mlx peak memory (GB decimal)"}, {"total_is": "allocated"}),
        ({"total_meaning": "user-reported peak VRAM in GB", "quality": "medium"}, {"total_is": "card"}),
        ({"quality": "low"}, {"bound": "upper"}),
        ({"model_id": "Meta-Llama-3-8B TP=2", "engine": "vllm"}, {"tensor_parallel": 2, "per_rank": True}),
        ({"kv_dtype": "q8_0/turbo4 (asymmetric)"}, {"k_type": "q8_0", "v_type": "turbo4"}),
        ({"kv_dtype": "K q8_0 / V q4_0"}, {"k_type": "q8_0", "v_type": "q4_0"}),
        ({"kv_dtype": "bf16/fp16"}, {"k_type": "bf16", "v_type": None}),
        ({"kv_dtype": "auto"}, {"k_type": None}),
        ({"quant": "any"}, {"quant": None}),
        ({"quant": "Q4_K_S/M?"}, {"quant": None}),
        ({"recurrent_mib": 598.5}, {"state_mib": 598.5}),
        ({"hparams": {"n_layer": 32, "n_embd_k_gqa": 1024, "n_params": 7}}, {"parameters": 7}),
    ],
    ids=str,
)
def test_each_field_is_read_the_same_way_in_every_line(tmp_path, change, columns):
    [point], _ = read_memory_points(written(tmp_path, {**LOAD, **change}))
    assert {name: getattr(point, name) for name in columns} == columns


@pytest.mark.parametrize(
    ("change", "columns"),
    [
        ({}, {"measures": "decode", "depth": 576, "accelerator": "RTX 4090", "engine": "llama.cpp"}),
        ({"metric": "prefill tok/s"}, {"measures": "prefill"}),
        ({"metric": "generated tokens / total time (prefill included)"}, {"measures": "overall"}),
        ({"metric": "(prompt+generated tokens)/time", "prompt_tokens": 1}, {"measures": "decode"}),
        ({"batch": 2048, "ctx": 32768}, {"sequences": 1, "depth": 32768}),
        ({"batch": 2048, "engine": "vllm"}, {"sequences": 2048}),
        ({"batch": 8}, {"sequences": 8}),
        ({"mtp": True}, {"drafting": True}),
        ({"spec_decoding": True}, {"drafting": True}),
        (
            {"hw_class": "CPU", "cpu": "Ryzen 9", "ram_gb": 64},
            {"processor_only": True, "processor": "Ryzen 9", "accelerator": None, "system_gb": 64},
        ),
        ({"hw_class": "MIXED"}, {"offload": True}),
        ({"hardware": "Mac Studio (Apple M3 Ultra 512GB)", "vram_gb": None}, {"accelerator": "Apple M3 Ultra 512GB"}),
        ({"hardware": "Ryzen 9 7900X (Nvidia 4090)"}, {"accelerator": "Nvidia 4090"}),
        ({"backend": "rocm-nightlies"}, {"backend": "rocm"}),
        ({"file_gib": 2}, {"file_bytes": 2 * 1024**3}),
        ({"quant": None, "model": "qwen3:8b-q8_0", "engine": "ollama"}, {"quant": "q8_0"}),
        ({"quant": None, "model": "qwen3:8b", "engine": "ollama"}, {"quant": "Q4_K_M"}),
    ],
    ids=str,
)
def test_a_speed_in_other_words_becomes_columns(tmp_path, change, columns):
    [point], notes = read_speed_points(written(tmp_path, {**RUN, **change}))
    assert notes == ()
    assert {name: getattr(point, name) for name in columns} == columns


@pytest.mark.parametrize("slug", all_profiles())
def test_every_engine_is_known_by_its_slug_and_by_its_name(slug):
    name = all_profiles()[slug].name
    for text in (slug, name, name.upper(), f"{name} 1.2.3 (something)", f"{slug} CUDA"):
        assert engine_of(text) == engine_name(slug), text
    assert engine_of("hipfire 3") is None


def test_columns_are_left_as_they_are():
    columns = {"model_id": "a/b", "engine": "vllm", "total_mib": 9.0, "total_is": "process", "source": "x"}
    assert memory_point(columns) == (columns, ())
    run = {"model": "a/b", "engine": "vllm", "measures": "decode", "tok_s": 9.0, "source": "x"}
    assert speed_point(run) == (run, ())


def test_a_field_that_is_not_understood_is_named_with_its_line(tmp_path):
    path = written(tmp_path, LOAD, {**LOAD, "cells": 4}, {**LOAD, "cells": 5})
    points, notes = read_memory_points(path)
    assert len(points) == 3
    assert notes == ("points.jsonl line 2 and 1 more: cells is not understood",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ctx": "long"}, "points.jsonl line 2: ctx should be int, not 'long'"),
        ({"gpu_vram_gb": "big"}, "points.jsonl line 2: gpu_vram_gb should be float or int, not 'big'"),
        ({"gpu_count": "two"}, "points.jsonl line 2: gpu_count should be int, not 'two'"),
        ({"total_mib": "many"}, "points.jsonl line 2: total_mib should be float or int, not 'many'"),
        ({"hparams": 3}, "points.jsonl line 2: hparams should be a table, not 3"),
        ({"model_id": None}, "points.jsonl line 2: model_id is missing"),
    ],
    ids=str,
)
def test_a_wrong_value_is_named_by_the_name_the_line_gives_it(tmp_path, change, message):
    with pytest.raises(DataError) as caught:
        read_memory_points(written(tmp_path, LOAD, {**LOAD, **change}))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch": "many"}, "points.jsonl line 1: batch should be a whole number, not 'many'"),
        ({"tok_s": "fast"}, "points.jsonl line 1: tok_s should be float or int, not 'fast'"),
        ({"prompt_tokens": "long"}, "points.jsonl line 1: prompt_tokens should be a number, not 'long'"),
    ],
    ids=str,
)
def test_a_wrong_value_of_a_speed_is_named_too(tmp_path, change, message):
    with pytest.raises(DataError) as caught:
        read_speed_points(written(tmp_path, {**RUN, **change}))
    assert str(caught.value).startswith(message)
