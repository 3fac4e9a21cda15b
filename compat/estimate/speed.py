"""Decode speed: how fast the bytes of one token can be read, and what each token costs besides.

One token reads every active weight and the cache of the tokens before it, and starts the kernels of
every layer: ``seconds = weights / (e x bandwidth) + cache / (k x bandwidth) + layers x launch``. The
share ``e`` of the nameplate bandwidth, the launch time and their variations (experts, recurrent layers,
low-bit codes) are calibrated per engine and class of hardware from measured runs; see ``calibrate``.
An engine on a class of hardware without measured runs gets no estimate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from compat.architectures import LayerKind
from compat.engines.gpu_capability import VENDOR_PLATFORMS
from compat.engines.hardware import Accelerator
from compat.estimate.engine_names import ENGINES, LLAMA_FAMILY, engine_name
from compat.estimate.quant import kv_bits
from compat.estimate.weights import Weights, estimate_weights
from compat.shapes.counting import active_parameters
from compat.shapes.shape import ModelShape
from compat.strict_data import StrictTable, check_table, parse_json, read_text

_WINDOWED = (LayerKind.WINDOW, LayerKind.CHUNK)


@dataclass(frozen=True)
class Work:
    """What one token costs: bytes read from weights and cache, layers run."""

    weight_bytes: float
    cache_bytes: float
    layers: int
    state_layers: int
    experts: bool
    codes: str


_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Count = Annotated[int, Field(gt=0)]


class Constants(StrictTable):
    """One calibrated pair of engine and hardware class. ``launch`` in seconds per layer.

    ``low`` and ``high`` bound the middle four fifths of the calibration's ratios of measured to estimated.
    """

    efficiency: _Positive
    launch: _Positive
    low: _Positive
    high: _Positive
    runs: _Count
    machines: _Count

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low is {self.low}, above high, which is {self.high}")
        return self


@dataclass(frozen=True)
class SpeedEstimate:
    """Tokens a second for one sequence: the estimate and its range; None with the ``reason`` why not."""

    tokens_per_second: float | None
    low: float | None = None
    high: float | None = None
    basis: str = ""
    reason: str = ""


def hardware_class(accelerator: Accelerator | None) -> str:
    """Devices whose kernels behave alike: vendor, shared memory, and NVIDIA's age."""
    if accelerator is None:
        return "cpu"
    if accelerator.unified:
        return accelerator.vendor + "-unified"
    if accelerator.vendor == "nvidia" and (accelerator.compute_capability or 8.0) < 7.0:
        return "nvidia-before-7.0"
    return accelerator.vendor


_VENDORS = tuple(vendor for vendor in VENDOR_PLATFORMS if vendor != "cpu")
HARDWARE_CLASSES = (*_VENDORS, *(f"{vendor}-unified" for vendor in _VENDORS), "nvidia-before-7.0")
"""Every class of a device."""


_SCHEMES = ("awq", "gptq", "fp8", "nvfp4", "mxfp4")


def codes_of(quant: str | None, engine: str) -> str:
    """How the weights are unpacked: ``wide``, ``blocks``, ``lattice`` (IQ1 to IQ3), or the scheme's name."""
    name = (quant or "").lower().removeprefix("ud-").replace("_", "-")
    if name in ("bf16", "f16", "fp16", "f32", "fp32"):
        return "wide"
    if engine in LLAMA_FAMILY:
        return "lattice" if name.startswith(("iq1", "iq2", "iq3", "tq")) else "blocks"
    for scheme in _SCHEMES:
        if name.startswith(scheme):
            return scheme
    return "blocks"


def cache_read(shape: ModelShape, depth: int, kv_type: str = "f16") -> float | None:
    """Bytes of cache one token reads after ``depth`` others."""
    bits = kv_bits(kv_type) or 16.0
    if shape.caches is None:
        return None
    total = 0.0
    for layer in shape.caches:
        seen = min(depth, layer.window) if layer.kind in _WINDOWED and layer.window else depth
        total += (layer.k_width + layer.v_width) * bits / 8 * seen
    return total


_NEGLIGIBLE = 0.05


def _cache_at_most(shape: ModelShape, depth: int, kv_type: str) -> float | None:
    if not (shape.layers and shape.kv_heads and shape.head_dim):
        return None
    return 2 * shape.layers * shape.kv_heads * shape.head_dim * (kv_bits(kv_type) or 16.0) / 8 * depth


