"""What of a model was not read yet and would tell more than the answer that names it."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING

from compat.extraction.filenames import read_name
from compat.hub.documents import Kind
from compat.hub.payloads import HubModel
from compat.ingest.gguf_metadata import file_to_read
from compat.ingest.safetensors_metadata import files_to_read, needs_headers

if TYPE_CHECKING:
    from compat.hub import HubSettings

Kept = Container[tuple[str, ...]]
"""Repository, commit and kind of documents that need not be asked for again."""
_CONFIG = "config.json"


def is_closed(model: HubModel, hub: HubSettings) -> bool:
    """Whether this site cannot have a model's files: whoever wants them needs an account, and it has no token."""
    return bool(model.gated) and not hub.token


def place_of(model: HubModel) -> tuple[str, str]:
    """Repository and commit, as documents that are kept name them."""
    return model.id, str(model.sha)


def lacks_config(model: HubModel, kept: Kept) -> bool:
    """Whether its ``config.json`` would tell a verdict something: it is listed beside weights, and was not read."""
    if (*place_of(model), Kind.CONFIG) in kept:
        return False
    if model.siblings is None:
        return True
    names = [file.rfilename for file in model.siblings]
    return _CONFIG in names and any(name.format and name.role == "weights" for name in map(read_name, names))


def lacks_documents(model: HubModel, kept: Kept) -> bool:
    """Whether configuration or sizes are to be read."""
    return lacks_config(model, kept) or lacks_own_answer(model, kept)


def lacks_own_answer(model: HubModel, kept: Kept) -> bool:
    """Whether the row of a list leaves out how large packed weights are, and the model's own answer was not read."""
    config = model.config or {}
    packed = "quantization_config" in config or "quantization" in config
    names = [file.rfilename.lower() for file in model.siblings or ()]
    return (packed or any(name.endswith(".gguf") for name in names)) and (*place_of(model), Kind.DETAIL) not in kept


def lacks_headers(model: HubModel, kept: Kept) -> bool:
    """Whether headers of its weight files tell more than is known of it, and were not read."""
    weights = (*place_of(model), Kind.SAFETENSORS) not in kept and needs_headers(model) and bool(files_to_read(model))
    lacking = any((*place_of(model), kind) not in kept for kind in (Kind.GGUF, Kind.GGUF_TENSORS))
    return weights or (lacking and file_to_read(model) is not None)
