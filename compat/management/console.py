"""How commands speak: a progress bar on a terminal, plain lines otherwise, one summary at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from compat.sync import Counts

_EVERY = 10.0


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A function to call with how much more is done. On a terminal it moves a bar, else it prints now and then."""
    console = Console(stderr=True)
    if console.is_terminal:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda done: bar.advance(task, done)
        return
    done, last = 0, time.monotonic()

    def advance(more: int) -> None:
        nonlocal done, last
        done += more
        if time.monotonic() - last >= _EVERY:
            last = time.monotonic()
            share = f" ({100 * done // total} %)" if total else ""
            print(f"{what}: {done:,}{share}", file=sys.stderr, flush=True)  # noqa: T201 - this is the console

    yield advance


def summary(counts: Counts, seconds: float) -> str:
    """What a filling of the catalogue did, with the first reasons for what was rejected."""
    rate = f", {counts.total / seconds:,.0f} a second" if seconds >= 1 else ""
    done = (
        f"{counts.new:,} new, {counts.changed:,} changed, {counts.unchanged:,} unchanged, {counts.rejected:,} rejected"
    )
    lines = [f"{counts.total:,} records in {seconds:.1f} s{rate}: {done}."]
    if counts.older:
        lines.append(f"{counts.older:,} left alone: the catalogue has newer facts of them.")
    lines += [f"  rejected: {problem}" for problem in counts.problems]
    if counts.rejected > len(counts.problems):
        lines.append(f"  ... and {counts.rejected - len(counts.problems):,} more")
    return "\n".join(lines)
