"""What a model is for, and how surely that is known."""

from __future__ import annotations

import pytest

from compat.extraction.facts import Provenance
from compat.extraction.task import task_label, task_of
from compat.hub.payloads import HubModel


def _of(name="a/model", hf_class=None, **fields):
    return task_of(HubModel(id=name, **fields), hf_class)


def test_the_hub_field_counts_before_all_else():
    found = _of("a/my-embedding", "LlamaForCausalLM", pipeline_tag="text-generation")
    assert (found.value, found.provenance) == ("text-generation", Provenance.HUB)


def test_a_draft_head_is_one_whatever_the_field_says():
    assert _of("RedHatAI/Qwen3-8B-speculator.eagle3", pipeline_tag="text-generation").value == "speculative-draft"
    assert _of("a/x", "LlamaForCausalLMEagle3", pipeline_tag="text-generation").value == "speculative-draft"
    assert _of("a/Qwen3.8-27B-DFlash2-FP8").value == "speculative-draft"
    assert _of("yuhuili/EAGLE-LLaMA3-Instruct-8B").value == "speculative-draft"


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("a/Qwen3-Embedding-8B", "feature-extraction"),
        ("a/embeddinggemma-300m", "feature-extraction"),
        ("a/FLUX.2-klein-Text-Encoder", "feature-extraction"),
        ("a/bge-reranker-v2", "feature-extraction"),
        ("a/MemReranker-4B", "text-ranking"),
        ("a/OuteTTS-1B", "text-to-speech"),
        ("a/MongolianTTS_v6", "text-to-speech"),
        ("a/orpheus-3b-ft", "text-to-speech"),
        ("a/Llasa-8B", "text-to-speech"),
        ("Qwen/Qwen-VL-Chat-Int4", "image-text-to-text"),
        ("Qwen/Qwen-Audio-Chat", "audio-text-to-text"),
        ("a/Beagle-7B", None),
        ("a/Red-Pilled-Morpheus-7B", None),
        ("a/eagle-numbers-ft-gemma", "speculative-draft"),
        ("a/llama-eagle-numbers", None),
        ("a/megawatts-7b", None),
        ("a/DeepSeek-DRAFT-Qwen2.5-0.5B", None),
        ("a/llama-3-8b", None),
    ],
)
def test_words_of_the_name_are_the_last_resort(name, task):
    assert _of(name).value == task


def test_a_model_that_only_drafts_for_another_is_no_chat_model_of_its_size():
    drafting = _of("google/gemma-4-31B-it-assistant", config={"model_type": "gemma4_assistant"})
    assert (drafting.value, drafting.provenance) == ("speculative-draft", Provenance.CONFIG)
    assert _of("somebody/my-assistant-7b", config={"model_type": "llama"}).value != "speculative-draft"


def test_tags_and_classes():
    assert _of(tags=["text-generation", "llama"]).provenance is Provenance.TAG
    assert not _of(tags=["translation", "summarization"]).known
    assert _of(hf_class="LlamaForCausalLM").value == "text-generation"
    assert _of(hf_class="LlamaForSequenceClassification").value == "text-classification"
    assert _of(tags=["sentence-transformers"]).value == "sentence-similarity"


@pytest.mark.parametrize(
    ("name", "hf_class", "task"),
    [
        ("Qwen/Qwen3-Embedding-8B", "Qwen3ForCausalLM", "feature-extraction"),
        ("Qwen/Qwen3-Reranker-0.6B", "Qwen3ForCausalLM", "text-ranking"),
        ("Alibaba-NLP/gte-Qwen2-7B-instruct", "Qwen2ForCausalLM", "feature-extraction"),
        ("a/orpheus-3b-ft", "LlamaForCausalLM", "text-to-speech"),
        ("a/Qwen3-8B", "Qwen3ForCausalLM", "text-generation"),
        ("a/llama-sentiment-7b", "LlamaForCausalLM", "text-generation"),
        ("a/bert-embedding", "BertForMaskedLM", "fill-mask"),
    ],
)
def test_a_language_models_class_tells_less_than_a_word_of_the_name(name, hf_class, task):
    assert _of(name, hf_class).value == task


def test_a_language_models_class_tells_less_than_a_library_for_embeddings():
    assert _of("a/x-7b", "Qwen2ForCausalLM", library_name="sentence-transformers").value == "sentence-similarity"
    assert _of("a/x-7b", "Qwen2ForCausalLM", tags=["sentence-transformers"]).value == "sentence-similarity"
    ranker = _of("a/x-reranker", "Qwen2ForCausalLM", tags=["sentence-transformers"])
    assert ranker.value == "text-ranking"
    said = _of("a/x-embedding", "Qwen2ForCausalLM", pipeline_tag="text-generation", tags=["sentence-transformers"])
    assert said.value == "text-generation"


def test_labels_are_words():
    assert task_label("text-generation") == "Text generation"
    assert task_label("some-new-task") == "Some new task"


@pytest.mark.parametrize(
    ("hf_class", "task"),
    [
        ("LlamaForSequenceClassification", "text-classification"),
        ("LlamaForTokenClassification", "token-classification"),
        ("LlamaForCausalLM", "text-generation"),
    ],
)
def test_a_class_that_writes_no_text_outweighs_a_task_that_does(hf_class, task):
    model = HubModel(id="a/Thing", pipeline_tag="text-generation")
    assert task_of(model, hf_class).value == task


def test_a_table_of_words_that_is_packed_is_no_task():
    assert _of("Wrapzii/Swift-1.5-Qwen3.8-27b-GPTQ-Int4-baked-v1-embed-int8").value is None
    assert _of("a/pplx-embed-v1-4b").value == "feature-extraction"
