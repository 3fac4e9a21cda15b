"""Write the best known models as a site of plain files."""

from __future__ import annotations

import os
import sys
import time
from argparse import ArgumentTypeError
from collections.abc import Mapping
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.core.management.base import CommandError, CommandParser

from compat.management.command import Answer, CatalogueCommand
from compat.management.questions import EMPTY, positive

if TYPE_CHECKING:
    from marketplace.static_site.export import Progress

LOST = (
    "A process that made pages was ended from outside, perhaps for want of memory. The site in the folder is as it "
    "was. Try again with --processes 1."
)


def site_address(text: str) -> str:
    """The address of a site."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise ArgumentTypeError(f"{text!r} is not the address of a site, such as https://models.example.org/")
    return text


def usable_cores() -> int:
    """The cores this process may use, on Linux; one elsewhere, where a process is not safely copied."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1


class Command(CatalogueCommand):
    """``export_site``"""

    help = "Write the best known models as a site of plain files that any static host can serve."
    examples = (
        ("export_site --top 100 --output dist/", "write a hundred models to a folder"),
        (
            "export_site --output dist/ --base-url https://models.example.org/",
            "give sitemap and feed full addresses",
        ),
        ("export_site --top 20 --output dist/ --json", "say for a program what was written"),
    )
    stopped = "The site in the folder is as it was, or completed by the next run."

    def arguments(self, parser: CommandParser) -> None:
        """How many, where to, and under which address."""
        parser.add_argument(
            "--top", metavar="N", type=positive, default=100, help="how many of the best known models (100)"
        )
        parser.add_argument(
            "--output", metavar="FOLDER", type=Path, required=True, help="the folder to write to; made if it is missing"
        )
        parser.add_argument(
            "--base-url", metavar="URL", type=site_address, help="the address the site will have, for sitemap and feed"
        )
        parser.add_argument(
            "--live-url", metavar="URL", type=site_address, help="a running site, to lead to for models not exported"
        )

        parser.add_argument(
            "--processes",
            metavar="N",
            type=positive,
            default=usable_cores(),
            help="how many processes make pages (on Linux one a core, else one)",
        )

    def answer(self, options: Mapping[str, Any]) -> Answer:
        """Export, then say what was done."""
        from compat.ingest.jobs import noted
        from marketplace.static_site import FolderError, export

        started = time.monotonic()
        with noted("export", f"to {options['output']}"), ExitStack() as stack:

            def counted(total: int) -> Progress:
                return stack.enter_context(self.progress("Pages", total))

            try:
                base, live = options["base_url"] or "", options["live_url"] or ""
                done = export(options["output"], options["top"], base, counted, live, options["processes"])
            except FolderError as error:
                raise CommandError(str(error)) from None
            except BrokenProcessPool:
                raise CommandError(LOST) from None
        files, seconds = done.files, time.monotonic() - started
        words = (
            f"{done.models:,} models in {options['output']}: {files.written:,} files written, "
            f"{files.unchanged:,} unchanged, {files.removed:,} removed, in {seconds:.1f} s."
        )
        note = "" if options["base_url"] else "Tell --base-url to give sitemap and feed full addresses."
        data = {
            "output": str(options["output"]),
            "models": done.models,
            "written": files.written,
            "unchanged": files.unchanged,
            "removed": files.removed,
            "seconds": round(seconds, 3),
        }
        notes = (note if done.models else EMPTY,)
        return Answer(data, lambda screen: screen.line(words), notes=tuple(filter(None, notes)))
