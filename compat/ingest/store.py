"""Storing what was told of records, batch by batch: documents are kept, and what they make together is written.

Storing is idempotent: what is already there, unchanged, is left alone. A batch is one transaction, so that an
interrupted run leaves whole batches behind it and can simply be started again. In which order answers of the Hub arrive
does not matter, as an older one never takes the place of a newer one of its kind.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone

from compat.batches import BATCH
from compat.extraction.columns import newest_date_of
from compat.hub.documents import Document, Kind, Packed, Told, kept_record, merged, packed, told
from compat.hub.errors import HubBadPayload
from compat.hub.payloads import ParsedRecord
from compat.ingest.changes import lock_records, raise_catalogue_version
from compat.ingest.clock import lies_ahead
from compat.ingest.listed import NOTHING, Ahead
from compat.ingest.writing import write_records
from compat.models import (
    FormerName,
    ModelRecord,
    RecordDocument,
    current_names,
    keys_of,
    read_documents,
    records_in_any_case,
)
from compat.models.written import write_rows

_MAX_PROBLEMS = 50


@dataclass(slots=True)
class Counts:
    """What came of storing records. ``older`` were left alone because the catalogue has newer facts, or its own.

    Of so many models ``headers`` of weight files were read for it, and of so many ``completed`` more than the list.
    ``gone`` and ``renamed`` count repositories that the Hub has no more, or under another name.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    older: int = 0
    rejected: int = 0
    headers: int = 0
    completed: int = 0
    gone: int = 0
    renamed: int = 0
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
        for name in _COUNTED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.problems.extend(other.problems[: _MAX_PROBLEMS - len(self.problems)])


_COUNTED = ("new", "changed", "unchanged", "older", "rejected", "headers", "completed", "gone", "renamed")


def store_raw(
    items: Iterable[tuple[str, Any]],
    *,
    origin: str,
    progress: Callable[[int], None] | None = None,
    without: Container[str] = (),
) -> Counts:
    """Store what is told, batch by batch, from pairs of where and what; bad ones are counted and skipped.

    What is told is a :class:`~compat.hub.documents.Told`, or a whole record as JSON text or mapping: a line of a file,
    or with the origin "hub" a model's own answer. Repositories in ``without`` are left out in silence.
    """
    counts = Counts()
    batch: list[Told] = []
    now = timezone.now()

    def flush() -> None:
        counts.add(store_told(batch, origin=origin))
        batch.clear()

    for where, item in items:
        try:
            if isinstance(item, HubBadPayload):
                raise item
            whole = item if isinstance(item, Told) else told_whole(item, origin, now)
            if whole.record.id not in without:
                batch.append(whole)
        except HubBadPayload as error:
            counts.reject(where, error)
        if len(batch) >= BATCH:
            flush()
        if progress:
            progress(1)
    flush()
    return counts


def told_whole(record: Any, origin: str, now: datetime) -> Told:
    """A whole record as one document. Raises :class:`~compat.hub.errors.HubBadPayload`."""
    if origin == "hub":
        return told(Kind.DETAIL, record, now)
    found = told(Kind.FILE, record, now)
    return replace(found, documents=tuple(replace(one, read=_date_of(found, now)) for one in found.documents))


def _date_of(told: Told, now: datetime) -> datetime:
    """How new a file's record is: the beginning of the newest day, month or year that it names, else now."""
    date = newest_date_of(told.record.model)
    try:
        return min(datetime.fromisoformat(date + "-01-01T00:00Z"[len(date) - 4 :]), now) if date else now
    except ValueError:
        return now


def store_told(batch: Sequence[Told], *, origin: str, ahead: Ahead = NOTHING) -> Counts:
    """Store one batch in one transaction. Of two that tell of one repository, the later one counts.

    The Hub takes an id in any case, so ids that differ by that alone are one repository: it keeps the spelling that it
    has here until the Hub itself spells it in another way. The bundled snapshot leaves alone what the Hub or a file of
    somebody's own told: it knows less of each model. ``ahead`` is what was worked out of the batch's records before.
    """
    counts = Counts()
    # Rows are written in one order, whatever the batch's, so that two writers cannot wait for each other in a circle.
    latest = {_key(told): told for told in sorted(batch, key=_key)}
    if not latest:
        return counts
    now = timezone.now()
    with transaction.atomic():
        lock_records()
        _settle_former_names(latest, origin)
        known = _known(latest)
        latest = {key: _spelled(told, known.get(key), origin) for key, told in latest.items()}
        spared = {key for key, record in known.items() if origin == "snapshot" != record.origin}
        changes = [_change(told, known.get(key)) for key, told in latest.items() if key not in spared]
        writing = [change for change in changes if change.is_new]
        rest = [change for change in changes if not change.is_new]
        if writing:
            fetched = {change.record.id: change.fetched for change in writing if change.fetched}
            write_records([change.record for change in writing], origin, now, fetched=fetched, ahead=ahead)
            raise_catalogue_version(now)
        _keep_documents(changes)
        _note_when_asked(rest)
    counts.new = sum(change.known is None for change in writing)
    counts.changed = len(writing) - counts.new
    same = {key for key, record in known.items() if record.digest == latest[key].record.digest}
    overruled = spared | {change.record.id.lower() for change in rest if change.written and origin != "hub"}
    counts.older = len(overruled - same)
    counts.unchanged = len(latest) - len(writing) - counts.older
    return counts


