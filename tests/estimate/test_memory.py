"""The whole estimate, where it lands, and the verdict."""

import re
from dataclasses import replace

import pytest

from compat.engines.hardware import GIB, accelerators, unified_share
from compat.estimate import (
    Accelerator,
    Basis,
    Fit,
    Hardware,
    LoadOptions,
    ModelShape,
    VariantInputs,
    estimate_memory,
    find_accelerator,
    from_config,
    judge_fit,
    known_shape,
    largest_context,
)
from compat.estimate.buffers import BufferOptions, batch_sizes, compute_buffer
from compat.estimate.kv import CacheOptions
from tests.samples import GEMMA_3


def card(gib, vendor="nvidia"):
    return Accelerator(f"{gib} GiB card", vendor, "gpu", memory=round(gib * GIB), bandwidth=900e9)


def machine(*cards, ram=64):
    return Hardware(tuple(card(c) for c in cards), system_memory=ram * GIB)


LLAMA = VariantInputs(known_shape("Llama-3.1-8B"), quant="Q4_K_M")
BIG = VariantInputs(known_shape("Llama-3.3-70B"), quant="Q4_K_M")

WIDTHS_NOT_TOLD = VariantInputs(known_shape("Llama-3.3-70B"), parameters=int(2e12))


def test_components_say_their_basis_and_sum_to_the_total():
    estimate = estimate_memory(LLAMA, "llama.cpp", machine(24))
    assert [c.name for c in estimate.components] == [
        "weights",
        "kv",
        "state",
        "compute",
        "overhead",
        "projector",
    ]
    assert estimate.total == sum(c.bytes for c in estimate.components)
    assert estimate.component("weights").basis is Basis.FORMULA
    assert estimate.component("kv").bytes == GIB
    assert estimate.component("overhead").basis is Basis.DEFAULT
    assert estimate.component("state").bytes == 0
    assert estimate.per_device == (estimate.total,)
    assert estimate.missing == ()


def test_llama_cpp_leaves_an_untied_embedding_in_system_memory():
    gpu = estimate_memory(LLAMA, "llama.cpp", machine(24))
    cpu = estimate_memory(LLAMA, "llama.cpp", Hardware(system_memory=32 * GIB))
    table = 128256 * 4096 * 4.5 / 8
    assert gpu.host == table
    assert cpu.component("weights").bytes - gpu.component("weights").bytes == table


def test_rbee_loads_safetensors_in_32_bits():
    variant = VariantInputs(known_shape("Qwen/Qwen2.5-7B"), 15_231_233_024, quant="bf16", format="safetensors")
    weights = estimate_memory(variant, "rbee", machine(48)).component("weights")
    assert weights.bytes == pytest.approx(7_615_616_512 * 4, rel=0.001)


def test_unknown_inputs_make_the_total_unknown_and_are_named():
    estimate = estimate_memory(VariantInputs(None, file_bytes=5 * GIB), "llama.cpp", machine(24))
    assert estimate.total is None
    assert estimate.per_device is None
    assert estimate.floor >= 5 * GIB
    assert "model shape" in estimate.missing
    bare = estimate_memory(VariantInputs(ModelShape()), "vllm", machine(24))
    assert bare.total is None
    assert {"quantization", "layers", "hidden size"} <= set(bare.missing)


def test_an_unknown_projector_is_unknown():
    variant = VariantInputs(known_shape("gemma-3-4b"), quant="Q4_K_M", projector_bytes=None)
    assert "size of the vision projector" in estimate_memory(variant, "llama.cpp", machine(24)).missing


@pytest.mark.parametrize(("engine", "held"), [("llama.cpp", 1_276_876_992), ("vllm", 851_251_328)])
def test_a_projector_is_loaded_whole_on_the_first_card_with_what_computes_images(engine, held):
    seeing = VariantInputs(known_shape("gemma-3-4b"), quant="Q4_K_M", projector_bytes=851_251_328)
    for cards in ((24,), (24, 24)):
        with_it = estimate_memory(seeing, engine, machine(*cards))
        without = estimate_memory(replace(seeing, projector_bytes=0), engine, machine(*cards))
        assert with_it.total - without.total == held
        more = [one - other for one, other in zip(with_it.per_device, without.per_device, strict=True)]
        assert more == [held] + [0] * (len(cards) - 1)


