"""Several models side by side, each as its own page says it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from compat.catalogue.detail import DetailPage, detail
from compat.catalogue.question import Question
from compat.catalogue.rows import Row, UnknownModel, worker_of
from compat.catalogue.workers import Worker, workers
from compat.models.asked import read_search

MOST_COMPARED = 4
"""So many models are put side by side; more do not fit a page."""
_MOST_OFFERED = 6


@dataclass(frozen=True, slots=True)
class ComparePage:
    """The models that are compared, in the order asked. ``unknown`` are ids that the catalogue does not have.

    ``beyond`` are those that did not fit the page, and ``offered`` others that may be put beside.
    """

    worker: Worker
    models: tuple[DetailPage, ...]
    unknown: tuple[str, ...]
    beyond: tuple[str, ...]
    offered: tuple[Row, ...]

    @property
    def ids(self) -> list[str]:
        """The ids of the models that are shown."""
        return [page.record.repo_id for page in self.models]

    def without(self, repo_id: str) -> list[str]:
        """The ids of the others."""
        return [one for one in self.ids if one != repo_id]


def compare(
    asked: Iterable[str], question: Question | None = None, available: Mapping[str, Worker] | None = None
) -> ComparePage:
    """Models by their ids or pasted addresses. As many queries as their pages take, which is at most 15 a model."""
    question, available = question or Question(), available or workers()
    named = list(dict.fromkeys(read_search(one).repo_id or one.strip() for one in asked if one.strip()))
    models: dict[str, DetailPage] = {}
    unknown: list[str] = []
    for repo_id in named[:MOST_COMPARED]:
        try:
            page = detail(repo_id, question, available)
        except UnknownModel:
            unknown.append(repo_id)
        else:
            models.setdefault(page.record.repo_id, page)
    offered = [row for page in models.values() for row in page.alternatives if row.record.repo_id not in models]
    return ComparePage(
        worker_of(question, available),
        tuple(models.values()),
        tuple(unknown),
        tuple(named[MOST_COMPARED:]),
        tuple({row.record.repo_id: row for row in offered}.values())[:_MOST_OFFERED],
    )