def token_work(
    shape: ModelShape, weights: Weights, engine: str, quant: str | None, depth: int, kv_type: str = "f16"
) -> Work | str:
    """What one token costs, or the fact that is missing."""
    if weights.total is None:
        return ", ".join(weights.missing) or "size of the weights"
    if shape.layers is None:
        return "layers"
    if weights.parts is None:
        return "parameters by tensor class"
    used = active_parameters(shape, weights.parts.total)
    if used is None:
        return "active parameters"
    table = weights.parts.embed if weights.parts.head else 0
    unread = weights.parts.total - weights.parts.lookup - table - used
    body = weights.mix.body if weights.mix is not None else 16.0
    read = weights.total - weights.lookup - ((weights.embed or 0) if table else 0) - unread * body / 8
    cached = cache_read(shape, depth, kv_type)
    if cached is None:
        # Layers unknown: if even all of them together hardly matter, count all; otherwise do not guess.
        cached = _cache_at_most(shape, depth, kv_type)
        if cached is None or cached > _NEGLIGIBLE * read:
            return "which layers keep keys and values"
    return Work(
        max(read, 0.0),
        cached,
        shape.layers,
        shape.state_layers,
        bool(shape.experts),
        codes_of(quant, engine),
    )


def seconds_per_token(
    work: Work, bandwidth: float, efficiency: float, launch: float, shared: Mapping[str, float]
) -> float:
    """The model itself; ``shared`` holds what varies with the kind of layer and code, 1 where absent."""
    rate = bandwidth * efficiency * shared.get("codes:" + work.codes, 1.0)
    if work.experts:
        rate *= shared.get("experts", 1.0)
    starts = (work.layers + shared.get("state", 0.0) * work.state_layers) * launch
    starts *= shared.get("launch:" + work.codes, 1.0)
    return work.weight_bytes / rate + work.cache_bytes / (bandwidth * shared.get("cache", 0.6)) + starts


_CODES = ("wide", "blocks", "lattice", *_SCHEMES)
_VARIATIONS = ("experts", "state", "cache", *(f"{what}:{codes}" for what in ("codes", "launch") for codes in _CODES))


def _known_variations(shared: dict[str, float]) -> dict[str, float]:
    for name in shared:
        if name not in _VARIATIONS:
            raise ValueError(f"{name} is not one of {', '.join(_VARIATIONS)}")
    return shared


def _named_by_engine(shared: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    for engine in shared:
        _check_engine(engine, engine)
    return shared


def _named_by_pair(classes: dict[str, Constants]) -> dict[str, Constants]:
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
    """What ``speed_constants.json`` holds: variations by engine, and :class:`Constants` by ``engine|hardware``."""

    note: str
    shared: Annotated[
        dict[str, Annotated[dict[str, _Positive], AfterValidator(_known_variations)]], AfterValidator(_named_by_engine)
    ]
    classes: Annotated[dict[str, Constants], AfterValidator(_named_by_pair)]


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


def constants(engine: str, hardware: str) -> Constants | None:
    """The calibration of an engine on a class of hardware; None when nothing was measured."""
    return calibration().classes.get(f"{kernels_of(engine)}|{hardware}")


def shared_constants(engine: str) -> dict[str, float]:
    """The engine's variations with the kind of layer and code."""
    return calibration().shared.get(kernels_of(engine), {})


def estimate_speed(
    shape: ModelShape | None,
    engine: str,
    accelerator: Accelerator | None,
    *,
    file_bytes: int | None = None,
    parameters: int | None = None,
    quant: str | None = None,
    depth: int = 1024,
    kv_type: str = "f16",
) -> SpeedEstimate:
    """Tokens a second of one sequence with the whole model on ``accelerator``, ``depth`` tokens in."""
    engine = engine_name(engine)
    if accelerator is None:
        return SpeedEstimate(None, reason="the memory bandwidth of a CPU worker is not known")
    if accelerator.bandwidth is None:
        return SpeedEstimate(None, reason=f"the memory bandwidth of {accelerator.name} is not known")
    kind = hardware_class(accelerator)
    found = constants(engine, kind)
    if found is None:
        return SpeedEstimate(None, reason=f"no measured runs of {engine} on {kind} hardware")
    if shape is None:
        return SpeedEstimate(None, reason="the model's shape is not known")
    weights = estimate_weights(shape, file_bytes=file_bytes, parameters=parameters, quant=quant, engine=engine)
    work = token_work(shape, weights, engine, quant, depth, kv_type)
    if isinstance(work, str):
        return SpeedEstimate(None, reason=f"{work} not known")
    rate = 1 / seconds_per_token(work, accelerator.bandwidth, found.efficiency, found.launch, shared_constants(engine))
    runs = f"{found.runs} runs of {kernels_of(engine)} on {found.machines} {kind} devices"
    basis = f"memory bandwidth, calibrated on {runs}"
    return SpeedEstimate(rate, rate * found.low, rate * found.high, basis)
