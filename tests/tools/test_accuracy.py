"""What pages show against the bundled measurements: per engine, per family and per source."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from compat.estimate import estimate_memory
from compat.estimate.ledger import LEAST_POINTS, MARGIN_HOLDS
from tools.evaluation.accuracy import memory_accuracy
from tools.evaluation.asked import asked
from tools.evaluation.calibrate import TARGET, calibrate, render, runs
from tools.evaluation.point_rows import MemoryPoint
from tools.evaluation.points import memory_points, speed_points
from tools.evaluation.reading_points import prompts
from tools.evaluation.rows import Comparison, evaluate_comparisons, margins_of, quantile
from tools.evaluation.speed_points import speed_accuracy
from tools.evaluation.speed_report import hold_out


@pytest.fixture(scope="module")
def memory():
    return memory_accuracy(memory_points())


@pytest.fixture(scope="module")
def speed():
    return speed_accuracy(speed_points())


def point(**changes):
    told = {
        "model_id": "Qwen/Qwen3-8B", "quant": "Q4_K_M", "engine": "llama.cpp", "quality": "high", "source": "x",
        "ctx": 8192, "accelerator": "RTX 3090", "accelerator_gb": 24.0,
    }  # fmt: skip
    return MemoryPoint.model_validate({**told, **changes})


def comparison(**changes):
    one = Comparison("p", "total", "vllm", "vllm 2026", "llama", "high", "x", 100.0, 100.0, "formula", "accelerator")
    return replace(one, **changes)


# --- what is known to hold -------------------------------------------------------------------------------------


def test_nine_in_ten_speeds_are_within_a_third_and_the_range_holds_most(speed):
    row = speed.table.row("all", "all", "decode", "user")
    assert (row.median < 0.1, row.p90 < 0.35) == (True, True)
    assert speed.table.answered > 0.75 * speed.table.asked
    assert sum(one.held for one in speed.table.ranges) > 0.8 * sum(one.of for one in speed.table.ranges)


def test_runs_of_the_engine_agree_to_the_last_digit_printed(memory):
    assert memory.table.row("all", "all", "kv", "engine-run").max < 1e-4
    assert memory.table.row("all", "all", "file", "engine-run").max < 2e-3


def test_half_of_the_firm_points_are_close(memory, speed):
    for quantity, median in (("kv", 0.01), ("file", 0.01), ("weights", 0.02), ("total", 0.05)):
        row = memory.table.row("all", "all", quantity, "firm")
        assert row.n > 20
        assert row.median < median, row
    for quality in ("user", "table"):
        assert speed.table.row("all", "all", "decode", quality).median < 0.20


def test_no_engine_hides_in_an_average(memory, speed):
    for found in (memory, speed):
        for by in ("engine", "build", "family", "source"):
            names = {row.name for row in found.table.rows if row.by == by}
            assert names == {getattr(one, by) for one in found.comparisons}


def test_every_point_is_compared_or_counted(memory, speed):
    assert sum(speed.table.skipped.values()) + len(speed.comparisons) == speed.table.points == len(speed_points())
    assert memory.table.points == len(memory_points())
    for one in memory_points():
        table = memory_accuracy([one]).table
        assert table.rows or table.skipped, one


# --- a point is what a page would be asked ---------------------------------------------------------------------


def test_what_was_run_becomes_the_options_of_a_page():
    cache = {"n_parallel": 4, "kv_unified": False, "swa_full": True, "k_type": "q8_0", "v_type": "q8_0"}
    machine = {"memory_utilization": 0.8, "count": 2, "system_gb": 64.0}
    question = asked(point(**cache, **machine, ubatch=128, flash_attention=False, input_tokens=100))
    options = question.options
    assert (options.context, options.kv_type, options.parallel, options.unified_kv) == (8192, "q8_0", 4, False)
    assert (options.ubatch, options.flash_attention, options.swa_full, options.prefill) == (128, False, True, 100)
    assert options.memory_utilization == 0.8
    assert [card.name for card in question.hardware.accelerators] == ["RTX 3090"] * 2
    assert question.hardware.system_memory == 64 * 1024**3
    assert question.worker.hardware == question.hardware
    assert (question.inputs.format, question.inputs.quant) == ("gguf", "Q4_K_M")


def test_a_pool_is_asked_for_the_tokens_it_holds():
    question = asked(point(engine="vllm", quant="BF16", kv_tokens=31232, n_parallel=8))
    assert (question.options.context, question.options.parallel) == (31232, 1)


def test_facts_printed_in_the_point_outrank_the_name():
    told = point(
        model_id="DeepSeek-R1", quant="Q4_0", ctx=16384, k_type="q4_0", kv_mib=61 * 756.0, accelerator=None,
        accelerator_gb=None, hparams={"n_layer": 61, "n_embd_k_gqa": 24576, "n_embd_v_gqa": 24576},
    )  # fmt: skip
    [kv] = memory_accuracy([told]).comparisons
    # 16,384 cells of 49,152 values at 4.5 bits are 432 MiB a layer: four and a half times what the name would give.
    assert kv.estimated == pytest.approx(61 * 432)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"engine": "hipfire", "kv_mib": 9.0}, "hipfire is no engine that is modelled"),
        ({"model_id": "nobody/knows", "kv_mib": 9.0}, "no shape is known for the model"),
        ({"gpu_layers": 20, "kv_mib": 9.0}, "only some layers on the accelerator, for which pages have no option"),
        ({"offload": True, "kv_mib": 9.0}, "only some layers on the accelerator, for which pages have no option"),
        ({"n_cpu_moe": 4, "kv_mib": 9.0}, "experts in system memory, for which pages have no option"),
        ({"partial": "growth", "kv_mib": 9.0}, "no figure that pages show: growth"),
        ({"ctx": None, "kv_mib": 9.0}, "kv: no context is given"),
        (
            {"accelerator": "RTX 3050", "accelerator_gb": 4.0, "total_mib": 4600.0, "total_is": "card"},
            "the weights are larger than the card, or than what was taken of it: not all were on it",
        ),
        (
            {"accelerator": "RTX 3080", "accelerator_gb": 12.0, "total_mib": 3000.0, "total_is": "card"},
            "the weights are larger than the card, or than what was taken of it: not all were on it",
        ),
    ],
    ids=str,
)
def test_what_pages_cannot_be_asked_is_left_out_with_its_reason(changes, reason):
    assert memory_accuracy([point(**changes)]).table.skipped == {reason: 1}


def test_a_total_is_the_sum_of_the_parts_it_was_read_of():
    whole, allocated = (
        memory_accuracy([point(total_mib=6000.0, total_is=kind)]).comparisons[0].estimated
        for kind in ("process", "allocated")
    )
    assert whole - allocated == pytest.approx(310)  # the driver's part


def test_what_is_left_of_a_process_beside_its_parts_is_its_overhead():
    told = point(total_mib=6000.0, total_is="process", weights_mib=4500.0, kv_mib=1000.0, compute_mib=100.0, count=2)
    overhead = next(one for one in memory_accuracy([told]).comparisons if one.quantity == "overhead")
    assert overhead.measured == 6000 - 4500 - 1000 - 2 * 100


def test_one_reading_repeated_over_contexts_is_no_reading_of_each():
    told = [point(ctx=n, total_mib=6000.0, total_is="card", quality="medium") for n in (1024, 2048)]
    assert memory_accuracy(told).table.skipped == {"one reading repeated over several contexts or models": 2}


def test_one_reading_told_of_three_models_on_one_day_is_no_reading_of_any():
    card = {"total_mib": 8396.8, "total_is": "card", "quality": "medium", "date": "2026-05-13", "ctx": 2048}
    names = ("Qwen/Qwen3-8B", "meta-llama/Llama-3.1-8B", "Qwen/Qwen3-4B")
    told = [point(**card, model_id=name) for name in names]
    assert memory_accuracy(told).table.skipped == {"one reading repeated over several contexts or models": 3}
    assert len(memory_accuracy(told[:2]).comparisons) == 2
    assert (
        len(memory_accuracy([*told[:2], point(**{**card, "date": "2026-05-14"}, model_id=names[2])]).comparisons) == 3
    )


def test_ollama_keeps_no_more_than_the_model_was_made_for():
    """``effectiveContext`` of its scheduler; llama.cpp's own server keeps what it is asked for."""
    told = {
        "model_id": "h2oai/h2o-danube3-500m-chat",
        "quant": "Q4_0",
        "ctx": 32768,
        "kv_mib": 640.0,
        "date": "2026-08",
    }
    engines = ("ollama", "llama.cpp")
    cut, whole = (memory_accuracy([point(**told, engine=one)]).comparisons[0].estimated for one in engines)
    assert whole == 4 * cut  # made for 8,192


