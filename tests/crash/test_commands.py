"""Every command that writes, killed at each commit and each change of a file beside a second writer, and run again."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.core.management import get_commands

from tests.crash.laboratory import Laboratory
from tests.hub_server import HubServer
from tests.logs.real_logs import DATA
from tests.own_database import OwnDatabase  # noqa: F401 - this module makes databases of its own
from tests.samples import every_record, record

PHI = "microsoft/phi-2"
FILES = [{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}]
FEW = ["microsoft/phi-2", "BAAI/bge-m3", "Qwen/Qwen2.5-7B-Instruct", "google/gemma-3-4b-it"]
SMALL_STEPS = """
from compat.ingest import judging, reading, store, sync
store.BATCH = reading.BATCH = judging.BATCH = 2
sync.PAGE, sync.AT_ONCE = 3, 2
"""


def models(count=5):
    return [record(PHI, id=f"sample/phi-{n}", sha=f"{n:040x}", siblings=FILES, downloads=900 - n) for n in range(count)]


@pytest.fixture(scope="module")
def hub():
    """The Hub that all of them ask."""
    with HubServer() as hub:
        yield hub


@pytest.fixture(scope="module")
def process(hub, tmp_path_factory):
    """One process that runs them all."""
    with Laboratory(tmp_path_factory.mktemp("laboratory"), HF_ENDPOINT=hub.url) as made:
        yield made


@pytest.fixture
def laboratory(hub, process):
    """A state without rows and files, and a Hub with a few models."""
    hub.records.clear()
    hub.renames.clear()
    for one in models():
        hub.put(one)
    process.begin()
    return process


def load(laboratory, records):
    laboratory.do(
        SMALL_STEPS
        + f"""
