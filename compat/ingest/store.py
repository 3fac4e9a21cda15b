"""The only writer of the catalogue: records come in parsed, and go out extracted, judged and stored.

Every verb is idempotent: what is already there, unchanged, is left alone. A batch is one transaction, so that an
interrupted run leaves whole batches behind it and can simply be started again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any

from django.db import transaction
from django.db.models import Count, F
from django.utils import timezone

from compat.architectures import architecture_of
from compat.batches import batched
from compat.engines import EngineProfile
from compat.extraction.extract import Extraction
from compat.extraction.facts import VariantFacts
from compat.hub.errors import HubBadPayload
from compat.hub.payloads import ParsedRecord, parse_record
from compat.models import (
    Catalogue,
    FactSheet,
    ModelRecord,
    RecordLanguage,
    RecordPayload,
    RecordRelation,
    RecordVariant,
    SyncRun,
    Verdict,
)
from compat.models.engines import engines
from compat.models.lineage import extracted_with_bases, shape_facts_of
from compat.models.search import squash
from compat.rules import judge_all
from compat.rules.judge import rules_version
from compat.webhooks import runnable, runs

BATCH = 500
_MAX_PROBLEMS = 50
_YEAR = re.compile(r"\b(20\d\d(?:-\d\d){0,2})\b")
_MAX_DOWNLOADS = 2**38 - 1
_MAX_LIKES = 2**24 - 1


@dataclass(slots=True)
class Counts:
    """What came of storing records. ``older`` were left alone because the catalogue has newer facts."""

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
    items: Iterable[tuple[str, Any]], *, origin: str, progress: Callable[[int], None] | None = None
) -> Counts:
    """Store records from (where, JSON text or mapping) pairs, batch by batch; bad ones are counted and skipped."""
    counts = Counts()
    batch: list[ParsedRecord] = []

    def flush() -> None:
        counts.add(store(batch, origin=origin))
        batch.clear()

    for where, item in items:
        try:
            if isinstance(item, HubBadPayload):
                raise item
            batch.append(parse_record(item))
        except HubBadPayload as error:
            counts.reject(where, error)
        if len(batch) >= BATCH:
            flush()
        if progress:
            progress(1)
    flush()
    if counts.new or counts.changed:
        inherit()
    return counts


def store(batch: Sequence[ParsedRecord], *, origin: str) -> Counts:
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
            elif row and origin != "hub" and _is_older(parsed, row["fetched"]):
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
            _write(writing, origin, now)
            touch(now)
    return counts


def touch(now: datetime | None = None) -> None:
    """Say that the catalogue changed, so that caches made before are not used any more."""
    changed = {"changed": now or timezone.now()}
    if not Catalogue.objects.filter(pk=1).update(version=F("version") + 1, **changed):
        Catalogue.objects.get_or_create(pk=1, defaults={"version": 1, **changed})


def _is_older(parsed: ParsedRecord, fetched: datetime | None) -> bool:
    """Whether a record from a file tells of a time before this site asked the Hub itself."""
    as_of = _as_of(parsed)
    return fetched is not None and bool(as_of) and as_of < fetched.date().isoformat()


def _as_of(parsed: ParsedRecord) -> str:
    """The newest date that the record's own source notes name."""
    dates = [date for note in (parsed.model.source or {}).values() for date in _YEAR.findall(str(note))]
    return max(dates, default="")


def _write(batch: Sequence[ParsedRecord], origin: str, now: datetime, columns: Sequence[str] | None = None) -> None:
    watch = runnable.before_writing(parsed.model.id for parsed in batch)
    extracted = extracted_with_bases(batch)
    sheets = ensure_sheets(extraction.judged for _, extraction, _ in extracted)
    rows = [
        _row(parsed, extraction, base, sheets[extraction.judged], origin, now) for parsed, extraction, base in extracted
    ]
    ModelRecord.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["repo_id"],
        update_fields=columns or _RECORD_COLUMNS,
        batch_size=BATCH,
    )
    ids = dict(ModelRecord.objects.filter(repo_id__in=[row.repo_id for row in rows]).values_list("repo_id", "id"))
    RecordPayload.objects.bulk_create(
        [RecordPayload(record_id=ids[parsed.model.id], data=parsed.payload) for parsed in batch],
        update_conflicts=True,
        unique_fields=["record"],
        update_fields=["data"],
    )
    _write_parts([(parsed, extraction) for parsed, extraction, _ in extracted], ids)
    runnable.after_writing(watch)