@pytest.mark.parametrize(
    ("name", "quant"), [("Llama-3.1-8B", "MLX 4-bit"), ("Llama-3.1-8B", "NVFP4"), ("Qwen3-8B", "BF16")]
)
def test_ollama_moves_nothing_aside_of_what_its_mlx_loads(name, quant):
    variant = VariantInputs(known_shape(name), 17 * GIB, quant=quant, format="safetensors")
    found = judge_fit(variant, "ollama", machine(16))
    assert found.fit is Fit.TOO_LARGE
    assert found.offload is None
    assert found.need == judge_fit(variant, "mlx-lm", machine(16)).need
    # It takes the first GPU alone.
    assert judge_fit(variant, "ollama", machine(16, 16)).estimate.devices == 1


@pytest.mark.parametrize(("quant", "format_"), [("BF16", "safetensors"), ("Q8_0", "gguf")])
def test_ollama_offloads_what_it_converts_and_gguf(quant, format_):
    variant = VariantInputs(known_shape("Llama-3.1-8B"), 17 * GIB, quant=quant, format=format_)
    assert judge_fit(variant, "ollama", machine(16)).fit is Fit.PARTIAL
    assert judge_fit(replace(variant, quant="MLX 4-bit"), "llama-cpp", machine(16)).fit is Fit.PARTIAL


SIGLIP = {
    "model_type": "siglip_vision_model", "hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27,
}  # fmt: skip
TOWER = 27 * (4 * 1152**2 + 2 * 1152 * 4304)


def packed_gemma(vision=None, **facts):
    config = {**GEMMA_3, "vision_config": vision or {"hidden_size": 1152}}
    return VariantInputs(from_config(config), quant="MLX 4-bit", format="safetensors", **facts)


@pytest.mark.parametrize(("engine", "held"), [("mlx-vlm", 2 * TOWER), ("vllm", 2 * TOWER), ("mlx-lm", 0)])
def test_a_tower_that_the_number_of_weights_leaves_out_is_loaded_in_16_bits(engine, held):
    found = estimate_memory(packed_gemma(SIGLIP), engine, machine(24)).component("projector")
    assert (found.bytes, found.supposed) == (held, 0)
    assert 0.97 < TOWER / (4_300_079_472 - 3_880_099_328) < 1  # of what the Hub counts beside the text model


def test_a_tower_of_untold_sizes_is_supposed_and_said_so():
    found = estimate_memory(packed_gemma(), "mlx-vlm", machine(24))
    part = found.component("projector")
    assert (part.bytes, part.supposed) == (2 * TOWER, 2 * TOWER)
    assert "a vision tower as such models usually have: its sizes are not told" in found.assumptions
    assert not estimate_memory(packed_gemma(), "mlx-lm", machine(24)).component("projector").bytes
    # What is only supposed refuses nothing: 4.7 GiB are needed with it, 3.9 without.
    assert judge_fit(packed_gemma(), "mlx-vlm", Hardware((card(4.3),))).fit is Fit.UNKNOWN
    assert judge_fit(packed_gemma(SIGLIP), "mlx-vlm", Hardware((card(4.3),))).fit is Fit.TOO_LARGE


@pytest.mark.parametrize("counted", [{"parameters": 4_300_079_472}, {"file_bytes": 3_400_000_000}])
def test_a_tower_that_is_counted_or_in_the_files_is_not_added(counted):
    found = estimate_memory(packed_gemma(SIGLIP, **counted), "mlx-vlm", machine(24))
    assert not found.component("projector").bytes


@pytest.mark.parametrize(
    ("config", "tower"),
    [
        ({"model_type": "gemma4"}, 27 * (4 * 1152**2 + 3 * 1152 * 4304)),
        ({"model_type": "gemma4", "hidden_size_per_layer_input": 256}, 16 * (4 * 768**2 + 3 * 768 * 3072)),
        ({"model_type": "gemma3"}, TOWER),
        ({"model_type": "gemma3_text"}, None),
        ({"model_type": "gemma4_text"}, None),
        ({"model_type": "qwen3"}, None),
    ],
)
def test_models_of_a_kind_have_the_tower_of_their_kind(config, tower):
    assert from_config(config).usual_tower == tower


