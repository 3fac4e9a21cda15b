"""Write the speed constants from the bundled runs: ``python -m tools.evaluation.calibrate``.

Minimises the mean absolute logarithm of measured over estimated, so that one wrong report does not pull the rest; a
little of its square settles what is drawn both ways. One step of one constant at a time over a grid. Repeats of the
same machine, model and quantization share one vote. Devices by themselves come first; what several of them, or layers
in system memory, add is fitted with those held fast. The ranges come from runs whose family of models was left out of
the calibration.
"""

from __future__ import annotations

import json
import math
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

import compat.estimate
from compat.estimate.amounts import Amount
from compat.estimate.placement import Way
from compat.estimate.speed import (
    USUAL_CACHE,
    alone_seconds,
    estimate_placed,
    host_seconds,
    moves_experts,
    shared_out,
    together_seconds,
)
from compat.estimate.speed_constants import Calibration, Constants, kernels_of
from tools.evaluation.ledger import prepare_django
from tools.evaluation.rows import quantile

if TYPE_CHECKING:
    from tools.evaluation.point_rows import SpeedPoint
    from tools.evaluation.reading_points import Prompt
    from tools.evaluation.speed_points import Run

TARGET = Path(compat.estimate.__file__).parent / "data" / "speed_constants.json"

LEAST_RUNS = 3
"""Distinct runs below which a pair of engine and hardware class gets no constants."""
FOLDS = 10
"""Parts of the families of models; each is left out once."""
INSIDE = 0.84
"""The share of runs of families left out that a range holds."""

_EFFICIENCY = tuple(0.10 + 0.02 * i for i in range(46))
_MICROSECONDS = (
    *(0, 10, 20, 30, 40, 50, 60, 70, 80, 95, 110, 130, 150, 180, 210, 250, 300, 350, 420, 500),
    *(600, 650, 700, 750, 800, 850, 1000, 1250, 1500, 2000, 2500),
)
_LAUNCH = tuple(1e-6 * x for x in _MICROSECONDS)
_FACTOR = (0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.92, 1.0)
_STATE = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
_SLOWER = (0.85, 1.0, 1.1, 1.2, 1.5, 1.8, 2.2, 2.6, 3.0)
_STARTED = (0.85, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2.0, 2.2, 2.4, 2.6, 3.0)
"""Finer, of an engine whose speed is that of starting kernels and of little else."""

