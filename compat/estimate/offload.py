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
    devices = [
        _part_of(part, head, comes, kept, layers) for part, head, comes in zip(parts, heads, layered, strict=True)
    ]
    # What no device holds, to the byte: shares are rounded.
    left = {name: size[name] - sum(device[name] for device in devices) for name in MOVABLE}
    host = {EMBEDDING: estimate.host, LAYERS: left["weights"], CACHE: left["kv"] + left["state"]}
    return Offload(kept, kept / layers, tuple(devices), host)


def _part_of(parts: Mapping[str, int], head: int, layered: int, kept: int, layers: int) -> Mapping[str, int]:
    """What one device holds with so many of the layers."""
    cache = {name: parts[name] * kept // layers for name in ("kv", "state")}
    return {**parts, **cache, "weights": head + layered * kept // layers - sum(cache.values())}


@dataclass(frozen=True)
class Mixture:
    """What a mixture of experts takes, in bytes: ``size`` of each part that comes with layers, on all accelerators
    together, ``fixed`` on each of these beside it, ``host`` in system memory in any case.

    ``experts`` is what all of them take and ``head`` the output head, both of the weights; ``dense`` is how many layers
    have no experts: the first ones.
    """

    layers: int
    dense: int
    experts: int
    head: int
    size: Mapping[str, int]
    fixed: tuple[int, ...]
    host: int

    @property
    def sparse(self) -> int:
        """How many layers have experts."""
        return self.layers - self.dense

    def moved(self, gone: int) -> int:
        """Bytes of the experts of so many layers."""
        return self.experts * gone // self.sparse

    def least_aside(self, rooms: tuple[int, ...], spill: int) -> int | None:
        """Of how few layers the experts have to be in ``spill`` bytes of system memory; None if none do."""
        if self.sparse < 1 or self.experts < 1:
            return None
        gone = 1 + bisect_left(
            range(1, self.sparse + 1), True, key=lambda number: self.shared_out(rooms, number) is not None
        )
        return gone if gone <= self.sparse and self.host + self.moved(gone) <= spill else None

    def shared_out(
        self, rooms: tuple[int, ...], gone: int
    ) -> tuple[tuple[Mapping[str, int], ...], tuple[int, ...]] | None:
        """What comes with layers on each accelerator while the experts of ``gone`` layers are aside, and how many
        layers that are; None: too much.

        Each takes the next layers until it is full, and the last one the output head, which counts as one more.
        """
        found, split, start = list[Mapping[str, int]](), list[int](), 0
        for fixed, room in zip(self.fixed, rooms, strict=True):
            last = len(found) == len(rooms) - 1
            there = self._before(start, gone)
            end = self.layers
            if not last:
                left = room - fixed + sum(there.values())
                end = start + bisect_right(
                    range(start + 1, self.layers + 1), left, key=lambda count: sum(self._before(count, gone).values())
                )
            here = {name: value - there[name] for name, value in self._before(end, gone).items()}
            here["weights"] += self.head if last else 0
            if sum(here.values()) + fixed > room:
                return None
            found.append(here)
            split.append(end - start + (1 if last else 0))
            start = end
        return tuple(found), tuple(split)

    def _before(self, count: int, gone: int) -> dict[str, int]:
        """Bytes of the first so many layers."""
        held = max(min(count - self.dense, self.sparse) - gone, 0)
        amounts = {name: self.size[name] * count // self.layers for name in ("kv", "state")}
        experts = (self.experts - self.moved(gone)) * held // max(self.sparse - gone, 1)
        plain = self.size["weights"] - self.head - self.experts
        return {**amounts, "weights": plain * count // self.layers + experts}


def experts_aside(
    estimate: MemoryEstimate, layers: int, dense: int, experts: int, rooms: tuple[int, ...], spill: int
) -> Offload | None:
    """The experts of as few first layers as need be in ``spill`` bytes of system memory, all else on the accelerators.

    ``experts`` is what all of them take, ``dense`` how many layers have none: the first ones.
    """
    if estimate.per_device is None:
        return None
    size = {name: estimate.component(name).bytes or 0 for name in MOVABLE}
    beside = [{name: value for name, value in part.items() if name not in MOVABLE} for part in estimate.device_parts()]
    fixed = tuple(sum(part.values()) for part in beside)
    mixture = Mixture(layers, dense, experts, estimate.head, size, fixed, estimate.host)
    gone = mixture.least_aside(rooms, spill)
    shared = mixture.shared_out(rooms, gone) if gone else None
    if gone is None or shared is None:
        return None
    devices, split = shared
    moved = mixture.moved(gone)
    host = {EMBEDDING: estimate.host, EXPERTS: moved}
    return Offload(
        mixture.sparse - gone,
        1 - moved / max(size["weights"] + estimate.host, 1),
        tuple({**here, **other} for here, other in zip(devices, beside, strict=True)),
        host,
        dense + gone,
        split if len(split) > 1 else (),
    )
