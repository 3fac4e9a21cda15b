"""Real processes with a database and collected files of their own: for commits, crashes and several writers.

The database is of the kind the test run uses.

with OwnDatabase(tmp_path) as own:
    own.run("load_records", path)
    own.value("SELECT count(*) FROM compat_modelrecord")

Migrating one, and loading the records of the tests, takes seconds: all processes of a test run copy what the first of
them made (``made_once``).

Some begin with what an older version left behind, kept in tests/data/upgrade/ as that version's code wrote it: a SQLite
file, and what pg_dump made of a PostgreSQL database.
"""

from __future__ import annotations

import atexit
import fcntl
import gzip
import itertools
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import psycopg
from django.conf import settings

from tests import forked
from tests.samples import RECORDS

ROOT = Path(__file__).resolve().parent.parent
OLD = ROOT / "tests/data/upgrade"
"""What older versions left behind: records, a list, an account, a worker, and webhooks where they had them."""
TIMEOUT = 600
"""Seconds; only a process that hangs takes that long."""
SHARED = "TEST_RUN_FOLDER"
"""The environment variable that names the folder of a test run."""
_numbers = itertools.count()


def environment(url: str, **more: str) -> dict[str, str]:
    """What a process needs; the Hub is at an address where nothing listens, unless told otherwise."""
    return {
        **forked.PLAIN,
        "PYTHONUNBUFFERED": "1",
        "TEMPLATES_ROOT": str(shared_folder() / "templates"),
        "SECRET_KEY": "only for tests",
        "DATABASE_URL": url,
        "HF_ENDPOINT": "http://127.0.0.1:9",
        **more,
    }


def manage(*arguments: object, env: dict[str, str], said: str = "") -> subprocess.CompletedProcess[str]:
    """Run ``manage.py`` to its end; ``said`` is its standard input."""
    command = _managed(arguments)
    if forked.takes(env):
        return forked.first().run(command, said=said, environment=env, timeout=TIMEOUT)
    return subprocess.run(
        [sys.executable, *command], env=env, cwd=ROOT, input=said, capture_output=True, text=True, timeout=TIMEOUT,
        check=False,
    )  # fmt: skip


def _managed(arguments: Iterable[object]) -> list[str]:
    return [str(ROOT / "manage.py"), *map(str, arguments)]


def shared_folder() -> Path:
    """Where all processes of a test run keep what they make once; it goes with the process that asked first."""
    if SHARED not in os.environ:
        os.environ[SHARED] = tempfile.mkdtemp(prefix="runshere-")
        atexit.register(_forget, Path(os.environ[SHARED]))
    return Path(os.environ[SHARED])


def _forget(folder: Path) -> None:
    for made in () if _is_sqlite() else folder.glob(f"*/{_NAME}"):
        _on_server(f'DROP DATABASE IF EXISTS "{made.read_text()}" WITH (FORCE)')
    shutil.rmtree(folder, ignore_errors=True)


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """The folder in which something was made for all processes of a test run; the others wait for the first one."""
    folder = shared_folder() / name
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "whole").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            (folder / "whole").touch()
    return folder


