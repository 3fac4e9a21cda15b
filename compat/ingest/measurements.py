"""Keeps what a log told as a measurement of the site's own machine."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from compat.models import Measurement

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MOST = 200
"""Measurements of one model on one engine; the oldest make room for new ones."""
MAY_KEEP = "compat.add_measurement"
"""The permission that keeping one needs."""


def keep(fields: dict[str, Any], by: User | None) -> Measurement:
    """Keep a measurement: the same numbers once, at most :data:`MOST` of a model on an engine."""
    told = json.dumps({name: fields[name] for name in sorted(fields)}, sort_keys=True, default=str)
    digest = hashlib.blake2b(told.encode(), digest_size=16).hexdigest()
    with transaction.atomic():
        kept, _ = Measurement.objects.update_or_create(
            repo_id=fields["repo_id"], digest=digest, defaults={**fields, "made": timezone.now(), "by": by}
        )
        same = Measurement.objects.filter(repo_id=kept.repo_id, engine=kept.engine)
        old = list(same.values_list("pk", flat=True)[MOST:])
        if old:
            Measurement.objects.filter(pk__in=old).delete()
    return kept
