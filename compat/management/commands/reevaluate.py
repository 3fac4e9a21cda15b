"""Judge the catalogue again, without asking the Hub."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from compat import sync
from compat.management.console import progress
from compat.models import FactSheet, ModelRecord


class Command(BaseCommand):
    """``reevaluate``"""

    help = "Judge again whatever was judged by other rules or engine profiles. Needs no network."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How much."""
        parser.add_argument("--all", action="store_true", help="judge everything, changed or not")
        parser.add_argument(
            "--extract",
            action="store_true",
            help="first read the stored Hub answers again, after a new release",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Extract again if asked, then judge."""
        started = time.monotonic()
        if options["extract"]:
            with progress("Reading records", ModelRecord.objects.count()) as advance:
                self.stdout.write(f"{sync.extract_again(advance):,} records read again.")
        with progress("Judging", FactSheet.objects.count()) as advance:
            done = sync.reevaluate(everything=options["all"], progress=advance)
        self.stdout.write(
            f"{done.verdicts:,} verdicts made for {done.sheets:,} fact sheets in {time.monotonic() - started:.1f} s."
        )
