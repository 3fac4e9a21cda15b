"""What the headers of a repository's safetensors files say, read from a Hub by parts, bounded, and never trusted."""

from __future__ import annotations

import asyncio
import json
import math
import struct

import httpx
import pytest
from django.utils import timezone
from huggingface_hub import HfApi

from compat.catalogue.needs import inputs_of_variant
from compat.estimate.weights import Basis, estimate_weights
from compat.extraction.safetensors_header import DTYPE_BITS
from compat.hub import HubClient, HubSettings, HubUnavailable
from compat.hub.documents import Kind, told
from compat.hub.payloads import HubModel, parse_record
from compat.ingest import store as sync
from compat.ingest.at_commit import with_headers
from compat.ingest.safetensors_metadata import (
    MOST_BYTES,
    MOST_SHARDS,
    files_to_read,
    needs_headers,
    safetensors_headers_of,
)
from compat.models import ModelRecord, RecordDocument, Verdict
from compat.tasks import fetch_now
from tests.extraction.header_files import entries, safetensors
from tests.hub_server import HubServer
from tests.ingest.conftest import NO_WAITING
from tests.own_database import OwnDatabase

AWQ = "sample/llama-AWQ"
ONE = "model.safetensors"
SHA = "f" * 40
LLAMA = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 512,
    "intermediate_size": 1024,
    "num_hidden_layers": 1,
    "num_attention_heads": 8,
    "num_key_value_heads": 8,
    "vocab_size": 1000,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": False,
}
QUANTIZED = LLAMA | {"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemm"}}
LINEAR = {
    **{f"self_attn.{name}_proj": (512, 512) for name in "qkvo"},
    **{f"mlp.{name}_proj": (512, 1024) for name in ("gate", "up")},
    "mlp.down_proj": (1024, 512),
}
WEIGHTS = 2 * 512 * 1000 + 4 * 512 * 512 + 3 * 512 * 1024


