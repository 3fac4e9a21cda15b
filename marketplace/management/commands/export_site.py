"""Write the best known models as a site of plain files."""

from __future__ import annotations

import time
from argparse import ArgumentParser, ArgumentTypeError
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandError

from compat.management.console import progress
from marketplace.static_site import FolderError, export
from marketplace.static_site.export import Progress


def positive(text: str) -> int:
    """A whole number above zero."""
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number above zero")
    return int(text)


def address(text: str) -> str:
    """The address of a site."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise ArgumentTypeError(f"{text!r} is not the address of a site, such as https://models.example.org/")
    return text


class Command(BaseCommand):
    """``export_site``"""

    help = "Write the best known models as a site of plain files that any static host can serve."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How many, where to, and under which address."""
        parser.add_argument("--top", type=positive, default=100, help="how many of the best known models (100)")
        parser.add_argument("--output", type=Path, required=True, help="the folder to write to; made if it is missing")
        parser.add_argument("--base-url", type=address, help="the address the site will have, for sitemap and feed")

    def handle(self, *args: Any, **options: Any) -> None:
        """Export, then say what was done."""
        started = time.monotonic()
        with ExitStack() as stack:

            def counted(total: int) -> Progress:
                return stack.enter_context(progress("Pages", total))

            try:
                done = export(options["output"], options["top"], options["base_url"] or "", counted)
            except FolderError as error:
                raise CommandError(str(error)) from None
        files = done.files
        self.stdout.write(
            f"{done.models:,} models in {options['output']}: {files.written:,} files written, "
            f"{files.unchanged:,} unchanged, {files.removed:,} removed, in {time.monotonic() - started:.1f} s."
        )
        if not done.models:
            self.stdout.write("The catalogue is empty. Load the snapshot first: manage.py load_records --bundled")
        elif not options["base_url"]:
            self.stdout.write("Tell --base-url to give sitemap and feed full addresses.")
