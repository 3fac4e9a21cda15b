"""Sync as a service: it goes on where it stopped, asks for nothing twice, waits in words, and one runs at a time."""

from __future__ import annotations

import json
import signal
import time
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from compat.ingest import lease, sync
from compat.ingest.jobs import give_up_lost
from compat.ingest.runs import start_run
from compat.ingest.selection import Selection
from compat.ingest.sync import Extent
from compat.management.command import Exit
from compat.models import ClosedRecord, HubSelection, Job, ModelRecord, RecordDocument, SelectedModel
from compat.tasks import fetch_now
from tests.extraction.header_files import llama
from tests.hub_server import HubServer
from tests.own_database import OwnDatabase
from tests.samples import record

PHI = "microsoft/phi-2"
FILES = [{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}]
DATED = "2026-10-{:02d}T00:00:00.000Z"


def models(count, **fields):
    return [
        record(PHI, id=f"sample/phi-{n}", siblings=FILES, downloads=9000 - n, lastModified=DATED.format(n % 28 + 1))
        | fields
        for n in range(count)
    ]


class Told:
    """What a run said."""

    def __init__(self):
        self.stages, self.words, self.done = [], [], 0

    def begin(self, what, total):
        self.stages.append((what, total))

    def advance(self, more):
        self.done += more

    def say(self, text):
        self.words.append(text)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(sync, "PAGE", 10)
    monkeypatch.setattr(sync, "AT_ONCE", 5)


def run(limit=100, extent=None, **selected):
    told = Told()
    counts, error = sync.sync(Selection(limit=limit, **selected), extent or Extent(), told)
    return counts, error, told


def lists(hub):
    return [request for request in hub.requests if request.path == "/api/models"]


def stops_after(hub, pages):
    """The Hub gives so many pages of the list to the next run, and then fails it."""
    hub.fail_next(pages, path="/api/models", delay=0)
    hub.fail_next(2, path="/api/models", status=500)


def configs(hub):
    return [path for path in hub.paths() if path.endswith("config.json")]


def empty():
    ModelRecord.objects.all().delete()


# --- it goes on ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_next_run_goes_on_at_the_page_where_the_last_one_stopped(at, small):
    empty()
    with HubServer(models(35)) as hub:
        at(hub)
        stops_after(hub, 2)
        counts, error, _ = run()
        assert (counts.new, bool(error)) == (20, True)
        assert HubSelection.objects.get().is_open
        hub.requests.clear()
        counts, error, _ = run()
        assert (counts.new, error) == (15, "")
        assert len(lists(hub)) == 2
        assert ModelRecord.objects.filter(context=2048).count() == 35
    assert list(Job.objects.order_by("pk").values_list("state", flat=True)) == ["failed", "done"]


@pytest.mark.django_db
def test_what_was_read_of_a_commit_is_not_asked_for_again(at, small):
    empty()
    with HubServer(models(12)) as hub:
        at(hub)
        run()
        assert len(configs(hub)) == 12
        hub.put(hub.records["sample/phi-3"] | {"sha": "f" * 40})
        hub.requests.clear()
        counts, error, _ = run()
        assert (counts.changed, error) == (1, "")
        assert configs(hub) == [f"/sample/phi-3/resolve/{'f' * 40}/config.json"]


@pytest.mark.django_db
def test_a_place_that_the_hub_does_not_know_any_more_is_begun_again(at, small):
    empty()
    with HubServer(models(25)) as hub:
        at(hub)
        stops_after(hub, 1)
        run()
        hub.fail_next(1, path="/api/models", status=400, body=b'{"error": "Invalid cursor"}')
        counts, error, _ = run()
        assert (counts.new, counts.unchanged, error) == (15, 10, "")
        assert ModelRecord.objects.count() == 25


