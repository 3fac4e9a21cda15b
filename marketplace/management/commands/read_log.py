"""Compare an engine's log with the estimate of a model: what the model's page says of a pasted log."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError, CommandParser

from compat.logs import engines_read
from compat.management.command import Answer, CatalogueCommand, Exit
from compat.management.console import Cell, Column, Screen, Told
from compat.management.questions import add_worker, question_of_options

if TYPE_CHECKING:
    from compat.catalogue.measured import ComparedPart, ComparedSpeed, Comparison


class Command(CatalogueCommand):
    """``read_log ID FILE``"""

    help = (
        "Compare the log of an engine that loaded a model with the estimate of the model's page, part by part. "
        f"Logs of {engines_read('and')} are read. --keep makes a measurement of it."
    )
    examples = (
        ("read_log microsoft/phi-2 server.log", "compare a file"),
        ("read_log microsoft/phi-2 - --worker llama-cpp --accelerator 'RTX 3090'", "from a pipe, on this machine"),
        ("read_log microsoft/phi-2 server.log --keep --json", "compare, keep, and answer a program"),
    )
    codes = {
        Exit.FAILED: "failed: there is no such model or file, or the text is no log",
        Exit.NO: "the log is of another model, and nothing was compared",
        Exit.NO_ANSWER: "it was compared, but cannot be kept as --keep asks; the message says why",
    }

    def arguments(self, parser: CommandParser) -> None:
        """A model, a file, and the worker."""
        parser.add_argument("id", help="a model's id, such as microsoft/phi-2")
        parser.add_argument("file", help="a file with the log, or - for standard input")
        parser.add_argument("--keep", action="store_true", help="keep it as a measurement of this site's machine")
        add_worker(parser)

    def answer(self, options: Mapping[str, Any]) -> Answer:
        """The functions behind the page, and of ``/api/v1/models/.../log``."""
        from compat import catalogue
        from compat.catalogue.measured import compare, kept_fields
        from compat.catalogue.same_model import Same
        from compat.ingest.measurements import keep
        from compat.logs import LogError, read_log
        from marketplace.api import serialise

        asked, available = question_of_options(options)
        try:
            record = catalogue.find_record(options["id"])
        except catalogue.UnknownModel:
            raise CommandError(f"The catalogue has no model “{options['id'][:120]}”.", returncode=Exit.FAILED) from None
        try:
            log = read_log(_text_of(options["file"]))
        except LogError as error:
            raise CommandError(str(error), returncode=Exit.FAILED) from None
        worker = catalogue.worker_of(asked, available)
        found = compare(record, list(record.variants.all()), worker, log)
        data = serialise.log_comparison(record.repo_id, found)
        if found.match.same is Same.NO:
            return Answer(data, lambda screen: _show(found, screen), Exit.NO)
        if not options["keep"]:
            return Answer(data, lambda screen: _show(found, screen))
        if found.why_not_kept:
            return Answer(data, lambda screen: _show(found, screen), Exit.NO_ANSWER, found.why_not_kept)
        kept = keep(kept_fields(record, found), None)
        return Answer(data | {"kept": kept.pk}, lambda screen: _show(found, screen), notes=(f"Kept: {kept}.",))


def _text_of(name: str) -> bytes:
    from compat.logs import MOST_BYTES

    try:
        if name == "-":
            return sys.stdin.buffer.read(MOST_BYTES + 1)
        with Path(name).open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}.", returncode=Exit.FAILED) from None


def _show(found: Comparison, screen: Screen) -> None:
    from compat.logs import Load

    load: Load = found.load
    machine = f" on {found.worker.machine.label}" if found.worker.machine.told else ""
    screen.line(Cell(f"{found.worker.profile.name} {load.version}".strip() + machine, "bold"))
    screen.labelled([("Model", found.match.sentence)] + ([("Stopped", found.sentence)] if found.sentence else []))
    rows = [_part(part) for part in found.parts]
    rows += [_part(found.total)] if found.total else []
    rows += [_speed(speed) for speed in (found.decode, found.prompt) if speed]
    if rows:
        columns = [
            Column("Part", bends=True),
            *(Column(name, right=True) for name in ("Estimated", "Measured", "Off by")),
        ]
        screen.table(columns, rows)
    notes: list[tuple[str, Told]] = [("Note", note) for note in found.notes]
    if found.missing:
        notes.append(("Untold", ", ".join(found.missing)))
    notes += [("No number", speed.reason) for speed in (found.decode, found.prompt) if speed and speed.reason]
    if notes:
        screen.labelled(notes)


def _part(part: ComparedPart) -> list[Told]:
    from marketplace.show import deviation, mib

    off = "-" if part.difference is None else deviation(part.difference)
    return [part.words, "unknown" if part.estimated is None else mib(part.estimated), mib(part.measured), off]


def _speed(speed: ComparedSpeed) -> list[Told]:
    from marketplace.show import deviation

    off = "-" if speed.difference is None else deviation(speed.difference)
    estimated = "no number" if speed.estimated is None else f"{speed.estimated:.1f} tok/s"
    return [speed.words, estimated, f"{speed.measured:.1f} tok/s", off]
