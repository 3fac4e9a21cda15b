"""Decode speed: how fast the bytes of one token can be read, and what each token costs besides.

One token reads every active weight and the cache of the tokens before it, and starts the kernels of
every layer: ``seconds = weights / (e x bandwidth) + cache / (k x bandwidth) + layers x launch``. Packed weights are
unpacked by integer operations, which take longer than reading them where memory is much faster than the units (HBM).
The share ``e`` of the nameplate bandwidth, the launch time and their variations (experts, recurrent layers,
low-bit codes) are calibrated per engine and class of hardware from measured runs; see ``tools.evaluation.calibrate``.
Devices that hold whole layers each take their times one after the other, devices that compute every layer together
share the bytes. What was not measured gets no number, but the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from compat.engines.hardware import Hardware
from compat.estimate.amounts import Amount, largest, rounded, smallest
from compat.estimate.engine_names import ENGINE_WORDS, engine_name
from compat.estimate.fit import Fit, FitResult
from compat.estimate.memory import VariantInputs, as_held, variant_weights
from compat.estimate.placement import Placement, Portion, Way, no_runs_on, no_runs_over, place
from compat.estimate.speed_constants import (
    BACKENDS,
    Calibration,
    Constants,
    Spread,
    calibration,
    class_words,
    kernels_of,
    measured_pair,
)
from compat.estimate.token_work import Work, token_work
from compat.estimate.widths import widening_of

USUAL_DEPTH = 1024
"""Tokens of a conversation before the one whose speed is told."""


@dataclass(frozen=True)
class SpeedEstimate:
    """Tokens a second for one sequence: the estimate and its range; None with the ``reason`` why not, a sentence.

    ``backend`` is what the engine is assumed to compute with, in words; blank where there is no number.
    """

    tokens_per_second: float | None
    low: float | None = None
    high: float | None = None
    basis: str = ""
    reason: str = ""
    backend: str = ""

    @property
    def writes_nothing(self) -> bool:
        """Whether there is no number because nothing is written, not because none is known."""
        return self.reason == WRITES_NOTHING


WRITES_NOTHING = "It writes nothing: it reads a text, and makes a vector or a rank of it."
"""Why what is served for embeddings has no speed of writing."""


def estimate_speed(
    variant: VariantInputs,
    engine: str,
    hardware: Hardware,
    fit: FitResult | None = None,
    *,
    depth: int = USUAL_DEPTH,
    kv_type: str = "f16",
) -> SpeedEstimate:
    """Tokens a second of one sequence, ``depth`` tokens in.

    ``fit`` says whether and where the machine holds the model; None: the accelerators hold all of it.
    """
    if variant.embeds:
        return SpeedEstimate(None, reason=WRITES_NOTHING)
    engine = engine_name(variant.runtime(engine))
    placement = placement_for(variant, engine, hardware, fit)
    if isinstance(placement, str):
        return SpeedEstimate(None, reason=placement)
    work = work_of(variant, engine, hardware, depth, kv_type)
    if isinstance(work, str):
        return SpeedEstimate(None, reason=f"Not known: {work}.")
    return estimate_placed(work, engine, placement)


def most_speed(
    variant: VariantInputs, engine: str, hardware: Hardware, fit: FitResult, *, kv_type: str = "f16"
) -> float | None:
    """Tokens a second that no engine exceeds there, as its weights are read for each. None where it is not told."""
    engine = engine_name(variant.runtime(engine))
    placement = placement_for(variant, engine, hardware, fit)
    work = work_of(variant, engine, hardware, USUAL_DEPTH, kv_type)
    return None if isinstance(placement, str) or isinstance(work, str) else float(1 / least_seconds(work, placement))


def estimate_placed(work: Work, engine: str, placement: Placement, found: Calibration | None = None) -> SpeedEstimate:
    """Tokens a second of such work where it lies; ``found`` is another calibration than the one that ships."""
    found = found or calibration()
    seconds = seconds_of(work, engine, placement, found)
    if isinstance(seconds, str):
        return SpeedEstimate(None, reason=seconds)
    spread = spread_of(work, engine, placement, found)
    bounds = spread.bounds(experts=work.experts)
    rate, most = 1 / seconds, 1 / least_seconds(work, placement)
    basis, backend = _basis(engine, placement, spread), backend_words(placement)
    return SpeedEstimate(rate, rate * bounds.low, min(rate * bounds.high, most), basis, backend=backend)


def placement_for(variant: VariantInputs, engine: str, hardware: Hardware, fit: FitResult | None) -> Placement | str:
    """Where the layers lie, or why there is no speed."""
    if fit is None:
        return place(engine, hardware)
    hardware = hardware.with_cards(fit.estimate.cards)
    if fit.fit is Fit.CACHE:
        return fit.sentence
    if fit.fit in (Fit.TOO_LARGE, Fit.UNEVEN):
        return "It does not fit this machine."
    if fit.fit is Fit.UNKNOWN:
        missing = ", ".join(fit.estimate.missing)
        return f"Whether it fits this machine is not known{f': {missing}' if missing else ''}."
    if fit.estimate.stages > 1:
        words = ENGINE_WORDS.get(engine, engine)
        return f"No measured runs of {words} with its layers in stages, so a number would have no basis."
    offload, devices = fit.offload, fit.estimate.devices if hardware.accelerators else None
    if offload is None:
        return place(engine, hardware, devices)
    share = offload.share if offload.share < 1 else None
    return place(engine, hardware, devices, share, experts=offload.experts is not None)


def work_of(variant: VariantInputs, engine: str, hardware: Hardware, depth: int, kv_type: str) -> Work | str:
    """What one token costs of the weights as the engine holds them on this hardware, or the fact that is missing."""
    if variant.shape is None:
        return "the model's layers"
    widening = widening_of(engine, variant.format, variant.quant, variant.shape)
    widening = widening if widening is not None and widening.happens_on(hardware) else None
    held = as_held(variant, widening)
    weights = variant_weights(held, engine, widening)
    return token_work(variant.shape, weights, engine, held.quant, depth, kv_type)


def seconds_of(work: Work, engine: str, placement: Placement, found: Calibration) -> Amount | str:
    """Seconds a token, or what was not measured, as a sentence; of columns of work, a column of seconds."""
    kernels = kernels_of(engine)
    words = ENGINE_WORDS.get(engine, engine)
    if work.experts and kernels not in found.mixtures:
        return f"No measured runs of {words} with a mixture of experts, so a number would have no basis."
    shared = found.shared.get(kernels, {})
    for portion in placement.portions:
        if measured_pair(engine, portion.hardware) not in found.classes:
            return no_runs_on(engine, class_words(portion.hardware))
    own = [found.classes[measured_pair(engine, portion.hardware)] for portion in placement.portions]
    if placement.way is Way.TOGETHER:
        common = found.together.get(measured_pair(engine, placement.portions[0].hardware))
        if common is None:
            return f"No measured runs of {words} on several such devices, so a number would have no basis."
        return together_seconds(work, placement.portions, own[0], common, shared)
    if placement.way is Way.ONE:
        return alone_seconds(work, placement, own, shared)
    beside = beside_of(work, engine, placement, found)
    if beside is None:
        where = "several devices" if placement.host is None else "accelerator and system memory"
        return no_runs_over(engine, where)
    if placement.host is None:
        return alone_seconds(work, placement, own, shared) / beside.efficiency + beside.launch * (len(own) - 1)
    here, there = shared_out(work, placement)
    return alone_seconds(here, placement, own, shared) + host_seconds(there, placement.host, beside, shared)


def alone_seconds(work: Work, placement: Placement, own: Sequence[Constants], shared: Mapping[str, float]) -> Amount:
    """Seconds a token on devices that hold whole layers each, one after the other."""
    total: Amount = 0.0
    # Added one by one: sum() rounds numbers otherwise than columns from Python 3.12 on.
    for portion, one in zip(placement.portions, own, strict=True):
        seconds = seconds_per_token(
            work, portion.bandwidth, one.efficiency, one.launch, shared, integers=portion.integers
        )
        total = total + portion.share * seconds
    return total


def shared_out(work: Work, placement: Placement) -> tuple[Work, Work]:
    """What is read on the accelerators, and what in system memory, each as if it were all there is.

    Whole layers take everything of theirs along. Experts leave attention, cache and shared parts where they were, and
    more of the experts must go for as many bytes.
    """
    assert placement.host is not None
    away = placement.host.share
    if not moves_experts(work, placement):
        return work, work
    gone = smallest(away * work.held_bytes / work.experts_held, 1.0)
    moved = gone * work.expert_bytes
    stays = (work.weight_bytes - moved) / (1 - away)
    here = replace(
        work,
        weight_bytes=stays,
        weights=work.weights * stays / work.weight_bytes,
        cache_bytes=work.cache_bytes / (1 - away),
        layers=rounded(work.layers / (1 - away)),
        state_layers=rounded(work.state_layers / (1 - away)),
    )
    return here, replace(work, weight_bytes=moved / away, cache_bytes=0.0, state_layers=0)


def host_seconds(work: Work, host: Portion, beside: Constants, shared: Mapping[str, float]) -> Amount:
    """Seconds that the processor takes for its part beside accelerators."""
    if beside.cache is not None:
        shared = {**shared, "cache": beside.cache}
    return host.share * seconds_per_token(work, host.bandwidth, beside.efficiency, beside.launch, shared)


def together_seconds(
    work: Work, portions: tuple[Portion, ...], own: Constants, common: Constants, shared: Mapping[str, float]
) -> Amount:
    """Seconds a token where each device has a part of every layer; the slowest one is waited for."""
    slowest = min(portion.bandwidth for portion in portions) * len(portions)
    waited = work.layers * common.launch
    return seconds_per_token(work, slowest * common.efficiency, own.efficiency, own.launch, shared) + waited


def least_seconds(work: Work, placement: Placement) -> Amount:
    """Seconds a token takes in any case: its weights where they lie, at the nameplates' bandwidths."""
    if placement.way is Way.TOGETHER:
        return work.weight_bytes / sum(portion.bandwidth for portion in placement.portions)
    here, there = (work, work) if placement.host is None else shared_out(work, placement)
    total: Amount = 0.0
    for portion in placement.portions:
        total = total + portion.share * here.weight_bytes / portion.bandwidth
    if placement.host is not None:
        total = total + placement.host.share * there.weight_bytes / placement.host.bandwidth
    return total