class OwnDatabase:
    """An empty, migrated database that disappears at the end.

    It may be ``filled`` with the records of the tests, or be what an older version made and left behind.
    """

    def __init__(self, folder: Path, *, made_by: str = "", filled: bool = False, **env: str) -> None:
        self._made_by, self._filled = made_by, filled
        self._sqlite = _is_sqlite()
        self._name = f"runshere_own_{os.getpid()}_{next(_numbers)}"
        self.path = folder / "own.sqlite3"
        self.url = f"sqlite:///{quote(str(self.path))}" if self._sqlite else _postgres_url(self._name)
        self._static = folder / "static"
        self.env = environment(
            self.url, **{"STATIC_ROOT": str(self._static), "INDEX_ROOT": str(folder / "index"), **env}
        )

        self._loaded: dict[tuple[tuple[str, str], ...], forked.Forked] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._static.mkdir(exist_ok=True)
        if self._made_by:
            self._restore()
        else:
            _copy(_template(filled=self._filled), str(self.path) if self._sqlite else self._name)
        return self

    def _restore(self) -> None:
        kind = "sqlite3" if self._sqlite else "postgresql.sql"
        kept = gzip.decompress((OLD / f"{self._made_by}-{kind}.gz").read_bytes())
        if self._sqlite:
            self.path.write_bytes(kept)
            return
        _on_server(f'CREATE DATABASE "{self._name}"')
        with closing(psycopg.connect(self.url, autocommit=True)) as connection:
            connection.execute(kept)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
        if not self._sqlite:
            _on_server(f'DROP DATABASE "{self._name}" WITH (FORCE)')

    def run(self, *arguments: object, said: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command to its end; ``said`` is its standard input."""
        return self._run(_managed(arguments), said)

    def python(self, code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run code to its end, as ``python -c`` does."""
        return self._run(["-c", code, *map(str, arguments)])

    def _run(self, command: list[str], said: str = "") -> subprocess.CompletedProcess[str]:
        environment = tuple(self.env.items())
        if environment not in self._loaded:
            self._loaded[environment] = self._open.enter_context(closing(forked.first().within(self.env)))
        return self._loaded[environment].run(command, said=said, timeout=TIMEOUT)

    def fill(self, records: Path) -> None:
        """Load a file of records, and collect what a site serves beside its pages."""
        for command in (["load_records", records], ["collectstatic", "--noinput"]):
            ran = self.run(*command)
            assert ran.returncode == 0, ran.stderr

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start a command."""
        return subprocess.Popen(
            [sys.executable, *_managed(arguments)],
            env=self.env,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a SQLite file, and not a database of a PostgreSQL server."""
        return self._sqlite

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query answers."""
        if self._sqlite:
            with closing(sqlite3.connect(self.path, timeout=20)) as connection:
                return connection.execute(sql).fetchall()
        with closing(psycopg.connect(self.url)) as connection:
            return connection.execute(sql.encode()).fetchall()

    def value(self, sql: str) -> Any:
        """The one value a query answers."""
        return self.rows(sql)[0][0]

    def records(self) -> int:
        """How many records it holds."""
        return int(self.value("SELECT count(*) FROM compat_modelrecord"))


def _is_sqlite() -> bool:
    return str(settings.DATABASES["default"]["ENGINE"]).endswith("sqlite3")


def _postgres_url(name: str) -> str:
    told = settings.DATABASES["default"]
    user = quote(told["USER"]) + (f":{quote(told['PASSWORD'])}" if told["PASSWORD"] else "")
    return f"postgresql://{user}@{told['HOST']}:{told['PORT'] or 5432}/{name}"


def _on_server(sql: str) -> None:
    with closing(psycopg.connect(_postgres_url("postgres"), autocommit=True)) as connection:
        connection.execute(sql.encode())


_NAME = "database"
"""The file that is a template, or that holds the name which it has on the server."""


def _copy(template: Path, name: str) -> None:
    if _is_sqlite():
        shutil.copy(template / _NAME, name)
    else:
        _on_server(f'CREATE DATABASE "{name}" TEMPLATE "{(template / _NAME).read_text()}"')


def _template(*, filled: bool) -> Path:
    """A migrated database to copy, empty or with the records of the tests."""
    if filled:
        return made_once("filled", lambda folder: _make(folder, "load_records", str(RECORDS)))
    return made_once("migrated", lambda folder: _make(folder, "migrate", "--verbosity", "0"))


def _make(folder: Path, *command: str) -> None:
    if _is_sqlite():
        name = str(folder / _NAME)
        url = f"sqlite:///{quote(name)}"
    else:
        name = f"{folder.parent.name}_{folder.name}"
        url = _postgres_url(name)
    if command[0] != "migrate":
        _copy(_template(filled=False), name)
    elif not _is_sqlite():
        _on_server(f'CREATE DATABASE "{name}"')
    if not _is_sqlite():
        (folder / _NAME).write_text(name)
    done = manage(*command, env=environment(url))
    assert done.returncode == 0, done.stderr
