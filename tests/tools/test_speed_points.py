"""Which measured speeds pages can be asked for, and on which speeds are calibrated."""

from __future__ import annotations

import pytest

from compat.estimate.placement import Way
from compat.estimate.speed_constants import BACKENDS, calibration
from tools.evaluation.point_rows import SpeedPoint
from tools.evaluation.points import speed_points
from tools.evaluation.speed_points import repeated_reports, slow_reports, speed_accuracy, usable, usable_runs

POINT = {
    "accelerator": "RTX 4090",
    "accelerator_gb": 24.0,
    "model": "Qwen/Qwen3-8B",
    "quant": "Q4_K_M",
    "engine": "llama.cpp",
    "ctx": 4096,
    "measures": "decode",
    "tok_s": 120.0,
    "depth": 1024,
    "source": "x",
}


def point(**changes):
    return SpeedPoint.model_validate({**POINT, **changes})


def test_a_speed_that_pages_show_is_compared():
    found = speed_accuracy([point()])
    [one] = found.comparisons
    assert one.measured == 120
    assert one.low < one.estimated < one.high
    assert one.basis == "nvidia"
    assert (found.table.asked, found.table.answered) == (1, 1)
    assert found.table.skipped == {}


def test_a_run_is_compared_at_the_depth_it_was_measured_at():
    [near] = speed_accuracy([point(ctx=32768)]).comparisons
    [deep] = speed_accuracy([point(ctx=32768, depth=32768)]).comparisons
    # 36 layers of 1,024 keys and 1,024 values in 16 bits: 4.8 GB more to read for each token.
    assert deep.estimated < 0.6 * near.estimated


@pytest.mark.parametrize(
    ("change", "reason", "asked"),
    [
        ({"drafting": True}, "words guessed ahead by a smaller model, for which pages have no option", 0),
        ({"sequences": 8}, "several conversations at once, for which pages have no option", 0),
        ({"engine": "hipfire"}, "hipfire is no engine that is modelled", 0),
        ({"measures": "overall"}, "the prompt is counted in", 0),
        ({"measures": "prefill"}, "the speed of reading a prompt, which is compared apart", 0),
        ({"depth": 32768}, "more tokens into a conversation than the context holds: one of the two is wrong", 0),
        ({"single_board": True}, "a card on a single-board computer, for which pages have no option", 0),
        ({"backend": "cpu"}, "an accelerator by its class, the processor by its backend", 0),
        ({"n_cpu_moe": 12}, "experts in system memory, for which pages have no option", 0),
        (
            {"engine": "ollama", "date": "2025-01"},
            "an engine of before June 2025: the same cards are half as fast again with today's",
            0,
        ),
        ({"model": "nobody/knows"}, "no shape is known for the model", 1),
        (
            {"quant": "AVQ2"},
            "pages show none: Whether it fits this machine is not known: bits per weight of 'AVQ2'.",
            1,
        ),
        (
            {"gpu_layers": 20},
            "pages show none: only some layers on the accelerator, for which they have no option",
            1,
        ),
    ],
    ids=str,
)
def test_what_pages_cannot_be_asked_or_do_not_answer_is_left_out_with_its_reason(change, reason, asked):
    table = speed_accuracy([point(**change)]).table
    assert table.skipped == {reason: 1}
    assert (table.points, table.asked, table.answered) == (1, asked, 0)


def test_a_report_three_times_slower_than_another_of_its_setup_is_of_something_else():
    told = [point(tok_s=120.0), point(tok_s=40.0), point(tok_s=41.0), point(tok_s=30.0, ctx=65_536)]
    assert slow_reports(told) == {told[1]}
    table = speed_accuracy(told).table
    assert (table.asked, table.answered) == (3, 3)
    [reason] = table.skipped
    assert "the same setup" in reason
    assert len(usable_runs(told)[0]) == 3


@pytest.mark.parametrize("change", [{"accelerator_gb": 25.0}, {"count": 2}, {"engine": "ollama"}, {"quant": "Q8_0"}])
def test_setups_that_differ_in_anything_say_nothing_of_each_other(change):
    assert slow_reports([point(), point(tok_s=10.0, **change)]) == set()


def test_a_run_whose_layers_are_told_is_held_against_none():
    assert slow_reports([point(), point(tok_s=10.0, gpu_layers=5), point(tok_s=9.0, offload=True)]) == set()


def test_one_run_told_twice_counts_once():
    told = [point(date="2026-05-14", tok_s=74.01), point(date="2026-05-14", tok_s=74.04)]
    assert repeated_reports(told) == {1}
    assert len(speed_accuracy(told).comparisons) == 1
    others = ({"tok_s": 75.0}, {"date": "2026-05-15"}, {"depth": 512}, {"model": "Qwen/Qwen3-4B"})
    assert all(
        not repeated_reports([told[0], point(**{"date": "2026-05-14", "tok_s": 74.04} | more)]) for more in others
    )
    assert not repeated_reports([point(date="2026", tok_s=74.0)] * 2)  # a year does not tell one run from another


