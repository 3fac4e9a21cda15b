"""Storing parsed records batch by batch: they are extracted, judged and written.

Storing is idempotent: what is already there, unchanged, is left alone. A batch is one transaction, so that an
interrupted run leaves whole batches behind it and can simply be started again.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone

from compat.batches import BATCH
from compat.hub.errors import HubBadPayload
from compat.hub.payloads import ParsedRecord, parse_record
from compat.ingest.changes import raise_catalogue_version
from compat.ingest.reading import inherit_from_base_models
from compat.ingest.writing import newest_date_of, write_records
from compat.models import ModelRecord

_MAX_PROBLEMS = 50


@dataclass(slots=True)
class Counts:
    """What came of storing records. ``older`` were left alone because the catalogue has newer facts, or its own."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    older: int = 0
    rejected: int = 0
    problems: list[str] = field(default_factory=list)

    def reject(self, where: str, reason: object) -> None:
        """Count a bad record; the first reasons are kept in words."""
        self.rejected += 1
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(f"{where}: {reason}")

    @property
    def total(self) -> int:
        """All records seen."""
        return self.new + self.changed + self.unchanged + self.older + self.rejected

    def add(self, other: Counts) -> None:
        """Add another batch's counts."""
        for name in ("new", "changed", "unchanged", "older", "rejected"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.problems.extend(other.problems[: _MAX_PROBLEMS - len(self.problems)])


def store_raw(
    items: Iterable[tuple[str, Any]],
    *,
    origin: str,
    progress: Callable[[int], None] | None = None,
    without: Container[str] = (),
) -> Counts:
    """Store records from (where, JSON text or mapping) pairs, batch by batch; bad ones are counted and skipped.

    Repositories in ``without`` are left out in silence.
    """
    counts = Counts()
    batch: list[ParsedRecord] = []

    def flush() -> None:
        counts.add(store_parsed(batch, origin=origin))
        batch.clear()

    for where, item in items:
        try:
            if isinstance(item, HubBadPayload):
                raise item
            parsed = parse_record(item)
            if parsed.model.id not in without:
                batch.append(parsed)
        except HubBadPayload as error:
            counts.reject(where, error)
        if len(batch) >= BATCH:
            flush()
        if progress:
            progress(1)
    flush()
    # Even where nothing is new: a run that was killed just before this left it undone.
    inherit_from_base_models()
    return counts


def store_parsed(batch: Sequence[ParsedRecord], *, origin: str) -> Counts:
    """Store one batch in one transaction. Of two records with one id, the later one counts."""
    counts = Counts()
    # Rows are written in one order, whatever the file's, so that two writers cannot wait for each other in a circle.
    latest = {parsed.model.id: parsed for parsed in sorted(batch, key=lambda parsed: parsed.model.id)}
    if not latest:
        return counts
    now = timezone.now()
    with transaction.atomic():
        known = {
            row["repo_id"]: row
            for row in ModelRecord.objects.filter(repo_id__in=latest).values("repo_id", "digest", "origin", "fetched")
        }
        writing: list[ParsedRecord] = []
        for repo_id, parsed in latest.items():
            row = known.get(repo_id)
            if row and row["digest"] == parsed.digest:
                counts.unchanged += 1
            elif row and _is_better(row, parsed, origin):
                counts.older += 1
            else:
                writing.append(parsed)
                counts.changed += bool(row)
                counts.new += not row
        if origin == "hub":
            ModelRecord.objects.filter(repo_id__in=latest).update(
                fetched=now, origin="hub", as_of=now.date().isoformat()
            )
        if writing:
            write_records(writing, origin, now)
            raise_catalogue_version(now)
    return counts


def _is_better(row: Mapping[str, Any], parsed: ParsedRecord, origin: str) -> bool:
    """Whether what the catalogue has is kept: always where the Hub or a file told it and the bundled snapshot comes.

    A file must tell of a day after the one on which this site asked the Hub itself. Of the same day, or of a month or
    year that is told without one, nobody can say which came first.
    """
    if origin == "hub":
        return False
    if origin == "snapshot" and row["origin"] != "snapshot":
        return True
    fetched, as_of = row["fetched"], newest_date_of(parsed)
    return fetched is not None and bool(as_of) and as_of <= fetched.date().isoformat()