import json
from compat.models.engines import ensure_settings
ensure_settings()
told = store.store_raw([("x", one) for one in json.loads({json.dumps(json.dumps(records))})], origin="file").new
"""
    )


def few():
    return [one for one in every_record() if one["id"] in FEW]


def call(*command):
    return f"from django.core.management import call_command\ncall_command(*{list(command)!r}, verbosity=0)\n"


def test_load_records(laboratory, tmp_path):
    path = tmp_path / "few.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in few()), "utf-8")
    told = laboratory.matrix(["load_records", path], first=SMALL_STEPS)
    assert len(told["clean"]["compat.ModelRecord"]) == len(few())


def test_a_whole_sync_of_a_new_selection(laboratory):
    told = laboratory.matrix(["sync_models", "--limit", 20], first=SMALL_STEPS)
    assert len(told["clean"]["compat.ModelRecord"]) == 5


def test_a_sync_after_deletions_renames_and_commits(laboratory, hub):
    laboratory.do(SMALL_STEPS + call("sync_models", "--limit", "20"))
    laboratory.do(
        "from compat.models import *\n"
        "l = CuratedList.objects.create(title='x', slug='x')\n"
        "[ListEntry.objects.create(curated_list=l, record=r, note=r.name) for r in ModelRecord.objects.all()]"
    )
    hub.put(hub.records["sample/phi-1"] | {"id": "sample/moved"})
    hub.remove("sample/phi-1")
    hub.remove("sample/phi-2")
    hub.renames["sample/phi-1"] = "sample/moved"
    hub.put(hub.records["sample/phi-3"] | {"sha": "f" * 40})
    told = laboratory.matrix(["sync_models", "--limit", "20"], first=SMALL_STEPS)
    assert len(told["clean"]["compat.FormerName"]) == 1
    assert sum('"gone": "missing"' in row for row in told["clean"]["compat.ModelRecord"]) == 1


def test_a_sync_of_what_changed(laboratory, hub):
    for number, one in enumerate(models()):
        hub.put(one | {"lastModified": f"2026-11-0{number + 1}T00:00:00.000Z"})
    laboratory.do(SMALL_STEPS + call("sync_models", "--all", "--author", "sample"))
    hub.put(hub.records["sample/phi-3"] | {"sha": "f" * 40, "lastModified": "2096-11-03T00:00:00.000Z"})
    hub.put(record(PHI, id="sample/new", sha="e" * 40, siblings=FILES, lastModified="2096-11-04T00:00:00.000Z"))
    told = laboratory.matrix(["sync_models", "--all", "--author", "sample"], first=SMALL_STEPS)
    assert len(told["clean"]["compat.ModelRecord"]) == 6


def test_refresh_models(laboratory, hub):
    load(laboratory, models())
    hub.remove("sample/phi-2")
    told = laboratory.matrix(["refresh_models", "--limit", "10"], first=SMALL_STEPS)
    assert sum('"gone": "missing"' in row for row in told["clean"]["compat.ModelRecord"]) == 1


def test_check_model(laboratory):
    told = laboratory.matrix(["check_model", "sample/phi-1"], first=SMALL_STEPS)
    assert len(told["clean"]["compat.ModelRecord"]) == 1


def test_reevaluate(laboratory):
    load(laboratory, few())
    laboratory.do(
        "from compat.models import *\n"
        "Catalogue.objects.update(facts_version='old')\n"
        "ModelRecord.objects.update(context=1)\n"
        "Verdict.objects.filter(profile='rbee').update(rules='old')\n"
        "EngineSetting.objects.filter(slug='llama-cpp').update(context_policy='cap')\n"
    )
    told = laboratory.matrix(["reevaluate"], first=SMALL_STEPS)
    assert not any('"context": 1,' in row for row in told["clean"]["compat.ModelRecord"]), "all were read again"
    assert not any('"rules": "old"' in row for row in told["clean"]["compat.Verdict"])


INDEX = """
from compat.catalogue.current import prepare_index
from compat.models import ModelRecord
index, made = prepare_index([])
found["index"] = len(index) == ModelRecord.objects.count()
found["left over"] = [path.name for path in folder.rglob(".making-*")]
"""


def test_build_index(laboratory):
    load(laboratory, few())
    told = laboratory.matrix(["build_index"], look=INDEX)
    assert told["clean"]["index"]


def test_housekeeping(laboratory):
    load(laboratory, few())
    laboratory.do(
        "from datetime import timedelta\n"
        "from django.contrib.sessions.models import Session\n"
        "from django.utils import timezone\n"
        "from compat.models import *\n"
        "old = timezone.now() - timedelta(days=100)\n"
        "Job.objects.create(kind='judge', state='done', wanted=old, finished=old)\n"
        "HubFetch.objects.create(repo_id='a/old', state='missing', requested=old, finished=old)\n"
        "Session.objects.create(session_key='x', session_data='x', expire_date=old)\n"
        "hook = Webhook.objects.create(name='x', url='https://hooks.example.org/', secret='whsec_AAAA')\n"
        "from django_tasks_db.models import DBTaskResult\n"
        "from compat.tasks import fetch_record\n"
        "fetch_record.enqueue('a/b')\n"
        "DBTaskResult.objects.update(status='SUCCESSFUL', finished_at=old)\n"
    )
    told = laboratory.matrix(["housekeeping"], first=SMALL_STEPS)
    assert told["clean"]["sessions.Session"] == told["clean"]["compat.HubFetch"] == []
    assert told["clean"]["django_tasks_database.DBTaskResult"] == []


BACKUPS = """
from django.conf import settings
found["copies"] = len(list(settings.BACKUP_ROOT.glob("runshere-*Z.*")))
found["files"] = len(list(settings.BACKUP_ROOT.iterdir()))
found["sizes"] = all(path.stat().st_size > 1000 for path in settings.BACKUP_ROOT.iterdir())
"""


def test_backup(laboratory):
    load(laboratory, few())
    told = laboratory.matrix(["backup", "--keep", "1"], look=BACKUPS)
    assert told["clean"]["files"] == 1


SITE = """
from tests.crash.fingerprint import files_in
found["site"] = files_in(folder / "site")
found["site"].pop(".export/manifest.json")
"""


def test_export_site(laboratory, tmp_path):
    load(laboratory, few())
    where = laboratory.do("told = str(folder / 'site')")
    told = laboratory.matrix(["export_site", "--top", "3", "--processes", "1", "--output", where], look=SITE)
    assert "index.html" in told["clean"]["site"]


WANTED = """
from django.utils import timezone
from compat.ingest.jobs import want
from compat.models import EngineSetting, Schedule
from compat.tasks import request_fetch
EngineSetting.objects.filter(slug="rbee").update(context_policy="cap")
want("judge")
for kind, options in (("sync", "--limit 4"), ("backup", "--keep 1"), ("housekeeping", ""), ("refresh", "--limit 5")):
    Schedule.objects.create(kind=kind, options=options, every=24, active=True, due=timezone.now())
request_fetch("sample/phi-4", asker="x")
request_fetch("sample/none", asker="x")
"""


def test_work(laboratory):
    load(laboratory, few())
    laboratory.do(WANTED)
    told = laboratory.matrix(["work", "--batch"], first=SMALL_STEPS, look=BACKUPS)
    assert len(told["clean"]["compat.VisitorAddition"]) == 1
    assert len(told["clean"]["jobs"]) == 5
    assert len(told["clean"]["compat.ModelRecord"]) == len(few()) + 5


PREPARE = (
    SMALL_STEPS
    + """