def _settle_former_names(latest: dict[str, Told], origin: str) -> None:
    """A name that the Hub uses again is nobody's former one; what a file tells of one is of the record that had it."""
    former = current_names(latest)
    if origin == "hub":
        if former:
            FormerName.objects.filter(lowered__in=list(former)).delete()
        return
    for key, repo_id in former.items():
        told = latest.pop(key)
        latest.setdefault(repo_id.lower(), _under(repo_id, told))


def _under(repo_id: str, told: Told) -> Told:
    return replace(told, record=kept_record({**told.record.payload, "id": repo_id}))


def _key(told: Told) -> str:
    return told.record.id.lower()


def _known(latest: Mapping[str, Told]) -> dict[str, ModelRecord]:
    """The records of the repositories, by their ids in lower case; of two, the one of the very id that was told."""
    found: dict[str, ModelRecord] = {}
    for record in records_in_any_case(latest):
        key = record.repo_id.lower()
        if key not in found or record.repo_id == latest[key].record.id:
            found[key] = record
    read_documents(list(found.values()))
    return found


def _spelled(told: Told, known: ModelRecord | None, origin: str) -> Told:
    """What was told, under the id that the record has; a record takes the Hub's own spelling."""
    repo_id = told.record.id
    if known is None or known.repo_id == repo_id:
        return told
    if origin == "hub":
        ModelRecord.objects.filter(pk=known.pk).update(repo_id=repo_id)
        known.repo_id = repo_id
        return told
    return _under(known.repo_id, told)


class _Written(NamedTuple):
    """A document as it is kept."""

    kind: Kind
    sha: str
    read: datetime
    data: bytes


@dataclass(frozen=True, slots=True)
class _Change:
    """What becomes of one record: what all its documents make together, and what is new of them.

    ``written`` are documents that tell something new, ``seen`` those that only were read again, ``dropped`` those of no
    use any more. ``fetched`` is when the Hub was asked last.
    """

    record: ParsedRecord
    known: ModelRecord | None
    written: list[_Written]
    seen: list[RecordDocument]
    dropped: list[int]
    fetched: datetime | None

    @property
    def is_new(self) -> bool:
        """Whether all together they tell something else than before."""
        return self.known is None or self.known.digest != self.record.digest


def _change(told: Told, known: ModelRecord | None) -> _Change:
    kept = {row.kind: row for row in known.kept_documents} if known else {}
    sha, read = told.documents[0].sha, told.documents[0].read
    ahead = [row for row in kept.values() if lies_ahead(row.read)]
    for mistaken in ahead:
        # The clock was set back since: what is told now is newer.
        mistaken.read = read - timedelta(microseconds=1)
    useless = [row.pk for row in kept.values() if told.whole and row.sha not in ("", sha) and row.read <= read]
    if told.documents[0].kind in (Kind.DETAIL, Kind.LIST):
        useless += [row.pk for kind, row in kept.items() if kind == Kind.REFUSAL and row.read <= read]
    documents = {kind: row.document for kind, row in kept.items() if row.pk not in useless}
    written: list[_Written] = []
    seen = [row for row in ahead if row.pk not in useless]
    for one in told.documents:
        row = kept.get(one.kind)
        if row and one.kind is not Kind.FILE and one.read < row.read:
            continue
        documents[one.kind] = one
        fresh = _Written(one.kind, one.sha, one.read, packed(one.data))
        if row is None or (row.sha, row.data) != (fresh.sha, fresh.data):
            written.append(fresh)
        elif row.read != fresh.read:
            row.read = fresh.read
            seen.append(row)
    return _Change(
        record=_together(told, documents.values()),
        known=known,
        written=written,
        seen=[row for row in seen if all(row.kind != fresh.kind for fresh in written)],
        dropped=useless,
        fetched=max((one.read for one in documents.values() if one.kind is not Kind.FILE), default=None),
    )


def _together(told: Told, documents: Collection[Document]) -> ParsedRecord:
    """The record that all documents make, which is what was told where they are nothing but that."""
    first = told.documents[0]
    if isinstance(first.data, Packed) and all(one is first for one in documents):
        return told.record
    payload = merged(told.record.id, documents)
    return told.record if payload == told.record.payload else kept_record(payload)


def _keep_documents(changes: Sequence[_Change]) -> None:
    if dropped := [pk for change in changes for pk in change.dropped]:
        RecordDocument.objects.filter(pk__in=dropped).delete()
    new = [change.record.id for change in changes if change.known is None]
    ids = keys_of(new) if new else {}
    write_rows(
        RecordDocument,
        [
            {"record_id": change.known.pk if change.known else ids[change.record.id], **row._asdict()}
            for change in changes
            for row in change.written
        ],
        unique_fields=["record", "kind"],
        update_fields=["sha", "read", "data"],
    )
    seen = sorted((row for change in changes for row in change.seen), key=attrgetter("read"))
    for read, rows in groupby(seen, key=attrgetter("read")):
        RecordDocument.objects.filter(pk__in=[row.pk for row in rows]).update(read=read)


def _note_when_asked(changes: Iterable[_Change]) -> None:
    """The Hub was asked for some records again, and told nothing new."""
    asked = (change for change in changes if change.known and change.fetched and change.fetched != change.known.fetched)
    for fetched, same in groupby(sorted(asked, key=attrgetter("fetched")), key=attrgetter("fetched")):
        told = ModelRecord.objects.filter(pk__in=[change.known.pk for change in same if change.known])
        told.update(fetched=fetched, origin="hub", as_of=fetched.date().isoformat())
