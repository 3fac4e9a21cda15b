"""The tensors of a repository's GGUF files, read from a Hub by parts: bounded, once a commit, and never trusted."""

from __future__ import annotations

import asyncio

import pytest

from compat.catalogue.needs import inputs_of_variant
from compat.estimate.weights import estimate_weights
from compat.hub import HubClient, HubError, HubSettings, HubUnavailable
from compat.hub.documents import Kind
from compat.hub.payloads import parse_record
from compat.ingest.gguf_metadata import MOST_FILES, MOST_WHOLE, gguf_tensors_of
from compat.models import ModelRecord, RecordDocument, RecordVariant
from compat.tasks import fetch_now
from tests.extraction.header_files import ARRAY, U32, gguf_file, llama_pairs
from tests.extraction.test_gguf_tensors import OTHER, TENSORS, with_notes
from tests.hub_server import HubServer
from tests.ingest.conftest import NO_WAITING
from tests.own_database import OwnDatabase

REPO = "sample/tensors-GGUF"
SHA = "c" * 40
LARGE = 60_000
"""Tokens whose texts take a megabyte, as those of real vocabularies do."""
FILES = {
    "m-Q4_K_M.gguf": gguf_file(with_notes(LARGE), TENSORS),
    "m-F32.gguf": gguf_file(with_notes(LARGE, note="of a data set"), OTHER),
}
TOTAL = {name: len(content) for name, content in FILES.items()}


def record(files=FILES, **more):
    siblings = [{"rfilename": name, "size": len(content)} for name, content in files.items()]
    return {"id": REPO, "sha": SHA, "siblings": siblings, "tags": ["gguf"], **more}


def hub_with(files=FILES, **more):
    return HubServer([{"id": REPO, "sha": SHA, "tags": ["gguf"], **more}], files={REPO: files})


def asked(hub, item=None, **changes):
    """What the files of a record list."""

    async def run():
        async with HubClient(HubSettings(**{"endpoint": hub.url, **NO_WAITING, **changes})) as client:
            return await gguf_tensors_of(client, parse_record(item or record()).model)

    return asyncio.run(run())


def kept_bytes(found):
    return {name: file["bytes"] for name, file in found["files"].items()}


Q4_BYTES = {"total": 14_400 + 3 * 36_864 + 3 * 1000 + 102_400, "embed": 14_400, "head": 102_400}
F32_BYTES = {"total": 2 * 102_400 + 3 * 262_144 + 3 * 1000, "embed": 102_400, "head": 102_400}


def test_all_of_one_file_is_read_and_of_the_others_what_lies_about_their_lists():
    with hub_with() as hub:
        found = asked(hub)
        assert kept_bytes(found) == {"m-F32.gguf": F32_BYTES, "m-Q4_K_M.gguf": Q4_BYTES}
        header = len(gguf_file(with_notes(LARGE), TENSORS, data=False))
        assert hub.bytes_sent < 2.1 * header + 60_000
        assert sum("m-Q4_K_M" in path for path in hub.paths()) == 2


def test_a_set_in_parts_is_read_part_by_part():
    names = [f"m-Q8_0-0000{n}-of-00003.gguf" for n in (1, 2, 3)]
    head, *rest = [dict([item]) for item in TENSORS.items()][:3]
    later = {"split.no": (U32, 1), "split.count": (U32, 3)}
    contents = [gguf_file(with_notes(LARGE), head), *(gguf_file(later, tensors) for tensors in rest)]
    files = dict(zip(names, contents, strict=True))
    with hub_with(files) as hub:
        assert kept_bytes(asked(hub, record(files))) == {
            names[0]: {"total": 14_400, "embed": 14_400},
            **{name: {"total": 36_864} for name in names[1:]},
        }


# --- lies and trouble ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [b"x" * 100, b"x" * 10**6], ids=["a little", "a lot"])
def test_a_file_that_is_larger_than_its_tensors_is_left_out(more):
    files = {name: content + (more if "F32" in name else b"") for name, content in FILES.items()}
    with hub_with(files) as hub:
        assert set(asked(hub, record(files))["files"]) == {"m-Q4_K_M.gguf"}


def test_a_file_that_is_smaller_than_its_tensors_is_left_out():
    files = {name: content[: -1000 if "F32" in name else None] for name, content in FILES.items()}
    with hub_with(files) as hub:
        assert set(asked(hub, record(files))["files"]) == {"m-Q4_K_M.gguf"}


