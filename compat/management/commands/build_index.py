"""Make the index of the catalogue that all processes answer from."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from compat.management.command import Answer, CatalogueCommand
from compat.management.console import Screen


class Command(CatalogueCommand):
    """``build_index``"""

    help = "Make the index that lists and counts are answered from, unless it is there. The site does so by itself."
    examples = (
        ("build_index", "make it now, so that the first visitor after a change need not wait"),
        ("build_index --json", "the same, and sum up for a program"),
    )

    def answer(self, options: Mapping[str, Any]) -> Answer:
        """The index, and what every engine would load."""
        from compat.catalogue.current import prepare_index
        from compat.catalogue.workers import workers

        started = time.monotonic()
        index, _ = prepare_index(workers().values())
        seconds = time.monotonic() - started

        def show(screen: Screen) -> None:
            screen.line(f"The index of {len(index):,} models is there, after {seconds:.1f} s.")

        return Answer({"models": len(index), "version": index.version, "seconds": round(seconds, 3)}, show)
