"""Print how estimates compare with measured points."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError, CommandParser

from compat.management.command import Answer, CatalogueCommand
from compat.management.console import Cell, Column, PlainScreen, Screen

if TYPE_CHECKING:
    from compat.estimate import Accuracy


class Command(CatalogueCommand):
    """``accuracy``"""

    help = "Print how memory and speed estimates compare with measured points, by engine, family and source."
    examples = (
        ("accuracy", "the points that ship with the project"),
        ("accuracy --memory-points points.jsonl", "your own measurements of memory, one JSON object a line"),
        ("accuracy --json", "both tables for a program"),
    )

    def arguments(self, parser: CommandParser) -> None:
        """Which points."""
        parser.add_argument(
            "--memory-points",
            metavar="FILE",
            type=Path,
            help="a .jsonl file of measured memory; the shipped one if not given",
        )
        parser.add_argument(
            "--speed-points",
            metavar="FILE",
            type=Path,
            help="a .jsonl file of measured speed; the shipped one if not given",
        )

    def answer(self, options: Mapping[str, Any]) -> Answer:
        """Both tables."""
        from compat.catalogue.accuracy import ledger
        from compat.estimate import load_points, read_points

        try:
            memory = read_points(options["memory_points"]) if options["memory_points"] else load_points("memory_points")
            speed = read_points(options["speed_points"]) if options["speed_points"] else load_points("speed_points")
            found = ledger(memory, speed)
        except OSError as error:
            raise CommandError(f"{error.filename} cannot be read: {error.strerror}.") from None
        except ValueError as error:
            raise CommandError(f"The points cannot be read: {error}") from None
        except (AttributeError, KeyError, TypeError) as error:
            raise CommandError(f"The points cannot be read: one lacks or holds what it should not: {error}") from None

        def show(screen: Screen) -> None:
            for title, table in (("Memory", found.memory), ("Decode speed", found.speed)):
                _show(f"{title}: error against measurement", table, screen)
                screen.line("")

        return Answer(found.as_json(), show)


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
    for reason, count in sorted(table.skipped.items(), key=lambda item: -item[1]):
        screen.line(f"{count:>6,} left out: {reason}")
    if table.bounds[1]:
        screen.line(f"{table.bounds[0]:>6,} of {table.bounds[1]:,} upper bounds held")
