"""Weights as Transformers writes them, where nothing tells whether they are safetensors or PyTorch files."""

from __future__ import annotations

import pytest

from compat.engines import all_profiles
from compat.extraction.extract import extract
from compat.extraction.facts import Provenance
from compat.hub.payloads import HubModel
from compat.rules import judge

GPT2 = extract(HubModel(id="gpt2", pipeline_tag="text-generation")).judged[0]
GPT_J = extract(HubModel(id="EleutherAI/gpt-j-6B", pipeline_tag="text-generation")).judged[0]


def test_what_everybody_knows_stands_in_for_what_the_record_leaves_out():
    assert (GPT2.architecture, GPT2.context, GPT2.format) == ("gpt2", 1024, "safetensors")
    assert {GPT2.architecture_from, GPT2.context_from, GPT2.format_from} == {Provenance.KNOWN}


@pytest.mark.parametrize(
    ("engine", "cause"),
    [
        ("transformers", ""),
        ("vllm", ""),
        # Neither of the two, and no converter for it; one of the two, without the architecture.
        ("llama-cpp", "architecture"),
        ("rbee", "architecture"),
        ("mlx-lm", "unknown"),
    ],
)
def test_an_engine_answers_where_it_takes_both_or_cannot_take_either(engine, cause):
    result = judge(GPT_J, all_profiles()[engine])
    assert (result.compatible, result.cause) == (not cause, cause)


def test_a_copy_by_somebody_else_is_not_the_known_model():
    copy = extract(HubModel(id="somebody/gpt2", pipeline_tag="text-generation"))
    assert not copy.architecture.known