def test_where_no_size_is_told_the_tensors_alone_are_believed_if_they_leave_no_gap():
    files = {"a.gguf": FILES["m-F32.gguf"], "b.gguf": gguf_file(with_notes(50), TENSORS, moved=32)}
    item = {**record(), "siblings": [{"rfilename": name} for name in files]}
    with hub_with(files) as hub:
        assert set(asked(hub, item)["files"]) == {"a.gguf"}


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>" * 500, FILES["m-F32.gguf"][:1000], gguf_file(llama_pairs(), {"a": ((256, 4), 99)}, data=False)],
    ids=["nothing", "a web page", "cut", "a type that is not known"],
)
def test_what_lists_no_tensors_is_remembered_as_that(content):
    with hub_with({"m.gguf": content}) as hub:
        assert asked(hub, record({"m.gguf": content})) == {}


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 403}, {"cut_after": 100}, {"cut_after": -1}])
@pytest.mark.parametrize("where", ["resolve", "m-Q4_K_M"], ids=["at once", "in the middle"])
def test_what_the_hub_does_not_send_now_is_asked_for_another_time(fault, where):
    with hub_with() as hub:
        hub.fail_next(9, path=where, **fault)
        with pytest.raises(HubError):
            asked(hub)


def test_a_hub_that_ignores_ranges_does_not_send_whole_files():
    files = {"m.gguf": FILES["m-F32.gguf"] + bytes(64 * 2**20)}
    with hub_with(files) as hub:
        hub.ignore_ranges = True
        with pytest.raises(HubUnavailable):
            asked(hub, record(files), max_response_bytes=2**20)
        # What was under way when the client hung up lies in the buffers of both sides.
        assert hub.bytes_sent < 32 * 2**20


def test_a_header_that_does_not_end_is_given_up_at_the_bound():
    pairs = {**llama_pairs(), **{f"note.{n}": (ARRAY, (U32, [1] * 2**18)) for n in range(30)}}
    files = {"m.gguf": gguf_file(pairs, TENSORS)}
    with hub_with(files) as hub:
        assert asked(hub, record(files)) == {}
        assert hub.bytes_sent <= 24 * 2**20 + 10_000


def test_not_every_file_of_many_unlike_ones_is_read_whole():
    files = {f"m{n}.gguf": gguf_file(with_notes(300 + n, note="x" * 9000 * n), TENSORS) for n in range(MOST_FILES + 3)}
    with hub_with(files) as hub:
        found = asked(hub, record(files))
        assert len(found["files"]) == MOST_WHOLE
        assert len({path for path in hub.paths() if "resolve" in path}) <= MOST_FILES


def test_a_gated_repository_is_read_with_a_token():
    held = [{"id": REPO, "sha": SHA, "gated": "manual"}]
    with HubServer(held, files={REPO: FILES}, tokens=["hf_good"], granted=[REPO]) as hub:
        assert asked(hub, record(gated="manual"), token="hf_good")["files"]


# --- where it is used ------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_fetch_keeps_them_once_a_commit_and_estimates_come_from_them(at):
    with hub_with() as hub:
        at(hub)
        assert fetch_now(REPO) == (REPO, "new")
        first = hub.bytes_sent
        assert fetch_now(REPO) == (REPO, "unchanged")
        assert hub.bytes_sent - first < first / 3
    kept = ModelRecord.objects.get(repo_id=REPO)
    document = RecordDocument.objects.get(record=kept, kind=Kind.GGUF_TENSORS)
    assert document.sha == SHA
    assert len(document.data) < 1000
    variant = RecordVariant.objects.get(record=kept, quantization="Q4_K_M")
    assert variant.size_bytes == TOTAL["m-Q4_K_M.gguf"]
    needed, _ = inputs_of_variant(kept, variant)
    weights = estimate_weights(needed.shape, file_bytes=needed.file_bytes, quant=needed.quant, tensors=needed.tensors)
    assert (weights.total, weights.embed, weights.tied) == (Q4_BYTES["total"], Q4_BYTES["embed"], False)


@pytest.mark.django_db
def test_a_page_shows_a_model_of_which_they_were_read(client, at):
    with hub_with(pipeline_tag="text-generation") as hub:
        at(hub)
        fetch_now(REPO)
    page = client.get(f"/models/{REPO}/?worker=llama-cpp&memory=24&ram=64").content.decode()
    assert "tensors that its files list" in page


def test_a_sync_reads_them_once_and_asks_again_for_what_it_did_not_get(tmp_path):
    with hub_with() as hub, OwnDatabase(tmp_path, HF_ENDPOINT=hub.url) as own:
        hub.fail_next(path="m-Q4_K_M", status=403)
        own.run("sync_models", "--no-config", "--headers")
        kinds = "SELECT kind FROM compat_recorddocument ORDER BY kind"
        assert ("gguf-tensors",) not in own.rows(kinds)
        done = own.run("sync_models", "--no-config", "--headers")
        assert done.returncode == 0, done.stderr
        assert ("gguf-tensors",) in own.rows(kinds)
        before = len(hub.requests)
        own.run("sync_models", "--no-config", "--headers")
        assert not any(request.path.endswith(".gguf") for request in hub.requests[before:])
