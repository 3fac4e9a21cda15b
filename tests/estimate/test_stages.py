"""Pipeline parallelism: whole layers on cards one after the other, where each layer cannot be cut over all of them."""

from __future__ import annotations

import re
import shlex
from bisect import bisect_left
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compat.estimate import (
    Fit,
    Hardware,
    LoadOptions,
    ModelFiles,
    VariantInputs,
    estimate_reading,
    find_shape,
    judge_fit,
    make_plans,
    rooms_of,
)
from compat.estimate.parallel import stage_layers, tells_stages
from compat.estimate.plan import WHOLE, Change
from tests.estimate.test_plan import GIB, HALVES, PINNED, card, cards

MODEL = ModelFiles("org/name", "safetensors")
SMALL = replace(HALVES, parameters=8_030_261_248)
LARGE = VariantInputs(find_shape("Llama-3.3-70B"), quant="bf16", format="safetensors", parameters=70_553_706_496)
SPARSE = VariantInputs(find_shape("Qwen/Qwen3-30B-A3B"), quant="bf16", format="safetensors", parameters=30_532_122_624)
DENSE = VariantInputs(find_shape("Qwen/Qwen3-32B"), quant="bf16", format="safetensors", parameters=32_762_123_264)
ENGINES = ("vllm", "sglang")


def machine(count, memory):
    return Hardware(tuple(card(memory) for _ in range(count)), 64 * GIB)


def staged(variant, engine, hardware, options=None):
    found = make_plans(variant, engine, hardware, options, model=MODEL).plans
    return next((plan for plan in found if plan.changes == (Change.STAGES,)), None)


# --- which layers lie where ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layers", "stages", "vllm", "sglang"),
    [
        (32, 2, (16, 16), (16, 16)),
        (32, 3, (11, 11, 10), (10, 11, 11)),
        (33, 2, (17, 16), (16, 17)),
        (33, 4, (8, 8, 9, 8), (8, 8, 8, 9)),
        (48, 5, (9, 10, 10, 10, 9), (9, 9, 10, 10, 10)),
        (80, 3, (27, 27, 26), (26, 27, 27)),
        (64, 6, (10, 11, 11, 11, 11, 10), (10, 10, 11, 11, 11, 11)),
        (5, 5, (1, 1, 1, 1, 1), (1, 1, 1, 1, 1)),
    ],
)
def test_layers_are_shared_out_as_each_engine_does(layers, stages, vllm, sglang):
    assert stage_layers("vllm", layers, stages) == vllm
    assert stage_layers("sglang", layers, stages) == sglang


@given(st.integers(1, 200), st.integers(1, 16), st.sampled_from(ENGINES))
def test_every_layer_lies_on_one_stage(layers, stages, engine):
    held = stage_layers(engine, layers, stages)
    assert (len(held), sum(held)) == (stages, layers)
    assert max(held) - min(held) <= 1


# --- what each card holds ------------------------------------------------------------------------------------------


