"""Which events there are, what they say, and that nothing is worked out where nobody wants to know."""

from __future__ import annotations

import json
import os
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import OperationalError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from standardwebhooks import Webhook as Official

from compat.batches import BATCH
from compat.catalogue import rows_of
from compat.catalogue.workers import workers
from compat.ingest import store as sync
from compat.ingest.judging import reevaluate
from compat.ingest.runs import begin_filling, end_filling, finish_run, start_run
from compat.models import (
    CuratedList,
    EngineSetting,
    FactSheet,
    GatheredModel,
    Job,
    ListEntry,
    ModelRecord,
    SiteWorker,
    Verdict,
    Webhook,
    WebhookDelivery,
)
from compat.webhooks import events, lists, outbox, runs, signing
from compat.webhooks.hosts import Host, is_origin, objection_to_address, read_hosts
from tests.samples import record, renamed, whole
from tests.webhook_queue import BACKEND, time_passes, work
from tests.webhook_receiver import Receiver

PHI = "microsoft/phi-2"
PAGE = (Path(__file__).parents[1] / "docs/webhooks.md").read_text("utf-8")
needs_database = pytest.mark.django_db


@pytest.fixture
def site(settings, db):
    """A site that allows webhooks, with a queue that nobody works on."""
    settings.TASKS = BACKEND
    settings.WEBHOOK_HOSTS = read_hosts(["hooks.example.org"])
    settings.SITE_URL = "https://models.example.org"
    return settings


def hook_for(*events, **fields):
    return Webhook.objects.create(
        **{
            "name": "Test",
            "url": "https://hooks.example.org/models",
            "secret": signing.new_secret(),
            "events": list(events),
            **fields,
        }
    )


def stored(*items, origin="file"):
    return sync.store_raw([(item["id"], item) for item in items], origin=origin)


def no_weights(repo_id=PHI):
    """The record as it is when its weights are in a format that no engine here loads."""
    item = record(repo_id)
    item.pop("safetensors", None)
    item["siblings"] = [{"rfilename": "config.json"}, {"rfilename": "model.onnx", "size": 1000}]
    return item


def told(hook, event=None):
    """The events a webhook is told of, once the runs are over."""
    time_passes(minutes=11)
    for delivery in hook.deliveries.filter(state="gathering"):
        events.close_gathering(delivery.pk)
    found = hook.deliveries.order_by("pk")
    return [json.loads(delivery.body) for delivery in (found.filter(type=event) if event else found)]


def only(hook):
    (event,) = told(hook)
    return event["data"]


def ids(data):
    return [model["id"] for model in data["models"]]


# --- nothing for nobody ------------------------------------------------------------------------------------------


def queries_of_a_store(item):
    with CaptureQueriesContext(connection) as context, transaction.atomic():
        sync.store_told([whole(item)], origin="file")
        transaction.set_rollback(True)
    return len(context)


@needs_database
def test_storing_asks_one_query_more_at_most_where_no_webhook_wants_to_know(settings):
    settings.WEBHOOK_HOSTS = ()
    item = record(PHI, likes=1)
    without = queries_of_a_store(item)
    settings.WEBHOOK_HOSTS = read_hosts(["hooks.example.org"])
    assert queries_of_a_store(item) == without + 1
    hook_for("sync.failed", "list.changed")
    hook_for("models.newly_runnable", active=False)
    assert queries_of_a_store(item) == without + 1


