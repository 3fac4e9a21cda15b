"""Deliveries against a real receiver: signed, tried again, bounded, and only to hosts that were named."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from datetime import timedelta
from email.utils import format_datetime

import pytest
from django.db import transaction
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from standardwebhooks import Webhook as Official
from standardwebhooks import WebhookVerificationError

from compat.ingest.task_results import KEPT, prune_results
from compat.models import Webhook, WebhookDelivery
from compat.webhooks import delivery as sending
from compat.webhooks import outbox, signing, tasks
from compat.webhooks.hosts import read_hosts
from tests.own_database import OwnDatabase
from tests.samples import record, write_lines
from tests.webhook_queue import BACKEND, time_passes, work
from tests.webhook_receiver import Receiver

pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver(settings):
    settings.TASKS = BACKEND
    with Receiver() as server:
        settings.WEBHOOK_HOSTS = read_hosts([server.host])
        yield server


def hook_to(url, **fields):
    return Webhook.objects.create(
        **{"name": "Test", "url": url, "secret": signing.new_secret(), "events": ["sync.failed"], **fields}
    )


def put(hook, **data):
    return outbox.put_event(hook, "sync.failed", {"error": "what went wrong: ü “quoted”", **data})


def sent(delivery):
    delivery.refresh_from_db()
    return delivery


def pause_after_work(delivery):
    """The least and the most seconds that an attempt left until the next one, however long the work took."""
    before = timezone.now()
    work()
    after, later = timezone.now(), sent(delivery).next_attempt
    return (later - after).total_seconds(), (later - before).total_seconds()


# --- success and signatures --------------------------------------------------------------------------------------


def test_an_event_arrives_signed_and_the_official_library_agrees(receiver):
    hook = hook_to(receiver.url)
    delivery = put(hook)
    before = int(time.time())
    work()
    (request,) = receiver.requests
    told = Official(hook.secret).verify(request.body, request.headers)
    assert told == json.loads(request.body)
    assert told["type"] == "sync.failed"
    assert told["data"] == {"error": "what went wrong: ü “quoted”"}
    assert request.path == "/events?from=runshere"
    assert request.headers["webhook-id"] == delivery.event_id
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    assert request.body.decode() == delivery.body
    assert before <= int(request.headers["webhook-timestamp"]) <= time.time()
    done = sent(delivery)
    assert (done.state, done.status, done.attempts, done.error) == ("delivered", 204, 1, "")
    assert done.finished
    assert 0 < done.duration < 10
    hook.refresh_from_db()
    assert hook.last_success
    assert hook.failures == 0


def test_another_secret_or_body_does_not_verify(receiver):
    hook = hook_to(receiver.url)
    put(hook)
    work()
    (request,) = receiver.requests
    with pytest.raises(WebhookVerificationError):
        Official(signing.new_secret()).verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Official(hook.secret).verify(request.body.replace(b"wrong", b"right"), request.headers)


def test_signatures_are_those_of_the_official_library():
    secret = signing.new_secret()
    now = timezone.now().replace(microsecond=0)
    ours = signing.signed_headers([secret], "msg_1", int(now.timestamp()), '{"a": "ü"}'.encode())
    assert ours["webhook-signature"] == Official(secret).sign("msg_1", now, '{"a": "ü"}')


def test_secrets_are_long_random_and_never_the_same():
    made = {signing.new_secret() for _ in range(50)}
    assert len(made) == 50
    assert all(secret.startswith("whsec_") and len(secret) == 6 + 44 for secret in made)


def test_for_a_day_both_secrets_sign_and_then_only_the_new_one(receiver):
    old, new = signing.new_secret(), signing.new_secret()
    until = timezone.now() + timedelta(hours=1)
    hook = hook_to(receiver.url, secret=new, previous_secret=old, previous_until=until)
    put(hook)
    work()
    hook.previous_until = timezone.now() - timedelta(seconds=1)
    hook.save()
    put(hook)
    work()
    during, after = receiver.requests
    assert during.headers["webhook-signature"].count(" ") == 1
    for secret in (old, new):
        Official(secret).verify(during.body, during.headers)
    Official(new).verify(after.body, after.headers)
    with pytest.raises(WebhookVerificationError):
        Official(old).verify(after.body, after.headers)


def test_two_webhooks_get_events_of_their_own(receiver, settings):
    with Receiver() as other:
        first, second = hook_to(receiver.url), hook_to(other.url)
        settings.WEBHOOK_HOSTS = read_hosts([receiver.host, other.host])
        ids = {put(first).event_id, put(second).event_id}
        work()
        (one,), (two,) = receiver.requests, other.requests
        assert {one.headers["webhook-id"], two.headers["webhook-id"]} == ids
        Official(first.secret).verify(one.body, one.headers)
        Official(second.secret).verify(two.body, two.headers)


# --- failures and attempts ---------------------------------------------------------------------------------------


def test_after_a_failure_the_same_event_is_sent_again(receiver):
    receiver.answer_next(status=500, body=b"out of order")
    hook = hook_to(receiver.url)
    delivery = put(hook)
    work()
    failed = sent(delivery)
    assert (failed.state, failed.status, failed.answer, failed.attempts) == ("pending", 500, "out of order", 1)
    assert failed.error == "It answered 500."
    assert timedelta(seconds=4) < failed.next_attempt - timezone.now() < timedelta(seconds=6)
    work()
    assert len(receiver.requests) == 1, "not before its time"
    time_passes(seconds=7)
    work()
    assert sent(delivery).state == "delivered"
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    hook.refresh_from_db()
    assert (hook.failures, hook.failing_since) == (0, None)


def test_attempts_spread_over_more_than_a_day_and_then_it_is_given_up(receiver):
    receiver.answer_next(times=20, status=503)
    delivery = put(hook_to(receiver.url))
    pauses = []
    for _ in range(tasks.ATTEMPTS):
        pauses.append(pause_after_work(delivery))
        time_passes(hours=13)
    work()
    assert len(receiver.requests) == tasks.ATTEMPTS == 8
    assert sent(delivery).state == "failed"
    planned = [5, 300, 1800, 7200, 18000, 36000, 36000]
    for (least, most), seconds in zip(pauses, planned, strict=False):
        assert most >= 0.95 * seconds
        assert least <= 1.2 * seconds
    assert sum(planned) > 24 * 3600


@pytest.mark.parametrize(
    ("told", "from_", "to"),
    [("120", 100, 121), ("0", 3, 7), ("nonsense", 3, 7), ("99999999", 11.9 * 3600, 12.1 * 3600), ("date", 3500, 3601)],
)
def test_a_receiver_may_ask_for_a_longer_pause_within_reason(receiver, told, from_, to):
    if told == "date":
        told = format_datetime(timezone.now() + timedelta(hours=1), usegmt=True)
    receiver.answer_next(status=429, headers={"Retry-After": told})
    delivery = put(hook_to(receiver.url))
    least, most = pause_after_work(delivery)
    assert most > from_
    assert least < to


def test_a_refused_connection_is_told_in_words(receiver, settings):
    with Receiver() as gone:
        url, host = gone.url, gone.host
    settings.WEBHOOK_HOSTS = read_hosts([host])
    delivery = put(hook_to(url))
    work()
    assert sent(delivery).state == "pending"
    assert delivery.status is None
    assert delivery.error.startswith("No connection: ")


def test_a_receiver_that_dies_before_it_answers_is_a_failure(receiver):
    receiver.answer_next(cut="at once")
    delivery = put(hook_to(receiver.url))
    work()
    assert sent(delivery).state == "pending"
    assert delivery.error.startswith("The connection broke")
    time_passes(seconds=7)
    work()
    assert sent(delivery).state == "delivered"


def test_an_answer_cut_off_halfway_counts_by_its_status(receiver):
    receiver.answer_next(status=200, body=b"it was ta", cut="halfway")
    receiver.answer_next(status=500, body=b"it was no", cut="halfway")
    taken = put(hook_to(receiver.url))
    work()
    refused = put(taken.webhook)
    work()
    assert (sent(taken).state, taken.answer) == ("delivered", "it was ta")
    assert (sent(refused).state, refused.answer) == ("pending", "it was no")


def test_a_redirect_is_not_followed(receiver):
    with Receiver() as other:
        receiver.answer_next(status=307, headers={"Location": other.url})
        delivery = put(hook_to(receiver.url))
        work()
        assert other.requests == []
    assert sent(delivery).state == "pending"
    assert "redirects (307) to http://127.0.0.1:" in delivery.error
    assert "not followed" in delivery.error


def test_410_switches_the_webhook_off_with_a_reason(receiver):
    receiver.answer_next(status=410)
    hook = hook_to(receiver.url)
    first, second = put(hook), put(hook)
    work()
    hook.refresh_from_db()
    assert not hook.active
    assert "410 Gone" in hook.stopped
    assert sent(first).state == sent(second).state == "failed"
    assert "switched off" in second.error
    assert len(receiver.requests) == 1
    assert outbox.hooks_wanting("sync.failed") == []


def test_a_webhook_that_fails_for_a_day_is_switched_off_with_a_reason(receiver, monkeypatch):
    # Nothing is sent again meanwhile, however long a busy machine takes.
    monkeypatch.setattr(tasks, "PAUSES", (timedelta(hours=1), *tasks.PAUSES[1:]))
    receiver.answer_next(times=50, status=502)
    hook = hook_to(receiver.url)
    for _ in range(tasks.STOP_AFTER - 1):
        put(hook)
    work()
    hook.refresh_from_db()
    assert (hook.active, hook.failures) == (True, 19)
    put(hook)
    work()
    hook.refresh_from_db()
    assert hook.active, "an hour of failures is no reason"
    Webhook.objects.update(failing_since=timezone.now() - timedelta(hours=25))
    put(hook)
    work()
    hook.refresh_from_db()
    assert not hook.active
    assert "21 attempts failed in a row since" in hook.stopped


# --- slow and huge answers ---------------------------------------------------------------------------------------


def test_a_receiver_that_does_not_answer_is_left_after_the_timeout(receiver, monkeypatch):
    monkeypatch.setattr(sending, "TIMEOUT", 0.5)
    receiver.answer_next(delay=3)
    delivery = put(hook_to(receiver.url))
    work()
    assert sent(delivery).state == "pending"
    assert delivery.error == "No answer within 0.5 seconds."


def test_an_answer_that_drips_is_left_after_the_timeout_and_its_status_counts(receiver, monkeypatch):
    monkeypatch.setattr(sending, "TIMEOUT", 1.0)
    receiver.answer_next(status=200, body=b"slow" * 25, drip=0.1)
    delivery = put(hook_to(receiver.url))
    work()
    assert sent(delivery).state == "delivered"
    assert delivery.answer.startswith("slow")
    assert len(delivery.answer) < 60


def test_a_name_that_nobody_looks_up_in_time_holds_nothing_up(receiver, settings, monkeypatch):
    """The lookup runs in the system's resolver, which cannot be broken off: here it takes longer than it may."""
    go_on = threading.Event()
    monkeypatch.setattr(sending, "TIMEOUT", 0.3)
    monkeypatch.setattr(sending, "_GRACE", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: go_on.wait(30))
    url = receiver.url.replace("127.0.0.1", "localhost")
    settings.WEBHOOK_HOSTS = read_hosts([receiver.host.replace("127.0.0.1", "localhost")])
    delivery = put(hook_to(url))
    work()
    go_on.set()
    assert sent(delivery).state == "pending"
    assert delivery.error == "No answer within 0.3 seconds."


