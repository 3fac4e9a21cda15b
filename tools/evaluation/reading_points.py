"""Measured speeds of reading prompts, and the constants fitted to them."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compat.estimate.placement import Placement, Way
from compat.estimate.reading import PromptWork, estimate_prompt, prompt_seconds, prompt_work
from compat.estimate.speed import work_of
from compat.estimate.speed_constants import Calibration, Constants, Reading, kernels_of
from compat.shapes.known import Resolver
from tools.evaluation.points import Point
from tools.evaluation.speed_points import placement_of, prompt_of, setup_of

LEAST_PROMPT = 256
"""Tokens below which the memory counts and not the operations."""

_MOST = 6
"""Times its operations without tensor cores that a device can do with them."""

_EFFICIENCY = tuple(round(0.05 * 1.15**i, 3) for i in range(34))
_EXPERTS = (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0)
_ATTENTION = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0)


@dataclass(frozen=True)
class Prompt:
    """One measured reading of a prompt."""

    work: PromptWork
    engine: str
    placement: Placement
    tflops: float
    tokens: int
    machine: str
    family: str
    model: str
    measured: float
    point: Point

    @property
    def pair(self) -> str:
        """The engine's kernels and the class of the device."""
        return f"{kernels_of(self.engine)}|{self.placement.portions[0].hardware}"


def prompts(points: Iterable[Point], resolve: Resolver | None = None) -> tuple[list[Prompt], Counter[str]]:
    """All usable readings, and why the others are not."""
    found: list[Prompt] = []
    skipped: Counter[str] = Counter()
    for point in points:
        told = _usable(point, resolve)
        if isinstance(told, Prompt):
            found.append(told)
        elif told:
            skipped[told] += 1
    return found, skipped


def _usable(point: Point, resolve: Resolver | None) -> Prompt | str:
    rate, tokens, before = prompt_of(point)
    if not rate:
        return ""
    if tokens < LEAST_PROMPT:
        return "a short prompt"
    setup = setup_of(point, resolve)
    if isinstance(setup, str):
        return setup
    work = work_of(setup.variant, setup.engine, setup.hardware, 0, setup.kv_type)
    if isinstance(work, str):
        return f"not known: {work}"
    placement = placement_of(point, setup)
    if isinstance(placement, str):
        return placement
    if placement.way is not Way.ONE:
        return "several devices, or layers in system memory"
    devices = setup.hardware.accelerators
    if not devices or devices[0].tflops is None:
        return "how many operations a second the device does is not known"
    asked = prompt_work(setup.shape, work, tokens, before)
    if isinstance(asked, str):
        return f"not known: {asked}"
    if rate <= float(point.get("tok_s") or 0) and point.get("prefill_tok_s"):
        return "no faster than it wrote: something else was counted"
    if rate * asked.weight_operations / tokens > _MOST * devices[0].tflops * 1e12:
        return "faster than the operations can be done: a cache was read"
    return Prompt(
        asked,
        setup.engine,
        placement,
        devices[0].tflops,
        tokens,
        str(point["hardware"]),
        setup.shape.model_type or "unknown",
        str(point["model"]),
        rate,
        point,
    )


def fit_reading(found: Sequence[Prompt], classes: Mapping[str, Constants]) -> dict[str, dict[str, Any]]:
    """Constants for each pair of engine and class with enough machines or models, without ranges."""
    groups: dict[str, list[Prompt]] = defaultdict(list)
    for one in found:
        groups[one.pair].append(one)
    return {
        pair: _searched(some, classes[pair])
        for pair, some in sorted(groups.items())
        if pair in classes and len({_vote_of(one) for one in some}) >= 3
    }


def _searched(some: Sequence[Prompt], constants: Constants) -> dict[str, Any]:
    counts = Counter(_vote_of(one) for one in some)
    votes = [1 / counts[_vote_of(one)] for one in some]

    def loss(efficiency: float, experts: float, attention: float) -> float:
        own = Reading(
            efficiency=efficiency, experts=experts, attention=attention, low=1.0, high=1.0, runs=1, machines=1
        )
        total = sum(
            vote * abs(math.log(one.measured * _seconds(one, own, constants) / one.tokens))
            for one, vote in zip(some, votes, strict=True)
        )
        return round(total / sum(votes), 9)

    best = (1.0, 0.5, 2.0)
    for _ in range(4):
        best = min(((e, best[1], best[2]) for e in _EFFICIENCY), key=lambda one: loss(*one))
        best = min(((best[0], x, best[2]) for x in _EXPERTS), key=lambda one: loss(*one))
        best = min(((best[0], best[1], a) for a in _ATTENTION), key=lambda one: loss(*one))
    return {
        "efficiency": best[0],
        "experts": best[1],
        "attention": best[2],
        "low": 1.0,
        "high": 1.0,
        "runs": len(some),
        "machines": len({one.machine for one in some}),
    }


def _seconds(one: Prompt, own: Reading, constants: Constants) -> float:
    return prompt_seconds(one.work, one.placement.portions[0].bandwidth, one.tflops, own, constants)


def _vote_of(one: Prompt) -> tuple[str, str, str]:
    return one.machine, one.model, str(one.point.get("quant"))


def reading_ratio(one: Prompt, found: Calibration) -> float | None:
    """Measured over estimated tokens a second; None without an estimate."""
    told = estimate_prompt(one.work, one.engine, one.placement, one.tflops, one.tokens, found).tokens_per_second
    return None if told is None else one.measured / told
