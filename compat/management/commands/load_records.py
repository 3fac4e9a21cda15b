"""Load Hub-shaped records from a file: offline and air-gapped import, and the bundled snapshot."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from compat import sync
from compat.engines import ensure_settings
from compat.files import BUNDLED, RecordFile
from compat.management.console import progress, summary


class Command(BaseCommand):
    """``load_records FILE``"""

    help = (
        "Load model records from FILE: one Hub-shaped JSON object a line, plain or gzipped, of any size. "
        "Loading the same file again changes nothing. Bad records are counted, named and skipped."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One file, or the bundled one."""
        parser.add_argument("file", nargs="?", type=Path, help="a .jsonl or .jsonl.gz file")
        parser.add_argument("--bundled", action="store_true", help="load the snapshot that ships with the project")

    def handle(self, *args: Any, **options: Any) -> None:
        """Stream the file into the catalogue; exit with an error if it is damaged or holds nothing usable."""
        path = BUNDLED if options["bundled"] else options["file"]
        if path is None:
            raise CommandError("Name a file, or say --bundled for the snapshot that ships with the project.")
        ensure_settings()
        started = time.monotonic()
        try:
            with RecordFile(path) as lines, progress(f"Loading {path.name}", lines.size) as advance:
                counts, error = self._load(lines, advance, "snapshot" if options["bundled"] else "file")
        except OSError as problem:
            raise CommandError(f"{path} cannot be read: {problem.strerror}.") from None
        self.stdout.write(summary(counts, time.monotonic() - started))
        if error:
            raise CommandError(f"{error}. What stands before it is loaded; get the file again and load it again.")
        if counts.total and counts.total == counts.rejected:
            raise CommandError("No record of this file could be used.")

    def _load(self, lines: RecordFile, advance: Any, origin: str) -> tuple[sync.Counts, str]:
        run = sync.start_run(lines.path.name, origin)
        counts, error = sync.Counts(), "interrupted"
        before = 0

        def step(_: int) -> None:
            nonlocal before
            advance(lines.position - before)
            before = lines.position

        try:
            counts = sync.store_raw(lines, origin=origin, progress=step)
            error = lines.error
        finally:
            sync.finish_run(run, counts, error)
        return counts, error
