"""A worker with a machine: list, page, counts and report are one answer, and more room is never worse."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from compat import catalogue as queries
from compat.catalogue import current
from compat.catalogue.current import current_index, verdicts_on
from compat.catalogue.index_columns import INDEX_CAUSES
from compat.catalogue.question import Question
from compat.catalogue.workers import choose_worker, workers
from compat.estimate import Fit
from compat.ingest import store as sync
from compat.models import ModelRecord, SiteWorker, Verdict
from compat.rules import Confidence
from tests.samples import record, renamed

pytestmark = pytest.mark.django_db

SIZES = (8.0, 16.0, 24.0, 48.0, 96.0)
MACHINES = (
    Question(worker="vllm", memory=24.0),
    Question(worker="vllm", accelerator="V100 16 GB"),
    Question(worker="llama-cpp", accelerator="RTX 4090", ram=32.0),
    Question(worker="transformers", memory=8.0, count=2, context=32768),
    Question(worker="rbee", ram=16.0),
    Question(worker="vllm", memory=80.0, context=131_072),
    Question(worker="vllm", accelerator="RTX 3090", kv="fp8"),
    Question(worker="vllm", memory=48.0, kv="fp8"),
    Question(worker="mlx-lm", accelerator="Apple M3 Ultra", ram=256.0, kv="8bit"),
    Question(worker="lm-studio", accelerator="Apple M3 Ultra", ram=256.0, kv="q8_0"),
    Question(worker="vllm", ram=64.0),
    Question(worker="transformers", ram=64.0, ram_bandwidth=80.0),
)
NAMES = (
    *("vllm, 24 GB", "vllm, V100", "llama.cpp, RTX 4090 and 32 GB", "transformers, 2 x 8 GB", "rbee, 16 GB of RAM"),
    *("vllm, 80 GB, a long context", "vllm, a cache in fp8 on Ampere", "vllm, a cache in fp8 on 48 GB"),
    *("MLX with a cache of 8 bits", "LM Studio with a cache in q8_0"),
    *("vLLM on a processor", "Transformers on a processor"),
)


def worker_of(criteria):
    return queries.worker_of(criteria, workers())


def verdicts_by_record(worker):
    """(confidence, cause) of every record by its id, as counting sees it."""
    index = current_index()
    found, group = verdicts_on(index, worker), index.columns.group
    told = zip(found.level[group].tolist(), found.cause[group].tolist(), strict=True)
    return {
        pk: (level, INDEX_CAUSES[cause]) for pk, (level, cause) in zip(index.columns.ids.tolist(), told, strict=True)
    }


def rows_of_all_pages(criteria):
    """Every row of a question, page by page."""
    found, page = [], 1
    while True:
        answer = queries.browse(criteria.changed(page=page))
        found += answer.rows
        if page >= answer.paging.pages:
            return found
        page += 1


def stored(name, files, config=None, **more):
    """A record of its own, with files of told sizes."""
    siblings = [{"rfilename": file, "size": round(size * 2**30)} for file, size in files.items()]
    item = record("microsoft/phi-2", id=f"sample/{name}", siblings=siblings, **more)
    sync.store_raw([("1", item | ({"config": config} if config else {}))], origin="file")
    return ModelRecord.objects.get(repo_id=f"sample/{name}")


# --- one truth -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("criteria", MACHINES, ids=NAMES)
def test_list_counts_and_standings_agree_for_every_record(criteria):
    worker, criteria = worker_of(criteria), criteria.changed(unit="repository")
    everything = criteria.changed(compatible="false")
    rows = rows_of_all_pages(everything)
    assert len(rows) == len({row.record.pk for row in rows}) == ModelRecord.objects.count()
    counted = Counter((int(row.level), row.result.cause) for row in rows)
    first = queries.browse(everything)
    assert first.by_confidence == Counter(int(row.level) for row in rows)
    assert first.total == len(rows)
    assert verdicts_by_record(worker) == {row.record.pk: (int(row.level), row.result.cause) for row in rows}
    running = queries.browse(criteria)
    assert running.total == sum(n for (level, _), n in counted.items() if level)
    assert {hidden.cause: hidden.count for hidden in running.hidden} == {
        cause: n for (level, cause), n in counted.items() if not level
    }
    assert running.total + sum(hidden.count for hidden in running.hidden) == len(rows)
    card = queries.worker_page(criteria, workers())
    assert (card.running, card.total) == (running.total, len(rows))


@pytest.mark.parametrize("criteria", MACHINES, ids=NAMES)
def test_row_and_page_agree_for_every_record(criteria):
    available = workers()
    rows = queries.rows_of(list(ModelRecord.objects.order_by("pk")), worker_of(criteria))
    for row in rows[::3]:
        page = queries.detail(row.record.repo_id, criteria, available)
        assert page.result == row.result, row.record.repo_id
        assert page.row.best == row.best
        assert page.row.fit == row.fit
        best = next((one for one in page.variants if one.best), None)
        if best is not None and row.fit is not None:
            assert best.result == row.result
            assert best.fit == row.fit
            assert page.memory.fit == row.fit


@pytest.mark.parametrize("criteria", MACHINES, ids=NAMES)
def test_the_report_adds_up_and_says_what_the_list_says(criteria):
    criteria = criteria.changed(unit="repository")
    report = queries.report(10_000, criteria)
    counts = {line.key: line.count for line in report.lines}
    assert sum(counts.values()) == report.total == sum(report.by_confidence.values()) == ModelRecord.objects.count()
    page = queries.browse(criteria)
    assert counts["compatible"] == page.total
    memory = next((hidden.count for hidden in page.hidden if hidden.cause == "memory"), 0)
    assert counts.get("incompatibleMemory", 0) == memory


@pytest.mark.parametrize(
    "question", ["q=llama", "format=gguf", "author=Qwen", "architecture=llama&sort=name", "q=b&gated=false"]
)
def test_totals_and_pages_agree_when_narrowed(client, question):
    address = f"/models/?worker=vllm&memory=24&{question}"
    page = client.get(address).context["page"]
    rows = rows_of_all_pages(page.criteria)
    assert len(rows) == page.total
    assert all(row.result.compatible for row in rows)
    for hidden in page.hidden:
        other = client.get(f"/models/?{hidden.query}").context["page"]
        assert other.total == hidden.count == len(rows_of_all_pages(other.criteria))
        assert {row.result.cause for row in rows_of_all_pages(other.criteria)} == {hidden.cause}


def test_facet_counts_are_what_taking_them_gives():
    criteria = Question(worker="vllm", memory=24.0)
    page = queries.browse(criteria)
    for facet in page.facets:
        for choice in facet.first[:4]:
            answer = queries.browse(criteria.toggled(facet.name, choice.value))
            assert answer.total == choice.count, (facet.name, choice.value)


def test_a_confidence_asked_for_is_the_one_on_this_machine():
    for word in ("high", "medium", "low", "none"):
        criteria = Question(worker="llama-cpp", memory=8.0, ram=64.0, compatible="false", confidence=(word,))
        rows = rows_of_all_pages(criteria)
        assert {row.result.confidence for row in rows} <= {word}
        assert len(rows) == queries.browse(criteria).total


# --- more room -------------------------------------------------------------------------------------------------


def running(**more):
    worker = choose_worker(workers(), **more)
    return {pk for pk, (level, _) in verdicts_by_record(worker).items() if level}


@pytest.mark.parametrize("engine", ["vllm", "llama-cpp", "transformers", "rbee", "mlx-lm", "tgi"])
def test_more_memory_never_makes_fewer_models_run(engine):
    found = [running(slug=engine, memory=size) for size in SIZES]
    assert all(less <= more for less, more in pairwise(found))
    assert engine in ("llama-cpp", "mlx-lm") or len(found[0]) < len(found[-1])
    alone = set(
        ModelRecord.objects.filter(sheet__verdicts__profile=engine, sheet__verdicts__confidence__gt=0).values_list(
            "pk", flat=True
        )
    )
    assert found[-1] <= alone


@pytest.mark.parametrize("engine", ["vllm", "llama-cpp", "transformers"])
def test_a_longer_context_never_makes_more_models_run(engine):
    found = [running(slug=engine, memory=24.0, context=n) for n in (2048, 8192, 32768, 131072)]
    assert all(more >= less for more, less in pairwise(found))


def test_a_second_card_and_a_smaller_cache_never_hurt():
    assert running(slug="vllm", memory=24.0) <= running(slug="vllm", memory=24.0, count=2)
    wide, narrow = (running(slug="llama-cpp", memory=8.0, context=131072, kv=kv) for kv in ("f16", "q4_0"))
    assert wide <= narrow


def test_system_memory_lets_llama_cpp_spill_over():
    alone, beside = (running(slug="llama-cpp", memory=8.0, ram=ram) for ram in (None, 256.0))
    assert alone <= beside


# --- the best variant ------------------------------------------------------------------------------------------

LLAMA = {
    "model_type": "llama",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 32000,
    "intermediate_size": 14336,
    "max_position_embeddings": 8192,
}
FILES = {"m-Q4_K_M.gguf": 4.6, "m-Q8_0.gguf": 8.0, "m-F16.gguf": 15.0}


def best_on(kept, **more):
    page = queries.detail(kept.repo_id, Question(worker="llama-cpp", **more), workers())
    return page.row.best.quantization, page.result, page


def test_the_best_variant_is_one_that_fits_and_keeps_most_of_the_model():
    kept = stored("sizes", FILES, LLAMA)
    assert best_on(kept)[0] == "Q4_K_M"
    all_ = {"Q4_K_M", "Q8_0", "F16"}
    for memory, taken, fits in ((7.0, "Q4_K_M", {"Q4_K_M"}), (11.0, "Q8_0", {"Q4_K_M", "Q8_0"}), (24.0, "Q8_0", all_)):
        best, result, page = best_on(kept, memory=memory)
        assert best == taken
        assert result.compatible
        assert {one.variant.quantization for one in page.variants if one.result.compatible} == fits


def test_a_preferred_variant_that_does_not_fit_gives_way():
    kept = stored("preferred", {"m-Q4_K_M.gguf": 9.0, "m-Q2_K.gguf": 3.0, "m-Q8_0.gguf": 15.0}, LLAMA)
    assert best_on(kept)[0] == "Q4_K_M"
    best, result, _ = best_on(kept, memory=8.0)
    assert (best, result.compatible) == ("Q2_K", True)
    row = queries.rows_of([kept], worker_of(Question(worker="llama-cpp", memory=8.0)))[0]
    assert (row.best.quantization, row.result) == (best, result)


def test_a_good_one_that_spills_over_goes_before_a_poor_one_that_fits():
    kept = stored("spill", {"m-Q4_K_M.gguf": 9.0, "m-Q2_K.gguf": 3.0}, LLAMA)
    best, result, page = best_on(kept, memory=8.0, ram=64.0)
    assert best == "Q4_K_M"
    assert result.level is Confidence.LOW
    assert page.row.fit.fit is Fit.PARTIAL
    whole = next(one for one in page.variants if one.variant.quantization == "Q2_K")
    assert whole.fit.fit is Fit.FITS
    assert whole.result.level > Confidence.LOW


def test_where_none_fits_the_refusal_is_memory_with_numbers():
    kept = stored("none", FILES, LLAMA)
    best, result, page = best_on(kept, memory=2.0)
    assert best == "Q4_K_M"
    assert (result.compatible, result.cause) == (False, "memory")
    assert "GiB" in result.brief
    assert page.memory.fit.fit is Fit.TOO_LARGE
    assert page.memory.scale >= page.memory.room
    assert page.memory.free == 0
    assert page.memory.longest == 0


def test_a_refusal_by_the_rules_is_not_covered_by_memory():
    for repo_id in ("BAAI/bge-m3", "openai/whisper-large-v3"):
        plain = queries.detail(repo_id, Question(), workers()).result
        tiny = queries.detail(repo_id, Question(memory=0.5), workers()).result
        assert plain == tiny
        assert not tiny.compatible


# --- what the hardware can do ----------------------------------------------------------------------------------

FP8 = "RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8"


def test_a_packing_needs_a_generation_that_computes_it():
    old = queries.detail(FP8, Question(worker="vllm", accelerator="V100 32 GB"), workers())
    new = queries.detail(FP8, Question(worker="vllm", accelerator="RTX 4090"), workers())
    plain = queries.detail(FP8, Question(worker="vllm"), workers())
    assert (old.result.compatible, old.result.cause) == (False, "platform")
    assert new.result.compatible
    assert plain.result.compatible
    # Only its name tells of FP8, and so does not refuse it: this card is too old for any model.
    assert "FP8" in " ".join(old.result.warnings)
    for criteria, expected in ((old, False), (new, True)):
        rows = queries.rows_of([old.record], criteria.worker)
        assert rows[0].result.compatible is expected
        assert bool(verdicts_by_record(criteria.worker)[old.record.pk][0]) is expected


def test_an_engine_does_not_run_on_another_makers_hardware():
    page = queries.browse(Question(worker="tensorrt-llm", accelerator="Apple M2 Ultra", memory=64.0))
    assert page.total == 0
    assert {hidden.cause for hidden in page.hidden} >= {"platform"}


def test_files_that_an_engine_reads_elsewhere_alone_are_not_found_here():
    def found(**machine):
        return queries.browse(Question(worker="lm-studio", format=("safetensors",), **machine))

    assert found(accelerator="Apple M2 Ultra", memory=192.0).total > 0
    page = found(accelerator="RTX 4090")
    assert page.total == 0
    assert "platform" in {hidden.cause for hidden in page.hidden}


def test_judging_for_hardware_leaves_what_is_stored_alone():
    before = list(Verdict.objects.order_by("pk").values_list("confidence", "cause", "results"))
    queries.browse(Question(worker="vllm", accelerator="V100 32 GB"))
    assert list(Verdict.objects.order_by("pk").values_list("confidence", "cause", "results")) == before


# --- what is kept ----------------------------------------------------------------------------------------------


def test_a_change_of_the_catalogue_is_seen_at_once():
    criteria = Question(worker="llama-cpp", memory=24.0, q="newcomer")
    assert queries.browse(criteria).total == 0
    kept = stored("newcomer", FILES, LLAMA)
    assert [row.record.pk for row in queries.browse(criteria).rows] == [kept.pk]
    stored("newcomer", {"m-Q4_K_M.gguf": 80.0}, LLAMA)
    page = queries.browse(criteria)
    assert page.total == 0
    assert [hidden.cause for hidden in page.hidden] == ["memory"]


def test_a_machines_verdicts_are_worked_out_once_for_an_index(django_assert_num_queries):
    workers_known, index = workers(), current_index()
    worker = choose_worker(workers_known, "vllm", memory=24.0)
    first = verdicts_on(index, worker)
    with django_assert_num_queries(0):
        assert verdicts_on(index, worker) is first
        assert verdicts_on(index, choose_worker(workers_known, "vllm", memory=25.0)) is not first
    assert verdicts_on(index, choose_worker(workers(), "vllm", memory=24.0, context=4096)) is not first
    assert verdicts_on(index, choose_worker(workers(), "vllm", memory=24.0, kv="q8_0")) is not first
    for size in range(current.MOST_MACHINES):
        verdicts_on(index, choose_worker(workers(), "vllm", memory=30.0 + size))
    assert len(index.machines) == current.MOST_MACHINES
    assert verdicts_on(index, worker) is not first


def test_a_registered_workers_new_machine_is_seen_at_once():
    own = SiteWorker.objects.create(name="Ours", slug="ours", engine="vllm", memory_gb=96)
    before = queries.browse(Question(worker="ours"))
    own.memory_gb = 8
    own.save()
    after = queries.browse(Question(worker="ours"))
    assert after.total < before.total
    assert len(rows_of_all_pages(Question(worker="ours"))) == after.total
    assert all(row.result.compatible for row in after.rows)
    fresh = {facet.name: facet.values for facet in after.facets}
    current.forget_index()
    assert {facet.name: facet.values for facet in queries.browse(Question(worker="ours")).facets} == fresh


def counted(question):
    with CaptureQueriesContext(connection) as context:
        question()
    return len(context)


@pytest.mark.parametrize("criteria", MACHINES[:3], ids=NAMES[:3])
def test_the_number_of_queries_is_bounded_and_small_once_warm(criteria):
    queries.browse(criteria)
    warm = counted(lambda: queries.browse(criteria))
    assert warm <= 6
    assert counted(lambda: queries.browse(criteria.changed(page=2, compatible="false"))) <= 7
    assert counted(lambda: queries.detail("microsoft/phi-2", criteria)) <= 14
    items = renamed(60, "manymore")
    sync.store_raw([(item["id"], item) for item in items], origin="file")
    queries.browse(criteria)
    assert counted(lambda: queries.browse(criteria)) == warm