@needs_database
def test_judging_again_asks_one_query_more_a_batch_where_no_webhook_wants_to_know(settings):
    settings.WEBHOOK_HOSTS = ()
    reevaluate()
    with CaptureQueriesContext(connection) as without:
        reevaluate()
    settings.WEBHOOK_HOSTS = read_hosts(["hooks.example.org"])
    with CaptureQueriesContext(connection) as allowed:
        reevaluate()
    batches = -(-FactSheet.objects.count() // BATCH)
    assert len(allowed) == len(without) + batches


# --- models that run now -----------------------------------------------------------------------------------------


def test_a_new_record_that_runs_is_told_with_its_workers(site):
    hook = hook_for("models.newly_runnable")
    stored(record(PHI, id="sample/brand-new"))
    (event,) = told(hook)
    assert event["type"] == "models.newly_runnable"
    assert datetime.fromisoformat(event["timestamp"]).tzinfo
    data = event["data"]
    assert (data["worker"], data["list"], data["count"]) == (None, None, 1)
    assert data["url"] == "https://models.example.org/models/"
    (model,) = data["models"]
    assert model["id"] == "sample/brand-new"
    assert model["url"] == "https://models.example.org/models/sample/brand-new/"
    shown = {}
    for slug, worker in workers().items():
        (row,) = rows_of([ModelRecord.objects.get(repo_id="sample/brand-new")], worker)
        if row.result.compatible:
            shown[slug] = row.result.confidence
    assert {entry["worker"]: entry["confidence"] for entry in model["runsOn"]} == shown
    assert "rbee" in shown
    assert not GatheredModel.objects.exists()


def test_a_new_record_that_runs_nowhere_is_not_told(site):
    hook = hook_for("models.newly_runnable")
    stored(no_weights() | {"id": "sample/nothing-to-load"})
    assert told(hook) == []


def test_a_record_that_did_not_run_and_does_now_is_told(site):
    stored(no_weights())
    hook = hook_for("models.newly_runnable", worker="rbee")
    stored(record(PHI))
    data = only(hook)
    assert ids(data) == [PHI]
    assert data["models"][0]["runsOn"] == [{"worker": "rbee", "confidence": "high"}]
    assert data["models"][0]["url"] == f"https://models.example.org/models/{PHI}/?worker=rbee"
    assert data["url"] == "https://models.example.org/models/?worker=rbee"


def test_a_record_that_ran_before_is_no_news_whatever_else_changed(site):
    hook = hook_for("models.newly_runnable")
    counts = stored(record(PHI, likes=123_456, tags=["new-tag"]))
    assert counts.changed == 1
    assert told(hook) == []


def test_what_is_rolled_back_is_not_told(site, monkeypatch):
    def broken(*_):
        assert WebhookDelivery.objects.filter(state="gathering").count() == 1, "told within the transaction"
        raise OperationalError("the disk is full")

    hook = hook_for("models.newly_runnable", worker="rbee")
    monkeypatch.setattr(sync, "raise_catalogue_version", broken)
    with pytest.raises(OperationalError):
        stored(record(PHI, id="sample/phi"))
    monkeypatch.undo()
    assert not ModelRecord.objects.filter(repo_id="sample/phi").exists()
    assert not WebhookDelivery.objects.exists()
    stored(record(PHI, id="sample/phi"))
    assert ids(only(hook)) == ["sample/phi"]


def test_a_record_that_stops_running_is_no_news(site):
    hook = hook_for("models.newly_runnable")
    stored(no_weights())
    assert told(hook) == []


def test_a_record_stored_again_unchanged_is_no_news(site):
    hook = hook_for("models.newly_runnable")
    assert stored(record(PHI)).unchanged == 1
    assert told(hook) == []


def test_only_the_workers_on_which_it_did_not_run_are_named(site):
    item = record(PHI)
    half = record(PHI)
    half["config"] = {**half["config"], "max_position_embeddings": 50_000}
    stored(half)
    before = {slug for slug, worker in workers().items() if runs_on(PHI, worker)}
    hook = hook_for("models.newly_runnable")
    stored(item)
    after = {slug for slug, worker in workers().items() if runs_on(PHI, worker)}
    assert before
    assert "rbee" in after - before
    assert {entry["worker"] for entry in only(hook)["models"][0]["runsOn"]} == after - before


def runs_on(repo_id, worker):
    (row,) = rows_of([ModelRecord.objects.get(repo_id=repo_id)], worker)
    return row.result.compatible


def test_a_whole_run_is_one_event_sent_when_it_ends(site):
    hook_for("models.newly_runnable", worker="rbee")
    run = start_run("two batches", "file")
    items = [record(PHI, id=f"sample/phi-{n}", downloads=n) for n in range(700)]
    counts = stored(*items[:600])
    counts.add(stored(*items[600:]))
    assert WebhookDelivery.objects.get().state == "gathering"
    finish_run(run, counts)
    (delivery,) = WebhookDelivery.objects.all()
    assert delivery.state == "pending"
    data = json.loads(delivery.body)["data"]
    assert data["count"] == 700
    assert ids(data) == [f"sample/phi-{n}" for n in range(699, 599, -1)], "the best known hundred"


def test_a_model_that_runs_for_a_part_of_a_run_only_is_not_told(site):
    hook_for("models.newly_runnable", worker="rbee")
    run = start_run("there and back", "file")
    counts = stored(record(PHI, id="sample/phi"))
    counts.add(stored(no_weights() | {"id": "sample/phi"}))
    assert ModelRecord.objects.filter(repo_id="sample/phi").exists()
    finish_run(run, counts)
    assert not WebhookDelivery.objects.exists()


def test_a_model_that_ran_before_a_run_and_after_it_is_not_told_whatever_happened_between(site):
    stored(record(PHI, id="sample/phi"))
    hook = hook_for("models.newly_runnable", worker="rbee")
    run = start_run("back and there", "file")
    counts = stored(no_weights() | {"id": "sample/phi"})
    counts.add(stored(record(PHI, id="sample/phi", likes=3), record(PHI, id="sample/other")))
    finish_run(run, counts)
    assert ids(only(hook)) == ["sample/other"]


def test_changes_outside_a_run_that_follow_each_other_closely_are_one_event(site):
    hook = hook_for("models.newly_runnable", worker="rbee")
    for n in range(3):
        sync.store_told([whole(record(PHI, id=f"sample/phi-{n}"), "hub")], origin="hub")
    assert only(hook)["count"] == 3
    (delivery,) = WebhookDelivery.objects.all()
    assert delivery.next_attempt - delivery.created < timedelta(seconds=60)


def test_what_a_killed_run_gathered_is_sent_all_the_same(site):
    with Receiver() as receiver:
        site.WEBHOOK_HOSTS = read_hosts([receiver.host])
        hook_for("models.newly_runnable", worker="rbee", url=receiver.url)
        run = start_run("it will be killed", "file")
        stored(record(PHI, id="sample/phi"))
        work()
        time_passes(minutes=9)
        work()
        assert receiver.requests == []
        time_passes(minutes=2)
        work()
        assert ids(json.loads(receiver.requests[0].body)["data"]) == ["sample/phi"]
        runs.note_end(run)


def test_a_run_that_fills_an_empty_catalogue_is_no_news(site):
    hook = hook_for("models.newly_runnable")
    ModelRecord.objects.all().delete()
    run = start_run("the bundled snapshot", "snapshot")
    counts = stored(*renamed(20))
    assert counts.new == 20
    finish_run(run, counts)
    assert told(hook) == []
    stored(record(PHI, id="sample/later"))
    assert ids(only(hook)) == ["sample/later"]


def test_a_run_that_finishes_an_interrupted_first_filling_is_no_news(site):
    hook = hook_for("models.newly_runnable")
    begin_filling()
    run = start_run("the bundled snapshot", "snapshot")
    counts = stored(*renamed(20))
    assert counts.new == 20
    finish_run(run, counts)
    end_filling()
    assert told(hook) == []
    stored(record(PHI, id="sample/later"))
    assert ids(only(hook)) == ["sample/later"]


def test_a_base_model_that_makes_others_known_counts_them_once(site):
    child = record(PHI, id="sample/child-of-phi", tags=["base_model:sample/base", "base_model:quantized:sample/base"])
    for key in ("config", "gguf", "cardData"):
        child.pop(key, None)
    child["cardData"] = {"base_model": "sample/base"}
    hook = hook_for("models.newly_runnable")
    stored(child, record(PHI, id="sample/base"))
    data = only(hook)
    assert sorted(ids(data)) == sorted(set(ids(data)))
    assert data["count"] == len(data["models"])


def test_ten_thousand_changed_records_make_one_small_event(site):
    items = renamed(10_000)
    hook = hook_for("models.newly_runnable")
    run = start_run("ten thousand", "file")
    counts = stored(*items)
    finish_run(run, counts)
    delivery = WebhookDelivery.objects.get()
    data = json.loads(delivery.body)["data"]
    running = ModelRecord.objects.filter(owner="sample", sheet__verdicts__confidence__gt=0).distinct().count()
    assert data["count"] == running > 5000
    assert len(data["models"]) == 100
    assert len(delivery.body) < 200_000
    assert not GatheredModel.objects.exists()
    assert hook.deliveries.count() == 1


# --- machines ----------------------------------------------------------------------------------------------------


@pytest.fixture
def small_box(site):
    return SiteWorker.objects.create(name="Small box", slug="small-box", engine="llama-cpp", memory_gb=4, context=4096)


def gguf(repo_id, size):
    item = record(PHI, id=repo_id)
    item.pop("safetensors", None)
    item["gguf"] = {"architecture": "phi2", "context_length": 2048, "total": 2_779_683_840}
    item["siblings"] = [{"rfilename": "phi-2.Q4_K_M.gguf", "size": size}]
    return item


def test_on_a_machine_only_what_fits_is_told(small_box):
    hook = hook_for("models.newly_runnable", worker="small-box")
    everywhere = hook_for("models.newly_runnable")
    stored(gguf("sample/small", 1_600_000_000), gguf("sample/large", 9_000_000_000))
    assert ids(only(hook)) == ["sample/small"]
    assert sorted(ids(only(everywhere))) == ["sample/large", "sample/small"], "without a worker memory is not looked at"
    page = Client().get("/models/?worker=small-box&author=sample").context["page"]
    assert [row.record.repo_id for row in page.rows] == ["sample/small"]


def test_on_a_machine_a_smaller_file_makes_it_run(small_box):
    stored(gguf("sample/phi", 9_000_000_000))
    hook = hook_for("models.newly_runnable", worker="small-box")
    stored(gguf("sample/phi", 1_600_000_000))
    data = only(hook)
    assert ids(data) == ["sample/phi"]
    (row,) = rows_of([ModelRecord.objects.get(repo_id="sample/phi")], workers()["small-box"])
    assert data["models"][0]["runsOn"] == [{"worker": "small-box", "confidence": row.result.confidence}]
    stored(gguf("sample/phi", 1_500_000_000))
    assert len(told(hook)) == 1


def test_judging_again_counts_the_machine_too(small_box):
    stored(gguf("sample/small", 1_600_000_000), gguf("sample/large", 9_000_000_000))
    hook = hook_for("models.newly_runnable", worker="small-box")
    judged_by_other_rules("sample/small", "sample/large")
    reevaluate()
    assert "sample/small" in ids(only(hook))
    assert "sample/large" not in ids(only(hook))


def judged_by_other_rules(*repo_ids):
    """As if earlier rules had refused these records everywhere."""
    for verdict in Verdict.objects.filter(sheet__records__repo_id__in=repo_ids):
        for result in verdict.results:
            result.update(compatible=False, confidence="none", cause="architecture")
        verdict.confidence, verdict.cause, verdict.rules = 0, "architecture", "older"
        verdict.save()


# --- judging again -----------------------------------------------------------------------------------------------


def test_models_accepted_by_new_rules_are_told(site):
    hook = hook_for("models.newly_runnable", worker="rbee")
    judged_by_other_rules(PHI)
    sheet = ModelRecord.objects.get(repo_id=PHI).sheet_id
    reevaluate()
    data = only(hook)
    assert set(ids(data)) == set(ModelRecord.objects.filter(sheet=sheet).values_list("repo_id", flat=True))


def test_judging_everything_again_by_the_same_rules_is_no_news(site):
    hook = hook_for("models.newly_runnable")
    reevaluate(everything=True)
    assert told(hook) == []


def test_an_engine_that_is_switched_on_is_no_news(site):
    EngineSetting.objects.filter(slug="vllm").update(enabled=False)
    reevaluate()
    assert not Verdict.objects.filter(profile="vllm").exists()
    hook = hook_for("models.newly_runnable")
    EngineSetting.objects.filter(slug="vllm").update(enabled=True)
    stored(record(PHI, likes=3))
    reevaluate()
    assert Verdict.objects.filter(profile="vllm").exists()
    assert told(hook) == []


def test_a_changed_context_policy_tells_what_it_lets_run(site):
    refused = set(
        ModelRecord.objects.filter(sheet__verdicts__profile="rbee", sheet__verdicts__cause="context").values_list(
            "repo_id", flat=True
        )
    )
    assert refused
    hook = hook_for("models.newly_runnable")
    EngineSetting.objects.filter(slug="rbee").update(context_policy="cap")
    reevaluate()
    running = set(
        ModelRecord.objects.filter(
            repo_id__in=refused, sheet__verdicts__profile="rbee", sheet__verdicts__confidence__gt=0
        ).values_list("repo_id", flat=True)
    )
    assert running
    assert set(ids(only(hook))) == running


# --- narrowing ---------------------------------------------------------------------------------------------------


def test_a_webhook_narrowed_to_a_list_is_told_of_its_models_only(site):
    stored(no_weights(), no_weights("TinyLlama/TinyLlama-1.1B-Chat-v1.0"))
    picks = CuratedList.objects.create(title="Picks", slug="picks")
    ListEntry.objects.create(curated_list=picks, record=ModelRecord.objects.get(repo_id=PHI))
    narrowed, every = hook_for("models.newly_runnable", curated_list=picks), hook_for("models.newly_runnable")
    stored(record(PHI), record("TinyLlama/TinyLlama-1.1B-Chat-v1.0"))
    assert ids(only(narrowed)) == [PHI]
    assert only(narrowed)["list"] == "picks"
    assert only(narrowed)["url"].endswith("/models/?list=picks")
    assert only(every)["count"] == 2


def test_a_webhook_narrowed_to_a_worker_that_is_gone_is_told_nothing(site):
    hook = hook_for("models.newly_runnable", worker="sold-last-year")
    stored(record(PHI, id="sample/new"))
    assert told(hook) == []


def test_webhooks_of_other_events_and_inactive_ones_are_told_nothing(site):
    others = [hook_for("sync.failed"), hook_for("models.newly_runnable", active=False)]
    stored(record(PHI, id="sample/new"))
    assert [told(hook) for hook in others] == [[], []]


# --- lists and runs ----------------------------------------------------------------------------------------------


def test_a_changed_list_is_told_with_what_came_and_went(site):
    hook, small = hook_for("list.changed"), hook_for("list.changed", worker="vllm")
    picks = CuratedList.objects.create(title="Picks", slug="picks")
    phi, tiny = (ModelRecord.objects.get(repo_id=name) for name in (PHI, "TinyLlama/TinyLlama-1.1B-Chat-v1.0"))
    entry = ListEntry.objects.create(curated_list=picks, record=phi)
    before = lists.list_as_seen(picks.pk)
    entry.delete()
    ListEntry.objects.create(curated_list=picks, record=tiny)
    CuratedList.objects.update(title="Small picks")
    lists.tell_list_change(picks.pk, before, lists.list_as_seen(picks.pk))
    data = only(hook)
    assert (data["title"], data["previousTitle"], data["published"]) == ("Small picks", "Picks", True)
    assert data["url"] == "https://models.example.org/lists/picks/"
    for worker, found in (("rbee", data), ("vllm", only(small))):
        assert found["worker"] == worker
        for key, expected in (("added", tiny), ("removed", phi)):
            (row,) = rows_of([expected], workers()[worker])
            (model,) = found[key]
            assert found[f"{key}Count"] == 1
            assert model["id"] == expected.repo_id
            assert (model["compatible"], model["confidence"]) == (row.result.compatible, row.result.confidence)


def test_a_long_list_names_a_hundred_and_counts_all(site):
    hook = hook_for("list.changed")
    picks = CuratedList.objects.create(title="Everything", slug="everything")
    before = lists.list_as_seen(picks.pk)
    ListEntry.objects.bulk_create(
        ListEntry(curated_list=picks, record=found) for found in ModelRecord.objects.all()[:300]
    )
    lists.tell_list_change(picks.pk, before, lists.list_as_seen(picks.pk))
    data = only(hook)
    assert (data["addedCount"], len(data["added"])) == (300, 100)


def test_a_failed_run_is_told_and_a_good_one_is_not(site):
    hook = hook_for("sync.failed")
    good, bad = start_run("good.jsonl", "file"), start_run("bad.jsonl", "file")
    finish_run(good, sync.Counts(new=1))
    counts = sync.Counts(new=2, unchanged=3)
    finish_run(bad, counts, "The file ends in the middle of a record.")
    data = only(hook)
    assert data["run"] == bad.pk
    assert (data["source"], data["error"]) == ("bad.jsonl", "The file ends in the middle of a record.")
    assert (data["new"], data["unchanged"]) == (2, 3)
    assert data["startedAt"] <= data["finishedAt"]
    assert Job.objects.get(pk=bad.pk).state == "failed"


def test_a_run_that_never_ended_is_told_once_when_the_next_one_begins(site):
    hook = hook_for("sync.failed")
    now = timezone.now()
    lost, slow = (
        Job.objects.create(kind="load", source=name, origin="file", attempts=1, wanted=now - timedelta(hours=hours))
        for name, hours in (("killed.jsonl", 25), ("slow.jsonl", 23))
    )
    for _ in range(2):
        finish_run(start_run("next.jsonl", "file"), sync.Counts())
    data = only(hook)
    assert (data["run"], data["source"]) == (lost.pk, "killed.jsonl")
    assert "gave no sign for a day" in data["error"]
    lost.refresh_from_db()
    slow.refresh_from_db()
    assert (lost.state, slow.state) == ("failed", "running")


# --- hosts -------------------------------------------------------------------------------------------------------

ALLOWED = read_hosts(
    ["hooks.example.org", "Other.example.org:8443", "http://inside.lan:8080", "127.0.0.1:9000", "[::1]"]
)


@pytest.mark.parametrize(
    "address",
    [
        "https://hooks.example.org",
        "https://hooks.example.org/",
        "https://HOOKS.example.org:443/a/b?token=c%20d",
        "https://other.example.org:8443/x",
        "http://inside.lan:8080/x",
        "https://inside.lan:8080/x",
        "http://127.0.0.1:9000/",
        "http://[::1]/",
    ],
)
def test_addresses_of_named_hosts_may_be_told(address):
    assert objection_to_address(address, ALLOWED) == ""


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://hooks.example.org/", "Use https"),
        ("https://hooks.example.org:8443/", "not among the hosts"),
        ("https://other.example.org/", "not among the hosts"),
        ("http://127.0.0.1:9001/", "127.0.0.1:9001 is not among the hosts"),
        ("https://hooks.example.org.evil.net/", "not among the hosts"),
        ("https://169.254.169.254/latest/meta-data", "not among the hosts"),
        ("https://user@hooks.example.org/", "not a web address"),
        ("https://hooks.example.org@evil.net/", "not a web address"),
        ("https://evil.net\\@hooks.example.org/", "not a web address"),
        ("https://hooks.example.org/a b", "not a web address"),
        ("https://hooks.example.org/\r\nX-Header: 1", "not a web address"),
        ("https://hooks.example.org/#part", "not a web address"),
        ("https://hooks.example.org:99999/", "not a web address"),
        ("ftp://hooks.example.org/", "not a web address"),
        ("file:///etc/passwd", "not a web address"),
        ("hooks.example.org", "not a web address"),
        ("", "not a web address"),
    ],
)
def test_other_addresses_are_refused_with_what_to_do(address, words):
    assert words in objection_to_address(address, ALLOWED)


