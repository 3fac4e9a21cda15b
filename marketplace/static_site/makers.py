"""Pages made by several processes at once: making them is work for a processor, and one has only so much of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import connection, get_context, parent_process
from threading import Thread
from typing import TypeAlias

from django.db import connections

from .catalogue import CHUNK
from .render import Renderer

Files: TypeAlias = list[tuple[str, str]]
"""Paths and contents."""
Job: TypeAlias = tuple[Callable[[Renderer, Sequence[int]], Files], Sequence[int]]
"""What makes some files, and the numbers of what it makes them of."""


@contextmanager
def make_pages(renderer: Renderer, jobs: Sequence[Job], processes: int) -> Iterator[Iterator[Files]]:
    """What the jobs make, in their order. This process alone does a few, and all inside a transaction.

    The others are copies of this process, so they know the catalogue as it was read; no thread may run in it yet.
    Raises :class:`~concurrent.futures.process.BrokenProcessPool` where one of them is ended from outside.
    """
    # Others see only what is committed.
    inside = any(one.in_atomic_block for one in connections.all(initialized_only=True))
    if processes < 2 or inside or sum(len(numbers) for _, numbers in jobs) <= CHUNK:
        yield (make(renderer, numbers) for make, numbers in jobs)
        return
    # A connection belongs to one process: each opens its own.
    connections.close_all()
    pool = ProcessPoolExecutor(min(processes, len(jobs)), get_context("fork"), _begin, (renderer,))
    try:
        # Ctrl-C is for this process to hear: the others are born deaf to it.
        heard = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            files = pool.map(_make, *zip(*jobs, strict=True))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, heard)
        yield files
    finally:
        pool.shutdown(cancel_futures=True)


_renderers: list[Renderer] = []


def _begin(renderer: Renderer) -> None:
    """Be ready to make pages, until the first process is done or gone."""
    Thread(target=_end_with_the_first, daemon=True).start()
    _renderers.append(renderer)


def _end_with_the_first() -> None:
    first = parent_process()
    assert first is not None
    connection.wait([first.sentinel])
    os._exit(1)


def _make(make: Callable[[Renderer, Sequence[int]], Files], numbers: Sequence[int]) -> Files:
    return make(_renderers[0], numbers)
