"""What a model was called before it was packed."""

from __future__ import annotations

import pytest

from compat.extraction.original_name import original_id, original_name, original_of_gguf


@pytest.mark.parametrize(
    ("packed", "original"),
    [
        ("Qwen3-8B-GGUF", "qwen3-8b"),
        ("Qwen3-8B-MLX-4bit", "qwen3-8b"),
        ("gemma-3-12b-it-unsloth-bnb-4bit", "gemma-3-12b-it"),
        ("Llama-3.3-70B-Instruct-quantized.w8a8", "llama-3.3-70b-instruct"),
        ("GLM-5.3-EXL3-3.25bpw", "glm-5.3"),
        ("Qwen3.6-35B-A3B-UD-Q2_K_XL-mlx", "qwen3.6-35b-a3b"),
        ("Acolyte-22B-i1-GGUF", "acolyte-22b"),
        ("google_gemma-3-12b-it-GGUF", "google_gemma-3-12b-it"),
        ("Yi-34B-Chat-8bits", "yi-34b-chat"),
        ("Foo-7B.Q4_K_M.gguf", "foo-7b"),
    ],
)
def test_the_words_of_packers_are_left_out(packed, original):
    assert original_name(packed) == original


@pytest.mark.parametrize(
    "name",
    [
        "Qwen3-8B",
        "Qwen3-8B-Instruct-2507",
        "gguf",
        "my-dynamic",
        "Foo-static",
        "phi-2",
        "gpt2",
        "Model-Q",
        "awq-tools-7b",
    ],
)
def test_other_names_are_left_alone(name):
    assert original_name(name) is None


@pytest.mark.parametrize(
    ("packed", "original"),
    [
        ("Qwen3-8B-GGUF", "Qwen3-8B"),
        ("Qwen3-8B-Q4_K_M-gguf", "Qwen3-8B"),
        ("BAAI_AREX-Turbo-GGUF", "BAAI_AREX-Turbo"),
        ("Qwen3-8B-GGUF-tuned", None),
        ("Qwen3-8B-AWQ", None),
        ("Qwen3-8B", None),
        ("GGUF", None),
    ],
)
def test_of_gguf_the_original_keeps_its_letters(packed, original):
    assert original_of_gguf(packed) == original


@pytest.mark.parametrize(("original", "repo_id"), [("BAAI_AREX_2", "BAAI/AREX_2"), ("Qwen3-8B", None), ("", None)])
def test_packers_may_write_the_maker_before_the_name(original, repo_id):
    assert original_id(original) == repo_id
