"""What a repository's own GGUF files say of themselves, read without downloading them.

A first part of one file is enough for the facts of the model. The tensors are listed behind the vocabulary, which takes
up to 15 MB: of one file of a repository all of it is read, of the others only what stands about where that file has its
list (:func:`~compat.extraction.gguf_header.tensor_list_reads`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from compat.extraction.filenames import FileName, read_name
from compat.extraction.gguf_header import GgufHeader, data_bytes, gguf_header_reads, tensor_list_reads
from compat.extraction.gguf_tensors import sums_of_tensors
from compat.extraction.header_bytes import HeaderReads
from compat.hub.headers import read_header
from compat.hub.payloads import HubModel
from compat.ingest.lasting import LASTING

if TYPE_CHECKING:
    from compat.hub import HubClient

log = logging.getLogger(__name__)

MOST_BYTES = 2 * 1024 * 1024
"""The most that is read of one file. A header without its vocabulary is a few kilobytes."""
MOST_WHOLE_BYTES = 24 * 1024 * 1024
"""The same of one whose tensors are wanted, in parts that double; vocabularies of 250,000 tokens make some 15 MB."""
MOST_WHOLE = 2
"""So many files of a repository are read so; of the others the vocabulary is passed over."""
MOST_FILES = 64
_LONGEST = 200
_MOST_VALUES = 500


def file_to_read(model: HubModel) -> str | None:
    """The GGUF file whose header stands for the repository: the first part of its first variant; None without any."""
    weights = [name for name in _weight_files(model) if name.shard in (None, 1)]
    return min((name.path for name in weights), default=None)


def _weight_files(model: HubModel) -> list[FileName]:
    files = (sibling.rfilename for sibling in model.siblings or ())
    names = [read_name(file) for file in files if ".gguf" in file.lower()]
    return [name for name in names if name.format == "gguf" and name.role == "weights"]


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


async def gguf_tensors_of(client: HubClient, model: HubModel) -> dict[str, Any] | None:
    """What the tensors of a model's GGUF files take, file by file, of those that could be read.

    None where it has no such files, empty where none can be read at this commit. Raises errors of the Hub's tree where
    they cannot be had.
    """
    # Files in one part first: they have all tensors, and say where those of others are.
    files = sorted(_weight_files(model), key=lambda name: (name.shards is not None, name.path))
    if not files:
        return None
    sizes = {sibling.rfilename: sibling.bytes for sibling in model.siblings or ()}
    reading = _TensorLists(client, model.id, model.sha or "main")
    found: dict[str, dict[str, Any]] = {}
    for name in files[:MOST_FILES]:
        header = await reading.header_of(name)
        sums = sums_of_tensors(header.tensors) if header and _fills(header, sizes[name.path]) else None
        found |= {name.path: sums} if sums else {}
    return {"files": found} if found else {}


def _fills(header: GgufHeader, size: int | None) -> bool:
    """Whether the tensors' data makes up the rest of a file of so many bytes, but for filling at its end."""
    data, alignment = data_bytes(header.tensors, header.alignment), header.alignment
    if data is None or header.header_bytes is None:
        return False
    end = -(-header.header_bytes // alignment) * alignment + data
    return size is None or not header.tensors or end <= size <= end + alignment


@dataclass
class _TensorLists:
    """Reads the headers of one repository's files; ``like`` is the first of which all was read."""

    client: HubClient
    repo_id: str
    revision: str
    like: GgufHeader | None = None
    whole: int = 0

    async def header_of(self, name: FileName) -> GgufHeader | None:
        """The header with its tensors; None where it is none, or is too large. Raises what may pass."""
        if name.shard is not None and name.shard > 1:
            return await self._read(name, gguf_header_reads(), MOST_BYTES)
        header = await self._read(name, tensor_list_reads(self.like), MOST_WHOLE_BYTES) if self.like else None
        if header is not None or self.whole >= MOST_WHOLE:
            return header
        self.whole += 1
        async with self.client.large_reads:
            header = await self._read(name, gguf_header_reads(most=MOST_WHOLE_BYTES), MOST_WHOLE_BYTES)
        self.like = self.like or header
        return header

    async def _read(self, name: FileName, reads: HeaderReads[GgufHeader], most: int) -> GgufHeader | None:
        try:
            return await read_header(
                self.client, self.repo_id, name.path, reads, revision=self.revision, max_bytes=most
            )
        except LASTING as error:
            log.debug("the tensors of %s in %s are not told: %s", name.path, self.repo_id, error)
            return None


def _short(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values worth keeping: no texts of any length, no long lists, and not more of them than real files have."""
    short = (
        (key, list(value) if isinstance(value, tuple) else value)
        for key, value in values.items()
        if len(key) <= _LONGEST and not (isinstance(value, str | tuple) and len(value) > _LONGEST)
    )
    return dict(islice(short, _MOST_VALUES))