def test_an_endless_answer_is_read_to_a_bound_only(receiver):
    receiver.answer_next(status=200, body=b"y" * 700, endless=True)
    delivery = put(hook_to(receiver.url))
    work()
    assert sent(delivery).state == "delivered"
    assert delivery.answer == "y" * 500
    assert receiver.sent < 20_000_000


def test_an_answer_of_any_bytes_can_be_kept(receiver):
    receiver.answer_next(status=400, body=b"\x00\xff\xfe<script>\r\n" + "ü".encode())
    delivery = put(hook_to(receiver.url))
    work()
    assert "<script>" in sent(delivery).answer
    assert "\x00" not in delivery.answer


# --- where it may go ---------------------------------------------------------------------------------------------


def test_a_host_that_is_not_named_any_more_is_not_told(receiver, settings):
    delivery = put(hook_to(receiver.url))
    settings.WEBHOOK_HOSTS = read_hosts(["hooks.example.org"])
    work()
    assert receiver.requests == []
    assert sent(delivery).state == "pending"
    assert "is not among the hosts that may be told" in delivery.error
    settings.WEBHOOK_HOSTS = read_hosts([receiver.host])
    time_passes(seconds=7)
    work()
    assert sent(delivery).state == "delivered"


def test_without_hosts_nobody_is_told_and_nothing_asked(receiver, settings, django_assert_num_queries):
    hook_to(receiver.url)
    settings.WEBHOOK_HOSTS = ()
    with django_assert_num_queries(0):
        assert outbox.hooks_wanting("sync.failed") == []


