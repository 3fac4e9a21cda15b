"""How many parameters: the Hub's count held against dimensions, name and packing, on facts of real repositories."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compat.extraction.extract import extract
from compat.extraction.facts import Provenance
from compat.extraction.parameters import named_sizes, parameters_of
from compat.extraction.quantization import Packing
from compat.hub.payloads import HubModel, parse_record

GPT_OSS_120B = {"model_type": "gpt_oss", "quantization_config": {"quant_method": "mxfp4"}}
QWEN_14B = {
    "model_type": "qwen2", "hidden_size": 5120, "intermediate_size": 13824, "num_hidden_layers": 48,
    "num_attention_heads": 40, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 152064,
}  # fmt: skip
QWEN3_8B = {
    "model_type": "qwen3", "hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36,
    "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936,
    "tie_word_embeddings": False,
}  # fmt: skip
AWQ = {"quantization_config": {"quant_method": "awq", "bits": 4}}


def _of(name, config=None, **safetensors):
    return extract(HubModel(id=name, config=config, safetensors=safetensors or None))


def _billions(extraction):
    return round(extraction.parameters.value / 1e9, 1)


def _gigabytes(extraction):
    return round(extraction.variants[0].size_bytes / 1e9, 1)


def test_counts_of_weights_are_weighed_by_their_packing():
    found = _of("openai/gpt-oss-120b", GPT_OSS_120B, parameters={"BF16": 2_167_371_072, "U8": 118_244_966_400})
    assert (_billions(found), _gigabytes(found)) == (116.8, 65.2)  # the repository has 65.2 GB
    found = _of(
        "Qwen/Qwen2.5-Coder-14B-Instruct-AWQ", QWEN_14B | AWQ, parameters={"I32": 13212057600, "F16": 1557000000}
    )
    assert (_billions(found), _gigabytes(found)) == (14.8, 10.0)


_PLAIN, _PACKED = 1_244_659_712, 6_945_767_424
"""Of Qwen3-8B: what stays in 16 bits, embeddings and norms, and the weights of its layers that are packed."""


@pytest.mark.parametrize(
    ("method", "counts"),
    [
        # ModelOpt and compressed-tensors: two weights to a byte, a scale of eight bits for 16 of them.
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, {"U8": _PACKED // 2, "F8_E4M3": _PACKED // 16}),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, {"U8": _PACKED, "F8_E4M3": _PACKED // 16}),
        # Some layers in eight bits beside them.
        (
            {"quant_method": "modelopt", "quant_algo": "NVFP4"},
            {"U8": _PACKED // 4, "F8_E4M3": _PACKED // 32 + _PACKED // 2},
        ),
        # MXFP4: blocks and scales are both bytes, or the scales have a data type of their own.
        ({"quant_method": "mxfp4"}, {"U8": _PACKED // 2 + _PACKED // 32}),
        ({"quant_method": "mxfp4"}, {"U8": _PACKED + _PACKED // 32}),
        ({"quant_method": "mxfp4"}, {"U8": _PACKED // 2, "F8_E8M0": _PACKED // 32}),
        ({"quant_method": "mxfp8"}, {"F8_E4M3": _PACKED, "U8": _PACKED // 32}),
        # MLX: eight weights to a word of 32 bits.
        ({"group_size": 32, "bits": 4, "mode": "mxfp4"}, {"U32": _PACKED // 8, "U8": _PACKED // 32}),
        ({"group_size": 16, "bits": 4, "mode": "nvfp4"}, {"U32": _PACKED // 8, "U8": _PACKED // 16}),
    ],
)
def test_scales_are_no_weights(method, counts):
    key = "quantization" if "mode" in method else "quantization_config"
    found = _of("acme/Qwen3-8B-packed", QWEN3_8B | {key: method}, parameters=counts | {"BF16": _PLAIN})
    assert found.parameters.value == pytest.approx(_PLAIN + _PACKED, rel=0.001)
    assert not found.judged[0].contradicted


def test_a_total_that_holds_scales_is_no_count_of_weights():
    method = {"quantization_config": {"quant_method": "modelopt", "quant_algo": "NVFP4"}}
    found = _of("acme/Qwen3-8B-packed", QWEN3_8B | method, total=_PLAIN + _PACKED + _PACKED // 16)
    assert found.parameters.value == pytest.approx(_PLAIN + _PACKED, rel=0.001)
    assert "with their scales" in found.parameters.evidence
    some = _PLAIN + 2 * 10**9 + (_PACKED - 2 * 10**9) * 9 // 16
    assert _of("acme/Qwen3-8B-packed", QWEN3_8B | method, total=some).parameters.value == found.parameters.value


def test_counts_of_words_are_taken_for_what_they_hold():
    words = {"I32": 13_212_057_600 // 8, "F16": 1_557_000_000}
    found = _of("Qwen/Qwen2.5-Coder-14B-Instruct-AWQ", QWEN_14B | AWQ, parameters=words)
    assert (_billions(found), _gigabytes(found)) == (14.8, 9.7)
    assert not found.judged[0].contradicted


@pytest.mark.parametrize(
    ("name", "total", "config", "billions"),
    [
        ("acme/Qwen3.8-27B-INT4-AWQ-GPTQ", 7_839_289_360, {"quantization_config": {"quant_method": "gptq"}}, 26.9),
        ("nvidia/Qwen3-32B-NVFP4", 18_400_000_000, {}, 32.8),
        ("varjosoft/Qwen3.6-27B-TQ3-native", 12_209_663_584, {}, 27),
        ("bullerwins/MiniMax-M2.7-REAP-172B-AWQ-8bit", 44_150_711_536, {}, 172),
        ("mlx-community/Qwen3.5-4B-4bit", 657_000_000, {}, 4.2),
        # The Hub's later counts are of weights.
        ("mlx-community/Qwen3.5-4B-4bit", 4_205_000_000, {}, 4.2),
        ("Qwen/Qwen3-32B-AWQ", 32_762_000_000, {}, 32.8),
    ],
)
def test_a_packed_total_alone_is_held_against_the_name(name, total, config, billions):
    found = _of(name, config, total=total)
    assert _billions(found) == billions
    assert not found.judged[0].contradicted


def test_the_size_of_one_expert_does_not_tell_weights_from_words():
    """63.7 billion were counted of the 108.6 billion in RedHatAI's Llama 4 Scout of four bits."""
    name = "RedHatAI/Llama-4-Scout-17B-16E-Instruct"
    assert _of(f"{name}-NVFP4", total=63_720_802_592).parameters.provenance is Provenance.UNKNOWN
    assert _of(name, total=108_641_793_536).parameters.value == 108_641_793_536