def file_of(*tensors):
    """A safetensors file of ``(name, dtype, *shape)``, without the data that nobody reads."""
    sized = [(n, d, shape, -(-math.prod(shape) * DTYPE_BITS[d] // 8)) for n, d, *shape in tensors]
    return safetensors(entries(*sized))


def awq(layers=(0,), *, gemv=False):
    """The tensors of a small Llama that AWQ packed."""
    yield from (
        [(f"{name}.weight", "F16", 1000, 512) for name in ("model.embed_tokens", "lm_head")] if 0 in layers else []
    )
    for layer in layers:
        for name, (inputs, outputs) in LINEAR.items():
            module = f"model.layers.{layer}.{name}"
            packed = (outputs, inputs // 8) if gemv else (inputs, outputs // 8)
            yield f"{module}.qweight", "I32", *packed
            yield f"{module}.qzeros", "I32", *((outputs, 1) if gemv else (inputs // 128, outputs // 8))
            yield f"{module}.scales", "F16", *((outputs, 8) if gemv else (inputs // 128, outputs))


def record(files=(ONE,), config=QUANTIZED, **more):
    listed = [{"rfilename": name} for name in ("config.json", *files)]
    return {"id": AWQ, "sha": SHA, "siblings": listed, "config": config, "tags": ["safetensors"], **more}


def hub_with(files=None, **more):
    files = {ONE: file_of(*awq())} if files is None else files
    return HubServer([record(tuple(files), **more)], files={AWQ: files})


def asked(hub, item=None, **changes):
    """What is kept of the headers of a record: nothing where they may be asked for again."""

    async def run():
        async with HubClient(HubSettings(**{"endpoint": hub.url, **NO_WAITING, **changes})) as client:
            done = await with_headers(client, told(Kind.DETAIL, item or record(), timezone.now()), set())
            kept = {one.kind: one.data for one in done.told.documents}.get(Kind.SAFETENSORS)
            return kept and kept["_safetensors_header"]

    return asyncio.run(run())


def ranges(hub):
    return [request.headers.get("range") for request in hub.requests if request.path.endswith(".safetensors")]


# --- which files ---------------------------------------------------------------------------------------------------

PARTS = tuple(f"model-0000{n}-of-00002.safetensors" for n in (1, 2))


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        ((), ()),
        (("m.gguf", "pytorch_model.bin"), ()),
        (("model.safetensors",), ("model.safetensors",)),
        ((*PARTS[::-1], "README.md"), PARTS),
        (PARTS[1:], ()),
        (("model.safetensors", "consolidated.safetensors"), ("model.safetensors",)),
        (("consolidated.safetensors",), ("consolidated.safetensors",)),
        (("gptq_model-4bit-128g.safetensors",), ("gptq_model-4bit-128g.safetensors",)),
        (("a.safetensors", "b.safetensors"), ()),
        (("adapter_model.safetensors",), ()),
        (("unet/model.safetensors", "vae/model.safetensors"), ()),
    ],
)
def test_the_files_of_one_whole_set_are_read(files, chosen):
    assert files_to_read(HubModel(id=AWQ, siblings=[{"rfilename": file} for file in files])) == chosen


@pytest.mark.parametrize(
    ("told", "needed"),
    [
        ({}, True),
        ({"safetensors": {"total": 5}}, True),
        ({"safetensors": {"parameters": {"BF16": 5, "F32": 1}}}, False),
        ({"safetensors": {"parameters": {"BF16": 5, "I32": 1}}}, True),
        ({"safetensors": {"parameters": {"BF16": 5}}, "config": QUANTIZED}, True),
        ({"safetensors": {"parameters": {"BF16": 5}}, "config": {"quantization": {"bits": 4}}}, True),
        ({"safetensors": {"parameters": {"BF16": 5}}, "config": {"text_config": QUANTIZED}}, True),
        ({"safetensors": {"parameters": {"BF16": 5}}, "config": LLAMA}, False),
    ],
)
def test_headers_are_needed_where_the_hub_counts_nothing_or_words(told, needed):
    assert needs_headers(HubModel(id=AWQ, **told)) is needed


# --- what they say -------------------------------------------------------------------------------------------------


def test_a_small_header_takes_one_request():
    with hub_with() as hub:
        found = asked(hub)
        assert ranges(hub) == ["bytes=0-99999"]
    assert (found["file"], found["files"], found["shards"]) == (ONE, 1, 1)
    assert (found["layout"], found["weights"], found["layers"]) == ("awq", WEIGHTS, 1)
    assert found["roles"] == {"embed": 2 * 512 * 1000, "head": 2 * 512 * 1000}
    assert len(json.dumps(found)) < 500


def test_a_larger_one_takes_a_second_request_and_no_more():
    many = [(f"model.layers.{n}.norm.weight", "F32", 4) for n in range(5000)]
    with hub_with({ONE: file_of(*many)}) as hub:
        assert asked(hub)["tensors"] == 5000
        assert len(ranges(hub)) == 2


def test_the_official_client_counts_the_same():
    with hub_with() as hub:
        found = asked(hub)
        official = HfApi(endpoint=hub.url, token=False).get_safetensors_metadata(AWQ)
    assert official.parameter_count == found["counts"]


def test_a_set_of_few_parts_is_read_whole_even_where_a_module_is_cut_between_them():
    tensors = list(awq())
    files = dict(zip(PARTS, (file_of(*tensors[:6]), file_of(*tensors[6:])), strict=True))
    with hub_with(files) as hub:
        found = asked(hub, record(PARTS))
        whole = asked(hub, record(PARTS)) | {"file": ONE, "files": 1, "shards": 1}
    assert (found["files"], found["shards"], found["weights"]) == (2, 2, WEIGHTS)
    with hub_with() as hub:
        assert asked(hub) == whole


def test_of_a_set_of_many_parts_the_first_and_the_index_are_read():
    names = [f"model-{n:05d}-of-00030.safetensors" for n in range(1, 31)]
    index = {"metadata": {"total_size": 9_000_000}, "weight_map": {}}
    files = {name: file_of(*awq([n])) for n, name in enumerate(names)}
    with hub_with({**files, "model.safetensors.index.json": json.dumps(index).encode()}) as hub:
        found = asked(hub, record(names))
        assert len(hub.requests) == 2
    assert (found["files"], found["shards"], found["layout"], found["total_size"]) == (1, 30, "awq", 9_000_000)
    assert not HubModel.model_validate({"id": AWQ, "_safetensors_header": found}).safetensors_header.whole


@pytest.mark.parametrize(
    "index",
    [
        None, b"{}", b'{"metadata": 5}', b'{"metadata": {"total_size": "9"}}', b'{"metadata": {"total_size": true}}',
        b'{"metadata": {"total_size": -1}}', b'{"metadata": {"total_size": 1e300}}',
        b'{"metadata": {"total_size": NaN}}',
    ],
)  # fmt: skip
def test_an_index_that_tells_no_size_tells_none(index):
    names = [f"model-{n:05d}-of-00009.safetensors" for n in range(1, 10)]
    files = {name: file_of(*awq([n])) for n, name in enumerate(names)}
    more = {} if index is None else {"model.safetensors.index.json": index}
    with hub_with({**files, **more}) as hub:
        found = asked(hub, record(names))
    assert len(names) == MOST_SHARDS + 1
    assert "total_size" not in found


# --- no header to be had -------------------------------------------------------------------------------------------

LASTING = {
    "nothing": b"",
    "a web page": b"<html>not found</html>" * 100,
    "cut in its length": b"\x10\x00",
    "cut in the middle": file_of(*awq())[:300],
    "an endless length": safetensors(b"{}", length=2**60),
    "too short a length": safetensors(b'{"a": 1}', length=3),
    "not JSON": safetensors(b"{oops}"),
    "NaN": safetensors(b'{"a": NaN}'),
    "a tensor twice": safetensors(b'{"a": {}, "a": {}}'),
    "a gap": safetensors({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}),
    "no tensors": safetensors({}),
    "a header larger than is read": struct.pack("<Q", MOST_BYTES) + b"{" + b" " * MOST_BYTES,
}


@pytest.mark.parametrize("name", LASTING)
def test_a_file_that_is_wrong_is_so_for_good(name):
    with hub_with({ONE: LASTING[name]}) as hub:
        assert asked(hub) == {}
        assert hub.bytes_sent < 300_000
        assert len(hub.requests) <= 2


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 403}, {"status": 429}, {"cut_after": 100}], ids=str)
def test_a_hub_in_trouble_may_be_asked_again(fault):
    with hub_with() as hub:
        hub.fail_next(9, path=".safetensors", **fault)
        assert asked(hub, max_wait=0.1) is None
        assert asked(hub, offline=True) is None


def test_a_hub_that_ignores_ranges_sends_no_whole_file():
    with hub_with({ONE: file_of(*awq()) + bytes(30 * 2**20)}) as hub:
        hub.ignore_ranges = True
        assert asked(hub)["weights"] == WEIGHTS
        assert hub.bytes_sent < 16 * 2**20
    many = [(f"model.layers.{n}.norm.weight", "F32", 4) for n in range(5000)]
    with hub_with({ONE: file_of(*many)}) as hub:
        hub.ignore_ranges = True
        assert asked(hub) is None


@pytest.mark.parametrize("told", ["bytes 5-104/9999", "bytes 0-200000/999999", "words", ""])
def test_other_bytes_than_asked_are_not_read(told):
    with hub_with() as hub:
        hub.fail_next(9, path=".safetensors", status=206, body=file_of(*awq()), headers={"Content-Range": told})
        assert asked(hub) == {}


def test_a_gated_repository_is_asked_with_a_token_only():
    with hub_with(gated="manual") as hub:
        assert asked(hub, record(gated="manual")) is None
        assert hub.requests == []


@pytest.mark.parametrize(("target", "read"), [("https://cdn-lfs.hf.co/x", True), ("https://cdn.evil.example/x", False)])
def test_a_header_comes_from_the_endpoint_or_the_hubs_own_file_hosts(target, read):
    seen = []

    def answer(request):
        seen.append((request.url.host, request.headers.get("authorization")))
        if request.url.host == "hub.example":
            return httpx.Response(302, headers={"Location": target})
        body = file_of(*awq())
        told = {"Content-Range": f"bytes 0-{len(body) - 1}/{len(body)}"}
        return httpx.Response(206, stream=httpx.ByteStream(body), headers=told)

    async def run():
        given = HubSettings(endpoint="https://hub.example", token="hf_secret", max_attempts=1)
        async with HubClient(given, transport=httpx.MockTransport(answer)) as client:
            return await safetensors_headers_of(client, parse_record(record()).model)

    if read:
        assert asyncio.run(run())
    else:
        with pytest.raises(HubUnavailable, match="not followed"):
            asyncio.run(run())
    assert seen[:1] == [("hub.example", "Bearer hf_secret")]
    assert seen[1:] == ([("cdn-lfs.hf.co", None)] if read else [])


# --- on demand -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_fetch_reads_the_headers_once_a_commit(at):
    with hub_with() as hub:
        at(hub)
        assert [fetch_now(AWQ)[1] for _ in range(3)] == ["new", "unchanged", "unchanged"]
        assert len(ranges(hub)) == 1
        hub.put(record(sha="0" * 40))
        fetch_now(AWQ)
        assert len(ranges(hub)) == 2
    kept = ModelRecord.objects.get(repo_id=AWQ)
    assert (kept.parameters, kept.parameters_from) == (WEIGHTS, "file-header")
    assert set(kept.documents.values_list("kind", "sha")) >= {("safetensors", "0" * 40)}
    assert not kept.lacks_documents


@pytest.mark.django_db
def test_what_the_header_tells_of_the_layout_is_judged(at):
    silent = {key: value for key, value in QUANTIZED["quantization_config"].items() if key != "version"}
    for gemv in (False, True):
        with hub_with({ONE: file_of(*awq(gemv=gemv))}, config=LLAMA | {"quantization_config": silent}) as hub:
            at(hub)
            fetch_now(AWQ)
        sheet = ModelRecord.objects.get(repo_id=AWQ).sheet_id
        assert Verdict.objects.get(sheet=sheet, profile="vllm").result.compatible is not gemv
        assert Verdict.objects.get(sheet=sheet, profile="transformers").result.compatible
        ModelRecord.objects.all().delete()


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["a web page", "an endless length", "NaN"])
def test_that_there_is_no_header_is_kept_and_the_record_is_what_it_was(at, name):
    with hub_with({ONE: LASTING[name]}) as hub:
        at(hub)
        assert fetch_now(AWQ)[1] == "new"
        before = len(ranges(hub))
        assert fetch_now(AWQ)[1] == "unchanged"
        assert len(ranges(hub)) == before
    kept = ModelRecord.objects.get(repo_id=AWQ)
    assert "_safetensors_header" not in kept.payload
    assert kept.sheet.facts[0]["quantization"] == "AWQ"


@pytest.mark.django_db
def test_numbers_that_no_database_holds_cost_the_header_and_nothing_else(at):
    entry = {"dtype": "F5", "shape": [2**61, 2**61], "data_offsets": [0, 8]}
    with hub_with({ONE: safetensors({"a": entry})}) as hub:
        at(hub)
        assert fetch_now(AWQ)[1] == "new"
    kept = RecordDocument.objects.get(kind="safetensors")
    assert kept.document.data == {}, "that it cannot be kept is kept: nobody asks again"


@pytest.mark.django_db
def test_a_record_keeps_its_header_through_a_file(at):
    with hub_with() as hub:
        at(hub)
        fetch_now(AWQ)
    kept = ModelRecord.objects.get(repo_id=AWQ)
    payload, parameters = kept.payload, kept.parameters
    kept.delete()
    sync.store_raw([("1", payload)], origin="file")
    again = ModelRecord.objects.get(repo_id=AWQ)
    assert (again.parameters, again.parameters_from, again.payload) == (parameters, "file-header", payload)


@pytest.mark.django_db
def test_weights_of_untold_size_are_estimated_by_what_their_tensors_take(at):
    with hub_with() as hub:
        header = asked(hub)
    sync.store_raw([("1", {**record(), "_safetensors_header": header})], origin="file")
    kept = ModelRecord.objects.get(repo_id=AWQ)
    variant = kept.variants.get()
    assert variant.size_bytes == sum(header["bytes"].values())
    needed, assumed = inputs_of_variant(kept, variant)
    weights = estimate_weights(
        needed.shape, file_bytes=needed.file_bytes, parameters=needed.parameters, quant=needed.quant
    )
    assert (weights.total, weights.basis, assumed) == (variant.size_bytes, Basis.FILE, ())


@pytest.mark.django_db
def test_pages_and_the_api_say_where_the_count_is_from(at, client):
    with hub_with() as hub:
        at(hub)
        fetch_now(AWQ)
    page = client.get(f"/models/{AWQ}/", {"worker": "vllm", "memory": "24"}).content.decode()
    assert "safetensors file header" in page
    assert "lists tensors of 4M weights" in page
    answer = client.get(f"/api/v1/models/{AWQ}").json()
    assert "file-header" in json.dumps(answer)


# --- in a sync -----------------------------------------------------------------------------------------------------


def many(count):
    records = [record(id=f"sample/awq-{n}", downloads=n) for n in range(count)]
    plain = record(id="sample/plain", config=LLAMA, safetensors={"parameters": {"BF16": WEIGHTS}}, downloads=99)
    files = {one["id"]: {ONE: file_of(*awq())} for one in (*records, plain)}
    return [*records, plain], files


def read_of(hub):
    return sorted(path.split("/")[2] for path in hub.paths() if path.endswith(ONE))


def test_a_sync_reads_the_headers_of_the_best_known_models_that_need_them(tmp_path):
    records, files = many(5)
    with HubServer(records, files=files) as hub, OwnDatabase(tmp_path, HF_ENDPOINT=hub.url) as own:
        done = own.run("sync_models", "--most-headers", "2")
        assert done.returncode == 0, done.stderr
        assert "Headers of weight files were read for 2 of them." in done.stdout
        assert read_of(hub) == ["awq-3", "awq-4"]
        done = own.run("sync_models", "--json", "--most-headers", "2")
        assert json.loads(done.stdout)["headers"] == 2
        assert read_of(hub) == ["awq-1", "awq-2", "awq-3", "awq-4"]
        known = "SELECT count(*) FROM compat_modelrecord WHERE parameters_from = 'file-header'"
        assert own.value(known) == 4
        own.env["SYNC_HEADERS"] = "0"
        assert "Headers" not in own.run("sync_models").stdout
        assert len(read_of(hub)) == 4
        assert "for 1 of them" in own.run("sync_models", "--headers").stdout
        assert "Headers" not in own.run("sync_models", "--headers").stdout
        assert len(read_of(hub)) == 5
        assert own.run("sync_models", "--most-headers", "-1").returncode == 2


def test_a_header_that_fails_loses_no_row(tmp_path):
    records, files = many(3)
    files["sample/awq-1"] = {ONE: LASTING["NaN"]}
    with HubServer(records, files=files) as hub, OwnDatabase(tmp_path, HF_ENDPOINT=hub.url) as own:
        hub.fail_next(99, path="awq-2/resolve/" + SHA + "/" + ONE, status=403)
        done = own.run("sync_models")
        assert done.returncode == 0, done.stderr
        assert "4 new" in done.stdout
        assert "for 1 of them" in done.stdout
