"""The ``tasks`` process: sends webhooks, fetches models, does jobs, and has an eye on the schedules."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from compat.management.command import Answer, CatalogueCommand
from compat.management.questions import positive


class Command(CatalogueCommand):
    """``work``"""

    help = (
        "Do what must not hold up a page, until it is stopped: send webhooks, fetch single models, and do the jobs "
        "that wait or are scheduled. Several of it may run, on several machines."
    )
    examples = (
        ("work", "the tasks process, as the Procfile starts it"),
        ("work --batch", "do what is due now, then end"),
        ("work --batch --json", "the same, and say for a program how much it was"),
    )
    stopped = "What was not ended is gone on with by the next one."

    def arguments(self, parser: CommandParser) -> None:
        """How long."""
        parser.add_argument("--batch", action="store_true", help="end when nothing is due any more")
        parser.add_argument(
            "--interval", metavar="SECONDS", type=positive, default=1, help="seconds between two looks for work (1)"
        )

    def answer(self, options: Mapping[str, Any]) -> Answer:
        """Work."""
        from compat.ingest.jobs import ensure_schedules
        from compat.management.lanes import Lanes

        ensure_schedules()
        lanes = Lanes(options["interval"])
        if options["batch"]:
            done = lanes.work_off()
            return Answer({"done": done}, lambda screen: screen.line(f"{done:,} done."))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: lanes.stop())
        lanes.run()
        return Answer({}, lambda screen: None)
