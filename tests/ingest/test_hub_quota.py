"""One quota for all processes of a site: shared through the database or Redis, and with a part kept for visitors."""

from __future__ import annotations

import dataclasses
import shutil
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from redis import ConnectionError as RedisConnectionError

from compat.hub import HubRateLimited
from compat.hub.rate_limit_budget import Party, Window
from compat.ingest import hub_quota
from compat.ingest.hub_quota import DatabaseLedger, RedisLedger, hub_client, run_to_end
from compat.models import HubWindow
from compat.tasks import fetch_now
from tests.hub_server import HubServer
from tests.own_database import ROOT, OwnDatabase, environment
from tests.samples import record

PHI = "microsoft/phi-2"
ASK = """
import sys, django
django.setup()
from compat.hub import HubRateLimited
from compat.hub.rate_limit_budget import Party
from compat.ingest.hub_quota import hub_client, run_to_end

async def ask():
    async with hub_client(Party(sys.argv[1]), max_wait=float(sys.argv[2])) as client:
        for _ in range(int(sys.argv[3])):
            await client.model("a/b")
try:
    run_to_end(ask)
except HubRateLimited as error:
    sys.exit(f"refused: {error}")
"""


def asking(own, party, wait, times):
    command = [sys.executable, "-c", ASK, party, str(wait), str(times)]
    settings = {**own.env, "DJANGO_SETTINGS_MODULE": "marketplace.settings"}
    return subprocess.Popen(command, cwd=ROOT, env=settings, stderr=subprocess.PIPE, text=True)


def ended(process):
    told = process.communicate(timeout=120)[1]
    return process.returncode, told


def server(**options):
    return HubServer([{"id": "a/b"}], **options)


