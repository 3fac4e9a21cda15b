"""Measured speeds of reading prompts, and the constants fitted to them."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compat.estimate.placement import Placement, Way
from compat.estimate.reading import PromptWork, estimate_prompt, operations_of, prompt_seconds, prompt_work
from compat.estimate.speed import work_of
from compat.estimate.speed_constants import Calibration, Constants, Reading, kernels_of
from tools.evaluation.asked import Asked, asked
from tools.evaluation.point_rows import SpeedPoint
from tools.evaluation.speed_points import placement_of

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
    point: SpeedPoint

    @property
    def pair(self) -> str:
        """The engine's kernels and the class of the device."""
        return f"{kernels_of(self.engine)}|{self.placement.portions[0].hardware}"


def prompts(points: Iterable[SpeedPoint]) -> tuple[list[Prompt], Counter[str]]:
    """All usable readings, and why the others are not."""
    found: list[Prompt] = []
    skipped: Counter[str] = Counter()
    for point in points:
        told = _usable(point)
        if isinstance(told, Prompt):
            found.append(told)
        elif told:
            skipped[told] += 1
    return found, skipped


def _prompt_of(point: SpeedPoint) -> tuple[float, int, int]:
    """(tokens read a second, how many were read, how many were there before); nothing where that was not measured."""
    if point.measures == "prefill":
        return point.tok_s, point.read_tokens or 0, point.depth or 0
    tokens = point.prompt_tokens or 0
    # llama-bench at a depth tells that depth, others the middle of what they wrote.
    middle = tokens + round((point.output_tokens or 0) / 2)
    return point.read_tok_s or 0.0, tokens, 0 if point.depth in (None, middle) else point.depth or 0


def _usable(point: SpeedPoint) -> Prompt | str:
    rate, tokens, before = _prompt_of(point)
    if not rate:
        return ""
    if tokens < LEAST_PROMPT:
        return "a short prompt"
    if point.drafting or point.single_board or point.sequences > 1:
        return "not one conversation alone"
    found = asked(point)
    if isinstance(found, str):
        return found
    return _measured(point, found, rate, tokens, before)


def _measured(point: SpeedPoint, found: Asked, rate: float, tokens: int, before: int) -> Prompt | str:
    placement = placement_of(point, found)
    hardware = found.worker.hardware
    if isinstance(placement, str) or hardware is None:
        return str(placement)
    if placement.way is not Way.ONE:
        return "several devices, or layers in system memory"
    work = work_of(found.inputs, found.engine, hardware, 0, point.k_type or "f16")
    if isinstance(work, str):
        return f"not known: {work}"
    tflops = operations_of(hardware.accelerators[0], found.engine) if hardware.accelerators else None
    if tflops is None:
        return "how many operations a second the device does is not known"
    asked_work = prompt_work(found.inputs.shape, work, tokens, before)
    if isinstance(asked_work, str):
        return f"not known: {asked_work}"
    if point.measures != "prefill" and rate <= point.tok_s:
        return "no faster than it wrote: something else was counted"
    if rate * asked_work.weight_operations / tokens > _MOST * tflops * 1e12:
        return "faster than the operations can be done: a cache was read"
    family = (found.inputs.shape.model_type if found.inputs.shape is not None else None) or "unknown"
    machine = str(point.accelerator)
    return Prompt(asked_work, found.engine, placement, tflops, tokens, machine, family, point.model, rate, point)


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
    return one.machine, one.model, str(one.point.quant)


def reading_ratio(one: Prompt, found: Calibration) -> float | None:
    """Measured over estimated tokens a second; None without an estimate."""
    told = estimate_prompt(one.work, one.engine, one.placement, one.tflops, one.tokens, found).tokens_per_second
    return None if told is None else one.measured / told
