"""Fill the catalogue from a Hub."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from compat.management.command import MEANINGS, Answer, CatalogueCommand, Exit
from compat.management.console import counts_json, summary
from compat.management.questions import not_negative, positive


class Command(CatalogueCommand):
    """``sync_models``"""

    help = "Fetch the best known models from the Hub (HF_ENDPOINT) into the catalogue, never above its rate limit."
    examples = (
        ("sync_models --limit 1000", "fetch the thousand most downloaded models"),
        ("sync_models --author Qwen --sort likes --limit 50", "fetch the best liked models of one account"),
        ("sync_models --search phi --filter text-generation --no-config", "fetch quickly, without reading config.json"),
        ("sync_models --limit 200 --headers --json", "read the headers of all weight files, and sum up for a program"),
        ("sync_models --most-headers 0", "read no headers of weight files"),
    )
    codes = {
        Exit.NO_ANSWER: "the Hub was not reached or did not give everything; what came before is kept",
        Exit.PARTLY: MEANINGS[Exit.PARTLY],
    }
    stopped = "What was fetched until then is kept. Run it again to go on."

    def arguments(self, parser: CommandParser) -> None:
        """Which models."""
        parser.add_argument("--limit", metavar="N", type=positive, default=1000, help="how many models (1000)")
        parser.add_argument("--search", metavar="WORDS", default="", help="only models whose name holds this")
        parser.add_argument("--author", metavar="NAME", default="", help="only models of this account")
        parser.add_argument(
            "--filter", metavar="TAG", action="append", default=[], help="only models with this tag; may be repeated"
        )
        parser.add_argument(
            "--sort",
            default="downloads",
            choices=["downloads", "likes", "trending_score", "last_modified"],
            help="which models come first (downloads)",
        )
        parser.add_argument(
            "--no-config",
            action="store_true",
            help="do not read config.json: quicker, but contexts stay unknown",
        )
        parser.add_argument(
            "--headers",
            action="store_true",
            help="read the headers of the weight files of every model of which they tell more: exact, but slower",
        )
        parser.add_argument(
            "--most-headers",
            metavar="N",
            type=not_negative,
            default=None,
            help="read them of so many models at most, the best known first (SYNC_HEADERS; none with --no-config)",
        )

    def answer(self, options: Mapping[str, Any]) -> Answer:
        """Run, say what came of it, and what was wrong if the Hub did not give everything."""
        from compat.ingest import from_hub, store
        from compat.ingest.runs import finish_run, start_run
        from compat.models.engines import ensure_settings

        wanted = from_hub.Wanted(
            limit=options["limit"],
            search=options["search"],
            author=options["author"],
            tags=tuple(options["filter"]),
            sort=options["sort"],
            with_config=not options["no_config"],
            most_headers=_most_headers(options),
        )
        ensure_settings()
        run = start_run(f"{settings.HUB.endpoint} {wanted}", "hub")
        counts, error = store.Counts(), "interrupted"
        started = time.monotonic()
        try:
            with self.progress("Fetching models", wanted.limit) as advance:
                counts, error = asyncio.run(from_hub.fill_from_hub(wanted, settings.HUB, advance))
        finally:
            finish_run(run, counts, error)
        seconds = time.monotonic() - started
        code = Exit.NO_ANSWER if error else Exit.PARTLY if counts.rejected else Exit.DONE
        kept = " What was fetched before that is kept." if error and counts.total else ""
        data = {"hub": settings.HUB.endpoint, **counts_json(counts, seconds), "headers": counts.headers}
        text = summary(counts, seconds)
        if counts.headers:
            text += f"\nHeaders of weight files were read for {counts.headers:,} of them."
        return Answer(data, lambda screen: screen.line(text), code, error and error + kept)


def _most_headers(options: Mapping[str, Any]) -> int | None:
    """Of how many models headers are read; None: of all."""
    most: int | None = options["most_headers"]
    if most is not None or options["headers"]:
        return most
    return 0 if options["no_config"] else int(settings.SYNC_HEADERS)
