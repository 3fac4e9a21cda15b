"""Sizes of files against what is believed of the weights in them: no packing explains an 8B of half a bit a weight."""

from __future__ import annotations

import pytest

from compat.engines import all_profiles
from compat.extraction.extract import extract
from compat.hub.payloads import HubModel
from compat.rules import Confidence, judge

LLAMA_8B = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "tie_word_embeddings": False,
    "max_position_embeddings": 8192,
}
WEIGHTS = 8_030_261_248


def read(name, files, **more):
    siblings = [{"rfilename": path, "size": size} for path, size in files.items()]
    return extract(HubModel(id=f"a/{name}", config=LLAMA_8B, siblings=siblings, **more))


def gguf(size, **more):
    block = {"total": WEIGHTS, "architecture": "llama", "context_length": 8192, **more}
    return read("Llama-3-8B-GGUF", {"llama-3-8b.Q4_K_M.gguf": size}, gguf=block)


def level(extraction, slug):
    return judge(extraction.judged[0], all_profiles()[slug]).level


@pytest.mark.parametrize("size", [0, 492_000_000, WEIGHTS // 8 - 1, WEIGHTS * 5 + 1, 49_200_000_000])
def test_a_gguf_that_cannot_hold_its_weights_promises_nothing(size):
    found = gguf(size)
    assert level(found, "llama-cpp") is Confidence.LOW
    assert found.variants[0].size_bytes is None


@pytest.mark.parametrize("size", [WEIGHTS // 8, 4_920_734_720, 8_540_770_304, WEIGHTS * 5])
def test_a_gguf_of_a_believable_size_is_as_sure_as_before(size):
    found = gguf(size)
    assert level(found, "llama-cpp") > Confidence.LOW
    assert found.variants[0].size_bytes == size


def test_a_count_that_is_ten_times_what_the_dimensions_make_is_not_taken():
    assert gguf(4_920_734_720, total=80_302_612_480).parameters.value == pytest.approx(WEIGHTS, rel=0.01)


@pytest.mark.parametrize("size", [1_600_000_000, 8_000_000_000, 32_000_000_000])
def test_16_bit_weights_in_files_of_another_size_contradict_themselves(size):
    counted = {"parameters": {"BF16": WEIGHTS}, "total": WEIGHTS}
    found = read("Llama-3-8B", {"model.safetensors": size}, safetensors=counted)
    assert level(found, "vllm") is Confidence.LOW
    assert "One of the two is wrong" in found.parameters.evidence


@pytest.mark.parametrize("size", [15_500_000_000, 16_060_556_376, 17_000_000_000])
def test_16_bit_weights_in_files_of_their_size_do_not(size):
    counted = {"parameters": {"BF16": WEIGHTS}, "total": WEIGHTS}
    found = read("Llama-3-8B", {"model.safetensors": size}, safetensors=counted)
    assert level(found, "vllm") is Confidence.HIGH
    assert found.parameters.value == WEIGHTS


@pytest.mark.parametrize(("size", "sure"), [(160_000_000, False), (160_000_000_000, False), (16_060_556_376, True)])
def test_without_a_count_files_are_held_against_the_dimensions(size, sure):
    found = read("Llama-3-8B", {"model.safetensors": size})
    assert (level(found, "vllm") > Confidence.LOW) is sure


def test_an_importance_matrix_alone_is_no_model():
    block = {"total": WEIGHTS, "architecture": "llama", "context_length": 8192}
    found = read("Llama-3-8B-i1-GGUF", {"imatrix.gguf": 5_000_000}, gguf=block, tags=["gguf"])
    assert not judge(found.judged[0], all_profiles()["llama-cpp"]).compatible


def test_a_part_that_no_set_of_files_has_does_not_stand_in_for_one_that_is_missing():
    files = {f"model-0000{number}-of-00004.safetensors": 4_000_000_000 for number in (1, 2, 3, 5)}
    found = read("Llama-3-8B", files)
    assert found.variants[0].missing_shards == 1
    assert found.judged[0].incomplete


@pytest.mark.parametrize(("size", "trusted"), [(4_700_000_000, False), (8_100_000_000, True), (16_060_522_496, True)])
def test_plain_weights_take_a_byte_each_at_least(size, trusted):
    found = read("Llama-3-8B", {"model.safetensors": size, "config.json": 900}, safetensors={"total": WEIGHTS})
    assert found.judged[0].contradicted is not trusted
    assert (level(found, "vllm") > Confidence.LOW) is trusted


def test_files_of_packed_weights_may_be_smaller():
    files = {"model.safetensors": 4_700_000_000, "config.json": 900}
    packed = LLAMA_8B | {"quantization_config": {"quant_method": "awq", "bits": 4}}
    siblings = [{"rfilename": path, "size": size} for path, size in files.items()]
    found = extract(HubModel(id="a/Llama-3-8B", config=packed, siblings=siblings, safetensors={"total": WEIGHTS}))
    assert not found.judged[0].contradicted
