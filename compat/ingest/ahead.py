"""A page of a list made ready to be stored: in a process beside this one, while the page before is stored.

What a row tells by itself, and what the engines say of its facts, depends on nothing but the row: so it can be worked
out anywhere, and is the larger part of a first sync. The process beside has no database and no Django, and ends when
its parent does, however that ends. Where there is none, or it fails, the work is done here.
"""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from compat.collecting import collected_rarely
from compat.extraction.version import facts_version
from compat.ingest.listed import Asked, Policies, Rows, rows_of

log = logging.getLogger(__name__)

_PROJECT = Path(__file__).resolve().parents[2]
_MOST_SEEN = 100_000
_FAILURES = (OSError, EOFError, pickle.PickleError, ValueError)


class Beside:
    """The process beside this one. One asks it at a time, and closes it."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies
        self._process: subprocess.Popen[bytes] | None = None
        try:
            # In a session of its own, so that Ctrl-C is for the one that asks.
            self._process = subprocess.Popen(  # noqa: S603 - this very program
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=_PROJECT,
                start_new_session=True,
            )
        except OSError as error:
            self._give_up(error)

    def read(self, page: Sequence[Mapping[str, Any]], asked: Asked) -> Rows | None:
        """What the rows of a page tell; None where the process failed, now or before."""
        if self._process is None:
            return None
        pipe, answers = self._process.stdin, self._process.stdout
        assert pipe is not None
        assert answers is not None
        try:
            _send(pipe, (page, asked, self._policies))
            if pickle.load(answers) != facts_version():  # noqa: S301 - of our own process
                raise ValueError("the program was changed meanwhile")
            rows = pickle.load(answers)  # noqa: S301 - of our own process
        except _FAILURES as error:
            self._give_up(error)
            return None
        assert isinstance(rows, Rows)
        return rows

    def _give_up(self, error: Exception) -> None:
        log.warning("records are read by one process alone from here on: %r", error)
        self.close()

    def close(self) -> None:
        """Have it end."""
        if self._process is not None:
            process, self._process = self._process, None
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):  # what it was not given yet is of no use any more
                    if pipe is not None:
                        pipe.close()


def _send(pipe: IO[bytes], told: object) -> None:
    pickle.dump(told, pipe, pickle.HIGHEST_PROTOCOL)
    pipe.flush()


def _serve(asked: IO[bytes], answers: IO[bytes]) -> None:
    """Answer until nobody asks any more."""
    seen: set[str] = set()
    while True:
        try:
            page, meant, policies = pickle.load(asked)  # noqa: S301 - of our own parent
        except EOFError:
            return
        if len(seen) > _MOST_SEEN:
            seen.clear()
        _send(answers, facts_version())
        _send(answers, rows_of(page, meant, policies, seen))


if __name__ == "__main__":
    with collected_rarely():
        _serve(sys.stdin.buffer, sys.stdout.buffer)
