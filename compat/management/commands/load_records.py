"""Load Hub-shaped records from a file: offline and air-gapped import, and the bundled snapshot."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError, CommandParser

from compat.ingest import from_files
from compat.ingest.from_files import RecordFile
from compat.management.command import MEANINGS, Answer, CatalogueCommand, Exit
from compat.management.console import counts_json, summary
from compat.timestamps import Json

if TYPE_CHECKING:
    from compat.ingest.store import Counts

Progress = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True)
class Loaded:
    """What came of a file. ``error`` says why it ended too early."""

    path: Path
    counts: Counts
    seconds: float
    error: str

    @property
    def words(self) -> str:
        """For people."""
        return summary(self.counts, self.seconds)

    def as_json(self) -> Json:
        """For programs."""
        return {"file": str(self.path), **counts_json(self.counts, self.seconds)}


class Command(CatalogueCommand):
    """``load_records FILE``"""

    help = (
        "Load model records from FILE: one Hub-shaped JSON object a line, plain or gzipped, of any size; "
        "- means standard input. Loading the same file again changes nothing. Bad records are counted, named and "
        "skipped."
    )
    examples = (
        ("load_records --bundled", "load the snapshot that ships with the project"),
        ("load_records models.jsonl.gz", "load a file that dump_records wrote"),
        ("load_records models.jsonl --json", "say for a program what came of it"),
    )
    codes = {Exit.PARTLY: MEANINGS[Exit.PARTLY]}
    stopped = "Whole batches read until then are kept. Load the file again to go on."

    def arguments(self, parser: CommandParser) -> None:
        """One file, or the bundled one."""
        parser.add_argument("file", nargs="?", type=Path, help="a .jsonl or .jsonl.gz file, or - for standard input")
        parser.add_argument("--bundled", action="store_true", help="load the snapshot that ships with the project")

    def answer(self, options: Mapping[str, Any]) -> Answer:
        """Stream the file into the catalogue; a failure if it is damaged or holds nothing usable."""
        if bool(options["file"]) == options["bundled"]:
            raise CommandError(
                "Name a file, or say --bundled for the snapshot that ships with the project.", returncode=Exit.USAGE
            )
        done = load(options["file"], self.progress)
        code, problem = (Exit.PARTLY if done.counts.rejected else Exit.DONE), ""
        if done.error:
            code = Exit.FAILED
            problem = f"{done.error}. What stands before it is loaded; get the file again and load it again."
        elif done.counts.total and done.counts.total == done.counts.rejected:
            code, problem = Exit.FAILED, "No record of this file could be used."
        return Answer(done.as_json(), lambda screen: screen.line(done.words), code, problem)


def load(file: Path | None, progress: Progress, without: Container[str] = ()) -> Loaded:
    """Load a file, or the bundled snapshot, but not the records of the repositories ``without``.

    Raises :class:`CommandError` where it cannot be read at all.
    """
    from compat.ingest import store
    from compat.ingest.bundle import note_taken_in
    from compat.ingest.runs import finish_run, start_run
    from compat.models.engines import ensure_settings

    path, origin = (file, "file") if file else (from_files.BUNDLED, "snapshot")
    started = time.monotonic()
    try:
        with at_rest(path) as whole, RecordFile(whole) as lines:
            ensure_settings()
            run = start_run(lines.path.name, origin)
            counts, error = store.Counts(), "interrupted"
            try:
                with progress(f"Loading {whole.name}", lines.size) as advance:
                    before = 0

                    def step(_: int) -> None:
                        nonlocal before
                        advance(lines.position - before)
                        before = lines.position

                    counts = store.store_raw(lines, origin=origin, progress=step, without=without)
                error = lines.error
                if not (file or error):
                    note_taken_in()
            finally:
                finish_run(run, counts, error)
    except OSError as problem:
        raise CommandError(f"{path} cannot be read: {problem.strerror}.") from None
    return Loaded(path, counts, time.monotonic() - started, error)


@contextmanager
def at_rest(path: Path) -> Iterator[Path]:
    """The file itself; standard input is first written to one, as its end and form must be known to read it."""
    if str(path) != "-":
        yield path
        return
    with TemporaryDirectory() as folder:
        whole = Path(folder) / "standard input"
        with whole.open("wb") as out:
            shutil.copyfileobj(sys.stdin.buffer, out)
        yield whole