@pytest.mark.django_db
def test_the_whole_hub_is_read_once_and_then_only_what_changed(at, small):
    empty()
    with HubServer(models(60, lastModified="2026-01-01T00:00:00.000Z")) as hub:
        at(hub)
        assert run(limit=None)[0].new == 60
        assert len(lists(hub)) == 6
        now = timezone.now().isoformat()
        hub.put(hub.records["sample/phi-50"] | {"sha": "f" * 40, "lastModified": now})
        hub.put(record(PHI, id="sample/new", siblings=FILES, lastModified=now))
        hub.requests.clear()
        counts, error, _ = run(limit=None)
        assert (counts.new, counts.changed, error) == (1, 1, "")
        assert len(lists(hub)) == 1
        assert lists(hub)[0].query["sort"] == ["lastModified"]
        hub.remove("sample/phi-4")
        assert run(limit=None)[0].gone == 0
        HubSelection.objects.update(whole=timezone.now() - sync.WHOLE_EVERY)
        assert run(limit=None)[0].gone == 1


@pytest.mark.django_db
def test_who_is_not_listed_any_more_is_asked_for_once(at, small):
    empty()
    with HubServer(models(12)) as hub:
        at(hub)
        run(limit=8)
        hub.put(hub.records["sample/phi-11"] | {"downloads": 10**6})
        hub.remove("sample/phi-0")
        hub.put(hub.records["sample/phi-1"] | {"id": "sample/moved"})
        hub.remove("sample/phi-1")
        hub.renames["sample/phi-1"] = "sample/moved"
        counts, error, _ = run(limit=8)
        assert (counts.gone, counts.renamed, error) == (1, 1, "")
        assert ModelRecord.objects.get(repo_id="sample/phi-0").gone == "missing"
        assert not ModelRecord.objects.filter(repo_id="sample/phi-1").exists()
        hub.requests.clear()
        run(limit=8)
        assert [path for path in hub.paths() if path.startswith("/api/models/")] == []


# --- what is selected ----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_selection_is_narrowed_by_what_the_hub_cannot_be_asked_for(at, small):
    empty()
    sizes = {f"sample/phi-{n}": {"parameters": {"F16": n * 10**9}, "total": n * 10**9} for n in range(1, 30)}
    with HubServer([one | {"safetensors": sizes.get(one["id"])} for one in models(30)]) as hub:
        at(hub)
        run(limit=5, least_parameters=4 * 10**9, most_parameters=20 * 10**9)
        assert sorted(ModelRecord.objects.values_list("downloads", flat=True)) == [8992, 8993, 8994, 8995, 8996]
        empty()
        hub.requests.clear()
        counts, error, _ = run(limit=None, least_downloads=8995)
        assert (counts.new, error) == (6, "")
        assert len(lists(hub)) == 1, "it stops where none that follows can be meant"


@pytest.mark.django_db
def test_task_licence_and_author_are_asked_of_the_hub(at, small):
    empty()
    with HubServer(models(3)) as hub:
        at(hub)
        run(author="sample", task="text-generation", license="mit", tags=("x",))
        query = lists(hub)[0].query
        assert (query["author"], query["pipeline_tag"], query["filter"]) == (
            ["sample"], ["text-generation"], ["x", "license:mit"],
        )  # fmt: skip


def test_a_selection_is_told_in_words():
    told = Selection(limit=50, sort="likes", author="Qwen", least_parameters=10**9)
    assert str(told) == "the 50 best liked models by Qwen with at least 1,000,000,000 weights"


# --- it waits ------------------------------------------------------------------------------------------------------


def test_it_waits_for_windows_as_the_hub_says_and_tells_so(tmp_path):
    with HubServer(models(24), quota=10, window=2.0) as hub, OwnDatabase(tmp_path, HF_ENDPOINT=hub.url) as own:
        done = own.run("sync_models", "--most-headers", "0")
        assert done.returncode == 0, done.stderr
        assert "24 new" in done.stdout
        assert own.value("SELECT count(*) FROM compat_modelrecord WHERE context = 2048") == 24
        assert "until 127.0.0.1" in done.stderr
        assert "its quota for files (10 in 2 seconds) is used up" in done.stderr
        assert hub.quota.refused <= 2


