"""The files that a process writes before they get their names, and what is left of them when it is killed."""

from __future__ import annotations

import time
from pathlib import Path

_ENDING = ".partial"
"""The end of such a name; before it stands the process that writes the file."""
_SURELY_OVER = 86_400.0
"""Seconds after which a file that nobody wrote to was left behind, on whichever machine that was."""


def unfinished_name(target: Path) -> Path:
    """What a file is called while this process writes it, beside its place."""
    from compat.ingest.lease import this_process

    return target.with_name(f"{target.name}.{this_process().partition('/')[2]}{_ENDING}")


def drop_unfinished(folder: Path, pattern: str) -> None:
    """Delete what processes that were killed had written of files of such names: nobody else does."""
    from compat.ingest.lease import has_died

    for path in folder.glob(f"{pattern}.*.*.*.*{_ENDING}"):
        holder = path.name.removesuffix(_ENDING).rsplit(".", 4)[1:]
        if has_died(f"/{'.'.join(holder)}") or path.stat().st_mtime < time.time() - _SURELY_OVER:
            path.unlink(missing_ok=True)
