"""The documented schedule, run for days of simulated time against a Hub that changes all the while."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from compat.hub import HubSettings
from compat.ingest import jobs, sync
from compat.management.lanes import Lanes
from compat.models import FormerName, Job, ModelRecord, Schedule
from tests.crash.laboratory import LONG
from tests.hub_server import HubServer
from tests.ingest.conftest import NO_WAITING
from tests.samples import record

DAYS = 7 if LONG else 1
HOURS = 2
"""Between two looks of the tasks process; the Hub changes before each."""
FILES = [{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}]


class ChangingHub:
    """A Hub whose models are added, deleted, renamed, brought back, and get new commits and downloads."""

    def __init__(self, hub, seed):
        self.hub, self.chance = hub, random.Random(seed)
        self.number, self.gone, self.moved = 0, {}, {}
        self.done, self.deck = Counter(), []
        for _ in range(12):
            self.add()

    def add(self):
        self.number += 1
        self.put(f"sample/phi-{self.number}")

    def put(self, name):
        commit = f"{self.chance.getrandbits(160):040x}"
        downloads = self.chance.randrange(10**6)
        self.hub.put(record("microsoft/phi-2", id=name, sha=commit, siblings=FILES, downloads=downloads))

    def change(self):
        names = sorted(self.hub.records)
        if not self.deck:
            self.deck = ["add", "delete", "rename", "commit", "downloads", "back", "commit"]
            self.chance.shuffle(self.deck)
        what = self.deck.pop()
        name = self.chance.choice(names)
        if what == "add":
            self.add()
        elif what == "delete" and len(names) > 5:
            self.hub.remove(name)
            self.gone[name] = True
        elif what == "rename":
            self.number += 1
            new = f"sample/moved-{self.number}"
            self.hub.put(self.hub.records[name] | {"id": new})
            self.hub.remove(name)
            self.hub.renames[name] = self.moved[name] = new
        elif what == "back" and self.gone:
            self.put(self.chance.choice(sorted(self.gone)))
            self.gone = {name: True for name in self.gone if name not in self.hub.records}
        elif what == "downloads":
            self.hub.put(self.hub.records[name] | {"downloads": self.chance.randrange(10**6)})
        else:
            self.put(name)
        self.done[what] += 1


def wrong_after_a_round(changing):
    """What the catalogue says otherwise than the Hub."""
    told = changing.hub.records
    kept = {one.repo_id: one for one in ModelRecord.objects.all()}
    wrong = [f"{name} is not there" for name in told if name not in kept]
    wrong += [f"{name} is there twice" for name, times in Counter(name.lower() for name in kept).items() if times > 1]
    for name, one in kept.items():
        if name in changing.moved and name not in told:
            wrong.append(f"{name} was renamed")
        elif name not in told and not one.gone:
            wrong.append(f"{name} was deleted")
        elif name in told:
            facts = (one.sha, one.downloads, one.gone, one.context)
            if facts != (told[name]["sha"], told[name]["downloads"], "", 2048):
                wrong.append(f"{name} is {facts}")
    names = dict(FormerName.objects.values_list("repo_id", "record__repo_id"))
    for old in changing.moved:
        now = old
        while now in changing.moved and now not in told:
            now = changing.moved[now]
        if old in names and old not in told and now in told and names[old] != now:
            wrong.append(f"{old} leads to {names[old]}, not {now}")
    return wrong


@pytest.mark.django_db
@pytest.mark.parametrize("seed", [1, 2] if LONG else [1])
def test_the_schedule_of_days_loses_and_doubles_nothing_and_notices_all_within_a_round(seed, settings, monkeypatch):
    ModelRecord.objects.all().delete()
    began, now = timezone.now(), timezone.now
    passed = timedelta(0)
    monkeypatch.setattr(timezone, "now", lambda: now() + passed)
    monkeypatch.setattr(sync, "PAGE", 5)
    jobs.ensure_schedules()
    # A copy of the database is made by processes of their own, which know nothing of this time.
    Schedule.objects.exclude(kind="backup").update(active=True, due=began)
    Schedule.objects.filter(kind="sync").update(options="--limit 100")
    rounds = 0
    with HubServer() as hub:
        settings.HUB = replace(HubSettings(endpoint=hub.url, **NO_WAITING))
        changing = ChangingHub(hub, seed)
        while passed < timedelta(days=DAYS):
            syncs = Job.objects.filter(kind="sync", state="done").count()
            Lanes().work_off()
            if Job.objects.filter(kind="sync", state="done").count() > syncs:
                rounds += 1
                assert wrong_after_a_round(changing) == [], (seed, passed, changing.done)
            for _ in range(changing.chance.randrange(4)):
                changing.change()
            passed += timedelta(hours=HOURS)
    assert rounds == DAYS * 4
    assert not Job.objects.exclude(state="done").exists()
    assert Counter(Job.objects.values_list("kind", flat=True))["judge"] == DAYS * 4
    assert {"delete", "rename", "commit"} <= changing.done.keys()
