"""Extracting kept documents again: where the extraction changed, or where a base model was stored later."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from compat.batches import BATCH, batched
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


def inherit_from_base_models(progress: Callable[[int], None] | None = None) -> int:
    """Inherit facts for records stored before their base model. Returns how many records changed; idempotent."""
    known = ModelRecord.objects.exclude(architecture="").exclude(architecture_from__in=("name", "base"))
    lacking = ModelRecord.objects.filter(architecture_from__in=("unknown", "name"))
    one_base = lacking.annotate(bases=Count("relations", distinct=True)).filter(bases=1)
    waiting = one_base.filter(relations__base__in=known.values("repo_id"))
    single = waiting.exclude(relations__kind__in=("adapter", "merge")).values_list("pk", flat=True)
    done = 0
    for chunk in batched(list(single), BATCH):
        _read_again(chunk)
        done += len(chunk)
        if progress:
            progress(len(chunk))
    if done:
        raise_catalogue_version()
    return done


def _read_again(record_ids: Sequence[int]) -> None:
    with transaction.atomic():
        lock_records()
        records = map(kept_record, payloads_of(record_ids).values())
        write_records(list(records), "file", timezone.now(), columns=READ_COLUMNS)
