"""What of a model goes into system memory where accelerators do not hold all of it: whole layers, or experts alone.

Read in llama.cpp 0c1e57098 (``src/llama-model.cpp``, ``load_tensors``): of the layers and the output head, which
counts as one more, the last ``-ngl`` are on accelerators, so that the head is the first to come there; ``-ts`` shares
these out in one row. ``--n-cpu-moe N`` (``common/common.h``) keeps the experts of the first N layers in system memory,
and nothing else of them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

from compat.estimate.memory import MOVABLE, MemoryEstimate

EMBEDDING, LAYERS, EXPERTS, CACHE = "embedding", "layers", "experts", "kv"
"""What can lie in system memory beside accelerators."""


@dataclass(frozen=True)
class Offload:
    """What lies where, in bytes: ``devices`` by part, ``host`` by what it is (``EMBEDDING`` and the like).

    ``layers`` are wholly on the accelerators, and ``share`` is what they read of the weights that come with layers
    (0 to 1). ``experts`` is the number of first layers whose experts are aside, None where whole layers are.
    ``split`` is how many layers, the output head among them, each device takes, where that must be told.
    """

    layers: int
    share: float
    devices: tuple[Mapping[str, int], ...]
    host: Mapping[str, int]
    experts: int | None = None
    split: tuple[int, ...] = ()


def layers_aside(estimate: MemoryEstimate, layers: int, rooms: tuple[int, ...], spill: int) -> Offload | None:
    """Output head and whole layers on the accelerators while they last, the rest in ``spill`` bytes of system memory.

    Several accelerators keep the shares of the whole: of two layers fewer, each holds its part fewer.
    """
    assert estimate.per_device is not None
    parts = estimate.device_parts()
    heads = [round(estimate.head * share) for share in estimate.shares]
    layered = [sum(part[name] for name in MOVABLE) - head for part, head in zip(parts, heads, strict=True)]
    kept = min(
        (room - used + comes) * layers // max(comes, 1)
        for room, used, comes in zip(rooms, estimate.per_device, layered, strict=True)
    )
    if kept < 1:
        return None
    size = {name: estimate.component(name).bytes or 0 for name in MOVABLE}
    movable = sum(size.values()) - estimate.head
    gone = movable - movable * kept // layers
    if estimate.host + gone > spill:
        return None
    cache = sum(size[name] - size[name] * kept // layers for name in ("kv", "state"))
    devices = [
        _part_of(part, head, comes, kept, layers) for part, head, comes in zip(parts, heads, layered, strict=True)
    ]
    host = {EMBEDDING: estimate.host, LAYERS: gone - cache, CACHE: cache}
    return Offload(kept, kept / layers, tuple(devices), host)


def _part_of(parts: Mapping[str, int], head: int, layered: int, kept: int, layers: int) -> Mapping[str, int]:
    """What one device holds with so many of the layers."""
    cache = {name: parts[name] * kept // layers for name in ("kv", "state")}
    return {**parts, **cache, "weights": head + layered * kept // layers - sum(cache.values())}


def experts_aside(
    estimate: MemoryEstimate, layers: int, dense: int, experts: int, rooms: tuple[int, ...], spill: int
) -> Offload | None:
    """The experts of as few first layers as need be in ``spill`` bytes of system memory, all else on the accelerators.

    ``experts`` is what all of them take, ``dense`` how many layers have none: the first ones.
    """
    sparse = layers - dense
    if sparse < 1 or experts < 1 or estimate.per_device is None:
        return None
    gone = 1 + bisect_left(
        range(1, sparse + 1),
        True,
        key=lambda number: _shared_out(estimate, layers, dense, experts, rooms, number)[0] is not None,
    )
    if gone > sparse or estimate.host + experts * gone // sparse > spill:
        return None
    devices, split = _shared_out(estimate, layers, dense, experts, rooms, gone)
    assert devices is not None
    moved = experts * gone // sparse
    weights = (estimate.component("weights").bytes or 0) + estimate.host
    host = {EMBEDDING: estimate.host, EXPERTS: moved}
    return Offload(sparse - gone, 1 - moved / max(weights, 1), devices, host, dense + gone, split)


def _shared_out(
    estimate: MemoryEstimate, layers: int, dense: int, experts: int, rooms: tuple[int, ...], gone: int
) -> tuple[tuple[Mapping[str, int], ...] | None, tuple[int, ...]]:
    """What each device holds with the experts of ``gone`` layers aside, and its number of layers; None: too much.

    One device takes all. Of several, each takes the next layers until it is full, and the last one the output head.
    """
    parts, sparse = estimate.device_parts(), layers - dense
    moved = experts * gone // sparse
    if len(parts) == 1:
        only = {**parts[0], "weights": parts[0]["weights"] - moved}
        return ((only,) if sum(only.values()) <= rooms[0] else None), ()
    size = {name: estimate.component(name).bytes or 0 for name in MOVABLE}
    plain = size["weights"] - estimate.head - experts

    def before(count: int) -> dict[str, int]:
        """Bytes of the first so many layers."""
        held = max(min(count - dense, sparse) - gone, 0)
        amounts = {name: size[name] * count // layers for name in ("kv", "state")}
        whole = (experts - moved) * held // max(sparse - gone, 1)
        return {**amounts, "weights": plain * count // layers + whole}

    found, split, start = [], [], 0
    for number, (part, room) in enumerate(zip(parts, rooms, strict=True)):
        last = number == len(parts) - 1
        fixed = {name: value for name, value in part.items() if name not in MOVABLE}
        there = before(start)
        left = room - sum(fixed.values()) + sum(there.values())
        end = layers
        if not last:
            end = start + bisect_right(
                range(start + 1, layers + 1), left, key=lambda count: sum(before(count).values())
            )
        here = {name: value - there[name] for name, value in before(end).items()}
        here["weights"] += estimate.head if last else 0
        if sum(here.values()) + sum(fixed.values()) > room:
            return None, ()
        found.append({**here, **fixed})
        split.append(end - start + (1 if last else 0))
        start = end
    return tuple(found), tuple(split)
