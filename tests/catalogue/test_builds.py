"""Which model a repository is a build of."""

from __future__ import annotations

import random

import pytest

from compat.catalogue.builds import BuildBy, Candidate, Membership, memberships
from compat.extraction.relatives import Relation

QWEN = Candidate("Qwen/Qwen3-8B", parameters=8_190_735_360, family="qwen")
LLAMA = Candidate("meta-llama/Llama-3-8B", parameters=8_030_261_248, family="llama")


def quantized(repo_id, base, kind="quantized", **more):
    return Candidate(repo_id, (Relation(base, kind),), **more)


def of(*candidates, corrected=None):
    found = memberships(candidates, corrected)
    return {one.repo_id: (told.model, told.by) for one, told in zip(candidates, found, strict=True)}


def test_a_conversion_says_whose_it_is_through_others_too():
    found = of(
        QWEN, quantized("Qwen/Qwen3-8B-AWQ", "Qwen/Qwen3-8B"), quantized("x/Qwen3-8B-AWQ-GEMM", "Qwen/Qwen3-8B-AWQ")
    )
    assert found["Qwen/Qwen3-8B"] == ("qwen/qwen3-8b", BuildBy.ITSELF)
    assert found["x/Qwen3-8B-AWQ-GEMM"] == found["Qwen/Qwen3-8B-AWQ"] == ("qwen/qwen3-8b", BuildBy.RELATION)


def test_a_base_is_the_model_where_the_name_is_the_same_and_else_another():
    found = of(
        QWEN,
        quantized("unsloth/Qwen3-8B-GGUF", "Qwen/Qwen3-8B", "base"),
        quantized("someone/Qwen3-8B-Roleplay", "Qwen/Qwen3-8B", "finetune"),
        quantized("someone/Roleplay-GGUF", "Qwen/Qwen3-8B", "base"),
        quantized("someone/Qwen3-8B-lora", "Qwen/Qwen3-8B", "adapter"),
    )
    assert found["unsloth/Qwen3-8B-GGUF"] == ("qwen/qwen3-8b", BuildBy.RELATION)
    for other in ("someone/Qwen3-8B-Roleplay", "someone/Roleplay-GGUF", "someone/Qwen3-8B-lora"):
        assert found[other] == (other.lower(), BuildBy.ITSELF)


def test_where_nothing_is_said_the_name_may_tell_and_is_marked():
    found = of(QWEN, Candidate("TheBloke/Qwen3-8B-GGUF", family="qwen"), Candidate("b/Qwen_Qwen3-8B-GGUF"))
    assert found["TheBloke/Qwen3-8B-GGUF"] == found["b/Qwen_Qwen3-8B-GGUF"] == ("qwen/qwen3-8b", BuildBy.NAME)


def test_what_says_it_was_converted_and_is_another_model_is_none():
    found = of(
        QWEN,
        Candidate("maker/Apertus-8B"),
        Candidate("maker/Apertus-8B-Instruct"),
        quantized("unsloth/Apertus-8B-Instruct-bnb-4bit", "maker/Apertus-8B"),
        quantized("lab/SmolDocling-256M", "maker/SmolVLM-256M"),
    )
    assert found["unsloth/Apertus-8B-Instruct-bnb-4bit"] == ("maker/apertus-8b-instruct", BuildBy.NAME)
    assert found["lab/SmolDocling-256M"] == ("lab/smoldocling-256m", BuildBy.ITSELF)


def test_a_model_under_its_old_name_is_the_same():
    new = Candidate("meta-llama/Llama-3.1-8B", parameters=8_030_261_248, family="llama")
    old = Candidate("meta-llama/Meta-Llama-3.1-8B", parameters=8_030_261_248, family="llama")
    gpt2 = Candidate("openai-community/gpt2", parameters=137_022_720, family="gpt2")
    bare = Candidate("gpt2", parameters=137_022_720, family="gpt2")
    moved = Candidate("CohereForAI/c4ai-command-r-plus"), Candidate("CohereLabs/c4ai-command-r-plus")
    found = of(new, old, gpt2, bare, *moved, quantized("x/Meta-Llama-3.1-8B-GGUF", "meta-llama/Meta-Llama-3.1-8B"))
    assert found["meta-llama/Llama-3.1-8B"][0] == found["meta-llama/Meta-Llama-3.1-8B"][0]
    assert found["x/Meta-Llama-3.1-8B-GGUF"][0] == found["meta-llama/Llama-3.1-8B"][0]
    assert found["gpt2"] == ("openai-community/gpt2", BuildBy.NAME)
    assert found["CohereForAI/c4ai-command-r-plus"] == ("coherelabs/c4ai-command-r-plus", BuildBy.NAME)