def _write_parts(extracted: Sequence[tuple[ParsedRecord, Extraction]], ids: Mapping[str, int]) -> None:
    """Variants and languages are few and small: written anew where a record changed."""
    RecordVariant.objects.filter(record_id__in=ids.values()).delete()
    RecordLanguage.objects.filter(record_id__in=ids.values()).delete()
    RecordRelation.objects.filter(record_id__in=ids.values()).delete()
    RecordRelation.objects.bulk_create(
        RecordRelation(record_id=ids[parsed.model.id], base=relation.repo_id, kind=relation.kind)
        for parsed, extraction in extracted
        for relation in extraction.relations
    )
    RecordVariant.objects.bulk_create(
        RecordVariant(
            record_id=ids[parsed.model.id],
            position=position,
            key=variant.key[:1100],
            label=variant.label[:300],
            format=variant.facts.format or "",
            quantization=(variant.facts.quantization or "")[:40],
            size_bytes=_storable(variant.size_bytes),
            files=list(variant.files),
            missing_shards=variant.missing_shards,
        )
        for parsed, extraction in extracted
        for position, variant in enumerate(extraction.variants)
    )
    RecordLanguage.objects.bulk_create(
        RecordLanguage(record_id=ids[parsed.model.id], code=code)
        for parsed, extraction in extracted
        for code in extraction.languages
    )


def inherit(progress: Callable[[int], None] | None = None) -> int:
    """Let base models speak for records stored before them. Returns how many records changed; safe to repeat."""
    known = ModelRecord.objects.exclude(architecture="").exclude(architecture_from__in=("name", "base"))
    lacking = ModelRecord.objects.filter(architecture_from__in=("unknown", "name"))
    one_base = lacking.annotate(bases=Count("relations", distinct=True)).filter(bases=1)
    waiting = one_base.filter(relations__base__in=known.values("repo_id"))
    single = waiting.exclude(relations__kind__in=("adapter", "merge")).values_list("pk", flat=True)
    done = 0
    for chunk in batched(list(single), BATCH):
        with transaction.atomic():
            rows = RecordPayload.objects.filter(pk__in=chunk).values_list("data", flat=True)
            _write([parse_record(data) for data in rows], "file", timezone.now(), _READ_COLUMNS)
        done += len(chunk)
        if progress:
            progress(len(chunk))
    if done:
        touch()
    return done


def _row(
    parsed: ParsedRecord,
    extraction: Extraction,
    base: ParsedRecord | None,
    sheet_id: int,
    origin: str,
    now: datetime,
) -> ModelRecord:
    model = parsed.model
    from_hub = origin == "hub"
    return ModelRecord(
        repo_id=model.id,
        owner=model.owner,
        name=model.name,
        sha=(model.sha or "")[:64],
        gated=model.gated if isinstance(model.gated, str) else "manual" if model.gated else "",
        disabled=bool(model.disabled),
        downloads=model.downloads,
        likes=model.likes,
        trending=model.trending_score,
        popularity=popularity(model.downloads, model.likes),
        created=model.created_at,
        modified=model.last_modified,
        task=extraction.task.value or "",
        library=(model.library_name or "")[:60],
        license=extraction.license or "",
        family=extraction.family or "",
        architecture=extraction.architecture.value or "",
        architecture_from=extraction.architecture.provenance,
        parameters=_storable(extraction.parameters.value),
        parameters_from=extraction.parameters.provenance,
        context=None if extraction.context.provenance.guessed else extraction.context.value,
        formats=formats_of(extraction.judged),
        shape_facts=shape_facts_of(parsed, base),
        projector=bool(extraction.projectors),
        projector_bytes=extraction.projector_bytes,
        size_bytes=_storable(extraction.repository_size),
        origin=origin,
        as_of=now.date().isoformat() if from_hub else _as_of(parsed),
        fetched=now if from_hub else None,
        updated=now,
        digest=parsed.digest,
        search_text=f"{model.id.lower()} {squash(model.name)}",
        sheet_id=sheet_id,
    )


_RECORD_COLUMNS = [
    column.name
    for column in ModelRecord._meta.concrete_fields  # noqa: SLF001 - documented by Django as public
    if column.name not in ("id", "repo_id")
]
_READ_COLUMNS = [name for name in _RECORD_COLUMNS if name not in ("origin", "as_of", "fetched", "updated")]


def _storable(number: int | None) -> int | None:
    """A number the database can hold; a sum beyond that says nothing true of any model."""
    return number if number is not None and number < 2**63 else None


def popularity(downloads: int | None, likes: int | None) -> int:
    """Downloads first, likes among equals, as one sortable number."""
    return min(downloads or 0, _MAX_DOWNLOADS) << 24 | min(likes or 0, _MAX_LIKES)


# --- verdicts --------------------------------------------------------------------------------------------------


