"""Never above the Hub's limits: who may send a request now, and who must wait for how long.

The Hub counts requests per window and per bucket (``api`` for questions, ``resolvers`` for files) and tells
in every answer what is left: ``RateLimit: "api";r=<left>;t=<seconds to reset>``. A request is booked before
it is sent, so that many at once cannot overdraw; where nothing is known yet (at the start, and after each
reset, because others may share the quota) one request goes ahead and the rest wait for what its answer tells.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from compat.hub.errors import HubError, HubRateLimited, HubUnavailable

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]

_ENTRY = re.compile(r'"([^"]{1,64})"((?:\s*;\s*\w{1,16}\s*=\s*\d{1,9})+)')
_PARAMETER = re.compile(r"(\w+)\s*=\s*(\d+)")
_SAME_WINDOW = 3.0  # two readings of one reset differ by rounding and travel time only


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one answer said: requests left in this window, and the seconds until the next."""

    left: int
    resets_in: float


def parse_allowance(headers: Mapping[str, str], bucket: str) -> Allowance | None:
    """The allowance that the ``RateLimit`` header tells for a bucket; None where it tells none."""
    entries: dict[str, Allowance] = {}
    for name, parameters in _ENTRY.findall(headers.get("ratelimit", "")[:1000]):
        values = {key: int(value) for key, value in _PARAMETER.findall(parameters)}
        if "r" in values and "t" in values:
            # The Hub tells whole seconds; one more makes sure that the window is really over.
            entries[name] = Allowance(values["r"], values["t"] + 1.0)
    if bucket in entries:
        return entries[bucket]
    return next(iter(entries.values())) if len(entries) == 1 else None


@dataclass(slots=True)
class Patience:
    """The seconds that one call is still willing to wait."""

    left: float


@dataclass(slots=True)
class _Bucket:
    name: str
    left: int | None = None
    unlimited: bool = False
    resets_at: float = 0.0
    held_until: float = 0.0
    held_by_failure: bool = False
    in_flight: int = 0
    probe: asyncio.Event | None = None  # set when the request that went ahead has its answer, or none

    def seconds_to_wait(self, now: float) -> float:
        if self.left is not None and now >= self.resets_at:
            self.left = None
        until_reset = self.resets_at - now if self.left == 0 else 0.0
        return max(self.held_until - now, until_reset, 0.0)

    def learn(self, allowance: Allowance | None, now: float) -> None:
        if allowance is None:
            self.unlimited = self.left is None
            return
        # The answers still on their way may not be counted in it yet.
        left = max(0, allowance.left - self.in_flight)
        resets_at = now + allowance.resets_in
        if self.left is not None and resets_at <= self.resets_at + _SAME_WINDOW:
            self.left = min(self.left, left)
        else:
            self.left, self.resets_at = left, resets_at
        self.unlimited = False


class Slot:
    """Leave to send one request; :meth:`heard` passes on what its answer told."""

    def __init__(self, bucket: _Bucket, clock: Clock, probe: asyncio.Event | None) -> None:
        self._bucket, self._clock, self._probe = bucket, clock, probe
        self._open = True

    def heard(self, headers: Mapping[str, str]) -> None:
        """Note the allowance in an answer's headers. Others may go on from here."""
        self.close()
        self._bucket.learn(parse_allowance(headers, self._bucket.name), self._clock())

    def hold(self, seconds: float, *, failure: bool) -> None:
        """Send nothing more in this bucket for so long; ``failure`` tells trouble from a used-up quota."""
        self._bucket.held_until = max(self._bucket.held_until, self._clock() + seconds)
        self._bucket.held_by_failure = failure

    def close(self) -> None:
        """Give the leave back; what was not heard stays unknown."""
        if not self._open:
            return
        self._open = False
        self._bucket.in_flight -= 1
        if self._probe:
            self._bucket.probe = None
            self._probe.set()


class Pace:
    """The buckets of one Hub. ``clock`` gives seconds that only grow, ``sleep`` waits for some."""

    def __init__(self, host: str, clock: Clock = time.monotonic, sleep: Sleep = asyncio.sleep) -> None:
        self._host, self._clock, self._sleep = host, clock, sleep
        self._buckets: dict[str, _Bucket] = {}

    def left(self, name: str) -> int | None:
        """How many requests a bucket still allows in this window; None where the Hub did not tell."""
        bucket = self._buckets.get(name)
        return bucket.left if bucket else None

    @asynccontextmanager
    async def slot(self, name: str, patience: Patience) -> AsyncIterator[Slot]:
        """Leave to send one request in a bucket, waiting for it if need be.

        Raises :class:`HubRateLimited` (or :class:`HubUnavailable` after a failure) instead of waiting longer
        than the caller's patience.
        """
        slot = await self._book(self._buckets.setdefault(name, _Bucket(name)), patience)
        try:
            yield slot
        finally:
            slot.close()

    async def _book(self, bucket: _Bucket, patience: Patience) -> Slot:
        while True:
            wait = bucket.seconds_to_wait(self._clock())
            if wait > patience.left:
                raise self._refusal(bucket, wait)
            if wait > 0:
                patience.left -= wait
                await self._sleep(wait)
            elif bucket.left is not None:
                bucket.left -= 1
                return self._lend(bucket)
            elif bucket.unlimited:
                return self._lend(bucket)
            elif bucket.probe is None:
                bucket.probe = asyncio.Event()
                return self._lend(bucket, bucket.probe)
            else:
                await bucket.probe.wait()

    def _lend(self, bucket: _Bucket, probe: asyncio.Event | None = None) -> Slot:
        bucket.in_flight += 1
        return Slot(bucket, self._clock, probe)

    def _refusal(self, bucket: _Bucket, wait: float) -> HubError:
        if bucket.held_by_failure and bucket.held_until > self._clock():
            return HubUnavailable(
                f"{self._host} is in trouble and asks to be left alone for {wait:.0f} s. Try again then."
            )
        return rate_limited(self._host, bucket.name, wait)


def rate_limited(host: str, bucket: str, wait: float | None) -> HubRateLimited:
    """The error for a used-up quota, with what to do about it."""
    when = "Try again later" if wait is None else f"Try again in {wait:.0f} s"
    return HubRateLimited(
        f"The request quota of {host} ({bucket}) is used up. {when}; with a token (HF_TOKEN) it is larger.",
        wait,
    )