SEEING = VariantInputs(
    known_shape("gemma-3-4b"), 2_490_000_000, quant="Q4_K_M", format="gguf", projector_usual=1_200_000_000
)


@pytest.mark.parametrize(
    ("engine", "held"),
    [
        ("ollama", 1_800_000_000),
        ("lm-studio", 1_800_000_000),
        ("llamafile", 1_800_000_000),
        ("llama-cpp", 0),
        ("jan", 0),
    ],
)
def test_a_projector_of_untold_size_is_supposed_where_nothing_keeps_the_engine_from_it(engine, held):
    found = estimate_memory(SEEING, engine, machine(24))
    part = found.component("projector")
    assert (part.bytes, part.supposed) == (held, held)
    assert ("its size is not told" if held else "used for text only") in found.assumptions[0]
    told = estimate_memory(replace(SEEING, projector_bytes=800_000_000), engine, machine(24))
    assert told.component("projector").supposed == 0


def test_what_is_only_supposed_lowers_a_verdict_and_refuses_nothing():
    """One byte to each side of where it goes in with a usual projector, and without any."""
    options = LoadOptions(ubatch=512)
    need = estimate_memory(SEEING, "ollama", machine(6), options).total

    def fit(usable):
        alone = Hardware((Accelerator("Any card", "nvidia", "gpu", memory=usable),))
        return judge_fit(SEEING, "ollama", alone, options)

    assert fit(need).fit in (Fit.FITS, Fit.TIGHT)
    assert fit(need - 1).fit is Fit.UNKNOWN
    assert fit(need - 1).supposes_projector
    assert "projector of the usual size" in fit(need - 1).sentence
    assert fit(need - 1_800_000_000).fit is Fit.UNKNOWN
    assert fit(need - 1_800_000_001).fit is Fit.TOO_LARGE


def test_layers_that_are_only_guessed_lower_a_verdict_and_refuse_nothing():
    """One byte to each side of where it goes in with its cache, and with nothing but its weights."""
    listed = replace(LLAMA, file_bytes=4_920_000_000, format="gguf")
    guessed, options = replace(listed, layers_guessed=True), LoadOptions(ubatch=512)
    found = estimate_memory(guessed, "llama.cpp", machine(24), options)
    assert found.total == estimate_memory(listed, "llama.cpp", machine(24), options).total
    least = found.component("weights").bytes + found.component("overhead").bytes

    def fit(usable):
        alone = Hardware((Accelerator("Any card", "nvidia", "gpu", memory=usable),))
        return judge_fit(guessed, "llama.cpp", alone, options)

    assert fit(found.total).fit in (Fit.FITS, Fit.TIGHT)
    assert fit(found.total - 1).fit is Fit.UNKNOWN
    assert "with the layers of the model it is named after" in fit(found.total - 1).sentence
    assert fit(least).fit is Fit.UNKNOWN
    assert fit(least - 1).fit is Fit.TOO_LARGE


def test_weights_of_which_nothing_but_guessed_layers_tells_refuse_nothing():
    untold = VariantInputs(replace(known_shape("Llama-3.1-8B"), parameters=None), quant="Q4_K_M", layers_guessed=True)
    alone = Hardware((Accelerator("Any card", "nvidia", "gpu", memory=2 * GIB),))
    assert judge_fit(untold, "llama.cpp", alone).fit is Fit.UNKNOWN
    assert judge_fit(replace(untold, layers_guessed=False), "llama.cpp", alone).fit is Fit.TOO_LARGE
    assert judge_fit(replace(untold, parameters=8_030_261_248), "llama.cpp", alone).fit is Fit.TOO_LARGE


