"""Words that describe a model instead of naming it are never taken for parts of names, nor for slips in them."""

from __future__ import annotations

import pytest

from compat.catalogue.question import PARAMETERS, SORTS
from compat.extraction.languages import language_label
from compat.extraction.task import task_label
from compat.models import described
from compat.models.asked import read_search
from compat.models.described import parts_of, sort_meant


def asked(question):
    found = read_search(question)
    return found.words, [(one.parameter, one.value) for one in found.means], found.left


@pytest.mark.parametrize(
    ("question", "words", "means", "left"),
    [
        ("best model", (), [], ("best", "model")),
        ("small model for coding", (), [("use", "code")], ("model", "for", "small")),
        ("coding", (), [("use", "code")], ()),
        ("good model for Qwen", ("qwen",), [], ("good", "model", "for")),
        ("qwen for coding", ("qwen",), [("use", "code")], ("for",)),
        ("speech to text", (), [("task", "automatic-speech-recognition")], ()),
        ("text-to-speech model", (), [("task", "text-to-speech")], ("model",)),
        ("bestes deutsches Modell", (), [("language", "de")], ("bestes", "modell")),
        ("最好的代码模型", (), [("use", "code")], ("最好的", "模型")),
        ("通义千问 8b", ("qwen", "8b"), [], ()),
        ("mistral nemo 12b 12gb", ("mistral", "nemo", "12b"), [], ("12gb",)),
        ("llama 12 GB vram", ("llama",), [], ("12gb", "vram")),
        ("author:unsloth", (), [("author", "unsloth")], ()),
        ("qwen3 author: unsloth", ("qwen3",), [("author", "unsloth")], ()),
        ("apache 2.0 7b", ("apache2.0:+", "7b"), [], ()),
        ("mit license", (), [("license", "mit")], ()),
        ("https://huggingface.co/models?author=unsloth&search=qwen+3", ("qwen", "3"), [("author", "unsloth")], ()),
        ("huggingface.co/models?pipeline_tag=text-to-speech&sort=new", (), [("task", "text-to-speech")], ()),
        ("https://huggingface.co/models?other=base_model:quantized:Qwen/Qwen3-8B", ("qwen/qwen3-8b",), [], ()),
        ("https://huggingface.co/models", (), [], ()),
        ("license:mit 7b", ("7b",), [("license", "mit")], ()),
        ('"best model"', ("best", "model"), [], ()),
        ("Qwen/best-model", ("qwen/best-model",), [], ()),
        ("best-model", ("best-model",), [], ()),
        ("", (), [], ()),
    ],
)
def test_what_describes_a_model_is_no_part_of_its_name(question, words, means, left):
    assert asked(question) == (words, means, left)


@pytest.mark.parametrize(
    "question", ["mistral small", "llama 2 chat", "qwen coder 7b", "whisper large", "bge small en"]
)
def test_a_word_of_names_is_one_until_no_name_has_it(question):
    found = read_search(question)
    assert set(found.words) == set(read_search(f'"{question}"').words)
    assert found.otherwise is not None
    assert set(found.otherwise.words) < set(found.words)


def test_every_meaning_is_a_value_that_the_catalogue_may_hold():
    for parameter, value in described._MEANS.values():
        assert parameter in PARAMETERS
        if parameter == "use":
            assert value in PARAMETERS["use"].values
        label = {"task": task_label, "language": language_label}.get(parameter)
        assert label is None or label(value) != value, value
    assert {sort_meant(word) for word in described._BESIDE} - {""} <= set(SORTS)


def test_words_of_a_phrase_stay_together():
    assert parts_of(["text", "to", "speech", "12", "gb", "qwen3"]) == ["text to speech", "12gb", "qwen3"]
