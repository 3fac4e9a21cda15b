"""Fact sheets and the verdicts on them: made where facts are new, made again where rules or profiles changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter

from django.db import transaction

from compat.architectures import architecture_of
from compat.batches import BATCH, batched
from compat.engines import EngineProfile
from compat.extraction.facts import VariantFacts
from compat.ingest.changes import raise_catalogue_version, sheets_judged
from compat.models import FactSheet, Verdict
from compat.models.engines import engines
from compat.rules import judge_all
from compat.rules.judge import rules_version


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


def refresh_sheets() -> None:
    """Drop sheets that no record uses; give the others the columns that today's tables make of their facts."""
    drop_unused_sheets()
    columns = ["task", "family", "architecture", "formats", "gated"]
    for chunk in batched(FactSheet.objects.order_by("id").iterator(BATCH), BATCH):
        changed = []
        for sheet in chunk:
            fresh = _sheet(sheet.digest, [VariantFacts.from_json(fact) for fact in sheet.facts])
            if any(getattr(fresh, name) != getattr(sheet, name) for name in columns):
                fresh.pk = sheet.pk
                changed.append(fresh)
        FactSheet.objects.bulk_update(changed, columns)


def drop_unused_sheets() -> int:
    """Delete the sheets that no record uses, with their verdicts. Returns how many there were."""
    _, deleted = FactSheet.objects.filter(records__isnull=True).delete()
    return deleted.get("compat.FactSheet", 0)


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
    """Judge again what was judged by other rules, profiles or tables (or everything). Needs no network."""
    profiles = list(engines().values())
    versions = {profile.slug: rules_version(profile) for profile in profiles}
    dropped = drop_unused_sheets()
    Verdict.objects.exclude(profile__in=versions).delete()
    sheets = verdicts = 0
    for chunk in batched(FactSheet.objects.order_by("id").values_list("id", "facts").iterator(BATCH), BATCH):
        with transaction.atomic(), sheets_judged.around([sheet_id for sheet_id, _ in chunk]):
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
        sheets += len(chunk)
        if progress:
            progress(len(chunk))
    raise_catalogue_version()
    return Reevaluation(sheets, verdicts, dropped)