@pytest.mark.django_db
def test_a_refusal_without_a_word_of_how_long_is_waited_for_too(at, small, monkeypatch):
    empty()
    monkeypatch.setattr(sync, "SILENT_PAUSE", 0.05)
    with HubServer(models(5)) as hub:
        at(hub)
        hub.fail_next(3, status=429, path="/api/models")
        hub.fail_next(3, status=429, headers={"Retry-After": "0"}, path="config.json")
        counts, error, _ = run()
        assert (counts.new, counts.completed, error) == (5, 5, "")
        assert (len(lists(hub)), len(configs(hub))) == (1 + 3, 5 + 3)


# --- documents that fail -------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500}, {"status": 404}, {"status": 403}, {"body": b"<html>log in</html>"}, {"body": b"{oops"},
        {"body": b"[]"}, {"cut_after": 5}, {"status": 302, "headers": {"Location": "http://elsewhere.example/"}},
        {"status": 302, "headers": {"Location": "/sample/phi-1/resolve/x/config.json"}}, {"status": 429},
    ],
    ids=str,
)  # fmt: skip
def test_a_document_that_fails_costs_neither_its_row_nor_the_others(at, small, monkeypatch, fault):
    empty()
    monkeypatch.setattr(sync, "SILENT_PAUSE", 0.0)
    with HubServer(models(7)) as hub:
        at(hub)
        hub.fail_next(99, path="phi-1/resolve", **fault)
        counts, _, _ = run()
        assert counts.new == 7
        assert ModelRecord.objects.filter(context=2048).count() == 6
        hub._faults.clear()
        hub.requests.clear()
        counts, error, _ = run()
        assert error == ""
        read = ModelRecord.objects.filter(context=2048).count()
        kept_as_none = RecordDocument.objects.filter(kind="config", record__repo_id="sample/phi-1").count()
        assert read == 7 or (kept_as_none and configs(hub) == [])


@pytest.mark.django_db
def test_a_model_that_lost_the_row_of_its_list_is_read_by_its_own_answer(at, small):
    """As one does that a visitor has fetched while the list was read."""
    empty()
    with HubServer(models(3)) as hub:
        at(hub)
        run(extent=Extent(documents=False))
        fetch_now("sample/phi-1")
        RecordDocument.objects.filter(record__repo_id="sample/phi-1", kind="list").delete()
        RecordDocument.objects.filter(record__repo_id="sample/phi-2").delete()
        SelectedModel.objects.update(lacks_documents=True)
        SelectedModel.objects.filter(record__repo_id="sample/phi-0").delete()
        HubSelection.objects.update(is_open=True, cursor=f"{hub.url}/api/models?cursor=x")
        hub.fail_next(1, path="/api/models", body=b"[]")
        counts, error, _ = run()
        assert (error, counts.gone) == ("", 0)
        assert not SelectedModel.objects.filter(record__repo_id="sample/phi-1").get().lacks_documents


@pytest.mark.django_db
def test_headers_that_are_closed_to_this_site_take_no_place_of_others(at, small):
    empty()
    best = {"gated": "manual", "downloads": 10**6, "siblings": [{"rfilename": "a.gguf"}]}
    files = {f"sample/phi-{n}": {"a.gguf": llama()} for n in range(4)}
    listed = models(4, siblings=[{"rfilename": "a.gguf"}], config=None)
    with HubServer([*listed[:2], *(one | best for one in listed[2:])], files=files, tokens=["hf_good"]) as hub:
        at(hub)
        counts, error, _ = run(extent=Extent(most_headers=2))
        assert (counts.headers, error) == (2, "")
        assert not any(path.startswith(("/sample/phi-2/", "/sample/phi-3/")) for path in hub.paths())