@pytest.mark.parametrize(
    ("name", "config", "total", "millions"),
    [
        (
            "cyankiwi/Qwen3-VL-4B-Instruct-AWQ-8bit",
            {"quantization_config": {"quant_method": "awq"}},
            2_215_326_712,
            4_000,
        ),
        ("RedHatAI/SmolLM-135M-Instruct-quantized.w8a16", {}, 83_356_260, 135),
        # Eight bits that lie as they are: each is counted.
        ("RedHatAI/SmolLM-135M-Instruct-quantized.w8a8", {}, 134_515_008, 134.515008),
    ],
)
def test_weights_of_eight_bits_lie_in_words_too_in_some_packings(name, config, total, millions):
    assert _of(name, config, total=total).parameters.value == millions * 10**6


def test_a_packed_total_that_nothing_can_be_held_against_is_no_count_of_weights():
    found = _of("acme/Marvin-AWQ", AWQ, total=3_000_000_000)
    assert not found.parameters.known
    assert not found.judged[0].contradicted
    assert _of("acme/Marvin-FP8", total=3_000_000_000).parameters.value == 3_000_000_000


@pytest.mark.parametrize(
    ("name", "total", "config"),
    [
        ("FutureMa/Qwen3-8B-Drama-Thinking", 308_224, QWEN3_8B),
        ("SWE-Lego/SWE-Review-8B", 308_224, {}),
        ("nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8", 1_492_601_798_656, {}),
        ("nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-FP8", 101_558_059_008, {}),
    ],
)
def test_a_count_that_agrees_with_nothing_is_shown_as_a_contradiction(name, total, config):
    found = _of(name, config, total=total)
    assert found.parameters.provenance is Provenance.CONTRADICTED
    assert found.judged[0].contradicted
    assert "is wrong" in found.parameters.evidence


@pytest.mark.parametrize(
    ("name", "total", "config"),
    [
        ("Qwen/Qwen3-8B", 8_190_735_360, QWEN3_8B),
        ("meta-llama/Llama-3.2-1B", 1_235_814_400, {}),
        ("mistralai/Mixtral-8x7B-v0.1", 46_702_792_704, {}),
        ("meta-llama/Llama-4-Maverick-17B-128E", 401_583_781_376, {}),
        ("stabilityai/stablelm-2-1_6b-chat", 1_644_515_328, {}),
        ("Qwen/Qwen2-VL-2B-Instruct", 2_208_985_600, {}),
        ("someone/no-size-in-its-name", 4_000_000_000, {}),
        # A pruned model under the name of the one it was made from.
        ("a/GLM-4.7-Flash-REAP-23B-A3B", 23_000_000_000, {}),
    ],
)
def test_a_count_that_is_near_what_is_expected_is_believed(name, total, config):
    found = _of(name, config, total=total)
    assert (found.parameters.value, found.parameters.provenance) == (total, Provenance.HUB)
    assert not found.judged[0].contradicted


