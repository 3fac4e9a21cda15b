"""What can I run? The rules of a ladder, on machines that people have, and its numbers beside those of the pages."""

from __future__ import annotations

from functools import cache

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from compat.catalogue.browse import browse
from compat.catalogue.current import current_index
from compat.catalogue.detail import detail
from compat.catalogue.ladder import (
    AS_LARGE,
    COMFORTABLE,
    ENOUGH_BITS,
    KINDS,
    larger_machines,
    what_runs,
)
from compat.catalogue.least_hardware import what_it_needs
from compat.catalogue.membership import rows_of_model
from compat.catalogue.needs import inputs_of_variant
from compat.catalogue.question import Question
from compat.catalogue.uses import USES
from compat.catalogue.well_known import is_altered
from compat.catalogue.workers import AUTO, Machine
from compat.estimate import Fit
from compat.estimate.need_columns import quality_of_variant
from compat.estimate.quality import VERY_GOOD, width_of
from compat.ingest.store import store_raw
from compat.models import ModelRecord
from compat.rules import Confidence
from compat.rules.modality import is_text_only
from tests import samples

pytestmark = pytest.mark.django_db

MACHINES = {
    "8 GB": Question(worker="vllm", accelerator="RTX 4060"),
    "12 GB": Question(worker="transformers", accelerator="RTX 3060 12 GB", ram=32),
    "24 GB": Question(worker="llama-cpp", accelerator="RTX 3090"),
    "24 GB, 32k": Question(worker="llama-cpp", accelerator="RTX 3090", context=32768),
    "24 GB, vLLM": Question(worker="vllm", accelerator="RTX 4090"),
    "2x24": Question(worker="llama-cpp", accelerator="RTX 3090", count=2),
    "8x80": Question(worker="vllm", accelerator="H100 SXM", count=8),
    "64 GB Mac": Question(worker="mlx-lm", accelerator="Apple M4 Max", memory=64),
    "16 GB Mac": Question(worker="mlx-lm", accelerator="Apple M2", memory=16),
    "three cards": Question(worker="llama-cpp", accelerator="RTX 3090", beside="RTX 4060 Ti 16 GB, RTX 3060 12 GB"),
    "processor": Question(worker="llama-cpp", ram=64),
    "told processor": Question(worker="llama-cpp", ram=64, ram_bandwidth=89.6),
    "unnamed card": Question(worker="llama-cpp", memory=24),
}
WRITING = {"chat", "code", "reasoning", "vision"}


def rungs_of(page):
    return [(ladder, rung) for ladder in page.ladders for rung in ladder.rungs]


@pytest.fixture(params=MACHINES.values(), ids=MACHINES)
def page(request):
    return what_runs(request.param)


def test_every_machine_has_something_to_run(page):
    assert [ladder.use for ladder in page.ladders] == list(USES)
    assert rungs_of(page)


def test_no_rung_is_a_guess(page):
    columns = current_index().columns
    known = set(columns.ids[columns.well_known].tolist())
    for ladder, rung in rungs_of(page):
        assert rung.result.level >= Confidence.MEDIUM
        assert rung.fit.fit is Fit.FITS
        assert rung.fit.need is not None
        assert rung.bits >= ENOUGH_BITS
        assert not rung.variant.quantization.upper().startswith(("Q2", "Q3", "IQ1", "IQ2", "IQ3"))
        assert rung.record.pk in known
        assert not is_altered(rung.record.name)
        assert set(rung.why) <= set(KINDS)
        assert rung.use.name == ladder.use
        speed = rung.speed.tokens_per_second if rung.speed else None
        assert speed is None or speed >= COMFORTABLE or ladder.use not in WRITING


