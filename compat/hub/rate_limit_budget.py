"""Never above the Hub's limits: who may send a request now, and who must wait for how long.

The Hub counts requests per window and per bucket (``api`` for questions, ``resolvers`` for files) and tells
in every answer what is left: ``RateLimit: "api";r=<left>;t=<seconds to reset>``. A request is booked before
it is sent, so that many at once cannot overdraw; where nothing is known yet (at the start, and after each
reset, because others may share the quota) one request goes ahead and the rest wait for what its answer tells.

Where a bucket stands is a :class:`Window`. All who ask one Hub with one token spend from the same quota, so their
windows lie in one :class:`Ledger`, which several processes may share. A part of each window is kept for visitors: what
the operator's runs ask for never takes it, and visitors never take more.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, Protocol, TypeVar

from compat.hub.errors import HubError, HubRateLimited, HubUnavailable

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]
Result = TypeVar("Result")

_ENTRY = re.compile(r'"([^"]{1,64})"((?:\s*;\s*\w{1,16}\s*=\s*\d{1,9})+)')
_PARAMETER = re.compile(r"(\w+)\s*=\s*(\d+)")
_SAME_WINDOW = 3.0  # two readings of one reset differ by rounding and travel time only
_LONGEST_WINDOW = 86_400.0  # what a clock that was set back would make of a window is none


class Party(StrEnum):
    """For whom a request is made: the operator's runs and commands, or a visitor who opened a page."""

    OPERATOR = "operator"
    VISITORS = "visitors"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one answer said: requests left in this window, and the seconds until the next."""

    left: int
    resets_in: float


@dataclass(frozen=True, slots=True)
class Policy:
    """What one answer said of every window: how many requests it allows, and how many seconds it lasts."""

    quota: int
    seconds: int


def parse_allowance(headers: Mapping[str, str], bucket: str) -> Allowance | None:
    """The allowance that the ``RateLimit`` header tells for a bucket; None where it tells none."""
    found = _parameters(headers.get("ratelimit", ""), bucket, "r", "t")
    # The Hub tells whole seconds; one more makes sure that the window is really over.
    return None if found is None else Allowance(found[0], found[1] + 1.0)


def parse_policy(headers: Mapping[str, str], bucket: str) -> Policy | None:
    """What the ``RateLimit-Policy`` header tells of a bucket's windows; None where it tells nothing."""
    found = _parameters(headers.get("ratelimit-policy", ""), bucket, "q", "w")
    return None if found is None else Policy(*found)


def _parameters(text: str, bucket: str, first: str, second: str) -> tuple[int, int] | None:
    entries: dict[str, tuple[int, int]] = {}
    for name, parameters in _ENTRY.findall(text[:1000]):
        values = {key: int(value) for key, value in _PARAMETER.findall(parameters)}
        if first in values and second in values:
            entries[name] = values[first], values[second]
    if bucket in entries:
        return entries[bucket]
    return next(iter(entries.values())) if len(entries) == 1 else None


@dataclass(slots=True)
class Patience:
    """The seconds that one call is still willing to wait."""

    left: float


