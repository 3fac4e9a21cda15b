"""Failures the public reported: each is told of what it is about, and of nothing one step beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from compat.architectures import architecture_of
from compat.engines import Capability, all_profiles
from compat.engines.known_failures import KnownFailure, failures_about, failures_of, known_failures, read_known_failures
from compat.extraction.extract import extract
from compat.extraction.facts import Provenance, VariantFacts
from compat.hub.payloads import parse_record
from compat.rules import judge, platform
from compat.rules import known_failures as rule
from compat.rules.order import RULES
from compat.rules.platform import depends_on_hardware
from compat.rules.result import Confidence, Severity
from compat.strict_data import DataError
from tests.samples import every_record

ROOT = Path(__file__).parents[2]
VENDORS = {"metal": "apple", "cuda": "nvidia", "rocm": "amd", "xpu": "intel", "cpu": "cpu"}
"""A vendor whose hardware offers a platform."""

FAILURES = {failure.name: failure for failure in known_failures()}
each = pytest.mark.parametrize("failure", list(FAILURES.values()), ids=list(FAILURES))


def _facts(failure: KnownFailure) -> VariantFacts:
    """Facts that the failure is about."""
    packing = min(failure.packings, default="")
    method, _, scheme = packing.partition(" ")
    return VariantFacts(
        architecture=min(failure.architectures, default="qwen3_moe" if failure.experts else "llama"),
        architecture_from=Provenance.CONFIG,
        format=min(failure.formats, default="safetensors"),
        quantization=method or None,
        scheme=scheme or None,
        sharded=failure.sharded,
    )


def _hardware(failure: KnownFailure) -> Capability | None:
    """Hardware on which it happens; None where it happens on any."""
    if failure.capabilities:
        return Capability("nvidia", failure.capabilities[0][0], count=failure.gpus)
    if failure.gfx:
        return Capability("amd", gfx=min(failure.gfx), count=failure.gpus)
    if failure.platforms:
        return Capability(VENDORS[min(failure.platforms)], count=failure.gpus)
    return Capability("nvidia", 9.0, count=failure.gpus) if failure.gpus > 1 else None


def _said(facts: VariantFacts, failure: KnownFailure, hardware: Capability | None) -> list[Severity]:
    told = f"{failure.sentence} See {failure.report}."
    return [one.severity for one in rule.check(facts, all_profiles()[failure.engine], hardware) if one.text == told]


@each
def test_it_is_told_of_what_it_is_about_with_its_report(failure):
    assert _said(_facts(failure), failure, _hardware(failure)) == [Severity.BLOCKS if failure.cause else Severity.WARNS]


@each
def test_it_is_told_of_all_that_it_names(failure):
    facts, hardware = _facts(failure), _hardware(failure)
    named = [replace(facts, architecture=architecture) for architecture in failure.architectures]
    named += [replace(facts, format=format_) for format_ in failure.formats]
    for packing in failure.packings:
        method, _, scheme = packing.partition(" ")
        named.append(replace(facts, quantization=method, scheme=scheme or None))
    for other in named:
        assert _said(other, failure, hardware), other
    for least, _below in failure.capabilities:
        assert _said(facts, failure, Capability("nvidia", least, count=failure.gpus))
    for gfx in failure.gfx:
        assert _said(facts, failure, Capability("amd", gfx=gfx, count=failure.gpus))


@each
def test_the_engine_does_not_refuse_it_anyway(failure):
    """What a profile says of a packing, alone or with an architecture, or of a GPU needs no entry."""
    facts, profile, hardware = _facts(failure), all_profiles()[failure.engine], _hardware(failure)
    if failure.capabilities:
        hardware = Capability("nvidia", failure.capabilities[0][1] - 0.01, count=failure.gpus)
    for architecture in failure.architectures or [facts.architecture]:
        other = replace(facts, architecture=architecture)
        found = [finding for check in RULES for finding in check(other, profile)]
        found += platform.check(other, profile, hardware)
        refused = [one for one in found if one.severity is Severity.BLOCKS and one.code in {"quantization", "platform"}]
        assert refused == [], architecture


@each
def test_it_is_not_told_of_a_model_one_step_beside(failure):
    facts, hardware = _facts(failure), _hardware(failure)
    beside = []
    if failure.architectures:
        beside.append(replace(facts, architecture="of nobody"))
    if failure.formats:
        beside.append(replace(facts, format="onnx"))
    if failure.packings:
        beside += [replace(facts, quantization=other, scheme=None) for other in ("of nobody", None)]
    if failure.experts:
        beside.append(replace(facts, architecture="llama"))
    if failure.sharded:
        beside.append(replace(facts, sharded=False))
    assert beside
    for other in beside:
        assert _said(other, failure, hardware) == []


@each
def test_it_is_not_told_on_hardware_one_step_beside(failure):
    facts, hardware = _facts(failure), _hardware(failure)
    for least, below in failure.capabilities:
        inside = [value for pair in failure.capabilities for value in pair]
        assert _said(facts, failure, Capability("nvidia", below - 0.01, count=failure.gpus))
        assert not _said(facts, failure, Capability("nvidia", below, count=failure.gpus)) or inside.count(below) > 1
        assert least == 0 or not _said(facts, failure, Capability("nvidia", least - 0.01, count=failure.gpus))
    if failure.capabilities or failure.gfx:
        assert not _said(facts, failure, Capability("intel", count=failure.gpus))
    if failure.gfx:
        assert not _said(facts, failure, Capability("amd", gfx="gfx000", count=failure.gpus))
    if failure.gpus > 1:
        assert hardware is not None
        assert not _said(facts, failure, replace(hardware, count=failure.gpus - 1))
    if failure.platforms:
        for name, vendor in VENDORS.items():
            told = name in failure.platforms
            assert bool(_said(facts, failure, Capability(vendor, count=failure.gpus))) is told, name


@each
def test_where_the_hardware_is_not_known_it_is_only_told(failure):
    facts = _facts(failure)
    known = Severity.WARNS if failure.depends_on_hardware or not failure.cause else Severity.BLOCKS
    hardware_alone = failure.depends_on_hardware and not (failure.architectures or failure.packings or failure.sharded)
    assert _said(facts, failure, None) == ([] if hardware_alone else [known])
    assert depends_on_hardware(facts, all_profiles()[failure.engine]) or not failure.depends_on_hardware


def test_hardware_that_nobody_named_is_not_warned_of_beside_every_model():
    facts = VariantFacts(architecture="qwen2", format="safetensors")
    vllm = all_profiles()["vllm"]
    for hardware in (None, Capability("nvidia"), Capability("nvidia", 9.0), Capability("amd", gfx="gfx942")):
        assert not any("MI50" in finding.text for finding in rule.check(facts, vllm, hardware)), hardware
    assert any("MI50" in finding.text for finding in rule.check(facts, vllm, Capability("amd")))


@each
def test_it_names_things_that_there_are(failure):
    profile = all_profiles()[failure.engine]
    for name in failure.architectures:
        assert architecture_of(name).kind != "other" or profile.groups_of("model_type", name), name
    for packing in failure.packings:
        method, _, scheme = packing.partition(" ")
        assert profile.packing(method, scheme or None), packing
    for format_ in failure.formats:
        assert profile.format(format_), format_
    assert failure in failures_of(profile)
    assert failure.sentence.endswith(".")
    assert len(failure.brief) <= 32


@each
def test_a_refusal_of_packed_weights_says_what_to_take(failure):
    if failure.packings and failure.cause in ("quantization", "platform"):
        hardware = _hardware(failure)
        found = list(rule.check(_facts(failure), all_profiles()[failure.engine], hardware))
        assert hardware is None or any(one.severity is Severity.RECOMMENDS for one in found)
        assert failure.cause != "quantization" or any(one.severity is Severity.RECOMMENDS for one in found)


def test_the_documentation_counts_them_rightly():
    told = f"{len(FAILURES)} entries for {len({failure.engine for failure in FAILURES.values()})} engines"
    assert told in (ROOT / "docs/verdicts.md").read_text()


GOOD = """
[[failure]]
name = "one"
engine = "vllm"
architectures = ["llama"]
since = "0.30.0"
fixed = "0.33.1"
blocks = "platform"
brief = "fails"
sentence = "It fails."
report = "https://example.com/1"
"""
WRONG = [
    (GOOD.replace('"vllm"', '"nope"'), "one: engine 'nope' is none of rbee"),
    (GOOD + GOOD, "names something twice"),
    (GOOD.replace('blocks = "platform"\n', ""), "give either blocks"),
    (GOOD + 'warns = "low"\n', "give either blocks"),
    (GOOD.replace('architectures = ["llama"]\n', ""), "what fails"),
    (GOOD + "capabilities = [[8.0, 7.5]]\n", "ends before it begins"),
    (GOOD + "capabilities = [[8.0]]\n", r"failure 1 \(one\): capabilities 1"),
    (GOOD.replace("https://", "http://"), r"failure 1 \(one\): report"),
    (GOOD + "colour = 3\n", "colour is not a field here"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_a_wrong_file_is_refused_with_file_entry_and_field(text, message):
    with pytest.raises(DataError, match=message) as caught:
        read_known_failures(text)
    assert str(caught.value).startswith("known_failures.toml")


@pytest.mark.parametrize(
    ("version", "told"),
    [("0.29.9", False), ("0.30.0", True), ("0.33.0", True), ("0.33.1", False), ("0.34", False), ("main", False)],
)
def test_it_is_told_of_the_versions_that_have_it(version, told, monkeypatch):
    failure = read_known_failures(GOOD)[0]
    monkeypatch.setattr("compat.engines.known_failures._by_engine", lambda: {"vllm": (failure,)})
    assert bool(failures_of(replace(all_profiles()["vllm"], version=version))) is told


def test_a_warning_lowers_as_far_as_its_entry_says():
    failure = FAILURES["Ollama: pulling split GGUF files"]
    found = list(rule.check(_facts(failure), all_profiles()["ollama"], None))
    assert [finding.limits for finding in found] == [Confidence.MEDIUM]


def test_an_entry_for_mlx_is_about_all_its_widths_and_about_nothing_else():
    failure = FAILURES["MLX-LM: packed experts on NVIDIA GPUs"]
    for label, told in [("MLX", True), ("MLX 4-bit", True), ("MLX MXFP4", True), ("MXFP4", False), ("AWQ", False)]:
        facts = replace(_facts(failure), quantization=label)
        assert bool(_said(facts, failure, Capability("nvidia", 9.0))) is told, label


ON = [
    ("", Capability("cpu"), True),
    ('platforms = ["metal"]', Capability("apple"), True),
    ('platforms = ["metal"]', Capability("nvidia", 9.0), False),
    ("gpus = 2", Capability("nvidia", 9.0, count=2), True),
    ("gpus = 2", Capability("nvidia", 9.0, count=1), False),
    ("capabilities = [[7.5, 8.0]]", Capability("nvidia", 7.5), True),
    ("capabilities = [[7.5, 8.0]]", Capability("nvidia", 8.0), False),
    ("capabilities = [[7.5, 8.0]]", Capability("nvidia"), None),
    ("capabilities = [[7.5, 8.0]]", Capability("amd", gfx="gfx942"), False),
    ("capabilities = [[7.5, 8.0]]\ngpus = 4", Capability("nvidia", 7.5, count=2), False),
    ('gfx = ["gfx906"]', Capability("amd", gfx="gfx906"), True),
    ('gfx = ["gfx906"]', Capability("amd", gfx="gfx908"), False),
    ('gfx = ["gfx906"]', Capability("amd"), None),
    ('gfx = ["gfx906"]', Capability("nvidia", 9.0), False),
    ("gpus = 2", None, None),
    ("", None, True),
]


@pytest.mark.parametrize(("condition", "hardware", "happens"), ON)
def test_a_condition_on_hardware_holds_fails_or_cannot_be_told(condition, hardware, happens):
    assert read_known_failures(f"{GOOD}{condition}\n")[0].happens_on(hardware) is happens


def test_what_is_kept_of_an_engine_s_failures_is_what_concerns_the_model():
    records = [variant.facts for one in every_record() for variant in extract(parse_record(one).model).variants]
    concerned = 0
    for profile in all_profiles().values():
        for facts in records:
            found = [failure for failure in failures_of(profile) if failure.concerns(facts)]
            assert list(failures_about(facts, profile)) == found
            concerned += len(found)
    assert concerned


JINA = {
    "id": "jinaai/jina-embeddings-v3",
    "pipeline_tag": "feature-extraction",
    "siblings": [{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}],
    "config": {
        "model_type": "xlm-roberta",
        "architectures": ["XLMRobertaModel"],
        "auto_map": {"AutoModel": "jinaai/xlm-roberta-flash-implementation--modeling_lora.XLMRobertaLoRA"},
    },
}


@pytest.mark.parametrize(
    ("slug", "answer"),
    [
        ("vllm", "high"),
        ("transformers", "low"),
        ("sglang", "architecture"),
        ("text-embeddings-inference", "architecture"),
    ],
)
def test_jinas_xlm_roberta_runs_where_there_is_code_for_its_positions(slug, answer):
    facts = extract(parse_record(JINA).model).judged[0]
    result = judge(facts, all_profiles()[slug])
    assert (result.confidence if result.compatible else result.cause) == answer


@pytest.mark.parametrize("method", ["bitsandbytes", "gptq", "hqq"])
@pytest.mark.parametrize(("model_type", "level"), [("qwen3", Confidence.MEDIUM), ("qwen3_moe", Confidence.LOW)])
def test_transformers_may_find_no_place_for_experts_that_were_packed_one_by_one(method, model_type, level):
    config = {"model_type": model_type, "quantization_config": {"quant_method": method}}
    record = {"id": "a/b", "pipeline_tag": "text-generation", "tags": ["safetensors"], "config": config}
    assert judge(extract(parse_record(record).model).judged[0], all_profiles()["transformers"]).level is level
