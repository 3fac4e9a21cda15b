"""Fact sheets and the verdicts on them: made where facts are new, made again where rules or profiles changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction

from compat.architectures import architecture_of
from compat.batches import BATCH
from compat.engines import EngineProfile
from compat.extraction.columns import formats_of
from compat.extraction.facts import VariantFacts
from compat.ingest.changes import lock_records, raise_catalogue_version, sheets_judged
from compat.ingest.listed import NOTHING, Ahead
from compat.models import FactSheet, Verdict
from compat.models.composed import ComposedQuery
from compat.models.engines import engines
from compat.models.written import Row, write_rows
from compat.rules.judge import rules_version, verdict_of


def ensure_sheets(judged: Mapping[str, Callable[[], Sequence[VariantFacts]]], ahead: Ahead = NOTHING) -> dict[str, int]:
    """The fact sheets' ids by their digests; those not seen before are stored and judged on every engine.

    ``judged`` gives the facts of a digest, which are asked for only then.
    """
    ids = dict(_SHEETS.rows(sorted(judged)))
    missing = {digest: ahead.facts.get(digest) or judged[digest]() for digest in sorted(judged.keys() - ids.keys())}
    if missing:
        write_rows(FactSheet, [_sheet(digest, facts) for digest, facts in missing.items()], ignore_conflicts=True)
        ids |= dict(_SHEETS.rows(list(missing)))
        _judge([(ids[digest], digest, facts) for digest, facts in missing.items()], engines().values(), ahead)
    return ids


_SHEETS = ComposedQuery(
    lambda digests: FactSheet.objects.filter(digest__in=digests).order_by().values_list("digest", "id")
)


def _sheet(digest: str, facts: Sequence[VariantFacts]) -> Row:
    """A sheet with the columns that facets narrow by; all variants of a record share these facts but the format."""
    shared = facts[0]
    return {
        "digest": digest,
        "facts": [fact.as_json() for fact in facts],
        "task": shared.task or "",
        "family": architecture_of(shared.architecture).family[:80] if shared.architecture else "",
        "architecture": (shared.architecture or "")[:80],
        "formats": formats_of(facts),
        "gated": shared.gated,
    }


def refresh_sheets() -> None:
    """Drop sheets that no record uses; give the others the columns that today's tables make of their facts."""
    drop_unused_sheets()
    columns = ["task", "family", "architecture", "formats", "gated"]
    last = 0
    while chunk := _sheets_after(last):
        last = chunk[-1].pk
        changed = []
        for sheet in chunk:
            fresh = _sheet(sheet.digest, [VariantFacts.from_json(fact) for fact in sheet.facts])
            if any(fresh[name] != getattr(sheet, name) for name in columns):
                for name in columns:
                    setattr(sheet, name, fresh[name])
                changed.append(sheet)
        FactSheet.objects.bulk_update(changed, columns)


def _sheets_after(last: int) -> list[FactSheet]:
    """A batch of sheets in the order of their keys, each batch with a query of its own.

    A query that stays open while others write would forbid SQLite to write.
    """
    return list(FactSheet.objects.filter(pk__gt=last).order_by("pk")[:BATCH])


def drop_unused_sheets() -> int:
    """Delete the sheets that no record uses, with their verdicts. Returns how many there were."""
    with transaction.atomic():
        lock_records()
        _, deleted = FactSheet.objects.filter(records__isnull=True).delete()
    return deleted.get("compat.FactSheet", 0)


def _judge(
    sheets: Sequence[tuple[int, str, Sequence[VariantFacts]]],
    profiles: Iterable[EngineProfile],
    ahead: Ahead = NOTHING,
) -> int:
    """Store verdicts on sheets, told by their ids, digests and facts; returns how many."""
    verdicts: list[Row] = []
    for profile in profiles:
        version = rules_version(profile)
        for sheet_id, digest, facts in sheets:
            verdict = ahead.verdicts.get((digest, version)) or verdict_of(facts, profile, version)
            verdicts.append({"sheet_id": sheet_id, **verdict})
    write_rows(
        Verdict,
        verdicts,
        unique_fields=["profile", "sheet"],
        update_fields=["confidence", "cause", "best", "results", "rules"],
    )
    return len(verdicts)


def _judge_stale(chunk: Sequence[FactSheet], profiles: Iterable[EngineProfile], *, everything: bool) -> int:
    judged = Verdict.objects.filter(sheet__in=[sheet.pk for sheet in chunk])
    current = set(judged.values_list("sheet_id", "profile", "rules"))
    verdicts = 0
    for profile in profiles:
        version = rules_version(profile)
        stale = [
            (sheet.pk, sheet.digest, [VariantFacts.from_json(fact) for fact in sheet.facts])
            for sheet in chunk
            if everything or (sheet.pk, profile.slug, version) not in current
        ]
        verdicts += _judge(stale, [profile])
    return verdicts


@dataclass(frozen=True, slots=True)
class Reevaluation:
    """What judging again did: sheets judged, verdicts written, and sheets dropped that no record uses any more."""

    sheets: int
    verdicts: int
    dropped: int


def reevaluate(*, everything: bool = False, progress: Callable[[int], None] | None = None) -> Reevaluation:
    """Judge again what was judged by other rules, profiles or tables (or everything). Needs no network."""
    profiles = list(engines().values())
    dropped = drop_unused_sheets()
    Verdict.objects.exclude(profile__in=[profile.slug for profile in profiles]).delete()
    sheets = verdicts = last = 0
    while True:
        with transaction.atomic():
            # Others who write records might drop a sheet that is just being judged.
            lock_records()
            chunk = _sheets_after(last)
            if not chunk:
                break
            last = chunk[-1].pk
            with sheets_judged.around([sheet.pk for sheet in chunk]):
                verdicts += _judge_stale(chunk, profiles, everything=everything)
        sheets += len(chunk)
        if progress:
            progress(len(chunk))
    raise_catalogue_version()
    return Reevaluation(sheets, verdicts, dropped)