from pathlib import Path
from compat.ingest import from_files
from django.conf import settings
from_files.BUNDLED = Path({path!r})
settings.STATICFILES_DIRS = [Path({static!r})]
settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
"""
)
STATIC = """
from tests.crash.fingerprint import files_in
found["static"] = files_in(folder / "static_root")
"""


@pytest.fixture
def bundled(tmp_path):
    """Code that has a small snapshot bundled, and few static files."""
    path, static = tmp_path / "few.jsonl", tmp_path / "static"
    path.write_text("".join(json.dumps(one) + "\n" for one in few()), "utf-8")
    (static / "css").mkdir(parents=True)
    (static / "css/base.css").write_text("a { color: red }\n")
    return PREPARE.format(path=str(path), static=str(static))


def test_a_prepare_of_a_database_without_tables(laboratory, bundled):
    laboratory.begin(empty=True)
    # Each run makes all tables; commits and files are tried below. The statement notes that a migration is done.
    kinds = ["statement"]
    told = laboratory.matrix(["prepare", "--no-snapshot"], first=bundled, look=STATIC, kinds=kinds, second=False)
    assert told["clean"]["static"]
    assert told["clean"]["auth.Permission"]


def test_the_first_prepare(laboratory, bundled):
    told = laboratory.matrix(["prepare"], first=bundled, look=INDEX + STATIC, second=False)
    assert len(told["clean"]["compat.ModelRecord"]) == len(few())
    assert told["clean"]["static"]


def test_a_later_prepare_with_a_newer_snapshot_and_other_rules(laboratory, bundled):
    laboratory.do(bundled + call("prepare"))
    laboratory.do(
        "from compat.models import *\n"
        "Catalogue.objects.update(facts_version='old', bundled='old')\n"
        "Verdict.objects.filter(profile='rbee').update(rules='old')\n"
        "(folder / 'static_root/.collected').write_text('old')\n"
    )
    told = laboratory.matrix(["prepare"], first=bundled, look=INDEX + STATIC)
    assert not any('"rules": "old"' in row for row in told["clean"]["compat.Verdict"])


FILES_OF = """
from tests.crash.fingerprint import files_in
found["files"] = files_in(folder)
"""


def test_dump_records(laboratory):
    load(laboratory, few())
    where = laboratory.do("told = str(folder / 'dumped.jsonl.gz')")
    look = """
import gzip
found["files"] = [path.name for path in folder.iterdir()]
lines = gzip.open(folder / "dumped.jsonl.gz")
found["dumped"] = sorted(line.decode()[:30] for line in lines if b"writer/" not in line)
"""
    told = laboratory.matrix(["dump_records", where], look=look)
    assert len(told["clean"]["dumped"]) == len(few())


LLAMA = "meta-llama/Llama-3.1-8B"
LOG = DATA / "ollama-0.9-deepseek-r1-8b-journald.log"
KEEP = ["read_log", LLAMA, str(LOG), "--keep"]


@pytest.fixture
def with_llama(laboratory):
    """A catalogue with the model that a log is of."""
    load(laboratory, [one for one in every_record() if one["id"] == LLAMA])
    return laboratory


def test_read_log_keeps_once(with_llama):
    told = with_llama.matrix(KEEP)
    assert len(told["clean"]["compat.Measurement"]) == 1


def test_dump_measurements(with_llama):
    with_llama.do(call(*KEEP))
    where = with_llama.do("told = str(folder / 'points.jsonl')")
    told = with_llama.matrix(["dump_measurements", where], look=FILES_OF)
    assert list(told["clean"]["files"]) == ["points.jsonl"]


READERS = {
    "find_models": ["find_models", "llama", "--worker", "vllm", "--memory", "24"],
    "list_workers": ["list_workers"],
    "compat_report": ["compat_report"],
    "accuracy": ["accuracy"],
    "read_log": KEEP[:-1],
    "check_model": ["check_model", LLAMA],
}
"""Commands that only read, and what two others do if they are not told to keep anything."""


@pytest.mark.parametrize("name", READERS)
def test_what_only_reads_has_no_point_to_be_killed_at(with_llama, name):
    # What is asked of lists makes the index where there is none, as build_index does.
    first = call("build_index")
    assert with_llama.points(READERS[name], first=first) == []
    assert with_llama.points(KEEP, first=first), "points are seen"


def test_every_command_is_killed_here_or_has_no_point():
    """``work`` among them, and all that it does; ``mcp_server`` answers what the API and ``find_models`` do."""
    killed = set(re.findall(r'\.matrix\(\["(\w+)"', Path(__file__).read_text("utf-8"))) | {KEEP[0]}
    ours = {name for name, app in get_commands().items() if app in ("compat", "marketplace")}
    assert ours - killed - READERS.keys() == {"mcp_server"}
