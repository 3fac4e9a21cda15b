"""File headers read from a Hub by parts: few requests, few bytes, and never the weights."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from compat.extraction.gguf_header import gguf_header_reads
from compat.extraction.header_bytes import HeaderError
from compat.extraction.safetensors_header import safetensors_header_reads
from compat.hub.client import HubClient
from compat.hub.errors import HubBadPayload, HubFileNotFound, HubGated
from compat.hub.headers import read_header
from compat.hub.settings import HubSettings
from tests.extraction.header_files import llama
from tests.hub_server import HubServer

FILES = Path(__file__).parent.parent / "extraction" / "files"
WEIGHTS = bytes(3_000_000)


@pytest.fixture
def hub():
    gguf = {"small.gguf": (FILES / "tiny-gemma-Q3_K_M.gguf").read_bytes(), "big.gguf": llama(tokens=60_000) + WEIGHTS}
    plain = {"model.safetensors": (FILES / "tiny.safetensors").read_bytes() + WEIGHTS, "page.gguf": b"<html>" + WEIGHTS}
    records = [{"id": "a/b"}, {"id": "a/closed", "gated": "manual"}]
    with HubServer(records, files={"a/b": gguf | plain, "a/closed": gguf}) as server:
        yield server


def read(hub, filename, reads, *, repo_id="a/b", **options):
    limits = {name: options.pop(name) for name in ("max_response_bytes",) if name in options}

    async def run():
        async with HubClient(HubSettings(endpoint=hub.url, backoff=0.001, **limits)) as client:
            return await read_header(client, repo_id, filename, reads, **options)

    return asyncio.run(run())


def ranges(hub):
    return [request.headers["range"] for request in hub.requests]


def test_a_small_file_takes_one_request(hub):
    found = read(hub, "small.gguf", gguf_header_reads())
    assert (found.values["general.architecture"], found.parameters) == ("gemma3", 15872)
    assert ranges(hub) == ["bytes=0-262143"]


def test_a_large_vocabulary_is_read_in_growing_parts(hub):
    found = read(hub, "big.gguf", gguf_header_reads())
    assert (found.vocab_size, found.parameters) == (60_000, 3 * 1024)
    assert ranges(hub) == ["bytes=0-262143", "bytes=262144-524287", "bytes=524288-1048575", "bytes=1048576-2097151"]
    assert hub.bytes_sent == 2 * 2**20


def test_without_tensors_one_part_will_do(hub):
    found = read(hub, "big.gguf", gguf_header_reads(tensors=False))
    assert found.values["llama.context_length"] == 8192
    assert (found.vocab_size, found.complete) == (60_000, False)
    assert ranges(hub) == ["bytes=0-262143"]


def test_a_safetensors_header_is_read(hub):
    found = read(hub, "model.safetensors", safetensors_header_reads())
    assert (found.parameters, found.metadata) == (153, {"format": "pt"})
    assert hub.bytes_sent <= 262_144


def test_parts_larger_than_an_answer_may_be_are_put_together(hub):
    found = read(hub, "big.gguf", gguf_header_reads(), max_response_bytes=100_000)
    assert found.vocab_size == 60_000
    assert len(hub.requests) > 5


def test_a_cut_connection_does_not_spoil_a_header(hub):
    hub.fail_next(cut_after=1000)
    assert read(hub, "small.gguf", gguf_header_reads()).values["general.architecture"] == "gemma3"


def test_what_is_no_model_file_says_so(hub):
    with pytest.raises(HeaderError, match="no GGUF file"):
        read(hub, "page.gguf", gguf_header_reads())
    with pytest.raises(HeaderError, match="no safetensors file"):
        read(hub, "small.gguf", safetensors_header_reads())


def test_more_than_is_allowed_is_not_asked_for(hub):
    with pytest.raises(HubBadPayload, match="larger than 300,000 bytes"):
        read(hub, "big.gguf", gguf_header_reads(), max_bytes=300_000)
    assert len(hub.requests) == 1


def test_a_reader_that_never_ends_is_left(hub):
    def endless():
        while True:
            yield 0, 1

    with pytest.raises(HubBadPayload):
        read(hub, "small.gguf", endless())
    assert len(hub.requests) == 64


def test_the_hubs_refusals_come_through(hub):
    with pytest.raises(HubFileNotFound):
        read(hub, "absent.gguf", gguf_header_reads())
    with pytest.raises(HubGated):
        read(hub, "small.gguf", gguf_header_reads(), repo_id="a/closed")