def test_each_kind_of_rung_is_what_it_says(page):
    for ladder in page.ladders:
        rungs = {kind: rung for rung in ladder.rungs for kind in rung.why}
        if not rungs:
            continue
        assert "biggest" in rungs
        weights = {kind: rung.record.parameters for kind, rung in rungs.items()}
        largest = max(weights.values())
        assert weights["biggest"] >= AS_LARGE * largest
        if "quality" in rungs:
            kept = quality_of_variant(inputs_of_variant(rungs["quality"].record, rungs["quality"].variant)[0])
            assert kept >= VERY_GOOD
        if "fastest" in rungs:
            speeds = [rung.speed.tokens_per_second for rung in rungs.values() if rung.speed.tokens_per_second]
            assert rungs["fastest"].speed.tokens_per_second == max(speeds)
        for kind in ("fastest", "longest"):
            if kind in rungs:
                assert weights[kind] >= 0.25 * largest
        if "longest" in rungs:
            longest = rungs["longest"]
            assert longest.worker.context > page.worker.context
            assert longest.longest >= longest.worker.context
            assert longest.record.context >= longest.worker.context
            listed = detail(longest.record.repo_id, page.asked)
            is_listed = listed.best is None and listed.row.best == longest.variant
            assert is_listed or "Lists take another build of it" in longest.why["longest"]


def test_a_rung_s_numbers_are_those_of_its_model_s_page(page):
    for _, rung in rungs_of(page):
        shown = detail(rung.record.repo_id, rung.question, build=rung.variant.position)
        row = next(one for one in shown.variants if one.variant == rung.variant)
        assert shown.row.best == rung.variant
        assert row.result == shown.result == rung.result
        for fit in (row.fit, shown.memory.fit):
            assert (fit.need, fit.room, fit.sentence) == (rung.fit.need, rung.fit.room, rung.fit.sentence)
        assert shown.row.speed == shown.memory.speed == rung.speed
        assert shown.memory.longest == rung.longest
        assert shown.memory.plans.plans[0].line == rung.plan.line
        assert row.best == (shown.best is None)


def test_what_a_larger_machine_brings_is_larger_and_is_on_its_own_page(page):
    for ladder in page.ladders:
        if ladder.unlocked is None:
            continue
        here = max((rung.record.parameters for rung in ladder.rungs), default=0)
        assert ladder.unlocked.rung.record.parameters >= 1.25 * here
        there = {one.use: one for one in what_runs(ladder.unlocked.question).ladders}
        biggest = next(rung for rung in there[ladder.use].rungs if "biggest" in rung.why)
        assert biggest.record == ladder.unlocked.rung.record
        assert biggest.variant == ladder.unlocked.rung.variant


def test_the_same_question_has_the_same_answer():
    asked = MACHINES["24 GB"]
    first, second = (
        [(rung.record.repo_id, rung.variant.position, tuple(rung.why)) for _, rung in rungs_of(what_runs(asked))]
        for _ in range(2)
    )
    assert first == second


def test_a_coder_is_no_chat_and_a_model_that_finishes_texts_is_none():
    for asked in MACHINES.values():
        for ladder, rung in rungs_of(what_runs(asked)):
            words = rung.record.name.lower()
            assert ladder.use == "code" or "coder" not in words
            assert "base" not in words.split("-")


def test_a_larger_card_never_has_a_smaller_biggest():
    @cache
    def biggest(accelerator):
        page = what_runs(Question(worker="vllm", accelerator=accelerator))
        return max(rung.record.parameters for ladder, rung in rungs_of(page) if ladder.use == "chat")

    assert biggest("RTX 4060") <= biggest("RTX 3060 12 GB") <= biggest("RTX 3090") <= biggest("RTX 5090")


def of_files(repo_id, *files):
    told = [{"rfilename": name, "size": size} for name, size in files]
    return samples.record(repo_id, siblings=told)


