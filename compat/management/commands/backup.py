"""Copy the database while the site runs."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from glob import escape
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS
from django.utils import timezone

from compat.management.command import Answer, CatalogueCommand, Exit, words_of_database_error
from compat.management.questions import positive
from compat.management.unfinished import drop_unfinished, unfinished_name


class Command(CatalogueCommand):
    """``backup``"""

    help = (
        "Copy the whole database while the site runs, and check the copy: to FILE, or to a new file with the time in "
        "its name in BACKUP_ROOT. PostgreSQL is copied by pg_dump, which must be installed."
    )
    examples = (
        ("backup", "a new copy in BACKUP_ROOT"),
        ("backup --keep 7", "the same, and keep no more than the seven newest there"),
        ("backup runshere.sqlite3", "a copy with a name of yours; one that exists is left alone"),
        ("backup --json", "a new copy, and say for a program where it is"),
    )
    stopped = "No copy was made."

    def arguments(self, parser: CommandParser) -> None:
        """Where to."""
        parser.add_argument("file", nargs="?", type=Path, help="the file to write; it must not exist")
        parser.add_argument(
            "--keep", metavar="N", type=positive, help="delete all but the N newest copies in BACKUP_ROOT"
        )

    def answer(self, options: Mapping[str, Any]) -> Answer:
        """Copy into a file beside it, check, and only then give it its name."""
        from compat.ingest.jobs import noted

        if options["file"] and options["keep"]:
            raise CommandError("--keep is for copies in BACKUP_ROOT: name no file with it.", returncode=Exit.USAGE)
        database = settings.DATABASES[DEFAULT_DB_ALIAS]
        is_sqlite = database["ENGINE"].endswith("sqlite3")
        ending = "sqlite3" if is_sqlite else "dump"
        target: Path = options["file"] or settings.BACKUP_ROOT / f"runshere-{timezone.now():%Y%m%dT%H%M%S%fZ}.{ending}"
        if target.exists():
            raise CommandError(f"{target} exists already.")
        partial = unfinished_name(target)
        with noted("backup", f"to {target.name}"):
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                # Such a file holds secrets.
                drop_unfinished(target.parent, escape(target.name) if options["file"] else f"runshere-*Z.{ending}")
                # Accounts and secrets are inside: nobody else may read it, not even while it is written.
                os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
                if is_sqlite:
                    _copy_sqlite(Path(database["NAME"]), partial)
                else:
                    _dump_postgresql(database, partial)
                partial.replace(target)
            except sqlite3.DatabaseError as error:
                if type(error) is sqlite3.DatabaseError:
                    raise CommandError(f"No copy was made: {words_of_database_error(error)}") from None
                raise CommandError(f"{target} cannot be written: {error}.") from None
            except OSError as error:
                raise CommandError(f"{target} cannot be written: {error}.") from None
            finally:
                partial.unlink(missing_ok=True)
            dropped = _drop_old(ending, options["keep"]) if options["keep"] else 0
        size = target.stat().st_size
        words = f"{target}: {size:,} bytes." + (f" Older copies deleted: {dropped}." if dropped else "")
        return Answer({"file": str(target), "bytes": size, "deleted": dropped}, lambda screen: screen.line(words))


def _copy_sqlite(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(f"{source.resolve(strict=True).as_uri()}?mode=ro", uri=True)) as database:
        database.execute("VACUUM INTO ?", [str(target)])
    with closing(sqlite3.connect(target)) as copy:
        result = copy.execute("PRAGMA integrity_check").fetchone()[0]
    if result != "ok":
        raise CommandError(f"The copy is damaged: {result}.")


def _dump_postgresql(database: Mapping[str, Any], target: Path) -> None:
    told = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD", "PGDATABASE": "NAME"}
    environment = os.environ | {name: str(database[key]) for name, key in told.items() if database[key]}
    command = ["pg_dump", "--format=custom", "--no-owner"]
    try:
        # Into the file as it was made: a dump that outlives this process makes none anew under its name.
        with target.open("wb") as file:
            done = subprocess.run(command, env=environment, stdout=file, stderr=subprocess.PIPE, check=False)  # noqa: S603 - a fixed command
    except FileNotFoundError:
        raise CommandError("pg_dump is not installed here: copy the database where it is.") from None
    if done.returncode:
        raise CommandError(f"pg_dump failed: {' '.join(done.stderr.decode(errors='replace').split())[:500]}")


def _drop_old(ending: str, keep: int) -> int:
    old = sorted(settings.BACKUP_ROOT.glob(f"runshere-*Z.{ending}"))[:-keep]
    for path in old:
        path.unlink()
    return len(old)
