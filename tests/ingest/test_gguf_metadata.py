"""What a repository's own GGUF file says, read from a Hub by parts: first among the facts, and never trusted."""

from __future__ import annotations

import asyncio
import copy
import struct
from contextlib import contextmanager

import pytest
from django.utils import timezone

from compat.extraction.extract import extract
from compat.extraction.facts import Provenance
from compat.hub import HubClient, HubSettings
from compat.hub.documents import Kind, told
from compat.hub.payloads import MAX_RECORD_BYTES, HubModel, parse_record
from compat.ingest import store as sync
from compat.ingest.at_commit import with_headers
from compat.ingest.gguf_metadata import MOST_BYTES, file_to_read
from compat.models import HubFetch, ModelRecord, Verdict
from compat.tasks import fetch_now, fetch_record
from tests.extraction.header_files import ARRAY, STRING, U8, U32, U64, gguf, llama, llama_pairs, pair
from tests.extraction.test_gguf_header import WRITTEN
from tests.hub_server import HubServer
from tests.ingest.conftest import NO_WAITING
from tests.own_database import OwnDatabase
from tests.samples import record

TINY = "sample/tiny-GGUF"
FILE = "tiny-gemma-Q3_K_M.gguf"
REAL = WRITTEN.read_bytes()


@contextmanager
def hub_with(content=REAL, file=FILE, **more):
    """A Hub with one repository of one file."""
    with HubServer([{"id": TINY, **more}], files={TINY: {file: content}} if content is not None else {}) as hub:
        yield hub


def asked(hub, item, **changes):
    """What becomes of a record whose tensors are known, or cannot be."""
    before = copy.deepcopy(item)
    kept = {(item["id"], str(item.get("sha")), Kind.GGUF_TENSORS)}

    async def run():
        async with HubClient(HubSettings(**{"endpoint": hub.url, **NO_WAITING, **changes})) as client:
            done = await with_headers(client, told(Kind.DETAIL, item, timezone.now()), kept)
            return item | {key: value for one in done.told.documents[1:] for key, value in one.data.items()}

    found = asyncio.run(run())
    assert item == before
    return found


def plain(**more):
    return {"id": TINY, "siblings": [{"rfilename": FILE}], **more}


def extracted(item):
    return extract(parse_record(item).model)


# --- which file ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        ([], None),
        (["model.safetensors", "config.json"], None),
        (["b-Q8_0.gguf", "a-Q4_K_M.gguf"], "a-Q4_K_M.gguf"),
        (["mmproj-F16.gguf", "z-Q4_K_M.gguf"], "z-Q4_K_M.gguf"),
        (["mmproj-F16.gguf"], None),
        (["m-Q8_0-00002-of-00003.gguf", "m-Q8_0-00001-of-00003.gguf"], "m-Q8_0-00001-of-00003.gguf"),
        (["m-Q8_0-00002-of-00003.gguf"], None),
        (["Q8_0/m-Q8_0-00001-of-00002.gguf", "Q8_0/m-Q8_0-00002-of-00002.gguf"], "Q8_0/m-Q8_0-00001-of-00002.gguf"),
    ],
)
def test_the_first_part_of_the_first_variant_stands_for_the_repository(files, chosen):
    assert file_to_read(HubModel(id=TINY, siblings=[{"rfilename": file} for file in files])) == chosen


# --- a real file -----------------------------------------------------------------------------------------------


def test_a_real_file_is_read_in_one_request():
    with hub_with() as hub:
        found = asked(hub, plain())
        assert [request.headers["range"] for request in hub.requests] == ["bytes=0-262143"]
    header = found.pop("_gguf_header")
    assert found == plain()
    assert (header["file"], header["vocab_size"]) == (FILE, 40)
    assert header["values"]["general.architecture"] == "gemma3"
    assert header["values"]["gemma3.attention.head_count_kv"] == [1, 1, 2, 1]


