"""Fetch again what is out of date."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from compat.management.command import Answer, CatalogueCommand, Exit
from compat.management.console import Screen
from compat.management.questions import positive


class Command(CatalogueCommand):
    """``refresh_models``"""

    help = (
        "Fetch again the best known models whose record is out of date: older than RECORD_TTL, from a file, or with "
        "something not yet read of its commit. What sync_models keeps fresh is left alone by that."
    )
    examples = (
        ("refresh_models", "the two hundred best known of them"),
        ("refresh_models --limit 20 --json", "twenty, and sum up for a program"),
    )
    codes = {Exit.NO_ANSWER: "the Hub was not reached or did not give everything; what came before is kept"}
    stopped = "What was fetched until then is kept."

    def arguments(self, parser: CommandParser) -> None:
        """How many."""
        parser.add_argument("--limit", metavar="N", type=positive, default=200, help="how many models at most (200)")

    def answer(self, options: Mapping[str, Any]) -> Answer:
        """Fetch one after the other, until the Hub refuses for itself."""
        from compat.hub import HubError, HubOffline, HubRateLimited, HubUnauthorized, HubUnavailable
        from compat.ingest.freshness import out_of_date
        from compat.ingest.jobs import noted
        from compat.tasks import fetch_now

        names = list(out_of_date().order_by("-popularity", "repo_id").values_list("repo_id", flat=True))
        chosen = names[: options["limit"]]
        counts = {"changed": 0, "unchanged": 0, "failed": 0}
        problem = ""
        with noted("refresh") as job, self.progress("Fetching", len(chosen)) as advance:
            for name in chosen:
                try:
                    _, outcome = fetch_now(name, try_closed=False)
                    counts["unchanged" if outcome == "unchanged" else "changed"] += 1
                except (HubOffline, HubRateLimited, HubUnauthorized, HubUnavailable) as error:
                    problem = job.error = f"{error} What was fetched before that is kept."
                    break
                except HubError:
                    counts["failed"] += 1
                advance(1)

        def show(screen: Screen) -> None:
            told = ", ".join(f"{count:,} {what}" for what, count in counts.items())
            screen.line(f"{len(names):,} records are out of date. {told}.")

        code = Exit.NO_ANSWER if problem else Exit.DONE
        return Answer({"outOfDate": len(names), **counts}, show, code, problem)
