"""What a repository's own safetensors files say of their weights, read without downloading them.

The tensors stand in the first bytes of each file. Of a set split in few parts all are read, of others the first, and
the index beside them, which tells how large all are together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compat.extraction.filenames import FileName, opens_no_safetensors, read_name
from compat.extraction.header_bytes import HeaderError
from compat.extraction.parameters import WIDE_FLOATS
from compat.extraction.safetensors_header import MAX_TENSORS, Tensor, safetensors_header_reads
from compat.extraction.tensor_facts import facts_of_tensors
from compat.hub.headers import read_header
from compat.hub.payloads import HubModel
from compat.shapes.layer_facts import NESTED_CONFIGS

if TYPE_CHECKING:
    from compat.hub import HubClient

MOST_BYTES = 16 * 1024 * 1024
"""The most that is read of one file; the header of a file of 5 GB is some 100 KB."""
MOST_SHARDS = 8
"""Of a set of more files the first alone is read."""
_INDEX_SUFFIX = ".safetensors.index.json"
_BLOCKS = ("quantization_config", "compression_config", "quantization")
_MOST_SIZE = 2**62


def files_to_read(model: HubModel) -> tuple[str, ...]:
    """The safetensors files that hold the model's weights, in the order of their parts; none where that is not clear.

    ``model`` is believed over other names, and Mistral's ``consolidated`` over none at all.
    """
    files = (sibling.rfilename for sibling in model.siblings or ())
    names = [read_name(file) for file in files if file.lower().endswith(".safetensors")]
    if opens_no_safetensors(names):
        return ()
    sets: dict[str, list[FileName]] = {}
    for name in names:
        if (name.format, name.role) == ("safetensors", "weights") and "/" not in name.path:
            sets.setdefault(name.stem, []).append(name)
    if len(sets) > 1:
        sets = {stem: files for stem, files in sets.items() if stem == "model"}
    parts = sorted(next(iter(sets.values()), []), key=lambda name: name.shard or 0)
    expected = max((name.shards or 1 for name in parts), default=0)
    whole = len(parts) == expected and [name.shard or 1 for name in parts] == list(range(1, expected + 1))
    return tuple(name.path for name in parts) if whole else ()


def needs_headers(model: HubModel) -> bool:
    """Whether the Hub leaves open how many weights there are, and in how many bytes: it counts words of packed ones."""
    config = model.config or {}
    scopes = [config, *(inner for name in NESTED_CONFIGS if isinstance(inner := config.get(name), dict))]
    counts = (model.safetensors.parameters if model.safetensors else None) or {}
    return not counts or not counts.keys() <= WIDE_FLOATS or any(scope.get(key) for scope in scopes for key in _BLOCKS)


async def safetensors_headers_of(client: HubClient, model: HubModel) -> dict[str, Any] | None:
    """What the headers of a model's safetensors files say together; None where it is not clear which files to read.

    Raises :class:`~compat.extraction.header_bytes.HeaderError` where they are none that can be read, and errors of the
    Hub's tree where they cannot be had.
    """
    files = files_to_read(model)
    if not files:
        return None
    read = files if len(files) <= MOST_SHARDS else files[:1]
    revision = model.sha or "main"
    tensors = await _tensors(client, model.id, read, revision)
    if not tensors:
        raise HeaderError(f"{files[0]} lists no tensors")
    total = None if read == files else await _total_size(client, model.id, files[0], revision)
    told = {} if total is None else {"total_size": total}
    return {"file": files[0], "files": len(read), "shards": len(files), **facts_of_tensors(tensors).as_json(), **told}


async def _tensors(client: HubClient, repo_id: str, files: tuple[str, ...], revision: str) -> list[Tensor]:
    tensors: dict[str, Tensor] = {}
    for file in files:
        header = await read_header(
            client, repo_id, file, safetensors_header_reads(), revision=revision, max_bytes=MOST_BYTES
        )
        if len(tensors) + len(header.tensors) > MAX_TENSORS:
            raise HeaderError(f"the files list more than {MAX_TENSORS:,} tensors together")
        for tensor in header.tensors:
            if tensor.name in tensors:
                raise HeaderError(f"the tensor {tensor.name[:80]!r} is in two files")
            tensors[tensor.name] = tensor
    return list(tensors.values())


async def _total_size(client: HubClient, repo_id: str, first: str, revision: str) -> int | None:
    """The bytes of all tensors by the index beside the files; None where there is none, or it tells none."""
    name = read_name(first)
    index = await client.json_file(repo_id, f"{name.stem}{_INDEX_SUFFIX}", revision)
    metadata = (index or {}).get("metadata")
    size = metadata.get("total_size") if isinstance(metadata, dict) else None
    if isinstance(size, bool) or not isinstance(size, int | float) or not 0 < size <= _MOST_SIZE:
        return None
    return int(size)