# --- the queue ---------------------------------------------------------------------------------------------------


def test_an_event_of_a_change_that_is_rolled_back_is_never_sent(receiver):
    hook = hook_to(receiver.url)
    with transaction.atomic():
        put(hook)
        transaction.set_rollback(True)
    work()
    assert receiver.requests == []
    assert not WebhookDelivery.objects.exists()


def test_a_delivery_without_a_task_is_found_by_the_next_one(receiver):
    hook = hook_to(receiver.url)
    lost = put(hook)
    DBTaskResult.objects.all().delete()
    time_passes(minutes=6)
    other = put(hook)
    work()
    assert sent(lost).state == sent(other).state == "delivered"
    assert len(receiver.requests) == 2


def test_a_task_that_runs_twice_sends_once(receiver):
    delivery = put(hook_to(receiver.url))
    tasks.wake_delivery(delivery.pk)
    tasks.wake_delivery(delivery.pk)
    work()
    time_passes(minutes=2)
    work()
    assert len(receiver.requests) == 1


def test_a_deleted_webhook_takes_its_deliveries_along(receiver):
    hook = hook_to(receiver.url)
    put(hook)
    hook.delete()
    work()
    assert receiver.requests == []


def test_old_deliveries_go_and_so_do_those_beyond_a_thousand(receiver):
    hook = hook_to(receiver.url)
    now = timezone.now()

    def made(count, **fields):
        WebhookDelivery.objects.bulk_create(
            WebhookDelivery(webhook=hook, event_id=outbox._new_id(), type="ping", body="{}", next_attempt=now, **fields)
            for _ in range(count)
        )

    made(3, state="failed", created=now - timedelta(days=31))
    made(2, state="pending", created=now - timedelta(days=31))
    made(1010, state="delivered", created=now - timedelta(days=1))
    tasks.prune_deliveries(hook.pk)
    assert not WebhookDelivery.objects.filter(state="failed").exists()
    assert WebhookDelivery.objects.filter(state="pending").count() == 2
    assert WebhookDelivery.objects.filter(state="delivered").count() == 1000


