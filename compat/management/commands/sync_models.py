"""Fill the catalogue from a Hub."""

from __future__ import annotations

import asyncio
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from compat import hub_sync, sync
from compat.engines import ensure_settings
from compat.management.commands.compat_report import positive
from compat.management.console import progress, summary


class Command(BaseCommand):
    """``sync_models``"""

    help = "Fetch the best known models from the Hub (HF_ENDPOINT) into the catalogue, never above its rate limit."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which models."""
        parser.add_argument("--limit", type=positive, default=1000, help="how many models (1000)")
        parser.add_argument("--search", default="", help="only models whose name holds this")
        parser.add_argument("--author", default="", help="only models of this account")
        parser.add_argument("--filter", action="append", default=[], help="only models with this tag; may be repeated")
        parser.add_argument(
            "--sort", default="downloads", choices=["downloads", "likes", "trending_score", "last_modified"]
        )
        parser.add_argument(
            "--no-config",
            action="store_true",
            help="do not read config.json: quicker, but contexts stay unknown",
        )

        parser.add_argument(
            "--headers",
            action="store_true",
            help="also read the header of a GGUF file of each model: exact, but slower",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run, say what came of it, fail if the Hub did."""
        wanted = hub_sync.Wanted(
            limit=options["limit"],
            search=options["search"],
            author=options["author"],
            tags=tuple(options["filter"]),
            sort=options["sort"],
            with_config=not options["no_config"],
            with_headers=options["headers"],
        )
        ensure_settings()
        run = sync.start_run(f"{settings.HUB.endpoint} {wanted}", "hub")
        counts, error = sync.Counts(), "interrupted"
        started = time.monotonic()
        try:
            with progress("Fetching models", wanted.limit) as advance:
                counts, error = asyncio.run(hub_sync.fill(wanted, settings.HUB, advance))
        finally:
            sync.finish_run(run, counts, error)
        self.stdout.write(summary(counts, time.monotonic() - started))
        if error:
            raise CommandError(error)
