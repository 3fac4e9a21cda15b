"""Jobs: wanted in the transaction of their cause, done once, noted, tried again, and gone on with after a kill."""

from __future__ import annotations

import json
import signal
import time
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from compat.hub import HubSettings
from compat.ingest import jobs
from compat.management import lanes
from compat.management.lanes import Lanes
from compat.models import HubFetch, Job, ModelRecord, Schedule, Webhook, WebhookDelivery
from tests.hub_server import HubServer
from tests.ingest.conftest import NO_WAITING
from tests.markup import Page
from tests.own_database import OwnDatabase
from tests.samples import RECORDS, record, write_lines
from tests.webhook_receiver import Receiver

PHI = "microsoft/phi-2"
FILES = [{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}]
ELSEWHERE = "process 1 on elsewhere/x.1.1"


def wait_until(holds, seconds=60):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def states():
    return list(Job.objects.order_by("pk").values_list("kind", "state"))


# --- wanted and taken ----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_what_waits_already_is_wanted_once_and_what_goes_on_is_wanted_again():
    jobs.want("judge")
    jobs.want("judge")
    assert states() == [("judge", "waiting")]
    taken = jobs.take(["judge"])
    jobs.want("judge")
    assert states() == [("judge", "running"), ("judge", "waiting")]
    assert jobs.take(["judge"]) is None, "its twin is at work"
    jobs.finish(taken)
    assert jobs.take(["judge"]).pk != taken.pk


@pytest.mark.django_db
def test_what_is_wanted_is_kept_if_and_only_if_its_cause_is():
    with transaction.atomic():
        jobs.want("judge")
        transaction.set_rollback(True)
    assert states() == []


@pytest.mark.django_db
def test_a_lease_that_ran_out_lets_another_process_go_on_and_the_first_note_nothing_more():
    jobs.want("judge")
    first = jobs.take(["judge"])
    Job.objects.update(holder=ELSEWHERE, held_until=timezone.now() + timedelta(minutes=1))
    jobs.give_up_lost()
    assert states() == [("judge", "running")]
    Job.objects.update(held_until=timezone.now())
    jobs.give_up_lost()
    again = jobs.take(["judge"])
    assert (again.pk, again.attempts) == (first.pk, 2)
    Job.objects.update(holder=ELSEWHERE)
    jobs.finish(first, "too late")
    assert states() == [("judge", "running")]


@pytest.mark.django_db
def test_a_job_that_fails_is_tried_again_after_longer_and_longer_and_then_given_up(settings):
    settings.HUB = HubSettings(endpoint="http://127.0.0.1:9", max_attempts=1)
    settings.WEBHOOK_HOSTS = ("hooks.example.org",)
    Webhook.objects.create(name="x", url="https://hooks.example.org/", secret="whsec_AAAA", events=["sync.failed"])
    jobs.want("sync", "--limit 5")
    pauses = []
    for _ in range(jobs.MOST_ATTEMPTS):
        assert not WebhookDelivery.objects.exists(), "nobody is told before it is given up"
        assert Lanes().work_off() == 1
        job = Job.objects.get()
        assert "could not be reached" in job.error
        pauses.append(job.due - timezone.now())
        assert Lanes().work_off() == 0, "it is not tried again before its time"
        Job.objects.filter(state="waiting").update(due=timezone.now())
    assert (job.state, job.attempts) == ("failed", 5)
    assert [round(pause / timedelta(minutes=1)) for pause in pauses[:-1]] == [1, 5, 30, 120]
    assert json.loads(WebhookDelivery.objects.get().body)["type"] == "sync.failed"


@pytest.mark.django_db
def test_a_command_is_noted_with_how_far_it_is_and_is_nobodys_to_run_again(monkeypatch):
    monkeypatch.setattr(jobs, "SIGN_EVERY", 0)
    seen = []

    def look(more):
        job = Job.objects.get()
        job.stage_began -= timedelta(seconds=10)
        seen.append((job.kind, job.stage, job.done, job.total, job.progress))

    with jobs.noted("judge", "by hand"), jobs.stage("Judging", 400) as advance:
        advance(100)
        look(100)
    assert seen == [("judge", "Judging", 100, 400, "Judging, 25 %, 10.0 a second, 30 s left")]
    assert states() == [("judge", "done")]
    with pytest.raises(RuntimeError), jobs.noted("judge", "by hand"):
        raise RuntimeError("no space")
    assert (Job.objects.first().state, Job.objects.first().error) == ("failed", "RuntimeError: no space")
    assert Lanes().work_off() == 0