@dataclass(slots=True)
class Window:
    """Where one bucket stands. Times are seconds since 1970, so that processes agree on them.

    ``left`` are the requests that the Hub still allows, less those booked; None where that is not known, which is for
    good where the Hub ``tells_nothing``. ``quota`` and ``seconds`` are of a whole window. ``visitors`` counts what was
    booked for visitors in this one.
    """

    left: int | None = None
    quota: int | None = None
    seconds: float | None = None
    resets_at: float = 0.0
    visitors: int = 0
    held_until: float = 0.0
    held_by_failure: bool = False
    tells_nothing: bool = False

    def wait(self, party: Party, share: float, now: float) -> float:
        """The seconds until this party may send a request; 0 where it may, or where one must go ahead to learn it."""
        if self.left is not None and not self.resets_at - _LONGEST_WINDOW <= now < self.resets_at:
            self.left, self.visitors = None, 0
        held = self.held_until - now
        if 0 < held <= _LONGEST_WINDOW:
            return held
        if self.left is None or self._room(party, share) > 0:
            return 0.0
        return self.resets_at - now

    def _room(self, party: Party, share: float) -> int:
        """How many requests this party may still send in this window."""
        left, kept = self.left or 0, int((self.quota or 0) * share)
        if party is Party.VISITORS:
            return min(left, max(1, kept) - self.visitors) if self.quota else left
        return left - max(0, kept - self.visitors)

    def book(self, party: Party) -> None:
        """Count a request before it is sent."""
        self.visitors += party is Party.VISITORS
        if self.left is not None:
            self.left -= 1

    def hear(self, allowance: Allowance | None, policy: Policy | None, in_flight: int, now: float) -> None:
        """Learn from an answer's headers, while so many other answers are still on their way."""
        if policy:
            self.quota, self.seconds = policy.quota, float(policy.seconds)
        if allowance is None:
            self.tells_nothing = self.left is None
            return
        self.tells_nothing = False
        # The answers still on their way may not be counted in it yet.
        left = max(0, allowance.left - in_flight)
        resets_at = now + allowance.resets_in
        if self.left is not None and resets_at <= self.resets_at + _SAME_WINDOW:
            self.left = min(self.left, left)
        else:
            # What was booked while nothing was known belongs to the window that is known from here on.
            self.visitors = self.visitors if self.left is None else 0
            self.left, self.resets_at = left, resets_at
        if policy is None:
            self.quota = max(self.quota or 0, allowance.left)

    def hold(self, until: float, *, failure: bool) -> None:
        """Send nothing until then; ``failure`` tells trouble from a used-up quota."""
        self.held_until = max(self.held_until, until)
        self.held_by_failure = failure


class Ledger(Protocol):
    """Where the windows of one Hub and one token lie."""

    async def turn(self, bucket: str, change: Callable[[Window], Result]) -> Result:
        """What ``change`` makes of a bucket's window, which nobody else reads or writes meanwhile."""
        ...


class OwnLedger:
    """The windows of one connection alone."""

    def __init__(self) -> None:
        self._windows: dict[str, Window] = {}

    async def turn(self, bucket: str, change: Callable[[Window], Result]) -> Result:
        """As :class:`Ledger` says; nothing else runs in between."""
        return change(self._windows.setdefault(bucket, Window()))


class Slot:
    """Leave to send one request; :meth:`heard` passes on what its answer told."""

    def __init__(self, pace: Pace, bucket: str, ahead: asyncio.Lock | None) -> None:
        self._pace, self._bucket, self._ahead = pace, bucket, ahead
        self._open = True
        pace.in_flight[bucket] += 1

    async def heard(self, headers: Mapping[str, str]) -> None:
        """Note the allowance in an answer's headers. Others may go on from here."""
        await self._noting(headers)

    def hear(self, headers: Mapping[str, str]) -> None:
        """The same, while the answer is read: whoever wants a slot of this bucket next waits for it.

        The database that keeps the windows may be busy with what was read before.
        """
        self._pace.note(self._bucket, self._noting(headers))

    def _noting(self, headers: Mapping[str, str]) -> Coroutine[Any, Any, None]:
        told = parse_allowance(headers, self._bucket), parse_policy(headers, self._bucket)
        pace, is_first = self._pace, self._open
        self._open = False
        pace.in_flight[self._bucket] -= is_first
        others = pace.in_flight[self._bucket]

        async def note() -> None:
            if is_first:
                try:
                    await pace.ledger.turn(self._bucket, lambda window: window.hear(*told, others, pace.clock()))
                finally:
                    self._let_others_go()

        return note()

    async def hold(self, seconds: float, *, failure: bool) -> None:
        """Send nothing more in this bucket for so long; ``failure`` tells trouble from a used-up quota."""
        until = self._pace.clock() + min(seconds, _LONGEST_WINDOW)
        await self._pace.ledger.turn(self._bucket, lambda window: window.hold(until, failure=failure))

    def close(self) -> None:
        """Give the leave back; what was not heard stays unknown."""
        if self._open:
            self._open = False
            self._pace.in_flight[self._bucket] -= 1
            self._let_others_go()

    def _let_others_go(self) -> None:
        if self._ahead:
            self._ahead.release()


