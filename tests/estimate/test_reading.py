"""How long a prompt takes to be read: what makes it longer, and silence where nothing was measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compat.engines.hardware import GIB
from compat.estimate import Hardware, VariantInputs, estimate_reading, find_accelerator, known_shape
from compat.estimate.reading import operations_of, prompt_work
from compat.estimate.token_work import Work

RTX = find_accelerator("RTX 3090")
CARD = Hardware((RTX,))
WORK = Work(1e9, 0.0, 32, 0, experts=False, codes="blocks", held_bytes=1e9)


def reading(model="Llama-3.1-8B", prompt=4096, on=CARD, engine="llama.cpp"):
    return estimate_reading(VariantInputs(known_shape(model), quant="Q4_K_M", format="gguf"), engine, on, prompt=prompt)


def test_an_estimate_is_a_range_of_seconds_with_its_basis():
    found = reading()
    assert 0.3 < found.low < found.seconds < found.high < 10
    assert found.tokens_per_second == pytest.approx(4096 / found.seconds)
    assert "calibrated on" in found.basis


def test_longer_prompts_take_longer_than_in_proportion():
    assert reading(prompt=32768).seconds > 8.5 * reading(prompt=4096).seconds


def test_what_a_token_does_not_need_is_not_computed():
    assert reading("Qwen/Qwen3-30B-A3B").seconds < 0.6 * reading("Qwen/Qwen3-32B").seconds


def test_tokens_before_it_are_looked_back_at_and_windows_bound_that():
    llama, gemma = known_shape("Llama-3.1-8B"), known_shape("google/gemma-3-27b")
    for shape, most in ((llama, 130), (gemma, 30)):
        near, far = (prompt_work(shape, WORK, 512, before).token_operations for before in (0, 32768))
        assert 5 < far / near < most
    whole = prompt_work(llama, WORK, 1024).token_operations
    parts = [prompt_work(llama, WORK, 512, before).token_operations for before in (0, 512)]
    assert sum(parts) == pytest.approx(whole)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"on": Hardware((replace(RTX, tflops=None),))}, "How many operations a second"),
        ({"on": Hardware((RTX, RTX))}, "How fast several devices"),
        ({"on": Hardware((), 64 * GIB, 5e10)}, "No measured runs of llama.cpp that read prompts on processors"),
        ({"on": Hardware((), 64 * GIB)}, "The processor alone computes it"),
        ({"engine": "sglang"}, "No measured runs of SGLang"),
    ],
)
def test_without_basis_there_is_no_number(more, words):
    found = reading(**more)
    assert found.seconds is found.tokens_per_second is None
    assert found.reason.startswith(words)


def test_llama_cpp_cannot_ask_all_of_hopper():
    """It has none of the instructions for whole groups of warps that the listed rate takes."""
    hopper, ada = find_accelerator("H100 SXM", 80), find_accelerator("RTX 4090")
    assert operations_of(hopper, "ollama") == 0.45 * hopper.tflops == 0.45 * operations_of(hopper, "vllm")
    assert operations_of(ada, "llama.cpp") == ada.tflops
