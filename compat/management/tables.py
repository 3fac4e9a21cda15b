"""Tables of the documentation that are made of what they tell of: browse parameters, the ledger; ``make tables``."""

from __future__ import annotations

import re
from pathlib import Path

from compat.catalogue.question import PARAMETERS, WORKER, Parameter
from compat.catalogue.reading import FILTERS
from compat.estimate.ledger import Accuracy, Row, shipped_ledger

_PLACE = re.compile(r"(<!-- table: ([\w ]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def tables() -> dict[str, str]:
    """Every table by the name that a page has for it."""
    ledger = shipped_ledger()
    return {
        "measured memory": _accuracy_table(ledger.memory),
        "measured speed": _accuracy_table(ledger.speed),
        "browse parameters": _table("parameter | takes | means", [_browse_row(one) for one in PARAMETERS.values()]),
        "filter options": _table("option | meaning", [_option_row(PARAMETERS[name]) for name in FILTERS]),
        "worker options": _table("option | meaning", [_option_row(PARAMETERS[name]) for name in WORKER]),
    }


def _browse_row(one: Parameter) -> str:
    takes = ", ".join(f"`{value}`" for value in one.values) or one.takes
    return f"`{one.name}` | {takes} | {one.meaning}"


def _option_row(one: Parameter) -> str:
    return f"`{one.option} {one.metavar}` | {one.help}"


def _accuracy_table(table: Accuracy) -> str:
    rows = [row for row in table.rows if row.by == "engine" and row.quality not in ("high", "engine-run")]
    head = "engine | what | points | median | 90th percentile"
    return _table(head, [_accuracy_row(row) for row in sorted(rows, key=lambda row: (row.quantity, row.name))])


def _accuracy_row(row: Row) -> str:
    few = ", unproven" if row.unproven else ""
    return f"{row.name} ({row.quality}) | {row.quantity} | {row.n}{few} | {row.median:.1%} | {row.p90:.1%}"


def _table(head: str, rows: list[str]) -> str:
    rule = "|".join("---" for _ in head.split("|"))
    return "\n".join([f"| {head} |", f"|{rule}|", *(f"| {row} |" for row in rows)]) + "\n"


def with_tables(text: str) -> str:
    """A page of the documentation with its tables as they should be. KeyError for a table nobody makes."""
    made = tables()
    return _PLACE.sub(lambda found: f"{found[1]}{made[found[2]]}{found[3]}", text)


def write_tables(folder: Path) -> list[Path]:
    """Bring every page of a folder up to date; the pages that changed."""
    changed = []
    for page in sorted(folder.glob("*.md")):
        text = page.read_text("utf-8")
        if with_tables(text) != text:
            page.write_text(with_tables(text), "utf-8")
            changed.append(page)
    return changed