@pytest.mark.django_db
@pytest.mark.parametrize("fault", [{"status": 500}, {"body": b"<!doctype html><html>log in</html>", "status": 200}])
def test_a_header_that_could_not_be_had_for_now_is_asked_for_by_the_next_run(at, small, fault):
    empty()
    listed = models(2, siblings=[{"rfilename": "a.gguf"}], config=None)
    with HubServer(listed, files={one["id"]: {"a.gguf": llama()} for one in listed}) as hub:
        at(hub)
        hub.fail_next(9, path="phi-0/resolve", **fault)
        assert run(extent=Extent(most_headers=9))[0].headers == 1
        hub._faults.clear()
        counts, error, _ = run(extent=Extent(most_headers=9))
        assert (counts.headers, error) == (1, "")


@pytest.mark.django_db
def test_a_hub_that_gives_no_documents_at_all_is_left_alone(at, small):
    empty()
    with HubServer(models(60)) as hub:
        at(hub, max_attempts=1)
        hub.fail_next(999, path="/resolve/", status=500)
        counts, error, _ = run()
        assert counts.new == 60
        assert "in trouble" in error
        assert sync.MOST_FAILURES <= len(configs(hub)) <= sync.MOST_FAILURES + 5


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("cursor", "selected", "words", "asked"),
    [
        (0, {}, "read already", 2),
        (1, {}, "it has no end", 1 + sync.MOST_IN_VAIN),
        (0, {"least_likes": 5}, "read already", 2),
        (1, {"least_likes": 5}, "it has no end", 1 + sync.MOST_IN_VAIN),
    ],
    ids=["the same page", "new addresses", "the same page, nothing taken", "new addresses, nothing taken"],
)
def test_a_list_without_end_ends(at, small, cursor, selected, words, asked):
    """Its pages name themselves as the next, or new addresses with the same models."""
    empty()
    page = json.dumps([{"id": f"sample/m-{n}"} for n in range(10)]).encode()
    with HubServer() as hub:
        at(hub)
        for number in range(30):
            link = f'<{hub.url}/api/models?cursor={number * cursor}>; rel="next"'
            hub.fail_next(body=page, headers={"Link": link})
        counts, error, _ = run(**selected)
        assert words in error
        assert counts.new == (0 if selected else 10)
        assert len(hub.requests) == asked


@pytest.mark.django_db
def test_an_order_that_moves_meanwhile_loses_and_doubles_nothing(at, small):
    empty()
    with HubServer(models(30)) as hub:
        at(hub)
        stops_after(hub, 1)
        run()
        hub.put(hub.records["sample/phi-25"] | {"downloads": 10**6})  # it moves before the place where the run stopped
        assert run()[1] == ""
        assert ModelRecord.objects.count() == 29
        assert run()[0].new == 1


# --- one at a time -------------------------------------------------------------------------------------------------


def test_two_syncs_of_one_selection_do_not_run_at_once_and_a_killed_one_holds_nobody_up(tmp_path):
    with HubServer(models(5)) as hub, OwnDatabase(tmp_path, HF_ENDPOINT=hub.url) as own:
        hub.fail_next(50, path="/api/models", delay=60)
        with own.start("sync_models") as first:
            for _ in range(400):
                if hub.requests:
                    break
                time.sleep(0.05)
            code = (
                "from datetime import timedelta; from compat.ingest import lease; lease.LASTS = timedelta(seconds=1);"
                "from django.core.management import call_command; call_command('sync_models')"
            )
            second = own.run("shell", "-c", code)
            assert "Another process is at it (process" in second.stderr
            first.send_signal(signal.SIGKILL)
            first.communicate(timeout=30)
        hub._faults.clear()
        assert own.run("sync_models", "--author", "sample").returncode == 0, "another selection may run"
        begun = time.monotonic()
        done = own.run("sync_models")
        assert done.returncode == 0, done.stderr
        assert time.monotonic() - begun < 60
        states = own.rows("SELECT state, error FROM compat_job ORDER BY id")
        assert states[0][0] == "failed"
        assert "Its process was killed" in states[0][1]


