"""Rows written at once are those that Django would have written one by one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction

from compat.ingest.store import store_told
from compat.models import ModelRecord, RecordDocument, RecordVariant
from compat.models.written import write_rows
from tests.samples import whole

pytestmark = pytest.mark.django_db
READ = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


@pytest.fixture
def record(db):
    store_told([whole({"id": "sample/model"})], origin="file")
    return ModelRecord.objects.get(repo_id="sample/model")


def document(record, **more):
    return {"record_id": record.pk, "kind": "tree", "sha": "a", "read": READ, "data": b"\x00\xff"} | more


def test_every_kind_of_value_comes_back_as_it_was(record):
    write_rows(RecordDocument, [document(record)])
    variant = {
        "record_id": record.pk,
        "position": 7,
        "key": "k",
        "label": "100 % «β»",
        "format": "gguf",
        "quantization": "",
        "size_bytes": None,
        "bits": 4,
        "as_made": True,
        "tensors": None,
        "files": ["a b", "c"],
        "missing_shards": 0,
    }
    write_rows(RecordVariant, [variant])
    kept = RecordDocument.objects.get(record=record, kind="tree")
    assert (kept.sha, kept.read, bytes(kept.data)) == ("a", READ, b"\x00\xff")
    stored = RecordVariant.objects.filter(record=record, position=7).values(*variant)
    assert list(stored) == [variant]


def test_of_a_stored_row_only_the_named_fields_change(record):
    write_rows(RecordDocument, [document(record)])
    key = RecordDocument.objects.get(record=record, kind="tree").pk
    later = datetime(2026, 4, 1, tzinfo=UTC)
    write_rows(
        RecordDocument,
        [document(record, sha="b", read=later, data=b"new")],
        unique_fields=["record", "kind"],
        update_fields=["sha"],
    )
    kept = RecordDocument.objects.get(pk=key)
    assert (kept.sha, kept.read, bytes(kept.data)) == ("b", READ, b"\x00\xff")


def test_a_stored_row_is_left_alone_where_conflicts_are_ignored(record):
    write_rows(RecordDocument, [document(record)])
    write_rows(RecordDocument, [document(record, sha="b")], ignore_conflicts=True)
    assert RecordDocument.objects.get(record=record, kind="tree").sha == "a"


def test_all_are_written_or_none(record):
    with pytest.raises(IntegrityError), transaction.atomic():
        write_rows(RecordDocument, [document(record), document(record, sha="twice")])
    assert not RecordDocument.objects.filter(record=record, kind="tree").exists()


def test_nothing_is_asked_of_the_database_for_no_rows(django_assert_num_queries):
    with django_assert_num_queries(0):
        write_rows(RecordDocument, [])


def test_of_many_rows_each_is_written_once_whichever_statement_it_is_in(record):
    write_rows(RecordDocument, [document(record, kind=f"kind {n}") for n in range(0, 450, 2)])
    write_rows(
        RecordDocument,
        [document(record, kind=f"kind {n}", data=str(n).encode()) for n in range(450)],
        unique_fields=["record", "kind"],
        update_fields=["data"],
    )
    kept = RecordDocument.objects.filter(record=record, kind__startswith="kind").values_list("kind", "data")
    assert {kind: bytes(data) for kind, data in kept} == {f"kind {n}": str(n).encode() for n in range(450)}