def test_a_larger_model_in_five_bits_keeps_more_than_half_as_large_a_one_in_six():
    """llama.cpp measured how much perplexity rises with either: by 0.9 and 0.3 %."""
    larger = of_files("unsloth/Qwen3.5-35B-A3B-GGUF", ("Qwen3.5-35B-A3B-Q5_K_M.gguf", 25_000_000_000))
    smaller = of_files("unsloth/Qwen3.5-9B-GGUF", ("Qwen3.5-9B-Q6_K.gguf", 7_900_000_000))
    store_raw([("1", larger), ("2", smaller)], origin="file")
    page = what_runs(MACHINES["2x24"])
    chat = next(ladder for ladder in page.ladders if ladder.use == "chat")
    quality = next(rung for rung in chat.rungs if "quality" in rung.why)
    assert (quality.record.name, quality.variant.quantization) == ("Qwen3.5-35B-A3B-GGUF", "Q5_K_M")


@pytest.mark.parametrize("machine", ["24 GB", "64 GB Mac", "8x80"])
def test_what_was_left_out_is_counted_as_the_lists_that_it_leads_to_count(machine):
    asked = MACHINES[machine]
    for ladder in what_runs(asked).ladders:
        left = ladder.left_out
        assert 0 <= left.little_known <= left.running
        of_use = asked.changed(use=(ladder.use,))
        assert browse(of_use).total == left.running + left.unsure
        assert browse(of_use.changed(confidence=("low",))).total == left.unsure
        assert browse(of_use.changed(compatible="false")).total == left.all > 0


def test_what_sees_or_hears_is_no_rung_where_its_text_part_alone_runs():
    seen = 0
    for asked in (*MACHINES.values(), Question(worker="mlx-vlm", accelerator="Apple M3 Max", memory=64)):
        for ladder, rung in rungs_of(what_runs(asked)):
            if ladder.use in {"vision", "speech"}:
                assert not is_text_only(rung.result), (asked, rung.record.repo_id)
                seen += 1
    assert seen


@pytest.mark.parametrize("engine", ["llama-cpp", "ollama"])
def test_what_is_to_see_is_no_rung_where_its_need_leaves_the_projector_out(engine):
    def seeing(told):
        store_raw([("1", told)], origin="file")
        page = what_runs(Question(worker=engine, accelerator="GTX 1060 6 GB"))
        return {rung.record.repo_id for ladder, rung in rungs_of(page) if ladder.use == "vision"}

    told = samples.record("unsloth/gemma-4-E2B-it-GGUF", gguf={"architecture": "gemma4", "total": 4_647_450_147})
    assert told["id"] in seeing(told), seeing(told)
    for file in told["siblings"]:
        if file["rfilename"].startswith("mmproj"):
            del file["size"]
    assert told["id"] not in seeing(told)


def test_an_engine_that_runs_the_text_part_alone_leads_to_one_that_sees():
    asked = Question(worker="mlx-lm", accelerator="Apple M3 Max", memory=64)
    vision = next(one for one in what_runs(asked).ladders if one.use == "vision")
    assert vision.rungs == ()
    assert vision.text_only
    assert vision.instead.worker.slug == "mlx-vlm"
    there = next(one for one in what_runs(vision.instead.question).ladders if one.use == "vision")
    assert there.rungs
    assert not there.text_only


UNLOCKING = (
    *MACHINES.values(),
    *(Question(worker="vllm", accelerator="H200", count=count, ram=2048) for count in (1, 2, 4, 8)),
    *(
        Question(worker="vllm", accelerator=card)
        for card in ("RTX 4060 Ti 16 GB", "RTX 3090", "V100 PCIe 32 GB", "A100 PCIe 40 GB")
    ),
    *(Question(worker="sglang", accelerator=card) for card in ("RTX 4090", "L40S", "RTX 5090")),
)


def test_where_no_engine_is_named_another_one_stands_in_for_what_the_first_is_not_made_for():
    asked = Question(worker=AUTO, accelerator="RTX 4090", ram=64)
    page = what_runs(asked)
    ladders = {one.use: one for one in page.ladders}
    assert ladders["chat"].by is None
    speech = ladders["speech"]
    assert speech.by.worker.slug == "transformers"
    alone = {one.use: one for one in what_runs(speech.by.question).ladders}
    assert [rung.record.repo_id for rung in speech.rungs] == [rung.record.repo_id for rung in alone["speech"].rungs]
    assert speech.left_out == alone["speech"].left_out
    for rung in speech.rungs:
        assert rung.result.level >= Confidence.MEDIUM
        assert rung.question.worker == "transformers"
        shown = detail(rung.record.repo_id, rung.question, build=rung.variant.position)
        assert shown.result == rung.result
    named = {one.use: one for one in what_runs(asked.changed(worker=page.worker.slug)).ladders}
    assert named["speech"].by is None
    assert not named["speech"].rungs


