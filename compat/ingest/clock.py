"""Clocks that ran ahead and were set back: what they noted lies in times to come, and would hold others up for long."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

CLOCKS_DIFFER_BY = timedelta(minutes=5)
"""So far apart the clocks of a site's machines may be."""


def lies_ahead(moment: datetime) -> bool:
    """Whether something was noted at a time that has yet to come: the clock was set back since, so it tells nothing."""
    return moment > timezone.now() + CLOCKS_DIFFER_BY
