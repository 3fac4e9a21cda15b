"""The index in use: the newest, or the one before it while the newest is made (stale-while-revalidate)."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Hashable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from threading import Lock, Thread
from typing import NamedTuple, TypeVar

from django.conf import settings
from django.db import connection

from compat.catalogue import index_files
from compat.catalogue.index import CatalogueIndex
from compat.catalogue.index_build import build_index
from compat.catalogue.index_columns import Speeds, Verdicts
from compat.catalogue.machine_needs import Before, EngineNeeds, read_engine_needs
from compat.catalogue.order import ORDERS
from compat.catalogue.suggesting import Suggested
from compat.catalogue.workers import Worker
from compat.models import Catalogue

log = logging.getLogger(__name__)

PATIENCE = 0.5
"""Seconds that a request may wait for a new index; one that takes longer is made beside it, and the old one answers."""
REST = 3
"""A new index is begun no sooner than this many times what the last one took: changes may come without end."""
MOST_MACHINES = 32
"""The verdicts of so many machines are kept with an index."""
MOST_SPEEDS, EACH_SPEED = 8, 16
"""The speeds of so many, which take so many bytes a record."""
MOST_SUGGESTED, EACH_SUGGESTED = 16, 10
"""And the suggested orders of so many."""
KEPT_BYTES = 30 * 1024**2
"""Of a large catalogue fewer are kept: each of both kinds takes no more than this in all."""

Kept = TypeVar("Kept")


class State(NamedTuple):
    """The version of the catalogue that answers are made from, when it last changed, and whether it is the newest.

    After a change of a large catalogue it is the version before, until its index is made anew in a few seconds.
    """

    version: int
    changed: datetime | None
    newest: bool = True


class _Current:
    """The index of this process, replaced as a whole."""

    def __init__(self) -> None:
        self.index: CatalogueIndex | None = None
        self.making = Lock()
        self.ended = 0.0

    def for_state(self, state: State) -> CatalogueIndex:
        index = self.index
        if index is not None and index.answers(state):
            return index
        if index is None or index.seconds <= PATIENCE:
            with self.making:
                if self.index is None or not self.index.answers(state):
                    self._replace(state)
                assert self.index is not None
                return self.index
        if time.monotonic() - self.ended > REST * index.seconds and self.making.acquire(blocking=False):
            Thread(target=self._beside, args=(state,), daemon=True).start()
        return index

    def _beside(self, state: State) -> None:
        try:
            if index_files.folder_of(state.version, state.changed):
                # In a process of its own, whose memory goes back when it ends.
                _build_apart()
            self._replace(state)
        except Exception:
            log.exception("the index of the catalogue's version %s could not be made", state.version)
        finally:
            self.ended = time.monotonic()
            self.making.release()
            connection.close()

    def _replace(self, state: State) -> None:
        start, before = time.monotonic(), self.index
        index = _opened(state) or _made(state)
        # What visitors asked for before they will ask for again.
        if before is not None:
            _engine_needs(index, before.engines.values(), (before.columns, before.needs))
            index.seconds = max(index.seconds, time.monotonic() - start)
        self.index = index


def _build_apart() -> None:
    """Let the command make the index, with this process's settings."""
    subprocess.run(
        [sys.executable, "-m", "django", "build_index", "--verbosity", "0"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": str(settings.SETTINGS_MODULE)},
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=_LONGEST,
    )


_LONGEST = 3600
"""Seconds after which making an index is given up."""
_current = _Current()


def forget_index() -> None:
    """Drop the index of this process: the next question makes or opens one."""
    global _current  # noqa: PLW0603 - an index still being made belongs to the one that is let go, as does its lock
    _current = _Current()


def catalogue_state() -> State:
    """The catalogue's state now, as far as answers go. One query."""
    index, newest = index_now()
    return State(index.version, index.changed, newest)


def current_index() -> CatalogueIndex:
    """The index to answer from. One query, and those that making it takes, if it is made now."""
    return _current.for_state(State(*Catalogue.current_version()))


def index_now() -> tuple[CatalogueIndex, bool]:
    """The index to answer from, and whether it is the newest. One query, as above."""
    state = State(*Catalogue.current_version())
    index = _current.for_state(state)
    return index, index.answers(state)


def _opened(state: State) -> CatalogueIndex | None:
    folder = index_files.folder_of(state.version, state.changed)
    columns = index_files.read_columns(folder) if folder else None
    # One that is opened would take longer to make: it counts as slow, so that nobody waits for the next one.
    seconds = PATIENCE * 2 if columns is not None and len(columns.ids) > _QUICK else 0.0
    return CatalogueIndex(state.version, state.changed, columns, seconds, folder) if columns else None


_QUICK = 1_000
"""Records of which an index is made within a request's patience on any machine that this runs on."""


def _made(state: State) -> CatalogueIndex:
    folder = index_files.folder_of(state.version, state.changed)
    if folder is None:
        return build_index()
    try:
        with index_files.only_one(folder):
            found = _opened(state)
            if found is not None:
                return found
            made = build_index()
            folder = index_files.folder_of(made.version, made.changed)
            assert folder is not None
            index_files.write_columns(folder, made.columns)
            columns = index_files.read_columns(folder) or made.columns
            return CatalogueIndex(made.version, made.changed, columns, made.seconds, folder)
    except OSError as error:
        log.warning("the index is kept in this process alone, as its files cannot be written: %s", error)
        return build_index()


def verdicts_on(index: CatalogueIndex, worker: Worker) -> Verdicts:
    """The verdict on every group on a worker: as stored, or computed for its machine and cached with the index."""
    if worker.hardware is None:
        return index.stored(worker.profile.slug)
    with index.lock:
        if worker.key not in index.machines:
            found = engine_needs(index, [worker])[worker.profile.slug].verdicts(index.columns, worker)[0]
            _keep(index.machines, worker.key, found, MOST_MACHINES)
        return index.machines[worker.key]


def speeds_on(index: CatalogueIndex, worker: Worker) -> Speeds:
    """The speed of every group on a worker's machine, which must be told, and the records by it; cached as well."""
    with index.lock:
        if worker.key not in index.speeds:
            needs = engine_needs(index, [worker])[worker.profile.slug]
            verdicts, best = needs.verdicts(index.columns, worker)
            groups = needs.speeds(index.columns, verdicts, best)
            _keep(index.machines, worker.key, verdicts, MOST_MACHINES)
            by_speed = Speeds.of(groups, index.order(ORDERS["popular"]))
            _keep(index.speeds, worker.key, by_speed, _most(index, MOST_SPEEDS, EACH_SPEED))
        return index.speeds[worker.key]


def suggested_on(index: CatalogueIndex, worker: Worker, *, models: bool) -> Suggested:
    """The suggested order of records, or of models, on a worker; cached as well."""
    with index.lock:
        key = (worker.key, models)
        if key not in index.suggested:
            scores = verdicts_on(index, worker).scores(index.columns.trusted)
            machine = worker.hardware is not None
            order = Suggested.of(index.columns, scores, models=models, machine=machine)
            _keep(index.suggested, key, order, _most(index, MOST_SUGGESTED, EACH_SUGGESTED))
        return index.suggested[key]


def _most(index: CatalogueIndex, most: int, each: int) -> int:
    return max(1, min(most, KEPT_BYTES // (each * max(len(index), 1))))


def _keep(kept: dict[Hashable, Kept], key: Hashable, found: Kept, most: int) -> None:
    """Keep one more; the oldest go first."""
    while len(kept) >= most:
        kept.pop(next(iter(kept)))
    kept[key] = found


def engine_needs(index: CatalogueIndex, workers: Sequence[Worker]) -> dict[str, EngineNeeds]:
    """What engines would load of the catalogue, from memory, from files, or made now and written."""
    return _engine_needs(index, workers, None)


def _known_before(index: CatalogueIndex, engines: Iterable[str]) -> Before | None:
    """What the files of the version before know of engines; None where there are none."""
    folder = index_files.folder_before(index.folder) if index.folder else None
    columns = index_files.read_columns(folder) if folder else None
    if folder is None or columns is None:
        return None
    read = {engine: index_files.read_needs(folder, engine) for engine in engines}
    return columns, {engine: needs for engine, needs in read.items() if needs is not None}


def _engine_needs(index: CatalogueIndex, workers: Iterable[Worker], before: Before | None) -> dict[str, EngineNeeds]:
    alone = {worker.profile.slug: Worker(worker.slug, worker.name, worker.profile) for worker in workers}
    with index.lock:
        for engine in alone.keys() - index.needs.keys():
            found = index_files.read_needs(index.folder, engine) if index.folder else None
            if found is not None:
                index.needs[engine] = found
        missing = {engine: worker for engine, worker in alone.items() if engine not in index.needs}
        if missing:
            known = before or _known_before(index, missing)
            for engine, needs in read_engine_needs(index.columns, list(missing.values()), known).items():
                index.needs[engine] = _written(index.folder, engine, needs)
        index.engines |= alone
        return {engine: index.needs[engine] for engine in alone}


def _written(folder: Path | None, engine: str, needs: EngineNeeds) -> EngineNeeds:
    if folder is None:
        return needs
    try:
        index_files.write_needs(folder, engine, needs)
    except OSError as error:
        log.warning("what %s would load is kept in this process alone: %s", engine, error)
        return needs
    return index_files.read_needs(folder, engine) or needs


def prepare_index(workers: Iterable[Worker]) -> tuple[CatalogueIndex, bool]:
    """The index with what every engine would load, so that no visitor waits for it; and whether it had to be made."""
    index = current_index()
    wanted = {worker.profile.slug: worker for worker in workers}
    there = index.folder is not None and all(index_files.has_needs(index.folder, engine) for engine in wanted)
    engine_needs(index, list(wanted.values()))
    return index, not there
