"""What makes it safe to bring a database up to date again: one process at a time, and each migration all or nothing."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.migrations.executor import MigrationExecutor

_LOCK = 7_283_461_095
"""The number of the advisory lock on PostgreSQL; any that nothing else in the database uses."""


@contextmanager
def one_at_a_time(waiting: Callable[[], None]) -> Iterator[None]:
    """One process at a time brings a database up to date; the others call ``waiting`` and wait for its end.

    It needs no table, as there may be none yet, and is over with the process, however that ends. Raises
    :class:`OSError` where the folder of a SQLite database cannot be written.
    """
    connection: Any = connections[DEFAULT_DB_ALIAS]
    lock: AbstractContextManager[None]
    if connection.vendor != "sqlite":
        lock = _server_lock(connection, waiting)
    elif connection.is_in_memory_db():
        lock = nullcontext()
    else:
        lock = _file_lock(Path(connection.settings_dict["NAME"]), waiting)
    with lock:
        yield


@contextmanager
def _file_lock(database: Path, waiting: Callable[[], None]) -> Iterator[None]:
    # A file of its own: who closed the database's would drop SQLite's own locks.
    with database.with_name(f"{database.name}.preparing").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _server_lock(connection: Any, waiting: Callable[[], None]) -> Iterator[None]:
    # A connection of its own: the lock belongs to it, and is given back when it ends.
    own = connection.copy()
    try:
        with own.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
            if not cursor.fetchone()[0]:
                waiting()
                cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
            yield
    finally:
        own.close()


class WholeMigrations(MigrationExecutor):
    """Notes a migration in the transaction that makes it.

    Django notes one that makes indexes or foreign keys in a transaction of its own: killed between the two, the next
    run would make the same tables again, and fail for ever.
    """

    def apply_migration(self, state: Any, migration: Any, fake: bool = False, fake_initial: bool = False) -> Any:
        """As Django's, all or nothing."""
        connection: Any = self.connection
        if not migration.atomic:
            return super().apply_migration(state, migration, fake, fake_initial)
        # SQLite cannot switch its checks of foreign keys off within a transaction; whoever changes tables checks them.
        checks = connection.constraint_checks_disabled() if connection.vendor == "sqlite" else nullcontext()
        with checks, transaction.atomic(using=connection.alias):
            return super().apply_migration(state, migration, fake, fake_initial)


@contextmanager
def whole_migrations() -> Iterator[None]:
    """Have the command ``migrate`` use :class:`WholeMigrations`, which it cannot be told otherwise."""
    command: Any = migrate  # its type stubs leave out what it imports
    before = command.MigrationExecutor
    command.MigrationExecutor = WholeMigrations
    try:
        yield
    finally:
        command.MigrationExecutor = before
