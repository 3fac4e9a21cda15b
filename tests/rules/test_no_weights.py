"""What is said of a repository whose list of files is known, and holds no weights."""

from __future__ import annotations

import pytest

from compat.engines import all_profiles
from compat.extraction.extract import extract
from compat.hub.payloads import parse_record
from compat.rules import judge_all

NO_WEIGHTS = "Its file list holds no weights that this site knows (they may be on another branch)."
FETCH = "Fetch this model from the Hub: its file list tells the format."
LLAMA = {"id": "a/llama", "config": {"model_type": "llama", "max_position_embeddings": 4096}}


def files(*names):
    return {"siblings": [{"rfilename": name} for name in names]}


def engines_of_llama():
    """The engines that run a Llama as safetensors, so that its files are what decides."""
    for profile in all_profiles().values():
        if judged({**LLAMA, "tags": ["safetensors"]}, profile).compatible:
            yield profile


def judged(record, profile):
    return judge_all(extract(parse_record(record).model).judged, profile).result


@pytest.mark.parametrize(
    "told",
    [
        files(".gitattributes", "README.md", "config.json"),
        {**files("README.md"), "id": "a/llama-GGUF"},  # the format would be guessed from the name
        files("README.md", "imatrix.gguf"),
        {**files("README.md", "weights.npz"), "tags": ["mlx"], "library_name": "mlx"},
    ],
)
def test_a_list_without_weights_says_so_and_sends_nobody_to_the_list(told):
    for profile in engines_of_llama():
        result = judged({**LLAMA, **told}, profile)
        assert (result.cause, result.brief) == ("unknown", "no weights listed")
        assert NO_WEIGHTS in result.reasons
        assert FETCH not in result.recommendations
        assert any("branches" in text for text in result.recommendations)


@pytest.mark.parametrize(
    "told",
    [
        {},
        files(),
        # Others' lists may have gaps.
        {**files("README.md"), "_source": {"siblings": "a list, 2026-05"}},
    ],
)
def test_a_list_that_is_not_known_is_to_be_fetched(told):
    for profile in engines_of_llama():
        result = judged({**LLAMA, **told}, profile)
        if profile.format("pytorch"):  # either of what a repository with such a config.json is likely to hold
            assert (result.confidence, result.brief) == ("low", "format guessed")
        else:
            assert (result.cause, result.brief) == ("unknown", "format not known")
            assert FETCH in result.recommendations
        assert NO_WEIGHTS not in result.reasons


@pytest.mark.parametrize(
    "told",
    [
        files("README.md", "model.safetensors"),
        {**files("README.md"), "safetensors": {"total": 6_738_415_616}},
        {**files("README.md"), "gguf": {"total": 6_738_415_616, "architecture": "llama"}},
        files("README.md", "adapter_model.safetensors"),
        {**files("README.md"), "tags": ["safetensors"]},
    ],
)
def test_weights_that_are_listed_counted_or_tagged_are_judged(told):
    for profile in all_profiles().values():
        assert NO_WEIGHTS not in judged({**LLAMA, **told}, profile).reasons


@pytest.mark.parametrize("names", [("imatrix.gguf",), ("m-q4f16.wasm", "params_shard_0.bin"), ("gemma.litertlm",)])
def test_nobody_is_sent_to_the_hub_for_a_config_json_where_there_is_nothing_to_load(names):
    for profile in all_profiles().values():
        result = judged({"id": "a/b", **files("README.md", *names)}, profile)
        assert (result.cause, result.brief) == ("unknown", "no weights listed"), profile.slug
        assert not any("Fetch" in text for text in result.recommendations)


@pytest.mark.parametrize("header", [{}, {"gguf": {"architecture": "clip", "total": 400_000_000}}])
def test_a_projector_alone_is_no_model(header):
    for profile in all_profiles().values():
        result = judged({"id": "a/b", "tags": ["gguf"], **files("README.md", "mmproj-F16.gguf"), **header}, profile)
        assert (result.cause, result.brief) == ("format", "projector only"), profile.slug
        assert "stands beside" in result.reasons[0]


def test_a_projector_beside_a_model_is_none_alone():
    record = {"id": "a/b", "tags": ["gguf"], **files("m-Q4_K_M.gguf", "mmproj-F16.gguf")}
    found = judged({**record, "gguf": {"architecture": "qwen2vl", "total": 8_000_000_000}}, all_profiles()["llama-cpp"])
    assert found.compatible


def test_where_no_config_json_is_listed_the_advice_is_another_upload():
    found = judged(
        {"id": "a/b", **files("model.safetensors"), "pipeline_tag": "text-generation"}, all_profiles()["vllm"]
    )
    assert found.brief == "architecture not known"
    assert "no config.json" in found.recommendations[0]