@pytest.mark.parametrize(
    ("model", "context", "mib"),
    [("Qwen/Qwen3-4B-Instruct-2507", 2176, 3147), ("mistralai/Mistral-7B-Instruct-v0.3", 33898, 8689)],
)
def test_peaks_of_mlx_hold_a_chunk_of_logits(model, context, mib):
    mac = Hardware((card(64, "apple"),))
    found = estimate_memory(VariantInputs(known_shape(model), quant="4bit"), "mlx-lm", mac, LoadOptions(context))
    peak = found.total - found.component("overhead").bytes
    assert peak / 2**20 == pytest.approx(mib, rel=0.03)


def test_an_assumed_layer_pattern_shows_in_the_basis():
    shape = from_config(
        {
            "model_type": "brand_new",
            "num_hidden_layers": 4,
            "num_key_value_heads": 2,
            "num_attention_heads": 4,
            "hidden_size": 256,
            "intermediate_size": 512,
            "vocab_size": 1000,
        },
        10**8,
    )
    estimate = estimate_memory(VariantInputs(shape, quant="F16"), "llama.cpp", machine(24))
    assert estimate.component("kv").basis is Basis.DEFAULT
    assert estimate.assumptions


def test_tensor_parallel_must_divide_the_heads():
    estimate = estimate_memory(BIG, "vllm", machine(80, 80, 80), LoadOptions())
    assert "64 attention heads do not divide by 3" in estimate.notes[0]
    assert len(estimate.per_device) == 2


@pytest.mark.parametrize("engine", ["vllm", "sglang", "tensorrt-llm"])
def test_cards_that_compute_one_layer_together_each_keep_buffers_for_what_they_tell_each_other(engine):
    """vLLM's own figures: 0.15 GiB outside torch on one GPU, 0.6 GiB on each of several, for NCCL's buffers."""
    alone, together, more = (
        estimate_memory(BIG, engine, machine(*[80] * count)).component("overhead").bytes / count for count in (1, 2, 4)
    )
    assert together - alone == pytest.approx(0.45 * GIB, rel=0.01)
    assert more == together


@pytest.mark.parametrize(
    ("name", "gib", "limits"),
    [
        ("RTX 4090", 24, (256, 2048)),
        ("A100 SXM4", 80, (256, 2048)),
        ("DGX Spark (GB10)", 128, (256, 2048)),
        ("H100 SXM", 80, (1024, 8192)),
        ("B200", 192, (1024, 16384)),
    ],
)
def test_vllm_plans_larger_steps_on_larger_cards(name, gib, limits):
    assert batch_sizes(BufferOptions(device_memory=gib * GIB, device=name)) == limits


def test_the_sampler_of_an_a100_is_what_vllm_logs():
    """1.26 GiB of activations on an A100 for Llama 3 8B: logits of 256 sequences."""
    a100 = Hardware((Accelerator("A100 SXM4 80 GB", "nvidia", "gpu", 80 * GIB),))
    found = estimate_memory(replace(LLAMA, quant="bf16", format="safetensors"), "vllm", a100).component("compute")
    assert found.bytes / GIB == pytest.approx(1.26, rel=0.07)


def test_cards_that_hold_layers_of_their_own_need_no_such_buffers():
    alone, together = (estimate_memory(BIG, "llama.cpp", machine(*cards)) for cards in ((80,), (80, 80)))
    assert together.component("overhead").bytes == 2 * alone.component("overhead").bytes


def test_ranks_beyond_the_key_heads_repeat_them():
    variant = VariantInputs(known_shape("Qwen/Qwen3-30B-A3B"), quant="fp8")
    four = estimate_memory(variant, "vllm", machine(*[80] * 4)).component("kv").bytes
    eight = estimate_memory(variant, "vllm", machine(*[80] * 8)).component("kv").bytes
    assert eight == 2 * four


def test_a_latent_cache_is_whole_on_every_rank():
    variant = VariantInputs(known_shape("DeepSeek-V2-Lite"), quant="bf16")
    one = estimate_memory(variant, "vllm", machine(80)).component("kv").bytes
    assert estimate_memory(variant, "vllm", machine(80, 80)).component("kv").bytes == 2 * one


