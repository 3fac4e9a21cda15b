"""Runs that fill the catalogue, noted with what came of them."""

from __future__ import annotations

from compat.ingest import jobs
from compat.ingest.changes import run_started
from compat.ingest.store import Counts
from compat.models import Catalogue, HubSelection, Job


def start_run(source: str, origin: str, *, selection: HubSelection | None = None, dead: str = "") -> Job:
    """Note that a filling of the catalogue has begun; ``dead`` is the process that was at the same selection before."""
    run = jobs.begin("sync" if origin == "hub" else "load", source, dead=dead, origin=origin, selection=selection)
    run_started.send(Job, run=run)
    return run


def note_sign(run: Job, counts: Counts) -> None:
    """Note that a run goes on, and how far it came."""
    _count(run, counts)
    jobs.save_sign(run, *_COUNTED)


_COUNTED = ("new", "changed", "unchanged", "rejected", "completed", "gone", "renamed")


def _count(run: Job, counts: Counts) -> None:
    for name in _COUNTED:
        setattr(run, name, getattr(counts, name))
    run.unchanged += counts.older


def finish_run(run: Job, counts: Counts, error: str = "") -> None:
    """Note what came of it."""
    _count(run, counts)
    run.problems = counts.problems
    jobs.finish(run, error)


def begin_filling() -> None:
    """Note that the catalogue is incomplete until :func:`end_filling`, whatever happens meanwhile."""
    Catalogue.objects.update_or_create(pk=1, defaults={"filling": True})


def end_filling() -> None:
    """Note that the catalogue is complete. Called last, in one transaction with whatever is still to be done."""
    Catalogue.objects.filter(pk=1).update(filling=False)
