"""How many conversations fit the pool: against the pool that vLLM logs, and where there is none."""

from __future__ import annotations

import pytest

from compat.engines.hardware import GIB, Accelerator, Hardware
from compat.estimate import LoadOptions, VariantInputs, judge_fit, known_shape, rooms_of
from compat.estimate.users import MOST_SEQUENCES, conversations_at_once

LLAMA = VariantInputs(known_shape("Llama-3.1-8B"), quant="BF16", format="safetensors")


def at_once(gib, context, engine="vllm", count=1, slots=None):
    machine = Hardware((Accelerator("card", "nvidia", "gpu", round(gib * GIB), compute_capability=9.0),) * count)
    options = LoadOptions(context, parallel=slots)
    fit = judge_fit(LLAMA, engine, machine, options)
    return conversations_at_once(fit, rooms_of(machine, engine, options), engine, slots or 1), fit


def test_as_many_fit_as_their_caches_go_into_what_is_left():
    """A token of Llama 3.1 8B takes 128 KiB: 8,192 of them 1 GiB."""
    count, fit = at_once(80, 8192)
    assert fit.estimate.component("kv").bytes == GIB
    assert count * GIB <= fit.room - (fit.need - GIB) < (count + 1) * GIB
    assert count > 40


@pytest.mark.parametrize(("context", "times"), [(4096, 2), (16384, 0.5)])
def test_half_the_context_is_for_twice_as_many(context, times):
    assert at_once(48, context)[0] == pytest.approx(at_once(48, 8192)[0] * times, abs=1)


@pytest.mark.parametrize("engine", ["vllm", "sglang", "tensorrt-llm"])
@pytest.mark.parametrize("count", [1, 2])
def test_as_many_fit_however_many_are_asked_for(engine, count):
    told = {at_once(48, 8192, engine, count, slots)[0] for slots in (None, 1, 3, 4, 16)}
    assert len(told) == 1
    assert told.pop() > 16


def test_two_devices_share_each_cache():
    assert at_once(24, 8192, count=2)[0] > 2 * at_once(24, 8192)[0]


def test_no_more_than_an_engine_takes_and_none_where_there_is_no_pool():
    assert at_once(640, 512)[0] == MOST_SEQUENCES
    assert at_once(16, 8192)[0] is None
    assert at_once(80, 8192, "llama.cpp")[0] is None
