"""Print how estimates compare with measured points."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from compat.estimate.ledger import Accuracy, Ledger, shipped_accuracy, shipped_ledger
from compat.management.command import Answer, CatalogueCommand
from compat.management.console import Cell, Column, PlainScreen, Screen


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
        memory, speed = options["memory_points"], options["speed_points"]
        found = compare_now(memory, speed) if options["live"] or memory or speed else shipped_ledger()

        def show(screen: Screen) -> None:
            for title, table in (("Memory", found.memory), ("Decode speed", found.speed)):
                _show(f"{title}: error against measurement", table, screen)
                screen.line("")

        as_shipped = not (options["live"] or memory or speed)
        return Answer(shipped_accuracy() if as_shipped else found.as_json(), show)


def compare_now(memory_points: Path | None, speed_points: Path | None) -> Ledger:
    """Compare points of files, or the project's own, with what this source tree estimates for this catalogue."""
    from compat.catalogue.accuracy import find_shape_in_catalogue

    try:
        from tools.evaluation.ledger import compare_points
        from tools.evaluation.points import load_points, read_points
    except ModuleNotFoundError as missing:
        raise CommandError(
            "Comparing needs the folder tools/ of the project's source, which is not part of the installed site. "
            f"Run it in a checkout of this release: {missing}"
        ) from None
    try:
        memory = read_points(memory_points) if memory_points else load_points("memory_points")
        speed = read_points(speed_points) if speed_points else load_points("speed_points")
        return compare_points(memory, speed, find_shape_in_catalogue)
    except OSError as error:
        raise CommandError(f"{error.filename} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise CommandError(f"The points cannot be read: {error}") from None
    except (AttributeError, KeyError, TypeError) as error:
        raise CommandError(f"The points cannot be read: one lacks or holds what it should not: {error}") from None


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
    if table.bounds.of:
        screen.line(f"{table.bounds.held:>6,} of {table.bounds.of:,} upper bounds held")