SET_UP = """
from compat.models import Webhook
Webhook.objects.create(name="Test", url={url!r}, secret={secret!r}, events=["models.newly_runnable"])
"""
LATER = """
from datetime import timedelta
from django.db.models import F
from django_tasks_db.models import DBTaskResult
from compat.models import WebhookDelivery
WebhookDelivery.objects.update(next_attempt=F("next_attempt") - timedelta(minutes=2))
waiting = DBTaskResult.objects.filter(status="READY", run_after__year__lt=9999)
waiting.update(run_after=F("run_after") - timedelta(minutes=2))
"""


def test_a_tasks_process_killed_halfway_does_not_lose_the_event(tmp_path):
    secret = signing.new_secret()
    with Receiver() as receiver, OwnDatabase(tmp_path, WEBHOOK_HOSTS=receiver.host) as own:
        assert own.run("load_records", write_lines(tmp_path / "first.jsonl", [record("t5-small")])).returncode == 0
        told = own.run("shell", "-c", SET_UP.format(url=receiver.url, secret=secret))
        assert told.returncode == 0, told.stderr
        assert own.run("load_records", write_lines(tmp_path / "new.jsonl", [record("microsoft/phi-2")])).returncode == 0
        receiver.answer_next(delay=9)
        worker = own.start("work", "--batch")
        assert receiver.arrived.wait(60)
        worker.kill()
        worker.communicate()
        assert own.value("SELECT state FROM compat_webhookdelivery") == "pending"
        assert own.run("shell", "-c", LATER).returncode == 0
        assert own.run("work", "--batch").returncode == 0
        assert own.rows("SELECT state, attempts FROM compat_webhookdelivery") == [("delivered", 2)]
        first, second = receiver.requests
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        told = Official(secret).verify(second.body, second.headers)
        assert [model["id"] for model in told["data"]["models"]] == ["microsoft/phi-2"]


