"""List the workers: every engine alone, and the machines of this site."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from compat.management.command import Answer, CatalogueCommand
from compat.management.console import VERDICT_STYLES, Cell, Column, Screen, Told, bar

if TYPE_CHECKING:
    from compat.catalogue.overview import WorkerCard


class Command(CatalogueCommand):
    """``list_workers``"""

    help = (
        "List the workers of this site, the default one first, and how many models of the catalogue run on each. "
        "The first column is what --worker takes."
    )
    examples = (
        ("list_workers", "every worker with its machine and what runs on it"),
        ("list_workers --json", "with formats, tasks and limits, as /api/v1/workers answers"),
    )

    def answer(self, options: Mapping[str, Any]) -> Answer:
        """The query behind the workers' page; its JSON is that of ``/api/v1/workers``."""
        from compat import catalogue
        from compat.catalogue.workers import workers
        from marketplace.api import serialise

        cards = catalogue.workers_page(workers())
        items = [serialise.worker_card(card, default=place == 0) for place, card in enumerate(cards)]
        return Answer({"items": items}, lambda screen: _show(cards, screen))


def _show(cards: list[WorkerCard], screen: Screen) -> None:
    columns = [
        Column("Worker"),
        Column("Engine", bends=True),
        Column("Machine", bends=True),
        Column("Run", right=True),
        Column("Of", right=True),
        Column("", drawn=True),
    ]
    screen.table(columns, [_cells(card) for card in cards])


def _cells(card: WorkerCard) -> list[Told]:
    worker = card.worker
    machine = f"{worker.machine.label} at {worker.context:,} tokens" if worker.machine.told else "-"
    return [
        worker.slug,
        worker.profile.name,
        machine,
        f"{card.running:,}",
        f"{card.total:,}",
        Cell(bar(card.running, card.total, 12), VERDICT_STYLES["high"]),
    ]
