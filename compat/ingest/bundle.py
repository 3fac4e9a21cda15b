"""The bundled snapshot and the catalogues that took it in: when another one is due, and what it must leave alone."""

from __future__ import annotations

import hashlib

from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType

from compat.ingest import from_files
from compat.models import Catalogue, ModelRecord


def is_outdated() -> bool:
    """Whether the catalogue took in a snapshot, and the one that is here now is another."""
    taken = Catalogue.objects.filter(pk=1).values_list("bundled", flat=True).first()
    return bool(taken) and from_files.BUNDLED.is_file() and taken != _digest() and Catalogue.is_filled()


def note_taken_in() -> None:
    """Note that the catalogue took in the whole snapshot.

    Where it had another one, all records are read again at the next start: some take facts from a base model that was
    changed by it.
    """
    digest = _digest()
    if not Catalogue.objects.filter(pk=1).exclude(bundled__in=("", digest)).update(bundled=digest, facts_version=""):
        Catalogue.objects.update_or_create(pk=1, defaults={"bundled": digest})


def deleted_by_hand() -> frozenset[str]:
    """Repositories whose records were deleted in the admin and are not here again."""
    kind = ContentType.objects.get_for_model(ModelRecord)
    deletions = LogEntry.objects.filter(content_type=kind, action_flag=DELETION)
    deleted = set(deletions.values_list("object_repr", flat=True))
    here = ModelRecord.objects.filter(repo_id__in=deleted).values_list("repo_id", flat=True)
    return frozenset(deleted.difference(here))


def _digest() -> str:
    return hashlib.blake2b(from_files.BUNDLED.read_bytes(), digest_size=16).hexdigest()
