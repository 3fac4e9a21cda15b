"""What documents for programs are made of, whoever writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]
"""A document: plain values by name."""


def iso_timestamp(time: datetime, exact: str = "auto") -> str:
    """A time as documents tell it, such as ``2026-11-23T19:05:00Z``.

    ``exact`` is how far it is told: to ``seconds``, ``milliseconds`` or, with ``auto``, as far as it is known.
    """
    return time.astimezone(UTC).isoformat(timespec=exact).replace("+00:00", "Z")
