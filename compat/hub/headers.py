"""Reads the header of a file on the Hub by parts, so that no weights are ever loaded.

What the bytes mean is not known here: a reader (such as those of :mod:`compat.extraction.gguf_header`) asks for
one part after another, and gets it.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, TypeVar

from compat.hub.errors import HubBadPayload

if TYPE_CHECKING:
    from compat.hub.client import HubClient

MAX_HEADER_BYTES = 64 * 1024 * 1024
MAX_READS = 64

Header = TypeVar("Header")


async def read_header(
    client: HubClient,
    repo_id: str,
    filename: str,
    reads: Generator[tuple[int, int], bytes, Header],
    *,
    revision: str = "main",
    max_bytes: int = MAX_HEADER_BYTES,
) -> Header:
    """The header of one file, as its reader gives it.

    Name a commit as ``revision``: a branch may move between two parts. Raises the reader's own error where
    the header is wrong, an error of the Hub's tree where it cannot be had or is larger than ``max_bytes``.
    """
    spent = 0
    try:
        start, length = next(reads)
        for _ in range(MAX_READS):
            spent += length
            if spent > max_bytes:
                break
            start, length = reads.send(await _part(client, repo_id, filename, start, length, revision))
    except StopIteration as done:
        header: Header = done.value
        return header
    finally:
        reads.close()
    raise HubBadPayload(f"The header of {filename} in {repo_id} is larger than {max_bytes:,} bytes: not read.")


async def _part(client: HubClient, repo_id: str, filename: str, start: int, length: int, revision: str) -> bytes:
    """One part, in as many requests as the client's limit makes it; short where the file ends."""
    most = client.settings.max_response_bytes
    found = bytearray()
    while len(found) < length:
        wanted = min(most, length - len(found))
        piece = await client.read_range(repo_id, filename, start + len(found), wanted, revision)
        found += piece
        if len(piece) < wanted:
            break
    return bytes(found)