def test_its_facts_come_first_and_say_where_they_were_read():
    with hub_with() as hub:
        found = asked(hub, plain())
    extraction = extracted(found)
    assert extraction.architecture.value == "gemma3"
    assert extraction.architecture.provenance is extraction.context.provenance is Provenance.GGUF_HEADER
    assert extraction.architecture.evidence == f"general.architecture of {FILE} is “gemma3”"
    assert extraction.context.value == 32768
    assert extraction.context.evidence == f"{FILE} says 32,768"
    assert extraction.variants[0].facts.gguf_architecture == "gemma3"


@pytest.mark.parametrize(
    "others",
    [
        {"gguf": {"architecture": "qwen3", "context_length": 4096}},
        {"tags": ["gguf", "mistral"]},
        {"tags": ["base_model:microsoft/phi-2"]},
        {"id": "sample/Llama-3-tiny"},
        {"config": {"model_type": "gemma3_text", "max_position_embeddings": 2048}},
    ],
    ids=["the Hub's block", "a tag", "a base", "the name", "config.json"],
)
def test_nothing_else_is_believed_over_the_header(others):
    with hub_with() as hub:
        header = asked(hub, plain())["_gguf_header"]
    facts = extracted({**plain(), **others, "_gguf_header": header}).variants[0].facts
    assert facts.gguf_architecture == "gemma3"
    assert (facts.context, facts.context_from) == (32768, Provenance.GGUF_HEADER)
    if "config" not in others:
        assert (facts.architecture, facts.architecture_from) == ("gemma3", Provenance.GGUF_HEADER)


def test_a_mixture_that_calls_itself_llama_is_told_apart():
    dense, mixture = llama_pairs(), {**llama_pairs(), "llama.expert_count": (U32, 8)}
    found = {}
    for name, pairs in (("dense", dense), ("mixture", mixture)):
        with hub_with(gguf(pairs)) as hub:
            found[name] = extracted(asked(hub, plain())).architecture
    assert found["dense"].value == "llama"
    assert found["mixture"].value == "mixtral"
    assert found["mixture"].provenance is Provenance.GGUF_HEADER
    assert "several experts" in found["mixture"].evidence


def test_the_commit_that_the_record_tells_is_asked():
    with hub_with(sha="a" * 40) as hub:
        asked(hub, plain(sha="a" * 40))
        assert hub.paths() == [f"/{TINY}/resolve/{'a' * 40}/{FILE}"]


# --- no header to be had ---------------------------------------------------------------------------------------


def nested_arrays(depth):
    """An array of arrays of arrays, one item each."""
    return struct.pack("<IQ", ARRAY, 1) * depth + struct.pack("<IQ", U8, 0)


