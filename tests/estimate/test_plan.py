"""The ways to run a variant: what each holds where, when one takes the place of another, and what is typed for it."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compat.engines.hardware import GIB
from compat.estimate import (
    Accelerator,
    Fit,
    Hardware,
    LoadOptions,
    ModelFiles,
    VariantInputs,
    estimate_memory,
    find_shape,
    judge_fit,
    make_plans,
    rooms_of,
)
from compat.estimate.launch import Aside
from compat.estimate.memory import variant_weights
from compat.estimate.plan import MOST_PLANS, SHORTEST_CONTEXT, Change
from compat.estimate.run_line import CHOOSES_CARDS
from compat.estimate.token_work import experts_held

TEXT = VariantInputs(find_shape("Llama-3.1-8B"), quant="Q4_K_M", format="gguf")
LARGE = VariantInputs(find_shape("Llama-3.3-70B"), quant="Q4_K_M", format="gguf")
EXPERTS = VariantInputs(find_shape("Qwen/Qwen3-30B-A3B"), quant="Q4_K_M", format="gguf")
HALVES = VariantInputs(find_shape("Llama-3.1-8B"), quant="bf16", format="safetensors")
WINDOWS = VariantInputs(find_shape("google/gemma-3-27b-it"), quant="Q4_K_M", format="gguf")
VISION = VariantInputs(find_shape("gemma-3-4b"), quant="Q4_K_M", format="gguf", projector_bytes=851_251_328)
MODEL = ModelFiles("org/name", "gguf", "Q4_K_M", context=16_384)


def card(memory, name="card", bandwidth=5e11):
    return Accelerator(name, "nvidia", "gpu", memory, bandwidth, compute_capability=8.9)


def cards(*gib, ram=None):
    return Hardware(tuple(card(round(one * GIB)) for one in gib), None if ram is None else ram * GIB, 8e10)


def plans(variant, engine, hardware, options=None):
    model = replace(MODEL, format=variant.format or "", quantization=variant.quant or "")
    return make_plans(variant, engine, hardware, options, model=model)


def changes(variant, engine, hardware, options=None):
    return [plan.changes for plan in plans(variant, engine, hardware, options).plans]


# --- borders: one byte to each side ----------------------------------------------------------------------------


def whole(variant, engine, hardware, options):
    """Every device has room for its part of the whole need."""
    needs = estimate_memory(variant, engine, hardware, options).per_device
    return all(need <= room for need, room in zip(needs, rooms_of(hardware, engine, options), strict=False))


def split(variant, engine, hardware, options):
    """With the head and some number of layers on the one card, system memory has room for the others."""
    estimate = estimate_memory(variant, engine, hardware, options)
    size = {part.name: part.bytes for part in estimate.components}
    layered = size["weights"] + size["kv"] + size["state"] - estimate.head
    stays = size["compute"] + size["overhead"] + size["projector"] + estimate.head
    room, beside = rooms_of(hardware, engine, options)[0], round(hardware.system_memory * 0.9)
    layers = variant.shape.layers
    return any(
        stays + layered * kept // layers <= room and estimate.host + layered - layered * kept // layers <= beside
        for kept in range(1, layers)
    )


def without_experts(variant, engine, hardware, options):
    """The one card has room for all but the experts."""
    need = estimate_memory(variant, engine, hardware, options).per_device[0]
    held = experts_held(variant.shape, variant_weights(variant, "llama.cpp"), "llama.cpp", variant.quant)
    return need - held <= rooms_of(hardware, engine, options)[0]


def experts_beside(variant, engine, hardware, options):
    """With the experts aside of as few first layers as the card asks for, system memory has room for these."""
    estimate = estimate_memory(variant, engine, hardware, options)
    held = experts_held(variant.shape, variant_weights(variant, "llama.cpp"), "llama.cpp", variant.quant)
    need, layers = estimate.per_device[0], variant.shape.layers
    room, beside = rooms_of(hardware, engine, options)[0], round(hardware.system_memory * 0.9)
    gone = next(number for number in range(1, layers + 1) if need - held * number // layers <= room)
    return estimate.host + held * gone // layers <= beside


def on_one(variant, engine, hardware, options):
    """One card alone has room for the whole need."""
    return whole(variant, engine, replace(hardware, accelerators=hardware.accelerators[:1]), options)


def asking(**other) -> Callable[..., bool]:
    """The whole need at other options."""
    return lambda variant, engine, hardware, options: whole(variant, engine, hardware, replace(options, **other))


@dataclass(frozen=True)
class Border:
    """A machine of which one memory is moved, and the plans one byte under and at the point where something holds."""

    name: str
    variant: VariantInputs
    engine: str
    machine: Callable[[int], Hardware]
    holds: Callable[..., bool]
    below: list[tuple[Change, ...]]
    at: list[tuple[Change, ...]]
    options: LoadOptions = LoadOptions()  # noqa: RUF009 - immutable


def alone(ram=None):
    return lambda moved: Hardware((card(moved),), None if ram is None else ram * GIB)


def unified(moved):
    return Hardware((Accelerator("mac", "apple", "unified", moved),), moved)


CACHE, CONTEXT, SLOTS, LAYERS = (Change.CACHE,), (Change.CONTEXT,), (Change.SLOTS,), (Change.LAYERS,)
LONG = LoadOptions(context=65_536)
BORDERS = [
    Border("one card for all", TEXT, "llama-cpp", alone(), whole, [CACHE, CONTEXT], [()]),
    Border("one card, and layers beside it", TEXT, "ollama", alone(64), whole, [LAYERS, CACHE, CONTEXT], [()]),
    Border("two alike", TEXT, "koboldcpp", lambda x: Hardware((card(x),) * 2), whole, [CACHE, CONTEXT], [()]),
    Border(
        "two unlike, layers by their memory", LARGE, "ollama",
        lambda x: Hardware((card(x, "a"), card(24 * GIB, "b"))), whole, [CACHE, CONTEXT], [()],
    ),
    Border(
        "two unlike, every layer cut in halves", HALVES, "vllm",
        lambda x: Hardware((card(x, "a"), card(16 * GIB, "b"))), whole, [CACHE, CONTEXT], [()],
    ),
    Border(
        "three alike of which two can be used", HALVES, "vllm",
        lambda x: Hardware((card(x),) * 3), whole, [CACHE, CONTEXT], [()],
    ),
    Border("system memory alone", TEXT, "llama-cpp", lambda x: Hardware((), x), whole, [CACHE, CONTEXT], [()]),
    Border(
        "system memory for the layers that a card leaves", LARGE, "ollama",
        lambda x: Hardware((card(12 * GIB),), x), split,
        [(Change.CACHE, Change.LAYERS)], [LAYERS],
    ),
    Border(
        "a card for all but the experts", EXPERTS, "llama-cpp", alone(64), without_experts,
        [LAYERS], [(Change.EXPERTS,)],
    ),
    Border(
        "system memory for the experts that a card leaves", EXPERTS, "llama-cpp",
        lambda x: Hardware((card(12 * GIB),), x), experts_beside,
        [(Change.CACHE, Change.EXPERTS)], [(Change.EXPERTS,)],
    ),
    Border(
        "two alike, and layers beside them", LARGE, "ollama", lambda x: Hardware((card(x),) * 2, 64 * GIB), whole,
        [LAYERS, CACHE, CONTEXT], [()],
    ),
    Border("a card for a vision projector too", VISION, "llama-cpp", alone(), whole, [SLOTS, CACHE, CONTEXT], [()]),
    Border("a shared memory", TEXT, "llama-cpp", unified, whole, [LAYERS, CACHE, CONTEXT], [()]),
    Border(
        "a shared memory for a mixture of experts", EXPERTS, "llama-cpp", unified, whole,
        [(Change.EXPERTS,), CACHE, CONTEXT], [()],
    ),
    Border(
        "a smaller cache", HALVES, "vllm", alone(), asking(kv_type="fp8"), [CONTEXT], [CACHE, CONTEXT], LONG,
    ),
    Border(
        "a shorter context", HALVES, "vllm", alone(), asking(context=SHORTEST_CONTEXT),
        [(Change.CACHE, Change.CONTEXT)], [CONTEXT], LONG,
    ),
    Border(
        "all of it given up", HALVES, "vllm", alone(), asking(context=SHORTEST_CONTEXT, kv_type="fp8"),
        [], [(Change.CACHE, Change.CONTEXT)], LONG,
    ),
    Border("fewer slots", WINDOWS, "llama-cpp", alone(), asking(parallel=1), [CACHE, CONTEXT], [SLOTS, CACHE, CONTEXT]),
    Border(
        "one of two cards", TEXT, "llama-cpp", lambda x: Hardware((card(x),) * 2), on_one, [()], [(), (Change.CARDS,)],
    ),
]  # fmt: skip


@pytest.mark.parametrize("told", BORDERS, ids=lambda told: told.name)
def test_one_byte_decides_between_plans(told):
    def held(moved):
        return told.holds(told.variant, told.engine, told.machine(moved), told.options)

    low, high = GIB // 2, 512 * GIB
    assert not held(low)
    assert held(high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if held(middle) else (middle, high)
    found = [plans(told.variant, told.engine, told.machine(moved), told.options) for moved in (low, high)]
    assert [[plan.changes for plan in one.plans] for one in found] == [told.below, told.at]
    for one in found:
        assert bool(one.lacks) is (not one.plans)


@pytest.mark.parametrize("gone", [1, 10, 48])
def test_one_byte_less_moves_the_experts_of_one_layer_more(gone):
    held = experts_held(EXPERTS.shape, variant_weights(EXPERTS, "llama.cpp"), "llama.cpp", EXPERTS.quant)
    need = estimate_memory(EXPERTS, "llama-cpp", cards(24)).per_device[0]
    border = need - held * gone // 48

    def experts(memory):
        options = LoadOptions(aside=Aside.EXPERTS)
        return judge_fit(EXPERTS, "llama-cpp", Hardware((card(memory),), 64 * GIB), options).offload

    assert experts(border).experts == gone
    below = experts(border - 1)
    assert below is None if gone == 48 else below.experts == gone + 1


# --- what every plan keeps to ----------------------------------------------------------------------------------

SIZES = st.lists(st.integers(GIB, 26 * GIB), min_size=0, max_size=4)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([TEXT, LARGE, EXPERTS, HALVES, WINDOWS, VISION, replace(HALVES, width_assumed=True)]),
    st.sampled_from(["llama-cpp", "ollama", "vllm", "sglang", "mlx-lm", "koboldcpp"]),
    SIZES,
    st.one_of(st.none(), st.integers(GIB, 128 * GIB)),
    st.integers(256, 100_000),
)
def test_every_plan_is_a_verdict_that_its_own_options_give(variant, engine, sizes, ram, context):
    hardware = Hardware(tuple(card(size) for size in sizes), ram, 8e10)
    options = LoadOptions(context=context)
    asked = judge_fit(variant, engine, hardware, options)
    found = plans(variant, engine, hardware, options)
    assert len(found.plans) <= MOST_PLANS
    assert not (found.plans and found.lacks)
    if asked.fit in (Fit.FITS, Fit.TIGHT, Fit.PARTIAL):
        assert any(plan.keeps for plan in found.plans)
    for plan in found.plans:
        again = judge_fit(variant, engine, plan.hardware, plan.options)
        assert (again.fit, again.devices) == (plan.fit.fit, plan.fit.devices)
        assert plan.fit.fit in (Fit.FITS, Fit.TIGHT, Fit.PARTIAL)
        assert all(device.need <= device.room for device in plan.needs)
        assert all(size >= 0 for device in plan.needs for size in device.parts.values())
        whole_need = plan.fit.estimate.total + plan.fit.estimate.host
        there = sum(device.need for device in plan.needs) + sum(plan.spilled.values())
        assert abs(there - whole_need) <= len(plan.needs)
        if plan.spilled and plan.fit.fit is Fit.PARTIAL:
            assert sum(plan.spilled.values()) == plan.fit.host_need <= round(ram * 0.9)
        assert plan.keeps is (replace(plan.options, aside=None) == options)
        assert len(plan.gives_up) == len(plan.changes)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(4 * GIB, 20 * GIB), min_size=2, max_size=4), st.integers(2048, 60_000))
def test_the_layers_told_to_several_cards_are_all_of_them(sizes, context):
    hardware = Hardware(tuple(card(size) for size in sizes), 256 * GIB)
    options = LoadOptions(context=context, aside=Aside.EXPERTS)
    fit = judge_fit(EXPERTS, "llama-cpp", hardware, options)
    found, layers = fit.offload, EXPERTS.shape.layers
    if found is None:
        return
    assert sum(found.split) == layers + 1
    assert found.split[-1] >= 1
    size = {part.name: part.bytes for part in fit.estimate.components}
    held = experts_held(EXPERTS.shape, variant_weights(EXPERTS, "llama.cpp"), "llama.cpp", EXPERTS.quant)
    row = [(size["weights"] - fit.estimate.head - held) / layers] * layers + [fit.estimate.head]
    row = [one + (held / layers if found.experts <= number < layers else 0) for number, one in enumerate(row)]
    start = 0
    for count, device, room in zip(found.split, found.devices, sizes, strict=True):
        end = start + count
        assert abs(device["weights"] - sum(row[start:end])) < 100
        assert abs(device["kv"] - size["kv"] * (min(end, layers) - min(start, layers)) / layers) < 100
        assert sum(device.values()) <= room
        start = end


def test_of_two_cards_the_first_takes_the_layers_without_their_experts():
    first, other = judge_fit(EXPERTS, "llama-cpp", cards(8, 8, ram=64)).offload.split
    assert first > other
    assert line(EXPERTS, "llama-cpp", cards(8, 8, ram=64))[0].endswith(f" -ts {first},{other}")


def test_what_is_lacking_is_enough_and_no_more():
    hardware = cards(12, ram=16)
    found = plans(LARGE, "ollama", hardware)
    assert found.lacks == (
        "What was asked lacks 30.1 GiB more on the card, or 18.6 GiB more system memory, "
        "to keep a part of it there, which is slower."
    )
    assert judge_fit(LARGE, "ollama", cards(12 + 30.1, ram=16)).fit in (Fit.FITS, Fit.TIGHT)
    assert judge_fit(LARGE, "ollama", cards(12 + 30.0, ram=16)).fit not in (Fit.FITS, Fit.TIGHT)
    assert judge_fit(LARGE, "ollama", replace(hardware, system_memory=round((16 + 18.6) * GIB))).fit is Fit.PARTIAL
    assert judge_fit(LARGE, "ollama", replace(hardware, system_memory=round((16 + 18.5) * GIB))).fit is Fit.TOO_LARGE


@pytest.mark.parametrize(
    ("hardware", "where"),
    [
        (cards(10), "on the card"),
        (Hardware((card(5 * GIB, "Small"), card(24 * GIB, "Large"))), "on the Small"),
        (cards(5, 5), "on each of the 2 cards"),
        (Hardware((), 8 * GIB), "more system memory."),
    ],
)
def test_what_is_lacking_says_where(hardware, where):
    engine = "vllm" if hardware.accelerators else "transformers"
    assert where in plans(HALVES, engine, hardware).lacks


def test_where_the_need_is_not_known_there_is_no_plan():
    found = plans(VariantInputs(None, parameters=7 * 10**9), "llama-cpp", cards(8))
    assert (found.plans, found.lacks) == ((), "")


def test_of_weights_that_may_be_narrower_only_what_surely_goes_is_planned():
    assumed = replace(HALVES, width_assumed=True)
    assert judge_fit(assumed, "vllm", cards(24), LONG).fit is Fit.UNKNOWN
    found = plans(assumed, "vllm", cards(24), LONG)
    assert [plan.changes for plan in found.plans] == [CACHE, CONTEXT]
    assert all(plan.fit.fit in (Fit.FITS, Fit.TIGHT) for plan in found.plans)
    nothing = plans(assumed, "vllm", cards(17), LONG)
    assert (nothing.plans, nothing.lacks) == ((), "")


def test_the_faster_of_two_unlike_cards_comes_before_both_together():
    slow, fast = card(24 * GIB, "slow", 2e11), card(24 * GIB, "fast", 1e12)
    found = plans(TEXT, "llama-cpp", Hardware((slow, fast))).plans
    assert found[0].changes == (Change.CARDS,)
    assert [one.name for one in found[0].hardware.accelerators] == ["fast"]
    assert found[0].flags[-4:] == ("-sm", "none", "-mg", "1")


def test_a_plan_with_less_given_up_leaves_out_those_with_more():
    for one in (changes(WINDOWS, "llama-cpp", cards(size), LONG) for size in range(17, 30)):
        for number, first in enumerate(one):
            assert not any(set(first) < set(other) for other in one[number + 1 :])


# --- what is typed ---------------------------------------------------------------------------------------------

PINNED = tomllib.loads((Path(__file__).parent / "engine_arguments.toml").read_text("utf-8"))
MACHINES = {
    "one": cards(12, ram=64),
    "small": cards(5, ram=64),
    "alike": cards(12, 12, ram=64),
    "three": cards(16, 16, 16, ram=64),
    "unlike": Hardware((card(8 * GIB, "a"), card(24 * GIB, "b")), 64 * GIB),
    "processor": Hardware((), 64 * GIB),
    "mac": unified(32 * GIB),
}
ASKED = [
    LoadOptions(),
    LONG,
    LoadOptions(parallel=3, kv_type="q8_0", v_type="f16", ubatch=4096),
    LoadOptions(parallel=1, kv_type="fp8"),
    LoadOptions(kv_type="8bit"),
    LoadOptions(parallel=2, context=20_000),
]


def typed():
    for engine in PINNED:
        for variant in (TEXT, LARGE, EXPERTS, HALVES, VISION):
            for machine in MACHINES.values():
                for options in ASKED:
                    for plan in plans(variant, engine, machine, options).plans:
                        if not isinstance(plan.line, str):
                            yield engine, plan


def test_only_arguments_that_the_engine_has_are_typed():
    seen, variables = {engine: set() for engine in PINNED}, set()
    for engine, plan in typed():
        for step in plan.line.steps:
            for command in step:
                if command.arguments[0] == "printf":
                    told = [line.split()[1] for line in command.arguments[2:] if line.startswith("PARAMETER ")]
                    assert set(told) <= set(PINNED[engine]["parameters"])
                    continue
                names = {one for one in command.arguments if one.startswith("-")} - {"-m"}
                assert names <= set(PINNED[engine]["names"]), plan.line.lines
                assert set(command.environment) <= set(PINNED[engine].get("environment", ()))
                seen[engine] |= names
                variables |= set(command.environment)
    assert {"-ngl", "--n-cpu-moe", "-ts", "-ctk", "-np", "--kv-unified"} <= seen["llama-cpp"]
    assert {"--tensor-parallel-size", "--kv-cache-dtype", "--max-num-seqs"} <= seen["vllm"]
    assert {"--tp-size", "--max-running-requests"} <= seen["sglang"]
    assert {"--kv-bits", "--quantized-kv-start", "--decode-concurrency"} <= seen["mlx-lm"]
    assert {one for one in variables if "ALLOW" in one} == {
        "VLLM_ALLOW_LONG_MAX_MODEL_LEN",
        "SGLANG_ALLOW_OVERWRITE_LONGER_CONTEXT_LEN",
        "TLLM_ALLOW_LONG_MAX_MODEL_LEN",
    }


def line(variant, engine, hardware, options=None, **told):
    told = {"files": (), "format": variant.format, "quantization": "Q4_K_M", **told}
    found = make_plans(variant, engine, hardware, options, model=ModelFiles("org/name", **told)).plans[0].line
    return found if isinstance(found, str) else found.lines


@pytest.mark.parametrize(
    ("variant", "engine", "hardware", "options", "expected"),
    [
        (TEXT, "llama-cpp", cards(24), None, "llama-server -hf org/name:Q4_K_M -c 8192 -ngl 33"),
        (HALVES, "mlx-vlm", unified(64 * GIB), None, "mlx_vlm.server --model org/name"),
        (
            HALVES, "mlx-vlm", unified(64 * GIB), LoadOptions(parallel=2),
            "mlx_vlm.server --model org/name --max-num-seqs 2",
        ),
        (HALVES, "text-embeddings-inference", cards(24), None, "text-embeddings-router --model-id org/name"),
        (
            HALVES, "text-embeddings-inference", cards(48), LoadOptions(context=20_000),
            "text-embeddings-router --model-id org/name --max-batch-tokens 20000",
        ),
        (TEXT, "llama-cpp", Hardware((), 32 * GIB), None, "llama-server -hf org/name:Q4_K_M -c 8192 -ngl 0"),
        (
            EXPERTS, "llama-cpp", cards(12, ram=64), None,
            "llama-server -hf org/name:Q4_K_M -c 8192 -ngl 49 --n-cpu-moe 19",
        ),
        (
            LARGE, "llama-cpp", Hardware((card(12 * GIB), card(24 * GIB)), 64 * GIB), None,
            "llama-server -hf org/name:Q4_K_M -c 8192 -ngl 66 -ts 1,2",
        ),
        (
            TEXT, "llama-cpp", cards(24), LoadOptions(kv_type="q8_0", parallel=2, ubatch=4096),
            ("llama-server -hf org/name:Q4_K_M -c 8192 -ngl 33 -np 2 --kv-unified -ub 4096 -b 4096 "
            "-fa on -ctk q8_0 -ctv q8_0"),
        ),
        (
            HALVES, "vllm", cards(12, 12), None,
            "vllm serve org/name --max-model-len 8192 --tensor-parallel-size 2 --gpu-memory-utilization 0.92",
        ),
        (
            HALVES, "sglang", cards(12, 12), LoadOptions(kv_type="fp8", parallel=8),
            ("python -m sglang.launch_server --model-path org/name --context-length 8192 --tp-size 2 "
            "--kv-cache-dtype fp8_e4m3 --max-running-requests 8"),
        ),
        (
            HALVES, "mlx-lm", unified(64 * GIB), LoadOptions(kv_type="4bit"),
            "mlx_lm.server --model org/name --kv-bits 4 --quantized-kv-start 0",
        ),
        (
            HALVES, "mlx-lm", unified(64 * GIB), LoadOptions(parallel=3),
            "mlx_lm.server --model org/name --decode-concurrency 3 --prompt-concurrency 3",
        ),
        (
            HALVES, "mlx-lm", unified(256 * GIB), LoadOptions(parallel=20),
            "mlx_lm.server --model org/name --decode-concurrency 20 --prompt-concurrency 8",
        ),
        (
            HALVES, "vllm", Hardware((), 64 * GIB), None,
            "vllm serve org/name --max-model-len 8192 --gpu-memory-utilization 0.9",
        ),
        (
            TEXT, "ollama", cards(24), None,
            (r"printf '%s\n' 'FROM hf.co/org/name:Q4_K_M' 'PARAMETER num_ctx 8192' > name-8192.Modelfile && "
            "ollama create name-8192 -f name-8192.Modelfile && ollama run name-8192"),
        ),
    ],
)  # fmt: skip
def test_what_is_typed(variant, engine, hardware, options, expected):
    assert line(variant, engine, hardware, options) == (expected,)


def test_ollama_is_told_of_its_server_before_the_model():
    options = LoadOptions(kv_type="q8_0", parallel=2)
    server, model = line(LARGE, "ollama", cards(24, ram=64), options)
    assert server == "OLLAMA_FLASH_ATTENTION=1 OLLAMA_KV_CACHE_TYPE=q8_0 OLLAMA_NUM_PARALLEL=2 ollama serve"
    kept = judge_fit(LARGE, "ollama", cards(24, ram=64), options).gpu_layers
    assert f"'PARAMETER num_gpu {kept + 1}'" in model


def test_mlx_audio_has_a_command_for_listening_and_one_for_speaking():
    listens = line(HALVES, "mlx-audio", unified(64 * GIB), task="automatic-speech-recognition")
    speaks = line(HALVES, "mlx-audio", unified(64 * GIB), task="text-to-speech")
    assert listens == ("mlx_audio.stt.generate --model org/name --audio audio.wav --output-path audio",)
    assert speaks == ("mlx_audio.tts.generate --model org/name --text Hello.",)


@pytest.mark.parametrize(
    ("files", "others", "source"),
    [
        (("m-Q4_K_M.gguf",), ("m-Q8_0.gguf",), "-hf org/name:Q4_K_M"),
        (("m-Q4_K_M.gguf",), ("m-UD-Q4_K_M.gguf",), "-hf org/name -hff m-Q4_K_M.gguf"),
        (("q4/m.gguf",), (), "-hf org/name -hff q4/m.gguf"),
        (
            ("Q4_K_M/m-Q4_K_M-00002-of-00002.gguf", "Q4_K_M/m-Q4_K_M-00001-of-00002.gguf"),
            (),
            "-hf org/name:Q4_K_M",
        ),
        (("b-00002-of-00002.gguf", "b-00001-of-00002.gguf"), (), "-hf org/name -hff b-00001-of-00002.gguf"),
        (("it's $(a) model.gguf",), (), """-hf org/name -hff 'it'"'"'s $(a) model.gguf'"""),
        ((), (), "-hf org/name:Q4_K_M"),
    ],
)
def test_llama_cpp_is_told_the_one_file(files, others, source):
    (found,) = line(TEXT, "llama-cpp", cards(24), files=files, others=others)
    assert found == f"llama-server {source} -c 8192 -ngl 33"
    assert "$(a)" not in shlex.split(found, posix=False)[0]


@pytest.mark.parametrize(
    ("variant", "engine", "told", "why"),
    [
        (TEXT, "vllm", {}, "GGUF"),
        (HALVES, "llama-cpp", {}, "GGUF"),
        (HALVES, "ollama", {}, "folder"),
        (TEXT, "ollama", {"files": ("a-00001-of-00002.gguf", "a-00002-of-00002.gguf")}, "several parts"),
        (TEXT, "ollama", {"files": ("in/folder.gguf",)}, "one word"),
        (TEXT, "llama-cpp", {"quantization": ""}, "which file"),
        (TEXT, "text-embeddings-inference", {}, "GGUF"),
        (HALVES, "mlx-audio", {"task": "voice-activity-detection"}, "speech to text"),
    ],
)
def test_where_no_line_is_right_there_is_a_reason(variant, engine, told, why):
    found = line(variant, engine, cards(24, ram=64), **told)
    assert isinstance(found, str)
    assert why in found


def test_a_projector_that_is_not_counted_is_not_loaded():
    assert "--no-mmproj" in line(TEXT, "llama-cpp", cards(24), projector=False)[0]
    assert "--no-mmproj" not in line(TEXT, "llama-cpp", cards(24), projector=True)[0]


def test_where_one_is_loaded_that_is_not_counted_that_is_said():
    for engine in ("ollama", "llamafile"):
        for projector in (False, True, None):
            model = ModelFiles("org/name", format="gguf", quantization="Q4_K_M", files=(), projector=projector)
            found = make_plans(TEXT, engine, cards(24), model=model).plans[0].line
            assert ("usual size is counted" in found.note) == (projector is False), (engine, projector)


def test_engines_that_are_told_of_cards_have_a_line():
    assert set(PINNED) >= CHOOSES_CARDS
