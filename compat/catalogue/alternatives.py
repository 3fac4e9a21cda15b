"""What to take in place of a model: the same in another build, its family's next size, then others for the same use.

All of it runs on the worker. The same model comes first, as nothing but its packing changes. Then models of the same
maker and line that are for the same (a coder for a coder, one that sees for one that sees), the nearest in name
first, none of an older generation before one of its own or a newer, and of those the largest, up to the model's own
size. Then the first of the suggested order that are for the same, of makers that are known, at most two of a line. What
a model is for is its narrowest use: one that writes code also chats. Where nothing tells it, it is taken to be
for what most of its architecture are for, and that is said.

An example: of DeepSeek-R1 on eight H100, its NVFP4 build, then what is of its line, then other models that reason; on
four, which hold the build in part alone, the largest distillations that fit; never DeepSeek-OCR, which reads pages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from compat.architectures import name_words
from compat.architectures.name_hints import without_maker
from compat.catalogue.columns import license_label
from compat.catalogue.current import current_index, suggested_on, verdicts_on
from compat.catalogue.finding import scan
from compat.catalogue.index import CatalogueIndex
from compat.catalogue.index_columns import RUNS, Column, Mask
from compat.catalogue.membership import best_first, rows_of_models, shown_rows
from compat.catalogue.order import ORDERS
from compat.catalogue.rows import records_by_id
from compat.catalogue.suggesting import OF_USE, are_of_known_makers, line_of, release_of
from compat.catalogue.workers import Worker
from compat.estimate.amounts import distinct
from compat.extraction.facts import parameters_text
from compat.extraction.original_name import original_name
from compat.models import ModelRecord
from compat.models.composed import ComposedQuery

MOST_ALTERNATIVES = 6
KINDS = {
    "build": "The same model, in a build that runs here",
    "family": "The next of the same family that runs here",
    "use": "Made for the same, and runs here",
}
"""The kinds of alternatives, in order, with why each is offered."""
_SUPPOSED = "Made for what most of its architecture are made for, and runs here"
_NARROWEST = ("embedding", "speech", "code", "reasoning", "vision", "chat")
"""Uses, the narrowest first."""
_AS_LARGE = (1.1, 4.0)
"""So many times a model's weights an alternative may have; and where there is none of these."""
_OF_FAMILY, _OF_LINE = 3, 2
"""So many of the same family are offered, and of each other line."""
_LOOKED_AT = 120
_MOST_BUILDS = 20 * _LOOKED_AT
_OTHER_KIND = frozenset({"vl", "vision", "ocr", "math", "audio", "omni", "coder", "code", "embedding", "medical"})
"""Words that one model of a family is for something else by than another that has them not."""
_SOME_ODDITY = -15
"""The least points for its kind that one of the family may have: a maker's own distillations count as fine-tunes."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """What to take instead: its record's key and id, why (see :data:`KINDS`), and what changes with it, in words.

    ``supposed``: what the model is for was not told, and is taken from others of its architecture.
    """

    record: int
    repo_id: str
    kind: str
    changes: tuple[str, ...]
    supposed: bool = False

    @property
    def why(self) -> str:
        """Why it is offered."""
        return _SUPPOSED if self.supposed else KINDS[self.kind]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of the best known models that do not run on a worker: how many have an alternative, by the nearest's kind, and
    those of which none is known.
    """

    worker: Worker
    looked_at: int
    refused: int
    nearest: Mapping[str, int]
    none: tuple[str, ...]


def coverage_of(top: int, worker: Worker) -> Coverage:
    """The coverage of the ``top`` best known models on a worker. Two queries, and one for each that does not run."""
    index = current_index()
    order = index.order(ORDERS["popular"])
    levels = verdicts_on(index, worker).level[order.groups[:top]]
    refused = records_by_id(index.ids_at(order.rows[:top][levels <= 0]))
    nearest, none = Counter[str](), list[str]()
    for record in refused:
        found = alternatives_to(index, record, worker, 1)
        if found:
            nearest[found[0].kind] += 1
        else:
            none.append(record.repo_id)
    return Coverage(worker, len(levels), len(refused), {kind: nearest[kind] for kind in KINDS}, tuple(none))


class _Told(NamedTuple):
    pk: int
    repo_id: str
    owner: str
    name: str
    parameters: int | None
    parameters_from: str
    license: str

    @classmethod
    def of(cls, record: ModelRecord) -> _Told:
        return cls(*(getattr(record, name) for name in _COLUMNS))


_COLUMNS = ("pk", *_Told._fields[1:])
_TOLD = ComposedQuery(lambda keys: ModelRecord.objects.filter(pk__in=keys).order_by().values_list(*_COLUMNS))


