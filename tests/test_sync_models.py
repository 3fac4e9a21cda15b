"""``sync_models`` as a real process against a real Hub server: what it asks, keeps, and says when the Hub fails."""

from __future__ import annotations

import json
import signal
import time

import pytest
from django.core.management import CommandError, call_command

from compat.management.command import Exit
from tests.hub_server import HubServer
from tests.own_database import OwnDatabase
from tests.samples import every_record, record

FILES = [{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}]
LLAMAS = "SELECT count(*) FROM compat_modelrecord WHERE search_text NOT LIKE '%llama%'"


@pytest.fixture
def own(tmp_path):
    with OwnDatabase(tmp_path) as made:
        yield made


def run(own, hub, *arguments):
    own.env["HF_ENDPOINT"] = hub.url
    return own.run("sync_models", *arguments)


def last_run(own):
    return own.rows("SELECT state, new, error FROM compat_job ORDER BY id DESC")[0]


def test_the_best_known_come_first_and_asking_again_changes_nothing(own):
    with HubServer(every_record()) as hub:
        done = run(own, hub, "--limit", 25, "--no-config")
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert "25 new, 0 changed, 0 unchanged, 0 rejected" in done.stdout
        best = sorted((item.get("downloads") or 0 for item in every_record()), reverse=True)[:25]
        kept = [row[0] for row in own.rows("SELECT downloads FROM compat_modelrecord ORDER BY popularity DESC")]
        assert kept == best
        assert own.rows("SELECT DISTINCT origin FROM compat_modelrecord") == [("hub",)]
        assert last_run(own) == ("done", 25, "")
        again = run(own, hub, "--limit", 25, "--no-config")
        assert "0 new, 0 changed, 25 unchanged" in again.stdout


def test_search_author_and_tag_narrow(own):
    with HubServer(every_record()) as hub:
        done = run(own, hub, "--search", "LLaMA", "--no-config")
        assert done.returncode == 0, done.stderr
        found = own.records()
        assert found == sum("llama" in item["id"].lower() for item in every_record())
        assert own.value(LLAMAS) == 0
        done = run(own, hub, "--author", "microsoft", "--filter", "text-generation", "--no-config")
        assert done.returncode == 0, done.stderr
        assert own.value("SELECT count(*) FROM compat_modelrecord WHERE repo_id = 'microsoft/phi-2'") == 1


def test_the_context_is_read_from_each_models_configuration(own):
    with HubServer([record("microsoft/phi-2", siblings=FILES)]) as hub:
        assert run(own, hub, "--no-config").returncode == 0
        context = "SELECT context FROM compat_modelrecord"
        assert own.value(context) is None
        assert not any(path.endswith("config.json") for path in hub.paths())
        done = run(own, hub)
        assert done.returncode == 0, done.stderr
        assert own.value(context) == 2048
        assert sum(path.endswith("config.json") for path in hub.paths()) == 1


def test_a_gated_or_broken_configuration_does_not_stop_the_rest(own):
    records = [
        record("microsoft/phi-2", id="sample/gated", siblings=FILES, gated="manual"),
        record("microsoft/phi-2", id="sample/broken", siblings=FILES),
        record("microsoft/phi-2", id="sample/good", siblings=FILES),
    ]
    with HubServer(records, files={"sample/broken": {"config.json": b"{ not JSON"}}) as hub:
        done = run(own, hub)
        assert done.returncode == 0, done.stderr
        assert "3 new" in done.stdout
        assert dict(own.rows("SELECT name, context FROM compat_modelrecord")) == {
            "gated": None,
            "broken": None,
            "good": 2048,
        }
        assert not any("gated" in path for path in hub.paths())


