"""Repositories that the Hub does not have any more, or has under another name: what becomes of their records."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.dispatch import Signal
from django.utils import timezone

from compat.hub.documents import Kind, Told, told
from compat.hub.errors import HubDisabled, HubNotFound
from compat.ingest.changes import lock_records, raise_catalogue_version
from compat.ingest.store import Counts, store_told
from compat.ingest.writing import concerned_by, read_again
from compat.models import FormerName, HubFetch, ListEntry, Measurement, ModelRecord, RecordRelation, in_any_case
from compat.timestamps import iso_timestamp


@dataclass(frozen=True, slots=True)
class Departure:
    """A repository that went: ``why`` is ``missing``, ``disabled`` or ``renamed``, then with the new id."""

    repo_id: str
    why: str
    since: datetime
    renamed_to: str = ""


departed = Signal()
"""A repository went, ``departure``; inside the transaction that notes it."""


def why_gone(error: HubNotFound) -> str:
    """Why the Hub does not have a repository, in the word that records keep; empty where that is not its own word."""
    return "disabled" if isinstance(error, HubDisabled) else "missing" if error.is_told else ""


def note_whereabouts(repo_id: str, answer: Told | str) -> Counts:
    """Keep what the Hub told of a repository that has a record."""
    if isinstance(answer, str):
        return Counts(gone=note_gone(repo_id, answer))
    if answer.record.model.id.lower() != repo_id.lower():
        counts = note_renamed(repo_id, answer)
        counts.renamed += 1
        return counts
    return store_told([answer], origin="hub")


def note_gone(repo_id: str, why: str) -> bool:
    """Keep of a record that its repository is gone; whether that is news. Nothing is kept of what has no record."""
    now = timezone.now()
    with transaction.atomic():
        lock_records()
        known = in_any_case([repo_id]).first()
        if known is None:
            return False
        since = known.gone_since if known.gone == why and known.gone_since else now
        word = {"id": known.repo_id, "_gone": {"why": why, "since": iso_timestamp(since)}}
        store_told([told(Kind.REFUSAL, word, now)], origin="hub")
        news = known.gone != why
        if news:
            departed.send(ModelRecord, departure=Departure(known.repo_id, why, now))
    return news


def note_renamed(old_id: str, found: Told) -> Counts:
    """Make one record of a renamed repository: it goes on under its new id, and its old address leads to it.

    Lists, measurements and documents of the old record come along.
    """
    new_id = found.record.model.id
    now = timezone.now()
    with transaction.atomic():
        lock_records()
        old = in_any_case([old_id]).first()
        concerned = concerned_by([] if old is None else [old.repo_id])
        if old is not None:
            found = _moved(old, found)
        counts = store_told([found], origin="hub")
        record = ModelRecord.objects.get(repo_id=new_id)
        FormerName.objects.update_or_create(
            lowered=old_id.lower(), defaults={"repo_id": old_id, "record": record, "noticed": now}
        )
        _move_relations(old_id, new_id)
        read_again(concerned | concerned_by([new_id]), now)
        HubFetch.objects.filter(repo_id=old_id).delete()
        raise_catalogue_version(now)
        if old is not None:
            departed.send(ModelRecord, departure=Departure(old_id, "renamed", now, new_id))
    return counts


def _moved(old: ModelRecord, found: Told) -> Told:
    """Give what belongs to an old record to the one of the new id; what was told, with what the old one's told."""
    new_id = found.record.model.id
    new = in_any_case([new_id]).first()
    _move_measurements(old.repo_id, new_id)
    if new is None:
        ModelRecord.objects.filter(pk=old.pk).update(repo_id=new_id)
        return found
    listed = ListEntry.objects.filter(record=new).values("curated_list")
    ListEntry.objects.filter(record=old, curated_list__in=listed).delete()
    ListEntry.objects.filter(record=old).update(record=new)
    FormerName.objects.filter(record=old).update(record=new)
    told_now = {one.kind for one in found.documents}
    kept = [row.document for row in old.kept_documents]
    others = [one for one in kept if one.kind not in told_now and one.kind is not Kind.REFUSAL]
    old.delete()
    return replace(found, documents=(*found.documents, *others))


def _move_relations(old_id: str, new_id: str) -> None:
    """Have what was made from a repository go on as made from it."""
    made_from = RecordRelation.objects.filter(base=old_id)
    both = RecordRelation.objects.filter(base=new_id).values("record")
    made_from.filter(Q(record__in=both) | Q(record__repo_id=new_id)).delete()
    made_from.update(base=new_id)


def _move_measurements(old_id: str, new_id: str) -> None:
    known = Measurement.objects.filter(repo_id=new_id).values("digest")
    Measurement.objects.filter(repo_id=old_id, digest__in=known).delete()
    Measurement.objects.filter(repo_id=old_id).update(repo_id=new_id)
