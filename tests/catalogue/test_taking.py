"""Which build is taken: real models on real machines, as somebody would choose who has run many."""

from __future__ import annotations

import math

import numpy as np
import pytest

from compat.catalogue.listing import judge_records
from compat.catalogue.needs import fit_of, pace_of, speed_of
from compat.catalogue.question import Question
from compat.catalogue.rows import worker_of
from compat.catalogue.taking import DOUBTED, GUESSED, SURE, most_worth, worth, worths
from compat.catalogue.workers import workers
from compat.engines.system_memory import USUAL_MEMORY
from compat.estimate import Fit
from compat.estimate.need_columns import FITS
from compat.estimate.quality import FAIR, GOOD, NEARLY_LOSSLESS, POOR, VERY_GOOD, quality_of
from compat.hub.payloads import parse_record
from compat.models import ModelRecord
from tests.samples import record

GPU_8 = {"accelerator": "RTX 4060", "ram": 32}
GPU_12 = {"accelerator": "RTX 4070", "ram": 32}
GPU_24 = {"accelerator": "RTX 4090", "ram": 64}
GPU_48 = {"accelerator": "RTX A6000", "ram": 128}
TWO_24 = {"accelerator": "RTX 3090", "count": 2, "ram": 64}
MAC_64 = {"accelerator": "Apple M4 Max", "memory": 64}
PROCESSOR = {"ram": 32, "ram_bandwidth": 80}
QWEN_A3B = "unsloth/Qwen3.6-35B-A3B-GGUF"
GEMMA_A4B = "unsloth/gemma-4-26B-A4B-it-GGUF"
QWEN_9B = "unsloth/Qwen3.5-9B-GGUF"
QWEN_4B = "unsloth/Qwen3.5-4B-GGUF"
GEMMA_E2B = "unsloth/gemma-4-E2B-it-GGUF"


def taken(repo_id, machine, engine="llama-cpp"):
    """The row of a record with the build that is taken."""
    worker = worker_of(Question(worker=engine, **machine), workers())
    return judge_records([parse_record(record(repo_id))], worker)[0].row


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("repo_id", "machine", "build", "fit"),
    [
        # A mixture of experts in four bits with experts in system memory, not in one bit that fits.
        (QWEN_A3B, GPU_8, "Q4_K_M", Fit.PARTIAL),
        (QWEN_A3B, GPU_12, "Q4_K_M", Fit.PARTIAL),
        (GEMMA_A4B, GPU_8, "Q4_K_M", Fit.PARTIAL),
        (GEMMA_A4B, GPU_12, "Q4_K_M", Fit.PARTIAL),
        # Where four bits fit, nothing lies in system memory.
        (QWEN_A3B, GPU_24, "Q4_K_M", Fit.FITS),
        (GEMMA_A4B, GPU_24, "Q5_K_M", Fit.FITS),
        # With more room the better packing, and no larger one than that.
        (QWEN_A3B, GPU_48, "Q5_K_M", Fit.FITS),
        (QWEN_A3B, TWO_24, "Q5_K_M", Fit.FITS),
        (QWEN_A3B, MAC_64, "Q5_K_M", Fit.FITS),
        (GEMMA_A4B, MAC_64, "Q5_K_M", Fit.FITS),
        (QWEN_9B, GPU_8, "Q5_K_M", Fit.FITS),
        (QWEN_9B, GPU_12, "Q5_K_M", Fit.FITS),
        (QWEN_9B, GPU_24, "Q5_K_M", Fit.FITS),
        (QWEN_4B, GPU_8, "Q5_K_M", Fit.FITS),
        (GEMMA_E2B, GPU_8, "Q5_K_M", Fit.FITS),
        # A processor reads each weight from memory: four bits where five would be slower than people like.
        (QWEN_9B, PROCESSOR, "Q4_K_S", Fit.FITS),
        (QWEN_4B, PROCESSOR, "Q5_K_M", Fit.FITS),
        (GEMMA_E2B, PROCESSOR, "Q5_K_M", Fit.FITS),
        # Of 32 GB something is left for whatever else is open.
        (QWEN_A3B, PROCESSOR, "Q5_K_S", Fit.FITS),
        (GEMMA_A4B, PROCESSOR, "Q5_K_M", Fit.FITS),
    ],
)
def test_a_practitioner_takes(repo_id, machine, build, fit):
    row = taken(repo_id, machine)
    assert (row.best.quantization, row.fit.fit) == (build, fit)