def test_layers_are_shared_out_by_memory():
    estimate = estimate_memory(BIG, "llama.cpp", machine(24, 48))
    assert estimate.per_device[1] > 1.8 * estimate.per_device[0]


@pytest.mark.parametrize(
    ("cards", "ram", "fit"),
    [((24,), 64, Fit.FITS), ((5,), 64, Fit.PARTIAL), ((4,), 1, Fit.TOO_LARGE), ((6,), 64, Fit.TIGHT)],
)
def test_verdicts_of_an_eight_billion_model(cards, ram, fit):
    result = judge_fit(LLAMA, "llama.cpp", machine(*cards, ram=ram))
    assert result.fit is fit
    assert "GiB" in result.sentence


GIBS = re.compile(r"([\d,]+\.\d+) GiB")


@pytest.mark.parametrize("engine", ["llama.cpp", "vllm", "ollama", "transformers"])
@pytest.mark.parametrize("cards", [(24, 8), (8, 24), (12, 12), (8, 8, 24), (24, 4), (4, 4, 4, 4)])
@pytest.mark.parametrize("model", [LLAMA, BIG], ids=["8B", "70B"])
def test_what_is_too_large_for_several_cards_is_said_so_that_the_numbers_add_up(engine, cards, model):
    result = judge_fit(model, engine, machine(*cards, ram=1))
    if result.fit is not Fit.TOO_LARGE or result.estimate.per_device is None:
        return
    numbers = [float(number.replace(",", "")) for number in GIBS.findall(result.sentence)]
    total, each = sum(result.estimate.per_device) / GIB, [one / GIB for one in result.estimate.per_device]
    assert numbers[0] == pytest.approx(total, abs=0.06)
    if "together" in result.sentence:
        assert numbers[1] == pytest.approx(result.together / GIB, abs=0.06)
        assert numbers[0] > numbers[1]
    else:
        assert result.together is None
        assert numbers[1] == pytest.approx(max(each), abs=0.06)
        assert numbers[1] > numbers[2]


def test_on_unlike_cards_the_whole_is_held_against_all_of_them():
    result = judge_fit(BIG, "llama.cpp", machine(24, 8, ram=1))
    assert result.fit is Fit.TOO_LARGE
    assert re.fullmatch(r"Needs [\d.]+ GiB in all, the accelerators have 32\.0 GiB together\.", result.sentence)


def test_a_need_is_only_said_to_be_the_fullest_card_s_where_it_is():
    known, floor = judge_fit(BIG, "llama.cpp", machine(24, 24)), judge_fit(WIDTHS_NOT_TOLD, "llama.cpp", machine(8, 4))
    assert known.is_of_one
    assert floor.fit is Fit.TOO_LARGE
    assert floor.estimate.per_device is None
    assert not floor.is_of_one


def test_where_a_larger_card_holds_more_than_the_fullest_both_are_named():
    big, small = (replace(card(gib), name=name) for name, gib in (("Big", 24), ("Small", 6)))
    cards = Hardware((big, small), system_memory=64 * GIB)
    found = judge_fit(LLAMA, "llama.cpp", cards)
    big, small = (sum(parts.values()) for parts in found.devices)
    assert found.fit is Fit.FITS
    assert (found.need, found.most) == (small, big)
    assert big > small
    told = f"{small / GIB:.1f} GiB of 6.0 GiB on the fullest device (Small) and {big / GIB:.1f} GiB of 24.0 GiB"
    assert f"Needs {told} on another (Big) at " in found.sentence
    alike = judge_fit(LLAMA, "llama.cpp", machine(24, 24))
    assert alike.most == alike.need
    assert "another" not in alike.sentence


@pytest.mark.parametrize("sizes", [(4,), (5,), (3, 2), (4, 1.5, 1.5), (2.1, 2.3)])
def test_what_lies_where_is_the_whole_need_to_the_byte(sizes):
    found = judge_fit(LLAMA, "llama.cpp", machine(*sizes))
    assert found.fit is Fit.PARTIAL
    assert sum(sum(parts.values()) for parts in found.devices) == found.need
    assert sum(found.offload.host.values()) == found.host_need == found.in_system
    if "fullest" not in found.sentence:
        assert f"Needs {found.whole_need / GIB:.1f}" in found.sentence
    moved = {name: sum(parts[name] for parts in found.devices) for name in ("weights", "kv", "state")}
    whole = sum(found.estimate.component(name).bytes for name in moved)
    assert found.in_system - found.estimate.host == whole - sum(moved.values())


