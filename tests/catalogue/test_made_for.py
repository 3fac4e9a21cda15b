"""A context asked for beyond what a model was made for: it might run, and says why. Nobody else is warned."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compat import catalogue as queries
from compat.catalogue import current
from compat.catalogue.index_columns import INDEX_CAUSES
from compat.catalogue.listing import answer_for_model
from compat.catalogue.made_for import apply_made_for, loaded_context
from compat.catalogue.needs import fit_of
from compat.catalogue.question import Question
from compat.catalogue.workers import Machine, workers
from compat.estimate import Fit
from compat.extraction.facts import Provenance, VariantFacts
from compat.ingest import store as sync
from compat.models import ModelRecord
from compat.rules import CompatibilityResult, Confidence
from tests.samples import record

RUNS = CompatibilityResult(True, "high", ("It is a Llama.",), (), ())
REFUSED = CompatibilityResult(False, "none", ("It is a Whisper.",), (), (), "architecture", "Whisper")
FILES = [{"rfilename": "model.safetensors", "size": 5_559_367_680}]
PHI, NAME = "microsoft/phi-2", "sample/made-for-2048"


def made_for_2048(provenance):
    return VariantFacts(context=2048, context_from=provenance)


def test_the_cause_and_what_to_do_are_told():
    found = apply_made_for(RUNS, made_for_2048(Provenance.CONFIG), 4096)
    assert (found.compatible, found.level, found.brief) == (True, Confidence.LOW, "made for 2,048 tokens")
    assert "2,048 tokens, and 4,096 are asked for" in found.warnings[0]
    assert "Ask for less" in found.warnings[0]
    assert "RoPE scaling" in found.warnings[0]


@pytest.mark.parametrize("context", [1, 2048, 8192])
def test_nobody_is_warned_of_what_it_was_made_for_nor_of_what_nobody_asked(context):
    assert apply_made_for(RUNS, made_for_2048(Provenance.CONFIG), context) is RUNS


@pytest.mark.parametrize("provenance", [Provenance.GIVEN, *(one for one in Provenance if one.guessed)])
def test_a_context_that_is_guessed_or_that_a_program_leaves_out_limits_nothing(provenance):
    assert apply_made_for(RUNS, made_for_2048(provenance), 131_072) is RUNS


def test_a_context_that_a_program_states_limits_it():
    stated = VariantFacts(context=32_768, context_from=Provenance.GIVEN)
    assert apply_made_for(RUNS, stated, 131_072).level is Confidence.LOW


def test_a_refusal_stays_as_it_is():
    assert apply_made_for(REFUSED, made_for_2048(Provenance.CONFIG), 131_072) is REFUSED


@pytest.mark.django_db
@pytest.mark.parametrize("files", [True, False], ids=["its files", "without variants"])
@pytest.mark.parametrize(
    ("context", "level"),
    [(None, "medium"), (2048, "medium"), (2049, "low"), (131_072, "low")],
)
def test_list_counts_page_and_api_say_the_same(context, level, files):
    sync.store_raw([("1", record(PHI, id=NAME))], origin="file")
    stored = ModelRecord.objects.get(repo_id=NAME)
    if not files:
        stored.variants.all().delete()
    asked = Question(worker="vllm", memory=80.0, context=context)
    told = answer_for_model(NAME, asked, workers())
    (row,) = queries.rows_of([stored], told.worker)
    assert queries.detail(NAME, asked, workers()).result == row.result == told.item.row.result
    index = current.current_index()
    found = current.verdicts_on(index, told.worker)
    group = index.columns.group[index.columns.ids.tolist().index(stored.pk)]
    assert (int(row.level), row.result.cause) == (found.level[group], INDEX_CAUSES[found.cause[group]])
    assert (row.best is not None, row.result.confidence) == (files, level)
    assert (row.result.brief == "made for 2,048 tokens") == (level == "low")


@pytest.mark.django_db
def test_where_nobody_asks_it_is_loaded_for_what_it_was_made_for():
    sync.store_raw([("1", record(PHI, id=NAME, siblings=FILES))], origin="file")
    usual = queries.detail(NAME, Question(worker="vllm", memory=24.0), workers())
    asked = queries.detail(NAME, Question(worker="vllm", memory=24.0, context=2048), workers())
    more = queries.detail(NAME, Question(worker="vllm", memory=24.0, context=16_384), workers())
    assert usual.memory.context == asked.memory.context == 2048
    assert usual.memory.fit == asked.memory.fit == usual.row.fit
    assert "at 2,048 tokens" in usual.row.fit.sentence
    assert more.memory.context == 16_384
    assert more.memory.fit.need > usual.memory.fit.need


@pytest.mark.parametrize(("slug", "tokens"), [("ollama", 2048), ("tensorrt-llm", 2048), ("llama-cpp", 16_384)])
def test_an_engine_that_cuts_the_context_needs_no_memory_beyond(slug, tokens):
    assert loaded_context(2048, 16_384, slug) == tokens
    assert loaded_context(0, 16_384, slug) == 16_384


@pytest.mark.django_db
def test_rows_and_columns_agree_on_a_machine_that_holds_it_at_its_own_context_alone():
    sync.store_raw([("1", record(PHI, id=NAME, siblings=FILES))], origin="file")
    stored = ModelRecord.objects.get(repo_id=NAME)
    worker = replace(queries.detail(NAME, Question(worker="vllm", memory=24.0), workers()).worker, context=8192)
    variant = stored.variants.first()
    short, long = (fit_of(stored, variant, replace(worker, context=context)).need for context in (2048, 8192))
    (usable,) = worker.hardware.usable()
    machine = replace(worker, machine=Machine(memory=24.0 * (short + long) / 2 / usable))
    (row,) = queries.rows_of([stored], machine)
    index = current.current_index()
    found = current.verdicts_on(index, machine)
    group = index.columns.group[index.columns.ids.tolist().index(stored.pk)]
    assert fit_of(stored, variant, machine).fit is Fit.TOO_LARGE
    assert row.result.compatible
    assert int(row.level) == found.level[group] > 0


@pytest.mark.django_db
@pytest.mark.parametrize("wanted", [8192, 16_384])
def test_rows_and_columns_agree_of_an_engine_that_cuts_the_context(wanted):
    files = [{"rfilename": "phi-Q4_K_M.gguf", "size": 2 * 10**9}]
    sync.store_raw([("1", record(PHI, id=NAME, siblings=files))], origin="file")
    stored = ModelRecord.objects.get(repo_id=NAME)
    worker = replace(queries.detail(NAME, Question(worker="ollama", memory=24.0), workers()).worker, context=wanted)
    variant = stored.variants.get(format="gguf")
    short, long = (fit_of(stored, variant, replace(worker, context=context)).need for context in (2048, 8192))
    (usable,) = worker.hardware.usable()
    machine = replace(worker, machine=Machine(memory=24.0 * (short + long) / 2 / usable))
    (row,) = queries.rows_of([stored], machine)
    index = current.current_index()
    group = index.columns.group[index.columns.ids.tolist().index(stored.pk)]
    assert row.fit.need == short
    assert int(row.level) == current.verdicts_on(index, machine).level[group] > 0


@pytest.mark.django_db
@pytest.mark.parametrize("slug", ["vllm", "sglang", "llama-cpp"])
def test_every_door_starts_it_for_what_it_was_made_for(slug, client):
    sync.store_raw([("1", record(PHI, id=NAME, siblings=FILES))], origin="file")
    asked = Question(worker=slug, memory=24.0)
    page = queries.detail(NAME, asked, workers()).memory
    told = answer_for_model(NAME, asked, workers())
    assert told.worker.context == 8192
    assert told.plans.plans == page.plans.plans
    assert all(plan.options.context == 2048 for plan in told.plans.plans)