DIE_BEFORE_THE_COMMIT = """
import os
from compat.ingest import store
from compat.models import GatheredModel
def die(*_):
    os._exit(9 if GatheredModel.objects.exists() else 8)
store.raise_catalogue_version = die
store.store_raw([("1", {item!r})], origin="file")
"""


def test_a_process_killed_before_it_commits_leaves_neither_record_nor_event(tmp_path):
    secret, item = signing.new_secret(), record("microsoft/phi-2")
    with OwnDatabase(tmp_path, WEBHOOK_HOSTS="hooks.example.org") as own:
        set_up = SET_UP.format(url="https://hooks.example.org/models", secret=secret)
        assert own.run("shell", "-c", set_up).returncode == 0
        killed = own.run("shell", "-c", DIE_BEFORE_THE_COMMIT.format(item=item))
        assert killed.returncode == 9, killed.stderr
        tables = ("compat_modelrecord", "compat_webhookdelivery", "compat_gatheredmodel")
        assert [own.value(f"SELECT count(*) FROM {table}") for table in tables] == [0, 0, 0]
        own.run("shell", "-c", "from compat.models.engines import ensure_settings; ensure_settings()")
        store = f"from compat.ingest import store; store.store_raw([('1', {item!r})], origin='file')"
        assert own.run("shell", "-c", store).returncode == 0
        assert [own.value(f"SELECT count(*) FROM {table}") for table in tables] == [1, 1, 1]


def test_two_workers_share_the_deliveries_and_send_each_once(tmp_path):
    secret = signing.new_secret()
    with Receiver() as receiver, OwnDatabase(tmp_path, WEBHOOK_HOSTS=receiver.host) as own:
        many = (
            SET_UP.format(url=receiver.url, secret=secret)
            + "from compat.webhooks import outbox\n"
            + "for n in range(30): outbox.put_event(Webhook.objects.get(), 'ping', {'n': n})\n"
        )
        told = own.run("shell", "-c", many)
        assert told.returncode == 0, told.stderr
        workers = [own.start("work", "--batch") for _ in range(2)]
        waiting = [threading.Thread(target=worker.communicate) for worker in workers]
        for thread in waiting:
            thread.start()
        for thread in waiting:
            thread.join(120)
        assert [worker.returncode for worker in workers] == [0, 0]
        assert own.value("SELECT count(*) FROM compat_webhookdelivery WHERE state = 'delivered'") == 30
        assert sorted(json.loads(request.body)["data"]["n"] for request in receiver.requests) == list(range(30))


def test_the_web_process_loads_no_http_client():
    code = (
        "import os, sys\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'marketplace.settings'\n"
        "import marketplace.wsgi, compat.admin, compat.webhooks.tasks, compat.webhooks.outbox, compat.ingest.store\n"
        "from django.urls import get_resolver; get_resolver().url_patterns\n"
        "sys.exit('httpx' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr or "httpx was imported"


# --- what goes wrong here, and what is dropped -------------------------------------------------------------------


def test_an_unexpected_error_is_kept_and_tried_again(receiver):
    delivery = put(hook_to(receiver.url, secret="whsec_A"))
    work()
    kept = sent(delivery)
    assert (kept.state, kept.attempts, kept.webhook.failures) == ("pending", 1, 1)
    assert kept.error == "This site could not send it (Error). The log of the tasks says why."
    assert receiver.requests == []


def test_no_proxy_of_the_environment_comes_between(receiver, monkeypatch):
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    delivery = put(hook_to(receiver.url))
    work()
    assert sent(delivery).state == "delivered"


def test_old_results_of_tasks_go_and_those_that_wait_stay(receiver):
    put(hook_to(receiver.url))
    work()
    DBTaskResult.objects.finished().update(finished_at=timezone.now() - KEPT - timedelta(minutes=1))
    put(Webhook.objects.get())
    waiting = set(DBTaskResult.objects.ready().values_list("pk", flat=True))
    assert prune_results() >= 1
    assert not DBTaskResult.objects.finished().exists()
    assert set(DBTaskResult.objects.filter(status="READY").values_list("pk", flat=True)) >= waiting
    assert waiting