def test_a_sentence_never_contradicts_itself():
    result = judge_fit(LLAMA, "llama.cpp", machine(5.71))
    assert (
        "Needs 6.0 GiB, the accelerators have 5.7 GiB: 31 of 32 layers there, 0.4 GiB in system memory"
        in result.sentence
    )


def test_a_partial_offload_says_how_many_layers():
    result = judge_fit(BIG, "ollama", machine(24))
    assert result.fit is Fit.PARTIAL
    assert 0 < result.gpu_layers < 80
    assert f"{result.gpu_layers} of 80 layers" in result.sentence
    assert result.need <= 24 * GIB


@pytest.mark.parametrize(("ram", "full"), [(40, True), (42, True), (43, False), (64, False)])
def test_what_lies_in_system_memory_has_to_leave_some_of_it(ram, full):
    found = judge_fit(BIG, "llama.cpp", machine(8, ram=ram))
    assert found.fit is Fit.PARTIAL
    left = ram * GIB - found.in_system
    assert (left < 8 * GIB) is full is found.crowded


def test_of_much_system_memory_a_tenth_has_to_be_left():
    wide = replace(BIG, quant="F16")
    easy, full = (judge_fit(wide, "llama.cpp", machine(24, ram=ram)) for ram in (180, 130))
    assert (easy.fit, full.fit) == (Fit.PARTIAL, Fit.PARTIAL)
    assert (easy.crowded, full.crowded) == (False, True)
    assert 130 * GIB - full.in_system > 16 * GIB


def test_vllm_does_not_offload_and_keeps_its_share():
    assert judge_fit(BIG, "vllm", machine(24)).fit is Fit.TOO_LARGE
    result = judge_fit(VariantInputs(known_shape("Qwen/Qwen3-8B"), quant="bf16"), "vllm", machine(24))
    assert result.room == round(24 * GIB * 0.92)


def test_what_is_surely_too_large_needs_no_shape():
    result = judge_fit(VariantInputs(None, file_bytes=200 * GIB), "vllm", machine(80))
    assert result.fit is Fit.TOO_LARGE
    assert "at least" in result.sentence


@pytest.mark.parametrize("engine", ["vllm", "llama.cpp", "mlx-lm"])
def test_a_scheme_of_unknown_width_takes_at_least_a_bit_for_each_weight(engine):
    variant = VariantInputs(None, parameters=2_400_000_000_000, quant="AutoRound")
    result = judge_fit(variant, engine, machine(24))
    assert result.fit is Fit.TOO_LARGE
    assert result.need >= 2_400_000_000_000 // 8
    assert result.sentence.startswith("Needs at least ")
    assert "even at 1 bit a weight" in result.sentence
    assert largest_context(variant, engine, machine(24), limit=8192) == 0
    might = judge_fit(VariantInputs(None, parameters=100_000_000_000, quant="AutoRound"), engine, machine(24))
    assert might.fit is Fit.UNKNOWN
    assert might.estimate.total is None


@pytest.mark.parametrize("engine", ["vllm", "mlx-lm"])
def test_a_width_that_is_only_assumed_refuses_nothing_where_the_layers_are_not_known_either(engine):
    variant = VariantInputs(None, parameters=32 * 10**9, quant="BF16", format="safetensors", width_assumed=True)
    might = judge_fit(variant, engine, machine(48))
    assert (might.fit, might.estimate.total) == (Fit.UNKNOWN, None)
    result = judge_fit(variant, engine, machine(8))
    assert result.fit is Fit.TOO_LARGE
    assert result.sentence.startswith("Needs at least ")
    assert "even at 4 bits a weight" in result.sentence
    assert 16 * 10**9 <= result.need < 18 * 10**9