@pytest.mark.django_db
@pytest.mark.parametrize("machine", [GPU_8, GPU_12, GPU_24, GPU_48, TWO_24, MAC_64, PROCESSOR])
@pytest.mark.parametrize("repo_id", [QWEN_A3B, GEMMA_A4B, QWEN_9B, QWEN_4B, GEMMA_E2B])
def test_nothing_poor_is_taken_of_these(repo_id, machine):
    best = taken(repo_id, machine).best
    assert quality_of(best.quantization, best.bits).word != "poor"


@pytest.mark.django_db
@pytest.mark.parametrize("engine", ["llama-cpp", "ollama", "lm-studio"])
def test_every_engine_of_gguf_takes_good_ones_that_fit(engine):
    row = taken(QWEN_9B, GPU_12, engine)
    assert (row.best.quantization, row.fit.fit) == ("Q5_K_M", Fit.FITS)


def in_order(*builds):
    """Whether each of some builds is taken before the next."""
    values = [worth(*build, SURE) for build in builds]
    return values == sorted(values, reverse=True) and len(set(values)) == len(values)


def test_a_good_build_with_layers_aside_goes_before_a_poor_one_that_fits():
    assert in_order((GOOD, Fit.PARTIAL, 12.0), (FAIR, Fit.FITS, 80.0), (GOOD, Fit.PARTIAL, 6.0), (POOR, Fit.FITS, 80.0))


def test_nothing_that_crawls_is_taken_where_a_smaller_one_is_of_use():
    assert in_order((POOR, Fit.FITS, 20.0), (NEARLY_LOSSLESS, Fit.PARTIAL, 1.5))
    assert in_order((GOOD, Fit.FITS, 11.0), (NEARLY_LOSSLESS, Fit.FITS, 6.0), (NEARLY_LOSSLESS, Fit.FITS, 1.0))


def test_room_to_spare_counts_for_more_than_a_better_word():
    assert in_order((GOOD, Fit.FITS, 30.0), (NEARLY_LOSSLESS, Fit.TIGHT, 30.0), (VERY_GOOD, Fit.PARTIAL, 30.0))


def test_a_need_that_is_not_known_comes_last_of_what_runs():
    crawls = worth(POOR, Fit.PARTIAL, 0.5, GUESSED)
    assert 0 < worth(NEARLY_LOSSLESS, Fit.UNKNOWN, None, SURE) < crawls
    assert worth(NEARLY_LOSSLESS, Fit.TOO_LARGE, None, SURE) < 0


def test_a_surer_verdict_counts_for_more_than_a_better_packing():
    assert worth(GOOD, Fit.FITS, 90.0, SURE) > worth(NEARLY_LOSSLESS, Fit.FITS, 90.0, GUESSED)
    assert worth(GOOD, Fit.FITS, 90.0, GUESSED) > worth(POOR, Fit.FITS, 90.0, SURE)


def test_eight_bits_that_a_card_computes_go_before_four_that_it_has_to_unpack():
    unpacked = worth(GOOD, Fit.FITS, 60.0, SURE, unaided=True)
    assert unpacked < worth(NEARLY_LOSSLESS, Fit.FITS, 40.0, GUESSED) < worth(GOOD, Fit.FITS, 60.0, SURE)
    # Where eight bits fit with little to spare, four go before them all the same.
    assert worth(NEARLY_LOSSLESS, Fit.TIGHT, 40.0, SURE) < unpacked
    assert worth(NEARLY_LOSSLESS, Fit.FITS, 40.0, SURE, unaided=True) == worth(NEARLY_LOSSLESS, Fit.FITS, 40.0, SURE)


def test_a_packing_that_an_engine_is_slow_with_goes_behind_any_other_that_fits_with_room_even_a_guess():
    slow = worth(NEARLY_LOSSLESS, Fit.FITS, 60.0, SURE, unoptimized=True)
    for quality in (GOOD, VERY_GOOD, NEARLY_LOSSLESS):
        assert slow < worth(quality, Fit.FITS, 60.0, GUESSED)
    assert worth(GOOD, Fit.FITS, 7.0, SURE, unoptimized=True) < worth(GOOD, Fit.FITS, 7.0, GUESSED)
    # It stays before what has no need that is known, and what something speaks against.
    assert slow > worth(NEARLY_LOSSLESS, Fit.FITS, 60.0, DOUBTED)
    least = worth(POOR, Fit.FITS, 0.5, GUESSED, unoptimized=True)
    assert least > worth(NEARLY_LOSSLESS, Fit.UNKNOWN, None, SURE)


