"""The process that a :class:`~tests.crash.laboratory.Laboratory` talks to: it forks one for each run of a command.

Django is loaded once; every run is a process of its own, with its own connections, which can be killed like any other.
One line of JSON is asked, one answered.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import shutil
import signal
import sys
import traceback
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import django

from tests.crash.points import Points, kind_of

FOLDER = Path(os.environ["LABORATORY"])
"""Holds ``files``, where commands write, and ``kept``, what was there before."""


class Databases:
    """Copies of databases of the kind that the tests run on; each process uses the one called ``inuse``."""

    def __init__(self) -> None:
        from django.db import connections

        self._told = connections.settings["default"]
        self._sqlite = "sqlite" in self._told["ENGINE"]
        self.first = str(self._told["NAME"])

    def use(self, name: str) -> None:
        self._told["NAME"] = name

    def names(self) -> tuple[str, str]:
        """Of the state that runs begin with, and of the one that a run works at."""
        return f"{self.first}_before", f"{self.first}_inuse"

    def copy(self, source: str, target: str) -> None:
        """``target`` is then as ``source``; empty where there is none."""
        self.drop(target)
        if not self._sqlite:
            self._on_server(f'CREATE DATABASE "{target}"' + (f' TEMPLATE "{source}"' if source else ""))
        elif Path(source).is_file():
            shutil.copy(source, target)

    def drop(self, name: str) -> None:
        if not self._sqlite:
            self._on_server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            return
        for end in ("", "-wal", "-shm", "-journal"):
            Path(name + end).unlink(missing_ok=True)

    def _on_server(self, sql: str) -> None:
        import psycopg

        told = self._told
        made = psycopg.connect(
            host=told["HOST"], port=told["PORT"] or 5432, user=told["USER"], password=told["PASSWORD"] or None,
            dbname="postgres", autocommit=True,
        )  # fmt: skip
        with contextlib.closing(made) as server:
            server.execute(sql.encode())


def in_child(work: Callable[[], Any]) -> Callable[[], Any]:
    """Begin something in a process of its own; the function that waits for what it says, None where it was killed."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        code = 1
        try:
            said = json.dumps(work(), default=str).encode()
            from django.db import connections

            connections.close_all()
            with os.fdopen(write, "wb") as pipe:
                pipe.write(said)
            code = 0
        except BaseException:  # noqa: BLE001 - whatever it was, this process is over
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(code)
    os.close(write)

    def wait() -> Any:
        with os.fdopen(read, "rb") as pipe:
            said = pipe.read()
        status = os.waitpid(child, 0)[1]
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL, status
            return None
        assert status == 0, "a process failed: its words stand above"
        return json.loads(said)

    return wait


class Beside:
    """A process that writes, beside everything that happens in the ``with`` block; what it did is then ``told``."""

    def __init__(self, write: Callable[[int, dict[str, Any]], None]) -> None:
        self._write = write
        self.told: dict[str, Any] = {}

    def __enter__(self) -> Beside:
        read, self._stop = os.pipe()

        def work() -> dict[str, Any]:
            os.close(self._stop)
            told: dict[str, Any] = {}
            self._write(read, told)
            return told

        self._wait = in_child(work)
        os.close(read)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._stop)
        self.told = self._wait()


