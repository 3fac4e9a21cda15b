"""Print how estimates compare with measured points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError

from compat.estimate.ledger import LEAST_POINTS, Accuracy, Ledger, Margin, accuracy_of, proofs, shipped_ledger
from compat.management.command import Answer, CatalogueCommand
from compat.management.console import Cell, Column, PlainScreen, Screen

if TYPE_CHECKING:
    from compat.catalogue.measurements import EngineMeasured


class Command(CatalogueCommand):
    """``accuracy``"""

    help = "Print how memory and speed estimates compare with measured points, by engine, family and source."
    examples = (
        ("accuracy", "the project's own points, as compared for this release"),
        ("accuracy --memory-points points.jsonl", "your own measurements of memory, one JSON object a line"),
        ("accuracy --live", "the project's own points, compared now, by this source tree and your catalogue"),
        ("accuracy --json", "both tables for a program"),
    )

    def arguments(self, parser: CommandParser) -> None:
        """Which points."""
        parser.add_argument(
            "--memory-points",
            metavar="FILE",
            type=Path,
            help="a .jsonl file of measured memory; the project's own points if not given",
        )
        parser.add_argument(
            "--speed-points",
            metavar="FILE",
            type=Path,
            help="a .jsonl file of measured speed; the project's own points if not given",
        )
        parser.add_argument(
            "--live",
            action="store_true",
            help="compare now, instead of printing what was compared for this release; a file always is",
        )

    def answer(self, options: Mapping[str, Any]) -> Answer:
        """Both tables."""
        from compat.catalogue.accuracy import with_measured

        memory, speed = options["memory_points"], options["speed_points"]
        notes: tuple[str, ...] = ()
        if not (options["live"] or memory or speed):
            found = shipped_ledger()
        else:
            found, notes = compare_now(memory, speed)

        measured = _measured_here()

        def show(screen: Screen) -> None:
            for note in notes:
                screen.line(note)
            for title, table in (("Memory", found.memory), ("Decode speed", found.speed)):
                _show(f"{title}: error against measurement", table, screen)
                screen.line("")
            _show_engines(found, screen)
            _show_measured(measured or (), screen)

        data = with_measured(accuracy_of(found), measured)
        return Answer({**data, "notes": list(notes)} if notes else data, show)


def compare_now(memory_points: Path | None, speed_points: Path | None) -> tuple[Ledger, tuple[str, ...]]:
    """Points of files, or the project's own, held against what this source tree shows for this catalogue.

    With it what of the files is not understood.
    """
    from compat.catalogue.accuracy import find_record

    try:
        from tools.evaluation import points
        from tools.evaluation.ledger import compare_points
    except ModuleNotFoundError as missing:
        raise CommandError(
            "Comparing needs the folder tools/ of the project's source, which is not part of the installed site. "
            f"Run it in a checkout of this release: {missing}"
        ) from None
    try:
        memory, of_memory = points.read_memory_points(memory_points) if memory_points else (points.memory_points(), ())
        speed, of_speed = points.read_speed_points(speed_points) if speed_points else (points.speed_points(), ())
    except OSError as error:
        raise CommandError(f"{error.filename} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise CommandError(f"The points cannot be read: {error}") from None
    return compare_points(memory, speed, find_record), (*of_memory, *of_speed)


def _show(title: str, table: Accuracy, screen: Screen) -> None:
    if isinstance(screen, PlainScreen):
        screen.line(title)
        for line in table.lines():
            screen.line(f"  {line}")
        return
    screen.line(Cell(title, "bold"), f", {table.points:,} points")
    columns = [
        Column("By"),
        Column("Group", bends=True),
        Column("Quantity"),
        Column("Quality"),
        *(Column(word, right=True) for word in ("Points", "Median", "P90", "Most")),
        Column("Furthest off", bends=True, spare=True),
    ]
    rows = [
        [
            *(row.by, row.name, row.quantity, row.quality, f"{row.n:,}"),
            *(f"{100 * share:.1f} %" for share in (row.median, row.p90, row.max)),
            row.worst[0] if row.worst else "",
        ]
        for row in table.rows
    ]
    screen.table(columns, rows)
    if table.margins:
        screen.line("Four in five measurements lie within:")
        screen.table(
            [Column("Engine"), Column("Quantity"), Column("Rests on"), Column("On"), *_NUMBERS], _margins(table.margins)
        )
    for one in table.ranges:
        screen.line(f"{one.held:>6,} of {one.of:,} in the range that pages show: {one.engine} on {one.basis}")
    screen.line(f"{table.answered:>6,} of {table.asked:,} that pages can be asked are answered")
    for reason, count in sorted(table.skipped.items(), key=lambda item: -item[1]):
        screen.line(f"{count:>6,} left out: {reason}")
    if table.bounds.of:
        screen.line(f"{table.bounds.held:>6,} of {table.bounds.of:,} bounds held")
    for broken in table.bounds.broken:
        screen.line(f"       not held: {broken}")


_NUMBERS = (Column("Margin", right=True), Column("Points", right=True), Column("Held", right=True))


def _margins(margins: Iterable[Margin]) -> list[list[str]]:
    return [
        [m.engine, m.quantity, m.basis, m.where, f"{100 * m.margin:.1f} %", f"{m.n:,}", f"{100 * m.held:.0f} %"]
        for m in margins
    ]


def _show_engines(ledger: Ledger, screen: Screen) -> None:
    """How much was measured on each engine: with too little it is called unproven."""
    screen.line(f"Engines, and how many whole loads and speeds were measured; under {LEAST_POINTS} it is unproven")
    for proof in proofs(ledger):
        memory, speed = (
            f"{what} {count:,}" + ("" if proven else ", unproven")
            for what, count, proven in (
                ("memory", proof.memory, proof.memory_proven),
                ("speed", proof.speed, proof.speed_proven),
            )
        )
        screen.line(f"  {proof.name}: {memory}; {speed}")


def _measured_here() -> list[EngineMeasured] | None:
    """What people of this site kept; None where there is no database, of which the rest needs nothing."""
    from compat.catalogue.measurements import measured_by_engine

    try:
        return measured_by_engine()
    except DatabaseError:
        return None


def _show_measured(measured: Iterable[EngineMeasured], screen: Screen) -> None:
    """What people of this site kept, and how far off the estimates were on that day."""
    for at, one in enumerate(measured):
        if not at:
            screen.line("Measured here, and the median error of the estimates of that day")
        told = [
            f"{what} {count:,}" + ("" if error is None else f", {100 * error:.1f} %")
            for what, count, error in (("memory", one.loads, one.memory), ("speed", one.speeds, one.speed))
        ]
        screen.line(f"  {one.name}: {'; '.join(told)}")