def test_a_ladder_of_which_the_engine_reads_the_text_alone_is_that_of_its_sibling():
    asked = Question(worker=AUTO, accelerator="Apple M2", memory=16)
    page = what_runs(asked)
    seeing = next(one for one in page.ladders if one.use == "vision")
    assert (page.worker.slug, seeing.by.worker.slug) == ("mlx-lm", "mlx-vlm")
    assert seeing.rungs
    named = next(one for one in what_runs(asked.changed(worker="mlx-lm")).ladders if one.use == "vision")
    assert (named.by, named.rungs, named.instead.worker.slug) == (None, (), "mlx-vlm")


def test_what_might_run_already_is_not_brought_by_more():
    index = current_index()
    known = set(index.columns.ids[index.columns.well_known].tolist())
    seen = 0
    for asked in UNLOCKING:
        for ladder in what_runs(asked).ladders:
            if ladder.unlocked is None:
                continue
            seen += 1
            rows = rows_of_model(index, ladder.unlocked.rung.record)
            for record in ModelRecord.objects.filter(pk__in=known & set(index.ids_at(rows))):
                for one in detail(record.repo_id, asked).variants:
                    whole = one.fit is not None and one.fit.fit in {Fit.FITS, Fit.TIGHT}
                    width = width_of(one.variant.quantization) or 16
                    slow = one.speed is not None and (one.speed.tokens_per_second or COMFORTABLE) < COMFORTABLE
                    if whole and one.result.level >= Confidence.LOW and width >= 5 and not slow:
                        pytest.fail(f"{asked.query()}: {record.repo_id} {one.variant.label}, {ladder.use}")
    assert seen


@pytest.mark.parametrize("accelerator", ["", "Snapdragon X Elite", "Radeon 780M"])
def test_where_nobody_told_how_fast_memory_is_nothing_slow_is_called_comfortable(accelerator):
    asked = Question(worker="llama-cpp", ram=64, accelerator=accelerator)
    page = what_runs(asked)
    slow = what_runs(asked.changed(ram_bandwidth=page.assumed_rate))
    assert slow.assumed_rate is None
    assert page.assumed_rate < 50
    for kind in ("biggest", "quality"):
        told, assumed = (
            {ladder.use: rung.record for ladder, rung in rungs_of(one) if kind in rung.why} for one in (slow, page)
        )
        assert told == assumed
    assert all("fastest" not in rung.why for _, rung in rungs_of(page))


def test_without_a_machine_there_is_no_ladder():
    assert what_runs(Question(worker="vllm")).ladders == ()


def test_an_engine_that_does_not_run_there_is_told_and_others_are_offered():
    page = what_runs(Question(worker="tensorrt-llm", accelerator="Apple M4 Max", memory=64))
    assert page.refused
    assert page.ladders == ()
    offered = {one.worker.slug for one in page.engines}
    assert "mlx-lm" in offered
    assert "tensorrt-llm" not in offered


def test_it_asks_the_database_a_few_times_whatever_the_catalogue_holds():
    asked = MACHINES["2x24"]
    what_runs(asked)
    with CaptureQueriesContext(connection) as queries:
        what_runs(asked)
    assert len(queries) <= 15


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (Machine("RTX 3090"), ["one more card"]),
        (Machine("RTX 3090", 4), ["one more card", "4 more cards"]),
        (Machine("RTX 3090", 16), []),
        (Machine("RTX 3060 Laptop", ram=32.0), []),
        (Machine("RTX 4080 Max-Q"), []),
        (Machine("RTX PRO 6000 Max-Q"), ["one more card"]),
        (Machine("L40S"), ["one more card"]),
        (Machine("Apple M3 Max", memory=128.0), []),
        (Machine(memory=24.0), ["one more card"]),
        (Machine(ram=64.0), ["128 GB of memory"]),
        (Machine("Apple M4 Max", memory=64.0), ["128 GB of memory"]),
        (Machine(), []),
    ],
)
def test_a_larger_machine_is_the_next_that_one_can_have(machine, words):
    assert [word for word, _ in larger_machines(machine)] == words


