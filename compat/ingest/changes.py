"""That the catalogue changed: its version, by which everybody knows what was made before."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F
from django.utils import timezone

from compat.models import Catalogue


def raise_catalogue_version(now: datetime | None = None) -> None:
    """Say that the catalogue changed, so that caches made before are not used any more."""
    changed = {"changed": now or timezone.now()}
    if not Catalogue.objects.filter(pk=1).update(version=F("version") + 1, **changed):
        Catalogue.objects.get_or_create(pk=1, defaults={"version": 1, **changed})
