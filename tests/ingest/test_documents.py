"""Documents in the catalogue: what was learnt of a commit stays, in whatever order and however often it is told."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from django.utils import timezone

from compat.hub.documents import Kind, told
from compat.ingest import store as sync
from compat.ingest.freshness import is_stale
from compat.models import Catalogue, ModelRecord, RecordDocument
from compat.tasks import fetch_now
from tests.hub_server import HubServer
from tests.ingest.conftest import NO_WAITING
from tests.ingest.test_gguf_metadata import FILE, REAL, TINY
from tests.own_database import TIMEOUT, OwnDatabase
from tests.samples import record, write_lines

pytestmark = pytest.mark.django_db

PHI = "microsoft/phi-2"
OLD, NEW = "0" * 40, "f" * 40
NOW = timezone.now() - timedelta(hours=1)
FILES = [{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}]
SIZED = [{"rfilename": "config.json", "size": 5}, {"rfilename": "model.safetensors", "size": 4_000_000_000}]
CONFIG = {"model_type": "llama", "max_position_embeddings": 4096}


def row(sha=NEW, minutes=0, more=None, **fields):
    answer = {"id": "sample/one", "sha": sha, "siblings": FILES, "likes": minutes, **fields}
    return told(Kind.LIST, answer, NOW + timedelta(minutes=minutes), more or {})


def detail(sha=NEW, minutes=0, more=None, **fields):
    answer = {"id": "sample/one", "sha": sha, "siblings": SIZED, "likes": minutes, **fields}
    return told(
        Kind.DETAIL, answer, NOW + timedelta(minutes=minutes), more or {Kind.CONFIG: {"config": CONFIG}}, whole=True
    )


def store(*batch, origin="hub"):
    counts = sync.Counts()
    for one in batch:
        counts.add(sync.store_told([one], origin=origin))
    return (counts.new, counts.changed, counts.unchanged, counts.older)


def kept():
    return ModelRecord.objects.get(repo_id="sample/one")


def everything():
    """All that is kept of the sample, but for keys and the time of writing."""
    found = kept()
    columns = {
        field.name: getattr(found, field.name)
        for field in ModelRecord._meta.concrete_fields
        if field.name not in ("id", "updated", "sheet")
    }
    documents = list(found.documents.order_by("kind").values_list("kind", "sha", "read", "data"))
    variants = list(found.variants.values_list("label", "size_bytes"))
    return columns, found.sheet.facts, variants, [(kind, sha, read, bytes(data)) for kind, sha, read, data in documents]


def test_a_row_of_a_list_keeps_what_a_fetch_learnt_at_the_same_commit():
    assert store(detail()) == (1, 0, 0, 0)
    assert store(row(minutes=5)) == (0, 1, 0, 0)
    found = kept()
    assert (found.context, found.size_bytes, found.likes) == (4096, 4_000_000_005, 5)
    assert found.variants.get().size_bytes == 4_000_000_000
    assert store(row(minutes=5)) == (0, 0, 1, 0)


def test_a_new_commit_drops_the_old_configuration_and_a_fetch_brings_the_new_one():
    store(detail(OLD))
    assert not is_stale(kept())
    store(row(minutes=5))
    assert (kept().context, kept().size_bytes, kept().sha) == (None, None, NEW)
    assert is_stale(kept())
    store(detail(minutes=9, more={Kind.CONFIG: {"config": {**CONFIG, "max_position_embeddings": 8192}}}))
    assert kept().context == 8192
    assert not is_stale(kept())


def test_a_whole_answer_leaves_nothing_of_another_commit_behind():
    header = {Kind.GGUF: {"_gguf_header": {"file": "m.gguf", "values": {}}}}
    store(row(OLD, more=header), detail(minutes=5))
    assert set(kept().documents.values_list("kind", "sha")) == {("detail", NEW), ("config", NEW)}


def test_an_answer_that_was_overtaken_drops_nothing_newer():
    store(row(minutes=5, more={Kind.CONFIG: {"config": CONFIG}}), detail(OLD, minutes=1, more={Kind.GGUF: {}}))
    assert set(kept().documents.values_list("kind", "sha")) >= {("list", NEW), ("config", NEW)}
    assert (kept().sha, kept().context) == (NEW, 4096)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_in_whatever_order_answers_arrive_the_end_is_the_same(order):
    answers = [
        (row(OLD, 1), "hub"),
        (row(NEW, 3, more={Kind.CONFIG: {"config": CONFIG}}), "hub"),
        (row(NEW, 4), "hub"),
        (sync.told_whole({"id": "sample/one", "likes": 50, "_source": {"likes": "a list, 2024"}}, "file", NOW), "file"),
    ]
    for number in range(4):
        store(answers[number][0], origin=answers[number][1])
    expected = everything()
    ModelRecord.objects.filter(repo_id="sample/one").delete()
    for number in order:
        store(answers[number][0], origin=answers[number][1])
    assert everything() == expected


def test_told_again_nothing_is_written_but_when_it_was_read():
    store(detail(minutes=1, likes=3))
    before, version = everything(), Catalogue.objects.get().version
    assert store(detail(minutes=8, likes=3)) == (0, 0, 1, 0)
    after = everything()
    assert Catalogue.objects.get().version == version
    assert after[0] == {**before[0], "fetched": NOW + timedelta(minutes=8)}
    assert [one[:2] + one[3:] for one in after[3]] == [one[:2] + one[3:] for one in before[3]]


def test_a_file_adds_what_the_hub_left_out_and_the_record_stays_the_hubs():
    store(row(minutes=1, likes=8))
    line = {"id": "sample/one", "likes": 2, "config": CONFIG, "_source": {"likes": "a list, 2024", "config": "a list"}}
    assert store(sync.told_whole(line, "file", NOW), origin="file") == (0, 1, 0, 0)
    found = kept()
    assert (found.context, found.likes, found.origin) == (4096, 8, "hub")
    assert found.fetched == NOW + timedelta(minutes=1)
    assert found.payload["_source"] == {"config": "a list"}


def test_a_file_that_says_what_the_record_is_already_counts_as_unchanged():
    store(detail())
    assert store(sync.told_whole(kept().payload, "file", NOW), origin="file") == (0, 0, 1, 0)
    older = kept().payload | {"config": {**CONFIG, "max_position_embeddings": 2048}}
    assert store(sync.told_whole(older, "file", NOW), origin="file") == (0, 0, 0, 1)


def test_the_bundled_snapshot_replaces_its_own_lines_and_nothing_that_others_told():
    line = {"id": "sample/one", "likes": 1, "config": CONFIG}
    longer = line | {"config": {**CONFIG, "max_position_embeddings": 8192}}
    assert store(sync.told_whole(line, "snapshot", NOW), origin="snapshot") == (1, 0, 0, 0)
    assert store(sync.told_whole(longer, "snapshot", NOW), origin="snapshot") == (0, 1, 0, 0)
    assert (kept().context, kept().origin) == (8192, "snapshot")
    store(row(minutes=5))
    assert (kept().context, kept().origin) == (8192, "hub")
    before = everything()
    assert store(sync.told_whole(line, "snapshot", NOW), origin="snapshot") == (0, 0, 0, 1)
    assert store(sync.told_whole(kept().payload, "snapshot", NOW), origin="snapshot") == (0, 0, 1, 0)
    assert everything() == before


# --- against a Hub -------------------------------------------------------------------------------------------------


def test_a_fetched_header_and_sizes_outlive_syncs_and_nothing_kept_is_asked_for_again(tmp_path):
    records = [{"id": TINY, "sha": NEW}, record(PHI, id="sample/phi", sha=NEW, siblings=FILES)]
    facts = "SELECT repo_id, architecture_from, context, size_bytes FROM compat_modelrecord ORDER BY 1"
    fetch = f"from compat.tasks import fetch_now; fetch_now({TINY!r})"
    with HubServer(records, files={TINY: {FILE: REAL}}) as hub, OwnDatabase(tmp_path, HF_ENDPOINT=hub.url) as own:
        assert own.run("shell", "--verbosity", "0", "-c", fetch).returncode == 0
        assert own.run("sync_models", "--headers").returncode == 0
        known = own.rows(facts)
        assert known[1] == (TINY, "gguf-header", 32768, len(REAL))
        assert known[0][2] == 2048
        before = len(hub.requests)
        again = own.run("sync_models", "--headers")
        assert "0 new, 0 changed, 2 unchanged" in again.stdout, again.stderr
        assert own.rows(facts) == known
        assert [path for path in hub.paths()[before:] if "/resolve/" in path] == []


def test_a_configuration_of_a_new_commit_is_asked_for(tmp_path):
    facts = "SELECT sha, context FROM compat_modelrecord"
    with OwnDatabase(tmp_path) as own:
        for sha in (OLD, NEW):
            with HubServer([record(PHI, sha=sha, siblings=FILES)]) as hub:
                own.env["HF_ENDPOINT"] = hub.url
                assert own.run("sync_models").returncode == 0
                assert sum(path.endswith("config.json") for path in hub.paths()) == 1
                assert own.rows(facts) == [(sha, 2048)]
        kept = own.rows("SELECT kind, sha FROM compat_recorddocument ORDER BY 1")
        # There is no header to be read, which is kept too.
        assert kept == [("config", NEW), ("list", NEW), ("safetensors", NEW)]


def test_a_fetch_tells_sizes_and_a_list_does_not_forget_them(settings):
    with HubServer([{"id": TINY, "sha": NEW}], files={TINY: {FILE: REAL}}) as hub:
        settings.HUB = type(settings.HUB)(endpoint=hub.url, **NO_WAITING)
        fetch_now(TINY)
    assert ModelRecord.objects.get(repo_id=TINY).size_bytes == len(REAL)
    store(told(Kind.LIST, {"id": TINY, "sha": NEW, "siblings": [{"rfilename": FILE}]}, timezone.now()))
    found = ModelRecord.objects.get(repo_id=TINY)
    assert (found.size_bytes, found.architecture_from) == (len(REAL), "gguf-header")


QUANTIZED = {"id": "sample/awq", "sha": NEW, "config": {"quantization_config": {"quant_method": "awq"}}}


def details(hub):
    return [path for path in hub.paths() if path.startswith("/api/models/")]


def test_a_sync_asks_once_a_commit_for_the_sizes_of_packed_repositories(tmp_path):
    plain = record(PHI, id="sample/phi", sha=NEW, siblings=SIZED)
    records = [{"id": TINY, "sha": NEW}, QUANTIZED | {"siblings": SIZED}, plain]
    sizes = "SELECT repo_id, size_bytes FROM compat_modelrecord ORDER BY 1"
    with HubServer(records, files={TINY: {FILE: REAL}}) as hub, OwnDatabase(tmp_path, HF_ENDPOINT=hub.url) as own:
        assert own.run("sync_models", "--no-config").returncode == 0
        assert details(hub) == []
        for _ in range(2):
            assert own.run("sync_models").returncode == 0
            assert own.rows(sizes) == [("sample/awq", 4_000_000_005), ("sample/phi", None), (TINY, len(REAL))]
        assert sorted(details(hub)) == ["/api/models/sample/awq", f"/api/models/{TINY}"]


# --- several processes ---------------------------------------------------------------------------------------------


def test_a_file_and_a_hub_at_the_same_time_end_as_one_after_the_other(tmp_path):
    names = [f"sample/phi-{number}" for number in range(1200)]
    hub_records = [record(PHI, id=name, sha=NEW, likes=7, siblings=FILES) for name in names]
    for one in hub_records:
        one.pop("_source")
    lines = [
        {"id": name, "likes": 1, "cardData": {"license": "mit"}, "pipeline_tag": "x", "_source": {"likes": "2024-01"}}
        for name in names
    ]
    file = write_lines(tmp_path / "lines.jsonl", lines)
    facts = "SELECT repo_id, digest, likes, license, context, origin FROM compat_modelrecord ORDER BY 1"
    kinds = "SELECT kind, count(*) FROM compat_recorddocument GROUP BY kind ORDER BY kind"
    ends = []
    for place in ("beside", "after"):
        (tmp_path / place).mkdir()
        with HubServer(hub_records) as hub, OwnDatabase(tmp_path / place, HF_ENDPOINT=hub.url) as own:
            commands = (["load_records", file], ["sync_models", "--no-config", "--limit", "1200"])
            writers = []
            for command in commands:
                writers.append(own.start(*command))
                if place == "after":
                    writers[-1].wait(TIMEOUT)
            for writer in writers:
                out, problems = writer.communicate(timeout=TIMEOUT)
                assert writer.returncode == 0, out + problems
            ends.append((own.rows(facts), own.rows(kinds)))
    assert ends[0] == ends[1]
    assert ends[0][1] == [("file", 1200), ("list", 1200)]


def test_documents_go_with_their_record():
    store(detail())
    kept().delete()
    assert not RecordDocument.objects.filter(record__repo_id="sample/one").exists()
