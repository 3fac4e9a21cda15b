"""Decode speed: its causes, and its silence where nothing was measured."""

from dataclasses import replace

import pytest

from compat.estimate import Accelerator, estimate_speed, find_accelerator, known_shape
from compat.estimate.speed import cache_read, hardware_class

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
