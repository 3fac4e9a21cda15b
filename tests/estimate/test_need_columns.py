"""Columns of needs say, to the byte, what one estimate after the other says, of every kind on every machine."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from functools import cache
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compat.engines.hardware import GIB, Accelerator, Hardware
from compat.estimate import (
    LoadOptions,
    VariantInputs,
    complete,
    estimate_memory,
    estimate_speed,
    from_config,
    judge_fit,
    known_shape,
    most_speed,
)
from compat.estimate.fit import Fit, rooms_of
from compat.estimate.foreseen import lone_card
from compat.estimate.launch import Aside
from compat.estimate.need_columns import BARRED, DOUBTED, FITS, KEPT, UNKNOWN, NeedColumns
from compat.extraction.extract import extract
from compat.hub.payloads import parse_record
from compat.shapes.layer_facts import shape_facts
from compat.shapes.tensor_bytes import TensorBytes
from tests.samples import GEMMA_3, every_record

ENGINES = (
    *("llama-cpp", "ollama", "lm-studio", "jan", "koboldcpp", "vllm", "sglang", "tensorrt-llm", "tgi", "transformers"),
    *("mlx-lm", "exllamav3", "rbee", "rbee-worker", "lmdeploy"),
    "text-embeddings-inference",
)


def card(gib, vendor="nvidia", kind="gpu", capability=None):
    return Accelerator(
        f"{gib} GiB", vendor, kind, None if gib is None else round(gib * GIB), compute_capability=capability
    )


MACHINES = {
    "one card": Hardware((card(24),)),
    "a small card and system memory": Hardware((card(6),), 64 * GIB),
    "two cards that compute neither bfloat16 nor FP8": Hardware((card(12, capability=7.5),) * 2, 32 * GIB),
    "unlike cards": Hardware((card(24), card(8)), 48 * GIB),
    "eight cards of Ampere, which read no finer blocks": Hardware((card(24, capability=8.0),) * 8),
    "seven cards, by which few heads divide": Hardware((card(80, "amd"),) * 7),
    "three cards, of which many models use two": Hardware((card(16),) * 3),
    "unified memory": Hardware((card(36, "apple", "unified"),), 36 * GIB),
    "the processor alone": Hardware((), 16 * GIB),
    "a card of unknown size": Hardware((card(None),)),
    "nothing that is told": Hardware(),
}
OPTIONS = (
    LoadOptions(),
    LoadOptions(context=131_072, kv_type="q8_0"),
    LoadOptions(context=777, kv_type="q4_0", v_type="q8_0", parallel=3, ubatch=128),
    LoadOptions(kv_type="fp8"),
    LoadOptions(kv_type="8bit", context=32_768),
    LoadOptions(parallel=2, unified_kv=False, swa_full=True, flash_attention=False, build=11_500, library=True),
)
QUANTS = (None, None, "Q4_K_M", "Q8_0", "IQ2_XXS", "BF16", "AWQ", "GPTQ-Int4", "GPTQ-Int8", "FP8", "MXFP4", "AutoRound")


LATENT = {
    "num_hidden_layers": 27, "hidden_size": 2048, "num_attention_heads": 16, "num_key_value_heads": 16,
    "kv_lora_rank": 512, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128, "vocab_size": 102_400,
    "intermediate_size": 10_944, "moe_intermediate_size": 1408, "n_routed_experts": 64, "num_experts_per_tok": 6,
    "first_k_dense_replace": 1, "n_shared_experts": 2, "max_position_embeddings": 163_840,
}  # fmt: skip


@cache
def variants():
    """Every kind of model there is among the records, in builds of every kind, with and without the files' sizes."""
    chance = random.Random(7)
    shapes = {None: None}
    for item in every_record():
        parsed = parse_record(item)
        facts = shape_facts(parsed.model.config)
        if facts:
            parameters = extract(parsed.model).parameters.value
            shapes[facts, parameters] = complete(from_config(json.loads(facts), parameters))
    for name in ("mistralai/Mistral-7B-v0.1", "google/gemma-2-9b", "openai/gpt-oss-20b", "deepseek-ai/DeepSeek-V3"):
        shapes[name] = known_shape(name)
    # Sparse attention, whose indexer keeps keys in layers of its own, and latent attention kept as full heads.
    latent = {**LATENT, "index_head_dim": 128, "index_topk_freq": 4}
    shapes["indexed"] = from_config({**latent, "model_type": "glm_moe_dsa"})
    shapes["full heads"] = from_config({**LATENT, "model_type": "deepseek_v2"})
    # Of a repository whose files are not listed, any of them may be taken.
    some_files = [
        VariantInputs(known_shape(name), None, known_shape(name).parameters, None, 0, "gguf")
        for name in ("mistralai/Mistral-7B-v0.1", "google/gemma-2-9b", "openai/gpt-oss-20b", "deepseek-ai/DeepSeek-V3")
    ]
    # Packed in groups and blocks that few numbers of devices leave whole, and a model that float16 does not suit.
    shapes["groups"] = replace(known_shape("Qwen/Qwen2.5-72B-Instruct"), ffn=29568, pack_group=128)
    shapes["blocks"] = replace(known_shape("Qwen/Qwen3-30B-A3B"), expert_ffn=640, shared_ffn=512, pack_block=128)
    shapes["no float16"] = from_config(GEMMA_3)
    shapes["experts rounded up"] = known_shape("openai/gpt-oss-120b")
    found = [*some_files, VariantInputs(None, None, 7_000_000_000, None, 0, "gguf")]
    # What hears keeps a recording in every layer, whatever the context.
    hears = known_shape("openai/whisper-large-v3-turbo")
    found += [VariantInputs(hears, size, 808_878_080, "F16", 0, "safetensors") for size in (None, 1_617_756_160)]
    for name in ("groups", "blocks", "no float16", "experts rounded up"):
        shape = shapes.pop(name)
        found += [
            VariantInputs(shape, size, shape.parameters, quant, 0, "safetensors")
            for quant in (None, "BF16", "AWQ", "FP8", "MXFP4")
            for size in (None, 20_000_000_000)
        ]
    for shape in shapes.values():
        for quant in chance.sample(QUANTS, 3):
            count = shape.parameters if shape is not None else chance.choice([None, 7_000_000_000])
            size = chance.choice([None, chance.randrange(10**8, 10**11)])
            projector, usual = chance.choice([(0, 0), (0, 1_200_000_000), (0, 40 * 10**9), (900_000_000, 0), (None, 0)])
            format_ = chance.choice(["gguf", "safetensors"])
            head, embed = chance.choice([0, 10**8]), chance.randrange(10**7, 10**8)
            listed = TensorBytes(chance.randrange(10**9, 10**11), embed, head, 0, chance.choice([0, 7 * 10**8]))
            found.append(
                VariantInputs(
                    shape,
                    size,
                    chance.choice([count, None]),
                    quant,
                    projector,
                    format_,
                    bits=chance.choice([None, None, 4.5]),
                    width_assumed=quant == "BF16" and chance.random() < 0.5,
                    doubt=chance.choice(["", "", "", "how many there are"]),
                    tensors=listed if format_ == "gguf" and chance.random() < 0.5 else None,
                    embeds=(shape is not None and shape.encoder) or chance.random() < 0.1,
                    projector_usual=usual,
                    layers_guessed=chance.random() < 0.2,
                )
            )
    return found


