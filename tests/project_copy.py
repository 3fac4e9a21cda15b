"""A copy of the project, to be changed: for promises such as "one entry adds it everywhere"."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.own_database import ROOT, TIMEOUT

_PARTS = ("compat", "marketplace", "templates", "locale", "static", "manage.py")
_LEFT_OUT = shutil.ignore_patterns("snapshot.jsonl.gz")


def copy_project(place: Path, *more: str) -> Path:
    """The project without its tests and the bundled snapshot; ``more`` are other folders and files to copy.

    Compiled modules come with it, which no process need compile again: one whose source is changed is not used.
    """
    for part in (*_PARTS, *more):
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, place / part, ignore=_LEFT_OUT)
        else:
            shutil.copy(ROOT / part, place / part)
    (place / "static_root").mkdir()
    return place


def add_lines(place: Path, before: str, lines: str) -> None:
    """Put lines before a text that stands exactly once in a file."""
    change_line(place, before, lines + before)


def change_line(place: Path, old: str, new: str) -> None:
    """Replace a text that stands exactly once in a file."""
    text = place.read_text("utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {place.name}"
    place.write_text(text.replace(old, new), "utf-8")


def run_in_copy(place: Path, env: dict[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the copy's Python with these arguments."""
    env = {
        **env,
        "DJANGO_SETTINGS_MODULE": "marketplace.settings",
        "PYTHONPATH": str(place),
        "PYTHONDONTWRITEBYTECODE": "1",
        "STATIC_ROOT": str(place / "static_root"),
    }
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, timeout=TIMEOUT, check=False)
