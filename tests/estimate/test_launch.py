"""How engines are started by themselves, and what that means for the memory they take."""

import pytest

from compat.engines import all_profiles
from compat.engines.hardware import GIB, Accelerator, Hardware
from compat.estimate import LoadOptions, VariantInputs, estimate_memory, judge_fit, known_shape
from compat.estimate.cache_types import CACHE_TYPES, HAS_UBATCH, cache_types
from compat.estimate.launch import FEW_ROWS_SINCE, FOUR_SLOTS_SINCE, SPARE_CELL_SINCE, launch_of
from compat.estimate.quant import kv_bits

MIB = 1024 * 1024
CARD = Hardware((Accelerator("RTX 3090", "nvidia", "gpu", 24 * GIB),))
EIGHTY = Hardware((Accelerator("A100", "nvidia", "gpu", 80 * GIB),))
TWO_CARDS = Hardware((Accelerator("RTX 3090", "nvidia", "gpu", 24 * GIB),) * 2)
GEMMA = VariantInputs(known_shape("google/gemma-3-27b-it"), 16_546_688_736, quant="Q4_K_M")
HYBRID = VariantInputs(known_shape("Qwen/Qwen3.6-27B"), quant="Q4_K_M")
QWEN = VariantInputs(known_shape("Qwen/Qwen3-4B-Instruct-2507"), 2_899_221_600, quant="Q5_K_M")
# Widths of which llama.cpp 0c1e57098 logged its buffer on a processor, from files without weights, with one row.
EXPERTS = VariantInputs(known_shape("Qwen/Qwen3-30B-A3B"), quant="F16")
HYBRID_EXPERTS = VariantInputs(known_shape("Qwen/Qwen3.6-35B-A3B"), quant="F16")
MIXTRAL = VariantInputs(known_shape("mistralai/Mixtral-8x7B-v0.1"), quant="F16")
MISTRAL = VariantInputs(known_shape("mistralai/Mistral-Small-3.2-24B-Instruct-2506"), 16_763_987_360, quant="Q5_K_M")


def part(variant, name, engine="llama-cpp", hardware=CARD, **options):
    return estimate_memory(variant, engine, hardware, LoadOptions(**options)).component(name).bytes / MIB


@pytest.mark.parametrize(
    ("engine", "slots"),
    [
        *(("llama-cpp", 4), ("llamafile", 4), ("lm-studio", 4), ("jan", 2), ("ollama", 1), ("koboldcpp", 1)),
        *(("vllm", 1), ("mlx-lm", 1), ("transformers", 1)),
    ],
)
def test_an_engine_serves_as_many_at_once_as_its_own_default_says(engine, slots):
    one = part(HYBRID, "state", engine, parallel=1)
    assert part(HYBRID, "state", engine) == slots * one
    assert part(HYBRID, "state", engine, parallel=3) == 3 * one


def test_the_state_of_four_slots_is_what_llama_cpp_logs():
    assert part(HYBRID, "state") == pytest.approx(598.5, abs=0.1)


@pytest.mark.parametrize(("engine", "cells"), [("llama-cpp", 4608), ("jan", 2560), ("ollama", 1536)])
def test_windows_are_kept_for_every_slot(engine, cells):
    full = 10 * 32768 * 16 * 128 * 2 * 2
    assert part(GEMMA, "kv", engine, context=32768) * MIB == full + 52 * cells * 16 * 128 * 2 * 2


def test_koboldcpp_keeps_every_token_of_windowed_layers():
    assert part(GEMMA, "kv", "koboldcpp", context=32768) * MIB == 62 * 32768 * 16 * 128 * 2 * 2
    assert part(GEMMA, "kv", "koboldcpp", context=32768, swa_full=False) < 4000


def test_slots_share_one_cache_but_for_ollama_whose_slots_have_one_each():
    one = part(QWEN, "kv", "llama-cpp", parallel=1)
    assert part(QWEN, "kv", "llama-cpp", parallel=8) == one
    assert part(QWEN, "kv", "ollama", parallel=8) == 8 * one
    assert part(QWEN, "kv", "vllm", parallel=8) == 8 * one


@pytest.mark.parametrize(
    ("variant", "hardware", "options", "mib"),
    [
        (QWEN, CARD, {"context": 8192}, 83),
        (QWEN, CARD, {"context": 8192, "kv_type": "q8_0"}, 83),
        (QWEN, CARD, {"context": 32768, "kv_type": "q8_0", "parallel": 4, "unified_kv": False}, 162),
        (GEMMA, CARD, {"context": 32768}, 188),
        (GEMMA, CARD, {"context": 32768, "kv_type": "q8_0"}, 326),
        (MISTRAL, CARD, {"context": 32768, "kv_type": "q8_0"}, 252),
        (MISTRAL, TWO_CARDS, {"context": 8192}, 292),
        (MISTRAL, TWO_CARDS, {"context": 32768}, 388),
        (MISTRAL, TWO_CARDS, {"context": 32768, "flash_attention": False}, 2396),
    ],
)
def test_the_compute_buffer_is_what_llama_server_logs(variant, hardware, options, mib):
    """As logged by llama-server of July 2026 with one slot unless told, on each of its cards."""
    found = part(variant, "compute", hardware=hardware, **{"parallel": 1, **options}) / len(hardware.accelerators)
    assert found == pytest.approx(mib, rel=0.011)


