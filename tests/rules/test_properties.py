"""What holds for the rules whatever the facts: tried with facts made up by Hypothesis."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from compat.engines import Capability, all_profiles
from compat.extraction.facts import Provenance, VariantFacts
from compat.rules import Confidence, Finding, Severity, judge, judge_all
from compat.rules.architecture_match import match_architecture
from compat.rules.judge import _result
from compat.rules.result import CAUSES, CompatibilityResult

PROFILES = list(all_profiles().values())
ARCHITECTURES = st.one_of(
    st.none(),
    st.sampled_from([
        "llama", "mistral", "mixtral", "phi", "phi3", "qwen", "qwen2", "qwen3", "qwen2_vl", "qwen3_5",
        "gemma2", "gemma3",
        "gemma3_text", "bert", "whisper", "t5", "gpt_oss", "deepseek_v3", "nemotron_h", "mamba", "llama4",
        "phimoe", "deci",
    ]),
    st.text(max_size=12),
)  # fmt: skip
ORIGINS = st.sampled_from([origin for origin in Provenance if origin is not Provenance.PACKING])
"""Where any fact can be from; from its packing a format alone."""
FACTS = st.builds(
    VariantFacts,
    architecture=ARCHITECTURES,
    architecture_from=ORIGINS,
    gguf_architecture=st.one_of(
        st.none(), st.sampled_from(["llama", "qwen2", "phi3", "gemma3", "eagle3", "bert", "x"])
    ),
    hf_class=st.one_of(
        st.none(),
        st.sampled_from(["LlamaForCausalLM", "MllamaForConditionalGeneration", "BertModel", "NoSuchModel"]),
    ),
    format=st.one_of(st.none(), st.sampled_from(["safetensors", "gguf", "pytorch", "onnx", "adapter", "nonsense"])),
    format_from=st.sampled_from(Provenance),
    quantization=st.one_of(
        st.none(),
        st.sampled_from(["AWQ", "FP8", "MXFP4", "MLX 4-bit", "EXL3", "INT4", "Q4_K_M", "IQ4_KS", "Q4_K_XL", "odd"]),
    ),
    quantization_from=ORIGINS,
    context=st.integers(1, 10**7),
    context_from=ORIGINS,
    task=st.one_of(
        st.none(),
        st.sampled_from(["text-generation", "feature-extraction", "image-text-to-text", "speculative-draft", "odd"]),
    ),
    task_from=ORIGINS,
    gated=st.none() | st.booleans(),
    remote_code=st.booleans(),
    scheme=st.one_of(st.none(), st.sampled_from(["NVFP4", "FP8", "INT4"])),
    projector=st.booleans(),
    sharded=st.booleans(),
    incomplete=st.booleans(),
    partial=st.booleans(),
    no_weights=st.booleans(),
)
PROFILE = st.sampled_from(PROFILES)
CAPABILITY = st.one_of(
    st.none(),
    st.builds(
        Capability,
        st.sampled_from(["nvidia", "amd", "apple", "intel", "cpu"]),
        st.one_of(st.none(), st.sampled_from([6.1, 7.0, 7.5, 8.6, 8.9, 9.0, 10.0])),
    ),
)


@given(FACTS, PROFILE, CAPABILITY)
def test_none_is_said_exactly_when_not_compatible(facts, profile, capability):
    result = judge(facts, profile, capability)
    assert (result.confidence == "none") is not result.compatible
    assert bool(result.cause) is not result.compatible
    assert result.compatible or result.cause in CAUSES
    assert result.reasons


@given(FACTS, PROFILE)
def test_nothing_runs_whose_architecture_is_not_in_the_engines_list(facts, profile):
    result = judge(facts, profile)
    if result.compatible and not (facts.remote_code and profile.remote_code == "runs"):
        where = match_architecture(facts, profile)
        assert where.group is not None
        assert where.name in where.group.names
        assert not where.group.refused


@given(FACTS, PROFILE)
def test_nothing_runs_in_a_format_the_engine_does_not_load(facts, profile):
    if judge(facts, profile).compatible:
        assert facts.format is not None
        assert profile.format(facts.format) is not None


@given(FACTS, PROFILE, CAPABILITY)
@settings(max_examples=1000)
def test_what_only_might_run_names_what_is_not_certain(facts, profile, capability):
    result = judge(facts, profile, capability)
    assert result.brief or result.level is not Confidence.LOW


@given(FACTS, PROFILE)
def test_judging_is_deterministic(facts, profile):
    assert judge(facts, profile) == judge(facts, profile)


@given(FACTS, PROFILE, CAPABILITY.filter(bool))
def test_knowing_the_hardware_never_lets_run_what_is_refused_without_it(facts, profile, capability):
    if not judge(facts, profile).compatible:
        assert not judge(facts, profile, capability).compatible


@given(FACTS, PROFILE)
def test_a_guessed_fact_never_makes_a_verdict_surer(facts, profile):
    read = replace(
        facts, architecture_from=Provenance.CONFIG, format_from=Provenance.HUB, context_from=Provenance.CONFIG
    )
    guessed = replace(read, architecture_from=Provenance.NAME)
    assert judge(guessed, profile).level <= judge(read, profile).level


@given(FACTS, st.integers(1, 10**6), PROFILE)
def test_less_context_never_makes_a_verdict_worse(facts, less, profile):
    shorter = replace(facts, context=min(facts.context, less))
    assert judge(shorter, profile).level >= judge(facts, profile).level


@given(FACTS, PROFILE)
def test_context_policies_are_ordered(facts, profile):
    reject, cap, warn = (
        judge(facts, profile.with_context_policy(policy)).level for policy in ("reject", "cap", "warn")
    )
    assert reject <= cap <= warn


@given(st.lists(FACTS, min_size=1, max_size=5), PROFILE)
def test_the_best_variant_has_the_surest_verdict(variants, profile):
    judgement = judge_all(variants, profile)
    assert judgement.result.level == max(result.level for result in judgement.results)


@given(FACTS)
def test_facts_survive_storage(facts):
    assert VariantFacts.from_json(facts.as_json()) == facts


@given(FACTS, PROFILE)
def test_results_survive_storage(facts, profile):
    result = judge(facts, profile)
    assert CompatibilityResult.from_stored(result.as_stored()) == result


FINDINGS = st.builds(
    Finding,
    code=st.sampled_from(CAUSES),
    severity=st.sampled_from(Severity),
    text=st.text(min_size=1, max_size=5),
    brief=st.text(max_size=5),
    limits=st.one_of(st.none(), st.sampled_from([Confidence.LOW, Confidence.MEDIUM, Confidence.HIGH])),
)


@settings(max_examples=300)
@given(
    st.lists(FINDINGS, max_size=6),
    st.builds(
        Finding,
        code=st.sampled_from(CAUSES),
        severity=st.just(Severity.WARNS),
        text=st.just("w"),
        limits=st.sampled_from([Confidence.LOW, Confidence.MEDIUM, Confidence.HIGH]),
    ),
)
def test_adding_a_warning_never_raises_confidence(findings, warning):
    base = Finding("format", Severity.SUPPORTS, "loads", limits=Confidence.HIGH)
    assert _result([base, *findings, warning]).level <= _result([base, *findings]).level