def test_data_types_alone_tell_of_a_packing():
    assert _of("a/Foo-8B", parameters={"F8_E4M3": 7 * 10**9, "BF16": 10**9}).judged[0].quantization == "FP8"
    assert _of("a/Foo-8B", parameters={"U32": 10**9, "BF16": 10**8}).judged[0].quantization == "MLX"
    assert _of("a/Foo-8B", parameters={"I32": 10**9, "BF16": 10**8}).judged[0].quantization == "packed"
    assert _of("a/Foo-8B", parameters={"BF16": 8 * 10**9, "I64": 1000}).judged[0].quantization is None


@pytest.mark.parametrize("dtype", ["F4", "F6_E2M3", "F6_E3M2", "F8_E4M3", "F8_E5M2", "F8_E8M0", "I4", "X9"])
def test_data_types_that_are_no_plain_numbers_tell_of_a_packing_by_a_method_not_told(dtype):
    found = _of("a/Foo-8B", parameters={dtype: 10**9, "BF16": 7 * 10**9}).judged[0]
    assert (found.quantization, found.quantization_from) == ("packed", Provenance.HUB)
    assert _of("a/Foo-8B", parameters={dtype: 10**8, "BF16": 7 * 10**9}).judged[0].quantization is None


@pytest.mark.parametrize("dtype", ["F4", "F6_E2M3", "X9"])
def test_weights_that_are_wholly_of_a_rare_type_are_packed(dtype):
    assert _of("a/Foo-8B", parameters={dtype: 8 * 10**9}).judged[0].quantization == "packed"


@pytest.mark.parametrize("dtype", ["F64", "BOOL", "C64"])
def test_unusual_plain_numbers_are_no_packing(dtype):
    assert _of("a/Foo-8B", parameters={dtype: 10**9, "BF16": 7 * 10**9}).judged[0].quantization is None


def test_a_name_tells_sizes_in_several_ways():
    sizes = {
        name: [count for _, count in named_sizes(name)] for name in ("stablelm-2-1_6b", "a-8x7B", "K3-2.4T", "JANG_4M")
    }
    assert sizes == {
        "stablelm-2-1_6b": [1_600_000_000],
        "a-8x7B": [56 * 10**9],
        "K3-2.4T": [2_400_000_000_000],
        "JANG_4M": [],
    }


@given(
    st.dictionaries(st.sampled_from(["BF16", "F32", "U8", "I32", "U32", "F8_E4M3", "X9"]), st.integers(0, 10**13)),
    st.sampled_from(["a/Foo-8B", "a/Foo-8B-AWQ", "mlx-community/Foo-4bit", "a/Foo", "a/Foo-JANG_2L"]),
    st.one_of(st.none(), st.integers(0, 10**13)),
)
def test_a_believed_count_is_the_hubs_or_what_is_expected(counts, name, total):
    found = _of(name, QWEN3_8B, parameters=counts, total=total)
    fact = found.parameters
    if fact.provenance is Provenance.HUB and counts:
        scales = 17 / 16
        assert fact.value * scales + 1 >= min(sum(counts.values()), total if total is not None else 10**14)
    assert found.judged[0].contradicted == (fact.provenance is Provenance.CONTRADICTED)


def test_data_types_are_believed_over_a_word_of_the_name():
    assert _of("acme/Qwen3-8B-4bit", parameters={"BF16": 8_190_735_360}).judged[0].quantization is None
    assert _of("acme/Qwen3-8B-AWQ", parameters={"BF16": 8_190_735_360}).judged[0].quantization is None
    told = _of("acme/Qwen3-8B", {"quantization_config": {"quant_method": "awq"}}, parameters={"BF16": 8 * 10**9})
    assert told.judged[0].quantization == "AWQ"


def test_a_count_that_the_configuration_cannot_build_is_a_contradiction_whatever_the_name():
    wide = QWEN3_8B | {"hidden_size": 8192, "intermediate_size": 28672, "num_hidden_layers": 80}
    assert _of("acme/Foo-8B", wide, total=8_030_000_000).judged[0].contradicted
    assert not _of("acme/Foo-8B", QWEN3_8B, total=8_190_735_360).judged[0].contradicted


@pytest.mark.parametrize(
    ("billions", "contradicted"), [(3.9, True), (4.1, False), (15.1, False), (15.3, True), (32, True)]
)
def test_a_name_tells_half_from_whole_and_no_more(billions, contradicted):
    assert _of("acme/Foo-8B", total=int(billions * 10**9)).judged[0].contradicted is contradicted


# --- against the dimensions, the name and the sizes of the files ------------------------------------------------

EIGHT = {
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
}
"""The dimensions of a Llama of eight billion, without a word on whether its head is tied."""
EIGHT_BILLION = 8_030_261_248


