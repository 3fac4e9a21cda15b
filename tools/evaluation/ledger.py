"""Compare what pages show with the measured points, and write the result that the site ships with.

    python -m tools.evaluation.ledger

Run it after every change of an estimate: the difference of ``compat/estimate/data/ledger.json`` is what the change did.
Then ``make tables`` for the numbers in ``docs/accuracy.md``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import django

import compat.estimate
from compat.estimate.ledger import Ledger

if TYPE_CHECKING:
    from tools.evaluation.asked import Records
    from tools.evaluation.point_rows import MemoryPoint, SpeedPoint

TARGET = Path(compat.estimate.__file__).parent / "data" / "ledger.json"


def compare_points(
    memory_points: Iterable[MemoryPoint], speed_points: Iterable[SpeedPoint], records: Records | None = None
) -> Ledger:
    """Both tables. ``records`` finds models in a catalogue; each id is asked once."""
    from tools.evaluation.accuracy import memory_accuracy
    from tools.evaluation.speed_points import speed_accuracy

    found = None if records is None else _once(records)
    return Ledger(memory_accuracy(memory_points, found).table, speed_accuracy(speed_points, found).table)


def _once(records: Records) -> Records:
    from functools import cache

    return cache(records)


def make_ledger() -> Ledger:
    """The comparison with the points that lie here, by published facts alone, so that no catalogue is needed."""
    from tools.evaluation.points import memory_points, speed_points

    return compare_points(memory_points(), speed_points())


def render_ledger(ledger: Ledger) -> str:
    """The ledger as JSON, one row a line, so that a change of one group is a small difference."""
    tables = []
    for name, table in ledger.as_json().items():
        lists = [
            f'"{key}": [\n'
            + ",\n".join(f"   {json.dumps(row, ensure_ascii=False)}" for row in table.pop(key))
            + "\n  ]"
            for key in ("rows", "margins", "ranges")
        ]
        rest = json.dumps(table, ensure_ascii=False, indent=1, sort_keys=True)[1:-2].replace("\n", "\n ")
        tables.append(f' "{name}": {{{rest},\n  ' + ",\n  ".join(lists) + "\n }")
    return "{\n" + ",\n".join(tables) + "\n}\n"


def prepare_django() -> None:
    """The functions that pages call stand beside the records' classes; no database is asked."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
    os.environ.setdefault("DEBUG", "1")
    django.setup()


def main() -> None:
    """Write the file that the site ships with, and say whether it changed."""
    prepare_django()
    text = render_ledger(make_ledger())
    before = TARGET.read_text("utf-8") if TARGET.exists() else ""
    TARGET.write_text(text, "utf-8")
    sys.stdout.write(f"{TARGET.name}: {'changed' if text != before else 'unchanged'}\n")


if __name__ == "__main__":
    main()