@pytest.mark.parametrize(
    ("model", "engine", "border", "part", "before", "since"),
    [
        # 4,096 tokens and a batch in windowed layers, of 2,048 bytes a token; since then 1,280 beside a larger batch.
        ("openai/gpt-oss-120b", "ollama", "2026-06-01", "kv", 18 * (8192 + 4608) * 2048, 18 * (8192 + 1280) * 2048),
        # Experts of 2,880 by 2,880 in 2,944 by 3,072, of 4.25 bits.
        ("openai/gpt-oss-120b", "vllm", "2025-09-13", "weights", 36 * 128 * 3 * (2944 * 3072 - 2880**2) * 17 // 32, 0),
    ],
)
def test_former_releases_are_asked_for_what_they_held(model, engine, border, part, before, since):
    def held(date):
        one = point(model_id=model, engine=engine, quant="MXFP4", date=date, accelerator="H100", accelerator_gb=80)
        found = asked(one)
        return estimate_memory(found.inputs, found.engine, found.hardware, found.options).component(part).bytes

    day = (date.fromisoformat(border) - timedelta(days=1)).isoformat()
    base = held(border) - since
    assert held(day) - base == pytest.approx(before, rel=1e-6)


def test_a_bound_that_is_not_kept_is_named():
    kept = point(total_mib=9000.0, total_is="card", bound="upper", quality="low")
    broken = point(total_mib=3000.0, total_is="card", bound="upper", quality="low")
    below = point(kv_mib=9000.0, bound="lower")
    table = memory_accuracy([kept, broken, below]).table
    assert (table.bounds.held, table.bounds.of) == (1, 3)
    assert [(one.kind, one.measured) for one in table.bounds.broken] == [("lower", 9000), ("upper", 3000)]
    assert any("@8192 on llama.cpp: 1,152 MiB shown, at least 9,000 measured" in line for line in table.lines())


# --- margins ---------------------------------------------------------------------------------------------------


def test_a_margin_holds_what_it_says_of_families_it_was_not_drawn_from(memory, speed):
    margins = (*memory.table.margins, *speed.table.margins)
    assert margins
    for margin in margins:
        assert margin.n >= LEAST_POINTS
        assert margin.held >= MARGIN_HOLDS
    for margin in margins:
        found = memory if margin.quantity != "decode" else speed
        inside = [
            one.distance <= margin.margin + 1e-6
            for one in found.comparisons
            if (one.engine, one.basis, one.where) == (margin.engine, margin.basis, margin.where)
            and ("weights" if one.quantity == "file" else one.quantity) == margin.quantity
            and one.quality not in ("medium", "low")
        ]
        assert len(inside) == margin.n
        assert sum(inside) >= MARGIN_HOLDS * margin.n


def test_a_speed_has_no_margin_that_holds_for_one_machine_alone():
    def runs_on(*machines):
        return [
            comparison(quantity="decode", basis="cpu", quality="user", family=f"f{n}", machine=name, measured=measured)
            for name, measured in machines
            for n in range(8)
        ]

    assert margins_of(runs_on(("a", 103.0), ("b", 102.0)))
    assert not margins_of(runs_on(("a", 103.0)))
    # Far more runs on one machine do not outvote another that is far off.
    assert not margins_of([*runs_on(("a", 103.0)) * 9, *runs_on(("b", 40.0))])


def test_too_few_points_or_one_family_alone_give_no_margin():
    two = [comparison(family=f"f{n % 2}", measured=100.0 + n) for n in range(LEAST_POINTS)]
    assert len(margins_of(two)) == 1
    assert margins_of(two[1:]) == ()
    assert margins_of([replace(one, family="llama") for one in two]) == ()


def test_a_family_is_never_calibrated_on_itself():
    near = [comparison(family=f"f{n}", measured=102.0) for n in range(8)]
    far = [comparison(family="odd", measured=150.0) for _ in range(4)]
    # Drawn from all, two in a hundred would hold eight of twelve, and half the estimate all of them; the odd family's
    # own points may not widen the margin it is tried with, so nothing holds it.
    assert margins_of([*near, *far]) == ()
    [margin] = margins_of([*near, *far[:2]])
    assert (margin.margin, margin.held) == (pytest.approx(0.02), 0.8)


def test_no_margin_is_told_finer_than_one_percent():
    [margin] = margins_of(comparison(family=f"f{n}") for n in range(12))
    assert margin.margin == 0.01


def test_readings_of_a_whole_card_draw_no_margin():
    assert margins_of(comparison(family=f"f{n}", quality="medium") for n in range(12)) == ()


def test_shown_ranges_are_counted():
    told = [comparison(quantity="decode", low=90.0, high=110.0, measured=m) for m in (95.0, 120.0, 109.0)]
    [one] = evaluate_comparisons(3, told, {}).table.ranges
    assert (one.engine, one.held, one.of) == ("vllm", 2, 3)


# --- calibration -----------------------------------------------------------------------------------------------


def test_the_bundled_constants_are_what_the_calibration_finds():
    found = render(calibrate(runs(speed_points()), prompts(speed_points())[0]))
    assert found == TARGET.read_text("utf-8"), "run `python -m tools.evaluation.calibrate` again"


def test_an_engine_with_few_runs_on_two_kindred_classes_is_told_by_both():
    constants = calibrate(runs(speed_points()))["classes"]
    few = [constants[f"vllm|{hardware}"] for hardware in ("nvidia", "nvidia-compute")]
    assert few[0]["runs"] == few[1]["runs"]
    assert (few[0]["efficiency"], few[0]["launch"]) == (few[1]["efficiency"], few[1]["launch"])
    assert constants["llama.cpp|nvidia"]["runs"] != constants["llama.cpp|nvidia-compute"]["runs"]
    assert "sglang|nvidia" not in constants


def test_speed_generalises_to_families_left_out():
    """Each family from the others alone, and the range that would be shown holds four fifths."""
    held = hold_out(runs(speed_points()), folds=4)
    told = [one for one in held if one.error is not None]
    assert len(told) > 500
    assert len(told) > 0.75 * len(held)
    assert quantile([one.error for one in told], 0.5) < 0.13
    assert sum(one.inside for one in told) > 0.8 * len(told)
