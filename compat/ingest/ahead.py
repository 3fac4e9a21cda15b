"""Records of a page of a list read and judged in a process beside this one, while the page before is stored.

What a record tells by itself, and what the engines say of its facts, depends on nothing but the record: so it can be
worked out anywhere, and is the larger part of a first sync. The process beside has no database and no Django, and ends
when its parent does, however that ends. Where it fails, or says nothing of a record, the work is done here.
"""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from compat.collecting import collected_rarely
from compat.engines import all_profiles
from compat.extraction.extract import Extraction, extract, own_shape_facts
from compat.extraction.facts import digest_of
from compat.extraction.version import facts_version
from compat.hub.documents import kept_record
from compat.rules.judge import rules_version, verdict_of

log = logging.getLogger(__name__)

Payload = Mapping[str, Any]
Policies = Mapping[str, str]
"""Engines by their slugs, each with its context policy."""
_PROJECT = Path(__file__).resolve().parents[2]
_MOST_SEEN = 100_000
_FAILURES = (OSError, EOFError, pickle.PickleError, ValueError)


@dataclass(frozen=True, slots=True)
class Ahead:
    """What was worked out: by a record's digest what it tells by itself, and verdicts by their sheet's digest.

    A verdict is also told by the version of the rules and the profile that it was made by, so that none is taken that
    an operator's change has overtaken.
    """

    read: Mapping[str, tuple[Extraction, str]] = field(default_factory=dict)
    verdicts: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)


NOTHING = Ahead()


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

    def read(self, payloads: Sequence[Payload]) -> Ahead:
        """What some records tell; nothing where the process failed, now or before."""
        if self._process is None:
            return NOTHING
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answers is not None
        try:
            _send(asked, (self._policies, payloads))
            version, read, verdicts = pickle.load(answers)  # noqa: S301 - of our own process
            if version != facts_version():
                raise ValueError("the program was changed meanwhile")
        except _FAILURES as error:
            self._give_up(error)
            return NOTHING
        return Ahead(read, verdicts)

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


def read_and_judge(payloads: Sequence[Payload], policies: Policies, seen: set[str]) -> Ahead:
    """What some records tell, and the verdicts on facts that are not among those ``seen`` before."""
    profiles = [all_profiles()[slug].with_context_policy(policy) for slug, policy in policies.items()]
    versions = [(profile, rules_version(profile)) for profile in profiles]
    read: dict[str, tuple[Extraction, str]] = {}
    verdicts: dict[tuple[str, str], Mapping[str, Any]] = {}
    for parsed in map(kept_record, payloads):
        extraction = extract(parsed.model)
        read[parsed.digest] = extraction, own_shape_facts(parsed.model)
        sheet = digest_of(extraction.judged)
        if sheet not in seen:
            seen.add(sheet)
            for profile, version in versions:
                verdicts[sheet, version] = verdict_of(extraction.judged, profile, version)
    return Ahead(read, verdicts)


def _serve(asked: IO[bytes], answers: IO[bytes]) -> None:
    """Answer until nobody asks any more."""
    seen: set[str] = set()
    while True:
        try:
            policies, payloads = pickle.load(asked)  # noqa: S301 - of our own parent
        except EOFError:
            return
        if len(seen) > _MOST_SEEN:
            seen.clear()
        done = read_and_judge(payloads, policies, seen)
        _send(answers, (facts_version(), done.read, done.verdicts))


if __name__ == "__main__":
    with collected_rarely():
        _serve(sys.stdin.buffer, sys.stdout.buffer)
