"""Templates as Jinja compiled them, kept beside the index: compiling all of them takes a process a third of a second.

What is kept is dropped in silence where anything that it was made from has changed, where it cannot be read, and where
it belongs to another user, because it is code.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from functools import cache
from pathlib import Path

import jinja2
from django.conf import settings
from jinja2.bccache import Bucket, FileSystemBytecodeCache

_MADE_BY = ("compat", "marketplace", "locale")
"""Folders of the code that templates are compiled with, and of the translations that are put into them."""


class CompiledTemplates(FileSystemBytecodeCache):
    """Of one language, in a folder that is made when something is kept. One file a template, whatever was changed."""

    def __init__(self, folder: Path, language: str) -> None:
        super().__init__(str(folder), f"{language}-%s")

    def get_source_checksum(self, source: str) -> str:
        """What tells whether something kept was made from this source, by this code and these translations."""
        return hashlib.blake2b(f"{_made_by()} {source}".encode(), digest_size=16).hexdigest()

    def load_bytecode(self, bucket: Bucket) -> None:
        """Have what is kept, if it is whole and ours."""
        try:
            if _is_ours(Path(self._get_cache_filename(bucket))):
                super().load_bytecode(bucket)
        except Exception:  # noqa: BLE001 - whatever a damaged file does to those who read it, the template is compiled
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled, where that can be written."""
        with suppress(OSError):
            Path(self.directory).mkdir(parents=True, exist_ok=True)
            super().dump_bytecode(bucket)


def _is_ours(path: Path) -> bool:
    """Whether nobody but this user or the system's own can have written a file."""
    try:
        found = path.stat()
    except OSError:
        return False
    return found.st_uid in (0, os.getuid()) and not found.st_mode & 0o022


@cache
def _made_by() -> str:
    """A digest of when the code and the translations were changed last, as Python tells it of its own modules."""
    state = hashlib.blake2b(jinja2.__version__.encode(), digest_size=16)
    for folder in _MADE_BY:
        for path in sorted((settings.BASE_DIR / folder).rglob("*")):
            if path.suffix in (".py", ".mo"):
                found = path.stat()
                state.update(f"{path} {found.st_mtime_ns} {found.st_size} ".encode())
    return state.hexdigest()