class Runs:
    """Runs of one command, all from the same state."""

    def __init__(self, asked: dict[str, Any], databases: Databases) -> None:
        self._asked, self._databases = asked, databases
        self._before, self._inuse = databases.names()

    def _reset(self) -> None:
        self._databases.copy(self._before, self._inuse)
        self._databases.use(self._inuse)
        shutil.rmtree(FOLDER / "files", ignore_errors=True)
        shutil.copytree(FOLDER / "kept", FOLDER / "files")

    def _run(self, kill_at: int = 0, *, after: bool = False) -> list[str]:
        from django.core.management import call_command

        exec(self._asked["first"], {})
        points = Points(kill_at, after=after)
        points.install()
        with Path(os.devnull).open("w") as nowhere:
            call_command(*self._asked["command"], verbosity=0, stdout=nowhere)
        return points.seen

    def _look(self, second: dict[str, Any] | None) -> dict[str, Any]:
        from tests.crash.fingerprint import fingerprint
        from tests.crash.writer import what_lacks

        found: dict[str, Any] = fingerprint()
        found["the second writer's, lacking"] = what_lacks(second) if second else []
        space: dict[str, Any] = {"found": found, "folder": FOLDER / "files"}
        exec(self._asked["look"], space)
        return found

    def one(self, kill_at: int = 0, *, after: bool = False) -> tuple[list[str] | None, dict[str, Any]]:
        """The points of a run, None where it was killed, and what there is at the end, after a second run then."""
        self._reset()
        from tests.crash.writer import write_until

        with contextlib.ExitStack() as stack:
            second = stack.enter_context(Beside(write_until)) if self._asked["second"] else None
            seen: list[str] | None = in_child(lambda: self._run(kill_at, after=after))()
            if seen is None:
                in_child(self._run)()
        told = second.told if second else None
        return seen, in_child(lambda: self._look(told))()

    def points(self) -> list[str]:
        """The points of a run to its end."""
        self._reset()
        seen: list[str] = in_child(self._run)()
        return seen

    def matrix(self) -> dict[str, Any]:
        """Every point that was asked for, or all; what there was at the clean end, and what was ``broken``."""
        seen, clean = self.one()
        assert seen is not None
        broken, unreached = [], 0
        tries = chosen(seen, self._asked["kinds"], every=self._asked["every"])
        for number, after in tries:
            where = f"{'after' if after else 'before'} {number} of {len(seen)}: {seen[number - 1]}"
            try:
                again, found = self.one(number, after=after)
            except AssertionError as error:
                broken.append([where, str(error)])
                continue
            unreached += again is not None
            broken += [
                [where, what, *differences(clean[what], found[what])] for what in clean if clean[what] != found[what]
            ]
        return {"points": len(seen), "tries": len(tries), "unreached": unreached, "clean": clean, "broken": broken[:6],
                "labels": sorted(set(seen))}  # fmt: skip


class Race:
    """Everything read and judged anew, again and again, while others load, edit and fetch."""

    def __init__(self, asked: dict[str, Any], databases: Databases) -> None:
        self._asked, self._databases = asked, databases

    def run(self) -> dict[str, Any]:
        """How many of the ``rounds`` failed, what the others did, and what they wrote that is not there, or not so."""
        from tests.crash.fingerprint import fingerprint
        from tests.crash.writer import fetch_until, what_lacks, write_until

        before, inuse = self._databases.names()
        self._databases.copy(before, inuse)
        self._databases.use(inuse)
        failed = []
        names = self._asked["names"]
        with (
            Beside(lambda stop, told: write_until(stop, told, 0.02, engines=True)) as writer,
            Beside(lambda stop, told: fetch_until(stop, told, names)) as fetcher,
        ):
            for number in range(self._asked["rounds"]):
                try:
                    in_child(self._anew)()
                except AssertionError:
                    failed.append(number)
        lacking = in_child(lambda: what_lacks(writer.told))()
        in_child(self._judge)()
        raced = in_child(fingerprint)()
        in_child(self._anew)()
        quiet = in_child(fingerprint)()
        wrong = {what: differences(quiet[what], raced[what]) for what in quiet if quiet[what] != raced[what]}
        return {"failed": failed, "lacking": lacking, "wrong": wrong, **writer.told, **fetcher.told}

    def _anew(self) -> None:
        exec(self._asked["first"], {})
        self._call("reevaluate", "--extract", "--all")

    def _judge(self) -> None:
        self._call("reevaluate")

    def _call(self, *command: str) -> None:
        from django.core.management import call_command

        with Path(os.devnull).open("w") as nowhere:
            call_command(*command, verbosity=0, stdout=nowhere)


