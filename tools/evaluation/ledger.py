"""Compare the estimates with the measured points, and write the result that the site ships with.

    python -m tools.evaluation.ledger

Run it after every change of an estimate: the difference of ``compat/estimate/data/ledger.json`` is what the change did.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import compat.estimate
from compat.estimate.ledger import Ledger
from compat.shapes.known import Resolver
from tools.evaluation.accuracy import memory_accuracy
from tools.evaluation.points import Point, load_points
from tools.evaluation.speed_points import speed_accuracy

TARGET = Path(compat.estimate.__file__).parent / "data" / "ledger.json"


def compare_points(
    memory_points: Iterable[Point], speed_points: Iterable[Point], resolve: Resolver | None = None
) -> Ledger:
    """Both tables. ``resolve`` finds shapes of models that are not among the well-known ones; each id is asked once."""
    found: dict[str, compat.estimate.ModelShape | None] = {}

    def once(model_id: str) -> compat.estimate.ModelShape | None:
        if model_id not in found:
            found[model_id] = resolve(model_id) if resolve else None
        return found[model_id]

    return Ledger(memory_accuracy(memory_points, once).table, speed_accuracy(speed_points, once).table)


def make_ledger() -> Ledger:
    """The comparison with the points that lie here, by well-known shapes alone, so that no catalogue is needed."""
    return compare_points(load_points("memory_points"), load_points("speed_points"))


def render_ledger(ledger: Ledger) -> str:
    """The ledger as JSON, one row a line, so that a change of one group is a small difference."""
    tables = []
    for name, table in ledger.as_json().items():
        rows = ",\n".join(f"   {json.dumps(row, ensure_ascii=False)}" for row in table.pop("rows"))
        rest = json.dumps(table, ensure_ascii=False, indent=1, sort_keys=True)[1:-2].replace("\n", "\n ")
        tables.append(f' "{name}": {{{rest},\n  "rows": [\n{rows}\n  ]\n }}')
    return "{\n" + ",\n".join(tables) + "\n}\n"


def main() -> None:
    """Write the file that the site ships with, and say whether it changed."""
    text = render_ledger(make_ledger())
    before = TARGET.read_text("utf-8") if TARGET.exists() else ""
    TARGET.write_text(text, "utf-8")
    sys.stdout.write(f"{TARGET.name}: {'changed' if text != before else 'unchanged'}\n")


if __name__ == "__main__":
    main()