@pytest.mark.django_db
@pytest.mark.parametrize("command", ["load_records", "reevaluate", "export_site"])
def test_every_long_command_is_a_job(command, tmp_path):
    more = {
        "load_records": [RECORDS],
        "reevaluate": ["--all"],
        "export_site": ["--top", "1", "--output", tmp_path / "x"],
    }
    call_command(command, *map(str, more[command]), verbosity=0)
    job = Job.objects.get()
    assert (job.state, job.error, job.done > 0) == ("done", "", True)


# --- schedules -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_schedule_that_was_missed_for_long_is_done_once():
    now = timezone.now()
    Schedule.objects.create(kind="housekeeping", every=6, active=True, due=now - timedelta(hours=20))
    Schedule.objects.create(kind="backup", every=6, active=False, due=now - timedelta(hours=20))
    jobs.want_what_is_due()
    jobs.want_what_is_due()
    assert states() == [("housekeeping", "waiting")]
    assert Schedule.objects.get(kind="housekeeping").due == now + timedelta(hours=4)


def test_several_workers_do_what_is_scheduled_once(tmp_path):
    with OwnDatabase(tmp_path) as own:
        code = (
            "from compat.models import Schedule; from django.utils import timezone;"
            "Schedule.objects.create(kind='housekeeping', every=24, active=True, due=timezone.now())"
        )
        assert own.run("shell", "-c", code).returncode == 0
        workers = [own.start("work", "--batch") for _ in range(3)]
        told = [worker.communicate(timeout=120) for worker in workers]
        assert [worker.returncode for worker in workers] == [0, 0, 0], told
        assert own.rows("SELECT kind, state, attempts FROM compat_job") == [("housekeeping", "done", 1)]


@pytest.mark.django_db
def test_a_new_site_has_schedules_and_keeps_what_its_operator_made_of_them():
    jobs.ensure_schedules()
    assert set(Schedule.objects.values_list("kind", flat=True)) == {kind for kind, *_ in jobs.SCHEDULED}
    assert not Schedule.objects.get(kind="sync").active, "nobody asks the Hub before an operator says so"
    Schedule.objects.filter(kind="judge").update(active=False, options="--all")
    jobs.ensure_schedules()
    assert Schedule.objects.filter(kind="judge").values_list("active", "options").get() == (False, "--all")


# --- kills, and others at work -------------------------------------------------------------------------------------


def test_a_fetch_whose_process_was_killed_is_made_by_the_next(tmp_path):
    with HubServer([record(PHI, id="sample/new")]) as hub, OwnDatabase(tmp_path, HF_ENDPOINT=hub.url) as own:
        code = "from compat.tasks import request_fetch; request_fetch('sample/new', asker='x')"
        assert own.run("shell", "-c", code).returncode == 0
        hub.fail_next(1, delay=60)
        with own.start("work") as worker:
            wait_until(lambda: hub.requests)
            worker.kill()
            worker.communicate(timeout=30)
        done = own.run("work", "--batch")
        assert done.returncode == 0, done.stderr
        assert own.rows("SELECT repo_id FROM compat_modelrecord") == [("sample/new",)]
        assert own.value("SELECT count(*) FROM compat_visitoraddition") == 1


SET_UP = """
from compat.ingest.jobs import want
from compat.models import Webhook
from compat.webhooks import signing
Webhook.objects.create(name="x", url={url!r}, secret=signing.new_secret(), events=[])
want("sync")
"""
THEN = """
from compat.ingest.jobs import want
from compat.models import Webhook
from compat.tasks import request_fetch
from compat.webhooks import outbox
outbox.put_event(Webhook.objects.get(), "ping", {})
request_fetch("sample/new")
want("judge")
"""


