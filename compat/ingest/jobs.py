"""Work that takes long: wanted, taken by one process at a time, noted while it goes on, and tried again if it fails.

What is wanted is a row, written in the transaction of what caused it (:func:`want`). The ``tasks`` process takes it
(:func:`take`), says every few seconds that it lives (:func:`renew`), and notes what came of it (:func:`finish`). A job
whose process died is taken again, as all of this work can be repeated without harm. A command that somebody runs is
noted in the same way, but is nobody's to run again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar, Token
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from compat.ingest.changes import run_finished
from compat.ingest.clock import CLOCKS_DIFFER_BY
from compat.ingest.lease import LASTS, has_died, holds, this_process
from compat.models import Job, Schedule

PAUSES = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))
"""After each failed attempt but the last."""
MOST_ATTEMPTS = len(PAUSES) + 1
LOST_AFTER = timedelta(days=1)
"""A command that gave no sign for so long counts as failed; should it end after all, it is what it then says."""
SIGN_EVERY = 2.0
"""Seconds between two signs of how far a job is."""
KEPT = timedelta(days=90)
"""How long what came of a job is kept."""
FILLING = ("sync", "load")
"""Kinds that bring records, whose end the changes' listeners are told of."""
KILLED = "Its process was killed; what it had done until then is kept."

_taken: ContextVar[Job | None] = ContextVar("taken", default=None)
"""The job that this process took: what is begun is this one."""
_current: ContextVar[Job | None] = ContextVar("job", default=None)
"""The job that was begun last, on which is noted how far it is."""


# --- wanted --------------------------------------------------------------------------------------------------------


def want(kind: str, options: str = "", *, why: str = "", schedule: Schedule | None = None) -> Job:
    """Have a job done as soon as may be; in the transaction of what makes it needed. One that waits already is enough.

    One that is being done is not: it may have passed what changed since.
    """
    now = timezone.now()
    job, new = Job.objects.get_or_create(
        kind=kind,
        options=options,
        state="waiting",
        defaults={
            "source": why[:300],
            "schedule": schedule,
            "wanted": now,
            "due": now,
            "most_attempts": MOST_ATTEMPTS,
        },
    )
    if not new and job.due and job.due > now:
        Job.objects.filter(pk=job.pk, state="waiting").update(due=now, attempts=0)
    return job


def want_what_is_due() -> None:
    """Want what the schedules say; each time once, however many processes look."""
    now = timezone.now()
    due = Schedule.objects.filter(active=True, due__lte=now)
    if not due.exists():
        return
    with transaction.atomic():
        for schedule in due.select_for_update(skip_locked=_can_skip()):
            want(schedule.kind, schedule.options, why="as scheduled", schedule=schedule)
            Schedule.objects.filter(pk=schedule.pk).update(due=schedule.after(now))


def _can_skip() -> bool:
    return connection.features.has_select_for_update_skip_locked


# --- taken ---------------------------------------------------------------------------------------------------------


def take(kinds: Collection[str]) -> Job | None:
    """Take the next job of some kinds for this process: the one that is due for longest, and has no twin at work."""
    now = timezone.now()
    at_work = Job.objects.filter(kind=OuterRef("kind"), options=OuterRef("options"), state="running")
    # None waits longer than for its last attempt: what is due later was noted before the clock was set back.
    is_due = Q(due__lte=now) | Q(due__gt=now + max(PAUSES) + CLOCKS_DIFFER_BY)
    waiting = Job.objects.filter(is_due, kind__in=kinds, state="waiting").exclude(Exists(at_work))
    if not waiting.exists():
        return None
    with transaction.atomic():
        job = waiting.select_for_update(skip_locked=_can_skip()).order_by("due", "pk").first()
        if job is None:
            return None
        job.state, job.started, job.heard, job.finished = "running", now, now, None
        job.holder, job.held_until, job.attempts = this_process(), now + LASTS, job.attempts + 1
        job.stage, job.doing, job.done, job.total, job.stage_began = "", "", 0, None, None
        job.save()
    return job


def renew(held: Collection[int]) -> None:
    """Say that this process is still at some jobs."""
    if held:
        mine = Job.objects.filter(pk__in=held, state="running", holder=this_process())
        mine.update(held_until=timezone.now() + LASTS)


def give_back(held: Collection[int]) -> None:
    """Let others go on with what this process is at, as it is asked to end."""
    now = timezone.now()
    mine = Job.objects.filter(pk__in=held, state="running", holder=this_process())
    waits = Job.objects.filter(kind=OuterRef("kind"), options=OuterRef("options"), state="waiting")
    mine.filter(Exists(waits)).update(state="failed", finished=now, error="It was stopped; the next one waits.")
    mine.update(state="waiting", due=now, holder="", held_until=None, attempts=F("attempts") - 1)


def give_up_lost(dead: str = "") -> None:
    """Jobs whose process was killed cannot note so themselves: others notice it, and such as waited before wait again.

    ``dead`` is a process that is known to be none any more.
    """
    for job in Job.objects.filter(state="running"):
        if job.holder == this_process():
            continue
        killed = bool(job.holder) and (job.holder == dead or has_died(job.holder))
        if killed or _is_silent(job):
            sign = "" if killed or job.held_until else " It gave no sign for a day."
            finish(job, KILLED + sign, lost=True)


def _is_silent(job: Job) -> bool:
    now = timezone.now()
    if job.held_until is not None:
        return not holds(job, now)
    return (job.heard or job.wanted) <= now - LOST_AFTER


# --- going on ------------------------------------------------------------------------------------------------------


