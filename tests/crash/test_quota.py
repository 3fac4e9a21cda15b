"""Three runs over more models than a window of the Hub's quota allows requests for, killed anywhere between."""

from __future__ import annotations

import random
import signal
import time

from tests.crash.laboratory import LONG
from tests.hub_server import HubServer
from tests.own_database import OwnDatabase
from tests.samples import record

MODELS, QUOTA, WINDOW = (3000, 1500, 30.0) if LONG else (40, 25, 2.0)
"""The Hub's own windows last 300 seconds."""
FILES = [{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}]
SYNC = ("sync_models", "--limit", MODELS, "--most-headers", 0)


def hub_of_many():
    shape = record("microsoft/phi-2", siblings=FILES)
    many = [shape | {"id": f"sample/phi-{n}", "sha": f"{n:040x}", "downloads": 10**6 - n} for n in range(MODELS)]
    return HubServer(many, quota=QUOTA, window=WINDOW)


def held(own):
    """How many models there are, how many of them are known whole, and how many are there twice."""
    whole = own.value("SELECT count(*) FROM compat_modelrecord WHERE context = 2048")
    names = own.value("SELECT count(DISTINCT lower(repo_id)) FROM compat_modelrecord")
    return own.records(), whole, own.records() - names


def test_three_runs_hold_all_models_without_one_request_over_the_limit(tmp_path):
    with hub_of_many() as hub, OwnDatabase(tmp_path, HF_ENDPOINT=hub.url) as own:
        for _ in range(3):
            done = own.run(*SYNC)
            assert done.returncode == 0, done.stderr
        assert held(own) == (MODELS, MODELS, 0)
        assert hub.quota.refused == 0
        configs = [path for path in hub.paths() if path.endswith("config.json")]
        assert len(configs) == len(set(configs)) == MODELS, "each is read once"


def test_runs_that_are_killed_anywhere_hold_the_same_without_one_request_over_the_limit(tmp_path):
    chance = random.Random(MODELS)
    with hub_of_many() as hub, OwnDatabase(tmp_path, HF_ENDPOINT=hub.url) as own:
        for _ in range(6 if LONG else 2):
            before = len(hub.requests)
            upto = before + chance.randrange(1, MODELS // 4)
            with own.start(*SYNC) as killed:
                while killed.poll() is None and len(hub.requests) < upto:
                    time.sleep(0.02)
                killed.send_signal(signal.SIGKILL)
                killed.communicate(timeout=30)
        done = own.run(*SYNC)
        assert done.returncode == 0, done.stderr
        assert held(own) == (MODELS, MODELS, 0)
        assert hub.quota.refused == 0
