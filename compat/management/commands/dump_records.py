"""Write the catalogue's records to a file that load_records takes."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from django.core.management.base import CommandError, CommandParser

from compat.batches import BATCH
from compat.management.command import Answer, CatalogueCommand, Exit
from compat.management.unfinished import drop_unfinished, unfinished_name


class Command(CatalogueCommand):
    """``dump_records FILE``"""

    help = (
        "Write what the Hub told of every record to FILE: one JSON object a line, gzipped if the name ends in .gz; "
        "- means standard output. The file appears whole or not at all."
    )
    examples = (
        ("dump_records models.jsonl.gz", "write a file for another site"),
        ("dump_records -", "write to standard output, for a pipe"),
        ("dump_records models.jsonl --json", "say for a program how much was written"),
    )
    stopped = "No file was written."

    def arguments(self, parser: CommandParser) -> None:
        """One file."""
        parser.add_argument("file", help="a .jsonl or .jsonl.gz file, or - for standard output")

    def answer(self, options: Mapping[str, Any]) -> Answer:
        """Write the records in the order of their ids, so that equal catalogues make equal files."""
        name = options["file"]
        if name == "-":
            if options["json"]:
                raise CommandError(
                    "With - the records themselves go to standard output: leave out --json.", returncode=Exit.USAGE
                )
            self._write(self._to_stdout())
            return Answer({}, lambda screen: None)
        target = Path(name)
        if target.is_dir():
            raise CommandError(
                f"{target} is a folder: name a file in it, such as {target / 'records.jsonl.gz'}.",
                returncode=Exit.USAGE,
            )
        try:
            with replaced_file(target) as out, zipped_file(out, target.suffix == ".gz") as inner:
                records = self._write(inner.write, target.name)
            size = target.stat().st_size
        except OSError as error:
            raise CommandError(f"{target} cannot be written: {error.strerror}.") from None
        return Answer(
            {"file": str(target), "records": records, "bytes": size},
            lambda screen: screen.line(f"{records:,} records written to {target} ({size:,} bytes)."),
        )

    def _write(self, write: Callable[[bytes], object], name: str = "") -> int:
        from compat.models import ModelRecord

        records = ModelRecord.objects.order_by("repo_id").only("repo_id").prefetch_related("documents")
        written = 0
        with self.progress(f"Writing {name}", records.count()) if name else no_progress() as advance:
            for record in records.iterator(BATCH):
                write(record_line(record.payload))
                advance(1)
                written += 1
        return written

    def _to_stdout(self) -> Callable[[bytes], object]:
        """Standard output for bytes, where it takes them: a record file is UTF-8, whatever the terminal speaks."""
        raw = getattr(self.stdout, "buffer", None)
        if raw is None:
            return lambda line: self.stdout.write(line.decode(), ending="")
        return cast("BinaryIO", raw).write


@contextmanager
def no_progress() -> Iterator[Callable[[int], None]]:
    """In place of progress, where the records themselves are what is shown."""
    yield lambda done: None


@contextmanager
def replaced_file(target: Path) -> Iterator[BinaryIO]:
    """A file beside the target that takes its place when all is written, and disappears when it is not.

    What one that was killed left behind, the next one of the same name deletes. A link stays a link, and a device or
    pipe is written to as it is.
    """
    if target.exists() and not target.is_file():
        with target.open("wb") as raw:
            yield raw
        return
    place = target.resolve()
    hidden = place.with_name(f".{place.name}")
    drop_unfinished(place.parent, escape(hidden.name))
    partial = unfinished_name(hidden)
    try:
        with partial.open("xb") as raw:
            yield raw
            raw.flush()
            os.fsync(raw.fileno())
        partial.replace(place)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def zipped_file(out: BinaryIO, wanted: bool) -> Iterator[IO[bytes]]:
    """The same file, gzipped if wanted; without a time stamp, so that equal records make equal files."""
    if not wanted:
        yield out
        return
    with gzip.GzipFile(fileobj=out, mode="wb", filename="", mtime=0) as inner:
        yield cast("IO[bytes]", inner)


def record_line(data: dict[str, Any]) -> bytes:
    """A record as its line of a record file: canonical JSON, so that equal records make equal lines."""
    return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"
