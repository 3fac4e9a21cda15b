"""The micro-batch that Ollama chooses by itself: by the context, and by the room it sees beside weights and cache."""

import pytest

from compat.engines.hardware import GIB, Accelerator, Hardware
from compat.estimate import LoadOptions, VariantInputs, estimate_memory, judge_fit
from compat.estimate.foreseen import foreseen_cache
from compat.estimate.micro_batch import batches_for, takes_batch
from compat.shapes.known import known_shape

MIB = 1024**2
SHAPE = known_shape("mistralai/Mistral-7B-v0.1")
MISTRAL = VariantInputs(SHAPE, 4_368_439_584, SHAPE.parameters, "Q4_K_M", 0, "gguf")


def cards(*sizes: int) -> Hardware:
    return Hardware(tuple(Accelerator("card", "nvidia", "gpu", size) for size in sizes))


def chosen(hardware: Hardware | None, context: int, variant: VariantInputs = MISTRAL, engine: str = "ollama") -> int:
    """The batch that gives the same compute buffer where it is told."""
    own = estimate_memory(variant, engine, hardware, LoadOptions(context=context)).component("compute").bytes
    same = [
        batch
        for batch in (256, 512, 1024, 2048)
        if estimate_memory(variant, engine, hardware, LoadOptions(context=context, ubatch=batch))
        .component("compute")
        .bytes
        == own
    ]
    (batch,) = same
    return batch


@pytest.mark.parametrize(
    ("context", "batch"), [(4096, 512), (4097, 1024), (8192, 1024), (32_768, 1024), (32_769, 2048)]
)
def test_more_tokens_are_computed_in_larger_batches_where_there_is_room(context, batch):
    assert chosen(cards(80 * GIB), context) == batch


def test_a_batch_that_is_told_is_taken_as_it_is():
    told = estimate_memory(MISTRAL, "ollama", cards(80 * GIB), LoadOptions(context=40_000, ubatch=512))
    assert told.component("compute").bytes == pytest.approx(
        estimate_memory(MISTRAL, "ollama", cards(80 * GIB), LoadOptions(context=40_000)).component("compute").bytes / 4,
        rel=0.05,
    )


def test_other_engines_of_the_family_keep_theirs():
    assert chosen(cards(80 * GIB), 40_000, engine="llama-cpp") == 512


# At 8,192 tokens a gibibyte of cache is foreseen: 32 layers, 8 heads of 128 keys and values, in 16 bits.
CACHE = 32 * 8 * 128 * 2 * 2 * 8192


def test_the_cache_is_foreseen_in_16_bits_and_whole_heads():
    assert foreseen_cache(32, 8, 4096, 32, 8192) == CACHE == GIB
    assert foreseen_cache(32, 0, 4096, 0, 8192) == 0


@pytest.mark.parametrize(
    ("batch", "foreseen", "room", "taken"),
    [
        # Three quarters of the room, where that is the tighter bound.
        (1024, 30 * GIB, 40 * GIB, True),
        (1024, 30 * GIB, 40 * GIB - 4, False),
        # 768 MiB more within four fifths.
        (1024, 8 * GIB - 768 * MIB, 10 * GIB, True),
        (1024, 8 * GIB - 768 * MIB + 1, 10 * GIB, False),
        # Three fifths of the room, and 2 GiB more within four.
        (2048, 30 * GIB, 50 * GIB, True),
        (2048, 30 * GIB + 1, 50 * GIB, False),
        (2048, 2 * GIB, 5 * GIB, True),
        (2048, 2 * GIB + 1, 5 * GIB, False),
    ],
)
def test_one_byte_decides_about_the_batch(batch, foreseen, room, taken):
    assert bool(takes_batch(batch, foreseen - CACHE, CACHE, cards(room))) is taken


def test_what_one_card_holds_has_the_room_of_that_card_alone():
    # At 20,480 tokens 7.07 GB are foreseen: all of what one of two cards may be filled with, or little of both.
    need = MISTRAL.file_bytes + CACHE * 20_480 // 8192
    room = -(-need * 5 // 4)
    assert chosen(cards(room, room), 20_480) == 512
    assert chosen(cards(room - 1, room - 1), 20_480) == 1024


def test_weights_that_are_not_known_get_no_larger_batch():
    assert not takes_batch(1024, -1, 0, cards(80 * GIB))
    assert not takes_batch(1024, -1, 0, Hardware())


def test_where_no_room_is_told_the_need_is_that_of_the_smallest_machine_that_holds_it():
    assert chosen(None, 40_000) == chosen(Hardware((Accelerator("card", "nvidia", "gpu"),)), 40_000) == 512


def test_on_a_processor_the_context_alone_decides():
    assert chosen(Hardware(system_memory=8 * GIB), 40_000) == 2048


def test_cuda_without_flash_attention_keeps_the_usual_batch_and_small_cards_half_of_it():
    assert batches_for(40_000, cards(24 * GIB), flash_attention=False) == (512,)
    assert batches_for(4097, cards(8 * GIB), flash_attention=False) == (256,)
    assert batches_for(4096, cards(8 * GIB), flash_attention=False) == (512,)
    assert batches_for(40_000, Hardware(), flash_attention=False) == (512, 1024, 2048)


def test_a_larger_batch_never_makes_a_model_too_large():
    for tenths in range(40, 200):
        room = tenths * GIB // 10
        own = judge_fit(MISTRAL, "ollama", cards(room), LoadOptions(context=8192))
        usual = judge_fit(MISTRAL, "ollama", cards(room), LoadOptions(context=8192, ubatch=512))
        assert (own.fit == usual.fit) or own.need <= 0.8 * room + 768 * MIB, tenths
        assert own.need >= usual.need
        assert own.fit != "too large" or usual.fit == "too large"
