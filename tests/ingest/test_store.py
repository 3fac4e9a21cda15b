"""The only writer: what is stored, what is left alone, and what a bad record, a crash or another writer does."""

from __future__ import annotations

import json
import signal
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from compat.batches import BATCH
from compat.catalogue.rows import find_record
from compat.engines import profile
from compat.extraction.columns import popularity
from compat.extraction.facts import VariantFacts
from compat.hub.payloads import parse_record
from compat.ingest import store as sync
from compat.ingest.judging import reevaluate
from compat.ingest.reading import extract_again
from compat.ingest.runs import finish_run, start_run
from compat.models import (
    Catalogue,
    EngineSetting,
    FactSheet,
    Job,
    ModelRecord,
    RecordDocument,
    RecordVariant,
    Verdict,
)
from compat.models.engines import engines
from compat.models.lineage import extraction_of
from compat.rules import Confidence, judge_all
from compat.rules.judge import rules_version
from tests.own_database import TIMEOUT, OwnDatabase
from tests.samples import every_record, record, renamed, write_lines

pytestmark = pytest.mark.django_db

PHI = "microsoft/phi-2"
LONG = "meta-llama/Llama-3.1-70B-Instruct"


def store(*records, origin="file"):
    return sync.store_raw([(f"line {n}", item) for n, item in enumerate(records, 1)], origin=origin)


def told(counts):
    return (counts.new, counts.changed, counts.unchanged, counts.older, counts.rejected)


def version():
    return Catalogue.objects.get(pk=1).version


def state():
    columns = ("repo_id", "digest", "updated", "sheet_id", "popularity", "origin", "fetched", "as_of")
    return list(ModelRecord.objects.order_by("repo_id").values_list(*columns))


def test_new_records_are_counted_and_stored():
    assert told(store(*renamed(5))) == (5, 0, 0, 0, 0)
    assert ModelRecord.objects.filter(owner="sample").count() == 5


def test_an_id_in_another_case_is_the_same_repository():
    small = {"id": "acme/marvin-7b", "tags": ["gguf"]}
    assert told(store(small)) == (1, 0, 0, 0, 0)
    assert told(store(small | {"id": "Acme/Marvin-7B", "tags": ["gguf", "safetensors"]})) == (0, 1, 0, 0, 0)
    assert told(store(small | {"id": "ACME/MARVIN-7B", "tags": ["gguf", "safetensors"]})) == (0, 0, 1, 0, 0)
    found = ModelRecord.objects.get(repo_id__iexact="acme/marvin-7b")
    assert (found.repo_id, found.formats) == ("acme/marvin-7b", "safetensors gguf")
    assert find_record("Acme/MARVIN-7b").pk == found.pk


def test_two_in_one_batch_whose_ids_differ_by_case_make_one_record():
    assert told(store({"id": "acme/Marvin-7B", "likes": 3}, {"id": "acme/marvin-7b", "likes": 4})) == (1, 0, 0, 0, 0)
    found = ModelRecord.objects.get(repo_id__iexact="acme/marvin-7b")
    assert (found.repo_id, found.likes) == ("acme/marvin-7b", 4)


def test_a_record_takes_the_hubs_own_spelling():
    store({"id": "acme/marvin-7b", "author": "acme", "tags": ["gguf"]})
    before = ModelRecord.objects.get(repo_id="acme/marvin-7b")
    counts = store({"id": "Acme/Marvin-7B", "author": "Acme", "sha": "a" * 40, "likes": 3}, origin="hub")
    assert told(counts) == (0, 1, 0, 0, 0)
    found = ModelRecord.objects.get(repo_id__iexact="acme/marvin-7b")
    assert (found.pk, found.repo_id, found.owner, found.name) == (before.pk, "Acme/Marvin-7B", "Acme", "Marvin-7B")
    assert (found.likes, found.origin) == (3, "hub")
    assert found.search_text.startswith("acme/marvin-7b ")
    assert told(store({"id": "acme/marvin-7b", "tags": ["gguf"]}))[0] == 0
    assert ModelRecord.objects.get(repo_id__iexact="acme/marvin-7b").repo_id == "Acme/Marvin-7B"


def test_loading_the_same_records_again_changes_nothing():
    before, counted = state(), version()
    counts = store(*every_record(), origin="snapshot")
    assert told(counts) == (0, 0, len(every_record()), 0, 0)
    assert state() == before
    assert version() == counted


