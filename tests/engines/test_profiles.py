"""The profiles that ship, and what the loader says of files that are wrong."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from compat.engines import Capability, EngineProfile, ProfileError, all_profiles, default_profile, profile
from compat.engines import loader as loading
from compat.engines.gpu_capability import generation_name
from compat.engines.loader import read_profile
from compat.extraction.facts import Provenance, VariantFacts
from compat.rules import Confidence, judge

GOOD = """
slug = "demo"
name = "Demo"
version = "1"
checked = 2026-11-23
summary = "A demonstration."
source = "none"

[[architectures]]
by = "model_type"
names = ["llama"]
serves = ["text"]

[tasks]
text = ["text-generation"]

[[formats]]
name = "safetensors"
by = "model_type"
confidence = "high"

[hardware]
platforms = ["cpu"]
"""
DOUBT = """confidence = "low"
note = "It is not known"
brief = "not known"
report = "https://example.org/1"
"""
SLUGS = {
    "rbee", "rbee-worker", "llama-cpp", "ollama", "lm-studio", "vllm", "sglang", "mlx-lm", "transformers",
    "tgi",
    "exllamav3", "tensorrt-llm",
    "diffusers", "faster-whisper", "jan", "koboldcpp", "llamafile", "lmdeploy", "mlx-audio", "mlx-vlm",
    "openvino-genai", "text-embeddings-inference", "whisper-cpp",
}  # fmt: skip


def test_every_engine_ships_and_the_default_comes_first():
    assert set(all_profiles()) >= SLUGS
    assert default_profile().slug == "rbee"
    assert next(iter(all_profiles())) == "rbee"
    assert profile("vllm").name == "vLLM"
    with pytest.raises(KeyError, match="no engine profile 'nope'; there are: rbee"):
        profile("nope")


@pytest.mark.parametrize("slug", sorted(SLUGS))
def test_each_says_where_it_is_from_and_when_it_was_checked(slug):
    shipped = all_profiles()[slug]
    assert shipped.version
    assert shipped.source
    assert shipped.summary.endswith(".")
    assert isinstance(shipped.checked, date)
    assert shipped.family_names
    assert len(shipped.digest) == 12


def test_a_good_file_is_read():
    demo = read_profile(GOOD, "demo.toml")
    assert isinstance(demo, EngineProfile)
    assert demo.tasks == ("text-generation",)
    assert demo.format("safetensors").confidence is Confidence.HIGH
    assert demo.family_names == "Llama"


WRONG = [
    ("not valid TOML", GOOD + "\n]", "not valid TOML"),
    ("a missing field", GOOD.replace('version = "1"\n', ""), "demo.toml: version is missing"),
    ("a wrong type", GOOD.replace('version = "1"', "version = 1"), "version should be str, not 1"),
    ("an unknown field", 'colour = "red"\n' + GOOD, "demo.toml: colour is not a field here"),
    (
        "a misspelt field in a group",
        GOOD.replace('serves = ["text"]', 'serves = ["text"]\nlimt = 3'),
        "limt is not a field",
    ),
    ("another file's slug", GOOD.replace('slug = "demo"', 'slug = "other"'), "should be the file's own name"),
    (
        "an unknown name space",
        GOOD.replace('by = "model_type"\nnames', 'by = "name"\nnames'),
        "should be one of model_type, class",
    ),
    ("no names", GOOD.replace('names = ["llama"]', "names = []"), "names names no architecture"),
    ("a name twice", GOOD.replace('["llama"]', '["llama", "llama"]'), "names something twice"),
    ("a number for a name", GOOD.replace('["llama"]', "[3]"), "architectures 1: names 1 should be str, not 3"),
    (
        "an exception that is none",
        GOOD.replace('["llama"]', '["llama"]\nexcept = ["phi"]'),
        "not in the group: phi",
    ),
    (
        "a list that is not there",
        GOOD.replace('names = ["llama"]', 'lists = ["all"]'),
        "there is no demo.lists.toml",
    ),
    (
        "an undefined task set",
        GOOD.replace('serves = ["text"]', 'serves = ["song"]'),
        "which \\[tasks\\] does not define",
    ),
    ("no task set", GOOD.replace('serves = ["text"]\n', ""), "serves is missing"),
    (
        "tasks that are no list",
        GOOD.replace('text = ["text-generation"]', 'text = "x"'),
        "tasks: text should be list, not 'x'",
    ),
    ("no tasks", GOOD.replace('text = ["text-generation"]', ""), "which tasks are served"),
    (
        "limited without a reason",
        GOOD.replace('serves = ["text"]', 'serves = ["text"]\nconfidence = "low"'),
        "say why",
    ),
    (
        "an unknown sureness",
        GOOD.replace('confidence = "high"', 'confidence = "sure"'),
        "should be one of high, medium, low, not 'sure'",
    ),
    (
        "endings that become nothing",
        GOOD.replace('serves = ["text"]', 'serves = ["text"]\nendings = ["a"]'),
        "endings and become go together",
    ),
    (
        "a format on an unknown platform",
        GOOD.replace('confidence = "high"', 'confidence = "high"\nplatforms = ["abacus"]'),
        r"formats 1 \(safetensors\): platforms 1 should be one of cuda",
    ),
    (
        "a format by a space it lacks",
        GOOD.replace('by = "model_type"\nconfidence', 'by = "gguf"\nconfidence'),
        "goes by gguf",
    ),
    (
        "a doubt about no hardware",
        GOOD.replace('platforms = ["cpu"]', 'platforms = ["cpu"]\n[[hardware.doubts]]\n' + DOUBT),
        "hardware: doubts 1: give either capabilities or integrated",
    ),
    (
        "a doubt about a range that is none",
        GOOD.replace(
            'platforms = ["cpu"]', 'platforms = ["cpu"]\n[[hardware.doubts]]\ncapabilities = [5.0, 5.0]\n' + DOUBT
        ),
        "hardware: doubts 1: capabilities ends before it begins",
    ),
    ("an unknown platform", GOOD.replace('["cpu"]', '["abacus"]'), "hardware: platforms 1 should be one of cuda"),
    ("no platform", GOOD.replace('platforms = ["cpu"]', ""), "platforms is missing"),
    ("an unknown policy", GOOD + '[context]\npolicy = "hope"\n', "policy should be one of reject, cap, warn"),
    ("a limit that is no number", GOOD + "[context]\nlimit = true\n", "limit should be int"),
    (
        "one packing twice",
        GOOD + ('[[quantization]]\nnames = ["AWQ"]\nconfidence = "low"\n' * 2),
        "names something twice",
    ),
    (
        "a packing of no name",
        GOOD + '[[quantization]]\nnames = []\nconfidence = "low"\n',
        "names no quantization",
    ),
    (
        "a packing that is neither sure nor refused",
        GOOD + '[[quantization]]\nnames = ["AWQ"]\n',
        "quantization 1: give either confidence or refused",
    ),
    (
        "a packing that is both",
        GOOD + '[[quantization]]\nnames = ["AWQ"]\nconfidence = "low"\nrefused = "no"\n',
        "quantization 1: give either confidence or refused",
    ),
    (
        "a format on a platform nobody has",
        GOOD.replace('confidence = "high"', 'confidence = "high"\nplatforms = ["abacus"]'),
        r"formats 1 \(safetensors\): platforms 1 should be one of cuda",
    ),
    (
        "an argument that no note tells",
        GOOD.replace('by = "', 'confidence = "low"\nnote = "as it is"\nstarted_with = ["--this"]\nby = "', 1),
        "started_with goes with confidence, and with a note that tells it",
    ),
    ("advice that is no sentence", GOOD + "[advice]\ngguf = 3\n", "advice: gguf should be str, not 3"),
    (
        "groups as a table",
        GOOD.replace("[[architectures]]", "[architectures]"),
        "architectures should be list",
    ),
    (
        "no groups",
        GOOD.split("[[architectures]]", maxsplit=1)[0] + "[tasks]" + GOOD.split("[tasks]")[1],
        "architectures names none",
    ),
    (
        "a format nobody has",
        GOOD.replace('name = "safetensors"', 'name = "safetensor"'),
        r"formats 1 \(safetensor\): name should be one of .*safetensors",
    ),
    ("a task nobody has", GOOD.replace("text-generation", "text-genration"), "tasks: text 1 should be one of"),
    (
        "packings of an engine that is not there",
        GOOD + '[[quantization]]\nshares = "nobody"\nconfidence = "low"\n',
        "shares names 'nobody', but there is no nobody.toml",
    ),
    (
        "packings of its own and another's in one",
        GOOD + '[[quantization]]\nnames = ["AWQ"]\nshares = "nobody"\nconfidence = "low"\n',
        "give either names or shares",
    ),
    ("a limit below one", GOOD + "[context]\nlimit = -5\n", "context: limit should be greater than or equal to 1"),
    (
        "no formats",
        GOOD.split("[[formats]]", maxsplit=1)[0] + '[hardware]\nplatforms = ["cpu"]\n',
        "formats names no format",
    ),
]


@pytest.mark.parametrize(("text", "message"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_wrong_file_is_refused_with_file_and_field(text, message):
    with pytest.raises(ProfileError, match=message) as caught:
        read_profile(text, "demo.toml")
    assert str(caught.value).startswith("demo.toml")


def test_a_list_file_gives_names_and_counts_in_the_digest():
    text = GOOD.replace('names = ["llama"]', 'lists = ["all"]')
    one = read_profile(text, "demo.toml", lambda slug: 'all = ["llama"]')
    two = read_profile(text, "demo.toml", lambda slug: 'all = ["llama", "phi"]')
    assert two.groups[0].names == {"llama", "phi"}
    assert one.digest != two.digest
    with pytest.raises(ProfileError, match="has no such list of names"):
        read_profile(text, "demo.toml", lambda slug: "all = 3")


SHARING = '[[quantization]]\nshares = "other"\nconfidence = "medium"\nexcept_lists = ["other:eyes"]\n'
OTHER = GOOD.replace('"demo"', '"other"') + '[[quantization]]\nnames = ["AWQ"]\nconfidence = "{}"\n'


def shared(confidence: str = "high", lists: str = 'eyes = ["llama"]'):
    own = (
        GOOD.replace("[[quantization]]", SHARING + "[[quantization]]") if "[[quantization]]" in GOOD else GOOD + SHARING
    )
    return read_profile(own, "demo.toml", lambda slug: lists, lambda slug: OTHER.format(confidence))


def test_packings_of_another_engine_are_referred_to():
    found = shared().packing("AWQ")
    assert (found.confidence, found.excepted) == (Confidence.MEDIUM, {"llama"})
    assert shared("low").packing("AWQ").confidence is Confidence.LOW
    assert len({shared().digest, shared("low").digest, shared(lists='eyes = ["phi"]').digest}) == 3


def test_one_more_file_is_one_more_engine(tmp_path: Path, monkeypatch):
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "demo.toml").write_text(GOOD)
    monkeypatch.setattr(loading.resources, "files", lambda package: tmp_path)
    assert [found.slug for found in loading.read_folder()] == ["demo"]


def test_the_context_policy_changes_the_verdict_and_the_digest():
    rbee = default_profile()
    long = VariantFacts(
        architecture="llama",
        architecture_from=Provenance.CONFIG,
        format="safetensors",
        context=32_769,
        context_from=Provenance.CONFIG,
    )
    assert judge(long, rbee).cause == "context"
    capped = rbee.with_context_policy("cap")
    assert judge(long, capped).confidence == "high"
    assert "cut" in judge(long, capped).brief
    assert capped.digest != rbee.digest
    assert rbee.with_context_policy("reject") is rbee
    with pytest.raises(ProfileError, match="use one of reject, cap, warn"):
        rbee.with_context_policy("maybe")


def test_capabilities_are_named_by_generation():
    assert [generation_name(number) for number in (12.0, 9.0, 8.9, 8.6, 7.5, 7.0, 3.5, 2.0)] == [
        "Blackwell", "Hopper", "Ada", "Ampere", "Turing", "Volta", "Kepler", "older than Kepler",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="use one of nvidia"):
        Capability("abacus")


@pytest.mark.parametrize(
    ("slug", "method", "widths"),
    [("lmdeploy", "AWQ", {4}), ("mlx-lm", "AWQ", {4}), ("tgi", "AWQ", {4, 8}), ("tgi", "GPTQ", {2, 4, 8})],
)
@pytest.mark.parametrize("bits", range(1, 9))
def test_a_method_is_computed_in_the_widths_that_its_kernels_have(slug, method, widths, bits):
    packing = all_profiles()[slug].packing(method, f"INT{bits}")
    assert packing is not None
    assert bool(packing.refused) is (bits not in widths)
