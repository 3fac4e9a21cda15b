"""What this site measured: the logs of engines that somebody kept, of one model and over all."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import islice
from statistics import median

from compat.catalogue.workers import Machine, Worker
from compat.engines import all_profiles
from compat.engines.accelerator_names import read_name
from compat.models import Measurement
from compat.models.composed import ComposedQuery
from compat.timestamps import Json


def measured_here(repo_id: str, worker: Worker, most: int = 5) -> list[Measurement]:
    """The newest measurements of a model on this worker's engine and machine; without a machine, on any. One query."""
    kept = _KEPT.objects(repo_id, worker.profile.slug)
    return list(islice((one for one in kept if _is_of(one, worker.machine)), most))


_KEPT = ComposedQuery(
    lambda repo_id, engine: Measurement.objects.filter(repo_id=repo_id, engine=engine)[:_MOST_LOOKED_AT]
)
_MOST_LOOKED_AT = 1_000


def _is_of(one: Measurement, machine: Machine) -> bool:
    if not machine.told:
        return True
    if one.beside != machine.others:
        return False
    if machine.accelerator:
        # Kept under what its accelerator was called then.
        return one.count == machine.count and _label(one.accelerator) == machine.accelerator
    untold = machine.memory is None
    return not one.accelerator and one.memory_gb == machine.memory and (untold or one.count == machine.count)


def _label(name: str) -> str:
    return read_name(name).label or name


@dataclass(frozen=True, slots=True)
class EngineMeasured:
    """How far off the estimates of one engine were in what this site measured; None where nothing of it was."""

    engine: str
    name: str
    loads: int
    memory: float | None
    speeds: int
    speed: float | None

    def as_json(self) -> Json:
        """For programs; errors as fractions of what was measured."""
        return asdict(self)


MOST_COUNTED = 20_000


def measured_by_engine() -> list[EngineMeasured]:
    """Median errors of what this site measured, by engine. One query."""
    rows = Measurement.objects.values_list("engine", "measured_bytes", "estimated_bytes", "decode", "estimated_decode")[
        :MOST_COUNTED
    ]
    errors: dict[str, tuple[list[float], list[float]]] = {}
    for engine, measured, estimated, decode, expected in rows:
        memory, speed = errors.setdefault(engine, ([], []))
        if measured and estimated is not None:
            memory.append(abs(estimated / measured - 1))
        if decode and expected is not None:
            speed.append(abs(expected / decode - 1))
    profiles = all_profiles()
    return [
        EngineMeasured(
            engine,
            profiles[engine].name if engine in profiles else engine,
            len(memory),
            median(memory) if memory else None,
            len(speed),
            median(speed) if speed else None,
        )
        for engine, (memory, speed) in sorted(errors.items())
    ]
