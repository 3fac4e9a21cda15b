"""A stored record in the Hub's own shape: what the Hub said, in the fields it was asked for, and nothing made up.

The Hub's official client reads some blocks without looking whether they are whole. Where a part is missing that can be
counted from the rest, it is; else the block is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from compat.models import ModelRecord
from compat.timestamps import iso_timestamp

EXPANDABLE = (
    *("author", "baseModels", "cardData", "childrenModelCount", "config", "createdAt", "disabled", "downloads"),
    *("downloadsAllTime", "evalResults", "gated", "gguf", "inference", "inferenceProviderMapping", "lastModified"),
    *("library_name", "likes", "mask_token", "model-index", "pipeline_tag", "private", "resourceGroup", "safetensors"),
    *("sha", "siblings", "spaces", "tags", "transformersInfo", "trendingScore", "usedStorage", "widgetData"),
    "gitalyUid",
)
"""What ``expand[]`` may name: all that the Hub's clients for Python and JavaScript can ask for."""
LISTED = (
    *("_id", "id", "likes", "trendingScore", "private", "downloads", "tags", "pipeline_tag", "library_name"),
    *("createdAt", "modelId"),
)
"""The fields of a list's element."""
FULL = ("author", "gated", "disabled", "lastModified", "sha", "siblings")
"""What ``full=true`` adds."""
DETAILED = (
    *("_id", "id", "private", "pipeline_tag", "library_name", "tags", "downloads", "likes", "modelId", "author", "sha"),
    *("lastModified", "gated", "disabled", "mask_token", "config", "cardData"),
    *("transformersInfo", "gguf", "siblings", "createdAt", "safetensors", "inference", "usedStorage"),
)
"""The fields of a model's own answer."""


def hub_record(record: ModelRecord, fields: Iterable[str], *, blobs: bool = False) -> dict[str, Any]:
    """One record with these fields; those that are not known are left out."""
    data: Mapping[str, Any] = record.payload
    found: dict[str, Any] = {}
    for name in fields:
        value = _value(record, data, name, blobs)
        if value is not None:
            found[name] = value
    return found


def _value(record: ModelRecord, data: Mapping[str, Any], name: str, blobs: bool) -> Any:
    if name in ("id", "modelId"):
        return record.repo_id
    if name == "author":
        return record.owner or None
    if name == "createdAt":
        return iso_timestamp(record.created, "milliseconds") if record.created else None
    if name == "lastModified":
        return iso_timestamp(record.modified, "milliseconds") if record.modified else None
    value = data.get(name)
    if value is None:
        return None
    if name == "siblings":
        exact = blobs and _files_from_the_hub(data)
        return [_sibling(one, blobs=exact) for one in value if isinstance(one, dict) and "rfilename" in one]
    if name == "safetensors":
        return _safetensors(value)
    return value if isinstance(value, _TYPES.get(name, object)) else None


_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "cardData": dict,
    "config": dict,
    "gguf": dict,
    "inferenceProviderMapping": (list, dict),
    "evalResults": list,
    "securityRepoStatus": dict,
    "transformersInfo": dict,
    "tags": list,
}


def _safetensors(value: Any) -> dict[str, Any] | None:
    """Parameters by data type and in all; types that are not told stay empty, a sum that is not told is counted."""
    if not isinstance(value, dict):
        return None
    parameters = value.get("parameters")
    parameters = parameters if isinstance(parameters, dict) else {}
    total = value.get("total")
    if total is None:
        total = sum(parameters.values()) if parameters else None
    return {**value, "parameters": parameters, "total": total} if total is not None else None


def _sibling(one: Mapping[str, Any], *, blobs: bool) -> dict[str, Any]:
    """A file by its name; with ``blobs`` also its size and where it is kept."""
    if not blobs:
        return {"rfilename": one["rfilename"]}
    found = {key: one[key] for key in ("rfilename", "size", "blobId") if one.get(key) is not None}
    pointer = one.get("lfs")
    if isinstance(pointer, dict):
        size = pointer.get("size", one.get("size"))
        digest = pointer.get("sha256")
        if isinstance(digest, str) and isinstance(size, int):
            found["size"] = found.get("size", size)
            length = pointer.get("pointerSize", pointer_size(digest, size))
            found["lfs"] = {"sha256": digest, "size": size, "pointerSize": length}
    return found


def files_of(record: ModelRecord) -> list[dict[str, Any]] | None:
    """The repository's files as the Hub tells them in a tree; None where the Hub itself did not tell them."""
    data: Mapping[str, Any] = record.payload
    siblings = data.get("siblings")
    if not siblings or not _files_from_the_hub(data):
        return None
    return [_file(_sibling(one, blobs=True)) for one in siblings]


def _files_from_the_hub(data: Mapping[str, Any]) -> bool:
    """Whether the list of files is the Hub's own; others' lists may have gaps, and round the sizes."""
    return "siblings" not in (data.get("_source") or {})


def _file(one: Mapping[str, Any]) -> dict[str, Any]:
    found = {"type": "file", "path": one["rfilename"], "size": one.get("size"), "oid": one.get("blobId")}
    if "lfs" in one:
        pointer = one["lfs"]
        found["lfs"] = {"oid": pointer["sha256"], "size": pointer["size"], "pointerSize": pointer["pointerSize"]}
    return found


def tree_entries(files: Iterable[Mapping[str, Any]], folder: str, *, recursive: bool) -> list[Mapping[str, Any]]:
    """What lies in a folder, the repository's own if it is blank: first folders, then files, each by name."""
    start = f"{folder.strip('/')}/" if folder else ""
    inside = [one for one in files if one["path"].startswith(start)]
    folders: set[str] = set()
    for one in inside:
        *above, _ = one["path"].removeprefix(start).split("/")
        folders.update(start + "/".join(above[:depth]) for depth in range(1, (len(above) if recursive else 1) + 1))
    folders.discard(start)
    held = [{"type": "directory", "path": path, "size": 0, "oid": None} for path in sorted(folders)]
    here = [one for one in inside if recursive or "/" not in one["path"].removeprefix(start)]
    return held + sorted(here, key=lambda one: str(one["path"]))


def pointer_size(digest: str, size: int) -> int:
    """The bytes of the pointer that git keeps in a large file's place: its text is fixed but for digest and size."""
    return len(f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {size}\n")
