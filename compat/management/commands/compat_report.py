"""Print how much of the best known models runs: the original's table."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from compat import queries
from compat.criteria import Criteria
from compat.workers import workers


def positive(text: str) -> int:
    """A whole number above zero."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number above zero")
    return int(text)


class Command(BaseCommand):
    """``compat_report``"""

    help = "Print how many of the best known models run, and why the others do not. The parts add up."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How many models, which worker, the form."""
        parser.add_argument("--top", type=positive, default=200, help="how many of the best known models (200)")
        parser.add_argument("--worker", default="", help="engine profile; the default one if not given")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the table."""
        available = workers()
        if options["worker"] and options["worker"] not in available:
            raise CommandError(f"There is no worker “{options['worker']}”. There are: {', '.join(available)}.")
        report = queries.report(options["top"], Criteria(worker=options["worker"]), available)
        if not report.total:
            raise CommandError("The catalogue is empty. Load the snapshot first: manage.py load_records --bundled")
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json(), indent=2))
            return
        self.stdout.write(f"Top {report.total:,} models on {report.worker.label}")
        self.stdout.write(f"{'Total':<40}{report.total:>8,}{100:>9.1f} %")
        for line in report.lines:
            self.stdout.write(f"{line.label:<40}{line.count:>8,}{line.percent:>9.1f} %")
