"""Several models side by side, or one on several machines, each as its own page says it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from compat.catalogue.detail import DetailPage, detail
from compat.catalogue.question import MACHINE, WORKER, DictQuery, Question, QuestionError
from compat.catalogue.rows import Row, UnknownModel, worker_of
from compat.catalogue.suggestions import Suggestion, suggest
from compat.catalogue.workers import AUTO, Worker, workers
from compat.engines.machine_text import read_machine
from compat.models.asked import read_search

MOST_COMPARED = 4
"""So many stand side by side; more do not fit a page."""
_MOST_OFFERED = 6


@dataclass(frozen=True, slots=True)
class MachineColumn:
    """One machine that a model is compared on: the text it was told in, and the worker's part of an address.

    The text is empty for the visitor's own.
    """

    text: str
    query: str
    page: DetailPage


@dataclass(frozen=True, slots=True)
class ComparePage:
    """The models that are compared, in the order asked. ``unknown`` are ids that the catalogue does not have.

    ``beyond`` are those that did not fit the page, ``offered`` others that may be put beside, and ``found`` those that
    somebody looked for to put them there. Where one model is compared on several ``machines``, ``models`` is it alone;
    ``unread`` are texts that tell no machine, each with the sentences on why.
    """

    worker: Worker
    models: tuple[DetailPage, ...]
    unknown: tuple[str, ...]
    beyond: tuple[str, ...]
    offered: tuple[Row, ...]
    machines: tuple[MachineColumn, ...] = ()
    unread: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    found: tuple[Suggestion, ...] = ()

    @property
    def columns(self) -> tuple[DetailPage, ...]:
        """What stands side by side."""
        return tuple(one.page for one in self.machines) or self.models

    @property
    def ids(self) -> list[str]:
        """The ids of the models that are shown."""
        return [page.record.repo_id for page in self.models]

    @property
    def texts(self) -> list[str]:
        """The machines as they were told, but for the visitor's own."""
        return [one.text for one in self.machines if one.text]

    @property
    def one_engine(self) -> bool:
        """Whether all that stands side by side is judged for one engine."""
        return len({page.worker.profile.slug for page in self.columns}) < 2

    def without(self, repo_id: str) -> list[str]:
        """The ids of the others."""
        return [one for one in self.ids if one != repo_id]

    def instead(self, repo_id: str, other: str) -> list[str]:
        """The ids with another one in the place of one."""
        return list(dict.fromkeys(other if one == repo_id else one for one in self.ids))


def compare(
    asked: Iterable[str],
    question: Question | None = None,
    available: Mapping[str, Worker] | None = None,
    on: Iterable[str] = (),
    looked_for: str = "",
) -> ComparePage:
    """Models by their ids or pasted addresses, or the first of them ``on`` machines told in words.

    What is ``looked_for`` by its whole id is put beside at once, else what may be meant is found.

    As many queries as their pages take, which is at most 16 a column.
    """
    question, available = question or Question(), available or workers()
    found = suggest(looked_for, question, available).found if looked_for else ()
    asked = [*asked, *(one.record.repo_id for one in found[:1] if one.exact)]
    named = list(dict.fromkeys(read_search(one).repo_id or one.strip() for one in asked if one.strip()))
    texts = list(dict.fromkeys(text.strip() for text in on if text.strip()))
    models: dict[str, DetailPage] = {}
    unknown: list[str] = []
    for repo_id in named[:MOST_COMPARED]:
        try:
            page = detail(repo_id, question, available)
        except UnknownModel:
            unknown.append(repo_id)
        else:
            models.setdefault(page.record.repo_id, page)
        if texts and models:
            break
    first = next(iter(models.values()), None)
    machines, unread = _machines(first, texts, question, available) if first else ((), {})
    offered = [row for page in models.values() for row in page.alternatives if row.record.repo_id not in models]
    return ComparePage(
        worker_of(question, available),
        tuple(models.values()),
        tuple(unknown),
        tuple(named[1:] if machines else named[MOST_COMPARED:]),
        tuple({row.record.repo_id: row for row in offered}.values())[:_MOST_OFFERED],
        machines,
        unread,
        tuple(one for one in found if not one.exact),
    )


def _machines(
    page: DetailPage, texts: Iterable[str], question: Question, available: Mapping[str, Worker]
) -> tuple[tuple[MachineColumn, ...], dict[str, tuple[str, ...]]]:
    """A model on the visitor's machine, if it is told, and on those of some texts; and the texts that tell none.

    Where nobody named an engine, each machine has the one that suits it.
    """
    columns = [MachineColumn("", question.query(), page)] if page.worker.machine.told else []
    unread = {}
    kept = {name: value for name, value in question.items() if name in WORKER and name not in MACHINE}
    if not page.worker.machine.told:
        kept.setdefault("worker", AUTO)
    for text in texts:
        read = read_machine(text)
        try:
            asked = Question.from_query(DictQuery({**kept, **read.parameters}), available)
        except QuestionError as error:
            unread[text] = tuple(problem.message for problem in error.problems)
            continue
        if not read.whole:
            unread[text] = read.said
        elif len(columns) < MOST_COMPARED:
            columns.append(MachineColumn(text, asked.query(), detail(page.record.repo_id, asked, available)))
    return (tuple(columns) if any(one.text for one in columns) else ()), unread
