"""Families are looked up by equality; no word inside a name makes a family."""

from __future__ import annotations

import pytest

from compat.architectures import families
from compat.architectures.families import architecture_from_name, kin_of


@pytest.mark.parametrize(
    ("architecture", "family", "kind"),
    [
        ("llama", "llama", "text"),
        ("phi3", "phi", "text"),
        ("phi2", "phi", "text"),
        ("qwen3moe", "qwen", "moe"),
        ("gemma3", "gemma", "vision"),
        ("gemma3_text", "gemma", "text"),
        ("mllama", "llama", "vision"),
        ("mixtral", "mistral", "moe"),
        ("deci", "nemotron", "newer"),
        ("bert", "bert", "embed"),
    ],
)
def test_exact_names_have_a_family(architecture, family, kind):
    assert (kin_of(architecture).family, kin_of(architecture).kind) == (family, kind)


@pytest.mark.parametrize(
    "name",
    [
        "dolphin", "sapphire", "philosophy", "delphi", "codellama", "tinyllama", "openllama", "mllama2",
        "llamafile",
        "ollama", "optimum", "albertina", "hubert_x", "promptist", "chatglm9", "embeddinggemma",
        "recurrent", "Llama", "LLAMA",
        "llama ", " llama", "llama-2", "qwen2.5", "xqwen2",
    ],
)  # fmt: skip
def test_nothing_is_found_inside_a_word(name):
    assert kin_of(name) == families.Kin(name, name, "other")
    assert not families.is_known(name)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Llama-3.1-8B-Instruct", "llama"),
        ("Meta-Llama-3-8B", "llama"),
        ("Mistral-7B-v0.1", "mistral"),
        ("phi-2", "phi"),
        ("Qwen2.5-7B-Instruct", "qwen2"),
        ("gemma-2-9b-it", "gemma2"),
        ("dolphin-2.9-llama3-8b", None),
        ("TinyDolphin-1.1b", None),
        ("Llama-3_1-Nemotron-51B", None),
        ("Llama-3.2-11B-Vision", None),
        ("Qwen2-VL-7B", None),
        ("Qwen3-30B-A3B", None),
        ("Llama-3-8x8B", None),
        ("", None),
    ],
)
def test_a_name_tells_its_architecture_only_by_its_own_first_words(name, told):
    found = architecture_from_name(name)
    assert (found[0] if found else None) == told


def test_bridges_between_the_name_spaces():
    assert families.model_type_of("qwen3moe") == "qwen3_moe"
    assert families.model_type_of("llama") == "llama"
    assert families.written_gguf_name("mixtral") == "llama"
    assert families.written_gguf_name("unheard_of") is None
    assert families.is_gguf_name("qwen3moe")
    assert not families.is_gguf_name("llama")
    assert families.class_of("phimoe") == "PhiMoEForCausalLM"
    assert families.class_of("llama") is None
    assert families.family_label("qwen") == "Qwen"
    assert families.family_label("unheard_of") == "unheard_of"
