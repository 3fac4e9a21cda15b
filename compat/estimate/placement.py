"""Which device reads which part of a model for each token, and how fast its memory is.

Engines of llama.cpp's family give each device whole layers, which compute one after the other; what goes in nowhere
lies in system memory, and the processor reads it there. vLLM and its like cut every layer over all devices.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from compat.engines.hardware import Accelerator, Hardware
from compat.estimate.amounts import Amount
from compat.estimate.engine_names import ENGINE_WORDS, EXPERTS_FIRST, TENSOR_PARALLEL
from compat.estimate.memory import device_shares
from compat.estimate.speed_constants import calibration, class_words, hardware_class, kernels_of


class Way(StrEnum):
    """How devices work on one token."""

    ONE = "one"
    SPLIT = "split"
    OFFLOAD = "offload"
    TOGETHER = "together"


@dataclass(frozen=True)
class Portion:
    """What one device reads: its class, its bandwidth in bytes a second, and its share of the layers (0 to 1).

    The share may be a column of those of many models. ``integers`` are the operations a second it unpacks weights
    with, None where that is not known.
    """

    hardware: str
    bandwidth: float
    share: Amount
    integers: float | None = None


@dataclass(frozen=True)
class Placement:
    """All portions, whose shares add up to 1. ``host`` is what lies in system memory beside accelerators.

    ``experts_first``: of a mixture, experts leave the accelerators before anything else does.
    """

    way: Way
    portions: tuple[Portion, ...]
    host: Portion | None = None
    experts_first: bool = False


TELL_BANDWIDTH = "give the bandwidth of the system memory, from which the processor reads it"


def no_runs_on(engine: str, kind: str) -> str:
    """Why there is no speed on a kind of hardware."""
    words = ENGINE_WORDS.get(engine, engine)
    return f"No measured runs of {words} on {kind}, so a number would have no basis."


def no_runs_over(engine: str, where: str) -> str:
    """Why there is no speed of layers that lie in several places."""
    words = ENGINE_WORDS.get(engine, engine)
    return f"No measured runs of {words} with its layers on {where}, so a number would have no basis."


def place(
    engine: str,
    hardware: Hardware,
    devices: int | None = None,
    on_accelerators: Amount | None = None,
    *,
    experts: bool | None = None,
) -> Placement | str:
    """Where the layers lie, or why that does not tell a speed, as a sentence.

    ``devices`` are those the engine uses, all if None. ``on_accelerators`` is the share of the layers that goes there,
    below 1, or a column of shares; None: all of them. ``experts``: of a mixture they are what goes elsewhere; None is
    what the engine does by itself.
    """
    if not hardware.accelerators:
        if hardware.system_bandwidth is not None:
            return Placement(Way.ONE, (Portion("cpu", hardware.system_bandwidth, 1.0),))
        if f"{kernels_of(engine)}|cpu" not in calibration().classes:
            # Whatever were told of the memory, there would be no number.
            return no_runs_on(engine, class_words("cpu"))
        return f"The processor alone computes it: {TELL_BANDWIDTH}."
    used = hardware.accelerators[: devices or len(hardware.accelerators)]
    for one in used:
        if one.bandwidth is None:
            return _no_bandwidth(one)
    if on_accelerators is not None:
        return _with_host(engine, hardware, used, on_accelerators, experts)
    if len(used) == 1:
        return Placement(Way.ONE, _portions(used, (1.0,)))
    shares = device_shares(hardware, engine, len(used))
    return Placement(Way.TOGETHER if engine in TENSOR_PARALLEL else Way.SPLIT, _portions(used, shares))


def _with_host(
    engine: str, hardware: Hardware, used: tuple[Accelerator, ...], on_accelerators: Amount, experts: bool | None
) -> Placement | str:
    bandwidth = hardware.system_bandwidth
    if bandwidth is None and hardware.unified:
        bandwidth = used[0].bandwidth
    if bandwidth is None and kernels_of(engine) not in calibration().offload:
        return no_runs_over(engine, "accelerator and system memory")
    if bandwidth is None:
        return f"Part of it lies in system memory: {TELL_BANDWIDTH}."
    shares = device_shares(hardware, engine, len(used))
    portions = _portions(used, tuple(share * on_accelerators for share in shares))
    host = Portion("cpu", bandwidth, 1 - on_accelerators)
    return Placement(Way.OFFLOAD, portions, host, engine in EXPERTS_FIRST if experts is None else experts)


def _portions(used: tuple[Accelerator, ...], shares: tuple[Amount, ...]) -> tuple[Portion, ...]:
    return tuple(
        Portion(hardware_class(one), one.bandwidth or 0.0, share, one.integer_rate)
        for one, share in zip(used, shares, strict=True)
    )


def _no_bandwidth(accelerator: Accelerator) -> str:
    if not accelerator.vendor:
        return "Name the accelerator: how much memory it has does not tell how fast that is."
    return f"How fast the memory of {accelerator.name} is read is not in our list."