def alternatives_to(
    index: CatalogueIndex,
    record: ModelRecord,
    worker: Worker,
    most: int = MOST_ALTERNATIVES,
    *,
    among: Mapping[int, ModelRecord] | None = None,
) -> list[Alternative]:
    """What to take instead of a record, the nearest first; none for one that came after the index was made.

    ``among`` are records by their keys, of which alone any is taken; without it all, for a query.
    """
    at = index.rows_of([record.pk])
    if not len(at):
        return []
    looked = _Looked(index, int(at[0]), record, worker)
    build, family, peers = looked.build(), looked.family(), looked.peers()
    # One in few bits, or so slow that nobody waits for it, only where nothing else is known.
    build = build if looked.is_of_use(build) or not len(family) + len(peers) else build[:0]
    keys = index.ids_at(np.concatenate([build, family, peers]))
    if among is not None:
        told = {pk: _Told.of(among[pk]) for pk in keys if pk in among}
    else:
        told = {one[0]: _Told(*one) for one in _TOLD.rows(keys)} if keys else {}
    own = _Told.of(record)
    found = [Alternative(one.pk, one.repo_id, "build", _of_build(own, one)) for one in _known(index, build, told)]
    alike = (one for one in _known(index, family, told) if _OTHER_KIND.isdisjoint(_words(own.name) ^ _words(one.name)))
    # Of those that are equally near, as the suggested order has them.
    kin = sorted(_newest(list(alike)), key=lambda one: _distance(own, one))
    found += [Alternative(one.pk, one.repo_id, "family", _changes(own, one)) for one in kin[:_OF_FAMILY]]
    shown = {one.record for one in found}
    lines = Counter[int]()
    lines_of = dict(
        zip(index.ids_at(peers), index.columns.model_line[index.columns.model[peers]].tolist(), strict=True)
    )
    for one in _newest(list(_known(index, peers, told))):
        line = lines_of[one.pk]
        if one.pk not in shown and lines[line] < _OF_LINE:
            lines[line] += 1
            found.append(Alternative(one.pk, one.repo_id, "use", _changes(own, one), bool(looked.supposed)))
    return found[:most]


class _Looked:
    """What runs on a worker in place of one row of the index."""

    def __init__(self, index: CatalogueIndex, row: int, record: ModelRecord, worker: Worker) -> None:
        self.index, self.row, self.record, self.worker = index, row, record, worker
        columns = index.columns
        self.model = int(columns.model[row])
        self.scores = verdicts_on(index, worker).scores(columns.trusted)
        self.builds = columns.builds_of(self.model)

    def build(self) -> Column:
        """The best other build of the same model, if one runs."""
        scores = self.scores[self.index.columns.group[self.builds]]
        rows = best_first(self.index, self.builds, scores)
        found: Column = rows[(rows != self.row) & (self.scores[self.index.columns.group[rows]] > RUNS)][:1]
        return found

    def is_of_use(self, rows: Column) -> bool:
        """Whether all of some rows are neither poor nor too slow to wait for, and nothing speaks against them."""
        return bool(OF_USE[self.scores[self.index.columns.group[rows]]].all())

    @cached_property
    def _for_the_same(self) -> Mask:
        """The groups that run, are for the same, and have no more weights."""
        return self._running(self._alike)

    def _running(self, alike: Sequence[Mask]) -> Mask:
        """The groups that run of the first of some that has any, and have no more weights."""
        found: Mask = self.scores > RUNS
        # What is poor or has a need that is not known, and what is larger, only where nothing else is for the same.
        for among in (OF_USE[self.scores], found):
            for narrowed in self._narrowed(among, alike):
                if narrowed.any():
                    return narrowed
        return np.zeros(len(found), dtype=bool)

    def _narrowed(self, among: Mask, alike: Sequence[Mask]) -> Iterator[Mask]:
        """Those of some groups that are alike, by the narrowest use first, up to its size, then larger ones."""
        own, sizes = self.record.parameters, self.index.columns.ranges["parameters"]
        for most in _AS_LARGE if own else ():
            within = (sizes >= 0) & (sizes <= int((own or 0) * most))
            yield from (among & same & within & self._elsewhere for same in alike)
        if not own:
            yield from (among & same & self._elsewhere for same in alike)

    @cached_property
    def _alike(self) -> list[Mask]:
        """The groups for each of its uses, the narrowest first; or for its task, or what its architecture is for."""
        if not self._uses and self.record.task:
            return [self.index.values("task").having([self.record.task])]
        uses, told = self.index.values("use"), self._uses or self.supposed
        return [uses.having([use]) for use in _NARROWEST if use in told] or self._of_architecture

    @cached_property
    def _uses(self) -> frozenset[str]:
        """What its builds tell that it is for."""
        uses, groups = self.index.values("use"), self.index.columns.group[self.builds]
        return frozenset(use for code in distinct(uses.codes[groups]).tolist() for use in uses.sets[code])

    @cached_property
    def supposed(self) -> frozenset[str]:
        """What most models of its architecture are for that tell it, where nothing tells what this one is for."""
        if self._uses or self.record.task:
            return frozenset()
        uses, counted = self.index.values("use"), Counter[str]()
        for mask in self._of_architecture:
            for code, count in enumerate(np.bincount(uses.codes[mask], minlength=len(uses.sets)).tolist()):
                counted.update(dict.fromkeys(uses.sets[code] or ("",), count))
        telling = sum(np.count_nonzero(mask) for mask in self._of_architecture) - counted.pop("", 0)
        return frozenset(use for use, count in counted.items() if 2 * count > telling)

    @property
    def _of_architecture(self) -> list[Mask]:
        """The groups of its architecture, if that is known."""
        family = self.record.family
        return [self.index.values("architecture").having([family])] if family else []

    @cached_property
    def _elsewhere(self) -> Mask:
        """The groups that have a record of another model."""
        columns = self.index.columns
        here = np.bincount(columns.group[self.builds], minlength=len(columns.counts))
        found: Mask = here < columns.counts
        return found

    def _shown(self, rows: Column) -> Column:
        """The first models of some rows, of each the build that lists show."""
        model = self.index.columns.model
        _, first = np.unique(model[rows], return_index=True)
        models = model[rows[np.sort(first)][:_LOOKED_AT]]
        shown = shown_rows(self.index, models, self.scores)
        found: Column = shown[np.searchsorted(model[shown], models)]
        return found

    def family(self) -> Column:
        """What is of the same line, in the suggested order."""
        columns, line = self.index.columns, self.index.columns.model_line[self.model]
        if line < 0:
            return np.zeros(0, dtype=np.int64)
        models = np.flatnonzero(columns.model_line == line)
        others = are_of_known_makers(columns.model_merit[models], _SOME_ODDITY) & (models != self.model)
        rows = rows_of_models(columns, models[others])
        # Of the same line, those of the same architecture are as near as what tells its use.
        same = self._running([one | other for one in self._alike for other in self._of_architecture])
        rows = rows[(same if self.supposed else self._for_the_same)[columns.group[rows]]]
        points = suggested_on(self.index, self.worker, models=True).points[rows]
        known = self.index.places(ORDERS["popular"])[rows]
        return self._shown(rows[np.lexsort((known, -points))][:_MOST_BUILDS])

    def peers(self) -> Column:
        """What is not."""
        columns, order = self.index.columns, suggested_on(self.index, self.worker, models=True).of_known_makers
        line, found, count = columns.model_line[self.model], [np.zeros(0, dtype=np.int64)], 0
        for _, rows in scan(order, self._for_the_same):
            models = columns.model[rows]
            found.append(rows[(models != self.model) & (columns.model_line[models] != line)])
            count += len(found[-1])
            if count >= _MOST_BUILDS:
                break
        return self._shown(np.concatenate(found)[:_MOST_BUILDS])[: 4 * MOST_ALTERNATIVES]