def chosen(seen: Sequence[str], kinds: Sequence[str] = (), *, every: bool) -> list[tuple[int, bool]]:
    """Which points to be killed at, and whether after or before: ``every`` one both ways, or one of each kind.

    Of each kind it is the side on which something is left half done: before a file gets its name or is deleted; in the
    middle of a write; after a process was started, which goes on by itself, and after a statement of its own. Of the
    commits there is one in each third, before, after and before it. Which of its like it is, a digest of all points
    tells: equal code is killed at equal points, and each command at other ones. Where ``kinds`` are told,
    others are left to the long form.
    """
    if every:
        return [(number, after) for number in range(1, len(seen) + 1) for after in (False, True)]
    digest = zlib.crc32("\n".join(seen).encode())
    places: dict[str, list[int]] = {}
    for number, label in enumerate(seen, 1):
        places.setdefault(kind_of(label), []).append(number)
    commits = places.pop("commit", [])
    if kinds and "commit" not in kinds:
        commits = []
    thirds = [commits[len(commits) * part // 3 : len(commits) * (part + 1) // 3] for part in range(3)]
    tries = [(third[digest % len(third)], part == 1) for part, third in enumerate(thirds) if third]
    for kind, numbers in places.items():
        if kind in (kinds or places):
            tries.append((numbers[digest % len(numbers)], kind in ("write", "process", "statement")))
    return sorted(tries)


def differences(clean: Any, found: Any) -> list[Any]:
    """What is there and should not be, and what is not there."""
    if isinstance(clean, list) and isinstance(found, list):
        more, less = Counter(map(str, found)), Counter(map(str, clean))
        return [[text[:400] for text in (more - less)][:3], [text[:400] for text in (less - more)][:3]]
    if isinstance(clean, dict) and isinstance(found, dict):
        return differences([*clean.items()], [*found.items()])
    return [str(found)[:600], str(clean)[:600]]


def answer(asked: dict[str, Any], databases: Databases) -> Any:
    """What was asked: a state to begin with, something done to it, or a matrix of runs."""
    before, inuse = databases.names()
    if asked["what"] == "begin":
        databases.copy("" if asked["empty"] else databases.first, before)
        shutil.rmtree(FOLDER / "kept", ignore_errors=True)
        (FOLDER / "kept").mkdir()
        return None
    if asked["what"] == "do":
        databases.use(before)
        shutil.rmtree(FOLDER / "files", ignore_errors=True)
        (FOLDER / "kept").rename(FOLDER / "files")

        def work() -> Any:
            space: dict[str, Any] = {"folder": FOLDER / "files"}
            exec(asked["code"], space)
            return space.get("told")

        told = in_child(work)()
        (FOLDER / "files").rename(FOLDER / "kept")
        return told
    if asked["what"] == "matrix":
        return Runs(asked, databases).matrix()
    if asked["what"] == "points":
        return Runs(asked, databases).points()
    if asked["what"] == "race":
        return Race(asked, databases).run()
    for name in (before, inuse):
        databases.drop(name)
    return None


def warm_up() -> None:
    """Load what every run needs, once and before any fork: code, profiles and tables, but nothing of a database."""
    from django.urls import reverse

    import compat
    import marketplace
    from compat.engines import all_profiles
    from compat.extraction.extract import extract
    from compat.extraction.version import facts_version
    from compat.hub.payloads import parse_record
    from compat.rules import judge_all
    from compat.rules.judge import rules_version
    from tests.samples import every_record

    for package in (compat, marketplace):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations." not in module.name:
                importlib.import_module(module.name)
    for name in ("fingerprint", "points", "writer"):
        importlib.import_module(f"tests.crash.{name}")
    reverse("healthz")
    facts_version()
    read = [extract(parse_record(one).model) for one in every_record()[:20]]
    for profile in all_profiles().values():
        rules_version(profile)
        for one in read:
            judge_all([variant.facts for variant in one.variants], profile)
    # What is there now stays where it is: a collection in a child would copy every page that it looks at.
    gc.collect()
    gc.freeze()


def main() -> None:
    """Answer until the input ends."""
    django.setup()
    warm_up()
    databases = Databases()
    # What commands print is no answer of this process.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        try:
            said = {"answer": answer(json.loads(line), databases)}
        except Exception:  # noqa: BLE001 - told to whoever asked
            said = {"error": traceback.format_exc()}
        print(json.dumps(said), file=answers, flush=True)


if __name__ == "__main__":
    main()