HOSTILE = {
    "nothing": b"",
    "a web page": b"<html>not found</html>" * 100,
    "cut in the middle": REAL[:200],
    "cut in the first number": REAL[:6],
    "another version": gguf(version=99),
    "endless pairs": gguf(pair_count=2**63),
    "endless tensors": gguf(tensor_count=2**63),
    "a text without end": gguf(pair("a", STRING, "")[:-8] + struct.pack("<Q", 2**62), pair_count=1),
    "an array without end": gguf(pair("a", ARRAY, (U8, []))[:-8] + struct.pack("<Q", 2**62), pair_count=1),
    "arrays in arrays": gguf(
        struct.pack("<Q", 1) + b"a" + struct.pack("<I", ARRAY) + nested_arrays(10_000), pair_count=1
    ),
    "an unknown type": gguf(struct.pack("<Q", 1) + b"a" + struct.pack("<I", 77), pair_count=1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_wrong_file_leaves_the_record_as_it_was(name):
    with hub_with(HOSTILE[name]) as hub:
        assert asked(hub, plain()) == plain()


def test_a_missing_file_leaves_the_record_as_it_was():
    with hub_with(None) as hub:
        assert asked(hub, plain()) == plain()
        assert len(hub.requests) == 1


def test_a_repository_without_gguf_files_is_not_asked():
    with hub_with() as hub:
        for siblings in (None, [], [{"rfilename": "model.bin"}]):
            assert asked(hub, plain(siblings=siblings)) == plain(siblings=siblings)
        assert hub.requests == []


def test_a_gated_repository_is_asked_with_a_token_only():
    with HubServer(
        [{"id": TINY, "gated": "manual"}], files={TINY: {FILE: REAL}}, tokens=["hf_good"], granted=[TINY]
    ) as hub:
        assert asked(hub, plain(gated="manual")) == plain(gated="manual")
        assert hub.requests == []
        assert "_gguf_header" in asked(hub, plain(gated="manual"), token="hf_good")
    with HubServer([{"id": TINY, "gated": "manual"}], files={TINY: {FILE: REAL}}, tokens=["hf_good"]) as hub:
        assert asked(hub, plain(gated="manual"), token="hf_good") == plain(gated="manual")


def test_offline_nothing_is_asked():
    with hub_with() as hub:
        assert asked(hub, plain(), offline=True) == plain()
        assert hub.requests == []


@pytest.mark.parametrize(
    "fault",
    [{"status": 500}, {"status": 403}, {"cut_after": 100}, {"cut_after": -1}, {"endless": True, "body": b"GGUF"}],
)
def test_a_hub_in_trouble_leaves_the_record_as_it_was(fault):
    with hub_with() as hub:
        hub.fail_next(9, path="resolve", **fault)
        assert asked(hub, plain(), max_response_bytes=2**20) == plain()


# --- bounds ----------------------------------------------------------------------------------------------------


def test_no_more_than_a_part_of_a_large_file_is_asked():
    weights = bytes(6 * 2**20)
    with hub_with(llama(tokens=60_000) + weights) as hub:
        assert asked(hub, plain())["_gguf_header"]["vocab_size"] == 60_000
        assert hub.bytes_sent <= 262_144 + 1000


def test_a_header_that_does_not_end_is_given_up_at_the_bound():
    notes = b"".join(pair(f"note.{n}", STRING, "x" * 60_000) for n in range(100))
    with hub_with(gguf(notes, pair_count=101) + bytes(2**20)) as hub:
        assert asked(hub, plain()) == plain()
        assert hub.bytes_sent <= MOST_BYTES


def test_a_hub_that_ignores_ranges_does_not_send_the_whole_file():
    with hub_with(llama() + bytes(30 * 2**20)) as hub:
        hub.ignore_ranges = True
        asked(hub, plain(), max_response_bytes=2**20)
        assert hub.bytes_sent < 16 * 2**20


def test_what_is_kept_of_a_header_is_small_however_much_it_says():
    loud = {
        **llama_pairs(),
        **{f"note.{n}": (STRING, "\x01" * 190) for n in range(1500)},
        "k" * 900: (U32, 1),
        "long": (STRING, "x" * 400),
        "list": (ARRAY, (U8, [1] * 300)),
    }
    with hub_with(gguf(loud)) as hub:
        found = asked(hub, plain())
    values = found["_gguf_header"]["values"]
    assert values["llama.context_length"] == 8192
    assert "long" not in values
    assert "list" not in values
    assert max(map(len, values)) <= 200
    assert len(values) <= 500
    assert len(str(found)) < MAX_RECORD_BYTES // 4
    assert parse_record(found).model.gguf_header.context_length == 8192


@pytest.mark.django_db
@pytest.mark.parametrize(
    "pairs",
    [
        {"general.architecture": (STRING, "llama"), "llama.context_length": (U64, 2**64 - 1)},
        {"general.architecture": (STRING, "llama"), "llama.context_length": (STRING, "many")},
        {"general.architecture": (STRING, "x" * 190), "llama.block_count": (U64, 2**64 - 1)},
        {"general.architecture": (U32, 5)},
        {"general.architecture": (STRING, "")},
        {"general.architecture": (STRING, "<script>alert(1)</script>")},
        {
            "general.architecture": (STRING, "llama"),
            "llama.block_count": (U64, 2**62),
            "llama.embedding_length": (U64, 2**62),
            "llama.attention.head_count": (U64, 2**62),
            "llama.attention.head_count_kv": (ARRAY, (U64, [2**63] * 100)),
        },
    ],
    ids=["endless context", "context in words", "long name", "number", "no name", "html", "endless layers"],
)
def test_senseless_values_can_be_stored_and_shown(client, pairs):
    with hub_with(gguf({"tokenizer.ggml.model": (STRING, "gpt2"), **pairs})) as hub:
        found = asked(hub, plain())
    assert "_gguf_header" in found
    counts = sync.store_raw([("1", found)], origin="hub")
    assert (counts.new, counts.problems) == (1, [])
    for query in ("", "?worker=llama-cpp&memory=24&ram=64", "?worker=vllm&accelerator=RTX 4090"):
        page = client.get(f"/models/{TINY}/{query}")
        assert page.status_code == 200
        assert b"<script>alert" not in page.content


# --- where it is used ------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_fetching_stores_what_the_header_says(at):
    with hub_with(pipeline_tag="text-generation", tags=["gguf"]) as hub:
        at(hub)
        assert fetch_now(TINY) == (TINY, "new")
        assert fetch_now(TINY) == (TINY, "unchanged")
    kept = ModelRecord.objects.get(repo_id=TINY)
    assert (kept.architecture, kept.architecture_from, kept.context) == ("gemma3", "gguf-header", 32768)
    assert '"num_hidden_layers":4' in kept.shape_facts
    assert Verdict.objects.get(sheet=kept.sheet_id, profile="llama-cpp").result.compatible
    assert Verdict.objects.get(sheet=kept.sheet_id, profile="rbee").result.confidence == "medium"


@pytest.mark.django_db
def test_fetching_goes_on_without_a_header(at):
    with hub_with(b"<html>", tags=["gguf"]) as hub:
        at(hub)
        assert fetch_record.func(TINY) == "new"
    assert ModelRecord.objects.get(repo_id=TINY).architecture_from == "unknown"


@pytest.mark.django_db
def test_a_hub_that_tells_no_record_is_a_failure_in_words(at):
    with hub_with(downloads="many") as hub:
        at(hub)
        assert fetch_record.func(TINY) == "failed"
    assert "downloads" in HubFetch.objects.get(repo_id=TINY).error


@pytest.mark.django_db
def test_fetching_a_base_speaks_for_what_is_made_from_it(at):
    made = {"id": "sample/made-GGUF", "siblings": [{"rfilename": "m-Q4_K_M.gguf"}], "tags": ["base_model:sample/base"]}
    sync.store_raw([("1", made)], origin="file")
    with HubServer([record("microsoft/phi-2", id="sample/base")]) as hub:
        at(hub)
        assert fetch_record.func("sample/base") == "new"
    assert ModelRecord.objects.get(repo_id="sample/made-GGUF").architecture_from == "relative"


def test_a_sync_reads_headers_only_where_asked(tmp_path):
    records = [
        {"id": TINY, "tags": ["gguf"]},
        {"id": "sample/broken-GGUF", "tags": ["gguf"]},
        record("microsoft/phi-2", id="sample/plain"),
    ]
    files = {TINY: {FILE: REAL}, "sample/broken-GGUF": {"m-Q8_0.gguf": b"<html>"}}
    architectures = "SELECT name, architecture_from, context FROM compat_modelrecord ORDER BY name"
    with HubServer(records, files=files) as hub, OwnDatabase(tmp_path, HF_ENDPOINT=hub.url) as own:
        done = own.run("sync_models", "--no-config")
        assert done.returncode == 0, done.stderr
        assert not any(path.endswith(".gguf") for path in hub.paths())
        assert own.rows(architectures)[2][:2] == ("tiny-GGUF", "unknown")
        done = own.run("sync_models", "--no-config", "--headers")
        assert done.returncode == 0, done.stderr
        assert "0 changed, 3 unchanged, 0 rejected" in done.stdout, "which counts what the list told"
        assert own.rows(architectures)[2] == ("tiny-GGUF", "gguf-header", 32768)
        assert own.rows(architectures)[0][:2] == ("broken-GGUF", "unknown")
        done = own.run("sync_models", "--no-config", "--headers")
        assert "0 changed, 3 unchanged" in done.stdout
