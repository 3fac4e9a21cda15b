"""What a change of the profiles or tables does to the bundled catalogue: which records get another verdict."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import compat
from compat.engines.loader import read_folder
from compat.extraction.extract import extract
from compat.extraction.facts import VariantFacts
from compat.hub.payloads import parse_record
from compat.rules import judge_all

SNAPSHOT = Path(compat.__file__).parent / "data" / "snapshot.jsonl.gz"
_SHOWN = 20

Levels = dict[str, dict[str, str]]
"""By engine and record: the level of its verdict, or ``unknown``."""


def levels() -> Levels:
    """The verdicts by what stands in the files now; none where the checkout lacks the bundled catalogue.

    Another process is asked: one keeps the tables that it has read.
    """
    if not SNAPSHOT.exists():
        return {}
    command = [sys.executable, "-m", "tools.profiles.changes"]
    answer: Levels = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)  # noqa: S603 - this interpreter and a module here
    return answer


def describe(before: Levels, after: Levels) -> str:
    """Per engine that judges differently: the counts of each level before and after, and some of the records."""
    if not after:
        return f"{SNAPSHOT.name} is not here: which records change is not known\n"
    lines = []
    for slug, now in after.items():
        then = before.get(slug, {})
        moved = [model for model, level in now.items() if then.get(model) != level]
        if moved:
            counts = (
                ", ".join(f"{n} {level}" for level, n in sorted(Counter(side.values()).items())) for side in (then, now)
            )
            lines += [
                f"{slug}: {len(moved)} records change",
                *(f"  {when}: {told}" for when, told in zip(("before", "after "), counts, strict=True)),
            ]
            lines += [f"  {model}: {then.get(model)} -> {now[model]}" for model in moved[:_SHOWN]]
    return "\n".join([*lines, ""]) if lines else "no record of the catalogue changes\n"


def _levels_now() -> Levels:
    with gzip.open(SNAPSHOT) as lines:
        models = [parse_record(json.loads(line)).model for line in lines]
    sheets = {model.id: extract(model).judged for model in models}
    found: Levels = {}
    for profile in read_folder():
        known: dict[tuple[VariantFacts, ...], str] = {}
        for sheet in set(sheets.values()):
            result = judge_all(sheet, profile).result
            known[sheet] = "unknown" if result.cause == "unknown" else result.confidence
        found[profile.slug] = {model: known[sheet] for model, sheet in sheets.items()}
    return found


if __name__ == "__main__":
    json.dump(_levels_now(), sys.stdout)