def test_a_changed_record_is_stored_and_counted():
    before = ModelRecord.objects.get(repo_id=PHI)
    counts = store(record(PHI, likes=5000))
    after = ModelRecord.objects.get(repo_id=PHI)
    assert told(counts) == (0, 1, 0, 0, 0)
    assert (after.pk, after.likes) == (before.pk, 5000)
    assert after.digest != before.digest
    assert after.updated > before.updated


def test_the_order_of_keys_is_no_change():
    turned = dict(reversed(list(record(PHI).items())))
    assert told(store(json.dumps(turned))) == (0, 0, 1, 0, 0)


def test_a_file_older_than_what_the_hub_said_is_left_alone():
    store(record(PHI, likes=1), origin="hub")
    counts = store(record(PHI, likes=2, _source={"likes": "ai-nexus 2025-11"}))
    assert told(counts) == (0, 0, 0, 1, 0)
    assert ModelRecord.objects.get(repo_id=PHI).likes == 1


def test_a_file_newer_than_what_the_hub_said_counts():
    store(record(PHI, likes=1), origin="hub")
    RecordDocument.objects.filter(record__repo_id=PHI, kind="detail").update(read=timezone.now() - timedelta(days=900))
    counts = store(record(PHI, likes=2, _source={"likes": "taken 2025-11-02"}))
    assert told(counts) == (0, 1, 0, 0, 0)
    assert ModelRecord.objects.get(repo_id=PHI).as_of == "2025-11-02"


@pytest.mark.parametrize(
    ("dated", "counts"),
    [
        ("2025-11-14", False),
        ("2025-11-15", False),
        ("2025-11", False),
        ("2025", False),
        ("2025-11-16", True),
        ("2025-12", True),
        ("2026", True),
        ("no date", True),
    ],
)
def test_only_a_date_after_the_day_the_hub_was_asked_shows_a_file_to_be_newer(dated, counts):
    """Of one day, month or year nobody can tell which came first: what the Hub itself said then stays."""
    store(record(PHI, likes=1), origin="hub")
    asked = datetime(2025, 11, 15, 12, tzinfo=UTC)
    RecordDocument.objects.filter(record__repo_id=PHI, kind="detail").update(read=asked)
    store(record(PHI, likes=2, _source={"likes": f"a list, {dated}"}))
    assert ModelRecord.objects.get(repo_id=PHI).likes == (2 if counts else 1)


def test_what_the_hub_says_is_dated_and_named_even_where_it_says_nothing_new():
    store(record(PHI), origin="file")
    counted, before = version(), timezone.now()
    counts = store(record(PHI), origin="hub")
    kept = ModelRecord.objects.get(repo_id=PHI)
    assert told(counts) == (0, 0, 1, 0, 0)
    assert kept.origin == "hub"
    assert kept.as_of == timezone.now().date().isoformat()
    assert before <= kept.fetched <= timezone.now()
    assert version() == counted