def test_the_least_hardware_is_enough_and_the_next_smaller_is_not():
    page = what_it_needs("unsloth/Qwen3.5-35B-A3B-GGUF", Question(worker="llama-cpp"))
    assert {one.kind for one in page.least} == {"Graphics cards", "Macs", "Processor alone"}
    for one in page.least:
        shown = detail(page.record.repo_id, one.question)
        row = next(row for row in shown.variants if row.variant == one.variant)
        assert (row.result, row.fit.need) == (one.result, one.fit.need)
        assert row.fit.fit is Fit.FITS
    card = next(one for one in page.least if one.kind == "Graphics cards")
    assert card.machine == Machine("RTX 3090")
    small = detail(page.record.repo_id, Question(worker="llama-cpp", accelerator="RTX 4060 Ti 16 GB"))
    assert not [row for row in small.variants if row.variant.quantization[:2] == "Q4" and row.fit.fit is Fit.FITS]


def test_the_least_hardware_is_of_kinds_that_the_engine_runs_on():
    page = what_it_needs("Qwen/Qwen2.5-Coder-7B-Instruct", Question(worker="tensorrt-llm"))
    assert [one.kind for one in page.least] == ["Graphics cards"]
    assert page.unfit == ("Macs", "Processor alone")


@pytest.mark.parametrize("machine", ["8 GB", "24 GB", "2x24", "64 GB Mac"])
def test_a_model_stands_on_a_ladder_once_or_says_that_it_does(machine):
    """A card of 8 GB had a ladder of one coder in four widths."""
    for ladder in what_runs(MACHINES[machine]).ladders:
        models = [rung.model for rung in ladder.rungs]
        for place, rung in enumerate(ladder.rungs):
            said = all(why.endswith("The model stands above already.") for why in rung.why.values())
            assert said is (rung.model in models[:place])


def chat_of(page):
    """The rungs for chat by their kinds."""
    ladder = next(one for one in page.ladders if one.use == "chat")
    return {kind: rung for rung in ladder.rungs for kind in rung.why}


def test_a_narrower_build_than_lists_take_is_no_rung_for_writing_faster():
    files = [
        (f"Qwen3.5-35B-A3B-{label}.gguf", size)
        for label, size in (("Q5_K_M", 25_000_000_000), ("Q4_0", 20_300_000_000))
    ]
    store_raw([("1", of_files("unsloth/Qwen3.5-35B-A3B-GGUF", *files))], origin="file")
    fastest = chat_of(what_runs(MACHINES["2x24"]))["fastest"]
    assert (fastest.record.name, fastest.variant.quantization) == ("Qwen3.5-35B-A3B-GGUF", "Q5_K_M")


def test_of_what_reads_as_far_a_model_goes_first_that_is_not_on_the_ladder_yet():
    header = {"total": 35_951_822_704, "architecture": "qwen35moe", "context_length": 262_144}
    items = [
        of_files(f"unsloth/{name}-GGUF", (f"{name}-Q5_K_M.gguf", 25_000_000_000)) | {"gguf": header} for name in ALIKE
    ]
    store_raw([(str(number), one) for number, one in enumerate(items)], origin="file")
    chat = chat_of(what_runs(MACHINES["2x24"]))
    assert {chat["biggest"].record.name, chat["longest"].record.name} == {f"{name}-GGUF" for name in ALIKE}


ALIKE = ("Qwen3.6-35B-A3B", "Qwen3.5-35B-A3B")