@dataclass(frozen=True, slots=True)
class Wait:
    """A wait that begins now: the bucket, its seconds, and the quota of a whole window, where that is known."""

    bucket: str
    seconds: float
    quota: int | None
    window: float | None
    failure: bool


Waiting = Callable[[Wait], Awaitable[None]]
"""Told before each wait."""


class Pace:
    """Who may send when to one Hub, for one party.

    ``clock`` gives seconds since 1970, ``sleep`` waits for some; ``share`` is the part of each window that is kept for
    visitors, from 0 to 1.
    """

    def __init__(
        self,
        host: str,
        clock: Clock = time.time,
        sleep: Sleep = asyncio.sleep,
        *,
        ledger: Ledger | None = None,
        party: Party = Party.OPERATOR,
        share: float = 0.0,
        waiting: Waiting | None = None,
    ) -> None:
        self.clock, self.ledger = clock, ledger or OwnLedger()
        self.in_flight: Counter[str] = Counter()
        self._host, self._sleep, self._party, self._share, self._waiting = host, sleep, party, share, waiting
        self._first: dict[str, asyncio.Lock] = {}
        self._noting: dict[str, list[asyncio.Task[None]]] = {}

    def note(self, bucket: str, noting: Coroutine[Any, Any, None]) -> None:
        """Have something noted of a bucket before anybody books in it again."""
        self._noting.setdefault(bucket, []).append(asyncio.create_task(noting))

    async def settle(self, *buckets: str) -> None:
        """Wait until all is noted of some buckets, or of all; raises what went wrong with it."""
        for bucket in buckets or list(self._noting):
            await asyncio.gather(*self._noting.pop(bucket, ()))

    def abandon(self) -> None:
        """Leave unknown what is not noted yet."""
        for task in [task for tasks in self._noting.values() for task in tasks]:
            task.cancel()

    @asynccontextmanager
    async def slot(self, name: str, patience: Patience) -> AsyncIterator[Slot]:
        """Leave to send one request in a bucket, waiting for it if need be.

        Raises :class:`HubRateLimited` (or :class:`HubUnavailable` after a failure) instead of waiting longer
        than the caller's patience.
        """
        slot = await self._book(name, patience)
        try:
            yield slot
        finally:
            slot.close()

    async def _book(self, name: str, patience: Patience) -> Slot:
        # Whoever holds the lock waits for all, and keeps it with its request while nothing is known.
        first = self._first.setdefault(name, asyncio.Lock())
        await first.acquire()
        known = True
        try:
            await self.settle(name)
            while (wait := await self.ledger.turn(name, partial(self._turn, name))) is not True:
                if wait is False:
                    known = False
                    break
                if wait.seconds > patience.left:
                    raise self._refusal(wait)
                patience.left -= wait.seconds
                if self._waiting:
                    await self._waiting(wait)
                await self._sleep(wait.seconds)
            return Slot(self, name, None if known else first)
        finally:
            if known:
                first.release()

    def _turn(self, bucket: str, window: Window) -> Wait | bool:
        """The wait that there is; else whether it is known how many requests are left, with one of them booked."""
        seconds = window.wait(self._party, self._share, self.clock())
        if seconds > 0:
            failure = window.held_by_failure and window.held_until > self.clock()
            return Wait(bucket, seconds, window.quota, window.seconds, failure)
        window.book(self._party)
        return window.left is not None or window.tells_nothing

    def _refusal(self, wait: Wait) -> HubError:
        if wait.failure:
            return HubUnavailable(
                f"{self._host} is in trouble and asks to be left alone for {wait.seconds:.0f} s. Try again then."
            )
        return rate_limited(self._host, wait.bucket, wait.seconds, ours=self._party is Party.VISITORS)


def rate_limited(host: str, bucket: str, wait: float | None, *, ours: bool = False) -> HubRateLimited:
    """The error for a used-up quota, with what to do about it; ``ours`` where it is this site's part for visitors."""
    when = "Try again later" if wait is None else f"Try again in {wait:.0f} s"
    what = "The part of the request quota that is kept for visitors" if ours else "The request quota"
    return HubRateLimited(
        f"{what} of {host} ({bucket}) is used up. {when}; with a token (HF_TOKEN) it is larger.", wait
    )
