"""The constants of speed: what was measured of an engine on a class of hardware, read from ``speed_constants.json``.

The file is written by ``python -m tools.evaluation.calibrate`` from the measured runs. A pair that is not in it was not
measured often enough, and gets no number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Self, TypeVar

from pydantic import AfterValidator, Field, model_validator

from compat.engines.gpu_capability import VENDOR_PLATFORMS
from compat.engines.hardware import Accelerator
from compat.estimate.engine_names import ENGINES
from compat.estimate.token_work import CODES
from compat.strict_data import StrictTable, check_table, parse_json, read_text

_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Least = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Count = Annotated[int, Field(gt=0)]
_Value = TypeVar("_Value")


def hardware_class(accelerator: Accelerator | None) -> str:
    """Devices whose kernels behave alike: vendor, shared memory, age, whether for computing; ``cpu`` for none."""
    if accelerator is None:
        return "cpu"
    if accelerator.unified:
        return accelerator.vendor + "-unified"
    if accelerator.vendor == "nvidia" and (accelerator.compute_capability or 8.6) < 7.0:
        # Pascal alone was measured, and multiplies bytes in a way that nothing older does.
        return "nvidia-before-6.0" if (accelerator.compute_capability or 8.6) < 6.0 else "nvidia-before-7.0"
    if accelerator.vendor == "nvidia" and accelerator.compute_capability in _FOR_COMPUTING:
        return "nvidia-compute"
    if accelerator.vendor == "amd" and (accelerator.gfx or "").startswith("gfx9"):
        return "amd-compute"
    if accelerator.vendor == "intel" and not _BATTLEMAGE.search(accelerator.name):
        return "intel-before-xe2"
    return accelerator.vendor


_BATTLEMAGE = re.compile(r"\bB\d{2,3}\b")
"""In names of Intel's graphics cards from Battlemage (Xe2) on. Of the speed of their memory the ones
before reach half as much: 9.8 words a second on two A770, 20.4 on one B70, of 27 billion weights packed alike."""


_FOR_COMPUTING = (7.0, 8.0, 9.0, 10.0, 10.3)
"""Compute capabilities of NVIDIA's chips with stacked memory: it is read faster, later and from a lower clock than that
of a graphics card of the same age, so that a layer costs more beside what it reads."""

_VENDORS = tuple(vendor for vendor in VENDOR_PLATFORMS if vendor != "cpu")
HARDWARE_CLASSES = (
    *_VENDORS,
    *(f"{vendor}-unified" for vendor in _VENDORS),
    *("nvidia-before-6.0", "nvidia-before-7.0", "nvidia-compute", "amd-compute", "intel-before-xe2", "cpu"),
)
"""Every class of a device."""

CLASS_WORDS = {
    "nvidia": "NVIDIA graphics cards",
    "nvidia-before-6.0": "NVIDIA graphics cards older than Pascal",
    "nvidia-before-7.0": "NVIDIA graphics cards of the Pascal generation",
    "nvidia-compute": "NVIDIA accelerators for computing (V100, A100, H100 and their like)",
    "nvidia-unified": "NVIDIA machines with one memory for all",
    "amd": "AMD graphics cards",
    "amd-compute": "AMD accelerators for computing (Instinct, Radeon VII)",
    "amd-unified": "AMD processors with one memory for all",
    "apple-unified": "Apple silicon",
    "intel": "Intel graphics cards of the Battlemage generation",
    "intel-before-xe2": "Intel graphics cards older than Battlemage",
    "intel-unified": "Intel graphics that share the system's memory",
    "qualcomm-unified": "Qualcomm graphics that share the system's memory",
    "cpu": "processors",
}
"""What people call a class, where there are devices of it."""
_NAMELESS = "accelerators of such a kind"


def class_words(hardware: str) -> str:
    """What people call a class; of a device of which only memory and bandwidth are told there is no name."""
    return CLASS_WORDS.get(hardware, _NAMELESS)


BACKENDS = {
    **dict.fromkeys(("nvidia", "nvidia-before-6.0", "nvidia-before-7.0", "nvidia-compute", "nvidia-unified"), "CUDA"),
    **dict.fromkeys(("amd", "amd-compute", "amd-unified"), "ROCm or Vulkan"),
    "apple-unified": "Metal",
    **dict.fromkeys(("intel", "intel-before-xe2", "intel-unified"), "SYCL or Vulkan"),
    "qualcomm-unified": "Vulkan",
    "cpu": "CPU",
}
"""What engines compute with on a class: of those that were measured, what the runs were made with. On AMD's they
were made with either, and one number stands for both.
"""


class Bounds(StrictTable):
    """How far measured runs lay from their estimates, whose family of models was left out of the calibration.

    ``low`` and ``high`` bound five sixths of the ratios of measured to estimated, and more where few families were
    measured.
    """

    low: _Positive
    high: _Positive

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low is {self.low}, above high, which is {self.high}")
        return self


class Spread(Bounds):
    """The bounds, and how many runs on how many machines they are from.

    ``mixtures`` are those of mixtures of experts, where enough were measured to tell them apart: they differ more.
    """

    runs: _Count
    machines: _Count
    mixtures: Bounds | None = None

    @property
    def runs_told(self) -> str:
        """How many there were: ``1 measured run``, ``17 measured runs``."""
        return f"{self.runs} measured run" if self.runs == 1 else f"{self.runs} measured runs"

    def bounds(self, *, experts: bool) -> Bounds:
        """The bounds of dense models, or of mixtures."""
        return self.mixtures if experts and self.mixtures is not None else self


class Constants(Spread):
    """One engine on one class of hardware: the share of the nameplate bandwidth, and seconds to start a layer.

    ``cache`` is the share at which a cache is read, where it is another one than the engine's: of layers in system
    memory, whose attention the processor computes.
    """

    efficiency: _Positive
    launch: _Least
    cache: _Positive | None = None


class Reading(Spread):
    """How fast one engine reads a prompt on one class of hardware.

    ``efficiency`` is the share of the nameplate's 16-bit operations, above 1 where tensor cores help; ``experts`` what
    of it is left with a mixture. ``attention``: looking back takes so many times as long as its operations would.
    """

    efficiency: _Positive
    experts: _Positive
    attention: _Least


_VARIATIONS = (
    "experts",
    "routing",
    "state",
    "cache",
    *(f"{what}:{codes}" for what in ("codes", "launch") for codes in CODES),
    "unpacking",
    "ahead",
)


def _known_variations(shared: dict[str, float]) -> dict[str, float]:
    for name in shared:
        if name not in _VARIATIONS:
            raise ValueError(f"{name} is not one of {', '.join(_VARIATIONS)}")
    return shared


def _named_by_engine(shared: dict[str, _Value]) -> dict[str, _Value]:
    for engine in shared:
        _check_engine(engine, engine)
    return shared


def _named_by_pair(classes: dict[str, _Value]) -> dict[str, _Value]:
    for name in classes:
        engine, _, hardware = name.partition("|")
        _check_engine(engine, name)
        if hardware not in HARDWARE_CLASSES:
            raise ValueError(f"{name!r} should end with one of {', '.join(HARDWARE_CLASSES)}")
    return classes


def _check_engine(engine: str, name: str) -> None:
    known = sorted(ENGINES - {"ollama", "lmstudio"})
    if engine not in known:
        raise ValueError(f"{name!r} should begin with one of {', '.join(known)}")


class Calibration(StrictTable):
    """What ``speed_constants.json`` holds.

    ``shared``: an engine's variations with the kind of layer and packing, and ``unpacking``, the integer operations
    that a packed weight takes, and ``ahead``, the share of the shorter of reading and starting that passes during the
    other; ``mixtures``: how many runs of mixtures of experts were measured of it; ``classes``: :class:`Constants` by
    ``engine|hardware``.
    ``split``: by engine, several devices that hold whole layers each. ``offload``: by engine, layers in system memory
    beside accelerators; ``experts``: the same of engines that move experts there instead. ``together``: by
    ``engine|hardware``, devices that compute every layer together; ``efficiency`` is then what remains of their common
    bandwidth, ``launch`` the seconds by which they wait for another in each layer.
    ``reading``: :class:`Reading` by ``engine|hardware``.
    """

    note: str
    shared: Annotated[
        dict[str, Annotated[dict[str, _Least], AfterValidator(_known_variations)]], AfterValidator(_named_by_engine)
    ]
    mixtures: Annotated[dict[str, _Count], AfterValidator(_named_by_engine)] = {}
    classes: Annotated[dict[str, Constants], AfterValidator(_named_by_pair)]
    split: Annotated[dict[str, Constants], AfterValidator(_named_by_engine)] = {}
    offload: Annotated[dict[str, Constants], AfterValidator(_named_by_engine)] = {}
    experts: Annotated[dict[str, Constants], AfterValidator(_named_by_engine)] = {}
    together: Annotated[dict[str, Constants], AfterValidator(_named_by_pair)] = {}
    reading: Annotated[dict[str, Reading], AfterValidator(_named_by_pair)] = {}


def read_calibration(text: str, filename: str = "speed_constants.json") -> Calibration:
    """Calibration from the text of such a file; raises ``DataError`` naming the file, the entry and the field."""
    return check_table(Calibration, parse_json(text, filename), filename)


@cache
def calibration() -> Calibration:
    """The bundled calibration; raises ``DataError`` where its file is wrong."""
    return read_calibration(read_text(files("compat.estimate") / "data" / "speed_constants.json"))


def kernels_of(engine: str) -> str:
    """The engine whose kernels run: Ollama and LM Studio run llama.cpp's."""
    return "llama.cpp" if engine in ("ollama", "lmstudio") else engine


_NOT_AS_MEASURED = frozenset({("ollama", "intel"), ("lmstudio", "intel")})
"""Engines that compute on a class with another backend than what was measured there: these have Vulkan alone on Intel's
cards, which on one B70 wrote 102 words a second where SYCL wrote 216."""


def measured_pair(engine: str, hardware: str) -> str:
    """What was measured of an engine's kernels on a class of hardware, as the calibration names it."""
    kernels = engine if (engine, hardware) in _NOT_AS_MEASURED else kernels_of(engine)
    return f"{kernels}|{hardware}"


def shared_constants(engine: str, found: Calibration) -> Mapping[str, float]:
    """The engine's variations with the kind of layer and code."""
    return found.shared.get(kernels_of(engine), {})
