"""What every query shares: the catalogue's state, the worker, a model as a row of a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from compat.criteria import Criteria
from compat.engine import CompatibilityResult, Confidence
from compat.engine.fit import FitResult
from compat.memo import kept
from compat.models import (
    Catalogue,
    ModelRecord,
    RecordVariant,
)
from compat.workers import Worker, chosen

from .lots import version_at_hand
from .outcome import SheetAnswer, answers, outcome_of


class UnknownModel(LookupError):  # noqa: N818 - named for what it tells, as Django names its own
    """The catalogue has no such model."""


def catalogue_state() -> tuple[int, datetime | None]:
    """The version of the catalogue that answers are made from, and when it last changed. One query.

    After a change of a large catalogue that is the version before, until its numbers are made anew in a few seconds.
    """
    row = Catalogue.objects.filter(pk=1).values_list("version", "changed").first()
    if row is None:
        return 0, None
    version = version_at_hand(row[0])
    changed: datetime | None = kept(("changed", row[0]), lambda: row[1])
    return version, changed if version == row[0] else kept(("changed", version), lambda: changed)


def worker_of(criteria: Criteria, available: Mapping[str, Worker]) -> Worker:
    """The worker a question is about: the one it names, on the machine it tells; the first one by default."""
    return chosen(
        available,
        criteria.worker,
        accelerator=criteria.accelerator,
        count=criteria.count,
        memory=criteria.memory,
        ram=criteria.ram,
        context=criteria.context,
        kv=criteria.kv,
    )


@dataclass(frozen=True, slots=True)
class Row:
    """A model in a list: its record, its verdict on the worker, and the variant the verdict is about."""

    record: ModelRecord
    result: CompatibilityResult
    best: RecordVariant | None
    quantizations: tuple[str, ...]
    fit: FitResult | None = None
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


def row_of(record: ModelRecord, variants: Sequence[RecordVariant], answer: SheetAnswer, worker: Worker) -> Row:
    """One record as a row. No query."""
    outcome = outcome_of(record, variants, answer, worker)
    return Row(
        record,
        outcome.result,
        variants[outcome.best] if outcome.best < len(variants) else None,
        tuple(dict.fromkeys(variant.quantization for variant in variants if variant.quantization)),
        outcome.fit,
    )


def rows_of(records: Sequence[ModelRecord], worker: Worker) -> list[Row]:
    """Rows for records already read. Two queries."""
    found = answers([record.sheet_id for record in records], worker)
    variants: dict[int, list[RecordVariant]] = {}
    for variant in RecordVariant.objects.filter(record__in=[record.pk for record in records]).defer("files", "key"):
        variants.setdefault(variant.record_id, []).append(variant)
    return [row_of(record, variants.get(record.pk, []), found[record.sheet_id], worker) for record in records]
