"""Write the catalogue's records to a file that load_records takes."""

from __future__ import annotations

import gzip
import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from compat.management.console import progress
from compat.models import RecordPayload


class Command(BaseCommand):
    """``dump_records FILE``"""

    help = (
        "Write every record, as the Hub told it, to FILE: one JSON object a line, gzipped if the name ends in .gz; "
        "- means standard output."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One file."""
        parser.add_argument("file", help="a .jsonl or .jsonl.gz file, or - for standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write to a file beside the target and move it there whole, so that a broken run leaves no half file."""
        rows = RecordPayload.objects.order_by("record__repo_id").values_list("data", flat=True)
        total = rows.count()
        if options["file"] == "-":
            for data in rows.iterator(500):
                sys.stdout.write(_line(data))
            return
        target = Path(options["file"])
        if target.is_dir():
            raise CommandError(f"{target} is a folder: name a file in it, such as {target / 'records.jsonl.gz'}.")
        partial = target.with_name(f".{target.name}.partial")
        try:
            with partial.open("wb") as raw, progress(f"Writing {target.name}", total) as advance:
                # Without a time stamp, so that equal records make equal files.
                zipped = gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) if target.suffix == ".gz" else None
                out = zipped or raw
                for data in rows.iterator(500):
                    out.write(_line(data).encode())
                    advance(1)
                if zipped:
                    zipped.close()
            partial.replace(target)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise CommandError(f"{target} cannot be written: {error.strerror}.") from None
        self.stdout.write(f"{total:,} records written to {target} ({target.stat().st_size:,} bytes).")


def _line(data: dict[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n"
