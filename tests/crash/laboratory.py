"""Commands killed at every point where something is made to last, beside a second writer, and run again.

with Laboratory(tmp_path) as laboratory:
    laboratory.begin()
    laboratory.do("...")  # what is there before
    told = laboratory.matrix(["reevaluate"])

The short form tries one point of every kind, the long one (``CRASH=all``, ``make crash``) each, before and after.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.own_database import ROOT, OwnDatabase

LONG = os.environ.get("CRASH") == "all"


class Laboratory:
    """A database with copies of it, and a process that runs commands on them."""

    def __init__(self, folder: Path, **env: str) -> None:
        files = folder / "files"
        roots = {name: str(files / name.lower()) for name in ("STATIC_ROOT", "INDEX_ROOT", "BACKUP_ROOT")}
        self._folder = folder
        self._own = OwnDatabase(folder, LABORATORY=str(folder), LOG_LEVEL="ERROR", **{**roots, **env})

    def __enter__(self) -> Self:
        self._own.__enter__()
        self._errors = (self._folder / "stderr").open("w+")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.process"], cwd=ROOT, text=True,
            env={**self._own.env, "DJANGO_SETTINGS_MODULE": "marketplace.settings"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
        )  # fmt: skip
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._process.poll() is None:
                self._ask({"what": "end"})
            self._process.communicate(timeout=60)
        finally:
            self._process.kill()
            self._errors.close()
            self._own.__exit__(kind, error, trace)

    def _ask(self, asked: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        said = json.loads(self._process.stdout.readline() or '{"error": "it ended"}')
        assert "error" not in said, f"{said['error']}\n{self.errors}"
        return said["answer"]

    @property
    def errors(self) -> str:
        """The last of what its processes wrote to standard error."""
        return (self._folder / "stderr").read_text("utf-8", "replace")[-4000:]

    @property
    def is_sqlite(self) -> bool:
        """Whether its databases are SQLite files."""
        return self._own.is_sqlite

    def begin(self, *, empty: bool = False) -> None:
        """A new state to begin with: a migrated database without rows, or one without tables, and no files."""
        self._ask({"what": "begin", "empty": empty})

    def do(self, code: str) -> Any:
        """Change the state that runs begin with; what the code says as ``told``. ``folder`` is where files lie."""
        return self._ask({"what": "do", "code": code})

    def matrix(
        self,
        command: Sequence[object],
        *,
        first: str = "",
        look: str = "",
        kinds: Sequence[str] = (),
        second: bool = True,
    ) -> dict[str, Any]:
        """What came of a command that was killed at its ``points``, and run again.

        ``first`` is code that each of its processes begins with; ``look`` adds to ``found`` what else is compared, such
        as files in ``folder``. Of ``kinds`` the short form tries these.
        """
        told: dict[str, Any] = self._ask(
            {
                "what": "matrix", "command": [str(part) for part in command], "first": first, "look": look,
                "every": LONG, "kinds": kinds, "second": second,
            }
        )  # fmt: skip
        assert told["broken"] == [], f"{json.dumps(told['broken'], indent=1)[:6000]}\n{self.errors}"
        return told

    def points(self, command: Sequence[object], *, first: str = "") -> list[str]:
        """The points of a command that runs to its end, in order."""
        asked = {"what": "points", "command": [str(part) for part in command], "first": first}
        seen: list[str] = self._ask(asked)
        return seen

    def race(self, rounds: int, names: Sequence[str], *, first: str = "") -> dict[str, Any]:
        """What came of so many rounds of reading and judging anew beside loads, edits, and fetches of ``names``."""
        told: dict[str, Any] = self._ask({"what": "race", "rounds": rounds, "names": list(names), "first": first})
        assert (told["failed"], told["lacking"], told["wrong"]) == ([], [], {}), f"{told}\n{self.errors}"
        return told
