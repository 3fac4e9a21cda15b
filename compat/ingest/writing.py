"""Rows of parsed records: columns to browse by, fact sheets, variants, languages and relations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from compat.batches import BATCH, batched
from compat.extraction.columns import Parts
from compat.hub.documents import kept_record
from compat.hub.payloads import ParsedRecord
from compat.ingest.changes import records_written
from compat.ingest.judging import ensure_sheets
from compat.ingest.listed import NOTHING, Ahead
from compat.models import (
    ModelRecord,
    RecordLanguage,
    RecordRelation,
    RecordTags,
    RecordVariant,
    keys_of,
    payloads_of,
)
from compat.models.composed import ComposedQuery
from compat.models.lineage import ReadRecord, read_with_relatives, waiting_for
from compat.models.written import Row, write_rows

NEVER: Mapping[str, datetime] = MappingProxyType({})


def write_records(
    batch: Sequence[ParsedRecord],
    origin: str,
    now: datetime,
    *,
    fetched: Mapping[str, datetime] = NEVER,
    columns: Sequence[str] | None = None,
    ahead: Ahead = NOTHING,
) -> None:
    """Write records, new and known, inside the caller's transaction, and what their relatives learn of them.

    ``fetched`` says of which the Hub told something, and when it was asked last; the others are of the given origin.
    With ``columns`` the records are known ones, read from what is kept: of each only these columns and its parts.
    ``ahead`` is what was worked out of them before.
    """
    with records_written.around([parsed.id for parsed in batch]):
        read = read_with_relatives(batch, ahead.read)
        known = _write(read, origin, now, fetched, columns, ahead)
    read_again(waiting_for(read, known), now)


def concerned_by(repo_ids: Iterable[str]) -> set[int]:
    """The keys of the records that some stored ones told something, or may tell it. A few queries for each ``BATCH``.

    Asked before records go or change their names, they are to be read again after it: :func:`read_again`.
    """
    found: set[int] = set()
    for some in batched(repo_ids, BATCH):
        keys = keys_of(some)
        told = read_with_relatives([kept_record(payload) for payload in payloads_of(keys.values()).values()])
        found.update(waiting_for(told, keys))
    return found


def read_again(keys: Iterable[int], now: datetime) -> None:
    """Read what is kept of some records again, of those that are still there, and write those that it changed.

    Inside the caller's transaction.
    """
    for some in batched(sorted(keys), BATCH):
        _read_relatives_again(some, now)


def _read_relatives_again(keys: Sequence[int], now: datetime) -> None:
    """Read stored records again of which a relative has arrived, changed or gone, and write those that it changed."""
    read = read_with_relatives([kept_record(payload) for payload in payloads_of(keys).values()])
    stored = {row[0]: row[1:] for row in _STORED.rows(keys)}
    learned = [one for one in read if _heard(one.parts, one) != stored[one.parsed.id]]
    if learned:
        with records_written.around([one.parsed.id for one in learned]):
            _write(learned, "file", now, NEVER, READ_COLUMNS)


_HEARD = (
    "repo_id",
    "shape_facts",
    "parameters",
    "parameters_from",
    "architecture",
    "architecture_from",
    "sheet__facts",
)
_STORED = ComposedQuery(lambda keys: ModelRecord.objects.filter(pk__in=keys).order_by().values_list(*_HEARD))


def _heard(parts: Parts, read: ReadRecord) -> tuple[object, ...]:
    """What relatives may change of a record, as :data:`_HEARD` has it stored."""
    return (*(parts.columns[name] for name in _HEARD[1:-1]), [facts.as_json() for facts in read.judged()])


def _write(
    read: Sequence[ReadRecord],
    origin: str,
    now: datetime,
    fetched: Mapping[str, datetime],
    columns: Sequence[str] | None,
    ahead: Ahead = NOTHING,
) -> Mapping[str, int]:
    """Write records; returns the keys of those that were there before."""
    parts = [one.parts for one in read]
    sheets = ensure_sheets({part.sheet: one.judged for part, one in zip(parts, read, strict=True)}, ahead)
    known = keys_of([one.parsed.id for one in read])
    rows = [_row(part, sheets[part.sheet], origin, now, fetched.get(part.columns["repo_id"])) for part in parts]
    write_rows(ModelRecord, rows, unique_fields=["repo_id"], update_fields=columns or _RECORD_COLUMNS)
    new = [row["repo_id"] for row in rows if row["repo_id"] not in known]
    _drop_parts(list(known.values()))
    ids = known | keys_of(new) if new else known
    _write_parts([(ids[part.columns["repo_id"]], part) for part in parts])
    return known


def _row(parts: Parts, sheet_id: int, origin: str, now: datetime, fetched: datetime | None) -> Row:
    return {
        **parts.columns,
        "origin": "hub" if fetched else origin,
        "as_of": max(parts.columns["as_of"], fetched.date().isoformat() if fetched else ""),
        "fetched": fetched,
        "updated": now,
        "sheet_id": sheet_id,
    }


def _drop_parts(records: Sequence[int]) -> None:
    """Variants, languages, relations and tags are few and small: written anew where a record changed."""
    if records:
        for model in (RecordVariant, RecordLanguage, RecordRelation, RecordTags):
            model._default_manager.filter(record_id__in=records).delete()  # noqa: SLF001 - documented as public


def _write_parts(parts: Sequence[tuple[int, Parts]]) -> None:
    write_rows(
        RecordRelation,
        [{"record_id": pk, "base": base, "kind": kind} for pk, part in parts for base, kind in part.relations],
    )
    write_rows(RecordVariant, [{"record_id": pk, **variant} for pk, part in parts for variant in part.variants])
    write_rows(RecordLanguage, [{"record_id": pk, "code": code} for pk, part in parts for code in part.languages])
    write_rows(RecordTags, [{"record_id": pk, "lines": part.tags} for pk, part in parts if part.tags])


_RECORD_COLUMNS = [
    column.name
    for column in ModelRecord._meta.concrete_fields  # noqa: SLF001 - documented by Django as public
    if column.name not in ("id", "repo_id")
]
READ_COLUMNS = [name for name in _RECORD_COLUMNS if name not in ("origin", "as_of", "fetched", "updated")]
