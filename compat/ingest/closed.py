"""Repositories whose files this site's token may not read: remembered, and asked for again after longer and longer.

Access is given by a repository's owner and told to nobody, so it has to be tried. Another token is tried at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from compat.ingest.clock import CLOCKS_DIFFER_BY
from compat.ingest.hub_quota import account_of
from compat.models import ClosedRecord, ModelRecord

PAUSE = timedelta(days=1)
"""Until a closed repository is asked for again; each time in a row twice as long."""
LONGEST_PAUSE = timedelta(days=8)


def closed_now(prefix: str = "") -> Q:
    """Which records are known as closed to this site's token; of rows that have a record, with the way to it."""
    now = timezone.now()
    told = {
        "closed__to": account_of(settings.HUB),
        "closed__until__gt": now,
        "closed__until__lte": now + LONGEST_PAUSE + CLOCKS_DIFFER_BY,
    }
    return Q(**{f"{prefix}{name}": value for name, value in told.items()})


def is_known_as_closed(repo_id: str) -> bool:
    """Whether the files of a repository are not to be asked for now."""
    return ModelRecord.objects.filter(closed_now(), repo_id=repo_id).exists()


def note_closed(record_id: int) -> None:
    """Keep that a record's files could not be had with this token."""
    before = ClosedRecord.objects.filter(record=record_id, to=account_of(settings.HUB)).first()
    times = before.times + 1 if before else 1
    pause = min(LONGEST_PAUSE, PAUSE * 2 ** min(times - 1, 10))
    ClosedRecord.objects.update_or_create(
        record_id=record_id,
        defaults={"to": account_of(settings.HUB), "times": times, "until": timezone.now() + pause},
    )


def note_open(record_ids: Sequence[int]) -> None:
    """Forget that records were closed: files of them could be had. One query."""
    ClosedRecord.objects.filter(record__in=record_ids).delete()
