"""The index: groups, columns and what follows a change of the catalogue."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from compat.catalogue import current
from compat.catalogue.columns import VerdictColumn
from compat.catalogue.current import current_index, engine_needs, verdicts_on
from compat.catalogue.facets import FACETS
from compat.catalogue.index_build import build_index
from compat.catalogue.index_columns import CAUSE_CODES, INDEXED, UNJUDGED
from compat.catalogue.machine_needs import read_engine_needs
from compat.catalogue.workers import choose_worker, workers
from compat.ingest import store as sync
from compat.models import ModelRecord, RecordLanguage, RecordVariant, Verdict
from compat.rules.result import CAUSES
from tests.samples import record

pytestmark = pytest.mark.django_db


def test_every_record_is_in_the_group_of_its_facts():
    index = current_index()
    columns = index.columns
    languages = {}
    for pk, code in RecordLanguage.objects.order_by("code").values_list("record", "code"):
        languages.setdefault(pk, []).append(code)
    for one in ModelRecord.objects.all():
        (row,) = index.rows_of([one.pk])
        group = columns.group[row]
        assert columns.ids[row] == one.pk
        assert columns.sheet_ids[columns.sheet[group]] == one.sheet_id
        assert columns.ranges["parameters"][group] == (-1 if one.parameters is None else one.parameters)
        assert columns.ranges["context"][group] == (-1 if one.context is None else one.context)
        values = {facet.name: index.values(facet).sets[index.values(facet).codes[group]] for facet in INDEXED}
        assert values["license"] == ((one.license,) if one.license else ())
        assert values["language"] == tuple(languages.get(one.pk, ()))
        assert set(values["architecture"]) == {one.family, one.architecture} - {""}
    assert columns.counts.sum() == len(index) == ModelRecord.objects.count()
    assert Counter(columns.group.tolist()) == dict(enumerate(columns.counts.tolist()))


def test_verdicts_are_those_that_are_stored():
    index = current_index()
    for engine in workers():
        stored = index.stored(engine)
        told = dict(Verdict.objects.filter(profile=engine).values_list("sheet", "confidence"))
        ids = index.columns.sheet_ids[index.columns.sheet].tolist()
        assert stored.level.tolist() == [told[pk] for pk in ids]


def test_an_engine_without_verdicts_is_unjudged():
    assert set(current_index().stored("nobody").level.tolist()) == {UNJUDGED}


def test_every_cause_has_a_code():
    assert set(CAUSE_CODES) == {"", "memory", "cache", *CAUSES}


def test_every_facet_but_the_verdict_has_a_column():
    assert [facet.name for facet in FACETS if isinstance(facet.column, VerdictColumn)] == ["confidence"]
    assert set(current_index().columns.facets) == {facet.name for facet in FACETS} - {"confidence"}


def test_records_with_equal_files_share_a_need_and_others_do_not():
    item = record("microsoft/phi-2", siblings=[])
    sizes = {"one": 1_700_000_000, "same": 1_700_000_000, "other": 1_700_000_001}
    for name, size in sizes.items():
        file = {"rfilename": "m-Q4_K_M.gguf", "size": size}
        sync.store_raw([("1", item | {"id": f"sample/{name}", "siblings": [file]})], origin="file")
    index, needs = current_index(), {}
    for name, size in sizes.items():
        kept = ModelRecord.objects.get(repo_id=f"sample/{name}")
        assert RecordVariant.objects.get(record=kept, format="gguf").size_bytes == size
        needs[name] = index.columns.need[index.columns.group[index.rows_of([kept.pk])[0]]]
    assert needs["one"] == needs["same"] != needs["other"]


def test_rows_are_found_where_ids_have_gaps():
    ModelRecord.objects.filter(pk__in=list(ModelRecord.objects.values_list("pk", flat=True)[10:60:3])).delete()
    current.forget_index()
    index, pks = current_index(), sorted(ModelRecord.objects.values_list("pk", flat=True))
    assert index.columns.ids[index.rows_of(pks)].tolist() == pks
    assert index.rows_of([max(pks) + 1, min(pks) - 1]).tolist() == []
    assert index.rows_of([]).tolist() == []


def test_a_change_is_seen_by_the_next_question():
    before = current_index()
    assert current_index() is before
    sync.store_raw([("1", record("microsoft/phi-2", id="sample/another"))], origin="file")
    after = current_index()
    assert after is not before
    assert len(after) == len(before) + 1


def test_a_catalogue_that_is_the_same_is_indexed_once():
    current_index()
    with CaptureQueriesContext(connection) as context:
        current_index()
    assert len(context) == 1


@pytest.mark.parametrize("engine", ["llama-cpp", "vllm"])
def test_what_was_known_of_needs_before_a_change_is_taken_over(engine):
    worker = choose_worker(workers(), engine)
    before = current_index()
    known = engine_needs(before, [worker])
    # An id that comes first, a model that changes, one that goes and one that comes: everything is numbered anew.
    first, second, third = ModelRecord.objects.order_by("pk")[:3]
    ModelRecord.objects.filter(pk=first.pk).update(parameters=70_000_000_000)
    ModelRecord.objects.filter(pk=second.pk).delete()
    item = record("microsoft/phi-2", id="sample/another")
    sync.store_raw([("1", item)], origin="file")
    after = build_index().columns
    taken_over = read_engine_needs(after, [worker], (before.columns, known))[engine]
    anew = read_engine_needs(after, [worker])[engine]
    assert taken_over.variants.tolist() == anew.variants.tolist()
    for machine in ({"memory": 24.0}, {"memory": 8.0, "ram": 64.0}, {"accelerator": "RTX 4090", "count": 2}):
        on = choose_worker(workers(), engine, **machine)
        for found, expected in zip(vars_of(taken_over, after, on), vars_of(anew, after, on), strict=True):
            assert np.array_equal(found, expected)
    assert third.pk in after.ids


def test_a_sheet_that_was_not_judged_before_is_read_now():
    worker = choose_worker(workers(), "vllm")
    record_ = ModelRecord.objects.get(repo_id="Qwen/Qwen2.5-0.5B-Instruct")
    verdict = Verdict.objects.get(sheet=record_.sheet_id, profile="vllm")
    assert verdict.compatible
    verdict.delete()
    before = build_index().columns
    known = read_engine_needs(before, [worker])
    verdict.pk = None
    verdict.save()
    after = build_index().columns
    found = read_engine_needs(after, [worker], (before, known))["vllm"]
    on = choose_worker(workers(), "vllm", memory=24.0)
    for one, other in zip(
        vars_of(found, after, on), vars_of(read_engine_needs(after, [worker])["vllm"], after, on), strict=True
    ):
        assert np.array_equal(one, other)


def vars_of(needs, index, worker):
    verdicts, _ = needs.verdicts(index, worker)
    return verdicts.level, verdicts.cause


def test_a_record_that_goes_while_needs_are_read_harms_nothing():
    worker = choose_worker(workers(), "llama-cpp", memory=24.0)
    index = current_index()
    ModelRecord.objects.filter(formats__contains="gguf").delete()
    assert len(verdicts_on(index, worker).level) == len(index.columns.counts)
