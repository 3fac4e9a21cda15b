"""Print how estimates compare with measured points."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from compat.engine.fit import load_points, read_points
from compat.queries.accuracy import ledger


class Command(BaseCommand):
    """``accuracy``"""

    help = "Print how memory and speed estimates compare with measured points, by engine, family and source."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which points, which form."""
        parser.add_argument(
            "--memory-points", type=Path, help="a .jsonl file of measured memory; the shipped one if not given"
        )
        parser.add_argument(
            "--speed-points", type=Path, help="a .jsonl file of measured speed; the shipped one if not given"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print both tables."""
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
        if options["json"]:
            self.stdout.write(json.dumps(found.as_json(), indent=2))
            return
        for title, table in (("Memory", found.memory), ("Decode speed", found.speed)):
            self.stdout.write(f"{title}: error against measurement")
            for line in table.lines():
                self.stdout.write(f"  {line}")
            self.stdout.write("")
