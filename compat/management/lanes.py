"""What the ``tasks`` process does, in lanes that never wait for each other.

Webhooks are sent in one lane, single models fetched in another, what asks the Hub for long goes on in a third, and what
needs no network in a fourth. Beside them the schedules are looked at, and what killed processes left is taken up again.
"""

from __future__ import annotations

import logging
import os
import shlex
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from io import StringIO

from django.core.management import CommandError, call_command
from django.db import DatabaseError, close_old_connections, connections
from django.utils import timezone
from django_tasks_db.management.commands.db_worker import Worker
from django_tasks_db.models import DBTaskResult
from django_tasks_db.utils import exclusive_transaction

from compat.ingest import jobs
from compat.ingest.lease import RENEWED_EVERY, has_died, this_process
from compat.models import Job
from compat.models.job import COMMANDS

log = logging.getLogger(__name__)

LANES: tuple[tuple[str, ...], ...] = (
    ("webhooks", "default"),
    ("fetches", "fetches"),
    ("hub", "sync", "refresh"),
    ("here", "judge", "housekeeping", "backup"),
)
"""A name, and the queue of tasks or the kinds of jobs that are done there, one at a time."""
TASK_LOST = timedelta(minutes=15)
"""A task that goes on for so long was lost with its process: all of them are bounded, to a few minutes."""
GRACE = 10.0
"""Seconds that a lane has to end what it is at when the process is asked to; a job that takes longer goes on later."""


@dataclass(slots=True)
class Lanes:
    """The lanes of one process."""

    interval: float = 1.0
    _stopping: threading.Event = field(default_factory=threading.Event)
    _held: dict[str, int] = field(default_factory=dict)

    def stop(self) -> None:
        """Take nothing more."""
        self._stopping.set()

    def work_off(self) -> int:
        """Do what is due, one after the other, until nothing is. Returns how much that was."""
        done = 0
        self._look_after()
        steps = [self._step(*lane) for lane in LANES]
        while not self._stopping.is_set() and (now := sum(step() for step in steps)):
            done += now
            self._look_after()
        return done

    def run(self) -> None:
        """Work until it is stopped. What is not ended ``GRACE`` seconds after that, others go on with."""
        threads = [
            threading.Thread(target=self._lane, args=(self._step(*lane),), name=lane[0], daemon=True) for lane in LANES
        ]
        for thread in threads:
            thread.start()
        renewed = looked = 0.0
        while not self._stopping.wait(self.interval):
            close_old_connections()
            now = time.monotonic()
            with suppress(DatabaseError):
                if now >= renewed + RENEWED_EVERY / 2:
                    jobs.renew(list(self._held.values()))
                    renewed = now
                if now >= looked + max(self.interval, 5.0):
                    self._look_after()
                    looked = now
        end = time.monotonic() + GRACE
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
        if any(thread.is_alive() for thread in threads):
            with suppress(DatabaseError):
                jobs.give_back(list(self._held.values()))
            logging.shutdown()
            os._exit(0)

    def _look_after(self) -> None:
        jobs.want_what_is_due()
        jobs.give_up_lost()
        take_up_lost_tasks()

    def _lane(self, step: Callable[[], bool]) -> None:
        try:
            while not self._stopping.is_set():
                close_old_connections()
                try:
                    done = step()
                except DatabaseError as error:
                    log.warning("the database did not take it; trying again: %s", error)
                    done = False
                if not done:
                    self._stopping.wait(self.interval)
        finally:
            connections.close_all()

    def _step(self, name: str, *what: str) -> Callable[[], bool]:
        """A function that does the next thing of a lane; whether there was one."""
        if name in ("webhooks", "fetches"):
            return lambda: do_task(what[0])
        return lambda: self._do_job(name, what)

    def _do_job(self, lane: str, kinds: tuple[str, ...]) -> bool:
        job = jobs.take(kinds)
        if job is None:
            return False
        self._held[lane] = job.pk
        try:
            do_job(job)
        finally:
            del self._held[lane]
        return True


def do_job(job: Job) -> None:
    """Do a job that was taken: its command, in this process."""
    log.info("%s %s: attempt %s", job.kind, job.options, job.attempts)
    error = ""
    with jobs.working_at(job):
        try:
            call_command(COMMANDS[job.kind], *shlex.split(job.options), verbosity=0, stdout=StringIO())
        except CommandError as problem:
            error = str(problem)
        except Exception as problem:
            log.exception("%s %s failed", job.kind, job.options)
            error = jobs.words_of(problem)
    if job.state == "running":
        jobs.finish(job, error)
    log.info("%s %s: %s%s", job.kind, job.options, job.state, f", {job.error}" if job.error else "")


def do_task(queue: str) -> bool:
    """Do the next task of a queue; whether there was one."""
    tasks = DBTaskResult.objects.ready().filter(queue_name=queue)
    if not tasks.exists():
        return False
    with exclusive_transaction(tasks.db):
        task = tasks.get_locked()
        if task is None:
            return False
        task.claim(this_process())
    _worker(queue).run_task(task)
    return True


def _worker(queue: str) -> Worker:
    """The library's worker for one task: how its end is noted is the library's affair."""
    return Worker(
        queue_names=[queue],
        interval=0,
        batch=True,
        backend_name="default",
        startup_delay=False,
        max_tasks=None,
        worker_id=this_process(),
        excluded_queue_names=[],
    )


def take_up_lost_tasks() -> None:
    """Have tasks done again whose process was killed: each can be repeated without harm."""
    old = timezone.now() - TASK_LOST
    for task in DBTaskResult.objects.running():
        worker = next(reversed(task.worker_ids), "")
        if has_died(worker) or (task.started_at and task.started_at < old):
            DBTaskResult.objects.filter(pk=task.pk, status=task.status).update(status="READY", started_at=None)
