"""How much one client may ask: who it is, what it has left, and the headers that tell.

Counted in Redis where there is one, so that all web processes count together, else in the process. The headers are
those of the draft "RateLimit header fields for HTTP" of the IETF's HTTPAPI group.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import RLock
from typing import Any, TypeVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from compat.hub.errors import HubBadPayload
from compat.hub.payloads import decode_json

from . import problems
from .clients import address_of
from .rates import Rate
from .tokens import UNKNOWN, TokenRefused, is_remembered, secret_of, token_of
from .v1 import MOST_BYTES

T = TypeVar("T")
logger = logging.getLogger(__name__)

MOST = 50_000
"""Counts kept in a process, a client having at most two, and two more for its wrong tokens; the oldest go first."""
TIMEOUT = 0.5
"""Seconds that an answer of Redis may take."""
PAUSE = 10.0
"""Seconds for which a Redis that failed is not asked."""
LOG_EVERY = 600.0
"""Seconds between two lines in the log about that."""
COUNTED_BODY = "/api/v1/compatibility/filter"
MODELS = 100
"""Models of one body that count as one request."""
_SMALL = len('{"id":"a"},') * MODELS
_NEEDED = "This site's API wants a token, which its curators make. Send it along: Authorization: Bearer rh_..."

Window = tuple[int, float, int, float]
"""Count of the window before and the seconds it still weighs; count of this window, and its seconds plus one window."""


# --- counting --------------------------------------------------------------------------------------------------


class ProcessMemory(MemoryStorage):
    """The library's memory, but with a bound, exact when threads count at once, and without its cleaning thread.

    That thread looks at every count a hundred times a second. Here a count's name says which window it belongs to, so
    an old one is never read again, and needs only to be dropped to make room.
    """

    def __init__(self) -> None:
        super().__init__()
        self.timer.cancel()
        self._whole = RLock()

    def get(self, key: str) -> int:
        """A window's count."""
        with self._whole:
            return self.storage.get(key, 0)

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count on; a new count may take the place of the oldest ones."""
        now = time.time()
        with self._whole:
            if key not in self.storage:
                self.expirations[key] = now + expiry
            self.storage[key] += amount
            while len(self.storage) > MOST or self.expirations[next(iter(self.expirations))] <= now:
                self.clear(next(iter(self.expirations)))
            return self.storage.get(key, 0)

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count if there is room, as one step."""
        with self._whole:
            return super().acquire_sliding_window_entry(key, limit, expiry, amount)


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of asking: whether it was granted, what is left, and in how many seconds there is more."""

    granted: bool
    left: int
    wait: int


def left_of(rate: Rate, window: Window) -> int:
    """How many requests the rate still allows."""
    before, weighs, now, _ = window
    return max(0, rate.amount - math.floor(before * weighs / rate.seconds + now))


def wait_for(rate: Rate, window: Window, units: int) -> int:
    """The whole seconds, at least 1, after which ``units`` requests (at most the rate's amount) are allowed."""
    before, weighs, now, lasts = window
    # Allowed as soon as what was counted weighs less than this.
    below = rate.amount - units + 1
    if now < below:
        seconds = weighs - (below - now) * rate.seconds / before if before else 0.0
    else:
        # Not before this window is the one before, whose weight falls.
        seconds = lasts - rate.seconds + rate.seconds * (1 - below / now)
    return max(1, math.floor(seconds) + 1)


@dataclass(slots=True)
class Counter:
    """Counts requests by client; ``url`` names the Redis that counts for all processes, if there is one.

    A Redis that fails is left alone for a while, and the process counts for itself.
    """

    url: str = ""
    _own: ProcessMemory = field(default_factory=ProcessMemory)
    _shared: RedisStorage | None = None
    _asked_again: float = 0.0
    _told: float = -math.inf

    def __post_init__(self) -> None:
        if self.url:
            from redis.backoff import NoBackoff
            from redis.retry import Retry

            # The client's own retries would hold up every request for seconds.
            options: dict[str, Any] = {"retry": Retry(NoBackoff(), 0)}
            options |= {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT}
            self._shared = RedisStorage(self.url, key_prefix="runshere", wrap_exceptions=True, **options)

    def take(self, rate: Rate, client: str, cost: int = 1) -> Taken:
        """Count a request that costs ``cost``, at most the rate's amount, if there is room for it."""

        def on(storage: MemoryStorage | RedisStorage) -> Taken:
            item = _item(rate)
            granted = SlidingWindowCounterRateLimiter(storage).hit(item, client, cost=cost)
            window = storage.get_sliding_window(item.key_for(client), rate.seconds)
            left = left_of(rate, window)
            return Taken(granted, left, wait_for(rate, window, min(left + 1, rate.amount) if granted else cost))

        return self._asked(on)

    def left(self, rate: Rate, client: str) -> int:
        """How many requests a client has left."""

        def on(storage: MemoryStorage | RedisStorage) -> int:
            return left_of(rate, storage.get_sliding_window(_item(rate).key_for(client), rate.seconds))

        return self._asked(on)

    def _asked(self, question: Callable[[MemoryStorage | RedisStorage], T]) -> T:
        now = time.monotonic()
        if self._shared is None or now < self._asked_again:
            return question(self._own)
        try:
            found = question(self._shared)
        except StorageError as error:
            self._asked_again = now + PAUSE
            if now - self._told >= LOG_EVERY:
                self._told = now
                logger.warning(
                    "The Redis that counts requests failed (%s). Until it answers, each process counts for itself.",
                    error.storage_error,
                )
            return question(self._own)
        if self._asked_again:
            self._asked_again, self._told = 0.0, -math.inf
            logger.warning("The Redis that counts requests answers again.")
        return found


def _item(rate: Rate) -> RateLimitItem:
    return RateLimitItemPerSecond(rate.amount, rate.seconds, "limit")


_counters: dict[str, Counter] = {}
_making = RLock()


def shared_counter(url: str) -> Counter:
    """The process's counter, the same for every thread."""
    with _making:
        return _counters.get(url) or _counters.setdefault(url, Counter(url))


def forget_counts() -> None:
    """Count from the start."""
    with _making:
        _counters.clear()


# --- requests --------------------------------------------------------------------------------------------------


def refuse_over_limit(request: HttpRequest) -> tuple[HttpResponse | None, dict[str, str]]:
    """The answer to a request that must not go on, None for one that may; and the headers for whatever is answered."""
    counts = shared_counter(settings.REDIS_URL)
    policy, client, rate = "default", f"address/{address_of(request)}", settings.API_RATE
    token, refused = None, ""
    secret = secret_of(request)
    # Wrong tokens count for the address they come from, so that trying many is slow, but by themselves: who has a good
    # one is not kept out by neighbours without.
    wrong = f"wrong/{client}"
    if secret and rate and not is_remembered(secret) and not counts.left(rate, wrong):
        client, refused = wrong, UNKNOWN
    else:
        try:
            token = token_of(request)
            if token is None and not settings.API_ANONYMOUS:
                refused = _NEEDED
        except TokenRefused as error:
            client, refused = wrong, str(error)
    if token:
        policy, client, rate = "token", f"token/{token.pk}", token.rate
    headers: dict[str, str] = {}
    if rate:
        cost = 1 if refused or not _is_long(request) or not counts.left(rate, client) else _cost(request)
        taken = counts.take(rate, client, min(cost, rate.amount))
        headers = {
            "RateLimit-Policy": f'"{policy}";q={rate.amount};w={rate.seconds}',
            "RateLimit": f'"{policy}";r={taken.left};t={taken.wait}',
        }
        if not taken.granted:
            return problems.too_many(request.path_info, rate, taken.wait, cost), headers
    return (problems.unauthorized(request, refused) if refused else None), headers


def _is_long(request: HttpRequest) -> bool:
    """Whether the body may hold more models than count as one request."""
    if request.method != "POST" or request.path_info != COUNTED_BODY:
        return False
    length = request.headers.get("Content-Length") or ""
    return length.isdecimal() and _SMALL <= int(length) <= MOST_BYTES


def _cost(request: HttpRequest) -> int:
    """One for every hundred models begun; a body that makes no sense counts once."""
    try:
        body = decode_json(request.body)
    except HubBadPayload:
        return 1
    models = body.get("models") if isinstance(body, dict) else None
    return max(1, math.ceil(len(models) / MODELS)) if isinstance(models, list) else 1
