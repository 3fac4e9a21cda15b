"""Judge the catalogue again, without asking the Hub."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from compat.management.command import Answer, CatalogueCommand
from compat.management.console import Screen


class Command(CatalogueCommand):
    """``reevaluate``"""

    help = "Read and judge again whatever was read or judged by other code, tables or profiles. Needs no network."
    examples = (
        ("reevaluate", "read and judge what is out of date"),
        ("reevaluate --all --json", "judge everything, and sum up for a program"),
        ("reevaluate --extract", "read the stored answers of the Hub again in any case, then judge"),
    )
    stopped = "Whole batches done until then are kept. Run it again to go on."

    def arguments(self, parser: CommandParser) -> None:
        """How much."""
        parser.add_argument("--all", action="store_true", help="judge everything, changed or not")
        parser.add_argument(
            "--extract",
            action="store_true",
            help="first read the stored Hub answers again, even if they were read by this version",
        )

    def answer(self, options: Mapping[str, Any]) -> Answer:
        """Read again what was read by other code or tables, then judge."""
        from compat.ingest.jobs import noted
        from compat.ingest.judging import reevaluate
        from compat.ingest.reading import extract_again, facts_are_current
        from compat.models import FactSheet, ModelRecord

        started = time.monotonic()
        read: int | None = None
        with noted("judge"):
            if options["extract"] or not facts_are_current():
                with self.progress("Reading records", ModelRecord.objects.count()) as advance:
                    read = extract_again(advance)
            with self.progress("Judging", FactSheet.objects.count()) as advance:
                done = reevaluate(everything=options["all"], progress=advance)
        seconds = time.monotonic() - started

        def show(screen: Screen) -> None:
            if read is not None:
                screen.line(f"{read:,} records read again.")
            screen.line(f"{done.verdicts:,} verdicts made for {done.sheets:,} fact sheets in {seconds:.1f} s.")

        data = {"recordsRead": read, "sheets": done.sheets, "verdicts": done.verdicts, "dropped": done.dropped}
        return Answer(data | {"seconds": round(seconds, 3)}, show)
