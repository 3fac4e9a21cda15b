"""Fill the catalogue from a Hub."""

from __future__ import annotations

import difflib
import re
import time
from argparse import ArgumentTypeError
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from compat.hub.payloads import is_repo_id
from compat.management.command import MEANINGS, Answer, CatalogueCommand, Exit
from compat.management.console import counts_json, summary
from compat.management.questions import not_negative, positive
from compat.wording import or_

if TYPE_CHECKING:
    from compat.ingest.selection import Selection


class Command(CatalogueCommand):
    """``sync_models``"""

    help = (
        "Bring a selection of the Hub's models (HF_ENDPOINT) into the catalogue, and keep it fresh. It waits for the "
        "Hub's quota, and goes on where the last run of the same selection stopped."
    )
    examples = (
        ("sync_models --limit 1000", "the thousand most downloaded models"),
        ("sync_models --author Qwen --sort likes --limit 50", "the best liked models of one account"),
        ("sync_models --task text-generation --license apache-2.0", "what is for one task, under one licence"),
        ("sync_models --all --max-params 9 --min-downloads 1000", "all small models that are used"),
        ("sync_models --search phi --filter text-generation --no-config", "quickly, without reading config.json"),
        ("sync_models --limit 200 --headers --json", "with the headers of all weight files, summed up for a program"),
        ("sync_models --most-headers 0", "without any headers of weight files"),
    )
    codes = {
        Exit.FAILED: "another process is at the same selection: nothing was done",
        Exit.NO_ANSWER: "the Hub was not reached or did not give everything; what came before is kept",
        Exit.PARTLY: MEANINGS[Exit.PARTLY],
    }
    stopped = "What was fetched until then is kept. Run it again to go on."

    def arguments(self, parser: CommandParser) -> None:
        """Which models, and how much of them."""
        which = parser.add_argument_group("which models")
        several = which.add_mutually_exclusive_group()
        several.add_argument("--limit", metavar="N", type=positive, default=1000, help="how many models (1000)")
        several.add_argument("--all", action="store_true", help="all that are selected, however many")
        which.add_argument(
            "--sort", default="downloads", choices=["downloads", "likes", "trending_score", "last_modified"],
            help="which models come first (downloads)",
        )  # fmt: skip
        which.add_argument("--search", metavar="WORDS", default="", help="only models whose name holds this")
        which.add_argument("--author", metavar="NAME", type=_account, help="only models of this account")
        which.add_argument("--task", metavar="TASK", type=_task, help="only models for this task")
        which.add_argument(
            "--license",
            metavar="NAME",
            type=_tag,
            help="only models under this licence, as the Hub writes it",
        )
        which.add_argument(
            "--filter", metavar="TAG", type=_tag, action="append", default=[],
            help="only models with this tag; may be repeated",
        )  # fmt: skip
        which.add_argument("--min-params", metavar="BILLIONS", type=_billions, help="only models with so many weights")
        which.add_argument("--max-params", metavar="BILLIONS", type=_billions, help="only models with at most so many")
        which.add_argument(
            "--min-downloads", metavar="N", type=positive, help="only models downloaded so often a month"
        )
        which.add_argument("--min-likes", metavar="N", type=positive, help="only models that so many like")
        much = parser.add_argument_group("how much of them")
        much.add_argument(
            "--no-config",
            action="store_true",
            help="do not read config.json: quicker, but contexts stay unknown",
        )
        much.add_argument(
            "--headers",
            action="store_true",
            help="read the headers of the weight files of every model of which they tell more: exact, but slower",
        )
        much.add_argument(
            "--most-headers",
            metavar="N",
            type=not_negative,
            default=None,
            help="read them of so many models at most, the best known first (SYNC_HEADERS; none with --no-config)",
        )

    def answer(self, options: Mapping[str, Any]) -> Answer:
        """Run, say what came of it, and what was wrong if the Hub did not give everything."""
        from compat.ingest.lease import TakenError
        from compat.ingest.sync import Extent, sync
        from compat.models.engines import ensure_settings

        selection = _selection(options)
        extent = Extent(documents=not options["no_config"], most_headers=_most_headers(options))
        ensure_settings()
        started = time.monotonic()
        try:
            with self.stages() as teller:
                counts, error = sync(selection, extent, teller)
        except TakenError as taken:
            raise CommandError(
                f"{taken} Wait for it to end: nothing was done. What it is doing stands in the admin under Sync runs.",
                returncode=Exit.FAILED,
            ) from None
        seconds = time.monotonic() - started
        code = Exit.NO_ANSWER if error else Exit.PARTLY if counts.rejected else Exit.DONE
        kept = " What was fetched before that is kept." if error and counts.total else ""
        more = {name: getattr(counts, name) for name in ("headers", "completed", "gone", "renamed")}
        data = {"hub": settings.HUB.endpoint, "selection": str(selection), **counts_json(counts, seconds), **more}
        text = summary(counts, seconds)
        if counts.headers:
            text += f"\nHeaders of weight files were read for {counts.headers:,} of them."
        if counts.gone or counts.renamed:
            text += f"\nGone from the Hub: {counts.gone:,}. Renamed there: {counts.renamed:,}."
        return Answer(data, lambda screen: screen.line(text), code, error and error + kept)


def _selection(options: Mapping[str, Any]) -> Selection:
    from compat.ingest.selection import Selection

    least, most = options["min_params"], options["max_params"]
    if least is not None and most is not None and least > most:
        raise CommandError(
            "--min-params is more than --max-params: no model has so many weights.", returncode=Exit.USAGE
        )
    return Selection(
        limit=None if options["all"] else options["limit"],
        sort=options["sort"],
        search=options["search"],
        author=options["author"] or "",
        task=options["task"] or "",
        license=options["license"] or "",
        tags=tuple(options["filter"]),
        least_parameters=least,
        most_parameters=most,
        least_downloads=options["min_downloads"],
        least_likes=options["min_likes"],
    )


def _account(text: str) -> str:
    if not is_repo_id(text) or "/" in text:
        raise ArgumentTypeError(f"{text[:60]!r} cannot be an account of the Hub")
    return text


def _task(text: str) -> str:
    from compat.extraction.task import TASKS

    if text not in TASKS:
        near = difflib.get_close_matches(text, TASKS, 2)
        meant = f"; did you mean {or_(near)}?" if near else ""
        raise ArgumentTypeError(f"{text[:60]!r} is not a task that this site knows{meant}")
    return text


def _tag(text: str) -> str:
    if not text or len(text) > 250 or not text.isprintable() or "," in text:
        raise ArgumentTypeError(f"{text[:60]!r} cannot be a tag of the Hub")
    return text


def _billions(text: str) -> int:
    """A number of weights, from billions of them."""
    if not _NUMBER.fullmatch(text) or not 0 < float(text) < 1_000_000:
        raise ArgumentTypeError(f"{text[:60]!r} is not a number of billions, such as 7 or 0.5")
    return int(float(text) * 10**9)


_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")


def _most_headers(options: Mapping[str, Any]) -> int | None:
    """Of how many models headers are read; None: of all."""
    most: int | None = options["most_headers"]
    if most is not None or options["headers"]:
        return most
    return 0 if options["no_config"] else int(settings.SYNC_HEADERS)
