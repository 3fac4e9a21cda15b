"""How the estimates compare with measurements: the ledger behind every memory and speed number of this site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from compat.catalogue.needs import shaped
from compat.estimate import Accuracy, ModelShape, Row, load_points, memory_accuracy, speed_accuracy
from compat.models import ModelRecord

Point = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ledger:
    """Both tables. A skipped point is counted with its reason, so that nothing hides by being left out."""

    memory: Accuracy
    speed: Accuracy

    def as_json(self) -> dict[str, Any]:
        """Plain values; shares are fractions of the measurement."""
        return {"memory": self.memory.as_json(), "speed": self.speed.as_json()}

    def rows(self, table: str, by: str) -> list[Row]:
        """The rows of one table, grouped one way."""
        return [row for row in (self.memory if table == "memory" else self.speed).rows if row.by == by]


def resolve(model_id: str) -> ModelShape | None:
    """A model's shape from the catalogue, by its whole id or else by its name. One query."""
    name = model_id.strip().rpartition("/")[2]
    found = ModelRecord.objects.filter(repo_id__iexact=model_id.strip()).exclude(shape_facts="").first()
    if found is None:
        found = ModelRecord.objects.filter(name__iexact=name).exclude(shape_facts="").first()
    return shaped(found.shape_facts, found.parameters, found.name).shape if found else None


def ledger(memory_points: Sequence[Point], speed_points: Sequence[Point]) -> Ledger:
    """Compare estimates with the given points; shapes are looked up in the catalogue, each id once."""
    known: dict[str, ModelShape | None] = {}

    def once(model_id: str) -> ModelShape | None:
        if model_id not in known:
            known[model_id] = resolve(model_id)
        return known[model_id]

    return Ledger(memory_accuracy(memory_points, once), speed_accuracy(speed_points, once))


@lru_cache(maxsize=1)
def shipped_ledger(version: int) -> Ledger:
    """The same for the points that ship with the project; kept until the catalogue changes."""
    return ledger(load_points("memory_points"), load_points("speed_points"))
