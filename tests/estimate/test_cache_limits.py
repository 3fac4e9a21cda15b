"""A cache in fewer bits: kept where the engine keeps it, refused where it stops, doubted where that was not read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compat.architectures import LayerKind
from compat.catalogue.memory_fit import apply_memory_fit
from compat.engines.hardware import GIB, Accelerator, Hardware
from compat.estimate import Fit, LoadOptions, ModelFiles, VariantInputs, find_shape, from_config, judge_fit, make_plans
from compat.estimate.plan import Change
from compat.rules import CompatibilityResult, Confidence
from compat.shapes.shape import LatentAttention, LayerCache
from tests.samples import GEMMA_3

LLAMA = find_shape("Llama-3.1-8B")
GPT_OSS = find_shape("openai/gpt-oss-20b")
GEMMA_2 = find_shape("google/gemma-2-9b")
GEMMA_IT = from_config(GEMMA_3)
DEEPSEEK = find_shape("deepseek-ai/DeepSeek-V3")
NARROW = replace(LLAMA, head_dim=80, heads=32)
"""Heads of a width that no block or group of a cache in fewer bits divides."""
RUNS = CompatibilityResult(True, "high", (), (), (), codes=("format",))


def on(vendor, capability=None, memory=2000):
    return Hardware((Accelerator("card", vendor, "gpu", memory * GIB, 5e11, compute_capability=capability),))


TURING, AMPERE, ADA, HOPPER, BLACKWELL = (on("nvidia", one) for one in (7.5, 8.6, 8.9, 9.0, 12.0))
AMD, UNTOLD, PROCESSOR = on("amd"), on(""), Hardware((), 2000 * GIB)
APPLE = Hardware((Accelerator("M3 Ultra", "apple", "unified", None, 8e11),), 4000 * GIB)


def judged(shape, engine, machine, kv_type, format_="safetensors", **options):
    variant = VariantInputs(shape, quant="BF16" if format_ == "safetensors" else "Q4_K_M", format=format_)
    return judge_fit(variant, engine, machine, LoadOptions(kv_type=kv_type, **options))


@pytest.mark.parametrize(
    ("shape", "machine", "words"),
    [
        (LLAMA, TURING, "no kernels for a cache in fp8 on NVIDIA GPUs of the Turing generation"),
        (GPT_OSS, TURING, "no kernels"),
        (GPT_OSS, AMPERE, "attention sinks"),
        (DEEPSEEK, AMPERE, "latent attention"),
        (GEMMA_IT, AMPERE, "images whose tokens see each other"),
        (NARROW, AMPERE, "heads of this width"),
        (DEEPSEEK, PROCESSOR, "On a processor vLLM keeps the cache of latent attention in 16 bits alone."),
    ],
)
def test_vllm_has_no_kernel_for_a_cache_in_fp8(shape, machine, words):
    found = judged(shape, "vllm", machine, "fp8")
    assert found.fit is Fit.CACHE
    assert words in found.sentence
    assert judged(shape, "vllm", machine, "f16").fit is not Fit.CACHE
    assert judged(shape, "vllm", machine, "auto").fit is not Fit.CACHE


@pytest.mark.parametrize("machine", [ADA, HOPPER, BLACKWELL, AMD])
@pytest.mark.parametrize("shape", [LLAMA, GPT_OSS, GEMMA_IT, NARROW, DEEPSEEK])
def test_vllm_keeps_a_cache_in_fp8_where_its_kernels_read_it(shape, machine):
    found = judged(shape, "vllm", machine, "fp8")
    assert (found.fit is not Fit.CACHE, found.doubt) == (True, "")


def test_vllm_keeps_the_cache_of_plain_attention_in_fp8_on_ampere():
    found = judged(LLAMA, "vllm", AMPERE, "fp8")
    assert (found.fit, found.doubt) == (Fit.FITS, "")


def test_the_oldest_of_several_cards_decides():
    mixed = Hardware((*ADA.accelerators, *TURING.accelerators))
    assert judged(LLAMA, "vllm", mixed, "fp8").fit is Fit.CACHE


@pytest.mark.parametrize(
    ("engine", "shape", "machine", "words"),
    [
        ("vllm", LLAMA, UNTOLD, "the Ampere generation or newer"),
        ("vllm", GPT_OSS, UNTOLD, "the Ada generation or newer"),
        ("vllm", LLAMA, on("nvidia"), "the Ampere generation or newer"),
        ("vllm", LLAMA, PROCESSOR, "AVX-512 or AMX"),
        ("sglang", LLAMA, TURING, "Turing"),
        ("sglang", LLAMA, PROCESSOR, "a processor"),
        ("lm-studio", LLAMA, APPLE, "MLX runtime"),
    ],
)
def test_what_nobody_could_read_is_doubted_and_no_surer_than_should_run(engine, shape, machine, words):
    kv_type = "q8_0" if engine == "lm-studio" else "fp8"
    found = judged(shape, engine, machine, kv_type)
    assert found.fit in (Fit.FITS, Fit.TIGHT)
    assert words in found.doubt
    result = apply_memory_fit(RUNS, found)
    assert (result.level, result.compatible) == (Confidence.MEDIUM, True)
    assert found.doubt in result.warnings


@pytest.mark.parametrize("machine", [AMPERE, ADA, HOPPER, BLACKWELL, AMD])
def test_sglang_keeps_a_cache_in_fp8_from_ampere_on(machine):
    found = judged(GPT_OSS, "sglang", machine, "fp8")
    assert (found.fit, found.doubt) == (Fit.FITS, "")


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (GEMMA_IT, "sliding windows"),
        (GPT_OSS, "sliding windows"),
        (GEMMA_2, "16 bits alone"),
        (DEEPSEEK, "16 bits alone"),
        (NARROW, "groups of 64"),
    ],
)
@pytest.mark.parametrize("kv_type", ["8bit", "4bit"])
def test_mlx_stops_at_a_cache_in_fewer_bits(shape, words, kv_type):
    found = judged(shape, "mlx-lm", APPLE, kv_type)
    assert found.fit is Fit.CACHE
    assert words in found.sentence
    assert judged(shape, "mlx-lm", APPLE, "f16").fit is not Fit.CACHE


def test_mlx_packs_the_cache_of_plain_attention_for_one_request_at_a_time():
    assert judged(LLAMA, "mlx-lm", APPLE, "8bit").fit is Fit.FITS
    several = judged(LLAMA, "mlx-lm", APPLE, "8bit", parallel=2)
    assert (several.fit, "one request at a time" in several.sentence) == (Fit.CACHE, True)


def test_mlx_ignores_a_window_that_is_told_for_all_layers_and_not_one_of_some():
    one = LLAMA.caches[0]
    window = replace(one, kind=LayerKind.WINDOW, window=1024)
    alike = replace(LLAMA, model_type="mistral", caches=(window,) * 32)
    mixed = replace(alike, caches=(window, one) * 16)
    assert judged(alike, "mlx-lm", APPLE, "8bit").fit is Fit.FITS
    assert judged(mixed, "mlx-lm", APPLE, "8bit").fit is Fit.CACHE


def test_mlx_makes_all_scores_of_a_cache_in_fewer_bits():
    sizes = {
        kv_type: judged(LLAMA, "mlx-lm", APPLE, kv_type, context=32_768).estimate.component("compute").bytes
        for kv_type in ("f16", "8bit")
    }
    assert sizes["8bit"] - sizes["f16"] == 32 * 2048 * 32_768 * 2


@pytest.mark.parametrize("engine", ["llama-cpp", "ollama", "lm-studio", "jan", "koboldcpp", "llamafile"])
def test_llama_cpp_stops_where_a_block_does_not_divide_the_heads(engine):
    found = judged(NARROW, engine, ADA, "q8_0", "gguf")
    assert (found.fit, "blocks of 32" in found.sentence) == (Fit.CACHE, True)
    assert judged(NARROW, engine, ADA, "f16", "gguf").fit is not Fit.CACHE
    assert judged(LLAMA, engine, ADA, "q8_0", "gguf").fit is Fit.FITS


def test_llama_cpp_keeps_latent_keys_and_values_in_one_type():
    latent = replace(LLAMA, mla=LatentAttention(512, 64))
    assert judged(latent, "llama-cpp", ADA, "q8_0", "gguf", v_type="q4_0").fit is Fit.CACHE
    assert judged(latent, "llama-cpp", ADA, "q8_0", "gguf", v_type="q8_0").fit is not Fit.CACHE
    assert judged(LLAMA, "llama-cpp", ADA, "q8_0", "gguf", v_type="q4_0").fit is Fit.FITS


def test_of_layers_without_keys_no_cache_is_asked_and_of_unknown_ones_nothing_is_sure():
    state = replace(LLAMA, caches=(LayerCache(LayerKind.STATE, 0, 0),) * 32)
    found = judged(state, "vllm", TURING, "fp8")
    assert (found.fit is not Fit.CACHE, found.doubt) == (True, "")
    untold = judged(replace(LLAMA, caches=None), "vllm", TURING, "fp8")
    assert (untold.fit, "no kernels" in untold.doubt) == (Fit.UNKNOWN, True)


def test_a_cache_that_is_not_kept_is_a_cause_of_its_own():
    found = apply_memory_fit(RUNS, judged(LLAMA, "vllm", TURING, "fp8"))
    assert (found.compatible, found.cause, found.brief) == (False, "cache", "not with such a cache")
    assert "16 bits" in found.recommendations[0]


@pytest.mark.parametrize(
    ("engine", "shape", "capability", "offered"),
    [
        ("vllm", LLAMA, 8.9, True),
        ("vllm", LLAMA, 8.6, True),
        ("vllm", LLAMA, 7.5, False),
        ("vllm", LLAMA, None, False),
        ("vllm", NARROW, 8.6, False),
        ("sglang", LLAMA, 7.5, False),
        ("sglang", LLAMA, 8.6, True),
    ],
)
def test_a_smaller_cache_is_offered_only_where_the_engine_surely_keeps_it(engine, shape, capability, offered):
    variant = VariantInputs(shape, quant="BF16", format="safetensors")
    options = LoadOptions(context=60_000)
    # Weights and half of the cache go in.
    estimate = judge_fit(variant, engine, on("nvidia", capability, 24), options).estimate
    room = estimate.total - estimate.component("kv").bytes * 2 // 5
    machine = Hardware((Accelerator("card", "nvidia", "gpu", round(room / 0.92), 5e11, compute_capability=capability),))
    found = make_plans(variant, engine, machine, options, model=ModelFiles("org/name", "safetensors"))
    assert any(Change.CACHE in plan.changes for plan in found.plans) == offered
    assert found.plans


def test_of_a_cache_that_is_not_kept_there_is_no_plan_and_the_reason_is_told():
    variant = VariantInputs(LLAMA, quant="BF16", format="safetensors")
    found = make_plans(variant, "vllm", TURING, LoadOptions(kv_type="fp8"), model=ModelFiles("org/name", "safetensors"))
    assert (found.plans, "no kernels" in found.lacks) == ((), True)
