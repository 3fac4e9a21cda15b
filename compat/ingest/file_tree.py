"""The files of a repository with their sizes, read from its file tree where its own answer leaves them out."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from compat.extraction.filenames import FileName, missing_shards, read_name
from compat.hub import HubClient
from compat.hub.payloads import HubModel, parse_record


def lacks_sizes(model: HubModel) -> bool:
    """Whether an answer leaves out its files, the size of one that holds weights, or parts of one that is split."""
    if model.siblings is None:
        return True
    names = [(read_name(file.rfilename), file.bytes) for file in model.siblings]
    weights = [(name, size) for name, size in names if name.role in ("weights", "projector") and name.format]
    return any(size is None for _, size in weights) or _lacks_parts([name for name, _ in weights])


def _lacks_parts(names: list[FileName]) -> bool:
    sets: dict[tuple[str | None, str], list[FileName]] = defaultdict(list)
    for name in names:
        sets[name.format, name.stem].append(name)
    return any(map(missing_shards, sets.values()))


async def tree_of(client: HubClient, model: HubModel) -> dict[str, Any]:
    """The files of a model at its commit, as ``siblings``.

    Raises :class:`~compat.hub.errors.HubBadPayload` where they are more than is read and kept, and other errors of the
    Hub's tree where they cannot be had.
    """
    tree = {"siblings": await client.tree(model.id, model.sha or "main")}
    parse_record({"id": model.id, **tree})
    return tree
