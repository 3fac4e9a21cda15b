"""What the headers of safetensors files make of a record: its count, its packing, and the size of its weights."""

from __future__ import annotations

import pytest

from compat.extraction.extract import extract
from compat.extraction.facts import Provenance
from compat.hub.errors import HubBadPayload
from compat.hub.payloads import parse_record

LLAMA_7B = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "vocab_size": 32000,
    "tie_word_embeddings": False,
}
WEIGHTS = 6_738_415_616
SIZED = {"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128}}
"""What an AWQ packing of it takes: words, zeros and scales, and 16 bits of the rest."""
AWQ = {"counts": {"I32": 815_792_128, "F16": 314_000_000}, "bytes": {"I32": 3_263_168_512, "F16": 628_000_000}}


def header(layout="awq", weights=WEIGHTS, files=1, shards=1, **more):
    told = {"file": "model.safetensors", "files": files, "shards": shards, "tensors": 739, "layout": layout}
    return {**told, **AWQ, "weights": weights, **more}


def read(header=None, config=None, **more):
    files = [{"rfilename": "model.safetensors"}, {"rfilename": "config.json"}]
    record = {"id": "a/llama", "config": {**LLAMA_7B, **(config or {})}, "siblings": files, **more}
    return extract(parse_record({**record, **({"_safetensors_header": header} if header else {})}).model)


def test_the_count_the_packing_and_the_size_are_the_headers():
    found = read(header())
    assert (found.parameters.value, found.parameters.provenance) == (WEIGHTS, Provenance.FILE_HEADER)
    facts = found.variants[0].facts
    assert (facts.quantization, facts.quantization_from) == ("AWQ", Provenance.FILE_HEADER)
    assert found.variants[0].size_bytes == sum(AWQ["bytes"].values())
    assert not facts.contradicted


def test_what_the_hub_counts_in_words_is_not_believed_beside_it():
    block = {"parameters": {"I32": 815_792_128, "F16": 314_000_000}, "total": 1_129_792_128}
    found = read(header(), SIZED, safetensors=block)
    assert found.parameters.value == WEIGHTS
    assert found.variants[0].size_bytes == sum(AWQ["bytes"].values())


def test_a_configuration_names_the_method_and_the_header_its_layout():
    found = read(header("awq-gemv"), SIZED).variants[0].facts
    assert (found.quantization, found.quantization_from, found.scheme) == ("AWQ", Provenance.CONFIG, "GEMV")
    assert read(header(), SIZED).variants[0].facts.scheme == "INT4 groups-of-128"
    # What AutoRound packs looks like GPTQ, and is loaded by its own name.
    rounded = {"quantization_config": {"quant_method": "auto-round", "bits": 4}}
    assert read(header("gptq"), rounded).variants[0].facts.quantization == "AutoRound"


@pytest.mark.parametrize("name", ["a/llama-GPTQ", "a/llama-4bit", "a/llama-bnb-4bit", "a/llama-FP8"])
def test_tensors_are_believed_over_names(name):
    assert read(header("bitsandbytes"), id=name).variants[0].facts.quantization == "bitsandbytes"
    plain = header("", counts={"BF16": WEIGHTS}, bytes={"BF16": 2 * WEIGHTS})
    assert read(plain, id=name).variants[0].facts.quantization is None


def test_mlx_keeps_the_width_that_its_configuration_tells():
    words = {"U32": 842_000_000, "BF16": 210_000_000}
    told = header("mlx", weights=266_240, words=WEIGHTS // 8, counts=words, bytes={"U32": 1, "BF16": 1})
    found = read(told, {"quantization": {"bits": 4, "group_size": 64}})
    assert found.variants[0].facts.quantization == "MLX 4-bit"
    assert found.parameters.value == pytest.approx(WEIGHTS, rel=0.001)
    assert read(told).parameters.provenance is not Provenance.FILE_HEADER


def test_files_that_hold_another_model_contradict_the_record():
    found = read(header(weights=13_015_864_320))
    assert found.parameters.provenance is Provenance.CONTRADICTED
    assert found.variants[0].facts.contradicted
    assert "Its files hold 13.0B weights, but the dimensions in config.json make 6.7B" in found.parameters.evidence


def test_weights_of_a_way_to_pack_that_nobody_knows_are_sized_and_not_counted():
    found = read(header(None, weights=None))
    assert found.parameters.provenance is Provenance.CONFIG
    assert found.variants[0].size_bytes == sum(AWQ["bytes"].values())


def test_of_a_part_of_the_files_only_the_packing_is_believed_and_the_index_tells_the_size():
    shards = {"files": 1, "shards": 30, "weights": WEIGHTS // 30}
    files = [{"rfilename": f"model-{n:05d}-of-00030.safetensors"} for n in range(1, 31)]
    block = {"parameters": {"I32": 815_792_128, "F16": 314_000_000}}
    total = 29 * sum(AWQ["bytes"].values())
    found = read(header(**shards, total_size=total), SIZED, siblings=files, safetensors=block)
    assert found.parameters.provenance is not Provenance.FILE_HEADER
    assert found.variants[0].facts.quantization == "AWQ"
    assert found.variants[0].size_bytes == total
    # An index that was left from another packing is not believed.
    for wrong in (5, 900 * total):
        again = read(header(**shards, total_size=wrong), SIZED, siblings=files, safetensors=block)
        assert again.variants[0].size_bytes != wrong


def test_sizes_of_files_are_believed_before_sums_of_tensors():
    files = [{"rfilename": "model.safetensors", "size": 3_900_000_000}]
    assert read(header(), siblings=files).variants[0].size_bytes == 3_900_000_000


@pytest.mark.parametrize(
    "wrong",
    [
        {"file": 5},
        {"files": -1},
        {"counts": {"F16": -1}},
        {"counts": {"x" * 33: 1}},
        {"bytes": {f"t{n}": 1 for n in range(65)}},
        {"layout": 7},
        {"weights": 2**63},
    ],
)
def test_a_header_that_no_reader_wrote_is_refused_by_name(wrong):
    with pytest.raises(HubBadPayload, match="_safetensors_header"):
        parse_record({"id": "a/b", "_safetensors_header": {**header(), **wrong}})


@pytest.mark.parametrize("layout", ["unheard of", "", None, "mlx", "compressed-tensors"])
@pytest.mark.parametrize("numbers", [{"weights": 0, "words": 0}, {"weights": 0, "words": 2**62}, {"weights": 2**62}])
def test_senseless_numbers_end_in_a_doubt_and_in_no_error(layout, numbers):
    found = read(header(layout, **numbers, counts={}, bytes={}))
    assert found.parameters.provenance is not Provenance.FILE_HEADER
