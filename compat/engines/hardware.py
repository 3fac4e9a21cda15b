"""Accelerators and machines: how much memory a model may use, and how fast it is read.

The list is a compact copy of public tables; every entry keeps the names of its sources. Sizes are bytes, bandwidths
bytes per second. A nameplate "24 GB" of a graphics card is 24 GiB.
"""

import re
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from compat.engines.gpu_capability import VENDOR_PLATFORMS
from compat.strict_data import Name, StrictTable, check_table, one_of, parse_json, read_text

GIB = 1024**3
MOST_ACCELERATORS = 16
"""So many accelerators of a machine are judged."""


@dataclass(frozen=True)
class Accelerator:
    """One kind of device. ``memory`` in bytes, ``bandwidth`` in bytes a second; None is unknown.

    ``tflops`` are trillions of 16-bit operations a second, without tensor cores, as tables give them.
    ``compute_capability`` is NVIDIA's (8.9), ``gfx`` AMD's name of a generation (``gfx942``).
    ``memory_options``: the sizes in bytes a shared memory is sold in, where the name alone does not tell. ``also`` is
    what else it is called; :mod:`compat.engines.accelerator_names` reads names. ``on_board``: so many of them are one
    board, and engines see each by itself.
    """

    name: str
    vendor: str
    kind: str
    memory: int | None = None
    bandwidth: float | None = None
    tflops: float | None = None
    compute_capability: float | None = None
    gfx: str | None = None
    sources: tuple[str, ...] = ()
    memory_options: tuple[int, ...] = ()
    also: tuple[str, ...] = ()
    on_board: int = 1

    @property
    def unified(self) -> bool:
        """Whether the device shares the machine's memory."""
        return self.kind == "unified"

    @property
    def of_laptop(self) -> bool:
        """Whether it is built into laptops, so that no second one comes beside it."""
        return bool(_OF_LAPTOPS.search(self.name))

    @property
    def integer_rate(self) -> float | None:
        """32-bit integer operations a second, by which packed weights are unpacked; None where it is not known."""
        if self.vendor == "apple":
            share: float | None = _SHARED if _FIRST_OF_APPLE.search(self.name) else 1.0
        else:
            kind = f"{self.vendor} {self.compute_capability}"
            if kind in _INTEGER_RATES:
                return _INTEGER_RATES[kind]
            share = _INTEGERS.get(kind)
        return None if share is None or self.tflops is None else self.tflops * 1e12 * share


_OF_LAPTOPS = re.compile(
    r"\b(?:Laptop|Mobile|TiM)\b|^(?:MX\d{3}|940MX)$"
    r"|^(?!RTX PRO 6000).*\bMax-Q\b|^(?:Arc|RX|Radeon|GTX)\b.*\d(?:[MS]|MX|M XT)$",
    re.IGNORECASE,
)
"""How makers name what they build into laptops. The largest workstation card is a Max-Q as well, and a card to buy."""
_SHARED = 1 / 2
"""What is left to integers where one pipe computes them and floating point in turn."""
_FIRST_OF_APPLE = re.compile(r"\bM[12]\b")
"""Apple's before the M3, whose units were the first to compute integers beside floating point."""
_BOOSTED = 1.2
"""How much faster than their nameplate says cards of 8.6 and 8.9 were seen to run: those for players, mostly."""
_INTEGERS = {
    "nvidia 6.0": _SHARED / 2,
    "nvidia 6.1": _SHARED,
    "nvidia 7.0": 1 / 2,
    "nvidia 7.2": 1 / 2,
    "nvidia 7.5": 1 / 2,
    "nvidia 8.0": 1 / 4,
    "nvidia 8.6": _BOOSTED / 2,
    "nvidia 8.7": 1 / 4,
    "nvidia 8.9": _BOOSTED / 2,
    "nvidia 9.0": 1 / 8,
    "nvidia 12.0": 1.0,
    "nvidia 12.1": 1.0,
}
"""Integer operations to each of the 16-bit ones that tables list, by NVIDIA's compute capability.

Two things in one, from NVIDIA's descriptions of the architectures: tables count once to four times the 32-bit rate, and
since 8.6 half of a multiprocessor's lanes compute no integers, until 12.0 makes them all alike again.
"""


_INTEGER_RATES = dict.fromkeys(("nvidia 10.0", "nvidia 10.3"), 148 * 64 * 2 * 1.965e9)
"""Where tables disagree about the 16-bit operations: 148 multiprocessors of 64 lanes that compute integers, a
multiplication and an addition each, at 1.965 GHz, as B200 tells of itself."""


