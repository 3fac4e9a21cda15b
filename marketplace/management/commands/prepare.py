"""Bring database, catalogue and static files up to date before the site starts. Quick when nothing changed."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser
from django.core.management.sql import emit_post_migrate_signal
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.migrations.executor import MigrationExecutor

from compat.management.command import Answer, CatalogueCommand
from compat.management.commands.load_records import Loaded, load
from compat.management.console import Screen
from compat.management.preparing import one_at_a_time, whole_migrations
from compat.timestamps import Json


class Command(CatalogueCommand):
    """``prepare``"""

    help = (
        "Migrate, load the bundled snapshot into an empty catalogue (or go on with a load that was interrupted) and "
        "where the catalogue has an older one, read and judge again what is stale, make the index of the catalogue, "
        "collect static files."
    )
    examples = (
        ("prepare", "before every start of the site"),
        ("prepare --no-snapshot", "for a catalogue that you fill yourself"),
        ("prepare --json", "say for a program which steps were needed"),
    )
    stopped = "Steps done until then are kept. Run it again to go on."

    def arguments(self, parser: CommandParser) -> None:
        """What to leave out."""
        parser.add_argument(
            "--no-snapshot",
            action="store_true",
            help="leave an empty catalogue empty, an unfinished one unfinished, one with an older snapshot as it is",
        )

    def answer(self, options: Mapping[str, Any]) -> Answer:
        """Each step looks first whether it is needed; another process that is at it already is waited for."""
        database = settings.DATABASES[DEFAULT_DB_ALIAS]
        if database["ENGINE"].endswith("sqlite3"):
            Path(database["NAME"]).parent.mkdir(parents=True, exist_ok=True)
        with one_at_a_time(self._say_that_it_waits):
            return self._prepare(options)

    def _say_that_it_waits(self) -> None:
        if not self._quiet:
            self.stderr.write("Another prepare is at this database: waiting for it to end.", lambda text: text)

    def _prepare(self, options: Mapping[str, Any]) -> Answer:
        done: Json = {"migrated": self._migrate(), "read": 0, "loaded": None, "verdicts": 0}
        told = ["The database is up to date."] if done["migrated"] else []
        self._look_after()
        bundle = not options["no_snapshot"]
        renewal = self._renew() if bundle else None
        done["read"] = self._read()
        loaded = renewal or (self._fill() if bundle else None)
        if loaded:
            done["loaded"] = loaded.as_json()
            told += ["The bundled snapshot is newer than the catalogue's."] * bool(renewal) + [loaded.words]
        done["verdicts"] = verdicts = self._judge()
        renewed = [f"{done['read']:,} records read again"] if done["read"] else []
        renewed += [f"{verdicts:,} verdicts made again"] if verdicts else []
        if renewed:
            told.append(f"What verdicts rest on has changed: {', '.join(renewed)}.")
        done["indexed"] = self._index()
        done["collected"] = self._collect()

        def show(screen: Screen) -> None:
            for line in told:
                screen.line(line)

        return Answer(done, show)

    def _migrate(self) -> bool:
        executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
        needed = bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
        if needed:
            with whole_migrations():
                call_command("migrate", verbosity=0, interactive=False)
        else:
            # What follows the last migration: one that was killed before it had made all permissions lacks some.
            emit_post_migrate_signal(verbosity=0, interactive=False, db=DEFAULT_DB_ALIAS)
        return needed

    def _look_after(self) -> None:
        """Jobs whose process was killed, and schedules that a new site has."""
        from compat.ingest.jobs import ensure_schedules, give_up_lost

        give_up_lost()
        ensure_schedules()

    def _read(self) -> int:
        """Read again what other code or tables read; returns how many records. An empty catalogue is noted as new."""
        from compat.ingest.jobs import noted
        from compat.ingest.reading import extract_again, facts_are_current
        from compat.models import ModelRecord

        if facts_are_current():
            return 0
        with noted("judge", "at the start"), self.progress("Reading records", ModelRecord.objects.count()) as advance:
            return extract_again(advance)

    def _renew(self) -> Loaded | None:
        """The bundled snapshot, where the catalogue took in another one; what others told since stays as it is."""
        from compat.ingest import bundle

        if not bundle.is_outdated():
            return None
        return self._load(bundle.deleted_by_hand())

    def _fill(self) -> Loaded | None:
        """The bundled snapshot and the starter lists, where the catalogue is empty or this was interrupted before."""
        from compat.ingest.runs import begin_filling, end_filling
        from compat.models import Catalogue
        from marketplace import starter

        if Catalogue.is_filled():
            return None
        begin_filling()
        loaded = self._load()
        with transaction.atomic():
            starter.create_lists()
            end_filling()
        return loaded

    def _load(self, without: Container[str] = ()) -> Loaded:
        loaded = load(None, self.progress, without)
        if loaded.error:
            raise CommandError(f"{loaded.error}. Get the project's files again.")
        return loaded

    def _judge(self) -> int:
        """Judge where rules, engines or tables are others than before; returns how many verdicts were made."""
        from compat.ingest.jobs import noted
        from compat.ingest.judging import reevaluate
        from compat.models import FactSheet, ModelRecord, Verdict
        from compat.models.engines import engines, ensure_settings
        from compat.rules.judge import rules_version

        ensure_settings()
        versions = {slug: rules_version(profile) for slug, profile in engines().items()}
        stored = set(Verdict.objects.values_list("profile", "rules").distinct())
        complete = Verdict.objects.count() == FactSheet.objects.count() * len(versions)
        if (stored == set(versions.items()) and complete) or not ModelRecord.objects.exists():
            return 0
        with noted("judge", "at the start"), self.progress("Judging", FactSheet.objects.count()) as advance:
            return reevaluate(progress=advance).verdicts

    def _index(self) -> bool:
        """The index that pages are answered from, so that no visitor waits for it; whether it had to be made."""
        from compat.catalogue.current import prepare_index
        from compat.catalogue.workers import workers
        from compat.models import ModelRecord

        if settings.INDEX_ROOT is None or not ModelRecord.objects.exists():
            return False
        return prepare_index(workers().values())[1]

    def _collect(self) -> bool:
        """Collect static files where a source file is newer or another than last time."""
        root = Path(settings.STATIC_ROOT)
        state = hashlib.blake2b(django.get_version().encode())
        for folder in settings.STATICFILES_DIRS:
            for path in sorted(Path(folder).rglob("*")):
                if path.is_file():
                    state.update(f"{path.relative_to(folder)} ".encode() + path.read_bytes())
        mark = root / ".collected"
        if mark.is_file() and mark.read_text() == state.hexdigest():
            return False
        # First: a process that is killed from here on leaves no mark of an older state on files that are half gone.
        mark.unlink(missing_ok=True)
        call_command("collectstatic", verbosity=0, interactive=False, clear=True)
        mark.write_text(state.hexdigest())
        return True
