"""Extracting kept documents again, where the extraction itself changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.db import transaction
from django.utils import timezone

from compat.batches import BATCH
from compat.extraction.version import facts_version
from compat.hub.documents import kept_record
from compat.ingest.changes import lock_records, raise_catalogue_version
from compat.ingest.judging import refresh_sheets
from compat.ingest.writing import READ_COLUMNS, write_records
from compat.models import Catalogue, ModelRecord, payloads_of


def facts_are_current() -> bool:
    """Whether all records were read by today's code and tables."""
    return Catalogue.objects.filter(pk=1, facts_version=facts_version()).exists()


def extract_again(progress: Callable[[int], None] | None = None) -> int:
    """Read every record's documents again, for when the extraction itself changed. Returns the number of records.

    That all were read is noted last, so that a reading that was interrupted is begun anew at the next start.
    """
    done = last = 0
    records = ModelRecord.objects.order_by("pk").values_list("pk", flat=True)
    while chunk := list(records.filter(pk__gt=last)[:BATCH]):
        _read_again(chunk)
        last = chunk[-1]
        done += len(chunk)
        if progress:
            progress(len(chunk))
    refresh_sheets()
    with transaction.atomic():
        raise_catalogue_version()
        Catalogue.objects.filter(pk=1).update(facts_version=facts_version())
    return done


def _read_again(record_ids: Sequence[int]) -> None:
    with transaction.atomic():
        lock_records()
        records = map(kept_record, payloads_of(record_ids).values())
        write_records(list(records), "file", timezone.now(), columns=READ_COLUMNS)
