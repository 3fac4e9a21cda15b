"""Packings that an engine does not read, as far as a name tells them: a doubt, with which nothing known starts it."""

from __future__ import annotations

import pytest

from compat.engines import all_profiles
from compat.extraction.facts import Provenance, VariantFacts
from compat.rules import CompatibilityResult
from compat.rules.judge import judge

CONFIG, NAME = Provenance.CONFIG, Provenance.NAME


def said(engine: str, packing: str, told_by: Provenance) -> CompatibilityResult:
    facts = VariantFacts(
        architecture="llama",
        architecture_from=CONFIG,
        hf_class="LlamaForCausalLM",
        format="safetensors",
        format_from=CONFIG,
        quantization=packing,
        quantization_from=told_by,
        context=8192,
        context_from=CONFIG,
        task="text-generation",
        task_from=CONFIG,
    )
    return judge(facts, all_profiles()[engine])


@pytest.mark.parametrize(
    ("engine", "packing", "told_by", "compatible", "unread"),
    [
        ("vllm", "EXL3", NAME, True, True),
        ("ollama", "EXL3", NAME, True, True),
        ("ollama", "GPTQ", NAME, True, True),
        ("vllm", "EXL3", CONFIG, False, False),
        ("vllm", "GPTQ", NAME, True, False),
        ("exllamav3", "EXL3", NAME, True, False),
    ],
)
def test_a_packing_that_is_guessed_and_not_read_lowers_the_verdict_and_is_told(
    engine, packing, told_by, compatible, unread
):
    result = said(engine, packing, told_by)
    assert (result.compatible, result.unread) == (compatible, unread)
    assert CompatibilityResult.from_stored(result.as_stored()).unread is unread
