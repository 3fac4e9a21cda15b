"""Write what was measured here as measured points, one a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from compat.management.command import Answer, CatalogueCommand, Exit
from compat.management.commands.dump_records import replaced_file


class Command(CatalogueCommand):
    """``dump_measurements FILE``"""

    help = (
        "Write the measurements that were kept from engines' logs to FILE, in the columns that accuracy takes "
        "with --memory-points, or --speed-points; - means standard output. The file appears whole or not at all."
    )
    examples = (
        ("dump_measurements memory.jsonl", "loads, for accuracy --memory-points"),
        ("dump_measurements memory.jsonl --json", "say for a program how many there were"),
        ("dump_measurements speed.jsonl --speed", "speeds, for accuracy --speed-points"),
    )
    stopped = "No file was written."

    def arguments(self, parser: CommandParser) -> None:
        """One file."""
        parser.add_argument("file", help="a .jsonl file, or - for standard output")
        parser.add_argument("--speed", action="store_true", help="the speeds instead of the loads")

    def answer(self, options: Mapping[str, Any]) -> Answer:
        """Write the newest first, as the admin shows them."""
        from compat.catalogue.measured_points import memory_lines, speed_lines
        from compat.models import Measurement

        kind = speed_lines if options["speed"] else memory_lines
        lines = [json.dumps(line, ensure_ascii=False) for line in kind(Measurement.objects.iterator())]
        text = "".join(f"{line}\n" for line in lines)
        name = options["file"]
        if name == "-":
            if options["json"]:
                raise CommandError("With - the lines go to standard output: leave out --json.", returncode=Exit.USAGE)
            self.stdout.write(text, ending="")
            return Answer({}, lambda screen: None)
        target = Path(name)
        if target.is_dir():
            raise CommandError(f"{target} is a folder: name a file in it.", returncode=Exit.USAGE)
        try:
            with replaced_file(target) as out:
                out.write(text.encode())
        except OSError as error:
            raise CommandError(f"{target} cannot be written: {error.strerror}.") from None
        data = {"file": str(target), "points": len(lines)}
        many = "" if len(lines) == 1 else "s"
        return Answer(data, lambda screen: screen.line(f"{len(lines):,} point{many} written to {target}."))