def test_a_senseless_record_in_a_list_is_named_and_does_not_stop_the_rest(own):
    records = [
        record("microsoft/phi-2", id="sample/one", siblings=FILES),
        record("microsoft/phi-2", id="sample/two", siblings=FILES, likes="many"),
        record("microsoft/phi-2", id="sample/three", siblings=[{"rfilename": "a.gguf"}]),
    ]
    with HubServer(records) as hub:
        done = run(own, hub, "--most-headers", "0")
        assert (done.returncode, done.stderr) == (Exit.PARTLY, "")
        assert "2 new, 0 changed, 0 unchanged, 1 rejected." in done.stdout
        assert "rejected: sample/two: likes" in done.stdout
        assert own.records() == 2


def test_the_rate_limit_is_waited_for_not_broken(own):
    records = [record("microsoft/phi-2", id=f"sample/phi-{n}", siblings=FILES) for n in range(20)]
    with HubServer(records, quota=8, window=1.0) as hub:
        done = run(own, hub)
        assert done.returncode == 0, done.stderr
        assert "20 new" in done.stdout
        assert own.value("SELECT count(*) FROM compat_modelrecord WHERE context = 2048") == 20
        assert hub.quota.refused <= 1


def test_what_was_read_before_a_fault_is_kept(own):
    records = [record("microsoft/phi-2", id=f"sample/phi-{n}", downloads=9000 - n) for n in range(700)]
    with HubServer(records) as hub:
        hub.fail_next(1, path="/api/models", delay=0)  # the first page is answered
        hub.fail_next(50, path="/api/models", status=404, body=b'{"error": "gone"}')
        done = run(own, hub, "--no-config", "--json")
        assert done.returncode == Exit.NO_ANSWER
        assert done.stderr.startswith("Error: ")
        assert done.stderr.endswith("What was fetched before that is kept.\n")
        assert "Traceback" not in done.stderr
        told = json.loads(done.stdout)
        assert (told["hub"], told["new"], told["rejected"]) == (hub.url, 500, 0)
        assert told["error"]["exitCode"] == Exit.NO_ANSWER
        assert own.records() == 500
        state, new, error = last_run(own)
        assert (state, new) == ("failed", 500)
        assert error


def test_a_passing_fault_is_only_a_delay(own):
    with HubServer(every_record()[:10]) as hub:
        hub.fail_next(1, status=503, path="/api/models")
        hub.fail_next(1, cut_after=20, path="/api/models")
        done = run(own, hub, "--no-config")
        assert done.returncode == 0, done.stderr
        assert own.records() == 10


def test_a_hub_that_talks_nonsense_or_is_not_there_is_an_error(own):
    with HubServer() as hub:
        hub.fail_next(50, status=200, body=b"<html>captive portal</html>")
        done = run(own, hub)
        assert done.returncode == Exit.NO_ANSWER
        assert done.stderr.startswith("Error: ")
    own.env["HF_HUB_OFFLINE"] = "1"
    done = own.run("sync_models")
    assert done.returncode == Exit.NO_ANSWER
    assert "HF_HUB_OFFLINE" in done.stderr
    assert own.records() == 0


@pytest.mark.parametrize("arguments", [["--limit", "0"], ["--limit", "x"], ["--sort", "nonsense"]])
def test_senseless_arguments_are_refused(arguments):
    with pytest.raises(CommandError) as caught:
        call_command("sync_models", *arguments)
    assert caught.value.returncode == Exit.USAGE


def test_ctrl_c_keeps_what_was_fetched_and_says_so(own):
    records = [record("microsoft/phi-2", id=f"sample/phi-{n}", downloads=9000 - n) for n in range(700)]
    with HubServer(records) as hub:
        hub.fail_next(1, path="/api/models", delay=0)  # the first page is answered
        hub.fail_next(50, path="/api/models", delay=60)
        own.env["HF_ENDPOINT"] = hub.url
        with own.start("sync_models", "--no-config") as process:
            wait_for(lambda: own.records() == 500)
            process.send_signal(signal.SIGINT)
            out, told = process.communicate(timeout=30)
        assert (process.returncode, out) == (Exit.STOPPED, "")
        assert told == "\nStopped. What was fetched until then is kept. Run it again to go on.\n"
        assert own.records() == 500
        assert last_run(own)[0] == "failed"


def wait_for(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("it did not come to pass in 30 seconds")
