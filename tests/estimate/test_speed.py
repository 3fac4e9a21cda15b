"""Decode speed: its causes, and its silence where nothing was measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compat.engines.hardware import GIB
from compat.estimate import (
    Accelerator,
    Hardware,
    VariantInputs,
    estimate_reading,
    estimate_speed,
    estimate_weights,
    find_accelerator,
    judge_fit,
    known_shape,
)
from compat.estimate.speed import seconds_per_token
from compat.estimate.speed_constants import hardware_class
from compat.estimate.token_work import cache_read, token_work

RTX = find_accelerator("RTX 4090")
CARD = Hardware((RTX,))
SMALL = find_accelerator("RTX 4070")
MAC = replace(find_accelerator("Apple M4 Max"), memory=128 * GIB)


def inputs(model, quant="Q4_K_M", **more):
    return VariantInputs(known_shape(model), quant=quant, format="gguf", **more)


def speed(model, quant="Q4_K_M", *, on=CARD, engine="llama.cpp", size=None, **more):
    return estimate_speed(inputs(model, quant, file_bytes=size), engine, on, **more)


def judged(model, hardware, engine="llama.cpp", quant="Q4_K_M"):
    """As pages have it: where the verdict on memory puts the layers."""
    needed = inputs(model, quant)
    return estimate_speed(needed, engine, hardware, judge_fit(needed, engine, hardware))


def test_an_estimate_is_a_range_with_its_basis():
    found = speed("Llama-3.1-8B")
    assert found.low < found.tokens_per_second < found.high
    assert 80 < found.tokens_per_second < 200
    assert "calibrated on" in found.basis
    assert not found.reason


def test_a_mixture_is_as_fast_as_what_it_reads():
    assert speed("Qwen/Qwen3-30B-A3B").tokens_per_second > 2 * speed("Qwen/Qwen3-32B").tokens_per_second


def test_depth_and_width_slow_it_down():
    near, far = speed("Llama-3.1-8B", depth=100), speed("Llama-3.1-8B", depth=65536)
    assert far.tokens_per_second < near.tokens_per_second
    assert speed("Llama-3.1-8B", "Q8_0").tokens_per_second < near.tokens_per_second


def test_windows_bound_what_is_read():
    gemma = known_shape("google/gemma-3-27b")
    assert cache_read(gemma, 100_000) < 0.25 * 100_000 * 62 * 2 * 16 * 128 * 2


def test_what_runs_ahead_of_its_device_takes_the_longer_of_both():
    """Transformers starts one kernel after the other: the processor is waited for, or the device."""
    read = work("Llama-3.1-8B", "BF16", None, "transformers")
    told = {"ahead": 1.0}
    seconds = [seconds_per_token(read, 1e12, 1.0, launch, told) for launch in (0.0, 1e-4, 1e-3, 1.0)]
    assert seconds[0] == seconds[1] < seconds[2]
    assert seconds[3] == pytest.approx(32.0)


def test_a_short_convolution_costs_no_more_than_a_layer():
    assert work("LiquidAI/LFM2-1.2B", "Q4_K_M", None).state_layers == 0
    assert work("Qwen/Qwen3.5-9B", "Q4_K_M", None).state_layers == 24


# --- what is read ---------------------------------------------------------------------------------------------


def work(model, quant, size, engine="llama.cpp"):
    shape = known_shape(model)
    weights = estimate_weights(shape, file_bytes=size, quant=quant, engine=engine)
    return token_work(shape, weights, engine, quant, 1024)


def test_a_file_that_its_makers_packed_is_read_as_it_is_whatever_its_label():
    """gpt-oss-120b is in 4 bits in a file that is called F16."""
    named, plain = work("openai/gpt-oss-120b", "F16", 65_369_000_000), work("openai/gpt-oss-120b", "MXFP4", None)
    assert named.expert_bytes == pytest.approx(plain.expert_bytes, rel=0.05)
    # What is beside the experts is in 16 bits there, and in 8 here.
    assert plain.weight_bytes < named.weight_bytes < 1.6 * plain.weight_bytes
    assert 2.5e9 < plain.weight_bytes < 4.5e9


def test_a_size_a_few_percent_off_moves_what_is_read_by_as_much():
    """Not by as much of the whole file, most of which is not read."""
    right, wrong = (
        work("openai/gpt-oss-120b", "MXFP4", size).weight_bytes for size in (63_390_000_000, 59_000_000_000)
    )
    assert wrong / right == pytest.approx(59 / 63.39, rel=0.01)


@pytest.mark.parametrize(
    ("quant", "size"), [("F16", 3_000_000_000), ("Q4_K_M", 1_000_000_000), ("Q2_K", 40_000_000_000)]
)
def test_facts_that_do_not_agree_give_no_speed(quant, size):
    assert "do not agree" in work("Llama-3.1-8B", quant, size)
    found = speed("Llama-3.1-8B", quant, size=size)
    assert found.tokens_per_second is None
    assert "do not agree" in found.reason


def test_a_mixture_whose_count_is_less_than_its_experts_gives_no_speed():
    """Nothing would be left to read: the number of weights is that of something else."""
    variant = VariantInputs(known_shape("openai/gpt-oss-120b"), None, 13_000_000_000, "BF16", 0, "safetensors")
    found = estimate_speed(variant, "vllm", Hardware((Accelerator("one", "nvidia", "gpu", 80 * GIB, 1e12),)))
    assert found.tokens_per_second is None
    assert "how many of its weights one token needs" in found.reason


def test_what_an_engine_unpacks_is_read_wide():
    old = Accelerator("old", "nvidia", "gpu", 64 * GIB, 1e12, compute_capability=7.5)
    new = replace(old, compute_capability=8.0)
    gemma = VariantInputs(known_shape("google/gemma-2-9b"), quant="BF16", format="safetensors")
    slow, fast = (estimate_speed(gemma, "vllm", Hardware((card,))).tokens_per_second for card in (old, new))
    assert slow < 0.6 * fast


# --- where it lies --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hardware", "model"),
    [
        (Hardware((SMALL,)), "Qwen/Qwen3-32B"),
        (Hardware(system_memory=8 * GIB, system_bandwidth=5e10), "Qwen/Qwen3-32B"),
    ],
)
def test_what_does_not_fit_has_no_speed(hardware, model):
    found = judged(model, hardware)
    assert found.tokens_per_second is None
    assert found.reason == "It does not fit this machine."


def test_what_may_not_fit_has_no_speed():
    bare = replace(MAC, memory=None)
    assert judged("Llama-3.1-8B", Hardware((bare,))).reason == "Whether it fits this machine is not known."


def test_two_cards_with_whole_layers_are_as_fast_as_one_and_no_faster():
    one, two = judged("Llama-3.1-8B", Hardware((RTX,))), judged("Llama-3.1-8B", Hardware((RTX,) * 2))
    assert 0.7 * one.tokens_per_second < two.tokens_per_second <= one.tokens_per_second
    assert "several accelerators" in two.basis


def test_unlike_cards_take_their_times_one_after_the_other():
    half = replace(RTX, bandwidth=RTX.bandwidth / 4)
    fast, mixed, slow = (
        judged("Qwen/Qwen3-14B", Hardware(cards)).tokens_per_second for cards in ((RTX, RTX), (RTX, half), (half, half))
    )
    assert 2 / mixed == pytest.approx(1 / fast + 1 / slow, rel=0.02)


def test_cards_that_compute_every_layer_together_are_faster_than_one():
    needed = VariantInputs(known_shape("Qwen/Qwen3-8B"), quant="BF16", format="safetensors")
    one, two, four = (estimate_speed(needed, "vllm", Hardware((RTX,) * n)).tokens_per_second for n in (1, 2, 4))
    assert one < two < four < 4 * one


def test_layers_in_system_memory_are_read_at_its_bandwidth():
    slow, fast = (
        judged("Qwen/Qwen3-32B", Hardware((SMALL,), 64 * GIB, rate)).tokens_per_second for rate in (50e9, 200e9)
    )
    card = speed("Qwen/Qwen3-32B", on=Hardware((SMALL,))).tokens_per_second
    assert slow < fast < card
    assert 1.5 < fast / slow < 4


def test_of_a_mixture_only_experts_that_are_read_count_in_system_memory():
    machine = Hardware((SMALL,), 64 * GIB, 80e9)
    assert (
        judged("Qwen/Qwen3-30B-A3B", machine).tokens_per_second
        > 4 * judged("Qwen/Qwen3-32B", machine).tokens_per_second
    )


def test_the_processor_alone_needs_its_bandwidth():
    told = judged("Llama-3.1-8B", Hardware(system_memory=64 * GIB, system_bandwidth=89.6e9))
    assert (
        3 < told.low < told.tokens_per_second < told.high <= 89.6e9 / work("Llama-3.1-8B", "Q4_K_M", None).weight_bytes
    )
    silent = judged("Llama-3.1-8B", Hardware(system_memory=64 * GIB))
    assert silent.tokens_per_second is None
    assert "bandwidth of the system memory" in silent.reason


@pytest.mark.parametrize("model", ["Llama-3.1-8B", "Qwen/Qwen3-30B-A3B", "openai/gpt-oss-20b"])
def test_nothing_is_faster_than_its_weights_can_be_read(model):
    for hardware in (Hardware((RTX,)), Hardware((RTX,) * 2), Hardware((MAC,)), Hardware((), 64 * GIB, 90e9)):
        rate = hardware.accelerators[0].bandwidth if hardware.accelerators else hardware.system_bandwidth
        found = judged(model, hardware)
        assert found.tokens_per_second * work(model, "Q4_K_M", None).weight_bytes < rate


def test_packed_weights_are_unpacked_no_faster_than_the_units_can():
    """H100 and H200 differ by their memory alone: of packed weights it is not memory that is waited for."""
    hopper = [Hardware((find_accelerator(name, memory),)) for name, memory in (("H100 SXM", 80), ("H200", 141))]
    packed, wide = ([speed("Qwen/Qwen3-32B", quant, on=one) for one in hopper] for quant in ("Q4_K_M", "BF16"))
    assert packed[1].tokens_per_second < 1.02 * packed[0].tokens_per_second
    assert wide[1].tokens_per_second > 1.25 * wide[0].tokens_per_second


@pytest.mark.parametrize(
    ("name", "operations"),
    [
        ("V100S", 16.4e12),
        ("H200", 30.2e12),
        ("RTX 5090", 104.8e12),
        ("GTX 1080", 4.4e12),
        ("P4", 2.85e12),
        ("Apple M1 Max", 5.2e12),
        ("B200", 37.2e12),
        ("B300", 37.2e12),
    ],
)
def test_operations_on_integers_follow_from_architecture_and_listed_rate(name, operations):
    assert find_accelerator(name).integer_rate == pytest.approx(operations, rel=0.02)


def test_where_it_is_not_known_how_fast_weights_are_unpacked_memory_alone_bounds_it():
    assert find_accelerator("RX 7900 XTX").integer_rate is None
    card = replace(RTX, name="x", compute_capability=99.0, bandwidth=10 * RTX.bandwidth)
    found = speed("Qwen/Qwen3-32B", on=Hardware((card,)))
    assert found.tokens_per_second > 4 * speed("Qwen/Qwen3-32B").tokens_per_second


def test_layers_in_system_memory_are_read_no_faster_than_it_is():
    """Even the upper end of the range leaves the processor the time for its part."""
    hardware = Hardware((SMALL,), 64 * GIB, 51.2e9)
    needed = inputs("Qwen/Qwen3-32B")
    fit = judge_fit(needed, "llama.cpp", hardware)
    found = estimate_speed(needed, "llama.cpp", hardware, fit)
    away = (1 - fit.offload.share) * work("Qwen/Qwen3-32B", "Q4_K_M", None).weight_bytes
    assert found.high <= 51.2e9 / away


# --- silence --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("engine", "device", "words"),
    [
        ("llama.cpp", Accelerator("x", "nvidia", "gpu", memory=1), "How fast the memory of x"),
        ("llama.cpp", Accelerator("24 GB accelerator", "", "gpu", memory=1), "Name the accelerator"),
        ("sglang", Accelerator("x", "amd", "gpu", bandwidth=1e12), "No measured runs of SGLang on AMD"),
        ("tensorrt-llm", RTX, "No measured runs of TensorRT-LLM"),
    ],
)
def test_without_basis_there_is_no_estimate(engine, device, words):
    found = speed("Llama-3.1-8B", "bf16", engine=engine, on=Hardware((device,)))
    assert found.tokens_per_second is None
    assert found.reason.startswith(words)
    assert found.reason.endswith(".")


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("engine", ["llama.cpp", "vllm"])
def test_an_accelerator_that_only_its_memory_and_bandwidth_tell_of_has_no_basis(engine, count):
    some = Accelerator("24 GB accelerator", "", "gpu", 24 * GIB, bandwidth=900e9)
    hardware = Hardware((some,) * count)
    quant = "Q4_K_M" if engine == "llama.cpp" else "AWQ"
    needed = VariantInputs(known_shape("Llama-3.1-8B"), quant=quant, format="gguf" if engine == "llama.cpp" else None)
    fit = judge_fit(needed, engine, hardware)
    found = estimate_speed(needed, engine, hardware, fit)
    assert found.tokens_per_second is None
    assert "no basis" in found.reason
    assert estimate_reading(needed, engine, hardware, fit, prompt=1000).seconds is None


def test_engines_that_run_expert_by_expert_get_no_number_for_mixtures():
    card = Hardware((find_accelerator("A100", 80),))
    dense, mixture = (
        speed(model, "bf16", engine="transformers", on=card) for model in ("Qwen/Qwen3-8B", "Qwen/Qwen3-30B-A3B")
    )
    assert dense.tokens_per_second
    assert mixture.tokens_per_second is None
    assert "mixture of experts" in mixture.reason


def test_what_ollama_loads_with_mlx_is_not_as_fast_as_what_llama_cpp_loads():
    """Its MLX runner is another program than the one whose runs were measured."""
    packed = VariantInputs(known_shape("Qwen/Qwen3-8B"), quant="MLX 8-bit", format="safetensors")
    found = estimate_speed(packed, "ollama", Hardware((RTX,)))
    assert found.tokens_per_second is None
    assert "MLX" in found.reason
    assert estimate_speed(replace(packed, quant="Q8_0", format="gguf"), "ollama", Hardware((RTX,))).tokens_per_second


def test_unknown_models_have_no_speed():
    assert estimate_speed(VariantInputs(quant="Q4_0"), "llama.cpp", Hardware((RTX,))).tokens_per_second is None
    bare = replace(known_shape("Llama-3.1-8B"), vocab=None)
    assert estimate_speed(VariantInputs(bare, quant="Q4_0"), "llama.cpp", Hardware((RTX,))).tokens_per_second is None
    assert speed("Llama-3.1-8B", "any").reason


def test_cards_older_than_pascal_were_not_measured_and_that_is_said():
    for name in ("GTX 980 Ti", "K80"):
        found = speed("Llama-3.1-8B", on=Hardware((find_accelerator(name),)))
        assert found.tokens_per_second is None
        assert "NVIDIA graphics cards older than Pascal" in found.reason
    assert speed("Llama-3.1-8B", on=Hardware((find_accelerator("P4"),))).tokens_per_second > 10


@pytest.mark.parametrize(
    ("name", "gb", "measured"), [("Arc Pro B70", 32, True), ("Arc B580", 12, True), ("Arc A770", 16, False)]
)
def test_of_intels_cards_those_from_battlemage_on_have_a_speed_with_llama_cpp(name, gb, measured):
    machine = Hardware((find_accelerator(name, gb),))
    found = speed("Llama-3.1-8B", on=machine)
    assert (found.tokens_per_second is not None) is measured
    assert "Intel graphics cards" in (found.basis if measured else found.reason)
    for engine in ("ollama", "lm-studio"):  # by Vulkan, which writes half as fast there
        other = speed("Llama-3.1-8B", on=machine, engine=engine)
        assert other.tokens_per_second is None
        assert "Intel graphics cards" in other.reason


def test_classes_of_hardware():
    assert hardware_class(find_accelerator("Arc Pro B60", 24)) == "intel"
    assert hardware_class(find_accelerator("Arc A380")) == "intel-before-xe2"
    assert hardware_class(find_accelerator("Data Center GPU Max 1100")) == "intel-before-xe2"
    assert hardware_class(find_accelerator("GTX 1050 Ti")) == "nvidia-before-7.0"
    assert hardware_class(find_accelerator("GTX 980 Ti")) == "nvidia-before-6.0"
    assert hardware_class(find_accelerator("Apple M1 Max")) == "apple-unified"
    assert hardware_class(find_accelerator("GB10")) == "nvidia-unified"
    computing = {"V100": 32, "A100": 80, "H20": 96, "H200": 141, "B200": 192, "B300": 288}
    assert {hardware_class(find_accelerator(name, gb)) for name, gb in computing.items()} == {"nvidia-compute"}
    assert {hardware_class(find_accelerator(name)) for name in ("T4", "A10", "L40S", "RTX 5090")} == {"nvidia"}
    assert hardware_class(find_accelerator("Radeon 8060S", 128)) == "amd-unified"
    assert hardware_class(None) == "cpu"
    assert hardware_class(find_accelerator("RX 7900 XTX")) == "amd"
    assert hardware_class(find_accelerator("MI300X")) == "amd-compute"  # other kernels, of which no run was measured
    assert "Instinct" in speed("Llama-3.1-8B", on=Hardware((find_accelerator("MI300X"),))).reason


def test_a_bandwidth_is_asked_for_only_where_it_would_give_a_number():
    without = Hardware(system_memory=64 * GIB)
    assert "give the bandwidth" in speed("Llama-3.1-8B", on=without).reason
    for engine in ("vllm", "sglang", "transformers"):
        told = [
            speed("Llama-3.1-8B", engine=engine, on=one) for one in (without, replace(without, system_bandwidth=60e9))
        ]
        assert {one.tokens_per_second for one in told} == {None}
        assert len({one.reason for one in told}) == 1
        assert "on processors" in told[0].reason