def _digest(facts: Sequence[VariantFacts]) -> str:
    text = json.dumps([fact.as_json() for fact in facts], sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def ensure_sheets(judged: Iterable[tuple[VariantFacts, ...]]) -> dict[tuple[VariantFacts, ...], int]:
    """The fact sheets' ids; those not seen before are stored and judged on every engine."""
    digests = dict(sorted(((facts, _digest(facts)) for facts in judged), key=itemgetter(1)))
    wanted = set(digests.values())
    ids = dict(FactSheet.objects.filter(digest__in=wanted).values_list("digest", "id"))
    missing = {digest: facts for facts, digest in digests.items() if digest not in ids}
    if missing:
        FactSheet.objects.bulk_create(
            [_sheet(digest, facts) for digest, facts in missing.items()],
            ignore_conflicts=True,
        )
        ids |= dict(FactSheet.objects.filter(digest__in=missing).values_list("digest", "id"))
        _judge([(ids[digest], facts) for digest, facts in missing.items()], engines().values())
    return {facts: ids[digest] for facts, digest in digests.items()}


def _sheet(digest: str, facts: Sequence[VariantFacts]) -> FactSheet:
    """A sheet with the columns that facets narrow by; all variants of a record share these facts but the format."""
    shared = facts[0]
    return FactSheet(
        digest=digest,
        facts=[fact.as_json() for fact in facts],
        task=shared.task or "",
        family=architecture_of(shared.architecture).family[:80] if shared.architecture else "",
        architecture=(shared.architecture or "")[:80],
        formats=formats_of(facts),
        gated=shared.gated,
    )


def formats_of(facts: Iterable[VariantFacts]) -> str:
    """The formats of some variants, separated by blanks."""
    return " ".join(dict.fromkeys(fact.format for fact in facts if fact.format))[:80]


def _judge(sheets: Sequence[tuple[int, Sequence[VariantFacts]]], profiles: Iterable[EngineProfile]) -> int:
    verdicts = []
    for profile in profiles:
        version = rules_version(profile)
        for sheet_id, facts in sheets:
            judgement = judge_all(facts, profile)
            verdicts.append(
                Verdict(
                    sheet_id=sheet_id,
                    profile=profile.slug,
                    confidence=judgement.result.level,
                    cause=judgement.result.cause,
                    best=judgement.best,
                    results=[result.as_stored() for result in judgement.results],
                    rules=version,
                )
            )
    Verdict.objects.bulk_create(
        verdicts,
        update_conflicts=True,
        unique_fields=["profile", "sheet"],
        update_fields=["confidence", "cause", "best", "results", "rules"],
        batch_size=BATCH,
    )
    return len(verdicts)


@dataclass(frozen=True, slots=True)
class Reevaluation:
    """What judging again did: sheets judged, verdicts written, and sheets dropped that no record uses any more."""

    sheets: int
    verdicts: int
    dropped: int


def reevaluate(*, everything: bool = False, progress: Callable[[int], None] | None = None) -> Reevaluation:
    """Judge again what was judged by other rules or profiles (or everything). Needs no network."""
    profiles = list(engines().values())
    versions = {profile.slug: rules_version(profile) for profile in profiles}
    _, deleted = FactSheet.objects.filter(records__isnull=True).delete()
    dropped = deleted.get("compat.FactSheet", 0)
    Verdict.objects.exclude(profile__in=versions).delete()
    sheets = verdicts = 0
    for chunk in batched(FactSheet.objects.order_by("id").values_list("id", "facts").iterator(BATCH), BATCH):
        with transaction.atomic():
            watch = runnable.before_judging(sheet_id for sheet_id, _ in chunk)
            current = set(
                Verdict.objects.filter(sheet_id__in=[sheet_id for sheet_id, _ in chunk]).values_list(
                    "sheet_id", "profile", "rules"
                )
            )
            for profile in profiles:
                stale = [
                    (sheet_id, [VariantFacts.from_json(fact) for fact in facts])
                    for sheet_id, facts in chunk
                    if everything or (sheet_id, profile.slug, versions[profile.slug]) not in current
                ]
                verdicts += _judge(stale, [profile])
            runnable.after_judging(watch)
        sheets += len(chunk)
        if progress:
            progress(len(chunk))
    touch()
    return Reevaluation(sheets, verdicts, dropped)


def extract_again(progress: Callable[[int], None] | None = None) -> int:
    """Read every stored payload again, for when the extraction itself changed. Returns the number of records."""
    done = 0
    rows = RecordPayload.objects.order_by("pk").values_list("data", flat=True).iterator(BATCH)
    for chunk in batched(rows, BATCH):
        with transaction.atomic():
            _write([parse_record(data) for data in chunk], "file", timezone.now(), _READ_COLUMNS)
        done += len(chunk)
        if progress:
            progress(len(chunk))
    touch()
    return done


# --- runs ------------------------------------------------------------------------------------------------------


def start_run(source: str, origin: str) -> SyncRun:
    """Note that a filling of the catalogue has begun."""
    run = SyncRun.objects.create(source=source[:300], origin=origin, started=timezone.now())
    runs.began(run)
    return run


def finish_run(run: SyncRun, counts: Counts, error: str = "") -> None:
    """Note what came of it."""
    run.new, run.changed, run.unchanged = counts.new, counts.changed, counts.unchanged + counts.older
    run.rejected, run.problems, run.error = counts.rejected, counts.problems, error
    run.state = "failed" if error else "done"
    run.finished = timezone.now()
    with transaction.atomic():
        run.save()
        runs.ended(run)