BAD = {
    "no object": [1, 2],
    "no id": {"likes": 3},
    "html in the name": {"id": "evil/<script>alert(1)</script>"},
    "a path for an id": {"id": "../../etc/passwd"},
    "three parts": {"id": "a/b/c"},
    "wrong type": {"id": "a/b", "likes": "many"},
    "negative count": {"id": "a/b", "downloads": -1},
    "not JSON": '{"id": "a/b",',
    "NaN": '{"id": "a/b", "trendingScore": NaN}',
    "not UTF-8": b'{"id": "a/\xff"}',
    "NUL": '{"id": "a/b", "tags": ["\\u0000"]}',
    "deep": '{"id": "a/b", "config": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "half a surrogate": '{"id": "a/b", "tags": ["\\ud800"]}',
    "too large": {"id": "a/b", "tags": ["x" * (4 * 1024 * 1024)]},
    "null": None,
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_record_is_counted_named_and_never_stops_the_rest(bad):
    first, last = renamed(2)
    counts = store(first, bad, last)
    assert told(counts) == (2, 0, 0, 0, 1)
    assert counts.problems[0].startswith("line 2: ")
    assert len(counts.problems[0]) > len("line 2: ")
    assert ModelRecord.objects.filter(owner="sample").count() == 2


def test_a_rejected_name_is_quoted_in_the_reason():
    counts = store({"id": "evil/<script>"})
    assert "evil/<script>" in counts.problems[0]
    assert "author/name" in counts.problems[0]


# Whatever an author can write must at worst cost its own record, never the batch it came in.
STRANGE = {
    "task": {"pipeline_tag": "x" * 300},
    "model type": {"config": {"model_type": "m" * 300}},
    "library": {"library_name": "l" * 300},
    "sha": {"sha": "5" * 300},
    "licence text": {"cardData": {"license": "l" * 500}},
    "licence list": {"cardData": {"license": ["mit", "other"]}},
    "licence object": {"cardData": {"license": {"name": "mit"}}},
    "language sentence": {"cardData": {"language": ["a very long language name indeed", "en", "EN", "en"]}},
    "base models": {"cardData": {"base_model": ["x" * 300, "a/" + "b" * 150, 5, None, "a/b", "a/b"]}},
    "context": {"config": {"model_type": "llama", "max_position_embeddings": 10**30}},
    "gguf": {"gguf": {"architecture": "z" * 400, "context_length": 2**62}},
    "counts": {"downloads": 2**62, "likes": 2**62, "safetensors": {"total": 2**62}},
    "sum of sizes": {"siblings": [{"rfilename": f"{n}.gguf", "size": 2**62} for n in range(4)]},
    "sum of parts": {"siblings": [{"rfilename": f"m-0000{n}-of-00004.gguf", "size": 2**62} for n in range(1, 5)]},
    "sum of parameters": {"safetensors": {"parameters": {"F32": 2**62, "I32": 2**62, "U8": 2**62}}},
    "shards": {"siblings": [{"rfilename": "m-00001-of-99999999999.gguf", "size": 5}]},
    "file name": {"siblings": [{"rfilename": "x" * 1019 + ".gguf"}]},
    "year one": {"createdAt": "0001-01-01T00:00:00Z"},
    "trend": {"trendingScore": 1e308},
    "emoji": {"cardData": {"license": "🦙" * 200, "language": ["🦙"]}, "tags": ["🦙" * 4000]},
}


@pytest.mark.parametrize("strange", STRANGE.values(), ids=STRANGE)
def test_what_an_author_writes_never_stops_the_rest(strange):
    first, last = renamed(2)
    counts = store(first, {"id": "odd/one", **strange}, last)
    assert counts.new + counts.rejected == 3
    assert ModelRecord.objects.filter(owner="sample").count() == 2


def test_only_the_first_reasons_are_kept_but_all_are_counted():
    counts = store(*({"id": f"bad id {n}"} for n in range(120)))
    assert counts.rejected == 120
    assert len(counts.problems) == 50


def test_of_two_records_with_one_id_in_a_batch_the_later_counts():
    counts = store(record(PHI, likes=1), record(PHI, likes=2))
    assert counts.changed == 1
    assert ModelRecord.objects.get(repo_id=PHI).likes == 2


def gguf(*names, **more):
    return {"id": "sample/parts", "siblings": [{"rfilename": name, "size": 10} for name in names], **more}


def test_variants_languages_and_relations_are_written_anew_where_a_record_changed():
    store(gguf("a-Q4_K_M.gguf", "a-Q8_0.gguf", cardData={"language": ["en", "de"], "base_model": "google/gemma-2b"}))
    kept = ModelRecord.objects.get(repo_id="sample/parts")
    first = set(kept.variants.values_list("pk", flat=True))
    assert set(kept.variants.values_list("quantization", flat=True)) == {"Q4_K_M", "Q8_0"}
    assert set(kept.languages.values_list("code", flat=True)) == {"en", "de"}
    assert list(kept.relations.values_list("base", flat=True)) == ["google/gemma-2b"]

    store(gguf("a-Q6_K.gguf", cardData={"language": "fr", "base_model": "google/gemma-7b"}))
    assert list(kept.variants.values_list("quantization", flat=True)) == ["Q6_K"]
    assert not first & set(kept.variants.values_list("pk", flat=True))
    assert list(kept.languages.values_list("code", flat=True)) == ["fr"]
    assert list(kept.relations.values_list("base", flat=True)) == ["google/gemma-7b"]


def test_popularity_orders_by_downloads_then_likes_and_untold_last():
    pairs = [(5, 1), (4, 1000), (4, 2), (0, 7), (None, 6), (None, None)]
    keys = [popularity(*pair) for pair in pairs]
    assert keys == sorted(keys, reverse=True)
    assert len(set(keys)) == len(keys)
    assert popularity(2**62, 2**62) < 2**63


def test_the_catalogue_version_rises_with_every_change_and_only_then():
    counted = version()
    store(record(PHI, likes=1))
    assert version() == counted + 1
    store(record(PHI, likes=1))
    assert version() == counted + 1
    store({"id": "no id at all"})
    assert version() == counted + 1


def test_an_interrupted_load_leaves_whole_batches_and_can_be_repeated():
    records = renamed(2 * BATCH + 100)

    def lines(stop):
        for number, item in enumerate(records):
            if number == stop:
                raise KeyboardInterrupt
            yield f"line {number + 1}", item

    with pytest.raises(KeyboardInterrupt):
        sync.store_raw(lines(BATCH + 60), origin="file")
    assert ModelRecord.objects.filter(owner="sample").count() == BATCH
    counts = sync.store_raw(lines(-1), origin="file")
    assert told(counts) == (BATCH + 100, 0, BATCH, 0, 0)


def test_every_record_points_to_the_facts_that_are_extracted_from_its_payload():
    for kept in ModelRecord.objects.select_related("sheet").prefetch_related("documents", "variants"):
        extraction = extraction_of(parse_record(kept.payload).model)
        assert kept.sheet.facts == json.loads(json.dumps([facts.as_json() for facts in extraction.judged])), kept
        assert len(kept.variants.all()) == len(extraction.variants)


# --- judging again ---------------------------------------------------------------------------------------------


def fresh(kept, engine):
    return judge_all([VariantFacts.from_json(fact) for fact in kept.sheet.facts], engine)


def assert_verdicts_are_fresh():
    available = engines()
    verdicts = {(v.sheet_id, v.profile): v for v in Verdict.objects.all()}
    for sheet in FactSheet.objects.all():
        for slug, engine in available.items():
            judgement = judge_all([VariantFacts.from_json(fact) for fact in sheet.facts], engine)
            stored = verdicts[sheet.pk, slug]
            assert stored.result == judgement.result
            assert (stored.best, stored.cause) == (judgement.best, judgement.result.cause)
            assert stored.confidence == judgement.result.level
            assert stored.rules == rules_version(engine)
            assert [stored.result_of(n) for n in range(len(judgement.results))] == list(judgement.results)


def test_stored_verdicts_equal_a_fresh_judgement_of_every_sheet():
    assert_verdicts_are_fresh()


def test_reevaluate_leaves_current_verdicts_alone():
    done = reevaluate()
    assert done.verdicts == 0
    assert done.sheets == FactSheet.objects.count()


def test_reevaluate_judges_again_what_other_rules_judged():
    stale = list(Verdict.objects.order_by("pk")[:7].values_list("pk", flat=True))
    Verdict.objects.filter(pk__in=stale).update(rules="0.old", confidence=0, cause="format", best=0, results=[])
    Verdict.objects.exclude(pk__in=stale).order_by("pk").first().delete()
    counted = version()
    done = reevaluate()
    assert done.verdicts == 8
    assert version() == counted + 1
    assert_verdicts_are_fresh()


def test_reevaluate_everything_judges_everything():
    Verdict.objects.update(confidence=0, cause="format")
    done = reevaluate(everything=True)
    assert done.verdicts == FactSheet.objects.count() * len(engines())
    assert_verdicts_are_fresh()


def test_the_context_policy_changes_verdicts_and_changes_them_back():
    engine = profile("rbee")
    kept = ModelRecord.objects.get(repo_id=LONG)

    def verdict():
        return Verdict.objects.get(sheet=kept.sheet_id, profile=engine.slug)

    assert (verdict().compatible, verdict().cause) == (False, "context")
    EngineSetting.objects.update_or_create(slug=engine.slug, defaults={"context_policy": "cap"})
    assert reevaluate().verdicts == FactSheet.objects.count()
    assert verdict().compatible
    assert "32,768" in " ".join(verdict().result.warnings)
    assert_verdicts_are_fresh()

    EngineSetting.objects.filter(slug=engine.slug).update(context_policy="reject")
    reevaluate()
    assert (verdict().compatible, verdict().cause) == (False, "context")
    assert verdict().confidence == Confidence.NONE


def test_reevaluate_drops_sheets_that_no_record_uses_and_counts_them():
    store({"id": "sample/gone", "config": {"model_type": "llama", "max_position_embeddings": 12_345}})
    sheet = ModelRecord.objects.get(repo_id="sample/gone").sheet_id
    store({"id": "sample/gone", "config": {"model_type": "llama", "max_position_embeddings": 12_346}})
    done = reevaluate()
    assert done.dropped == 1
    assert not FactSheet.objects.filter(pk=sheet).exists()
    assert not Verdict.objects.filter(sheet=sheet).exists()


def test_reevaluate_drops_verdicts_of_engines_that_are_no_more():
    sheet = FactSheet.objects.first()
    Verdict.objects.create(sheet=sheet, profile="gone", confidence=0, best=0, results=[], rules="1")
    reevaluate()
    assert not Verdict.objects.filter(profile="gone").exists()


def test_extracting_again_repairs_columns_and_keeps_dates_and_origin():
    store(record(PHI, likes=1), origin="hub")
    before = state()
    variants = list(RecordVariant.objects.order_by("record", "position").values_list("record", "label", "format"))
    ModelRecord.objects.update(family="wrong", license="wrong", search_text="wrong", formats="wrong")
    RecordVariant.objects.all().delete()

    seen = []
    done = extract_again(seen.append)
    assert done == sum(seen) == len(before)
    assert state() == before
    assert not ModelRecord.objects.filter(family="wrong").exists()
    assert variants == list(
        RecordVariant.objects.order_by("record", "position").values_list("record", "label", "format")
    )


def test_a_run_is_noted_with_what_came_of_it():
    run = start_run("x" * 1000, "file")
    assert run.state == "running"
    counts = store(record(PHI, likes=1), {"id": "bad id"}, record("BAAI/bge-m3"))
    finish_run(run, counts)
    kept = Job.objects.get(pk=run.pk)
    assert (kept.state, kept.changed, kept.unchanged, kept.rejected) == ("done", 1, 1, 1)
    assert len(kept.problems) == 1
    finish_run(run, counts, "the Hub is down")
    assert Job.objects.get(pk=run.pk).state == "failed"


# --- several processes -----------------------------------------------------------------------------------------


def test_two_processes_may_store_overlapping_records_at_once(tmp_path):
    records = renamed(700)
    changed = [{**item, "likes": (item.get("likes") or 0) + 1} for item in reversed(records)]
    files = [write_lines(tmp_path / "a.jsonl", records), write_lines(tmp_path / "b.jsonl", changed)]
    with OwnDatabase(tmp_path) as own:
        writers = [own.start("load_records", file) for file in files]
        for writer in writers:
            out, problems = writer.communicate(timeout=TIMEOUT)
            assert writer.returncode == 0, out + problems
        assert own.records() == 700
        assert own.value("SELECT count(*) FROM compat_recorddocument") == 700
        assert own.value("SELECT min(version) FROM compat_catalogue") >= 2
        repeated = own.run("load_records", files[0])
        assert repeated.returncode == 0, repeated.stderr
        assert (
            own.rows(
                "SELECT r.id FROM compat_modelrecord r LEFT JOIN compat_recordvariant v ON v.record_id = r.id"
                " WHERE v.id IS NULL"
            )
            == []
        )


def test_a_load_ended_by_ctrl_c_leaves_whole_batches_and_can_be_repeated(tmp_path):
    total = 2000
    file = write_lines(tmp_path / "many.jsonl", renamed(total))
    with OwnDatabase(tmp_path) as own:
        writer = own.start("load_records", file)
        until = time.monotonic() + TIMEOUT
        while own.records() < BATCH and writer.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        writer.send_signal(signal.SIGINT)
        writer.communicate(timeout=TIMEOUT)
        assert writer.returncode != 0
        stored = own.records()
        assert stored % BATCH == 0
        assert BATCH <= stored < total
        assert own.rows("SELECT state, error FROM compat_job") == [("failed", "interrupted")]
        again = own.run("load_records", file)
        assert again.returncode == 0, again.stderr
        assert own.records() == total
        assert f"{stored:,} unchanged" in again.stdout