def test_what_fills_nearly_all_the_system_memory_goes_behind_what_leaves_room():
    for quality, pace in ((NEARLY_LOSSLESS, 30.0), (GOOD, 30.0), (GOOD, 7.0), (FAIR, 30.0)):
        full = worth(quality, Fit.PARTIAL, pace, SURE, crowded=True)
        assert full < worth(quality, Fit.PARTIAL, pace, SURE)
        assert full > worth(quality, Fit.PARTIAL, 4.0, SURE)
    assert worth(GOOD, Fit.PARTIAL, 30.0, SURE, crowded=True) > worth(GOOD, Fit.PARTIAL, 7.0, SURE)


def test_on_a_processor_what_leaves_room_to_other_programs_goes_before_what_does_not():
    for fit in (Fit.FITS, Fit.TIGHT):
        assert worth(NEARLY_LOSSLESS, fit, 30.0, SURE, crowded=True) < worth(NEARLY_LOSSLESS, fit, 30.0, SURE)
    assert worth(GOOD, Fit.TIGHT, 7.0, SURE, crowded=True) < worth(GOOD, Fit.TIGHT, 7.0, SURE)
    assert in_order((GOOD, Fit.FITS, 30.0), (NEARLY_LOSSLESS, Fit.TIGHT, 30.0))
    assert worth(NEARLY_LOSSLESS, Fit.FITS, 30.0, SURE, crowded=True) < worth(GOOD, Fit.FITS, 30.0, SURE)


def test_what_something_speaks_against_comes_behind_all_that_is_of_use():
    slow = worth(GOOD, Fit.PARTIAL, 4.0, SURE)
    assert worth(NEARLY_LOSSLESS, Fit.UNKNOWN, None, SURE) < worth(NEARLY_LOSSLESS, Fit.FITS, 90.0, DOUBTED) < slow


def test_columns_are_worth_what_single_builds_are_and_nothing_more_than_its_quality_allows():
    paces = [math.nan, 0.5, 3.0, 4.9, 5.0, 9.9, 10.0, 200.0]
    cases = [
        (quality, code, pace, trust, unaided, unoptimized, crowded)
        for quality in (POOR, FAIR, GOOD, VERY_GOOD, NEARLY_LOSSLESS)
        for code in range(len(FITS))
        for pace in paces
        for trust in (DOUBTED, GUESSED, SURE)
        for unaided in (False, True)
        for unoptimized in (False, True)
        for crowded in (False, True)
    ]
    found = worths(*map(np.array, zip(*cases, strict=True)))
    for (quality, code, pace, trust, *told), value in zip(cases, found.tolist(), strict=True):
        how = dict(zip(("unaided", "unoptimized", "crowded"), told, strict=True))
        assert value == worth(quality, FITS[code], None if math.isnan(pace) else pace, trust, **how)
        how.pop("crowded")
        assert value <= most_worth(quality, trust, **how)


@pytest.mark.django_db
@pytest.mark.parametrize("engine", ["vllm", "transformers"])
@pytest.mark.parametrize(("told", "gb_s"), [({}, min(USUAL_MEMORY.values())), ({"ram_bandwidth": 80}, 80)])
def test_what_nobody_measured_on_a_processor_writes_as_fast_as_its_weights_can_be_read_at_the_most(engine, told, gb_s):
    """On a card the same has a speed, or is taken to be fast."""
    worker = worker_of(Question(worker=engine, ram=64, **told), workers())
    phi = ModelRecord.objects.get(repo_id="microsoft/phi-4")
    variant = phi.variants.get(position=0)
    fit = fit_of(phi, variant, worker)
    assert (fit.fit, speed_of(phi, variant, worker, fit).tokens_per_second) == (Fit.FITS, None)
    weights = fit.estimate.component("weights").bytes
    assert pace_of(phi, variant, worker, fit) == pytest.approx(gb_s * 1e9 / weights, rel=0.1)
