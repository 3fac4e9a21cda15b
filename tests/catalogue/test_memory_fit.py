"""Verdict and memory as one answer: it can only get worse, and never contradicts the numbers beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compat.catalogue.memory_fit import advise_by_size, apply_memory_fit
from compat.catalogue.workers import Machine
from compat.engines.hardware import GIB
from compat.estimate import Accelerator, Fit, FitResult, Hardware, LoadOptions, VariantInputs, judge_fit, known_shape
from compat.rules import CompatibilityResult, Confidence

RUNS = CompatibilityResult(True, "high", ("It is a Llama.",), (), ("Take the Q4.",), codes=("architecture", "format"))
REFUSED = CompatibilityResult(
    False, "none", ("It is a Whisper.",), (), ("Take a Llama.",), "architecture", "Whisper", ("architecture",)
)
LLAMA = VariantInputs(known_shape("meta-llama/Llama-3.1-8B"), parameters=8_030_000_000, quant="Q4_K_M", format="gguf")
NOBODY = VariantInputs(quant="Q4_K_M", format="gguf")


def fit_on(memory, ram=None, variant=LLAMA, engine="llama-cpp", count=1):
    """A fit as the estimate really gives it."""
    one = Accelerator("card", "nvidia", "gpu", round(memory * GIB))
    return judge_fit(variant, engine, Hardware((one,) * count, ram * GIB if ram else None), LoadOptions())


FITS = fit_on(24)
TOO_LARGE = fit_on(2)
PARTIAL = fit_on(4, ram=64)
UNKNOWN = fit_on(24, variant=NOBODY)
TIGHT = fit_on(FITS.need / GIB * 1.02)
UNEVEN = fit_on(5, engine="vllm", count=3)
NO_CACHE = judge_fit(
    replace(LLAMA, quant="BF16", format="safetensors"),
    "vllm",
    Hardware((Accelerator("old", "nvidia", "gpu", 48 * GIB, compute_capability=7.5),)),
    LoadOptions(kv_type="fp8"),
)
EVERY = {one.fit: one for one in (FITS, TIGHT, PARTIAL, TOO_LARGE, UNEVEN, UNKNOWN, NO_CACHE)}


def test_the_examples_are_one_of_each():
    assert set(EVERY) == set(Fit)


@pytest.mark.parametrize("result", [RUNS, REFUSED])
def test_without_a_machine_nothing_changes(result):
    assert apply_memory_fit(result, None) is result


@pytest.mark.parametrize("fit", Fit)
def test_a_refusal_stays_as_it_is(fit):
    assert apply_memory_fit(REFUSED, EVERY[fit]) is REFUSED


def test_what_fits_says_so_among_the_reasons():
    found = apply_memory_fit(RUNS, FITS)
    assert (found.compatible, found.confidence, found.cause, found.brief) == (True, "high", "", "")
    assert found.reasons == (*RUNS.reasons, FITS.sentence)
    assert found.recommendations == RUNS.recommendations


def test_what_fits_tightly_says_so_on_the_badge():
    found = apply_memory_fit(RUNS, TIGHT)
    assert (found.confidence, found.brief) == ("high", "little memory to spare")
    assert "little to spare" in found.reasons[-1]
    assert apply_memory_fit(replace(RUNS, brief="needs Ada"), TIGHT).brief == "needs Ada"


def test_what_is_too_large_is_refused_for_memory():
    found = apply_memory_fit(replace(RUNS, warnings=("Mind the gate.",)), TOO_LARGE)
    assert (found.compatible, found.confidence, found.cause) == (False, "none", "memory")
    assert found.reasons == (TOO_LARGE.sentence,)
    assert found.warnings == found.recommendations == ()
    assert found.codes[-1] == "memory"


def test_the_badge_of_what_is_too_large_has_the_numbers_of_the_sentence():
    need, room = TOO_LARGE.need, TOO_LARGE.room
    assert apply_memory_fit(RUNS, TOO_LARGE).brief == f"needs {need / GIB:.0f} GiB, {room / GIB:.0f} GiB here"


@pytest.mark.parametrize(
    ("need", "brief"),
    [
        (100 * GIB + 1, "just too large for its memory"),
        (105 * GIB, "just too large for its memory"),
        (105 * GIB + 1, "needs 105 GiB, 100 GiB here"),
        (150 * GIB, "needs 150 GiB, 100 GiB here"),
    ],
)
def test_a_badge_says_just_up_to_a_twentieth_too_much_and_numbers_from_there(need, brief):
    assert apply_memory_fit(RUNS, replace(TOO_LARGE, need=need, room=100 * GIB)).brief == brief


def test_a_badge_says_where_the_need_is_only_the_least_it_can_be():
    fit = replace(TOO_LARGE, estimate=replace(TOO_LARGE.estimate, per_device=None))
    assert apply_memory_fit(RUNS, fit).brief.startswith("needs at least ")


def test_a_badge_says_of_several_cards_what_one_of_them_needs_and_has():
    fit = replace(fit_on(1, count=2), need=33 * GIB, room=24 * GIB, together=None)
    assert fit.fit is Fit.TOO_LARGE
    assert apply_memory_fit(RUNS, fit).brief == "needs 33 GiB on a card of 24 GiB"


def test_a_badge_says_of_several_cards_what_all_need_and_have_where_that_is_too_little():
    fit = fit_on(1, count=2)
    whole = sum(fit.estimate.per_device) / GIB
    assert apply_memory_fit(RUNS, fit).brief == f"needs {whole:.0f} GiB, 2 GiB here"


def test_a_badge_never_says_that_four_do_not_fit_into_four():
    for tenths in range(10, 200):
        fit = fit_on(tenths / 10)
        if fit.fit is Fit.TOO_LARGE:
            brief = apply_memory_fit(RUNS, fit).brief
            words = brief.replace(",", "").split()
            assert brief == "just too large for its memory" or words[1] != words[3], (tenths, brief)


def test_a_need_that_is_not_known_is_too_large_in_words():
    assert apply_memory_fit(RUNS, replace(TOO_LARGE, need=None)).brief == "too large for its memory"


@pytest.mark.parametrize("word", ["high", "medium", "low"])
def test_what_goes_partly_into_system_memory_might_run(word):
    found = apply_memory_fit(replace(RUNS, confidence=word), PARTIAL)
    assert (found.compatible, found.confidence, found.cause) == (True, "low", "")
    assert found.warnings[0] == PARTIAL.sentence
    assert found.brief == "partly in system memory"
    assert "memory" in found.codes


@pytest.mark.parametrize("word", ["high", "medium", "low"])
def test_what_needs_nobody_knows_how_much_might_run(word):
    found = apply_memory_fit(replace(RUNS, confidence=word, brief="untested", warnings=("Mind the gate.",)), UNKNOWN)
    assert (found.compatible, found.confidence, found.cause) == (True, "low", "")
    assert found.warnings == (f"Memory: {UNKNOWN.sentence}", "Mind the gate.")
    assert found.brief == "memory need not known"
    assert "memory" in found.codes


def test_a_worker_whose_memory_nobody_told_keeps_its_verdicts():
    fit = replace(UNKNOWN, room=None, sentence="The worker's memory is not known.")
    found = apply_memory_fit(replace(RUNS, brief="untested"), fit)
    assert (found.compatible, found.confidence, found.brief) == (True, "high", "untested")
    assert found.warnings == ("Memory: The worker's memory is not known.",)


TEXTS = st.lists(st.sampled_from(["one", "two", "three"]), max_size=3).map(tuple)


@st.composite
def results(draw):
    level = draw(st.sampled_from(Confidence))
    return CompatibilityResult(
        level is not Confidence.NONE,
        level.word,
        draw(TEXTS),
        draw(TEXTS),
        draw(TEXTS),
        "" if level else "architecture",
        draw(st.sampled_from(["", "something"])),
        draw(TEXTS),
    )


@st.composite
def any_fit(draw):
    size = st.none() | st.integers(0, 2**45)
    doubt = draw(st.sampled_from(["", "A doubt."]))
    return FitResult(draw(st.sampled_from(Fit)), "A sentence.", FITS.estimate, draw(size), draw(size), doubt=doubt)


def test_what_cannot_be_shared_out_is_no_question_of_memory():
    found = apply_memory_fit(RUNS, UNEVEN)
    assert (found.compatible, found.cause, found.brief) == (False, "platform", "not on so many GPUs")
    assert "Needs 1, 2, 4, 8 or 16 GPUs: its 32 attention heads do not divide by 3." in found.reasons[0]
    assert "pipeline parallelism" in found.recommendations[0]


@given(results(), st.none() | any_fit())
def test_confidence_never_rises_and_the_parts_agree(result, fit):
    found = apply_memory_fit(result, fit)
    assert found.level <= result.level
    assert not (found.compatible and not result.compatible)
    assert found.compatible == (found.level is not Confidence.NONE) == (found.cause == "")
    assert set(result.codes) <= set(found.codes)
    if fit and result.compatible:
        said = " ".join((*found.reasons, *found.warnings))
        assert "A sentence." in said
        assert (found.cause == "memory") == (fit.fit is Fit.TOO_LARGE)
        assert (found.cause == "platform") == (fit.fit is Fit.UNEVEN)
        assert (found.cause == "cache") == (fit.fit is Fit.CACHE)
        if fit.doubt:
            assert found.level <= Confidence.MEDIUM
            assert not found.compatible or "A doubt." in found.warnings


@given(st.floats(0.5, 64), st.floats(0.5, 64), st.sampled_from([None, 16, 64]))
def test_more_memory_is_never_worse(one, other, ram):
    less, more = (apply_memory_fit(RUNS, fit_on(size, ram)) for size in sorted((one, other)))
    assert less.level <= more.level


@pytest.mark.parametrize(
    ("machine", "parameters", "second"),
    [
        ({"accelerator": "RTX 4090"}, 671_000_000_000, True),
        ({"accelerator": "RTX 4090", "ram": 64}, 671_000_000_000, False),
        ({"accelerator": "H100 SXM", "count": 8}, 671_000_000_000, False),
        ({"accelerator": "RTX 4090"}, 8_000_000_000, False),
        ({"accelerator": "RTX 4090"}, None, False),
        ({"ram": 32}, 671_000_000_000, True),
        ({"accelerator": "Apple M4 Max", "memory": 64}, 671_000_000_000, True),
        ({}, 671_000_000_000, False),
    ],
)
def test_another_build_is_advised_only_where_one_can_fit(machine, parameters, second):
    advice = "Look for a GGUF version of this model."
    refused = CompatibilityResult(False, "none", ("no",), (), (advice,), "format", "needs a GGUF build", ("format",))
    told = advise_by_size(refused, parameters, Machine(**machine).hardware)
    assert (told.recommendations != (advice,)) is second
    assert all("Its size is in the way as well" in text for text in told.recommendations) is second
    assert replace(told, recommendations=()) == replace(refused, recommendations=())