@pytest.mark.parametrize(
    ("variant", "hardware", "options", "mib"),
    [
        (QWEN, CARD, {"context": 8192}, 4296),
        (GEMMA, CARD, {"context": 32768}, 19448),
        (MISTRAL, CARD, {"context": 32768, "kv_type": "q8_0"}, 18818),
        (MISTRAL, TWO_CARDS, {"context": 32768}, 22026),
    ],
)
def test_the_whole_is_what_nvidia_smi_tells_of_the_process(variant, hardware, options, mib):
    total = estimate_memory(variant, "llama-cpp", hardware, LoadOptions(parallel=1, **options)).total / MIB
    assert total == pytest.approx(mib, rel=0.01)


@pytest.mark.parametrize(
    ("variant", "mib"),
    [(EXPERTS, 92), (HYBRID_EXPERTS, 80), (MIXTRAL, 200), (HYBRID, 140)],
    ids=lambda value: str(value)[:9],
)
def test_the_buffer_holds_what_all_chosen_experts_make(variant, mib):
    """The processor's logs less its row of hidden values, of which a card keeps one fewer."""
    assert part(variant, "compute", hardware=EIGHTY, parallel=1) == pytest.approx(mib, rel=0.02)


def test_older_builds_start_one_slot_and_keep_logits_of_every_token():
    old, middle, new = (
        launch_of("llama-cpp", LoadOptions(build=build))
        for build in (FOUR_SLOTS_SINCE - 1, FEW_ROWS_SINCE - 1, FEW_ROWS_SINCE)
    )
    assert (old.slots, middle.slots, new.slots) == (1, 4, 4)
    assert (old.output_rows, middle.output_rows, new.output_rows) == (None, None, 4)
    assert launch_of("llama-cpp", LoadOptions()) == new
    vocabulary = 151_936 * 512 * 4 / MIB
    assert part(QWEN, "compute", build=FEW_ROWS_SINCE - 1) > vocabulary > 3 * part(QWEN, "compute")


def test_older_builds_keep_logits_of_every_token_under_ollama_too():
    assert launch_of("ollama", LoadOptions()).output_rows == 1
    assert launch_of("ollama", LoadOptions(build=FEW_ROWS_SINCE - 1)).output_rows is None


def test_release_0_5_gives_windows_a_spare_cell():
    before, since = (part(GEMMA, "kv", parallel=1, build=build) for build in (SPARE_CELL_SINCE - 1, SPARE_CELL_SINCE))
    assert (since - before) * MIB == 52 * 256 * 16 * 128 * 2 * 2


def test_a_program_that_calls_the_library_has_one_sequence_and_logits_of_every_token():
    launch = launch_of("llama-cpp", LoadOptions(library=True))
    assert (launch.slots, launch.output_rows) == (1, None)


def test_a_smaller_micro_batch_takes_less():
    needs = [judge_fit(GEMMA, "llama-cpp", CARD, LoadOptions(ubatch=ubatch)).need for ubatch in (128, 512, 2048)]
    assert needs == sorted(needs)
    assert needs[0] < needs[1] < needs[2]


def test_types_of_keys_and_values_count_each_for_itself():
    keys = part(QWEN, "kv", kv_type="q8_0", v_type="f16")
    values = part(QWEN, "kv", kv_type="f16", v_type="q8_0")
    both, none = part(QWEN, "kv", kv_type="q8_0"), part(QWEN, "kv")
    assert keys == values == (both + none) / 2
    # Either of them is copied to 16 bits for a layer's attention.
    assert part(QWEN, "compute", context=131072, kv_type="f16", v_type="q8_0") > part(QWEN, "compute", context=131072)


def test_every_type_of_every_engine_has_a_width_and_a_name():
    slugs = [profile.slug for profile in all_profiles().values()]
    assert {slug for slug in slugs if len(cache_types(slug).names) > 1} >= {"llama-cpp", "ollama", "vllm", "sglang"}
    assert set(HAS_UBATCH) <= set(slugs)
    for slug in slugs:
        types = cache_types(slug)
        assert types.takes("f16")
        assert not types.takes("turbo9")
        for name in types.names:
            assert name in CACHE_TYPES
            assert kv_bits(name)