def test_engines_of_others_are_compared_whatever_their_date():
    assert speed_accuracy([point(engine="vllm", quant="AWQ", format="safetensors", date="2024-09")]).comparisons


def test_a_run_that_reads_system_memory_faster_than_it_is_is_none():
    half = {"processor": "Ryzen 5 5600X", "gpu_layers": 18}  # 2.3 GB at 51.2 GB/s: 45 ms
    assert usable(point(**half, tok_s=20.0)).measured == 20.0
    assert "faster than the memory can be read" in usable(point(**half, tok_s=24.0))


def test_a_dynamic_mix_of_mlx_is_no_plain_one_of_its_width():
    """4 bits by name were 6 by size: what it keeps wider its files alone tell."""
    mac = {"engine": "mlx-lm", "accelerator": "Apple M4 Max", "accelerator_gb": 64.0, "quant": "4bit"}
    told = {"model": "unsloth/Qwen3-8B-UD-MLX-4bit", "base_model": "Qwen/Qwen3-8B"}
    assert speed_accuracy([point(**mac)]).comparisons
    [reason] = speed_accuracy([point(**mac, **told)]).table.skipped
    assert "bits per weight of 'UD-4bit'" in reason


def test_a_number_that_is_far_off_is_compared_all_the_same():
    [slow] = speed_accuracy([point(tok_s=1.0)]).comparisons
    [fast] = speed_accuracy([point(tok_s=9000.0)]).comparisons
    assert slow.error > 10
    assert 0.9 < fast.error < 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"processor_only": True, "accelerator": None, "accelerator_gb": None}, "the memory bandwidth is not known"),
        ({"processor_only": True, "backend": "cuda"}, "a processor by its class, an accelerator by its backend"),
        ({"backend": "cpu"}, "an accelerator by its class, the processor by its backend"),
        ({"accelerator": "GTX 1050 Ti", "accelerator_gb": 4.0, "tok_s": 9.0}, "the memory bandwidth is not known"),
        ({"gpu_layers": 20}, "the memory bandwidth is not known"),
        (
            {"accelerator": "RTX 4070", "accelerator_gb": 12.0, "engine": "vllm", "quant": "BF16", "tok_s": 9.0},
            "larger than its cards, on an engine that keeps nothing in system memory",
        ),
        ({"tok_s": 900.0}, "faster than the memory can be read: drafted tokens, a cache, or a wrong label"),
        ({"quant": None}, "the quantization is not given"),
        ({"model": "nobody/knows"}, "no shape is known for the model"),
    ],
    ids=str,
)
def test_nothing_is_calibrated_on_what_does_not_tell_where_it_lay(change, reason):
    assert usable(point()).measured == 120
    assert usable(point(depth=32768, ctx=32768)).work.cache_bytes > usable(point()).work.cache_bytes
    assert usable(point(**change)) == reason


def test_where_a_run_lay_is_told_by_the_point_or_by_the_memory_it_needs():
    """Layers by count, by size, on several cards, and on the processor."""
    host = {"processor": "Ryzen 5 5600X", "tok_s": 20.0}
    assert usable(point(**host, gpu_layers=18)).placement.host.share == 0.5
    small = usable(point(**{**host, "tok_s": 5.0}, accelerator="GTX 1050 Ti", accelerator_gb=4.0)).placement
    assert 0 < small.host.share < 1
    assert small.host.bandwidth == 51.2e9
    assert [one.share for one in usable(point(count=2)).placement.portions] == [0.5, 0.5]
    alone = usable(point(**{**host, "tok_s": 8.0}, processor_only=True)).placement
    assert [(one.hardware, one.bandwidth) for one in alone.portions] == [("cpu", 51.2e9)]


def test_the_bandwidth_that_a_point_tells_outranks_its_processors():
    told = point(processor="Ryzen 5 5600X", processor_only=True, system_gb_s=40.0, tok_s=5.0)
    assert usable(told).placement.portions[0].bandwidth == 40e9


def test_what_an_engine_computes_on_has_a_row_of_its_own():
    found = speed_accuracy([point(backend="vulkan"), point()])
    assert [(row.name, row.n) for row in found.table.rows if row.by == "backend"] == [("llama.cpp on Vulkan", 1)]


def test_the_backend_that_pages_name_is_that_of_the_measured_runs():
    """Of the runs whose backend is told; on AMD's both were measured, and one number stands for them."""
    seen = {}
    for run in usable_runs(speed_points())[0]:
        if run.point.backend is not None and run.placement.way is Way.ONE:
            seen.setdefault(run.placement.portions[0].hardware, set()).add(run.point.backend)
    assert seen.keys() >= {"nvidia", "amd", "amd-unified", "apple-unified", "cpu"}
    words = {"cuda": "CUDA", "rocm": "ROCm", "sycl": "SYCL", "vulkan": "Vulkan", "metal": "Metal", "cpu": "CPU"}
    for hardware, backends in seen.items():
        assert set(BACKENDS[hardware].split(" or ")) == {words[one] for one in backends}, hardware


def test_every_class_that_was_measured_has_a_backend():
    for pair in calibration().classes:
        assert BACKENDS[pair.partition("|")[2]]