@pytest.mark.parametrize("other", [{"family": "llama"}, {"parameters": 32_000_000_000, "family": "qwen"}])
def test_a_name_is_not_believed_against_what_was_read(other):
    found = of(QWEN, Candidate("x/Qwen3-8B-GGUF", **other))
    assert found["x/Qwen3-8B-GGUF"] == ("x/qwen3-8b-gguf", BuildBy.ITSELF)


def test_packed_weights_without_their_model_are_one_model_and_alone_they_are_themselves():
    found = of(Candidate("a/Lost-7B-GGUF"), Candidate("b/Lost-7B-AWQ"), Candidate("c/Gone-7B-GGUF"))
    assert found["a/Lost-7B-GGUF"] == found["b/Lost-7B-AWQ"] == ("lost-7b", BuildBy.NAME)
    assert found["c/Gone-7B-GGUF"] == ("c/gone-7b-gguf", BuildBy.ITSELF)


def test_a_base_that_only_others_name_is_known_by_that():
    found = of(quantized("a/New-9B-GGUF", "maker/New-9B"), Candidate("b/New-9B-MLX-4bit"))
    assert found["a/New-9B-GGUF"] == ("maker/new-9b", BuildBy.RELATION)
    assert found["b/New-9B-MLX-4bit"] == ("maker/new-9b", BuildBy.NAME)


def test_copies_of_the_same_weights_are_one_model_of_the_one_who_makes_what_others_build_on():
    copy = Candidate("mirror/Llama-3-8B", parameters=LLAMA.parameters, family="llama")
    voters = [quantized(f"p/{n}-GGUF", "meta-llama/Other-70B") for n in range(3)]
    found = of(copy, LLAMA, *voters)
    assert found["mirror/Llama-3-8B"] == ("meta-llama/llama-3-8b", BuildBy.NAME)
    assert found["meta-llama/Llama-3-8B"] == ("meta-llama/llama-3-8b", BuildBy.ITSELF)


@pytest.mark.parametrize(
    "other",
    [
        Candidate("b/my-model", parameters=LLAMA.parameters, family="llama"),
        Candidate("b/Llama-3-8B", parameters=9_000_000_000, family="llama"),
        Candidate("b/Llama-3-8B", parameters=LLAMA.parameters, family="qwen"),
        Candidate("b/Llama-3-8B", family="llama"),
    ],
)
def test_what_only_looks_like_a_copy_is_a_model_of_its_own(other):
    alike = Candidate("a/my-model", parameters=LLAMA.parameters, family="llama")
    found = of(LLAMA, alike, other)
    assert found[other.repo_id] == (other.repo_id.lower(), BuildBy.ITSELF)


def test_those_that_say_they_are_made_from_each_other_are_one_model():
    found = of(quantized("b/two-AWQ", "a/one-AWQ"), quantized("a/one-AWQ", "b/two-AWQ"))
    assert {model for model, _ in found.values()} == {"a/one-awq"}
    assert found["a/one-AWQ"][1] is BuildBy.ITSELF


def test_a_curator_corrects_it_both_ways():
    build = Candidate("x/Qwen3-8B-GGUF")
    told = of(QWEN, LLAMA, build, corrected={"x/qwen3-8b-gguf": "meta-llama/Llama-3-8B"})
    assert told["x/Qwen3-8B-GGUF"] == ("meta-llama/llama-3-8b", BuildBy.CURATOR)
    alone = of(QWEN, build, corrected={"x/qwen3-8b-gguf": ""})
    assert alone["x/Qwen3-8B-GGUF"] == ("x/qwen3-8b-gguf", BuildBy.ITSELF)


