"""Decode speed: its causes, and its silence where nothing was measured."""

from dataclasses import replace

import pytest

from compat.estimate import Accelerator, estimate_speed, find_accelerator, known_shape
from compat.estimate.speed import cache_read, hardware_class
from compat.estimate.speed_points import usable

RTX = find_accelerator("RTX 4090")


def speed(model, quant="Q4_K_M", **more):
    return estimate_speed(known_shape(model), "llama.cpp", RTX, quant=quant, **more)


def test_an_estimate_is_a_range_with_its_basis():
    found = speed("Llama-3.1-8B")
    assert found.low < found.tokens_per_second < found.high
    assert 80 < found.tokens_per_second < 200
    assert "calibrated on" in found.basis


def test_a_mixture_is_as_fast_as_what_it_reads():
    assert speed("Qwen/Qwen3-30B-A3B").tokens_per_second > 2 * speed("Qwen/Qwen3-32B").tokens_per_second


def test_depth_and_width_slow_it_down():
    near, far = speed("Llama-3.1-8B", depth=100), speed("Llama-3.1-8B", depth=65536)
    assert far.tokens_per_second < near.tokens_per_second
    assert speed("Llama-3.1-8B", "Q8_0").tokens_per_second < near.tokens_per_second


def test_windows_bound_what_is_read():
    gemma = known_shape("google/gemma-3-27b")
    assert cache_read(gemma, 100_000) < 0.25 * 100_000 * 62 * 2 * 16 * 128 * 2


@pytest.mark.parametrize(
    ("engine", "device", "words"),
    [
        ("llama.cpp", None, "bandwidth"),
        ("llama.cpp", Accelerator("x", "nvidia", "gpu", memory=1), "bandwidth of x"),
        ("sglang", Accelerator("x", "amd", "gpu", bandwidth=1e12), "no measured runs"),
        ("tensorrt-llm", RTX, "no measured runs"),
    ],
)
def test_without_basis_there_is_no_estimate(engine, device, words):
    found = estimate_speed(known_shape("Llama-3.1-8B"), engine, device, quant="bf16")
    assert found.tokens_per_second is None
    assert words in found.reason


def test_unknown_models_have_no_speed():
    assert estimate_speed(None, "llama.cpp", RTX, quant="Q4_0").tokens_per_second is None
    bare = replace(known_shape("Llama-3.1-8B"), vocab=None)
    assert estimate_speed(bare, "llama.cpp", RTX, quant="Q4_0").tokens_per_second is None
    assert speed("Llama-3.1-8B", "any").reason


def test_classes_of_hardware():
    assert hardware_class(find_accelerator("GTX 1050 Ti")) == "nvidia-before-7.0"
    assert hardware_class(find_accelerator("Apple M1 Max")) == "apple-unified"
    assert hardware_class(None) == "cpu"


POINT = {
    "hardware": "RTX 4090",
    "vram_gb": 24,
    "bandwidth_gb_s": 1010.0,
    "model": "Qwen/Qwen3-8B",
    "quant": "Q4_K_M",
    "engine": "llama.cpp",
    "ctx": 4096,
    "batch": 1,
    "tok_s": 120.0,
    "metric": "decode tok/s",
    "source": "x",
}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"spec_decoding": True}, "speculative decoding"),
        ({"mtp": True}, "speculative decoding"),
        ({"gpu_count": 2}, "several devices"),
        ({"batch": 8}, "several sequences at once"),
        ({"engine": "hipfire"}, "engine 'hipfire' is not modelled"),
        ({"hw_class": "CPU_ONLY"}, "a CPU run: its memory bandwidth is not known"),
        ({"metric": "generated tokens / total time", "prompt_tokens": 6144}, "the prompt is counted in"),
        ({"vram_gb": 4}, "a partial offload: the model is larger than the card"),
        ({"gpu_layers": 20}, "a partial offload: fewer layers on the GPU than the model has"),
        ({"tok_s": 900.0}, "faster than the memory can be read: drafted tokens, a cache, or a wrong label"),
        ({"model": "nobody/knows"}, "no shape is known for the model"),
        ({"quant": None}, "the quantization is not given"),
    ],
)
def test_what_is_no_decode_speed_is_left_out_with_its_reason(change, reason):
    assert usable(POINT).measured == 120
    assert usable({**POINT, **change}) == reason