def told(number):
    return UNKNOWN if number is None else number


def needs_on(columns, machine, options):
    found = columns.needs(machine, options)
    return found, found.by_device(machine, columns.engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_kind_needs_what_its_own_estimate_says(engine):
    given_variants = variants()
    columns = NeedColumns.of(given_variants, engine)
    places = {
        place: (runtime, row)
        for runtime, (rows, _) in enumerate(columns.by_runtime())
        for row, place in enumerate(rows.tolist())
    }
    assert sorted(places) == list(range(len(given_variants)))
    seen = set()
    for at, machine in enumerate(MACHINES.values()):
        for number, options in enumerate(OPTIONS):
            fits, bars = columns.fits(machine, options), columns.bars(machine, options)
            chosen = lone_card(engine, machine)
            needs = {
                cards: [needs_on(part, machine.with_cards(cards), options) for _, part in columns.by_runtime()]
                for cards in (None, *([(chosen,)] if chosen is not None else []))
            }
            # Told nothing, every kind on every machine; of the other options a third, another one on each machine.
            first, step = (0, 1) if options == LoadOptions() else ((at + number) % 3, 3)
            for place, variant in islice(enumerate(given_variants), first, None, step):
                runtime, row = places[place]
                expected = judge_fit(variant, engine, machine, options)
                estimate = expected.estimate
                found, devices = needs[estimate.cards][runtime]
                rooms = rooms_of(machine.with_cards(estimate.cards), engine, options)
                where = (engine, machine, options.context, variant)
                assert {part.name: told(part.bytes) for part in estimate.components} == {
                    name: int(column[row]) for name, column in found.parts.items()
                }, where
                assert (found.total[row], found.floor[row]) == (told(estimate.total), estimate.floor), where
                assert FITS[fits[place]] is expected.fit, where
                told_bar = BARRED if expected.fit is Fit.CACHE else DOUBTED if expected.doubt else KEPT
                assert bars[place] == told_bar, where
                seen.add(expected.fit)
                if estimate.per_device is not None:
                    assert found.host[row] == estimate.host, where
                    each = [int(used[row]) for used, _ in devices[: len(estimate.per_device)]]
                    assert tuple(each) == estimate.per_device, where
                    if rooms is not None and expected.need is not None and expected.host_need is None:
                        assert found.on_fullest(devices, rooms)[0][row] == expected.need, where
    assert len(seen) >= 4


@given(
    st.lists(st.integers(1, 200), min_size=1, max_size=4),
    st.one_of(st.none(), st.integers(1, 900)),
    st.integers(1, 300_000),
    st.sampled_from(["f16", "q8_0", "q4_0", "fp8", "8bit"]),
    st.one_of(st.none(), st.integers(1, 16)),
    st.one_of(st.none(), st.sampled_from([32, 512, 4096])),
    st.sampled_from(ENGINES),
)
def test_a_machine_never_seen_before_is_judged_as_one_by_one(cards, ram, context, kv, slots, ubatch, engine):
    machine = Hardware(tuple(card(gib) for gib in cards), None if ram is None else ram * GIB)
    options = LoadOptions(context=context, kv_type=kv, parallel=slots, ubatch=ubatch)
    some = variants()[::29]
    codes = NeedColumns.of(some, engine).fits(machine, options)
    assert [FITS[code] for code in codes] == [judge_fit(one, engine, machine, options).fit for one in some]


def test_one_byte_decides():
    shape = known_shape("mistralai/Mistral-7B-v0.1")
    variant = VariantInputs(shape, 4_000_000_000, shape.parameters, "Q4_K_M", 0, "gguf")
    for engine in ENGINES:
        # Of a card whose memory nobody told, as an engine may take more where there is more.
        (need,) = estimate_memory(variant, engine, Hardware((Accelerator("card", "nvidia", "gpu"),))).per_device
        columns = NeedColumns.of([variant], engine)
        found = []
        for room in (need - 1, need):
            share = 0.92 if engine in ("vllm", "sglang", "tensorrt-llm") else 1
            machine = Hardware((Accelerator("card", "nvidia", "gpu", round(room / share)),))
            found.append(FITS[columns.fits(machine)[0]])
            assert found[-1] is judge_fit(variant, engine, machine).fit
        if share == 1:
            assert found[0] != found[1]


def test_columns_can_be_taken_apart_and_put_together():
    some = variants()[:60]
    whole = NeedColumns.of(some, "vllm")
    parts = [NeedColumns.of(some[start : start + 20], "vllm") for start in (0, 20, 40)]
    joined = NeedColumns.joined(parts, "vllm")
    order = np.random.default_rng(3).permutation(len(some))
    for machine in MACHINES.values():
        assert joined.fits(machine).tolist() == whole.fits(machine).tolist()
        assert joined.taken(order).fits(machine).tolist() == whole.fits(machine)[order].tolist()


def test_no_variants_need_nothing():
    for machine in MACHINES.values():
        assert len(NeedColumns.of((), "llama-cpp").fits(machine)) == 0


@pytest.mark.parametrize("name", ["openai/gpt-oss-20b", "Qwen/Qwen3-30B-A3B", "deepseek-ai/DeepSeek-V3"])
@pytest.mark.parametrize("cards", [(0.4,), (0.7,), (0.3, 0.3), (0.5, 0.2)])
def test_experts_that_go_where_whole_layers_just_do_not_are_a_way_to_run_it(name, cards):
    shape = known_shape(name)
    count = shape.parameters or 30_500_000_000
    size = count * 5 // 8
    variant = VariantInputs(shape, size, count, "Q4_K_M", 0, "gguf")
    columns = NeedColumns.of([variant], "llama-cpp")
    options = LoadOptions(context=8192)

    def judged(memory, aside=None):
        machine = Hardware(tuple(card(size * share / GIB) for share in cards), memory)
        return judge_fit(variant, "llama-cpp", machine, replace(options, aside=aside)), machine

    by_experts, by_layers = (
        next(memory for memory in range(2**20, 2 * size, size // 200) if judged(memory, aside)[0].fit is Fit.PARTIAL)
        for aside in (Aside.EXPERTS, Aside.LAYERS)
    )
    seen = set()
    for memory in range(min(by_experts, by_layers) - size // 100, max(by_experts, by_layers) + size // 50, size // 400):
        found, machine = judged(memory)
        ways = {judged(memory, aside)[0].fit for aside in (Aside.EXPERTS, Aside.LAYERS)}
        assert (found.fit is Fit.PARTIAL) == (Fit.PARTIAL in ways)
        for aside in (None, Aside.EXPERTS, Aside.LAYERS):
            expected = judged(memory, aside)[0].fit
            assert FITS[columns.fits(machine, replace(options, aside=aside))[0]] is expected
        seen.add(found.fit)
    assert seen == {Fit.PARTIAL, Fit.TOO_LARGE}


SPEEDY = {
    "a card": Hardware((Accelerator("card", "nvidia", "gpu", 24 * GIB, 1008e9, compute_capability=8.9),)),
    "a small card and system memory": Hardware(
        (Accelerator("card", "nvidia", "gpu", 6 * GIB, 360e9, compute_capability=7.5),), 96 * GIB, 80e9
    ),
    "two cards and system memory": Hardware(
        (Accelerator("card", "nvidia", "gpu", 12 * GIB, 500e9, compute_capability=8.6),) * 2, 64 * GIB, 60e9
    ),
    "unlike cards": Hardware(
        (
            Accelerator("card", "nvidia", "gpu", 24 * GIB, 1008e9),
            Accelerator("other", "amd", "gpu", 8 * GIB, 500e9),
        ),
        64 * GIB,
    ),
    "three cards, of which many models use two": Hardware(
        (Accelerator("card", "nvidia", "gpu", 40 * GIB, 1500e9, compute_capability=8.0),) * 3
    ),
    "Apple silicon": Hardware((Accelerator("M", "apple", "unified", 48 * GIB, 400e9),), 48 * GIB),
    "the processor": Hardware((), 64 * GIB, 89.6e9),
    "the processor, whose memory's speed is not told": Hardware((), 64 * GIB),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("machine", SPEEDY.values(), ids=SPEEDY)
def test_columns_have_the_very_speeds_that_are_told_one_by_one(engine, machine):
    for number, options in enumerate((LoadOptions(), LoadOptions(context=32_768, kv_type="q8_0"))):
        some = variants()[number::3]
        columns = NeedColumns.of(some, engine)
        fits = columns.fits(machine, options)
        read = columns.shares_read(fits, machine, options)
        found = columns.speeds(fits, read, machine, options.kv_type)
        bounds = columns.speeds(fits, read, machine, options.kv_type, at_most=True)
        for variant, speed, bound, full in zip(some, found.tolist(), bounds.tolist(), read.crowded, strict=True):
            fit = judge_fit(variant, engine, machine, options)
            assert full == fit.crowded, (variant, fit.sentence)
            expected = estimate_speed(variant, engine, machine, fit, kv_type=options.kv_type).tokens_per_second
            assert (None if np.isnan(speed) else speed) == expected, (variant, fit.sentence)
            most = most_speed(variant, engine, machine, fit, kv_type=options.kv_type)
            assert (None if np.isnan(bound) else bound) == most, (variant, fit.sentence)
            assert expected is None or expected <= most


def test_speeds_are_told_of_every_way_to_lie_on_a_machine():
    """What the test above compares is not nothing: whole, split, cut, with layers and with experts in system memory."""
    seen = set()
    for engine, name in (("llama-cpp", "a small card and system memory"), ("ollama", "two cards and system memory")):
        columns, machine = NeedColumns.of(variants(), engine), SPEEDY[name]
        fits = columns.fits(machine)
        read = columns.shares_read(fits, machine)
        told = ~np.isnan(columns.speeds(fits, read, machine))
        apart, full = read.share[told] < 1, read.crowded[told]
        seen |= set(zip(apart.tolist(), read.experts[told].tolist(), full.tolist(), strict=True))
    ways = {(False, False), (True, False), (True, True)}
    assert {one[:2] for one in seen} == ways
    assert {full for apart, _, full in seen if apart} == {False, True}
    assert not any(full for apart, _, full in seen if not apart)