def eight(name, *, count=EIGHT_BILLION, sizes=(), config=None):
    of = len(sizes)
    names = ["model.safetensors"] if of < 2 else [f"model-{n:05}-of-{of:05}.safetensors" for n in range(1, of + 1)]
    files = [{"rfilename": file, "size": size} for file, size in zip(names, sizes or (None,), strict=True)]
    return extract(
        HubModel(
            id=f"maker/{name}",
            config=EIGHT | (config or {}),
            siblings=files,
            safetensors={"parameters": {"BF16": count}, "total": count} if count else None,
        )
    )


@pytest.mark.parametrize("count", [70_000_000_000, 3_000_000_000])
def test_a_name_and_a_count_that_agree_do_not_outweigh_what_an_engine_builds(count):
    found = eight(f"Thing-{count // 10**9}B", count=count)
    assert found.parameters.provenance is Provenance.CONTRADICTED
    assert found.variants[0].facts.contradicted
    assert found.variants[0].size_bytes is None


def test_a_name_that_tells_of_another_model_than_its_dimensions_contradicts_them():
    found = eight("Thing-70B", count=None).parameters
    assert found.provenance is Provenance.CONTRADICTED
    assert "but its name says 70.0B" in found.evidence
    assert eight("Thing-7B", count=None).parameters.provenance is Provenance.KNOWN
    assert eight("Thing-70B-of-8B", count=None).parameters.provenance is Provenance.KNOWN


@pytest.mark.parametrize(
    ("bits", "believed"),
    [(0.9, False), (4.5, False), (11.9, False), (12.1, True), (16, True), (22.3, True), (22.5, False), (32, False)],
)
def test_a_count_is_held_against_the_sizes_of_the_files(bits, believed):
    size = round(EIGHT_BILLION * bits / 8)
    for sizes in ((size,), (size // 2, size // 2)):
        found = eight("Thing-8B", sizes=sizes)
        assert (found.parameters.provenance is Provenance.HUB) is believed
        assert found.variants[0].facts.contradicted is not believed
        assert (found.variants[0].size_bytes is not None) is believed


def test_files_that_are_not_all_there_say_nothing_of_the_count_and_are_not_the_size():
    files = [{"rfilename": f"model-0000{n}-of-00004.safetensors", "size": 10**6} for n in (1, 2)]
    block = {"parameters": {"BF16": EIGHT_BILLION}, "total": EIGHT_BILLION}
    found = extract(HubModel(id="maker/Thing-8B", config=EIGHT, siblings=files, safetensors=block))
    assert found.parameters.provenance is Provenance.HUB
    assert found.variants[0].facts.incomplete
    assert found.variants[0].size_bytes == 2 * EIGHT_BILLION


@pytest.mark.parametrize(("dtype", "words"), [("U32", 1_003_000_000), ("I32", 1_753_000_000)])
def test_words_of_a_width_that_is_not_told_give_way_to_the_dimensions(dtype, words):
    block = {"parameters": {dtype: words, "F16": 250_000_000}, "total": words + 250_000_000}
    found = extract(HubModel(id="maker/Thing-8B", config=EIGHT, siblings=[], safetensors=block))
    assert (found.parameters.value, found.parameters.provenance) == (8_029_995_008, Provenance.KNOWN)
    assert not any(variant.facts.contradicted for variant in found.variants)


@pytest.mark.parametrize(
    ("total", "by_type", "contradicted"),
    [
        (7_000_000_000, {"BF16": 7_000_000_000}, False),
        (7_000_000_000, {"BF16": 6_990_000_000, "F32": 10_000_000}, False),
        (7_000_000_000, {"BF16": 6_900_000_000}, False),
        (7_000_000_000, {"BF16": 70_000_000}, True),
        (7_000_000_000, {"BF16": 14_000_000_000}, True),
        (70_000_000, {"BF16": 7_000_000_000}, True),
    ],
)
def test_a_total_and_the_counts_by_data_type_have_to_be_of_the_same_weights(total, by_type, contradicted):
    record = {"id": "a/model-7B", "safetensors": {"total": total, "parameters": by_type}}
    counted = parameters_of(parse_record(record).model, {}, Packing())
    assert bool(counted.contradiction) == contradicted
    assert counted.fact.provenance is (Provenance.CONTRADICTED if contradicted else Provenance.HUB)
    assert counted.size_bytes is None or not contradicted


def test_a_total_of_words_beside_counts_of_words_is_of_the_same_weights():
    packing = Packing("GPTQ", Provenance.CONFIG, bits=4.0)
    record = {
        "id": "a/model-7B-GPTQ",
        "safetensors": {"total": 1_100_000_000, "parameters": {"I32": 850_000_000, "F16": 250_000_000}},
    }
    assert not parameters_of(parse_record(record).model, {}, packing).contradiction