def test_without_hosts_the_refusal_says_what_to_set():
    assert "Set it to the hosts that may be told" in objection_to_address("https://hooks.example.org", ())


@pytest.mark.parametrize(
    "word", ["ftp://x.org", "x.org/path", "x.org:", "x.org:0", "x.org:port", "*.x.org", "a b", ":1", "x..org"]
)
def test_hosts_that_make_no_sense_are_refused(word):
    with pytest.raises(ValueError, match="is not a host"):
        read_hosts([word])


def test_hosts_are_read():
    assert read_hosts(["A.example.org", "localhost:9000", "http://b.lan"]) == (
        Host("a.example.org"),
        Host("localhost", 9000, plain=True),
        Host("b.lan", None, plain=True),
    )


def test_a_sites_address_has_no_path():
    assert is_origin("https://models.example.org")
    assert is_origin("http://127.0.0.1:8000")
    for text in ("models.example.org", "https://models.example.org/x", "ftp://models.example.org", "https://"):
        assert not is_origin(text)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("WEBHOOK_HOSTS", "x.org/path", "WEBHOOK_HOSTS: 'x.org/path' is not a host"),
        ("SITE_URL", "models", "SITE_URL is"),
    ],
)
def test_settings_that_make_no_sense_stop_the_start(name, value, words, tmp_path):
    from tests.own_database import environment, manage

    done = manage("check", env=environment(f"sqlite:///{tmp_path}/x.sqlite3", **{name: value}))
    assert done.returncode != 0
    assert words in done.stderr


