"""Recompute the speed constants from the bundled runs: ``python -m tools.evaluation.calibrate``.

Minimises the mean absolute logarithm of measured over estimated (so one wrong report does not pull the
rest), one step of one constant at a time over a grid. Repeats of the same machine, model and
quantization share one vote. ``cross_validate`` leaves machines or models out to see what is generalised.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from compat.estimate.speed import kernels_of, seconds_per_token
from tools.evaluation.ledger import prepare_django
from tools.evaluation.rows import quantile

if TYPE_CHECKING:
    from tools.evaluation.point_rows import SpeedPoint
    from tools.evaluation.speed_points import Run

LEAST_RUNS = 3
"""Distinct runs below which a pair of engine and hardware class gets no constants."""

_EFFICIENCY = tuple(0.20 + 0.02 * i for i in range(38))
_LAUNCH = tuple(
    1e-6 * x
    for x in (
        0,
        10,
        20,
        30,
        40,
        50,
        60,
        70,
        80,
        95,
        110,
        130,
        150,
        180,
        210,
        250,
        300,
        350,
        420,
        500,
        600,
        700,
        850,
        1000,
    )
)
_FACTOR = (0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.92, 1.0)
_SLOWER = (0.85, 1.0, 1.1, 1.2, 1.5, 1.8, 2.2, 2.6, 3.0)

_VARIATIONS: dict[str, dict[str, Sequence[float]]] = {
    "llama.cpp": {
        "experts": _FACTOR,
        "codes:lattice": _FACTOR,
        "state": (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0),
        "cache": (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
    },
    "vllm": {"experts": _FACTOR},
    "mlx-lm": {"experts": _FACTOR},
    "sglang": {"launch:gptq": _SLOWER, "launch:fp8": _SLOWER},
    "transformers": {"launch:gptq": _SLOWER, "launch:awq": _SLOWER, "launch:fp8": _SLOWER},
}


def runs(points: Iterable[SpeedPoint]) -> list[Run]:
    """The usable runs among the points."""
    from tools.evaluation.speed_points import usable_runs

    return usable_runs(points)[0]


def fit(found: Sequence[Run]) -> dict[str, Any]:
    """Constants for every engine and hardware class that has enough runs."""
    shared: dict[str, dict[str, float]] = {}
    classes: dict[str, dict[str, float]] = {}
    by_engine: dict[str, list[Run]] = defaultdict(list)
    for run in found:
        by_engine[kernels_of(run.engine)].append(run)
    for engine, members in sorted(by_engine.items()):
        groups: dict[str, list[Run]] = defaultdict(list)
        for run in members:
            groups[run.hardware].append(run)
        groups = {k: v for k, v in groups.items() if len(_distinct(v)) >= LEAST_RUNS}
        if not groups:
            continue
        common, own = _fit_engine(groups, _VARIATIONS.get(engine, {}))
        shared[engine] = common
        for hardware, (efficiency, launch) in sorted(own.items()):
            members = groups[hardware]
            ratios = [r.measured * _seconds(r, efficiency, launch, common) for r in members]
            classes[f"{engine}|{hardware}"] = {
                "efficiency": round(efficiency, 3),
                "launch": round(launch, 9),
                "low": round(min(quantile(ratios, 0.1), 0.9), 3),
                "high": round(max(quantile(ratios, 0.9), 1.1), 3),
                "runs": len(members),
                "machines": len({r.machine for r in members}),
            }
    return {"shared": shared, "classes": classes}


def _fit_engine(
    groups: dict[str, list[Run]], variations: dict[str, Sequence[float]]
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    common = dict.fromkeys(variations, 1.0)
    if "cache" in common:
        common["cache"] = 0.6
    own: dict[str, tuple[float, float]] = {}
    for _ in range(4):
        for hardware, members in groups.items():
            weights = _votes(members)

            def loss(pair: tuple[float, float], members: list[Run] = members, w: list[float] = weights) -> float:
                return _loss(members, w, pair[0], pair[1], common)

            own[hardware] = min(((e, t) for e in _EFFICIENCY for t in _LAUNCH), key=loss)
        for name, grid in variations.items():
            common[name] = min(grid, key=_trial(name, common, groups, own))
    return common, own


def _trial(
    name: str,
    common: dict[str, float],
    groups: dict[str, list[Run]],
    own: dict[str, tuple[float, float]],
) -> Callable[[float], float]:
    def loss(value: float) -> float:
        tried = {**common, name: value}
        return sum(
            _loss(members, _votes(members), *own[hardware], tried) * len(_distinct(members))
            for hardware, members in groups.items()
        )

    return loss


def _distinct(found: Sequence[Run]) -> set[tuple[str, str, str]]:
    return {(r.machine, r.model, str(r.point.quant)) for r in found}


def _votes(found: Sequence[Run]) -> list[float]:
    counts: dict[tuple[str, str, str], int] = defaultdict(int)
    keys = [(r.machine, r.model, str(r.point.quant)) for r in found]
    for key in keys:
        counts[key] += 1
    return [1 / counts[key] for key in keys]


def _seconds(run: Run, efficiency: float, launch: float, shared: dict[str, float]) -> float:
    return seconds_per_token(run.work, run.bandwidth, efficiency, launch, shared)


def _loss(
    found: Sequence[Run], votes: Sequence[float], efficiency: float, launch: float, shared: dict[str, float]
) -> float:
    total = sum(
        vote * abs(math.log(run.measured * _seconds(run, efficiency, launch, shared)))
        for run, vote in zip(found, votes, strict=True)
    )
    return total / sum(votes)


def cross_validate(found: Sequence[Run], key: Callable[[Run], str], folds: int = 5) -> list[tuple[Run, float]]:
    """(run, relative error) with the run's own fold left out of the calibration."""
    names = sorted({key(r) for r in found})
    out: list[tuple[Run, float]] = []
    for fold in range(min(folds, len(names))):
        held = set(names[fold::folds])
        constants = fit([r for r in found if key(r) not in held])
        for run in found:
            own = constants["classes"].get(f"{kernels_of(run.engine)}|{run.hardware}")
            if key(run) not in held or own is None:
                continue
            shared = constants["shared"][kernels_of(run.engine)]
            rate = 1 / _seconds(run, own["efficiency"], own["launch"], shared)
            out.append((run, abs(rate / run.measured - 1)))
    return out


def main() -> None:
    """Print the constants as JSON."""
    prepare_django()
    from tools.evaluation.points import speed_points

    print(json.dumps(fit(runs(speed_points())), indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
