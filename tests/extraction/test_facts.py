"""Facts, their storage, and the original's six."""

from __future__ import annotations

import json

import pytest

from compat.extraction.facts import Fact, Provenance, VariantFacts, parameters_text
from compat.extraction.metadata import ModelMetadata


def test_facts_that_say_nothing_take_no_room():
    assert VariantFacts().as_json() == {}
    facts = VariantFacts(architecture="llama", architecture_from=Provenance.CONFIG, sharded=True)
    assert facts.as_json() == {"architecture": "llama", "architecture_from": "config", "sharded": True}
    assert VariantFacts.from_json(json.loads(json.dumps(facts.as_json()))) == facts


def test_provenance_says_what_is_guessed():
    assert [origin for origin in Provenance if origin.guessed] == [
        Provenance.LIST,
        Provenance.NAME,
        Provenance.DEFAULT,
        Provenance.CONTRADICTED,
    ]
    assert all(origin.label for origin in Provenance)
    assert not Fact.unknown().known
    assert Fact(0).known


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "unknown"),
        (8_030_261_248, "8.0B"),
        (999_885_952, "1.0B"),
        (268_098_176, "268M"),
        (1_200_000_000_000, "1.2T"),
        (4_200, "4K"),
        (12, "12"),
    ],
)
def test_parameters_are_written_for_people(count, text):
    assert parameters_text(count) == text


def test_a_count_by_the_name_alone_has_a_tilde():
    assert parameters_text(7 * 10**9, Provenance.NAME) == "~7.0B"
    assert parameters_text(7 * 10**9, "name") == "~7.0B"
    assert parameters_text(7 * 10**9, Provenance.HUB) == "7.0B"
    assert parameters_text(None, Provenance.NAME) == "unknown"


def test_six_facts_of_a_caller_count_as_given():
    facts = ModelMetadata("llama", "safetensors", max_context_length=4096).variant_facts
    assert facts.architecture_from is Provenance.GIVEN
    assert not facts.context_from.guessed
    assert ModelMetadata("qwen2", "gguf").variant_facts.gguf_architecture == "qwen2"
    assert ModelMetadata("unknown", "unknown").variant_facts.architecture is None
    assert ModelMetadata("qwen2", "gguf").family == "qwen"
    assert ModelMetadata("qwen2", "gguf").as_json()["maxContextLength"] == 2048