def test_it_does_not_matter_what_arrived_first():
    candidates = [
        QWEN,
        LLAMA,
        quantized("unsloth/Qwen3-8B-GGUF", "Qwen/Qwen3-8B", "base"),
        Candidate("TheBloke/Qwen3-8B-GPTQ"),
        Candidate("a/Lost-7B-GGUF"),
        Candidate("b/Lost-7B-AWQ"),
        Candidate("mirror/Llama-3-8B", parameters=LLAMA.parameters, family="llama", rank=1),
        quantized("b/two-AWQ", "a/one-AWQ"),
        quantized("a/one-AWQ", "b/two-AWQ"),
    ]
    expected = of(*candidates)
    for seed in range(20):
        random.Random(seed).shuffle(candidates)
        assert of(*candidates) == expected


def test_nothing_is_lost_of_an_empty_catalogue():
    assert memberships([]) == []
    assert memberships([QWEN]) == [Membership("qwen/qwen3-8b", BuildBy.ITSELF)]


def test_a_width_that_an_original_s_name_ends_with_may_be_left_out_by_its_packers():
    original = Candidate("nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", family="nemotron_h")
    found = of(original, Candidate("unsloth/Nemotron-3-Nano-30B-A3B-GGUF", family="nemotron_h"))
    assert found["unsloth/Nemotron-3-Nano-30B-A3B-GGUF"] == (original.repo_id.lower(), BuildBy.NAME)


def test_what_a_packer_writes_anew_under_the_same_name_is_the_original():
    """The library that writes it counts a table more, and the original's count is a published one."""
    original = Candidate("maker/Nova-24B-Instruct", parameters=23_571_988_480, family="nova")
    again = Candidate("packer/Nova-24B-Instruct", parameters=24_011_361_280, family="nova")
    packs = [Candidate(f"packer/Other-{n}B-GGUF") for n in range(2)]
    build = quantized("packer/Nova-24B-Instruct-GGUF", "packer/Nova-24B-Instruct", "base")
    found = of(original, again, build, *packs)
    assert found["packer/Nova-24B-Instruct"] == ("maker/nova-24b-instruct", BuildBy.NAME)
    assert found["packer/Nova-24B-Instruct-GGUF"][0] == "maker/nova-24b-instruct"
    assert found["maker/Nova-24B-Instruct"] == ("maker/nova-24b-instruct", BuildBy.ITSELF)
    trained = Candidate("lab/Nova-24B-Instruct", parameters=24_011_361_280, family="nova")
    assert of(original, trained, *packs)["lab/Nova-24B-Instruct"] == ("lab/nova-24b-instruct", BuildBy.ITSELF)


def test_a_maker_s_wider_upload_is_the_model_that_it_gives_out_narrower():
    narrow = Candidate("maker/Nova-14B-Instruct", parameters=14_000_000_000, family="nova")
    wide = Candidate("maker/Nova-14B-Instruct-BF16", parameters=14_000_000_000, family="nova")
    found = of(narrow, wide)
    assert found["maker/Nova-14B-Instruct-BF16"] == (*found["maker/Nova-14B-Instruct"][:1], BuildBy.NAME)
    assert found["maker/Nova-14B-Instruct"] == ("maker/nova-14b-instruct", BuildBy.ITSELF)
    alone = of(wide, Candidate("maker/Nova-14B-Base", parameters=14_000_000_000, family="nova"))
    assert alone["maker/Nova-14B-Instruct-BF16"] == ("maker/nova-14b-instruct-bf16", BuildBy.ITSELF)


def test_a_maker_before_the_name_is_none_of_its_words_where_the_model_itself_is_not_there():
    makers = quantized("a/Other-7B-GGUF", "maker/Other-7B"), quantized("a/Luna-7B-GGUF", "tuner/Luna-7B")
    found = of(*makers, Candidate("b/maker_Lost-Small-2509-GGUF"), Candidate("c/Lost-Small-2509-GGUF"))
    told = ("maker/lost-small-2509", BuildBy.NAME)
    assert found["b/maker_Lost-Small-2509-GGUF"] == found["c/Lost-Small-2509-GGUF"] == told
    apart = of(*makers, Candidate("b/maker_Lost-9B-GGUF"), Candidate("b/tuner_Lost-9B-GGUF"))
    for one in ("b/maker_Lost-9B-GGUF", "b/tuner_Lost-9B-GGUF"):
        assert apart[one] == (one.lower(), BuildBy.ITSELF)