def moves_experts(work: Work, placement: Placement) -> bool:
    """Whether what lies in system memory are experts alone."""
    return placement.host is not None and placement.experts_first and bool(np.all(work.experts_held))


def beside_of(work: Work, engine: str, placement: Placement, found: Calibration) -> Constants | None:
    """What was measured of layers on several devices, or in system memory; None where nothing was."""
    if placement.host is None:
        return found.split.get(kernels_of(engine))
    table = found.experts if moves_experts(work, placement) else found.offload
    return table.get(kernels_of(engine))


def spread_of(work: Work, engine: str, placement: Placement, found: Calibration) -> Spread:
    """How far off measured runs of this kind were; it must be one that ``seconds_of`` knows."""
    pair = measured_pair(engine, placement.portions[0].hardware)
    if placement.way is Way.ONE:
        return found.classes[pair]
    beside = found.together[pair] if placement.way is Way.TOGETHER else beside_of(work, engine, placement, found)
    assert beside is not None
    return beside


def _basis(engine: str, placement: Placement, spread: Spread) -> str:
    words = ENGINE_WORDS.get(kernels_of(engine), kernels_of(engine))
    where = {
        Way.ONE: f"on {class_words(placement.portions[0].hardware)}",
        Way.SPLIT: "with its layers on several accelerators",
        Way.OFFLOAD: "with layers in system memory",
        Way.TOGETHER: "on several accelerators at once",
    }[placement.way]
    return f"memory bandwidth, calibrated on {spread.runs_told} of {words} {where}"


