"""Weights as Transformers writes them, where nothing tells whether they are safetensors or PyTorch files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compat.engines import Capability, all_profiles
from compat.engines.known_failures import failures_about
from compat.extraction.extract import extract
from compat.extraction.facts import Provenance, VariantFacts
from compat.hub.payloads import HubModel
from compat.rules import judge, known_failures

OLLAMA = all_profiles()["ollama"]
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


def packed(**more):
    config = {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "max_position_embeddings": 32768}
    block = {"quant_method": "awq", "bits": 4}
    return extract(HubModel(id="a/Some-7B-AWQ", config={**config, "quantization_config": block}, **more)).judged[0]


@pytest.mark.parametrize(
    ("engine", "cause", "words"),
    [
        ("vllm", "", ""),
        ("mlx-lm", "", ""),
        ("lm-studio", "", ""),
        ("exllamav3", "quantization", "AWQ packing"),
        ("llama-cpp", "format", "needs a GGUF build"),
    ],
)
def test_packed_weights_are_safetensors_where_nothing_tells_their_format(engine, cause, words):
    facts = packed()
    assert (facts.format, facts.format_from) == ("safetensors", Provenance.PACKING)
    result = judge(facts, all_profiles()[engine])
    assert (result.compatible, result.cause, result.brief if cause else "") == (not cause, cause, words)


def test_it_says_that_the_format_follows_from_the_packing():
    result = judge(packed(), all_profiles()["vllm"])
    assert "Its record does not tell the file format, which is told by its packing." in result.warnings
    told = judge(packed(tags=["safetensors"]), all_profiles()["vllm"])
    assert result.level is told.level
    assert not any("file format" in warning for warning in told.warnings)


def test_what_the_record_tells_of_packed_files_comes_first():
    siblings = [{"rfilename": "pytorch_model.bin", "size": 5_000_000_000}]
    assert packed(siblings=siblings).format == "pytorch"
    assert packed(tags=["pytorch"]).format == "pytorch"


@pytest.mark.parametrize(
    ("engine", "hardware", "fails"),
    [
        ("vllm", Capability("amd", gfx="gfx906"), True),
        ("vllm", Capability("amd", gfx="gfx908"), False),
        ("sglang", Capability("nvidia", 7.5), True),
        ("tgi", Capability("nvidia", 7.5), True),
    ],
)
def test_what_fails_for_both_formats_fails_for_whichever_it_is(engine, hardware, fails):
    """And is told of it as of weights whose format is known."""
    facts = VariantFacts(architecture="llama", architecture_from=Provenance.CONFIG, format="transformers")
    profile = all_profiles()[engine]
    told = {
        format_: [one.text for one in known_failures.check(replace(facts, format=format_), profile, hardware)]
        for format_ in ("transformers", "safetensors", "pytorch")
    }
    assert told["transformers"] == told["safetensors"] == told["pytorch"]
    assert bool(told["transformers"]) is fails


def test_what_fails_for_one_of_the_formats_is_not_said_of_weights_that_may_be_the_other():
    told = {
        format_: [
            failure.name for failure in failures_about(VariantFacts(architecture="qwen3", format=format_), OLLAMA)
        ]
        for format_ in ("transformers", "safetensors")
    }
    assert told == {"transformers": [], "safetensors": ["Ollama: MLX without Apple silicon or NVIDIA GPUs"]}
