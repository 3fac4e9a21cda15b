"""The points at which a process can be killed so that another moment would not do: where something is made to last.

A point is a commit, a statement outside any transaction, or a change of a file's name or place in a folder. Before it
nothing of the step is there, after it all of it; a file that is written under its own name can be torn.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

_WRITES = re.compile(
    r'\s*(INSERT(?: OR \w+)? INTO|UPDATE|DELETE FROM|CREATE|ALTER|DROP|VACUUM)\b(?: (?:"?(\w+)"?))?', re.IGNORECASE
)
_PLACES = ("replace", "rename", "unlink", "remove", "rmdir")


def kind_of(label: str) -> str:
    """What is made to last there: by a commit, a statement of its own, a name, a write, a deletion, or a process."""
    word = label.split(maxsplit=1)[0]
    if word.isupper():
        return "statement"
    return {"rename": "replace", "remove": "unlink", "rmdir": "unlink"}.get(word, word)


class Points:
    """The points of this process, in order; it kills itself before or after one of them if it is told to."""

    def __init__(self, kill_at: int = 0, *, after: bool = False) -> None:
        self.seen: list[str] = []
        self._kill_at, self._after = kill_at, after
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._tables = threading.local()

    def install(self) -> None:
        """Look at every point from here on."""
        self._commits()
        self._statements()
        self._files()

    def _around(self, label: str, step: Callable[[], Any], torn: Callable[[], Any] | None = None) -> Any:
        if os.getpid() != self._process:
            return step()
        with self._lock:
            self.seen.append(label)
            here = len(self.seen) == self._kill_at
        if here:
            os.write(2, f"killed {'after' if self._after else 'before'} point {self._kill_at}: {label}\n".encode())
        if here and not self._after:
            os.kill(self._process, signal.SIGKILL)
        done = (torn or step)() if here else step()
        if here:
            os.kill(self._process, signal.SIGKILL)
        return done

    def _commits(self) -> None:
        commit = BaseDatabaseWrapper._commit

        def committed(wrapper: BaseDatabaseWrapper) -> Any:
            written = getattr(self._tables, "written", [])
            self._tables.written = []
            label = f"commit {' '.join(dict.fromkeys(written))}".strip()
            return self._around(label, lambda: commit(wrapper))

        BaseDatabaseWrapper._commit = committed

    def _statements(self) -> None:
        for name in ("_execute", "_executemany"):
            execute = getattr(CursorWrapper, name)

            def executed(cursor: CursorWrapper, sql: Any, *more: Any, _execute: Any = execute) -> Any:
                found = _WRITES.match(sql) if isinstance(sql, str) else None
                if found is None:
                    return _execute(cursor, sql, *more)
                if cursor.db.in_atomic_block:
                    self._tables.written = [*getattr(self._tables, "written", []), found[2] or found[1]]
                    return _execute(cursor, sql, *more)
                return self._around(f"{found[1]} {found[2] or ''}".strip(), lambda: _execute(cursor, sql, *more))

            setattr(CursorWrapper, name, executed)

    def _files(self) -> None:
        for name in _PLACES:
            change = getattr(os, name)

            def changed(*arguments: Any, _change: Any = change, _name: str = name, **more: Any) -> Any:
                return self._around(
                    f"{_name} {Path(os.fsdecode(arguments[0])).suffix}", lambda: _change(*arguments, **more)
                )

            setattr(os, name, changed)
        write = Path.write_bytes

        def torn(path: Path, data: bytes) -> Any:
            return self._around(
                f"write {path.suffix}", lambda: write(path, data), lambda: write(path, data[: len(data) // 2])
            )

        def torn_text(path: Path, data: str, encoding: str | None = None, **_: Any) -> Any:
            return torn(path, data.encode(encoding or "utf-8"))

        path_class: Any = Path  # so that types do not forbid what this is for: other methods in place of its own
        path_class.write_bytes, path_class.write_text = torn, torn_text
        process_class: Any = subprocess.Popen
        start = process_class.__init__

        def started(process: Any, *arguments: Any, **more: Any) -> None:
            self._around("process", lambda: start(process, *arguments, **more))

        process_class.__init__ = started