_VARIATIONS: dict[str, dict[str, Sequence[float]]] = {
    "llama.cpp": {
        "experts": _FACTOR,
        "routing": (0.0, 0.25, 0.5, 0.75, 1.0, 1.5),
        "codes:lattice": _FACTOR,
        "codes:wide": (0.75, 0.85, 0.92, 1.0, 1.1),
        "state": _STATE,
        "cache": (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
        "unpacking": (0.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0, 20.0, 22.0, 25.0, 28.0, 33.0),
    },
    "vllm": {"experts": _FACTOR},
    "mlx-lm": {"experts": _FACTOR},
    "sglang": {"launch:gptq": _SLOWER, "launch:fp8": _SLOWER},
    "transformers": {"ahead": (0.0, 1.0), **dict.fromkeys(("launch:gptq", "launch:awq", "launch:fp8"), _STARTED)},
}

_Measured = TypeVar("_Measured", "Run", "Prompt")
Fitted = dict[str, Any]
"""The content of ``speed_constants.json``, as plain data."""


def runs(points: Iterable[SpeedPoint]) -> list[Run]:
    """The usable runs among the points."""
    from tools.evaluation.speed_points import usable_runs

    return usable_runs(points)[0]


_SQUARED = 0.1
"""How much the square of a distance counts beside the distance: where machines disagree, it settles in the middle."""


def _distance(ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """What runs count whose logarithms of measured over estimated those are."""
    found: NDArray[np.float64] = np.abs(ratio) + _SQUARED * ratio**2
    return found


@dataclass(frozen=True)
class _Table:
    """Runs of devices by themselves, as columns: what their seconds are made of, and how many votes each has."""

    weights: NDArray[np.float64]
    unpacked: NDArray[np.float64]
    cache: NDArray[np.float64]
    layers: NDArray[np.float64]
    state: NDArray[np.float64]
    measured: NDArray[np.float64]
    votes: NDArray[np.float64]
    experts: NDArray[np.bool_]
    codes: NDArray[np.str_]

    @classmethod
    def of(cls, found: Sequence[Run]) -> _Table:
        bandwidth = np.array([run.placement.portions[0].bandwidth for run in found])
        work = [run.work for run in found]
        return cls(
            np.array([one.weight_bytes for one in work]) / bandwidth,
            np.array([_unpacked(run) for run in found]),
            np.array([one.cache_bytes for one in work]) / bandwidth,
            np.array([float(one.layers) for one in work]),
            np.array([float(one.state_layers) for one in work]),
            np.array([run.measured for run in found]),
            np.array(_votes(found)),
            np.array([one.experts for one in work]),
            np.array([one.codes for one in work]),
        )

    def losses(
        self, efficiency: Sequence[float], launch: Sequence[float], shared: Mapping[str, float]
    ) -> NDArray[np.float64]:
        """The mean absolute logarithm for each pair of efficiency and launch: as ``seconds_per_token`` has it."""
        rate, slower = np.ones_like(self.weights), np.ones_like(self.weights)
        for name, value in shared.items():
            kind, _, codes = name.partition(":")
            if kind == "codes":
                rate[self.codes == codes] *= value
            elif kind == "launch":
                slower[self.codes == codes] *= value
        rate[self.experts] *= shared.get("experts", 1.0)
        layers = self.layers + shared.get("state", 0.0) * self.state
        layers = layers + shared.get("routing", 0.0) * self.layers * self.experts
        starts = layers * slower
        fixed = self.cache / shared.get("cache", USUAL_CACHE)
        read = (self.weights / rate)[None, :] / np.array(efficiency)[:, None]
        by_rate = np.maximum(read, self.unpacked * shared.get("unpacking", 0.0)) + fixed
        started = starts[None, None, :] * np.array(launch)[None, :, None]
        both = np.minimum(by_rate[:, None, :], started)
        seconds = by_rate[:, None, :] + started - both * shared.get("ahead", 0.0)
        told: NDArray[np.float64] = (_distance(np.log(seconds * self.measured)) * self.votes).sum(axis=2)
        told /= self.votes.sum()
        return told


_USUAL = 0.8
"""The share of the bandwidth that most devices reach."""
_PULLED, _HIDDEN = 0.1, 1.0


def _pull(table: _Table, common: Mapping[str, float]) -> NDArray[np.float64]:
    """What is added for an unusual efficiency, so that it stays usual where no run tells it.

    It counts as a tenth of a run, and as a whole one where starting kernels hides how long their reading takes.
    """
    runs = _HIDDEN if common.get("ahead") else _PULLED
    pull: NDArray[np.float64] = runs * np.log(np.array(_EFFICIENCY) / _USUAL) ** 2 / table.votes.sum()
    return pull


def _unpacked(run: Run) -> float:
    """Seconds a token if a weight took one operation; 0 where nothing is unpacked, or it is not known how fast."""
    integers = run.placement.portions[0].integers
    return 0.0 if integers is None or run.work.codes == "wide" else float(run.work.weights) / integers


def calibrate(found: Sequence[Run], read: Sequence[Prompt] = ()) -> Fitted:
    """Constants for everything that has enough runs. Their ranges are of runs whose family of models was left out."""
    fitted = _fit(found)
    _bound(fitted, _left_out(found))
    add_reading(fitted, read)
    return fitted


def _left_out(found: Sequence[Run]) -> Iterator[Told]:
    """What is told of each run with its own family left out."""
    for held, rest in parts(found):
        constants = typed(_fit(rest))
        for run in held:
            estimated = estimate_placed(run.work, run.engine, run.placement, constants).tokens_per_second
            if estimated is not None:
                yield *entry_of(run), run.work.experts, run.family, run.measured / estimated


def add_reading(fitted: Fitted, read: Sequence[Prompt]) -> None:
    """Constants of reading prompts: they need those of writing."""
    from tools.evaluation.reading_points import fit_reading, reading_ratio

    classes = typed(fitted).classes
    fitted["reading"] = fit_reading(read, classes)
    ratios: list[Told] = []
    for held, rest in parts(read):
        constants = typed({**fitted, "reading": fit_reading(rest, classes)})
        told = [(one, reading_ratio(one, constants)) for one in held]
        ratios += [
            ("reading", one.pair, one.work.experts, one.family, ratio) for one, ratio in told if ratio is not None
        ]
    _bound(fitted, ratios, tables=("reading",))


def parts(found: Sequence[_Measured], folds: int = FOLDS) -> Iterator[tuple[list[_Measured], list[_Measured]]]:
    """(runs of some families of models, runs of all others), until each family was among the first once."""
    names = sorted({run.family for run in found})
    for fold in range(min(folds, len(names))):
        held = set(names[fold::folds])
        yield [run for run in found if run.family in held], [run for run in found if run.family not in held]


def _fit(found: Sequence[Run]) -> Fitted:
    by_engine: dict[str, list[Run]] = defaultdict(list)
    for run in found:
        by_engine[kernels_of(run.engine)].append(run)
    fitted: Fitted = {name: {} for name in ("shared", "mixtures", "classes", "split", "offload", "experts", "together")}
    for engine, members in sorted(by_engine.items()):
        _fit_alone(engine, [run for run in members if run.placement.way is Way.ONE], fitted)
        _fit_beside(engine, members, fitted)
        mixtures = sum(run.work.experts for run in members)
        if mixtures:
            fitted["mixtures"][engine] = mixtures
    return fitted


def _fit_alone(engine: str, members: Sequence[Run], fitted: Fitted) -> None:
    shares = _shares_constants(members)
    groups = _groups(members, lambda run: shares[run.placement.portions[0].hardware])
    if not groups:
        return
    tables = {name: _Table.of(some) for name, some in groups.items()}
    variations = _VARIATIONS.get(engine, {})
    led = {name: table for name, table in tables.items() if name not in _LED} or tables
    found = [_descent(led, groups, variations, start) for start in (_STARTS if variations else _STARTS[:1])]
    _, common, own = min(found, key=lambda one: one[0])
    own |= {name: _own(table, common) for name, table in tables.items() if name not in own}
    fitted["shared"][engine] = common
    for name, (efficiency, launch) in sorted(own.items()):
        for hardware in sorted(one for one, shared in shares.items() if shared == name):
            fitted["classes"][f"{engine}|{hardware}"] = _constants(efficiency, launch, groups[name])


_KINDRED = {"nvidia-compute": "nvidia"}
"""Classes that differ by little, and the ones they are like."""
_LED = frozenset({"intel", "intel-before-xe2", "intel-unified"})
"""Classes that take what all have in common from the others: which packings have kernels there differs by the month."""
_ENOUGH = 20
"""Runs from which on a class tells more by itself than together with its like."""


def _shares_constants(members: Sequence[Run]) -> dict[str, str]:
    """The classes of hardware that were measured, each with the one whose constants it shares: mostly itself."""
    runs = Counter(run.placement.portions[0].hardware for run in members)
    return {
        name: like if (like := _KINDRED.get(name, name)) in runs and min(runs[name], runs[like]) < _ENOUGH else name
        for name in runs
    }


_STARTS = (0.25, 0.5)
"""How far into the grid of each variation a search begins: one that begins at one place may end in a hollow."""
_ROUNDS = 8


def _descent(
    tables: Mapping[str, _Table],
    groups: Mapping[str, Sequence[Run]],
    variations: Mapping[str, Sequence[float]],
    start: float,
) -> tuple[float, dict[str, float], dict[str, tuple[float, float]]]:
    """What is lost, the variations of an engine and the constants of its classes, found one step at a time."""
    common = {name: grid[round(start * (len(grid) - 1))] for name, grid in variations.items()}
    own: dict[str, tuple[float, float]] = {}
    for _ in range(_ROUNDS):
        before = dict(common)
        own = {name: _own(table, common) for name, table in tables.items()}
        for variation, grid in variations.items():
            common[variation] = min(grid, key=_trial(variation, common, tables, groups, own))
        if common == before:
            break
    return _trial("", common, tables, groups, own)(0.0), common, own


def _own(table: _Table, common: Mapping[str, float]) -> tuple[float, float]:
    """The constants of a class that lose least beside what all have in common."""
    losses = table.losses(_EFFICIENCY, _LAUNCH, common) + _pull(table, common)[:, None]
    at = divmod(int(np.argmin(losses.round(9))), len(_LAUNCH))
    return _EFFICIENCY[at[0]], _LAUNCH[at[1]]


def _trial(
    name: str,
    common: dict[str, float],
    tables: Mapping[str, _Table],
    groups: Mapping[str, Sequence[Run]],
    own: Mapping[str, tuple[float, float]],
) -> Callable[[float], float]:
    """What all runs lose at a value of a variation; of none, as it is."""

    def loss(value: float) -> float:
        tried = {**common, name: value} if name else common
        return round(
            sum(
                float(table.losses(own[group][:1], own[group][1:], tried)[0, 0]) * len(_distinct(groups[group]))
                for group, table in tables.items()
            ),
            9,
        )

    return loss


def _groups(members: Iterable[Run], key: Callable[[Run], str]) -> dict[str, list[Run]]:
    groups: dict[str, list[Run]] = defaultdict(list)
    for run in members:
        groups[key(run)].append(run)
    return {name: some for name, some in sorted(groups.items()) if len(_distinct(some)) >= LEAST_RUNS}


def _constants(efficiency: float, launch: float, members: Sequence[Run]) -> dict[str, Any]:
    return {
        "efficiency": round(efficiency, 3),
        "launch": round(launch, 9),
        "low": 1.0,
        "high": 1.0,
        "runs": len(members),
        "machines": len({run.machine for run in members}),
    }


def _fit_beside(engine: str, members: Sequence[Run], fitted: Fitted) -> None:
    """What layers on several devices, in system memory, or cut over all devices take beyond each device's own time."""
    known = typed(fitted)
    shared = known.shared.get(engine, {})

    def own(run: Run) -> list[Constants]:
        return [known.classes[f"{engine}|{one.hardware}"] for one in run.placement.portions]

    usable = [
        run for run in members if all(f"{engine}|{one.hardware}" in known.classes for one in run.placement.portions)
    ]

    def split(run: Run, constants: Constants) -> Amount:
        seconds = alone_seconds(run.work, run.placement, own(run), shared)
        return seconds / constants.efficiency + constants.launch * (len(run.placement.portions) - 1)

    def offload(run: Run, constants: Constants) -> Amount:
        assert run.placement.host is not None
        here, there = shared_out(run.work, run.placement)
        seconds = alone_seconds(here, run.placement, own(run), shared)
        return seconds + host_seconds(there, run.placement.host, constants, shared)

    def together(run: Run, constants: Constants) -> Amount:
        return together_seconds(run.work, run.placement.portions, own(run)[0], constants, shared)

    by_table = _groups((run for run in usable if entry_of(run)[0] != "classes"), lambda run: entry_of(run)[0])
    for table in ("split", "offload", "experts"):
        if table in by_table:
            caches = _HOST_CACHE if table == "offload" else (None,)
            usual = None if table == "split" else known.classes.get(f"{engine}|cpu")
            fitted[table][engine] = _searched(by_table[table], split if table == "split" else offload, caches, usual)
    of_class = _groups(
        [run for run in usable if run.placement.way is Way.TOGETHER], lambda run: run.placement.portions[0].hardware
    )
    for name, some in of_class.items():
        fitted["together"][f"{engine}|{name}"] = _searched(some, together)


_HANDED_OVER = 3e-4
"""Seconds in which a layer is handed over to the processor and back at most."""
_HOST_CACHE = (0.05, 0.07, 0.1, 0.14, 0.2, 0.3, 0.4, 0.6, 0.8)


def _searched(
    some: Sequence[Run],
    seconds: Callable[[Run, Constants], float],
    caches: Sequence[float | None] = (None,),
    usual: Constants | None = None,
) -> dict[str, Any]:
    """The constants at which runs are told best. ``usual`` counts as one run more: what a part of it does alone."""
    votes = np.array(_votes(some))

    def loss(tried: tuple[float, float, float | None]) -> float:
        efficiency, launch, cache = tried
        constants = Constants.model_construct(
            efficiency=efficiency, launch=launch, cache=cache, low=1.0, high=1.0, runs=1, machines=1
        )
        ratios = np.array([math.log(run.measured * seconds(run, constants)) for run in some])
        lost, total = float((_distance(ratios) * votes).sum()), float(votes.sum())
        if usual is not None:
            far = abs(math.log(efficiency / usual.efficiency))
            lost, total = lost + far + _PULLED * abs(math.log((cache or USUAL_CACHE) / USUAL_CACHE)), total + 1
        return round(lost / total, 9)

    launches = _LAUNCH[::3] if usual is None else tuple(one for one in _LAUNCH if one <= _HANDED_OVER)
    steps = ((e, t, c) for c in caches for e in _EFFICIENCY[::2] for t in launches)
    efficiency, launch, cache = min(steps, key=loss)
    return {**_constants(efficiency, launch, some), **({} if cache is None else {"cache": cache})}


def typed(fitted: Fitted) -> Calibration:
    """The same as pages read it."""
    return Calibration.model_validate({"note": "fitted", **fitted})


_RANGED = ("classes", "split", "offload", "experts", "together")


def entry_of(run: Run) -> tuple[str, str]:
    """(table, name) of the constants that bound the run."""
    engine, placement = kernels_of(run.engine), run.placement
    pair = f"{engine}|{placement.portions[0].hardware}"
    if placement.way is Way.OFFLOAD:
        return ("experts" if moves_experts(run.work, placement) else "offload"), engine
    found = {Way.ONE: ("classes", pair), Way.SPLIT: ("split", engine), Way.TOGETHER: ("together", pair)}
    return found[placement.way]


Told = tuple[str, str, bool, str, float]
"""Table and name of the constants that bound a run, whether it is a mixture, its family, measured over estimated."""
APART = 8
"""Runs of mixtures, and of dense models, from which on each have bounds of their own."""


def _bound(fitted: Fitted, told: Iterable[Told], tables: Sequence[str] = _RANGED) -> None:
    """Write into the constants the range that held most of the runs told; at least a tenth either way."""
    ratios: dict[tuple[str, str], list[tuple[bool, tuple[str, float]]]] = defaultdict(list)
    for table, name, experts, family, ratio in told:
        ratios[table, name].append((experts, (family, ratio)))
    for table in tables:
        for name, constants in fitted[table].items():
            some = ratios[table, name]
            mixed, dense = ([one for kind, one in some if kind is experts] for experts in (True, False))
            apart = min(len(mixed), len(dense)) >= APART
            constants |= _bounds(dense if apart else [*mixed, *dense])
            if apart:
                constants["mixtures"] = _bounds(mixed)


def _bounds(told: Sequence[tuple[str, float]]) -> dict[str, float]:
    some = [ratio for _, ratio in told] or [1.0]
    # A handful of families shows less than what there is, however many runs they have.
    wider = 1 + 1 / max(len({family for family, _ in told}), 1)
    margin = (1 - INSIDE) / 2
    return {
        "low": round(min(quantile(some, margin) / wider, 0.9), 3),
        "high": round(max(quantile(some, 1 - margin) * wider, 1.1), 3),
    }


def _distinct(found: Sequence[Run]) -> set[tuple[str, str, str]]:
    return {_vote_of(run) for run in found}


def _vote_of(run: Run) -> tuple[str, str, str]:
    return run.machine, run.model, str(run.point.quant)


def _votes(found: Sequence[Run]) -> list[float]:
    counts = Counter(_vote_of(run) for run in found)
    return [1 / counts[_vote_of(run)] for run in found]


NOTE = (
    "Written by tools.evaluation.calibrate from speed_points.jsonl: share of nameplate bandwidth, seconds a layer, and "
    "the range of measured over estimated of model families left out."
)


def render(fitted: Fitted) -> str:
    """The file's text."""
    return json.dumps({"note": NOTE, **fitted}, indent=1) + "\n"


def main() -> None:
    """Write the constants, and say whether they changed."""
    prepare_django()
    from tools.evaluation.points import speed_points
    from tools.evaluation.reading_points import prompts

    points = speed_points()
    text = render(calibrate(runs(points), prompts(points)[0]))
    same = TARGET.exists() and TARGET.read_text("utf-8") == text
    TARGET.write_text(text, "utf-8")
    sys.stdout.write(f"{TARGET.name}: {'unchanged' if same else 'changed'}\n")


if __name__ == "__main__":
    main()
