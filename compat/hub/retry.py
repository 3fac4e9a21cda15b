"""Which failures are worth another attempt, and after how long.

Pauses that the Hub itself asks for are kept by :mod:`compat.hub.rate_limit_budget`, for all requests alike; what is
left to decide here is the growing, jittered pause after a failure that says nothing, which stamina does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import stamina

from compat.hub.errors import HubError
from compat.hub.settings import HubSettings

RETRIED_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_PAUSE = 8.0  # seconds

Result = TypeVar("Result")


class Transient(Exception):  # noqa: N818 - carries an error, and never leaves this package
    """A failure that may pass: the error to raise if it does not, and whether the Hub named a pause."""

    def __init__(self, error: HubError, *, pause_told: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.pause_told = pause_told


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """The seconds that a ``Retry-After`` header asks for, in either of its forms; None if unusable."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def _before_retry(error: Exception) -> bool | float:
    if not isinstance(error, Transient):
        return False
    return 0.0 if error.pause_told else True


async def with_retries(attempt: Callable[[], Awaitable[Result]], settings: HubSettings) -> Result:
    """The result of an attempt, made again while it raises :class:`Transient`; in the end its error."""
    attempts = stamina.retry_context(
        on=_before_retry,
        attempts=settings.max_attempts,
        timeout=None,
        wait_initial=settings.backoff,
        wait_max=_LONGEST_PAUSE,
        wait_jitter=settings.backoff,
    )
    try:
        async for one in attempts:
            with one:
                return await attempt()
    except Transient as failure:
        raise failure.error from failure.__cause__
    raise AssertionError("stamina makes at least one attempt")
