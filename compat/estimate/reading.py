"""How long a prompt takes to be read, before the first word of the answer is written.

Many tokens are read at once, so that the operations count and not the memory: two for each weight that a token needs,
and four for each value of its queries and each token it looks back at. The weights themselves are fetched once for each
batch. Which share of the nameplate's operations an engine reaches on a class of hardware is calibrated from measured
runs; where there are none, there is no number.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from compat.architectures import LayerKind
from compat.engines.hardware import Accelerator, Hardware
from compat.estimate.engine_names import ENGINE_WORDS, engine_name
from compat.estimate.fit import FitResult
from compat.estimate.memory import VariantInputs
from compat.estimate.placement import Placement, Way
from compat.estimate.speed import backend_words, placement_for, work_of
from compat.estimate.speed_constants import (
    Calibration,
    Constants,
    Reading,
    calibration,
    class_words,
    kernels_of,
    measured_pair,
)
from compat.estimate.token_work import Work
from compat.shapes.counting import active_parameters
from compat.shapes.shape import ModelShape

BATCH = 512
"""Tokens that are read at once."""


@dataclass(frozen=True)
class ReadingEstimate:
    """Seconds until the first word at ``prompt`` tokens, with their range; None with the ``reason`` why not.

    ``backend`` is what the engine is assumed to compute with, in words; blank where there is no number.
    """

    prompt: int
    seconds: float | None
    low: float | None = None
    high: float | None = None
    basis: str = ""
    reason: str = ""
    backend: str = ""

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens of the prompt read in a second."""
        return self.prompt / self.seconds if self.seconds else None


@dataclass(frozen=True)
class PromptWork:
    """What a prompt costs: operations on weights and between tokens, and the bytes of all weights for each batch."""

    weight_operations: float
    token_operations: float
    batch_bytes: float
    batches: int
    experts: bool


def estimate_reading(
    variant: VariantInputs,
    engine: str,
    hardware: Hardware,
    fit: FitResult | None = None,
    *,
    prompt: int,
    kv_type: str = "f16",
) -> ReadingEstimate:
    """Seconds until the first word, for a prompt of so many tokens in an empty conversation."""
    engine = engine_name(variant.runtime(engine))
    placement = placement_for(variant, engine, hardware, fit)
    if isinstance(placement, str):
        return ReadingEstimate(prompt, None, reason=placement)
    work = work_of(variant, engine, hardware, 0, kv_type)
    if isinstance(work, str):
        return ReadingEstimate(prompt, None, reason=f"Not known: {work}.")
    first = next(iter(hardware.with_cards(None if fit is None else fit.estimate.cards).accelerators), None)
    tflops = None if first is None else operations_of(first, engine)
    asked = prompt_work(variant.shape, work, prompt)
    if isinstance(asked, str):
        return ReadingEstimate(prompt, None, reason=f"Not known: {asked}.")
    return estimate_prompt(asked, engine, placement, tflops, prompt)


def operations_of(accelerator: Accelerator, engine: str) -> float | None:
    """Trillions of operations a second that the engine's kernels can ask of the device; None where it is not known."""
    if accelerator.tflops is not None and kernels_of(engine) == "llama.cpp":
        return accelerator.tflops * _ASKED_OF.get(accelerator.compute_capability or 0.0, 1.0)
    return accelerator.tflops


_ASKED_OF = {9.0: 0.45}
"""Of what is listed, what llama.cpp can ask of a compute capability. It has none of the instructions for whole groups
of warps that Hopper's rate takes: an H100 read prompts 1.1 times as fast as a 4090, where the list says 2.5 times
(XiongjieDai/GPU-Benchmarks-on-LLM-Inference, 8B Q4_K_M).
"""


def estimate_prompt(
    work: PromptWork,
    engine: str,
    placement: Placement,
    tflops: float | None,
    prompt: int,
    found: Calibration | None = None,
) -> ReadingEstimate:
    """Seconds for such a prompt; ``found`` is another calibration than the one that ships."""
    found = found or calibration()
    kernels, first = kernels_of(engine), placement.portions[0]
    pair = measured_pair(engine, first.hardware)
    own, constants = found.reading.get(pair), found.classes.get(pair)
    words, kind = ENGINE_WORDS.get(kernels, kernels), class_words(first.hardware)
    if placement.way is not Way.ONE:
        reason = "How fast several devices, or accelerator and processor, read a prompt together was not measured."
        return ReadingEstimate(prompt, None, reason=reason)
    if own is None or constants is None:
        words = words if pair.startswith(f"{kernels}|") else ENGINE_WORDS.get(engine, engine)
        reason = f"No measured runs of {words} that read prompts on {kind}, so a number would have no basis."
        return ReadingEstimate(prompt, None, reason=reason)
    if tflops is None:
        return ReadingEstimate(prompt, None, reason="How many operations a second the device does is not in our list.")
    seconds = prompt_seconds(work, first.bandwidth, tflops, own, constants)
    basis = f"operations a second, calibrated on {own.runs_told} of {words} on {kind}"
    bounds = own.bounds(experts=work.experts)
    low, high = seconds / bounds.high, seconds / bounds.low
    return ReadingEstimate(prompt, seconds, low, high, basis, backend=backend_words(placement))


def prompt_seconds(work: PromptWork, bandwidth: float, tflops: float, own: Reading, constants: Constants) -> float:
    """The model itself: operations at what is reached of the nameplate, and the weights once a batch."""
    rate = tflops * 1e12
    reached = own.efficiency * (own.experts if work.experts else 1.0)
    fetched = work.batches * work.batch_bytes / (bandwidth * constants.efficiency)
    return work.weight_operations / (rate * reached) + own.attention * work.token_operations / rate + fetched


def prompt_work(shape: ModelShape | None, work: Work, prompt: int, before: int = 0) -> PromptWork | str:
    """What ``prompt`` tokens cost that follow on ``before`` others, or the fact that is missing."""
    if shape is None or shape.caches is None:
        return "which of its layers look back at other tokens"
    used = active_parameters(shape)
    if used is None:
        return "how many of its weights one token needs"
    between = 0.0
    for layer in shape.caches:
        if layer.kind in (LayerKind.STATE, LayerKind.NONE):
            continue
        width = layer.q_width or (shape.heads or 0) * (shape.head_dim or 0)
        window = layer.window if layer.kind in (LayerKind.WINDOW, LayerKind.CHUNK) else None
        between += 4 * width * (_looked_back(before + prompt, window) - _looked_back(before, window))
    # Of a mixture, hundreds of tokens choose every expert between them.
    return PromptWork(2.0 * used * prompt, between, work.held_bytes, ceil(prompt / BATCH), work.experts)


def _looked_back(tokens: int, window: int | None) -> float:
    """How many tokens the first so many look back at, together."""
    if window is None or tokens <= window:
        return tokens * tokens / 2
    return window * window / 2 + window * (tokens - window)
