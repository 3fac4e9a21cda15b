"""What a person who is typing into a search box may mean: models by their names, the best known first.

Answered from names that the index holds, so that every keystroke is quick on a catalogue of any size; the database is
asked only for what is named in full, or where few of the best known have the words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from compat.catalogue.browse import meant_by
from compat.catalogue.current import index_now, verdicts_on
from compat.catalogue.finding import read_as
from compat.catalogue.index import CatalogueIndex
from compat.catalogue.index_columns import CAUSE_CODES, RUNS, Verdicts
from compat.catalogue.membership import best_first
from compat.catalogue.order import ORDERS
from compat.catalogue.question import Question
from compat.catalogue.rows import known_record, records_by_id, worker_of
from compat.catalogue.workers import Worker, workers
from compat.models import ModelRecord
from compat.models.asked import read_search, says, spellings_of, without_signs
from compat.models.search import matching_ids
from compat.rules import Confidence

MOST = 8
"""So many models are suggested."""
_LEAST_FOUND = 3
"""Where fewer of the best known have the words, the whole catalogue is looked through."""
_LEAST_LETTERS = 3
"""Shorter words have no trigram: looking through the whole catalogue for them alone takes long."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One model, as its best build if any runs here: ``name`` is what the model is called, ``record`` that build.

    ``level`` is its verdict here, None where that is not worked out yet, and ``unknown`` says that it is a refusal for
    want of facts; ``exact`` that its id was typed.
    """

    name: str
    record: ModelRecord
    level: Confidence | None
    unknown: bool = False
    exact: bool = False

    @property
    def kind(self) -> str:
        """The icon and colour of its verdict; empty where there is none."""
        return "v-unknown" if self.unknown else f"v-{self.level.word}" if self.level is not None else ""

    @property
    def word(self) -> str:
        """The words of its verdict."""
        return "Unknown" if self.unknown else self.level.badge if self.level is not None else ""


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Models for what was typed, and the words that were probably ``meant`` where there is none."""

    question: str
    worker: Worker
    found: tuple[Suggestion, ...]
    meant: str = ""


def suggest(text: str, asked: Question | None = None, available: Mapping[str, Worker] | None = None) -> Suggestions:
    """Models that the text of a search box may mean. At most five queries, most often one."""
    asked, available = asked or Question(), available or workers()
    worker = worker_of(asked, available)
    question = read_search(text)
    if not question.words:
        return Suggestions(text, worker, ())
    index, _ = index_now()
    named = known_record(question.repo_id)
    rows = [] if named and question.pasted else _rows(index, question.words, enough=named is not None)
    if not rows and question.apart:
        rows = _rows(index, question.apart, enough=named is not None)
    found = _told(index, worker, rows, named)
    meant = "" if found else meant_by(index, read_as(index, asked.changed(q=text).asked_for))
    return Suggestions(text, worker, found, meant)


def _rows(index: CatalogueIndex, words: Sequence[str], *, enough: bool) -> list[int]:
    """The rows of models whose name has every word: those that begin so first, of these the best known.

    Where few of the best known have them, the others are asked as well, unless there is ``enough`` already.
    """
    found = _best_known(index, words)
    if not enough and len(found) < _LEAST_FOUND and any(len(word) >= _LEAST_LETTERS for word in words):
        rows = index.rows_of(matching_ids(words, 10 * MOST))
        known = index.places(ORDERS["popular"])[rows]
        found += [int(row) for row in rows[np.argsort(known)]]
    return found


def _best_known(index: CatalogueIndex, words: Sequence[str]) -> list[int]:
    spelled = [spellings_of(word) for word in words]
    whole, begin = spellings_of("-".join(map(without_signs, words))), spellings_of(without_signs(words[0]))
    tiers: tuple[list[int], ...] = ([], [], [], [])
    for row, name in _having(index.names, spelled):
        own = name.rpartition("/")[2]
        exact = own in whole or name in whole
        tier = 0 if exact else 1 if own.startswith(whole) else 2 if own.startswith(begin) else 3
        if len(tiers[tier]) < MOST:
            tiers[tier].append(row)
    return [row for tier in tiers for row in tier][:MOST]


def _having(names: Sequence[tuple[int, str]], spelled: Sequence[Sequence[str]]) -> Iterator[tuple[int, str]]:
    for row, name in names:
        if all(says(name, spellings) for spellings in spelled):
            yield row, name


def _told(
    index: CatalogueIndex, worker: Worker, rows: Iterable[int], named: ModelRecord | None
) -> tuple[Suggestion, ...]:
    """The suggestions for some rows, a model once; that of the ``named`` record first."""
    columns = index.columns
    # What a machine was not asked yet takes long to work out, and nobody who is typing waits for that.
    known = worker.hardware is None or worker.key in index.machines
    verdicts = verdicts_on(index, worker) if known else None
    models = list(dict.fromkeys(int(columns.model[row]) for row in rows))[:MOST]
    taken: list[tuple[int, int]] = []
    for model in models:
        builds, own = columns.builds_of(model), int(columns.model_self[model])
        scores = (
            verdicts.at(columns.group[builds], columns.trusted) if verdicts else np.zeros(len(builds), dtype=np.int16)
        )
        best = int(best_first(index, builds, scores)[0])
        own = own if own >= 0 else best
        taken.append((best if scores.max() > RUNS else own, own))
    pairs = [index.ids_at(np.array(pair, dtype=np.int64)) for pair in taken]
    records = {record.pk: record for record in records_by_id(list({pk for pair in pairs for pk in pair}))}
    found = [Suggestion(named.repo_id, named, *_verdict(index, verdicts, named), exact=True)] if named else []
    for best_pk, own_pk in pairs:
        record, itself = records.get(best_pk), records.get(own_pk)
        if record is not None and itself is not None and (named is None or named.pk not in (best_pk, own_pk)):
            found.append(Suggestion(itself.repo_id, record, *_verdict(index, verdicts, record)))
    return tuple(found[:MOST])


def _verdict(index: CatalogueIndex, verdicts: Verdicts | None, record: ModelRecord) -> tuple[Confidence | None, bool]:
    """A record's verdict, and whether it is a refusal for want of facts."""
    row = index.rows_of([record.pk])
    if verdicts is None or not len(row):
        return None, False
    group = index.columns.group[row[0]]
    level = int(verdicts.level[group])
    return (Confidence(level) if level >= 0 else None), level == 0 and verdicts.cause[group] == CAUSE_CODES["unknown"]