def test_a_refusal_of_a_width_that_is_only_assumed_tells_what_it_rests_on():
    """Weights of which nothing tells a width are refused by what four bits of each take, not by sixteen."""
    told = VariantInputs(known_shape("Qwen/Qwen3-32B"), quant="BF16", format="safetensors")
    assumed = replace(told, width_assumed=True)
    result = judge_fit(assumed, "vllm", machine(16))
    assert result.fit is Fit.TOO_LARGE
    assert result.sentence.startswith("Needs at least 19.5 GiB")
    assert "even at 4 bits a weight" in result.sentence
    assert judge_fit(assumed, "vllm", machine(24)).fit is Fit.UNKNOWN
    assert judge_fit(told, "vllm", machine(16)).sentence.startswith("Needs 65.3 GiB, the worker has")


def test_weights_that_are_not_counted_have_no_least():
    variant = VariantInputs(None, quant="Q4_K_M", projector_bytes=200 * GIB)
    result = judge_fit(variant, "vllm", machine(24))
    assert result.fit is Fit.TOO_LARGE
    assert "1 bit" not in result.sentence


def test_weights_of_told_width_take_no_bit_more():
    known, unknown = (judge_fit(replace(LLAMA, quant=quant), "vllm", machine(24)) for quant in ("bf16", "AutoRound"))
    assert known.estimate.floor == known.estimate.total
    assert unknown.estimate.component("weights").bytes is None
    assert unknown.estimate.floor < known.estimate.floor


def test_unknown_stays_unknown():
    result = judge_fit(VariantInputs(None, file_bytes=5 * GIB), "llama.cpp", machine(24))
    assert result.fit is Fit.UNKNOWN
    assert "model shape" in result.sentence
    nothing = judge_fit(LLAMA, "llama.cpp", Hardware())
    assert nothing.fit is Fit.UNKNOWN


def test_of_files_that_are_not_listed_nothing_is_hoped():
    """Of an 8B model there are files of 2 to 16 GB: 24 GB take any of them, 12 take some, 2 take none."""
    files = VariantInputs(known_shape("Llama-3.1-8B"), format="gguf")
    any_of_them, some, none = (judge_fit(files, "llama.cpp", machine(gib, ram=0)) for gib in (24, 12, 2))
    assert (any_of_them.fit, some.fit, none.fit) == (Fit.FITS, Fit.UNKNOWN, Fit.TOO_LARGE)
    assert "by the file that is taken: its files are not listed" in some.sentence
    assert "with the smallest file that such a repository usually has" in none.sentence
    smallest, largest = (
        judge_fit(replace(files, quant=quant), "llama.cpp", machine(24)) for quant in ("IQ1_S", "BF16")
    )
    assert some.sentence.startswith(f"Needs {smallest.need / GIB:.1f} to {largest.need / GIB:.1f} GiB")
    assert any_of_them.need == largest.need
    assert any_of_them.is_at_most
    assert not largest.is_at_most
    assert any_of_them.estimate.total is None
    two = Hardware((machine(24).accelerators[0],) * 2)
    shared, whole = judge_fit(files, "llama.cpp", two), judge_fit(replace(files, quant="BF16"), "llama.cpp", two)
    assert (shared.need, shared.room) == (sum(whole.estimate.per_device), 48 * GIB)
    assert f" to {shared.need / GIB:.1f} GiB, by the file" in shared.sentence
    listed = judge_fit(replace(files, file_bytes=5_000_000_000), "llama.cpp", machine(12))
    assert listed.fit is Fit.FITS


def test_the_largest_context_is_the_edge():
    hardware = machine(8)
    edge = largest_context(LLAMA, "llama.cpp", hardware, limit=131072)
    assert 8192 < edge < 131072

    def fit_at(context):
        return judge_fit(LLAMA, "llama.cpp", hardware, LoadOptions(context)).fit

    assert fit_at(edge) in (Fit.FITS, Fit.TIGHT)
    assert fit_at(edge + 1) is Fit.PARTIAL