def backend_words(placement: Placement) -> str:
    """What is assumed to compute where the layers lie: ``CUDA``, ``CUDA and CPU`` with a part in system memory."""
    portions = (*placement.portions, *((placement.host,) if placement.host is not None else ()))
    return " and ".join(dict.fromkeys(BACKENDS[portion.hardware] for portion in portions))


def seconds_per_token(
    work: Work,
    bandwidth: float,
    efficiency: float,
    launch: float,
    shared: Mapping[str, float],
    *,
    integers: float | None = None,
) -> Amount:
    """The model itself; ``shared`` holds what varies with the kind of layer and code, 1 where absent.

    ``integers`` are the operations a second that unpack weights, where they may bound it.
    """
    rate = bandwidth * efficiency * shared.get("codes:" + work.codes, 1.0)
    if work.experts:
        rate *= shared.get("experts", 1.0)
    layers = work.layers + shared.get("state", 0.0) * work.state_layers
    layers += shared.get("routing", 0.0) * work.layers if work.experts else 0.0
    starts = layers * launch * shared.get("launch:" + work.codes, 1.0)
    read = work.weight_bytes / rate
    if integers is not None and "unpacking" in shared and work.codes != "wide":
        read = largest(read, work.weights * shared["unpacking"] / integers)
    read = read + work.cache_bytes / (bandwidth * shared.get("cache", USUAL_CACHE))
    # What starts its kernels one by one, without waiting for them, takes as long as the longer of the two.
    return read + starts - shared.get("ahead", 0.0) * smallest(read, starts)


USUAL_CACHE = 0.6
"""The share of the bandwidth at which a cache is read, where it was not measured."""