@dataclass(frozen=True)
class Hardware:
    """A machine: its accelerators (none for a CPU worker) and its system memory in bytes.

    ``system_bandwidth`` is what the processor reads of that memory, in bytes a second; None is not told.
    ``unified_fraction`` is the share of a unified memory a model may take.
    """

    accelerators: tuple[Accelerator, ...] = ()
    system_memory: int | None = None
    system_bandwidth: float | None = None
    unified_fraction: float | None = None

    @property
    def unified(self) -> bool:
        """Whether accelerator and system share one memory."""
        return any(a.unified for a in self.accelerators)

    def with_cards(self, cards: tuple[int, ...] | None) -> Self:
        """The machine with these of its accelerators alone, counted from 0; with all of them where None are told."""
        if cards is None:
            return self
        return replace(self, accelerators=tuple(self.accelerators[number] for number in cards))

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


_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Card(StrictTable):
    """An entry of ``accelerators.json``: sizes in GB as on the box, ``gb_s`` in GB/s, ``tflops`` of 16 bits,
    ``cc`` NVIDIA's compute capability, ``gfx`` AMD's name of the generation, ``also`` what else it is called,
    ``on_board`` how many of it are one board, ``src`` the numbers of its sources, counted from 0.
    """

    name: Name
    also: list[Name] = []
    vendor: Annotated[str, one_of(*(vendor for vendor in VENDOR_PLATFORMS if vendor != "cpu"))]
    kind: Annotated[str, one_of("gpu", "unified")]
    gb: _Positive | None = None
    gb_s: _Positive | None = None
    tflops: _Positive | None = None
    cc: _Positive | None = None
    gfx: Annotated[str, StringConstraints(pattern="^gfx[0-9a-f]{3,4}$")] | None = None
    gb_options: list[_Positive] = []
    on_board: Annotated[int, Field(ge=1, le=MOST_ACCELERATORS)] = 1
    src: Annotated[list[int], Field(min_length=1)]

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.kind == "gpu" and self.gb is None:
            raise ValueError("gb is missing")
        if self.kind == "gpu" and self.gb_options:
            raise ValueError("gb_options is only for kind unified")
        if self.cc is not None and self.vendor != "nvidia":
            raise ValueError("cc is only for vendor nvidia")
        if self.gfx is not None and self.vendor != "amd":
            raise ValueError("gfx is only for vendor amd")
        return self


class _Cards(StrictTable):
    note: str
    sources: list[Name]
    accelerators: Annotated[list[_Card], Field(min_length=1)]

    @model_validator(mode="after")
    def _agree(self) -> Self:
        seen: dict[tuple[str, float | None], int] = {}
        for number, card in enumerate(self.accelerators, 1):
            place = f"accelerators {number} ({card.name})"
            for source in card.src:
                if not 0 <= source < len(self.sources):
                    raise ValueError(f"{place}: src names source {source}, but they end at {len(self.sources) - 1}")
            first = seen.setdefault((card.name.lower(), card.gb), number)
            if first != number:
                raise ValueError(f"{place}: name and gb are those of entry {first}")
        return self


def read_accelerators(text: str, filename: str = "accelerators.json") -> tuple[Accelerator, ...]:
    """Accelerators from the text of such a file; raises ``DataError`` naming the file, the card and the field."""
    told = check_table(_Cards, parse_json(text, filename), filename)
    return tuple(_accelerator(card, told.sources) for card in told.accelerators)


@cache
def accelerators() -> tuple[Accelerator, ...]:
    """All bundled accelerators; raises ``DataError`` where the file is wrong."""
    return read_accelerators(read_text(files("compat.engines") / "data" / "accelerators.json"))


def _accelerator(card: _Card, sources: list[str]) -> Accelerator:
    return Accelerator(
        name=card.name,
        vendor=card.vendor,
        kind=card.kind,
        memory=None if card.gb is None else round(card.gb * GIB),
        bandwidth=None if card.gb_s is None else card.gb_s * 1e9,
        tflops=card.tflops,
        compute_capability=card.cc,
        gfx=card.gfx,
        sources=tuple(sources[number] for number in card.src),
        memory_options=tuple(round(gb * GIB) for gb in card.gb_options),
        also=tuple(card.also),
        on_board=card.on_board,
    )
