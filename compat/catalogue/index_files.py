"""The index on disk: written once per version of the catalogue, and mapped into the memory of every process.

A folder holds one ``.npy`` file a column, and appears under its name only when it is whole. The name tells all that the
columns were made from: the database, the catalogue's version and the moment it changed, and the code that made them.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection

from compat.catalogue.hardware_answers import HardwareAnswers
from compat.catalogue.index_columns import IndexColumns, OrderColumns, Units
from compat.catalogue.machine_needs import EngineNeeds, Entries
from compat.estimate.need_columns import NeedColumns
from compat.extraction.facts import VariantFacts
from compat.source_digest import digest_sources

log = logging.getLogger(__name__)

_UNFINISHED = ".making-"
_KEPT = 2
"""So many versions stay on disk: a process may be about to open the one before."""
_MADE_BY = (
    *("architectures", "catalogue", "engines", "engines/data", "engines/profiles"),
    *("estimate", "estimate/data", "rules", "shapes"),
)
"""The code and tables that columns are made by."""


def folder_of(version: int, changed: datetime | None) -> Path | None:
    """Where the index of a version of this database's catalogue is, or would be; None where none are written."""
    root: Path | None = settings.INDEX_ROOT
    if root is None or changed is None:
        return None
    where = "|".join(str(connection.settings_dict[key]) for key in ("ENGINE", "HOST", "PORT", "NAME"))
    database = hashlib.blake2b(where.encode(), digest_size=6).hexdigest()
    return root / database / f"{version}-{changed.timestamp():.6f}-{digest_sources(*_MADE_BY)}"


def folder_before(folder: Path) -> Path | None:
    """The newest other version of the same database that the same code wrote."""
    code = folder.name.rpartition("-")[2]
    others = [one for one in folder.parent.glob(f"[!.]*-{code}") if one != folder]
    return max(others, key=lambda one: one.stat().st_mtime, default=None)


@contextmanager
def only_one(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """One process at a time makes such a folder beside its like; the others wait here, and then find what it made.

    Raises ``BlockingIOError`` where another makes one now and this one would not ``wait``.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def write_columns(folder: Path, columns: IndexColumns) -> None:
    """Write an index, then drop those of versions long gone; for the one process that makes indexes."""
    flat: dict[str, Any] = {field.name: getattr(columns, field.name) for field in fields(columns)}
    facets, ranges, orders, texts = (flat.pop(name) for name in ("facets", "ranges", "orders", "texts"))
    models = flat.pop("models")
    flat |= {f"models-{field.name}": getattr(models, field.name) for field in fields(Units)}
    flat |= {f"facet-{name}": codes for name, codes in facets.items()}
    flat |= {f"range-{name}": numbers for name, numbers in ranges.items()}
    for name, order in orders.items():
        flat |= {f"order-{name}": order.rows, f"order-{name}-groups": order.groups}
    _write(folder, flat, texts)
    there = sorted((one for one in folder.parent.iterdir() if one.is_dir()), key=lambda one: one.stat().st_mtime)
    for one in there[:-_KEPT]:
        shutil.rmtree(one, ignore_errors=True)
    # Nobody begins in an older version what was cut off there, so nobody else would drop it.
    for one in there[-_KEPT:]:
        with suppress(OSError), only_one(one / "any", wait=False):
            _drop_unfinished(one)


def read_columns(folder: Path) -> IndexColumns | None:
    """The columns of an index, mapped from its files; None where there is none."""
    found = _read(folder)
    if found is None:
        return None
    flat, texts = found
    named = {field.name: flat[field.name] for field in fields(IndexColumns) if field.name in flat}
    facets, ranges = _with_prefix(flat, "facet-"), _with_prefix(flat, "range-")
    orders = {
        name.removeprefix("order-"): OrderColumns(rows, flat[f"{name}-groups"])
        for name, rows in flat.items()
        if name.startswith("order-") and not name.endswith("-groups")
    }
    models = Units(**_with_prefix(flat, "models-"))
    return IndexColumns(**named, models=models, facets=facets, ranges=ranges, orders=orders, texts=texts)


def _with_prefix(columns: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): column for name, column in columns.items() if name.startswith(prefix)}


def write_needs(folder: Path, engine: str, needs: EngineNeeds) -> None:
    """Write what one engine would load into the folder of the index it belongs to."""
    flat = {f"entries-{field.name}": getattr(needs.entries, field.name) for field in fields(needs.entries)}
    columns = needs.columns
    flat |= {"variants": needs.variants}
    depending = needs.depending
    flat |= {"sheets": depending.sheets, "sheets-first": depending.first, "sheets-variants": depending.variants}
    flat |= {"rows": columns.variants, "shapes": columns.shapes, "caches": columns.caches}
    facts = [one.as_json() for one in depending.facts]
    target = folder / f"needs-{engine}"
    with only_one(target):
        _write(target, flat, {"engine": columns.slug, "facts": facts})


def has_needs(folder: Path, engine: str) -> bool:
    """Whether what an engine would load was written."""
    return (folder / f"needs-{engine}").is_dir()


def read_needs(folder: Path, engine: str) -> EngineNeeds | None:
    """What one engine would load, mapped from its files; None where that was not written."""
    found = _read(folder / f"needs-{engine}")
    if found is None:
        return None
    flat, texts = found
    entries = Entries(**{field.name: flat[f"entries-{field.name}"] for field in fields(Entries)})
    columns = NeedColumns(texts["engine"], flat["rows"], flat["shapes"], flat["caches"])
    facts = tuple(map(VariantFacts.from_json, texts["facts"]))
    depending = HardwareAnswers(flat["sheets"], flat["sheets-first"], flat["sheets-variants"], facts)
    return EngineNeeds(entries, flat["variants"], columns, depending)


def _write(folder: Path, columns: Mapping[str, Any], texts: Mapping[str, Any]) -> None:
    """All files into a folder beside the target, which then takes its name at once."""
    if folder.exists():
        return
    _drop_unfinished(folder.parent)
    made = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=folder.parent))
    try:
        for name, column in columns.items():
            np.save(made / f"{name}.npy", np.ascontiguousarray(column))
        whole = {"columns": sorted(columns), "texts": texts}
        (made / "texts.json").write_text(json.dumps(whole), "utf-8")
        made.chmod(0o755)
        made.rename(folder)
    except OSError:
        shutil.rmtree(made, ignore_errors=True)
        if not folder.exists():
            raise


def _drop_unfinished(parent: Path) -> None:
    """For the one process that writes here: what another began was cut off."""
    for unfinished in parent.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(unfinished, ignore_errors=True)


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Any]] | None:
    try:
        whole = json.loads((folder / "texts.json").read_text("utf-8"))
        columns = {name: _mapped(folder / f"{name}.npy") for name in whole["columns"]}
    except (OSError, ValueError, KeyError) as error:
        if not folder.exists():
            return None
        log.warning("the index in %s cannot be read and is made anew: %s", folder.name, error)
        shutil.rmtree(folder, ignore_errors=True)
        return None
    with suppress(OSError):
        os.utime(folder)
    return columns, whole["texts"]


def _mapped(path: Path) -> Any:
    # An empty file cannot be mapped. A plain array of the mapped memory is quicker to take parts of.
    return np.asarray(np.load(path, mmap_mode="r" if path.stat().st_size > _SMALL else None, allow_pickle=False))


_SMALL = 4096
"""Bytes of a file that is rather read than mapped."""