def by_hand(variant, engine, stages, ranks, context):
    """Weights and cache of each stage's cards, from the model's dimensions alone; buffers are what is left."""
    shape = variant.shape
    table, norm = shape.vocab * shape.hidden * 2, shape.hidden * 2
    body = variant.parameters * 2 - 2 * table - norm
    kv = 2 * shape.kv_heads * shape.head_dim * 2 * (-(-context // 16) * 16) * shape.layers
    both = engine == "vllm" and shape.model_type == "qwen3_moe"
    heads = both or (engine == "sglang" and shape.model_type in ("llama", "qwen3_moe"))
    found = []
    for stage, own in enumerate(stage_layers(engine, shape.layers, stages)):
        last = stage == stages - 1
        weights = body * own / shape.layers + table * (both or stage == 0) + table * (heads or last) + norm * last
        found += [(weights / ranks, kv * own / shape.layers / ranks)] * ranks
    return found


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("variant", "count", "stages"),
    [(SMALL, 3, 3), (SMALL, 5, 5), (SMALL, 6, 3), (LARGE, 3, 3), (SPARSE, 3, 3), (SPARSE, 6, 3), (DENSE, 3, 3)],
)
def test_each_card_holds_its_layers_and_its_tables(engine, variant, count, stages):
    fit = judge_fit(variant, engine, machine(count, 400 * GIB), LoadOptions(stages=stages))
    told = by_hand(variant, engine, stages, count // stages, LoadOptions().context)
    assert len(fit.devices) == count
    for parts, (weights, kv), need in zip(fit.devices, told, fit.estimate.per_device, strict=True):
        assert parts["weights"] == pytest.approx(weights, rel=2e-3)
        assert parts["kv"] == pytest.approx(kv, rel=1e-6, abs=2)
        assert sum(parts.values()) == need


@pytest.mark.parametrize("engine", ENGINES)
def test_fewer_layers_need_less_and_all_together_no_less_than_one_card(engine):
    alone = judge_fit(LARGE, engine, machine(1, 400 * GIB)).need
    needs = [
        judge_fit(LARGE, engine, machine(stages, 400 * GIB), LoadOptions(stages=stages)).estimate.per_device
        for stages in (2, 4, 8)
    ]
    assert [max(one) for one in needs] == sorted((max(one) for one in needs), reverse=True)
    assert all(max(one) < alone < sum(one) for one in needs)


# --- when it is a plan -----------------------------------------------------------------------------------------------

BORDERS = [
    (engine, variant, count, stages)
    for engine in ENGINES
    for variant, count, stages in ((SMALL, 3, 3), (LARGE, 3, 3), (SPARSE, 3, 3), (DENSE, 3, 3), (LARGE, 6, 3))
]


@pytest.mark.parametrize(("engine", "variant", "count", "stages"), BORDERS)
def test_one_byte_decides_whether_stages_hold_it(engine, variant, count, stages):
    options = LoadOptions(stages=stages)
    found = least_memory(engine, variant, count, stages)
    plan, less = (judge_fit(variant, engine, machine(count, memory), options) for memory in (found, found - 1))
    assert plan.fit is Fit.TIGHT
    assert max(plan.estimate.per_device) == rooms_of(machine(count, found), engine, options)[0]
    assert less.fit is Fit.TOO_LARGE
    assert judge_fit(variant, engine, machine(count, found)).fit is Fit.UNEVEN
    offered = staged(variant, engine, machine(count, found))
    assert (offered.options, offered.fit) == (options, plan)
    assert staged(variant, engine, machine(count, found - 1)) is None


def least_memory(engine, variant, count, stages):
    """The least bytes of a card on which the stages fit."""

    def fits(memory):
        return judge_fit(variant, engine, machine(count, memory), LoadOptions(stages=stages)).fit in WHOLE

    return bisect_left(range(400 * GIB), True, key=fits)


@pytest.mark.parametrize(("engine", "variant", "count", "stages"), BORDERS)
def test_a_fifth_of_a_gib_less_is_told_as_lacking(engine, variant, count, stages):
    memory = least_memory(engine, variant, count, stages)
    found = make_plans(variant, engine, machine(count, memory - GIB // 5), model=MODEL)
    assert not found.plans
    (lacks,) = re.findall(r"lacks ([\d.]+) GiB more on .*, in stages", found.lacks)
    assert float(lacks) == pytest.approx(0.2, abs=0.11)


@pytest.mark.parametrize(
    ("engine", "count", "size", "expected"),
    [
        ("vllm", 3, 60, "--pipeline-parallel-size 3"),
        ("vllm", 6, 28, "--tensor-parallel-size 2 --pipeline-parallel-size 3"),
        ("sglang", 3, 60, "--pp-size 3"),
        ("sglang", 6, 28, "--tp-size 2 --pp-size 3"),
    ],
)
def test_the_line_tells_stages_and_what_is_cut(engine, count, size, expected):
    plan = staged(LARGE, engine, cards(*[size] * count))
    assert expected in plan.line.lines[0]
    assert plan.tensor_parallel * plan.pipeline_parallel == count == len(plan.needs)
    words = shlex.split(plan.line.lines[0])
    assert str(plan.options.context) in words
    assert {word for word in words if word.startswith("--")} <= set(PINNED[engine]["names"])


def test_a_plan_in_stages_is_what_was_asked_and_costs_speed_alone():
    plan = staged(LARGE, "vllm", cards(60, 60, 60))
    assert judge_fit(LARGE, "vllm", cards(60, 60, 60)).fit is Fit.UNEVEN
    assert plan.keeps
    assert not plan.asks_otherwise
    assert plan.gives_up == ("Speed: its layers lie in 3 stages, which compute a request one after the other.",)
    assert plan.speed.tokens_per_second is None
    assert "in stages" in plan.speed.reason
    reading = estimate_reading(LARGE, "vllm", plan.hardware, plan.fit, prompt=8192)
    assert reading.seconds is None
    assert "in stages" in reading.reason


@pytest.mark.parametrize("engine", ENGINES)
def test_what_can_be_cut_over_all_cards_is_not_laid_in_stages(engine):
    assert staged(LARGE, engine, cards(40, 40, 40, 40)) is None
    assert staged(LARGE, engine, cards(30, 30)) is None


WITHOUT = {
    "a tied table": replace(SMALL, shape=replace(SMALL.shape, tied=True)),
    "a model whose code was not read": replace(SMALL, shape=replace(SMALL.shape, model_type="gemma2")),
    "weights beside the layers": replace(SMALL, parameters=round(8_030_261_248 * 1.05)),
    "no count of weights": replace(SMALL, parameters=None),
    "layers of two sorts": replace(SPARSE, shape=replace(SPARSE.shape, dense_layers=1)),
    "windows": VariantInputs(find_shape("google/gemma-3-27b-it"), quant="bf16", format="safetensors"),
}


@pytest.mark.parametrize("variant", WITHOUT.values(), ids=list(WITHOUT))
@pytest.mark.parametrize("engine", ENGINES)
def test_where_what_a_stage_holds_cannot_be_told_there_is_no_such_plan(engine, variant):
    assert not tells_stages(variant.shape, engine, variant.parameters)
    assert all(staged(variant, engine, cards(*[size] * 3)) is None for size in (8, 10, 12, 16, 24))
    asked = judge_fit(variant, engine, cards(400, 400, 400), LoadOptions(stages=3))
    assert asked.fit is Fit.UNKNOWN
    assert "what each stage holds" in asked.estimate.missing


@pytest.mark.parametrize("engine", ["tgi", "lmdeploy", "tensorrt-llm", "llama-cpp"])
def test_engines_whose_stages_were_not_read_have_none(engine):
    assert all(staged(SMALL, engine, cards(*[size] * 3)) is None for size in (8, 10, 12))
