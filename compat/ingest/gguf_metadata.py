"""What a repository's own GGUF file says of itself, read without downloading it: a first part of one file is enough."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from compat.extraction.filenames import read_name
from compat.extraction.gguf_header import gguf_header_reads
from compat.hub import HubClient
from compat.hub.headers import read_header
from compat.hub.payloads import HubModel

MOST_BYTES = 2 * 1024 * 1024
"""The most that is read of one file. A header without its vocabulary is a few kilobytes."""
_LONGEST = 200
_MOST_VALUES = 500


def file_to_read(model: HubModel) -> str | None:
    """The GGUF file whose header stands for the repository: the first part of its first variant; None without any."""
    files = (sibling.rfilename for sibling in model.siblings or ())
    names = [read_name(file) for file in files if ".gguf" in file.lower()]
    weights = [name for name in names if name.format == "gguf" and name.role == "weights" and name.shard in (None, 1)]
    return min((name.path for name in weights), default=None)


async def gguf_header_of(client: HubClient, model: HubModel) -> dict[str, Any] | None:
    """What the header of one of a model's GGUF files says; None where it has no such file.

    Raises :class:`~compat.extraction.header_bytes.HeaderError` where it is none that can be read, and errors of the
    Hub's tree where it cannot be had.
    """
    file = file_to_read(model)
    if file is None:
        return None
    reads = gguf_header_reads(tensors=False)
    header = await read_header(client, model.id, file, reads, revision=model.sha or "main", max_bytes=MOST_BYTES)
    return {"file": file, "values": _short(header.values), "vocab_size": header.vocab_size}


def _short(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values worth keeping: no texts of any length, no long lists, and not more of them than real files have."""
    short = (
        (key, list(value) if isinstance(value, tuple) else value)
        for key, value in values.items()
        if len(key) <= _LONGEST and not (isinstance(value, str | tuple) and len(value) > _LONGEST)
    )
    return dict(islice(short, _MOST_VALUES))