def test_a_long_sync_holds_up_neither_webhooks_nor_fetches_nor_judging_and_goes_on_after_a_stop(tmp_path):
    with (
        Receiver() as receiver,
        HubServer([record(PHI, id="sample/new")]) as hub,
        OwnDatabase(tmp_path, HF_ENDPOINT=hub.url, WEBHOOK_HOSTS=receiver.host) as own,
    ):
        assert own.run("shell", "-c", SET_UP.format(url=receiver.url)).returncode == 0
        hub.fail_next(1, delay=90)
        with own.start("work") as worker:
            wait_until(lambda: hub.requests)
            assert own.run("shell", "-c", THEN).returncode == 0
            wait_until(lambda: own.value("SELECT count(*) FROM compat_modelrecord"))
            wait_until(lambda: own.value("SELECT state FROM compat_webhookdelivery") == "delivered")
            wait_until(lambda: own.value("SELECT state FROM compat_job WHERE kind = 'judge'") == "done")
            assert own.value("SELECT state FROM compat_job WHERE kind = 'sync'") == "running"
            begun = time.monotonic()
            worker.send_signal(signal.SIGTERM)
            worker.communicate(timeout=60)
            assert worker.returncode == 0
            assert time.monotonic() - begun < lanes.GRACE + 10
        assert own.rows("SELECT state, attempts, holder FROM compat_job WHERE kind = 'sync'") == [("waiting", 0, "")]


BESIDE = """
import contextlib, sqlite3
import psycopg
from django.db import connections
from compat.ingest import judging, reading
judging.BATCH = reading.BATCH = 2
told = connections.settings["default"]

def write(_):
    '''Somebody else writes a row between two batches.'''
    sql = "UPDATE django_session SET session_data = session_data"
    if "sqlite" in told["ENGINE"]:
        made = sqlite3.connect(told["NAME"], timeout=20)
    else:
        made = psycopg.connect(host=told["HOST"], port=told["PORT"] or 5432, user=told["USER"], dbname=told["NAME"])
    with contextlib.closing(made):
        made.execute(sql)
        made.execute("INSERT INTO compat_enginesetting (slug, enabled, context_policy) VALUES ('x', false, '')")
        made.execute("DELETE FROM compat_enginesetting WHERE slug = 'x'")
        made.commit()

print(reading.extract_again(write), judging.reevaluate(everything=True, progress=write).sheets > 5)
"""


def test_judging_and_reading_go_on_while_others_write(tmp_path):
    many = write_lines(tmp_path / "many.jsonl", [json.loads(line) for line in RECORDS.read_text().splitlines()[:12]])
    with OwnDatabase(tmp_path) as own:
        assert own.run("load_records", many).returncode == 0
        done = own.run("shell", "--verbosity", "0", "-c", BESIDE)
        assert (done.returncode, done.stdout.strip()) == (0, "12 True"), done.stderr


# --- what an operator sees -----------------------------------------------------------------------------------------


@pytest.fixture
def operator(client):
    """An administrator."""
    client.force_login(get_user_model().objects.create_superuser("operator"))
    return client


PAGE = "/admin/compat/job/"


@pytest.mark.django_db
def test_the_operators_page_shows_all_of_it(operator):
    now = timezone.now()
    jobs.ensure_schedules()
    Job.objects.create(
        kind="sync", options="--limit 1000", wanted=now, started=now, heard=now, holder=ELSEWHERE,
        stage="Reading the list", stage_began=now - timedelta(seconds=60), done=300, total=1000,
    )  # fmt: skip
    jobs.want("judge", why="rbee was changed")
    Job.objects.create(kind="backup", wanted=now, heard=now, finished=now, state="failed", error="No space left.")
    HubFetch.objects.create(repo_id="a/b", state="failed", requested=now, finished=now, error="It was down.", asker="x")
    ModelRecord.objects.filter(repo_id=PHI).update(gone="missing", gone_since=now)
    text = Page(operator.get(PAGE)).text
    for told in (
        "Reading the list, 30 %, 5.0 a second, 2 min 20 s left", "rbee was changed", "No space left.", "It was down.",
        "sync --limit 1000", "housekeeping", PHI, "0 of at most 20000", "The Hub was not asked yet.",
    ):  # fmt: skip
        assert told in text, told
    assert "does not seem to run" not in text
    Job.objects.filter(state="waiting").update(due=now - timedelta(minutes=5))
    assert "does not seem to run" in Page(operator.get(PAGE)).text


