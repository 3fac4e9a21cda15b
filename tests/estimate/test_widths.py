"""Weights that are held otherwise than they are stored, one step to each side of where that begins."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compat.engines.hardware import GIB, Accelerator, Hardware
from compat.estimate import (
    Fit,
    LoadOptions,
    MemoryEstimate,
    VariantInputs,
    estimate_memory,
    from_config,
    judge_fit,
    known_shape,
)
from compat.estimate.memory import Component
from tests.samples import GEMMA_3

GEMMA_COUNT = 4_300_079_472
GEMMA = VariantInputs(from_config(GEMMA_3, GEMMA_COUNT), 8_600_000_000, GEMMA_COUNT, None, 0, "safetensors")
GPT_OSS = VariantInputs(
    known_shape("openai/gpt-oss-20b"), 13_761_300_984, known_shape("openai/gpt-oss-20b").parameters, "MXFP4", 0,
    "safetensors",
)  # fmt: skip
QWEN_FP8 = VariantInputs(known_shape("Qwen/Qwen3-30B-A3B"), 31_200_000_000, 30_532_122_624, "FP8", 0, "safetensors")
LLAMA = VariantInputs(known_shape("Llama-3.1-8B"), 16_060_000_000, 8_030_261_248, None, 0, "safetensors")


def on(vendor: str, capability: float | None = None) -> Hardware:
    if vendor == "cpu":
        return Hardware(system_memory=512 * GIB)
    return Hardware((Accelerator("card", vendor, "gpu", 512 * GIB, compute_capability=capability),))


def estimated(variant: VariantInputs, engine: str, hardware: Hardware | None, kv: str = "f16") -> MemoryEstimate:
    return estimate_memory(variant, engine, hardware, LoadOptions(kv_type=kv))


def weights(variant: VariantInputs, engine: str, hardware: Hardware | None) -> Component:
    return estimated(variant, engine, hardware).component("weights")


@pytest.mark.parametrize(("capability", "wide"), [(7.0, True), (7.5, True), (8.0, False), (9.0, False), (None, False)])
def test_vllm_takes_gemma_3_in_float32_where_there_is_no_bfloat16(capability, wide):
    found = weights(GEMMA, "vllm", on("nvidia", capability))
    assert found.bytes == (4 * GEMMA_COUNT if wide else GEMMA.file_bytes)
    assert (found.detail == "every weight in 32 bits") is wide


def test_its_cache_is_as_wide_as_its_weights_unless_another_type_is_asked_for():
    old, new = on("nvidia", 7.5), on("nvidia", 8.0)
    kv = {one: estimated(GEMMA, "vllm", one).component("kv").bytes for one in (old, new)}
    assert kv[old] == 2 * kv[new]
    asked = {one: estimated(GEMMA, "vllm", one, "fp8").component("kv").bytes for one in (old, new)}
    assert asked[old] == asked[new]


def test_pytorch_files_are_held_as_wide():
    for format_ in ("pytorch", "transformers"):
        old = replace(GEMMA, format=format_)
        assert weights(old, "vllm", on("nvidia", 7.5)).bytes == 4 * GEMMA_COUNT


def test_other_models_engines_and_makers_keep_16_bits():
    old = on("nvidia", 7.5)
    assert weights(LLAMA, "vllm", old).bytes == LLAMA.file_bytes
    assert weights(GEMMA, "sglang", old).bytes == GEMMA.file_bytes
    assert weights(GEMMA, "vllm", on("amd")).bytes == GEMMA.file_bytes
    assert weights(GEMMA, "vllm", None).bytes == GEMMA.file_bytes


def test_a_gemma_inside_of_another_model_is_none():
    text = GEMMA_3["text_config"] | {"model_type": "gemma2"}
    inner = from_config({"model_type": "paligemma", "vision_config": {"hidden_size": 1}, "text_config": text}, 10**9)
    variant = VariantInputs(inner, 2 * 10**9, 10**9, None, 0, "safetensors")
    assert weights(variant, "vllm", on("nvidia", 7.5)).bytes == 2 * 10**9


@pytest.mark.parametrize(
    ("hardware", "wide"),
    [
        (on("apple"), True),
        (on("nvidia", 7.0), True),
        (on("nvidia", 7.5), False),
        (on("amd"), False),
        (on("intel"), False),
        (on("cpu"), False),
        (None, False),
    ],
)
def test_transformers_unpacks_mxfp4_where_it_has_no_kernels_for_it(hardware, wide):
    found = weights(GPT_OSS, "transformers", hardware)
    assert found.bytes == (2 * GPT_OSS.parameters if wide else GPT_OSS.file_bytes)
    if wide:
        assert 40e9 < found.bytes < 44e9


@pytest.mark.parametrize(
    ("hardware", "wide"),
    [
        (on("nvidia", 8.6), True),
        (on("nvidia", 8.9), False),
        (on("apple"), True),
        (on("cpu"), True),
        (on("amd"), False),
        (on("intel"), False),
    ],
)
def test_transformers_unpacks_fp8_where_it_is_not_computed(hardware, wide):
    assert weights(QWEN_FP8, "transformers", hardware).bytes == (
        2 * QWEN_FP8.parameters if wide else QWEN_FP8.file_bytes
    )


@pytest.mark.parametrize("hardware", [on("nvidia", 10.0), on("amd"), on("apple"), on("cpu"), None])
@pytest.mark.parametrize("quant", ["compressed-tensors", "NVFP4", "W4A16", "W8A16", "W8A8"])
def test_transformers_holds_what_compressed_tensors_packed_in_16_bits(hardware, quant):
    packed = replace(LLAMA, quant=quant, file_bytes=5_700_000_000)
    assert weights(packed, "transformers", hardware).bytes == 2 * LLAMA.parameters
    assert weights(packed, "vllm", on("nvidia", 10.0)).bytes == packed.file_bytes


@pytest.mark.parametrize(
    ("hardware", "wide"),
    [(on("cpu"), True), (on("nvidia", 8.6), False), (on("apple"), False), (on("amd"), False), (None, False)],
)
@pytest.mark.parametrize("quant", [None, "BF16", "F16"])
def test_text_embeddings_inference_takes_32_bits_on_a_processor(hardware, wide, quant):
    found = weights(replace(LLAMA, quant=quant, embeds=True), "text-embeddings-inference", hardware)
    assert found.bytes == (4 * LLAMA.parameters if wide else LLAMA.file_bytes)


@pytest.mark.parametrize(("engine", "hardware"), [("text-embeddings-inference", on("cpu")), ("rbee", on("apple"))])
def test_where_all_weights_are_held_alike_it_does_not_matter_that_nothing_tells_their_width(engine, hardware):
    untold = replace(LLAMA, file_bytes=None, quant="BF16", width_assumed=True, embeds=True)
    assert weights(untold, engine, hardware).least == 0
    small = replace(hardware, system_memory=24 * GIB)
    if not hardware.accelerators:
        assert judge_fit(untold, engine, small).fit is Fit.TOO_LARGE
        assert judge_fit(untold, engine, replace(hardware, system_memory=48 * GIB)).fit is not Fit.TOO_LARGE


def test_elsewhere_it_does():
    untold = replace(GEMMA, file_bytes=None, quant="BF16", width_assumed=True)
    assert weights(untold, "vllm", on("nvidia", 7.5)).least > 0
    untold = replace(LLAMA, file_bytes=None, quant="BF16", width_assumed=True, embeds=True)
    assert weights(untold, "text-embeddings-inference", on("nvidia", 8.0)).least > 0


def test_it_takes_gemma_3_in_32_bits_anywhere_and_what_is_stored_so_as_it_is():
    told = {**GEMMA_3["text_config"], "model_type": "gemma3_text"}
    gemma = VariantInputs(from_config(told, 10**9), 2 * 10**9, 10**9, "BF16", 0, "safetensors", embeds=True)
    for hardware in (on("cpu"), on("nvidia", 9.0), on("amd"), None):
        assert weights(gemma, "text-embeddings-inference", hardware).bytes == 4 * 10**9
    stored = replace(LLAMA, quant="F32", file_bytes=32 * 10**9, embeds=True)
    assert weights(stored, "text-embeddings-inference", on("cpu")).bytes == 32 * 10**9


IN_32 = replace(LLAMA, file_bytes=2 * LLAMA.file_bytes, quant="F32")


@pytest.mark.parametrize("hardware", [on("nvidia", 7.5), on("nvidia", 9.0), on("amd"), on("cpu"), None])
@pytest.mark.parametrize(
    ("engine", "held"), [("vllm", 2), ("sglang", 2), ("ollama", 2), ("transformers", 4), ("mlx-lm", 4), ("rbee", 4)]
)
def test_what_is_stored_in_32_bits_is_held_in_half_where_the_engine_computes_so(engine, held, hardware):
    share = weights(IN_32, engine, hardware).bytes / LLAMA.parameters
    # Of a converted file the embedding stays in system memory.
    assert held - 0.3 < share < held + 0.01


@pytest.mark.parametrize(("capability", "held"), [(7.5, 4), (8.0, 2), (9.0, 2)])
def test_vllm_halves_a_gemma_of_32_bits_where_there_is_bfloat16_alone(capability, held):
    gemma = replace(GEMMA, file_bytes=4 * GEMMA_COUNT, quant="F32")
    assert weights(gemma, "vllm", on("nvidia", capability)).bytes == held * GEMMA_COUNT


@pytest.mark.parametrize(("capability", "bits"), [(7.5, 32), (8.0, 16)])
def test_a_need_that_rests_on_an_assumed_width_tells_in_which_it_is_held(capability, bits):
    gemma = VariantInputs(known_shape("gemma-3-12b"), quant="BF16", format="safetensors", width_assumed=True)
    card = Accelerator("card", "nvidia", "gpu", 16 * GIB, compute_capability=capability)
    result = judge_fit(gemma, "vllm", Hardware((card,)))
    assert result.fit is Fit.UNKNOWN
    assert result.width == bits
    assert f"at {bits} bits a weight" in result.sentence


@pytest.mark.parametrize("engine", ["exllamav3", "mlx-lm"])
def test_engines_that_unpack_while_loading_do_so_on_any_hardware(engine):
    for hardware in (on("nvidia", 9.0), on("apple"), None):
        assert weights(QWEN_FP8, engine, hardware).bytes == 2 * QWEN_FP8.parameters


def test_where_weights_are_not_counted_what_they_take_wide_is_at_least_their_files():
    variant = VariantInputs(None, 13 * 10**9, None, "MXFP4", 0, "safetensors")
    found = weights(variant, "transformers", on("apple"))
    assert (found.bytes, found.least) == (None, 13 * 10**9)


@pytest.mark.parametrize(
    ("hardware", "padded"),
    [
        (on("nvidia", 8.0), True),
        (on("nvidia", 8.9), True),
        (on("nvidia", 9.0), False),
        (on("nvidia", 10.0), True),
        (on("nvidia", 12.0), True),
        (on("nvidia"), False),
        (on("amd", 9.4), False),
        (None, False),
    ],
)
def test_vllm_rounds_up_the_experts_of_gpt_oss_but_on_hopper(hardware, padded):
    """Experts of 2,880 by 2,880 become 2,944 by 3,072: an A100's log says 13.72 GiB of a model of 12.82."""
    found = weights(GPT_OSS, "vllm", hardware)
    experts = 24 * 32 * 3 * 2880 * 2880
    more = round(experts * (2944 * 3072 - 2880 * 2880) / 2880**2 * 4.25 / 8) if padded else 0
    assert abs(found.bytes - GPT_OSS.file_bytes - more) <= 1
    assert ("rounded up" in found.detail) is padded


def test_nothing_is_rounded_up_for_other_engines_models_and_packings():
    card = on("nvidia", 8.0)
    assert weights(GPT_OSS, "sglang", card).bytes == GPT_OSS.file_bytes
    plain = replace(GPT_OSS, quant="BF16")
    assert weights(plain, "vllm", card).bytes == GPT_OSS.file_bytes
    other = replace(QWEN_FP8, quant="MXFP4")
    assert weights(other, "vllm", card).bytes == QWEN_FP8.file_bytes


def test_experts_that_cannot_be_counted_are_not_rounded_up():
    shape = replace(GPT_OSS.shape, experts=None)
    assert weights(replace(GPT_OSS, shape=shape), "vllm", on("nvidia", 8.0)).bytes == GPT_OSS.file_bytes
