"""What every query shares: the catalogue's state, the worker, a model as a row of a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from compat.criteria import Criteria
from compat.engine import CompatibilityResult, Confidence, EngineProfile
from compat.models import (
    Catalogue,
    ModelRecord,
    RecordVariant,
    Verdict,
)


class UnknownModel(LookupError):  # noqa: N818 - named for what it tells, as Django names its own
    """The catalogue has no such model."""


def catalogue_state() -> tuple[int, datetime | None]:
    """The catalogue's version and when it last changed. One query."""
    row = Catalogue.objects.filter(pk=1).values_list("version", "changed").first()
    return row or (0, None)


def worker_of(criteria: Criteria, available: Mapping[str, EngineProfile]) -> EngineProfile:
    """The engine a question is about; the first one where it names none."""
    return available[criteria.worker] if criteria.worker else next(iter(available.values()))


@dataclass(frozen=True, slots=True)
class Row:
    """A model in a list: its record, its verdict on the worker, and the variant the verdict is about."""

    record: ModelRecord
    result: CompatibilityResult
    best: RecordVariant | None
    quantizations: tuple[str, ...]
    note: str = ""

    @property
    def level(self) -> Confidence:
        """The verdict as an ordered value."""
        return self.result.level

    @property
    def unknown(self) -> bool:
        """Whether the verdict is a refusal for want of facts."""
        return self.result.cause == "unknown"

    @property
    def fix(self) -> str:
        """The one change that would make a refused model run, if there is one."""
        return self.result.recommendations[0] if not self.result.compatible and self.result.recommendations else ""


def rows_of(records: Sequence[ModelRecord], profile: EngineProfile) -> list[Row]:
    """Rows for records already read. Two queries."""
    verdicts = {
        verdict.sheet_id: verdict
        for verdict in Verdict.objects.filter(profile=profile.slug, sheet__in={record.sheet_id for record in records})
    }
    variants: dict[int, list[RecordVariant]] = {}
    for variant in RecordVariant.objects.filter(record__in=[record.pk for record in records]).defer("files", "key"):
        variants.setdefault(variant.record_id, []).append(variant)
    rows = []
    for record in records:
        own, verdict = variants.get(record.pk, []), verdicts[record.sheet_id]
        rows.append(
            Row(
                record,
                verdict.result,
                own[verdict.best] if verdict.best < len(own) else None,
                tuple(dict.fromkeys(variant.quantization for variant in own if variant.quantization)),
            )
        )
    return rows
