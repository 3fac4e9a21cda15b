"""Accelerators and machines: how much memory a model may use, and how fast it is read.

The list is a compact copy of public tables; every entry keeps the names of its sources. Sizes are bytes, bandwidths
bytes per second. A nameplate "24 GB" of a graphics card is 24 GiB.
"""

import json
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

GIB = 1024**3


@dataclass(frozen=True)
class Accelerator:
    """One kind of device. ``memory`` in bytes, ``bandwidth`` in bytes a second; None is unknown.

    ``memory_options``: the sizes in bytes a shared memory is sold in, where the name alone does not tell.
    """

    name: str
    vendor: str
    kind: str
    memory: int | None = None
    bandwidth: float | None = None
    compute_capability: float | None = None
    sources: tuple[str, ...] = ()
    memory_options: tuple[int, ...] = ()

    @property
    def unified(self) -> bool:
        """Whether the device shares the machine's memory."""
        return self.kind == "unified"


@dataclass(frozen=True)
class Hardware:
    """A machine: its accelerators (none for a CPU worker) and its system memory in bytes.

    ``unified_fraction`` is the share of a unified memory a model may take.
    """

    accelerators: tuple[Accelerator, ...] = ()
    system_memory: int | None = None
    unified_fraction: float | None = None

    @property
    def unified(self) -> bool:
        """Whether accelerator and system share one memory."""
        return any(a.unified for a in self.accelerators)

    def usable(self) -> tuple[int | None, ...]:
        """Bytes a model may use on each device; one entry, the system memory, for a CPU worker."""
        if not self.accelerators:
            return (None if self.system_memory is None else round(self.system_memory * CPU_FRACTION),)
        return tuple(self._usable(a) for a in self.accelerators)

    def _usable(self, accelerator: Accelerator) -> int | None:
        memory = accelerator.memory
        if memory is None and accelerator.unified:
            memory = self.system_memory
        if memory is None:
            return None
        if not accelerator.unified:
            return memory
        fraction, _ = unified_share(accelerator, memory)
        return round(memory * (self.unified_fraction or fraction))


CPU_FRACTION = 0.9
"""Share of system memory left to a model: the operating system needs some; a default, not a measure."""


def unified_share(accelerator: Accelerator, memory: int) -> tuple[float, str]:
    """The share of unified memory the system lets a GPU wire, and where that is from."""
    if accelerator.vendor == "apple":
        share = 2 / 3 if memory <= 36 * GIB else 0.75
        return share, "default of macOS: two thirds up to 36 GB, three quarters above (iogpu.wired_limit_mb)"
    return 0.9, "default: nine tenths of the shared memory, the rest for the system"


@cache
def accelerators() -> tuple[Accelerator, ...]:
    """All bundled accelerators."""
    raw = json.loads((files("compat.engines") / "data" / "accelerators.json").read_text("utf-8"))
    return tuple(_accelerator(entry, raw["sources"]) for entry in raw["accelerators"])


def _accelerator(entry: dict[str, Any], sources: list[str]) -> Accelerator:
    memory, bandwidth = entry.get("gb"), entry.get("gb_s")
    return Accelerator(
        name=entry["name"],
        vendor=entry["vendor"],
        kind=entry["kind"],
        memory=None if memory is None else round(memory * GIB),
        bandwidth=None if bandwidth is None else bandwidth * 1e9,
        compute_capability=entry.get("cc"),
        sources=tuple(sources[i] for i in entry.get("src", ())),
        memory_options=tuple(round(gb * GIB) for gb in entry.get("gb_options", ())),
    )


_NOISE = frozenset(
    (
        *("nvidia", "amd", "apple", "intel", "geforce", "radeon", "graphics", "gpu", "tesla", "instinct"),
        *("generation", "rtx", "rx", "gtx"),
    )
)


def _words(name: str) -> tuple[str, ...]:
    return tuple(name.lower().replace("-", " ").replace("(", " ").replace(")", " ").split())


def find_accelerator(name: str, memory_gb: float | None = None) -> Accelerator | None:
    """The accelerator of that name, whole words only; ``memory_gb`` chooses between sizes of one name.

    None when no name agrees or several differ in memory and none was asked for.
    """
    for drop in (frozenset[str](), _NOISE):
        key = frozenset(_core(name, drop))
        found = [a for a in accelerators() if frozenset(_core(a.name, drop)) == key] if key else []
        if found:
            return _pick(found, memory_gb)
    return None


def _core(name: str, drop: frozenset[str]) -> tuple[str, ...]:
    words = [w for w in _words(name) if w not in drop]
    # "RTX 3060 12 GB" and "A100 80GB" are sizes of one name.
    while len(words) >= 2 and (
        words[-1] == "gb" or (words[-1].endswith("gb") and words[-1].removesuffix("gb").isdigit())
    ):
        words = words[:-2] if words[-1] == "gb" else words[:-1]
    return tuple(words)


def _pick(found: list[Accelerator], memory_gb: float | None) -> Accelerator | None:
    if memory_gb is not None:
        for one in found:
            if one.memory_options:
                return replace(one, memory=round(memory_gb * GIB))
            # Tools report the size minus what the driver keeps.
            if one.memory is not None and abs(one.memory / GIB - memory_gb) < 0.06 * memory_gb + 0.2:
                return one
        return None
    sizes = {a.memory for a in found}
    return found[0] if len(sizes) == 1 else None
