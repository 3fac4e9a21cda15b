"""Shapes of published models, and of those that are named after them."""

from __future__ import annotations

import pytest

from compat.shapes.known import find_shape, namesake


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("gemma-4-26B-A4B-it-uncensored-heretic-GGUF", "gemma-4-26B-A4B"),
        ("Qwen3.5-27B-Claude-4.6-Opus-Reasoning-Distilled-i1-GGUF", "Qwen3.5-27B"),
        ("Huihui-Qwen3-Coder-30B-A3B-Instruct-abliterated-i1-GGUF", "Qwen3-30B-A3B"),
        ("Qwen3-8B-GGUF", "Qwen3-8B"),
    ],
)
def test_a_tune_has_the_shape_of_the_model_it_is_named_after(name, base):
    assert namesake(name) == find_shape(base) is not None


@pytest.mark.parametrize(
    "name",
    [
        "gemma-4-19b-a4b-it-REAP-i1-GGUF",
        "Qwen3-Coder-REAP-25B-A3B-GGUF",
        "Llama-3.2-8X3B-MOE-Dark-Champion-Instruct-18.4B-GGUF",
        "Qwen3-VL-8B-Instruct-tuned",
        "Qwen3-8B-eagle3-head",
        "Qwen3-0.6B-drafts-for-Qwen3-8B",
        # Its experts are packed already, and whoever tunes it may pack them anew.
        "OpenAi-gpt-oss-20b-abliterated-uncensored-gguf",
        "my-model",
    ],
)
def test_what_was_built_anew_has_not(name):
    assert namesake(name) is None
