"""The files of a repository with their sizes, read from its file tree where its own answer leaves them out."""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import Any

from compat.extraction.filenames import FileName, missing_shards, read_name
from compat.hub import HubClient, HubError
from compat.hub.errors import HubBadPayload
from compat.hub.payloads import HubModel, parse_record

log = logging.getLogger(__name__)


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


async def tree_of(client: HubClient, model: HubModel) -> dict[str, Any] | None:
    """The files of a model at its commit, as ``siblings``.

    None where they cannot be had, empty where they are more than is read and kept, at this commit for good.
    """
    try:
        tree = {"siblings": await client.tree(model.id, model.sha or "main")}
        parse_record({"id": model.id, **tree})
    except HubError as error:
        log.debug("%s comes without its file tree: %s", model.id, error)
        return {} if isinstance(error, HubBadPayload) else None
    return tree
