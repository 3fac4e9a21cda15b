"""Digests of the product's own files: what tells whether something stored was made by other code or tables."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources

_SOURCES = (".py", ".toml", ".json")


@cache
def digest_sources(*places: str) -> str:
    """Twelve hexadecimal digits that change with any byte of the named files of ``compat``.

    A place is a file (``hub/payloads.py``) or a folder, which stands for the code and tables directly in it. Read once
    a process.
    """
    state = hashlib.blake2b(digest_size=6)
    root = resources.files("compat")
    for place in places:
        found = root.joinpath(*place.split("/"))
        files = found.iterdir() if found.is_dir() else [found]
        for file in sorted(files, key=lambda file: file.name):
            if file.name.endswith(_SOURCES):
                data = file.read_bytes()
                state.update(f"{place} {file.name} {len(data)} ".encode() + data)
    return state.hexdigest()