@pytest.mark.django_db
def test_a_lease_that_ran_out_may_be_taken_and_its_holder_writes_nothing_more():
    held = HubSelection.objects.create(
        key="k", name="x", holder="process 1 on elsewhere/x.1", held_until=timezone.now()
    )
    assert lease.take(held) == "process 1 on elsewhere/x.1"
    HubSelection.objects.update(holder="process 2 on elsewhere/x.2", held_until=timezone.now() + timedelta(minutes=1))
    with pytest.raises(lease.TakenError):
        lease.take(held)
    with pytest.raises(lease.LostError):
        lease.renew(held.pk)


@pytest.mark.django_db
def test_a_run_that_gave_no_sign_for_a_day_counts_as_failed():
    start_run("a file", "file")
    Job.objects.update(holder="process 1 on elsewhere/x.1", heard=timezone.now() - timedelta(days=2))
    give_up_lost()
    assert Job.objects.get().state == "failed"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--author", "a b"], ["--task", "text-generatoin"], ["--license", "a,b"], ["--min-params", "x"],
        ["--max-params", "0"], ["--min-params", "8", "--max-params", "7"], ["--all", "--limit", "5"],
        ["--min-downloads", "-1"], ["--search", "\udcff"], ["--search", "a\0b"],
    ],
)  # fmt: skip
def test_a_selection_that_makes_no_sense_is_refused(arguments):
    with pytest.raises(CommandError) as caught:
        call_command("sync_models", *arguments)
    assert caught.value.returncode == Exit.USAGE


def test_a_misspelt_task_leads_to_the_right_one():
    with pytest.raises(CommandError, match=r"Did you mean text-generation or .*\? See"):
        call_command("sync_models", "--task", "text-generatoin")


# --- what is closed to this site -----------------------------------------------------------------------------------


def files_asked(hub):
    return [path for path in hub.paths() if "/resolve/" in path]


@pytest.mark.django_db
def test_a_repository_whose_files_the_token_may_not_read_is_asked_again_after_longer_and_longer(at, small):
    empty()
    gated = models(1, gated="manual", siblings=[*FILES, {"rfilename": "a.gguf"}])
    open_to_all = models(2)[1:]
    with HubServer([*gated, *open_to_all], tokens=["hf_one", "hf_two"]) as hub:
        at(hub, token="hf_one")
        assert run(extent=Extent(most_headers=9))[1] == ""
        assert any("phi-0" in path for path in files_asked(hub))
        hub.requests.clear()
        for _ in range(2):
            assert run(extent=Extent(most_headers=9))[1] == ""
        ModelRecord.objects.filter(repo_id="sample/phi-0").update(fetched=None)
        call_command("refresh_models", verbosity=0)
        assert files_asked(hub) == []
        pauses = []
        for _ in range(6):
            ClosedRecord.objects.update(until=timezone.now())
            run()
            pauses.append(round((ClosedRecord.objects.get().until - timezone.now()) / timedelta(days=1)))
        assert pauses == [2, 4, 8, 8, 8, 8]
        hub.requests.clear()
        at(hub, token="hf_two")
        run()
        assert files_asked(hub), "another token is tried at once"
        hub.granted = ["sample/phi-0"]
        fetch_now("sample/phi-0")
        assert not ClosedRecord.objects.exists(), "whoever asks for it learns that it was opened"
    assert ModelRecord.objects.get(repo_id="sample/phi-0").context == 2048


@pytest.mark.django_db
def test_a_repository_that_was_opened_to_all_is_read_by_the_next_run(at, small):
    empty()
    with HubServer(models(1, gated="auto"), tokens=["hf_one"]) as hub:
        at(hub, token="hf_one")
        run()
        hub.put(hub.records["sample/phi-0"] | {"gated": False})
        run()
    assert ModelRecord.objects.get(repo_id="sample/phi-0").context == 2048
    assert not ClosedRecord.objects.exists()
