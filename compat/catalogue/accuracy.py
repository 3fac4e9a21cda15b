"""How good the estimates are: what was compared for this release, beside what this site measured itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from compat.catalogue.measurements import EngineMeasured, measured_by_engine
from compat.estimate.ledger import accuracy_of, shipped_ledger
from compat.models import ModelRecord
from compat.timestamps import Json


def accuracy_here() -> Json:
    """What was compared for this release, for programs, with what was measured here. One query."""
    return with_measured(accuracy_of(shipped_ledger()), measured_by_engine())


def with_measured(told: Mapping[str, Any], measured: Iterable[EngineMeasured] | None) -> Json:
    """The same with ``measuredHere``, by engine; None where it is not known."""
    return {**told, "measuredHere": None if measured is None else [one.as_json() for one in measured]}


def find_record(model_id: str) -> ModelRecord | None:
    """A record whose configuration is told, by its whole id or else by its name. One query, or two."""
    name = model_id.strip().rpartition("/")[2]
    told = ModelRecord.objects.exclude(shape_facts="")
    return (
        told.filter(repo_id__iexact=model_id.strip()).first()
        or told.filter(name__iexact=name).order_by("-popularity", "repo_id").first()
    )