# --- the documentation -------------------------------------------------------------------------------------------


def example(event):
    """The body that the documentation shows for an event."""
    part = PAGE.split(f"### `{event}`")[1].split("\n### ")[0].split("\n## ")[0]
    return json.loads(re.search(r"```json\n(.*?)```", part, re.DOTALL)[1])


def shape(value):
    """The names and kinds in a JSON value; null and any other value are alike."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "value"


def test_the_documentation_shows_every_event():
    named = set(re.findall(r"^### `([a-z._]+)`", PAGE, re.MULTILINE))
    assert named == {event for event, _ in Webhook.EVENT_CHOICES} | {"ping"}


def test_the_bodies_of_the_documentation_are_those_that_are_sent(site):
    stored(no_weights())
    hook = hook_for("models.newly_runnable", "list.changed", "sync.failed", worker="rbee")
    stored(record(PHI))
    picks = CuratedList.objects.create(title="Small and open", slug="small-and-open")
    ListEntry.objects.create(curated_list=picks, record=ModelRecord.objects.get(repo_id="t5-small"))
    before = lists.list_as_seen(picks.pk)
    picks.entries.all().delete()
    ListEntry.objects.create(curated_list=picks, record=ModelRecord.objects.get(repo_id=PHI))
    lists.tell_list_change(picks.pk, before, lists.list_as_seen(picks.pk))
    finish_run(start_run("models.jsonl.gz", "file"), sync.Counts(), "The file is damaged.")
    outbox.put_event(hook, events.PING, {"webhook": hook.name})
    sent = {event["type"]: event for event in told(hook)}
    assert len(sent) == 4
    for event, body in sent.items():
        assert shape(body) == shape(example(event)), event
    assert example("models.newly_runnable")["data"] == sent["models.newly_runnable"]["data"]
    assert example("list.changed")["data"] == sent["list.changed"]["data"]


def sample():
    secret = signing.new_secret()
    body = '{"type": "ping", "data": {"webhook": "ü"}}'.encode()
    now = int(datetime.now(UTC).timestamp())
    return secret, body, signing.signed_headers([signing.new_secret(), secret], "msg_1", now, body)


def test_the_python_example_verifies_what_is_sent_and_nothing_else():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names = {}
    exec(code, names)
    secret, body, headers = sample()
    assert names["verify"](secret, headers, body)
    Official(secret).verify(body, headers)
    assert not names["verify"](signing.new_secret(), headers, body)
    assert not names["verify"](secret, headers, body + b" ")
    assert not names["verify"](secret, headers | {"webhook-timestamp": "1700000000"}, body)


def test_the_shell_example_makes_the_signature(tmp_path):
    (code,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    secret, body, _ = sample()
    headers = signing.signed_headers([secret], "msg_1", 1_700_000_000, body)
    (tmp_path / "body.json").write_bytes(body)
    environ = {"PATH": os.environ["PATH"], "SECRET": secret, "ID": "msg_1", "TIMESTAMP": "1700000000"}
    done = subprocess.run(["sh", "-c", code], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
    assert f"v1,{done.stdout.strip()}" == headers["webhook-signature"]


def test_the_documentation_tells_the_times_and_numbers_that_hold():
    from compat.webhooks import delivery, tasks

    assert f"{delivery.TIMEOUT:g} seconds" in PAGE
    assert f"{events.MOST_TOLD} models" in PAGE
    assert f"{tasks.KEPT_DAYS} days" in PAGE
    assert f"{tasks.KEPT_EACH:,} of each webhook" in PAGE
    assert f"{tasks.STOP_AFTER} attempts" in PAGE
    assert "5 seconds, 5 minutes, 30 minutes, 2 hours, 5 hours, 10 hours and 10 hours" in PAGE
