"""The Hub's quota as all processes of this site share it, and connections that spend from it.

One row of the database for each quota of a Hub and a token says where it stands; where ``REDIS_URL`` is set, Redis
does, and the database only while Redis cannot be reached. A connection of the operator's leaves ``HUB_VISITOR_SHARE``
percent of each quota to visitors, and theirs take no more than that.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import asdict, replace
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.db import transaction

from compat.hub.rate_limit_budget import Ledger, Party, Waiting, Window
from compat.models import HubWindow

if TYPE_CHECKING:
    from compat.hub import HubClient, HubSettings

log = logging.getLogger(__name__)

Result = TypeVar("Result")
REDIS_PAUSE = 30.0
_KEPT = 86_400
"""Seconds that Redis keeps a window: longer than any lasts."""


def account_of(hub: HubSettings) -> str:
    """A Hub and this site's token for it, as a digest of which nobody can make the token again."""
    return hashlib.blake2b(f"{hub.endpoint} {hub.token or ''}".encode(), digest_size=12).hexdigest()


class DatabaseLedger:
    """Windows as rows of the database, each changed under its lock."""

    def __init__(self, hub: HubSettings) -> None:
        self._host = hub.host
        self._key = account_of(hub)

    def key(self, bucket: str) -> str:
        """The key of a window."""
        return f"{self._key}:{bucket}"

    async def turn(self, bucket: str, change: Callable[[Window], Result]) -> Result:
        """As :class:`~compat.hub.rate_limit_budget.Ledger` says."""
        return await sync_to_async(self._turn)(bucket, change)

    def _turn(self, bucket: str, change: Callable[[Window], Result]) -> Result:
        with transaction.atomic():
            row, _ = HubWindow.objects.select_for_update().get_or_create(
                key=self.key(bucket), defaults={"host": self._host}
            )
            window = Window(**row.state)
            result = change(window)
            row.state = asdict(window)
            row.save(update_fields=["state"])
        return result


class RedisLedger(DatabaseLedger):
    """Windows in Redis; one that does not answer is done without for ``REDIS_PAUSE`` seconds, and then asked again."""

    def __init__(self, hub: HubSettings, url: str) -> None:
        super().__init__(hub)
        self._url, self._redis = url, _redis(url)

    def _turn(self, bucket: str, change: Callable[[Window], Result]) -> Result:
        from redis import RedisError

        if time.monotonic() < _left_alone.get(self._url, 0.0):
            return super()._turn(bucket, change)
        key = f"hub-quota:{self.key(bucket)}"

        def changed(pipe: Any) -> Result:
            kept = pipe.get(key)
            window = Window(**json.loads(kept)) if kept else Window()
            result = change(window)
            pipe.multi()
            pipe.set(key, json.dumps(asdict(window)), ex=_KEPT)
            return result

        try:
            result: Result = self._redis.transaction(changed, key, value_from_callable=True)
        except RedisError as error:
            log.warning("Redis does not keep the Hub's quota for now, so the database does: %s", error)
            _left_alone[self._url] = time.monotonic() + REDIS_PAUSE
            return super()._turn(bucket, change)
        return result


_left_alone: dict[str, float] = {}
"""Until when a Redis that did not answer is not asked, by its address; of the clock that never goes back."""


@cache
def _redis(url: str) -> Any:
    from redis import Redis

    return Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5)


def ledger_of(hub: HubSettings) -> Ledger:
    """Where the quota of a Hub, for the token of this site, is kept."""
    return RedisLedger(hub, settings.REDIS_URL) if settings.REDIS_URL else DatabaseLedger(hub)


def hub_client(party: Party, *, waiting: Waiting | None = None, **changes: Any) -> HubClient:
    """A connection to this site's Hub for a party; ``changes`` are of its settings."""
    # Here, not above: the web processes import this module and never speak HTTP to the Hub themselves.
    from compat.hub import HubClient

    share = settings.HUB_VISITOR_SHARE / 100 if settings.FETCH_ON_DEMAND else 0.0
    hub: HubSettings = replace(settings.HUB, **changes)
    return HubClient(hub, ledger=ledger_of(hub), party=party, share=share, waiting=waiting)


def run_to_end(work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """The result of a coroutine, whose uses of the database are made by the thread that calls this.

    Ctrl-C ends it at once, also while it waits.
    """
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []

    async def noted() -> Result:
        task = asyncio.current_task()
        assert task is not None
        running.append((asyncio.get_running_loop(), task))
        return await work()

    try:
        return async_to_sync(noted)()
    except KeyboardInterrupt:
        for loop, task in running:
            if not loop.is_closed():
                loop.call_soon_threadsafe(task.cancel)
        raise
