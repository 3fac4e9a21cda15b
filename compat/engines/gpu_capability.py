"""What a worker's accelerator can do: just enough for a rule to say "this packing needs a newer GPU"."""

from __future__ import annotations

from dataclasses import dataclass

VENDOR_PLATFORMS: dict[str, tuple[str, ...]] = {
    "nvidia": ("cuda", "vulkan"),
    "amd": ("rocm", "vulkan"),
    "apple": ("metal",),
    "intel": ("xpu", "vulkan"),
    "qualcomm": ("vulkan",),
    "cpu": ("cpu",),
}
"""The platforms (as profiles name them) that each vendor's hardware offers."""

PLATFORM_LABELS = {
    "cuda": "NVIDIA GPUs",
    "rocm": "AMD GPUs",
    "metal": "Apple silicon",
    "xpu": "Intel GPUs",
    "vulkan": "any GPU with Vulkan",
    "cpu": "the processor alone",
}

VENDOR_LABELS = {
    "nvidia": "an NVIDIA GPU",
    "amd": "an AMD GPU",
    "apple": "Apple silicon",
    "intel": "an Intel GPU",
    "qualcomm": "a Qualcomm GPU",
    "cpu": "no GPU",
}
"""What a worker has, by its vendor."""

KIND_LABELS = {
    "nvidia": "NVIDIA GPUs",
    "amd": "AMD GPUs",
    "apple": "Apple silicon",
    "intel": "Intel GPUs",
    "qualcomm": "Qualcomm GPUs",
    "cpu": "processors",
}
"""All hardware of that kind."""

_GENERATIONS = (
    (10.0, "Blackwell"),
    (9.0, "Hopper"),
    (8.9, "Ada"),
    (8.0, "Ampere"),
    (7.5, "Turing"),
    (7.0, "Volta"),
    (6.0, "Pascal"),
    (5.0, "Maxwell"),
    (3.0, "Kepler"),
)


_AMD_GENERATIONS = {
    "gfx906": "Instinct MI50",
    "gfx908": "Instinct MI100",
    "gfx90a": "Instinct MI200",
    "gfx942": "Instinct MI300",
    "gfx950": "Instinct MI350",
    "gfx1100": "Radeon RX 7900",
    "gfx1101": "Radeon RX 7700",
    "gfx1200": "Radeon RX 9060",
    "gfx1201": "Radeon RX 9070",
}


def amd_generation_name(gfx: str) -> str:
    """What AMD's name of a generation means to people: ``Instinct MI300 (gfx942)`` for ``gfx942``."""
    return f"{_AMD_GENERATIONS[gfx]} ({gfx})" if gfx in _AMD_GENERATIONS else gfx


def generation_name(compute_capability: float) -> str:
    """The name of the NVIDIA GPU generation of a compute capability, such as ``Ada`` for 8.9."""
    return next((name for least, name in _GENERATIONS if compute_capability >= least), "older than Kepler")


@dataclass(frozen=True, slots=True)
class Capability:
    """The accelerators of a machine: ``nvidia``, ``amd``, ``apple``, ``intel``, ``qualcomm`` or ``cpu``, and how many.

    ``compute_capability`` is NVIDIA's (8.9) and ``gfx`` AMD's name of the generation (``gfx942``), where known.
    ``integrated``: they are inside a processor and share the system's memory.
    """

    vendor: str
    compute_capability: float | None = None
    gfx: str | None = None
    count: int = 1
    integrated: bool = False

    def __post_init__(self) -> None:
        if self.vendor not in VENDOR_PLATFORMS:
            raise ValueError(f"vendor {self.vendor!r}: use one of {', '.join(VENDOR_PLATFORMS)}")

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platforms an engine may use on it."""
        return VENDOR_PLATFORMS[self.vendor]