@pytest.fixture
def redis():
    """A Redis of its own."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("there is no redis-server here")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
        process.terminate()


@pytest.mark.parametrize("where", ["database", "redis"])
def test_several_processes_together_never_ask_more_than_the_hub_allows(tmp_path, where, request):
    more = {"REDIS_URL": request.getfixturevalue("redis")} if where == "redis" else {}
    with server(quota=40, window=4.0) as hub, OwnDatabase(tmp_path, HF_ENDPOINT=hub.url, **more) as own:
        many = [asking(own, "operator", 60, 20) for _ in range(3)]
        assert [ended(one) for one in many] == [(0, "")] * 3
        assert len([path for path in hub.paths() if path == "/api/models/a/b"]) - hub.quota.refused == 60
        # At the start of a window each process asks once before it knows what is left.
        assert hub.quota.refused <= 3
        assert own.value("SELECT count(*) FROM compat_hubwindow") == (where == "database")


def test_what_one_process_spent_another_knows(tmp_path):
    with server(quota=20, window=300) as hub, OwnDatabase(tmp_path, HF_ENDPOINT=hub.url) as own:
        own.env["HUB_VISITOR_SHARE"] = "0"
        assert ended(asking(own, "operator", 0, 15)) == (0, "")
        code, told = ended(asking(own, "operator", 0, 15))
        assert (code, "used up" in told) == (1, True)
        assert hub.quota.refused == 0
        assert len(hub.requests) == 20


def test_a_run_leaves_visitors_their_part_and_they_take_no_more(tmp_path):
    with server(quota=20, window=300) as hub, OwnDatabase(tmp_path, HF_ENDPOINT=hub.url) as own:
        own.env["HUB_VISITOR_SHARE"] = "25"
        assert "used up" in ended(asking(own, "operator", 0, 30))[1]
        assert len(hub.requests) == 15
        code, told = ended(asking(own, "visitors", 0, 30))
        assert (code, "kept for visitors" in told) == (1, True)
        assert len(hub.requests) == 20
    with server(quota=20, window=300) as hub, OwnDatabase(tmp_path, HF_ENDPOINT=hub.url) as own:
        own.env["HUB_VISITOR_SHARE"] = "25"
        assert ended(asking(own, "visitors", 0, 30))[0] == 1
        assert len(hub.requests) == 5, "strangers cannot spend the operator's part"
        assert "used up" in ended(asking(own, "operator", 0, 30))[1]
        assert len(hub.requests) == 20


def test_a_process_that_was_killed_holds_nothing_back(tmp_path):
    with server(quota=5, window=2.0) as hub, OwnDatabase(tmp_path, HF_ENDPOINT=hub.url) as own:
        hub.fail_next(1, path="a/b", delay=30)
        with asking(own, "operator", 0, 1) as first:
            for _ in range(400):
                if hub.requests:
                    break
                time.sleep(0.05)
            first.kill()
        assert ended(asking(own, "operator", 10, 10)) == (0, "")


@pytest.mark.django_db
def test_a_fetch_for_visitors_spends_their_part(settings):
    settings.HUB_VISITOR_SHARE = 10
    with HubServer([record(PHI)], quota=10, window=300) as hub:
        settings.HUB = dataclasses.replace(settings.HUB, endpoint=hub.url, offline=False, backoff=0.001)
        fetch_now(PHI, for_visitors=True)
        with pytest.raises(HubRateLimited, match="kept for visitors"):
            fetch_now(PHI, for_visitors=True)
        fetch_now(PHI)
    (window,) = (Window(**row.state) for row in HubWindow.objects.filter(key__endswith=":api"))
    assert (window.quota, window.visitors) == (10, 1)


@pytest.mark.django_db
def test_another_token_has_a_quota_of_its_own_and_is_written_nowhere(settings):
    secret = "hf_a_secret_that_nobody_may_read"
    with HubServer([record(PHI)]) as hub:
        settings.HUB = dataclasses.replace(settings.HUB, endpoint=hub.url, offline=False, token=secret)

        async def ask():
            async with hub_client(Party.OPERATOR) as client:
                await client.model(PHI)

        run_to_end(ask)
        plain = DatabaseLedger(dataclasses.replace(settings.HUB, token=None))
        assert plain.key("api") != DatabaseLedger(settings.HUB).key("api")
    row = HubWindow.objects.get()
    assert secret not in f"{row.key} {row.host} {row.state}"


@pytest.mark.django_db
def test_a_redis_that_is_not_there_is_done_without_and_asked_again_after_a_while(settings, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(hub_quota, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(hub_quota, "_left_alone", {})
    ledger = RedisLedger(settings.HUB, "redis://127.0.0.1:1/0")
    asked = []
    monkeypatch.setattr(ledger, "_redis", SimpleNamespace(transaction=lambda *_, **__: asked.append(refuse())))

    def refuse():
        asked.append(1)
        raise RedisConnectionError

    async def turn():
        return await ledger.turn("api", lambda window: window.wait(Party.OPERATOR, 0.0, 0.0))

    assert [run_to_end(turn) for _ in range(5)] == [0.0] * 5
    assert (len(asked), HubWindow.objects.count()) == (1, 1)
    clock[0] += hub_quota.REDIS_PAUSE + 1
    run_to_end(turn)
    assert len(asked) == 2


def test_a_window_of_a_clock_that_was_set_back_is_forgotten():
    window = Window(left=0, resets_at=10**9 + 300, held_until=10**9 + 300)
    assert window.wait(Party.OPERATOR, 0.0, 10**9) == 300
    window = Window(left=0, resets_at=10**9 + 300, held_until=10**9 + 300)
    assert window.wait(Party.OPERATOR, 0.0, 10**8) == 0
    assert window.left is None


def test_a_share_that_makes_no_sense_stops_the_start():
    from tests.own_database import manage

    done = manage("check", env=environment("sqlite:///x", HUB_VISITOR_SHARE="91"))
    assert done.returncode != 0
    assert "use a whole number from 0 to 90" in done.stderr
