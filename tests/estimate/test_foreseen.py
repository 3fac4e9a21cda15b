"""The one card among several that Ollama takes for what seems to go there, and what it is told where it does not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compat.engines.hardware import GIB, Accelerator, Hardware
from compat.estimate import (
    LoadOptions,
    ModelFiles,
    VariantInputs,
    device_needs,
    estimate_memory,
    estimate_reading,
    estimate_speed,
    judge_fit,
    make_plans,
)
from compat.estimate.fit import Fit
from compat.estimate.foreseen import foreseen_cache, lone_card
from compat.estimate.need_columns import FITS, NeedColumns
from compat.estimate.plan import Change
from compat.shapes.known import known_shape

SHAPE = known_shape("mistralai/Mistral-7B-v0.1")
MISTRAL = VariantInputs(SHAPE, 4_368_439_584, SHAPE.parameters, "Q4_K_M", 0, "gguf")
# Keys and values of 128, where hidden size by heads is 64: half of the cache is foreseen.
NARROW = known_shape("Qwen/Qwen3-30B-A3B")
SMALL = VariantInputs(NARROW, 11_258_609_728, NARROW.parameters, "Q2_K", 0, "gguf")
LONG = LoadOptions(context=160_000)


def card(memory, name="card", bandwidth=1e12):
    return Accelerator(name, "nvidia", "gpu", memory, bandwidth, 150.0, compute_capability=8.9)


def machine(*sizes, ram=None):
    return Hardware(tuple(card(size, f"card {n}") for n, size in enumerate(sizes)), ram, 8e10)


def foreseen(variant, context):
    shape = variant.shape
    return variant.file_bytes + foreseen_cache(shape.layers, shape.kv_heads, shape.hidden, shape.heads, context)


def plans(variant, hardware, options=None):
    model = ModelFiles("a/B-GGUF", "gguf", variant.quant, ("B.gguf",))
    return make_plans(variant, "ollama", hardware, options, model=model)


def test_one_byte_decides_between_one_card_and_all():
    # Four fifths of a card, as the server divides them: in whole bytes.
    room = next(x for x in range(foreseen(MISTRAL, 8192) * 5 // 4, 2**63) if x * 80 // 100 >= foreseen(MISTRAL, 8192))
    alone = judge_fit(MISTRAL, "ollama", machine(room, room))
    assert alone.estimate.cards == (0,)
    assert len(alone.estimate.per_device) == 1
    shared = judge_fit(MISTRAL, "ollama", machine(room - 1, room - 1))
    assert shared.estimate.cards is None
    assert len(shared.estimate.per_device) == 2
    # A context of a token more may foresee more.
    assert judge_fit(MISTRAL, "ollama", machine(room, room), LoadOptions(context=8193)).estimate.cards is None


def test_what_lies_on_one_card_needs_what_it_needs_where_there_is_no_other():
    found, only = (judge_fit(MISTRAL, "ollama", machine(*sizes)) for sizes in ((24 * GIB, 24 * GIB), (24 * GIB,)))
    assert (found.fit, found.need, found.room) == (only.fit, only.need, only.room)
    assert found.sentence == only.sentence.replace(" at ", " on one of the 2 GPUs at ")
    assert [one.name for one in device_needs(found, "ollama", machine(24 * GIB, 24 * GIB), LoadOptions())] == ["card 0"]


def test_it_is_the_card_with_most_memory_and_the_first_of_those():
    assert [lone_card("ollama", machine(*sizes)) for sizes in ((8, 24, 24), (24, 8), (24,), ())] == [1, 0, None, None]
    assert lone_card("ollama", Hardware((card(24), card(None)))) is None
    assert lone_card("llama.cpp", machine(24, 24)) is None
    hardware = Hardware((card(8 * GIB, "small", 2e11), card(24 * GIB, "large")))
    fit = judge_fit(MISTRAL, "ollama", hardware)
    assert [one.name for one in device_needs(fit, "ollama", hardware, LoadOptions())] == ["large"]
    alone = Hardware((card(24 * GIB, "large"),))
    for estimate in (estimate_speed, lambda *asked: estimate_reading(*asked, prompt=4096)):
        assert estimate(MISTRAL, "ollama", hardware, fit) == estimate(
            MISTRAL, "ollama", alone, judge_fit(MISTRAL, "ollama", alone)
        )


@pytest.mark.parametrize("unknown", [replace(MISTRAL, shape=None), replace(MISTRAL, file_bytes=None, parameters=None)])
def test_of_what_is_not_known_no_card_is_chosen(unknown):
    unknown = replace(unknown, quant="no such packing") if unknown.file_bytes is None else unknown
    assert judge_fit(unknown, "ollama", machine(80 * GIB, 80 * GIB)).estimate.cards is None


def test_what_is_foreseen_too_small_is_told_to_take_all_cards():
    two = machine(24 * GIB, 24 * GIB, ram=64 * GIB)
    assert estimate_memory(SMALL, "ollama", two, LONG).cards == (0,)
    assert judge_fit(SMALL, "ollama", machine(24 * GIB, ram=64 * GIB), LONG).fit is Fit.PARTIAL
    found = judge_fit(SMALL, "ollama", two, LONG)
    assert found.fit in (Fit.FITS, Fit.TIGHT)
    assert found.spread
    assert found.left_out == (
        "Set OLLAMA_SCHED_SPREAD to 1 for Ollama: by itself it takes one of the 2 GPUs, which is too small."
    )
    (plan,) = plans(SMALL, two, LONG).plans
    assert plan.line.lines[0] == "OLLAMA_SCHED_SPREAD=1 ollama serve"
    assert len(plan.needs) == 2


def test_what_no_cards_hold_lies_in_part_on_the_one_it_chooses():
    two = machine(9 * GIB, 9 * GIB, ram=64 * GIB)
    one = machine(9 * GIB, ram=64 * GIB)
    large = replace(SMALL, file_bytes=2 * GIB)
    options = LoadOptions(context=90_000, flash_attention=False)
    assert estimate_memory(large, "ollama", two, replace(options, spread=True)).per_device[0] > 9 * GIB
    found, alone = judge_fit(large, "ollama", two, options), judge_fit(large, "ollama", one, options)
    assert (found.fit, found.need, found.host_need) == (Fit.PARTIAL, alone.need, alone.host_need)
    assert "the one GPU that Ollama takes has 9.0 GiB" in found.sentence
    assert found.left_out == "Ollama by itself takes one of the 2 GPUs alone for it."


def test_what_fits_nowhere_is_told_by_all_cards():
    found = judge_fit(replace(SMALL, projector_bytes=60 * GIB), "ollama", machine(24 * GIB, 24 * GIB))
    assert found.fit is Fit.TOO_LARGE
    assert not found.spread
    assert found.sentence.endswith("on its fullest device.")


def test_a_plan_on_one_card_says_so_and_how_to_share_it_out():
    (plan,) = plans(MISTRAL, machine(24 * GIB, 24 * GIB)).plans
    assert [one.name for one in plan.needs] == ["card 0"]
    assert plan.line.note.startswith("Ollama takes the card with most free memory alone")
    assert not plans(MISTRAL, machine(24 * GIB)).plans[0].line.note


def test_what_one_card_holds_though_it_seems_not_to_can_be_told_to_lie_there():
    room = 5 * foreseen(MISTRAL, 8192) // 4 - GIB // 4
    for sizes, number in (((room, room), 0), ((4 * GIB, room), 1)):
        hardware = machine(*sizes)
        assert judge_fit(MISTRAL, "ollama", hardware).estimate.devices == 2
        _, alone = plans(MISTRAL, hardware).plans
        assert alone.changes == (Change.CARDS,)
        assert f"'PARAMETER main_gpu {number}'" in alone.line.lines[0]
        assert not alone.line.note
        assert alone.fit == judge_fit(MISTRAL, "ollama", machine(room))


@given(
    st.sampled_from([MISTRAL, SMALL, replace(SMALL, file_bytes=2 * GIB), replace(MISTRAL, projector_bytes=3 * GIB)]),
    st.lists(st.integers(2 * GIB, 30 * GIB), min_size=1, max_size=3),
    st.sampled_from([None, 4 * GIB, 64 * GIB]),
    st.integers(512, 200_000),
    st.sampled_from(["f16", "q8_0"]),
)
def test_columns_say_the_same_of_every_machine(variant, sizes, ram, context, kv):
    hardware, options = machine(*sizes, ram=ram), LoadOptions(context=context, kv_type=kv)
    columns = NeedColumns.of([variant], "ollama")
    fit, fits = judge_fit(variant, "ollama", hardware, options), columns.fits(hardware, options)
    assert FITS[fits[0]] is fit.fit
    speed = columns.speeds(fits, columns.shares_read(fits, hardware, options), hardware, kv)[0]
    told = estimate_speed(variant, "ollama", hardware, fit, kv_type=kv).tokens_per_second
    assert (None if speed != speed else speed) == told
