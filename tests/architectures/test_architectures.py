"""Architectures are looked up by equality under their names; no word inside a name makes a family."""

from __future__ import annotations

import pytest

from compat.architectures import (
    Architecture,
    LayerKind,
    architecture_of,
    architecture_of_gguf,
    architecture_of_model_type,
    family_label,
    hint_in,
    is_listed,
    read_tables,
)


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
    found = architecture_of(architecture)
    assert (found.family, found.kind) == (family, kind)


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
    assert architecture_of(name) == Architecture(name, name, name, "other")
    assert not is_listed(name)


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
        ("Qwen3-30B-A3B", "qwen3_moe"),
        ("Mixtral-8x7B-v0.1", "mixtral"),
        ("google_gemma-4-31B-it-GGUF", "gemma4"),
        ("DeepSeek-R1-Distill-Qwen-14B", "qwen2"),
        ("Qwopus3.6-27B", "qwen3_5"),
        ("Quokka-27B", None),
        ("Llama-3-8x8B", None),
        ("", None),
    ],
)
def test_a_name_tells_its_architecture_only_by_its_own_first_words(name, told):
    found = hint_in(name)
    assert (found[0] if found else None) == told


def test_one_architecture_is_found_under_every_name_of_its_own():
    assert architecture_of("qwen3moe") is architecture_of("qwen3_moe")
    assert architecture_of_gguf("qwen3moe").name == "qwen3_moe"
    assert architecture_of_gguf("llama").name == "llama"
    assert (architecture_of("gemma3").kind, architecture_of_gguf("gemma3").kind) == ("vision", "text")
    assert architecture_of_model_type("qwen3moe").kind == "other"


def test_an_architecture_leads_to_its_names_on_the_other_side():
    assert architecture_of("mixtral").gguf_names(None) == ("llama",)
    assert architecture_of("qwen3_moe").gguf_names(None) == ("qwen3moe",)
    assert architecture_of("deepseek_v2").gguf_names(None) == architecture_of("deepseek_v3").gguf_names(None)
    assert architecture_of("olmo2").gguf_names(None) == ("olmo2",)
    assert architecture_of("unheard_of").gguf_names(None) == ()
    assert architecture_of("unheard_of").gguf_names("LlamaForCausalLM") == ("llama",)
    assert architecture_of("phimoe").classes_for("text-generation") == ("PhiMoEForCausalLM",)
    assert architecture_of("qwen3").classes_for("text-generation")[0] == "Qwen3ForCausalLM"
    assert architecture_of("unheard_of").classes_for("text-generation") == ()


def test_an_architecture_has_what_rules_and_estimates_ask():
    qwen = architecture_of("qwen3_moe")
    assert (qwen.label, qwen.mixture, qwen.plain_attention, qwen.reads_only_text) == ("Qwen", True, True, True)
    assert qwen.layers.head_dim == 128
    assert architecture_of("qwen3_vl_moe").mixture
    assert architecture_of("gemma3_text").layers.other is LayerKind.WINDOW
    assert architecture_of("qwen2_vl").reads_more_than_text
    assert architecture_of("bert").layers.encoder
    assert architecture_of("t5").layers is None


def test_labels_are_for_people():
    assert family_label("qwen") == "Qwen"
    assert family_label("unheard_of") == "unheard_of"


@pytest.mark.parametrize(
    ("name", "task", "first"),
    [
        ("marian", "translation", "MarianMTModel"),
        ("bart", "summarization", "BartForConditionalGeneration"),
        ("bart", "text-generation", "BartForCausalLM"),
        ("qwen2", "translation", "Qwen2ForCausalLM"),
    ],
)
def test_what_rewrites_a_text_has_an_encoder_where_there_is_one(name, task, first):
    assert architecture_of(name).classes_for(task)[0] == first


@pytest.mark.parametrize(
    ("name", "dense", "mixture"),
    [
        *(("qwen3", True, False), ("qwen2_5_vl", True, False), ("qwen3_5", True, False)),
        *(("qwen3_moe", False, True), ("glm4v_moe", False, True), ("dbrx", False, True)),
        # What these wrap, or how they were made, their types do not tell.
        *(("internvl_chat", False, False), ("llava", False, False), ("mistral3", False, False)),
        *(("granitemoehybrid", False, False), ("gemma4", False, False), ("unheard_of", False, False)),
    ],
)
def test_a_type_that_may_be_either_is_told_to_be_neither(name, dense, mixture):
    known = architecture_of(name)
    assert (known.dense, known.mixture) == (dense, mixture)


DENSE_AS_WELL = {"granitemoehybrid"}
"""Named after experts, which smaller models of them do without."""


def test_what_is_named_after_experts_is_a_mixture():
    names = {name for table in read_tables().classes.values() for name in table if "moe" in name}
    told = {name for name in names if not name.endswith("_vision")} - DENSE_AS_WELL
    assert len(told) > 20
    assert {name for name in told if not architecture_of(name).mixture} == set()


@pytest.mark.parametrize(
    ("name", "other"), [("llava", "LlavaQwenForCausalLM"), ("shieldgemma2", "ShieldGemma2ForImageClassification")]
)
def test_a_type_that_others_wrote_classes_for_leads_to_those_too(name, other):
    assert other in architecture_of(name).classes_for("image-text-to-text")
    assert len(architecture_of(name).classes_for("image-text-to-text")) > 1
