"""Rows of parsed records: columns to browse by, fact sheets, variants, languages and relations."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from compat.batches import BATCH, batched
from compat.hub.documents import kept_record
from compat.hub.payloads import ParsedRecord
from compat.ingest.ahead import NOTHING, Ahead
from compat.ingest.changes import records_written
from compat.ingest.judging import ensure_sheets, formats_of
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
from compat.models.search import normalise_name
from compat.models.written import Row, write_rows

_YEAR = re.compile(r"\b(20\d\d(?:-\d\d){0,2})\b")
_MAX_DOWNLOADS = 2**38 - 1
_MAX_LIKES = 2**24 - 1
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
    with records_written.around([parsed.model.id for parsed in batch]):
        read = read_with_relatives(batch, ahead.read)
        _write(read, origin, now, fetched, columns, ahead)
    for keys in batched(waiting_for(read), BATCH):
        _read_relatives_again(keys, now)


def _read_relatives_again(keys: Sequence[int], now: datetime) -> None:
    """Read stored records again of which a relative has arrived or changed, and write those that learned from it."""
    read = read_with_relatives([kept_record(payload) for payload in payloads_of(keys).values()])
    stored = {row[0]: row[1:] for row in _STORED.rows(keys)}
    learned = [one for one in read if _heard(one) != stored[one.parsed.model.id]]
    if learned:
        with records_written.around([one.parsed.model.id for one in learned]):
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


def _heard(read: ReadRecord) -> tuple[object, ...]:
    """What relatives may change of a record, as :data:`_HEARD` has it stored."""
    found = read.extraction
    return (
        read.shape_facts,
        _storable(found.parameters.value),
        found.parameters.provenance,
        found.architecture.value or "",
        found.architecture.provenance,
        [facts.as_json() for facts in found.judged],
    )


def _write(
    read: Sequence[ReadRecord],
    origin: str,
    now: datetime,
    fetched: Mapping[str, datetime],
    columns: Sequence[str] | None,
    ahead: Ahead = NOTHING,
) -> None:
    sheets = ensure_sheets([one.extraction.judged for one in read], ahead)
    known = keys_of([one.parsed.model.id for one in read])
    rows = [
        _row(one, sheet, origin, now, fetched.get(one.parsed.model.id)) for one, sheet in zip(read, sheets, strict=True)
    ]
    write_rows(ModelRecord, rows, unique_fields=["repo_id"], update_fields=columns or _RECORD_COLUMNS)
    new = [row["repo_id"] for row in rows if row["repo_id"] not in known]
    _drop_parts(list(known.values()))
    _write_parts(read, known | keys_of(new) if new else known)


def _drop_parts(records: Sequence[int]) -> None:
    """Variants, languages, relations and tags are few and small: written anew where a record changed."""
    if records:
        for model in (RecordVariant, RecordLanguage, RecordRelation, RecordTags):
            model._default_manager.filter(record_id__in=records).delete()  # noqa: SLF001 - documented as public


def _write_parts(read: Sequence[ReadRecord], ids: Mapping[str, int]) -> None:
    write_rows(
        RecordRelation,
        [
            {"record_id": ids[one.parsed.model.id], "base": relation.repo_id, "kind": relation.kind}
            for one in read
            for relation in one.extraction.relations
        ],
    )
    write_rows(
        RecordVariant,
        [
            {
                "record_id": ids[one.parsed.model.id],
                "position": position,
                "key": variant.key[:1100],
                "label": variant.label[:300],
                "format": variant.facts.format or "",
                "quantization": (variant.facts.quantization or "")[:40],
                "size_bytes": _storable(variant.size_bytes),
                "bits": variant.bits,
                "tensors": variant.tensors.as_text() if variant.tensors else None,
                "files": list(variant.files),
                "missing_shards": variant.missing_shards,
            }
            for one in read
            for position, variant in enumerate(one.extraction.variants)
        ],
    )
    write_rows(
        RecordLanguage,
        [{"record_id": ids[one.parsed.model.id], "code": code} for one in read for code in one.extraction.languages],
    )
    tagged = {ids[one.parsed.model.id]: tags_of(one.parsed) for one in read}
    write_rows(
        RecordTags, [{"record_id": pk, "lines": RecordTags.lines_of(tags)} for pk, tags in tagged.items() if tags]
    )


def tags_of(parsed: ParsedRecord) -> list[str]:
    """What a record is tagged with, and the library that it is for: the Hub takes either for the other."""
    return [*(parsed.model.tags or ()), *filter(None, [parsed.model.library_name])]


def _row(read: ReadRecord, sheet_id: int, origin: str, now: datetime, fetched: datetime | None) -> Row:
    parsed, extraction, model = read.parsed, read.extraction, read.parsed.model
    return {
        "repo_id": model.id,
        "owner": model.owner,
        "name": model.name,
        "sha": (model.sha or "")[:64],
        "gated": _gate(model.gated),
        "disabled": bool(model.disabled),
        "gone": model.gone or "",
        "gone_since": model.departure.since if model.departure else None,
        "downloads": model.downloads,
        "likes": model.likes,
        "trending": model.trending_score,
        "popularity": popularity(model.downloads, model.likes),
        "created": model.created_at,
        "modified": model.last_modified,
        "task": extraction.task.value or "",
        "library": (model.library_name or "")[:60],
        "license": extraction.license or "",
        "family": extraction.family or "",
        "architecture": extraction.architecture.value or "",
        "architecture_from": extraction.architecture.provenance,
        "parameters": _storable(extraction.parameters.value),
        "parameters_from": extraction.parameters.provenance,
        "context": None if extraction.context.provenance.guessed else extraction.context.value,
        "formats": formats_of(extraction.judged),
        "shape_facts": read.shape_facts,
        "projector": bool(extraction.projectors),
        "projector_bytes": extraction.projector_bytes,
        "size_bytes": _storable(extraction.repository_size),
        "origin": "hub" if fetched else origin,
        "as_of": max(newest_date_of(parsed), fetched.date().isoformat() if fetched else ""),
        "fetched": fetched,
        "updated": now,
        "digest": parsed.digest,
        "search_text": f"{model.id.lower()} {normalise_name(model.name)}",
        "sheet_id": sheet_id,
    }


_RECORD_COLUMNS = [
    column.name
    for column in ModelRecord._meta.concrete_fields  # noqa: SLF001 - documented by Django as public
    if column.name not in ("id", "repo_id")
]
READ_COLUMNS = [name for name in _RECORD_COLUMNS if name not in ("origin", "as_of", "fetched", "updated")]


def _storable(number: int | None) -> int | None:
    """A number the database can hold; a sum beyond that says nothing true of any model."""
    return number if number is not None and number < 2**63 else None


def _gate(told: bool | str | None) -> str:
    """The record's gate. Older Hub answers say only that there is one: the stricter kind is taken."""
    if isinstance(told, str):
        return told
    return "" if told is None else "manual" if told else ModelRecord.OPEN


def popularity(downloads: int | None, likes: int | None) -> int:
    """Downloads in the high bits, likes in the low 24: one sortable number."""
    return min(downloads or 0, _MAX_DOWNLOADS) << 24 | min(likes or 0, _MAX_LIKES)


def newest_date_of(parsed: ParsedRecord) -> str:
    """The newest date that the record's own source notes name."""
    dates = [date for note in (parsed.model.source or {}).values() for date in _YEAR.findall(str(note))]
    return max(dates, default="")
