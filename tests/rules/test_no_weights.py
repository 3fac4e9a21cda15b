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
        files("README.md", "mmproj-F16.gguf", "imatrix.gguf"),
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
