"""One load as a log tells it. Readers fill it in line by line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

MIB, GIB = 2**20, 2**30

MOST_BYTES = 2 * 1024 * 1024
"""Bytes of the longest log that is read."""

PARTS = ("weights", "kv", "state", "compute", "projector")
"""The parts of a load that logs tell and pages estimate, in the order of pages."""


TOO_LONG = (
    f"The log is larger than {MOST_BYTES // 2**20} MiB. "
    "Give the part from the start of the load to the first answers, pasted or as a file."
)
"""What to say of a longer one."""


class LogError(ValueError):
    """A text that cannot be read as a log; the message says why, and what to do, in whole sentences."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a load: bytes on each device by its name in the log, and in system memory.

    ``more`` names parts that the log does not tell apart from this one.
    """

    name: str
    devices: Mapping[str, int]
    host: int = 0
    more: tuple[str, ...] = ()

    @property
    def on_devices(self) -> int:
        """Bytes on all devices together."""
        return sum(self.devices.values())

    @property
    def bytes(self) -> int:
        """Bytes wherever they are."""
        return self.on_devices + self.host


def is_host(device: str) -> bool:
    """Whether a buffer of this name lies in system memory: ``CPU_Mapped``, ``CUDA_Host``, ``Host``."""
    return device.startswith("CPU") or device == "Host" or device.endswith("_Host")


@dataclass(slots=True)
class Load:
    """One load of one model. What a log did not tell is None, blank or empty.

    ``context`` are tokens of all sequences together, ``slots`` the sequences served at once, ``pool`` the tokens that a
    common cache holds. ``layers_on_gpu`` of ``layers_offered`` layers went to accelerators. ``ranks`` is over how many
    devices one replica was cut, ``stages`` how many parts of its layers that makes, ``replicas`` how many times the
    whole model was loaded: what is held is one replica's. ``spread``: experts are spread over the devices of all
    replicas. ``accelerators`` are the names the log gives its devices. ``peak`` is the most memory that the engine's
    library took. ``file_bytes`` are all weights as they are stored. ``planned``: the engine worked these numbers out
    before it loaded, and did not read them afterwards. ``library``: another program than llama.cpp's own server loaded
    with its library. ``stopped`` names the part for which there was no memory (``run``: it came after the load),
    ``wanted`` the bytes it asked for. ``decode`` are tokens a second of each answer that was written alone, ``prompt``
    of each prompt that was read; ``drafting``: something guessed ahead.
    """

    engine: str
    line: int = 0
    version: str = ""
    build: int | None = None
    name: str = ""
    file: str = ""
    architecture: str = ""
    quantization: str = ""
    parameters: int | None = None
    layers: int | None = None
    hidden: int | None = None
    file_bytes: int | None = None
    context: int | None = None
    slots: int | None = None
    pool: int | None = None
    k_type: str = ""
    v_type: str = ""
    unified: bool | None = None
    flash_attention: bool | None = None
    ubatch: int | None = None
    layers_on_gpu: int | None = None
    layers_offered: int | None = None
    ranks: int = 1
    stages: int = 1
    replicas: int = 1
    spread: bool = False
    accelerators: tuple[str, ...] = ()
    held: dict[str, dict[str, int]] = field(default_factory=dict)
    joined: dict[str, tuple[str, ...]] = field(default_factory=dict)
    beside: dict[str, int] = field(default_factory=dict)
    peak: int | None = None
    planned: bool = False
    library: bool = False
    stopped: str = ""
    wanted: int | None = None
    ready: bool = False
    prompt_tokens: int | None = None
    speeds: list[float] = field(default_factory=list)
    prompt_speeds: list[float] = field(default_factory=list)
    drafting: bool = False

    def add(self, part: str, device: str, size: float, *, instead: bool = False) -> None:
        """Bytes of a part on a device: more of it, or instead of what was told before."""
        found = self.held.setdefault(part, {})
        found[device] = round(size) + (0 if instead else found.get(device, 0))

    @property
    def parts(self) -> tuple[Part, ...]:
        """What was measured, part by part; what is zero everywhere is no part."""
        found = []
        for name in PARTS:
            sizes = self.held.get(name, {})
            devices = {device: size for device, size in sizes.items() if size and not is_host(device)}
            host = sum(size for device, size in sizes.items() if is_host(device))
            if devices or host:
                found.append(Part(name, devices, host, self.joined.get(name, ())))
        return tuple(found)

    def part(self, name: str) -> Part | None:
        """The part of that name."""
        return next((one for one in self.parts if one.name == name), None)

    @property
    def tells(self) -> bool:
        """Whether there is anything to compare."""
        return bool(self.parts or self.speeds or self.prompt_speeds or self.peak or self.file_bytes)

    @property
    def whole(self) -> bool:
        """Whether the load came to its end and says how large its weights are, or all of it."""
        loaded = self.peak is not None or (self.part("weights") is not None and len(self.parts) > 1)
        return loaded and not self.stopped

    @property
    def decode(self) -> float | None:
        """Tokens a second of writing: the middle of what was measured, without runs that waited or just began."""
        return _usual(self.speeds)

    @property
    def prompt(self) -> float | None:
        """Tokens a second of reading a prompt."""
        return _usual(self.prompt_speeds)

    @property
    def on_processor(self) -> bool:
        """Whether everything lies in system memory, on an engine that can compute it there."""
        nowhere_else = bool(self.parts) and not self.devices and self.engine in ("llama-cpp", "ollama")
        return self.layers_on_gpu == 0 or nowhere_else

    @property
    def devices(self) -> tuple[str, ...]:
        """The log's own names of the devices that hold something."""
        return tuple(dict.fromkeys(device for part in self.parts for device in part.devices))


def _usual(speeds: list[float]) -> float | None:
    best = max(speeds, default=0.0)
    return median(speed for speed in speeds if speed >= best / 2) if best else None