@pytest.mark.django_db
def test_a_schedule_is_edited_in_the_admin_and_its_command_checks_its_options(operator):
    jobs.ensure_schedules()
    sync = Schedule.objects.get(kind="sync")
    address = reverse("admin:compat_schedule_change", args=[sync.pk])
    told = {"kind": "sync", "every": 3, "active": "on", "due_0": "2026-11-23", "due_1": "04:00"}
    refused = operator.post(address, told | {"options": "--limit many"})
    assert "--limit" in Page(refused).text
    refused = operator.post(address, told | {"options": "--task 'text"})
    assert "No closing quotation" in Page(refused).text
    operator.post(address, told | {"options": "--limit 50 --author Qwen"})
    sync.refresh_from_db()
    assert (sync.options, sync.every, sync.active) == ("--limit 50 --author Qwen", 3, True)
    action = {"action": "run_now", "_selected_action": [sync.pk]}
    operator.post("/admin/compat/schedule/", action)
    assert list(Job.objects.values_list("kind", "options", "state")) == [
        ("sync", "--limit 50 --author Qwen", "waiting")
    ]


@pytest.mark.django_db
def test_who_may_only_look_wants_nothing(client):
    user = get_user_model().objects.create_user("looker", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_job", "view_schedule"]))
    client.force_login(user)
    Job.objects.create(kind="judge", wanted=timezone.now(), state="failed", error="x")
    page = client.post(PAGE, {"action": "again", "_selected_action": [Job.objects.get().pk]}, follow=True)
    assert page.status_code == 200
    assert Job.objects.count() == 1


@pytest.mark.django_db
def test_a_failed_job_is_wanted_again_from_the_page(operator):
    Job.objects.create(kind="judge", options="--all", wanted=timezone.now(), state="failed", error="x")
    operator.post(PAGE, {"action": "again", "_selected_action": [Job.objects.get().pk]})
    assert Lanes().work_off() == 1
    assert Job.objects.first().state == "done"


# --- the work itself -----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_what_is_out_of_date_is_fetched_again_best_known_first(settings):
    with HubServer([record(PHI, likes=1), record("t5-small", likes=1)]) as hub:
        settings.HUB = HubSettings(endpoint=hub.url, **NO_WAITING)
        others = ModelRecord.objects.exclude(repo_id__in=[PHI, "t5-small"])
        others.update(fetched=timezone.now())
        ModelRecord.objects.filter(repo_id=PHI).update(popularity=2**60)
        call_command("refresh_models", "--limit", "1", verbosity=0)
        assert ModelRecord.objects.get(repo_id=PHI).likes == 1
        assert {path for path in hub.paths() if PHI not in path} == set()
        hub.fail_next(99, status=500)
        with pytest.raises(CommandError, match="in trouble"):
            call_command("refresh_models", verbosity=0)
    assert [job.state for job in Job.objects.order_by("pk")] == ["done", "failed"]


@pytest.mark.django_db
def test_housekeeping_drops_what_is_long_over_and_nothing_else():
    old = timezone.now() - timedelta(days=100)
    Job.objects.create(kind="judge", wanted=old, finished=old, state="done")
    Job.objects.create(kind="judge", wanted=old, state="waiting", due=old)
    HubFetch.objects.create(repo_id="a/old", state="missing", requested=old, finished=old)
    HubFetch.objects.create(repo_id="a/new", state="missing", requested=timezone.now(), finished=timezone.now())
    call_command("housekeeping", verbosity=0)
    assert list(HubFetch.objects.values_list("repo_id", flat=True)) == ["a/new"]
    assert sorted(states()) == [("housekeeping", "done"), ("judge", "waiting")]
