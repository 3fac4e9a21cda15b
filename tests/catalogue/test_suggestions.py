"""What is suggested while somebody types."""

from __future__ import annotations

import pytest

from compat.catalogue.current import index_now
from compat.catalogue.question import Question
from compat.catalogue.suggestions import MOST, suggest
from compat.models import ModelRecord

pytestmark = pytest.mark.django_db


def names(text, **asked):
    return [one.name for one in suggest(text, Question(**asked)).found]


def test_models_have_every_word_and_come_once():
    found = names("qwen instruct")
    assert 0 < len(found) <= MOST
    assert len(set(found)) == len(found)
    assert all("qwen" in name.lower() and "instruct" in name.lower() for name in found)


@pytest.mark.parametrize("text", ["microsoft/phi-2", "phi-2", "PHI-2", "phi2"])
def test_what_is_named_in_full_comes_first(text):
    assert names(text)[0] == "microsoft/phi-2"


@pytest.mark.parametrize(
    "text",
    [
        "https://huggingface.co/microsoft/phi-2",
        "hf.co/microsoft/phi-2:Q4_K_M",
        "ollama run hf.co/microsoft/phi-2",
        "vllm serve microsoft/phi-2",
    ],
)
def test_what_is_pasted_is_the_only_one(text):
    found = suggest(text).found
    assert [one.name for one in found] == ["microsoft/phi-2"]
    assert found[0].exact


def test_a_number_is_found_with_a_dash_and_without():
    assert names("llama-3.1 70b")
    assert names("llama-3.1 70b") == names("llama3.1 70b")


def test_a_slip_is_asked_about():
    found = suggest("qwn")
    assert found.found == ()
    assert found.meant == "qwen"


@pytest.mark.parametrize("text", ["", " ", "\0", "zzzzqqq", "é", "%", "'\"", "x" * 200])
def test_nothing_is_suggested_for_nothing(text):
    assert suggest(text).found == ()


def test_what_few_know_is_looked_for_in_the_whole_catalogue():
    index, _ = index_now()
    known = dict(index.names)
    index.__dict__["names"] = []
    try:
        assert known
        assert "microsoft/phi-2" in names("phi-2")
    finally:
        del index.__dict__["names"]


def test_its_verdict_is_that_of_the_list():
    for one in suggest("qwen", Question(worker="vllm")).found:
        found = ModelRecord.objects.get(repo_id=one.record.repo_id)
        assert one.kind
        if one.level:
            assert found.sheet.verdicts.get(profile="vllm").confidence == one.level


def test_no_verdict_is_worked_out_for_a_machine_that_nobody_asked_for_yet():
    found = suggest("qwen", Question(worker="vllm", accelerator="RTX 4090", memory=23.25)).found
    assert found
    assert {one.kind for one in found} == {""}


def test_it_takes_few_queries(django_assert_max_num_queries):
    suggest("qwen")
    for text, most in (("qwen 7b", 4), ("microsoft/phi-2", 5), ("q", 4)):
        with django_assert_max_num_queries(most):
            suggest(text)
