"""Bring database, catalogue and static files up to date before the site starts. Quick when nothing changed."""

from __future__ import annotations

import hashlib
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor

from compat import sync
from compat.engine.judge import rules_version
from compat.engines import engines, ensure_settings
from compat.models import FactSheet, ModelRecord, Verdict
from marketplace import starter


class Command(BaseCommand):
    """``prepare``"""

    help = "Migrate, load the bundled snapshot into an empty catalogue, judge what is stale, collect static files."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to leave out."""
        parser.add_argument("--no-snapshot", action="store_true", help="leave an empty catalogue empty")

    def handle(self, *args: Any, **options: Any) -> None:
        """Each step looks first whether it is needed."""
        self._migrate()
        ensure_settings()
        if not options["no_snapshot"] and not ModelRecord.objects.exists():
            call_command("load_records", bundled=True, stdout=self.stdout, stderr=self.stderr)
            starter.create_lists()
        versions = {slug: rules_version(profile) for slug, profile in engines().items()}
        stored = set(Verdict.objects.values_list("profile", "rules").distinct())
        complete = Verdict.objects.count() == FactSheet.objects.count() * len(versions)
        if (stored != set(versions.items()) or not complete) and ModelRecord.objects.exists():
            done = sync.reevaluate()
            self.stdout.write(f"The rules or engines changed: {done.verdicts:,} verdicts made again.")
        self._collect()

    def _migrate(self) -> None:
        database = settings.DATABASES[DEFAULT_DB_ALIAS]
        if database["ENGINE"].endswith("sqlite3"):
            Path(database["NAME"]).parent.mkdir(parents=True, exist_ok=True)
        executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", verbosity=0, interactive=False)
            self.stdout.write("The database is up to date.")

    def _collect(self) -> None:
        """Collect static files where a source file is newer or another than last time."""
        root = Path(settings.STATIC_ROOT)
        state = hashlib.blake2b(django.get_version().encode())
        for folder in settings.STATICFILES_DIRS:
            for path in sorted(Path(folder).rglob("*")):
                if path.is_file():
                    state.update(f"{path.relative_to(folder)} ".encode() + path.read_bytes())
        mark = root / ".collected"
        if mark.is_file() and mark.read_text() == state.hexdigest():
            return
        call_command("collectstatic", verbosity=0, interactive=False, clear=True)
        mark.write_text(state.hexdigest())