def begin(kind: str, source: str = "", *, dead: str = "", **more: Any) -> Job:
    """The job that this process does from here: the one that it took, else a new one for a command that somebody runs.

    Only what begins is noted here; :func:`finish` ends it. What killed processes left is noted as well, ``dead`` with
    them: a command that is run again may be all that ever looks.
    """
    give_up_lost(dead)
    now = timezone.now()
    job = _taken.get()
    if job is not None and job.state == "running":
        _current.set(job)
        for name, value in {"source": source[:300] or job.source, **more}.items():
            setattr(job, name, value)
        job.heard = now
        job.save(update_fields=["source", "heard", *more])
        return job
    job = Job.objects.create(
        kind=kind, source=source[:300], wanted=now, started=now, heard=now, holder=this_process(), attempts=1, **more
    )
    _current.set(job)
    return job


@contextmanager
def working_at(job: Job) -> Iterator[None]:
    """What is begun inside is this job, which was taken before."""
    token: Token[Job | None] = _taken.set(job)
    try:
        yield
    finally:
        _taken.reset(token)


@contextmanager
def noted(kind: str, source: str = "") -> Iterator[Job]:
    """Work that is noted from here to its end; as a part of the job that this process took, if there is one.

    What cannot be raised as an exception is told as its ``error``.
    """
    job = begin(kind, source)
    if job is _taken.get():
        yield job
        return
    error = "It was stopped."
    try:
        yield job
        error = job.error
    except Exception as problem:
        error = words_of(problem)
        raise
    finally:
        finish(job, error)


def words_of(problem: BaseException) -> str:
    """What went wrong, for people."""
    return f"{type(problem).__name__}: {problem}"[:2000]


@contextmanager
def stage(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A function to call with how much more of a part of this process's job is done; without a job it notes nothing."""
    job = _current.get()
    if job is None or job.state != "running":
        yield lambda more: None
        return
    begin_stage(job, what, total)
    _note(job)

    def advance(more: int) -> None:
        job.done += more
        note_now_and_then(job)

    yield advance
    _note(job)


def begin_stage(job: Job, what: str, total: int | None) -> None:
    """A part of a job begins, of so many things if that is known; noted with the next sign."""
    job.stage, job.total, job.done, job.stage_began = what[:100], total, 0, timezone.now()


def note_now_and_then(job: Job) -> None:
    """Note how far a job is, unless that was noted a moment ago."""
    if (timezone.now() - (job.heard or job.wanted)).total_seconds() >= SIGN_EVERY:
        _note(job)


def _note(job: Job) -> None:
    # On a busy database the next sign tells the same; a transaction that goes on has to fail as a whole.
    with nullcontext() if connection.in_atomic_block else suppress(DatabaseError):
        save_sign(job)


def save_sign(job: Job, *more: str) -> None:
    """Note that a job goes on, how far it is, and ``more`` of its columns."""
    job.heard = timezone.now()
    columns = ["heard", "doing", "stage", "stage_began", "done", "total", *more]
    kept = {name: getattr(job, name) for name in columns}
    Job.objects.filter(pk=job.pk, state="running", holder=job.holder).update(**kept)


# --- over ----------------------------------------------------------------------------------------------------------


def finish(job: Job, error: str = "", *, lost: bool = False) -> None:
    """Note what came of an attempt. One that failed is made again after a while, unless it was the last.

    ``lost`` says that its process was killed: then it is made again at once. What another process has taken meanwhile
    is left to that one.
    """
    now = timezone.now()
    before = Job.objects.filter(pk=job.pk, holder=job.holder)
    job.error, job.doing, job.heard = error, "", job.heard if lost else now
    again = bool(error) and job.attempts < job.most_attempts and not _waits(job)
    if again:
        pause = timedelta(0) if lost else PAUSES[min(job.attempts, len(PAUSES)) - 1]
        job.state, job.due = "waiting", now + pause
    else:
        job.state, job.finished = "failed" if error else "done", now
    kept = {name: getattr(job, name) for name in _ENDED}
    with transaction.atomic():
        if before.update(**kept, holder="" if again else job.holder, held_until=None) and job.kind in FILLING:
            run_finished.send(Job, run=job)
    if _current.get() is job:
        _current.set(None)


_ENDED = (
    *("state", "due", "finished", "error", "doing", "heard", "stage", "stage_began", "done", "total", "problems"),
    *("new", "changed", "unchanged", "rejected", "completed", "gone", "renamed"),
)


def _waits(job: Job) -> bool:
    """Whether the same is wanted again already."""
    return Job.objects.filter(kind=job.kind, options=job.options, state="waiting").exists()


def forget_old() -> int:
    """Drop what came of jobs long ago. Returns how many."""
    over = Job.objects.filter(Q(state="done") | Q(state="failed"), finished__lt=timezone.now() - KEPT)
    return over.delete()[0]


# --- schedules -----------------------------------------------------------------------------------------------------

SCHEDULED: tuple[tuple[str, str, int, bool], ...] = (
    ("housekeeping", "", 24, True),
    ("judge", "", 6, True),
    ("sync", "--limit 1000", 6, False),
    ("refresh", "--limit 200", 24, False),
    ("backup", "--keep 7", 24, False),
)
"""What a new site has: kind, options, hours between, and whether it is on."""


def ensure_schedules() -> None:
    """Have a schedule for each kind of work; what an operator changed stays, and what was deleted is off."""
    there = set(Schedule.objects.values_list("kind", flat=True))
    first = timezone.now() + timedelta(hours=1)
    Schedule.objects.bulk_create(
        [
            Schedule(kind=kind, options=options, every=every, active=active, due=first)
            for kind, options, every, active in SCHEDULED
            if kind not in there
        ],
        ignore_conflicts=True,
    )


def run_now(schedule: Schedule) -> None:
    """Want what a schedule says at once, beside its times."""
    want(schedule.kind, schedule.options, why="asked for in the admin", schedule=schedule)