def _known(index: CatalogueIndex, rows: Column, told: Mapping[int, _Told]) -> Iterator[_Told]:
    return (told[pk] for pk in index.ids_at(rows) if pk in told)


@lru_cache(maxsize=1024)
def _words(name: str) -> frozenset[str]:
    """The words that models of a line are told apart by: no sizes, dates or generations, and no maker's name."""
    plain = original_name(name) or name.lower()
    words = without_maker(name_words(plain))
    return frozenset(word for word in words if word not in _SIZES and not any(letter.isdigit() for letter in word))


_TAUGHT_ANOTHER = frozenset({"distill", "distilled", "llama", "qwen"})
"""Words that only tell whose smaller model was taught to answer as the large one does, which some names leave out."""
_SIZES = frozenset({"nano", "tiny", "mini", "small", "medium", "large", "maverick", "scout"})
"""Words that are a size."""


def _newest(models: Sequence[_Told]) -> list[_Told]:
    """Some models without those of which a newer release is among them: one that differs by its version alone."""
    releases = [(one, release_of(one.name)) for one in models]
    newest: dict[str, float] = {}
    for _, release in releases:
        if release is not None:
            newest[release[0]] = max(newest.get(release[0], 0.0), release[1])
    return [one for one, release in releases if release is None or release[1] == newest[release[0]]]


def _distance(own: _Told, one: _Told) -> tuple[int, int, int]:
    """How far one of a family is from another: in its words, then in how many generations it is older, then in size.

    One that tells no generation is taken to be of the one before.
    """
    mine, other = line_of(own.name), line_of(one.name)
    older = max(0, int(mine[1]) - int(other[1])) if mine and other else int(mine is not None)
    return len((_words(own.name) ^ _words(one.name)) - _TAUGHT_ANOTHER), older, -(one.parameters or 0)


def _changes(own: _Told, one: _Told) -> tuple[str, ...]:
    """What changes with another model, in words."""
    found = []
    sizes = parameters_text(own.parameters, own.parameters_from), parameters_text(one.parameters, one.parameters_from)
    if own.parameters and one.parameters and sizes[0] != sizes[1]:
        found.append(f"{sizes[1]} instead of {sizes[0]} parameters")
    if own.license and one.license and own.license != one.license:
        found.append(f"{license_label(one.license)} instead of {license_label(own.license)}")
    return tuple(found)


def _of_build(own: _Told, one: _Told) -> tuple[str, ...]:
    """What changes with another build."""
    return (f"packed by {one.owner}",) if one.owner and one.owner != own.owner else ("packed in another way",)
