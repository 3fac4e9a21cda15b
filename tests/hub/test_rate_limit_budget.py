"""Never above the limit: many requests at once against a Hub that counts, in a time that sleeping moves."""

from __future__ import annotations

import asyncio

import pytest

from compat.hub.client import HubClient
from compat.hub.errors import HubRateLimited
from compat.hub.rate_limit_budget import Allowance, Pace, Patience, parse_allowance
from compat.hub.settings import HubSettings
from tests.hub_server import HubServer


class Time:
    def __init__(self):
        self.now, self.waits = 1000.0, []

    def clock(self):
        return self.now

    async def sleep(self, seconds):
        self.waits.append(seconds)
        until = self.now + seconds
        await asyncio.sleep(0.002)  # lets those who wait less go first
        self.now = max(self.now, until)


def many(hub, moment, count, **changes):
    async def run():
        asked = HubSettings(**{"endpoint": hub.url, "backoff": 0.001, "max_connections": 16, **changes})
        async with HubClient(asked, clock=moment.clock, sleep=moment.sleep) as client:
            return await asyncio.gather(*(client.model("a/b") for _ in range(count)), return_exceptions=True)

    return asyncio.run(run())


def server(moment, quota, window=300.0):
    return HubServer([{"id": "a/b", "config": {"model_type": "llama"}}], quota=quota, window=window, clock=moment.clock)


@pytest.mark.parametrize("quota", [1, 3, 7, 50])
def test_many_at_once_are_never_above_the_limit(quota):
    moment = Time()
    with server(moment, quota) as hub:
        found = many(hub, moment, 20, max_wait=1e9)
        assert [answer["id"] for answer in found] == ["a/b"] * 20
        assert hub.quota.refused == 0


def test_it_stops_before_the_limit_and_says_for_how_long():
    moment = Time()
    with server(moment, 5) as hub:
        found = many(hub, moment, 8)
        refused = [answer for answer in found if isinstance(answer, HubRateLimited)]
        assert 3 <= len(refused) <= 7
        assert all(299 <= error.retry_after <= 301 for error in refused)
        assert hub.quota.refused == 0
        assert moment.waits == []


def test_one_bucket_does_not_stop_the_other():
    moment = Time()

    async def run(url):
        async with HubClient(HubSettings(endpoint=url), clock=moment.clock, sleep=moment.sleep) as client:
            await client.model("a/b")
            with pytest.raises(HubRateLimited):
                await client.model("a/b")
            return await client.config_json("a/b")

    with server(moment, 1) as hub:
        assert asyncio.run(run(hub.url)) == {"model_type": "llama"}


def test_a_hub_that_tells_nothing_is_not_paced():
    async def run():
        pace, patience = Pace("hub"), Patience(0)
        async with pace.slot("api", patience) as first:
            await first.heard({})
        async with pace.slot("api", patience), pace.slot("api", patience), pace.slot("api", patience):
            return True

    assert asyncio.run(run())


def test_while_nothing_is_known_one_goes_ahead():
    async def run():
        pace, patience, order = Pace("hub"), Patience(0), []

        async def one(name, hear):
            async with pace.slot("api", patience) as slot:
                order.append(f"{name} in")
                await asyncio.sleep(0.01)
                if hear:
                    await slot.heard({"ratelimit": '"api";r=9;t=9'})
                order.append(f"{name} out")

        # The first learns nothing (a broken connection), so the second goes alone as well.
        await asyncio.gather(one("a", hear=False), one("b", hear=True), one("c", hear=True), one("d", hear=True))
        return order

    assert asyncio.run(run())[:4] == ["a in", "a out", "b in", "b out"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"api";r=0;t=55', Allowance(0, 56)),
        ('"api" ; t = 55 ; r = 4', Allowance(4, 56)),
        ('"pages";r=1;t=1, "api";r=2;t=2', Allowance(2, 3)),
        ('"default";r=7;t=1', Allowance(7, 2)),
        ('"pages";r=1;t=1, "other";r=2;t=2', None),
        ("", None),
        ("api;r=1;t=2", None),
        ('"api";r=1', None),
        ('"api";r=-1;t=2', None),
        ('"api";r=99999999999999999999;t=2', None),
        ("x" * 100_000, None),
    ],
)
def test_the_header_is_read(text, expected):
    assert parse_allowance({"ratelimit": text}, "api") == expected