def test_the_largest_context_is_told_at_the_width_that_is_assumed():
    """Too long at 16 bits is no reason to tell nothing, as long as something shorter fits at them."""
    assumed = replace(LLAMA, file_bytes=None, quant="BF16", format="safetensors", width_assumed=True)
    few, many = (
        largest_context(assumed, "vllm", machine(24), LoadOptions(parallel=slots), limit=131072) for slots in (1, 4)
    )
    assert 0 < many < few < 131072
    assert judge_fit(assumed, "vllm", machine(24), LoadOptions(few + 1)).fit is Fit.UNKNOWN
    assert largest_context(assumed, "vllm", machine(8), limit=131072) is None


def test_largest_context_at_its_ends():
    assert largest_context(LLAMA, "llama.cpp", machine(80), limit=8192) == 8192
    assert largest_context(BIG, "vllm", machine(24), limit=8192) == 0
    assert largest_context(VariantInputs(), "vllm", machine(24), limit=8192) is None
    assert largest_context(VariantInputs(), "vllm", machine(24)) is None


def test_accelerators_carry_their_sources():
    listed = accelerators()
    assert len(listed) > 400
    assert all(a.sources for a in listed)
    assert {"nvidia", "amd", "apple", "intel"} <= {a.vendor for a in listed}


@pytest.mark.parametrize(
    ("name", "memory", "gib", "gb_s"),
    [
        ("NVIDIA GeForce RTX 4090", None, 24, 1010),
        ("RTX 3060", 12, 12, 360),
        ("NVIDIA GeForce RTX 2080", 8, 8, 448),
        ("NVIDIA H20 96GB", 96, 96, 4000),
        ("Apple M4 Pro", 24, 24, 273),
    ],
)
def test_accelerators_are_found_by_whole_words(name, memory, gib, gb_s):
    found = find_accelerator(name, memory)
    assert found.memory == gib * GIB
    assert found.bandwidth == pytest.approx(gb_s * 1e9, rel=0.01)


@pytest.mark.parametrize("name", ["RTX", "4090 Foo", "RTX 40", "", "RTX 3060"])
def test_an_unclear_name_is_not_guessed(name):
    assert find_accelerator(name) is None


def test_unified_memory_leaves_room_for_the_system():
    apple = find_accelerator("Apple M4 Pro", 24)
    assert Hardware((apple,), 24 * GIB).usable() == (16 * GIB,)
    assert Hardware((apple,), 24 * GIB, unified_fraction=0.9).usable() == (round(21.6 * GIB),)
    assert unified_share(apple, 64 * GIB)[0] == 0.75


def test_vllm_sets_memory_aside_for_an_indexers_keys_and_scores():
    config = {
        "model_type": "deepseek_v32", "num_hidden_layers": 61, "hidden_size": 7168, "num_attention_heads": 128,
        "kv_lora_rank": 512, "qk_rope_head_dim": 64, "vocab_size": 129_280, "intermediate_size": 18_432,
    }  # fmt: skip
    told = {
        name: compute_buffer(
            from_config({**config, "model_type": name}), "vllm", CacheOptions(163_840), BufferOptions()
        )
        for name in ("deepseek_v3", "deepseek_v32")
    }
    # 825 MB of workspace, as the engine's own comment reckons, and 512 MiB of scores.
    assert told["deepseek_v32"].bytes - told["deepseek_v3"].bytes == 865_075_200 + 512 * 2**20


def test_llama_cpp_scores_every_token_for_sparse_attention():
    config = {
        "model_type": "deepseek_v3", "num_hidden_layers": 61, "hidden_size": 7168, "num_attention_heads": 128,
        "kv_lora_rank": 512, "qk_rope_head_dim": 64, "vocab_size": 129_280, "intermediate_size": 18_432,
    }  # fmt: skip
    plain = compute_buffer(from_config(config), "llama.cpp", CacheOptions(131_072), BufferOptions(output_rows=1))
    sparse = from_config({**config, "index_head_dim": 128})
    found = compute_buffer(sparse, "llama.cpp", CacheOptions(131_072), BufferOptions(output_rows=1))
    assert 4 * 131_072 * 512 <= found.bytes - plain.bytes <= 6 * 131_072 * 512
