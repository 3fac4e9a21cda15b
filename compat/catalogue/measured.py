"""A log held against what pages show: the same functions, asked with what the log tells of the load.

Whatever the log does not tell is the worker's that the page is for. The numbers of a log are compared with those of the
load that it tells of: its context, its cache, its slots, its machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from compat.catalogue.detail import PART_WORDS
from compat.catalogue.needs import inputs_of_variant
from compat.catalogue.same_model import Match, Same, match_of
from compat.catalogue.workers import Machine, Worker, not_together
from compat.engines import all_profiles
from compat.engines.accelerator_names import find_accelerator, label_of
from compat.engines.cards import Cards
from compat.engines.hardware import Hardware
from compat.estimate import (
    FitResult,
    LoadOptions,
    ReadingEstimate,
    SpeedEstimate,
    VariantInputs,
    estimate_memory,
    estimate_reading,
    estimate_speed,
    judge_fit,
)
from compat.estimate.cache_types import CacheTypes, cache_types
from compat.estimate.engine_names import ENGINE_WORDS, LLAMA_FAMILY, PAGED, engine_name
from compat.estimate.fit import Fit
from compat.estimate.memory import MemoryEstimate
from compat.extraction.extract import format_label
from compat.extraction.filenames import read_name
from compat.logs import Load, Part, ReadLog
from compat.logs.load import GIB, MIB
from compat.models import ModelRecord, RecordVariant

_WORDS = {**PART_WORDS, "peak": "Peak memory"}
_UNTOLD = {
    "weights": "the weights",
    "kv": "the KV cache",
    "compute": "the compute buffers",
    "memory": "any size of memory",
    "model": "the model's name",
    "context": "the context",
    "speed": "the speed of writing",
}
_STAGES = {
    "weights": "while it loaded the weights",
    "kv": "when it took the KV cache",
    "compute": "when it took its compute buffers",
    "run": "after it was loaded, while it computed",
}


@dataclass(frozen=True, slots=True)
class ComparedPart:
    """One part: bytes estimated (None: cannot be told) and measured, and those on each device as the log names it."""

    name: str
    words: str
    estimated: int | None
    measured: int
    devices: Mapping[str, int]
    host: int = 0

    @property
    def difference(self) -> float | None:
        """How far the estimate lies from the measurement, as a fraction of that; above zero it is too high."""
        return None if self.estimated is None or not self.measured else self.estimated / self.measured - 1


@dataclass(frozen=True, slots=True)
class ComparedSpeed:
    """Tokens a second measured and estimated, with the range that pages show, or the reason why there is no number."""

    words: str
    measured: float
    estimated: float | None
    low: float | None
    high: float | None
    reason: str

    @property
    def difference(self) -> float | None:
        """As a part's."""
        return None if self.estimated is None else self.estimated / self.measured - 1

    @property
    def inside(self) -> bool | None:
        """Whether the measurement lies in the range that pages show."""
        return None if self.low is None or self.high is None else self.low <= self.measured <= self.high


@dataclass(frozen=True)
class Comparison:
    """A log beside the estimate. Without ``parts`` and speeds nothing was compared, and ``match`` or ``notes`` say why.

    ``worker`` is the one compared with: the log's engine, and the machine and options that the log tells.
    ``missing`` are words for what such a log usually tells and this one does not, ``beyond`` says that it cannot be of
    this machine.
    """

    log: ReadLog
    match: Match
    worker: Worker
    variant: RecordVariant | None
    parts: tuple[ComparedPart, ...] = ()
    decode: ComparedSpeed | None = None
    prompt: ComparedSpeed | None = None
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sentence: str = ""
    options: Mapping[str, object] | None = None
    beyond: str = ""

    @property
    def load(self) -> Load:
        """The load that the log tells of."""
        return self.log.load

    @property
    def compared(self) -> bool:
        """Whether anything was compared."""
        return bool(self.parts or self.decode or self.prompt)

    @cached_property
    def total(self) -> ComparedPart | None:
        """All parts that could be compared, together; None for fewer than two."""
        both = [part for part in self.parts if part.estimated is not None]
        if len(both) < 2:
            return None
        return ComparedPart(
            "total",
            "These together",
            sum(part.estimated or 0 for part in both),
            sum(part.measured for part in both),
            _summed([part.devices for part in both]),
            sum(part.host for part in both),
        )

    @property
    def why_not_kept(self) -> str:
        """Why this is no measurement to keep, as a sentence; blank where it is one."""
        if self.match.same is Same.NO:
            return "A log of another model is not kept."
        if self.beyond:
            return self.beyond
        if self.load.planned:
            return "What an engine only planned is not kept as a measurement."
        if self.load.stopped:
            return "A load that did not come to its end is not kept."
        if not any(part.estimated is not None for part in self.parts) and self.decode is None:
            return "There is nothing in it to keep."
        return ""


def _summed(all_devices: Sequence[Mapping[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for devices in all_devices:
        for device, size in devices.items():
            found[device] = found.get(device, 0) + size
    return found


def compare(record: ModelRecord, variants: Sequence[RecordVariant], worker: Worker, log: ReadLog) -> Comparison:
    """Hold a log against what the page of this record shows for such a load."""
    load, match = log.load, match_of(record, log.load)
    asked, notes = _asked(worker, load)
    variant, said = _variant(record, variants, load)
    if said:
        notes.append(said)
    notes += _about(log)
    found = Comparison(
        log,
        match,
        asked,
        variant,
        missing=tuple(_UNTOLD[name] for name in log.missing),
        notes=tuple(notes),
        sentence=_stopped(load),
        options=_told_options(load),
    )
    if match.same is Same.NO:
        return found
    inputs, _ = inputs_of_variant(record, variant)
    hardware = _hardware(asked, load)
    options = _options(asked, load)
    engine = asked.profile.slug
    fit = judge_fit(inputs, engine, hardware, options) if hardware is not None else None
    estimate = fit.estimate if fit is not None else estimate_memory(inputs, engine, None, options)
    parts = _peak(load, estimate) if load.peak is not None else _parts(load, estimate, hardware)
    unlike = _unlike(parts, match)
    if unlike:
        return replace(found, match=Match(Same.NO, unlike))
    decode, prompt = _speeds(load, inputs, engine, hardware, fit, asked)
    beyond = _beyond_the_cards(parts, hardware)
    return replace(found, parts=tuple(parts), decode=decode, prompt=prompt, beyond=beyond)


def _beyond_the_cards(parts: Sequence[ComparedPart], hardware: Hardware | None) -> str:
    """What says that a load cannot be of these cards, as it holds more on one than any of them has; blank else."""
    cards = hardware.accelerators if hardware is not None else ()
    largest = max(cards, key=lambda card: card.memory or 0, default=None)
    held = max(_summed([part.devices for part in parts]).values(), default=0)
    if largest is None or any(card.memory is None for card in cards) or held <= (largest.memory or 0):
        return ""
    return (
        f"In the log {held / GIB:,.1f} GiB lie on one device, more than your worker's {largest.name} has. Choose the "
        "machine that the log is of."
    )


# --- the question ----------------------------------------------------------------------------------------------------


def _asked(worker: Worker, load: Load) -> tuple[Worker, list[str]]:
    """The worker that the log tells of: this one, with the log's engine, machine and options."""
    notes: list[str] = []
    profile = worker.profile
    if engine_name(profile.slug) != engine_name(load.engine):
        profile = all_profiles()[load.engine]
        notes.append(
            f"The log is of {profile.name}, and you look through {worker.name}: it is compared with {profile.name}."
        )
    machine = _machine(worker.machine, load, notes)
    if load.replicas > 1:
        machine = replace(machine, count=max(machine.count // load.replicas, 1))
    types = cache_types(profile.slug)
    keys, values = (
        kind if types.takes(kind) else "" for kind in (_kind(load.k_type, types), _kind(load.v_type, types))
    )
    paged = engine_name(profile.slug) in PAGED
    slots = 1 if paged else load.slots
    context = load.pool if paged and load.pool else load.context
    if context and profile.slug == "ollama" and load.slots:
        context = max(context // load.slots, 1)
    asked = replace(
        worker,
        profile=profile,
        machine=machine,
        registered=worker.registered and profile is worker.profile and machine is worker.machine,
        name=worker.name if profile is worker.profile else profile.name,
        context=context or worker.context,
        kv=keys or (worker.kv if types.takes(worker.kv) else "f16"),
        kv_values=values if types.apart and values != keys else "",
        slots=slots or worker.slots,
        ubatch=load.ubatch or (worker.ubatch if profile is worker.profile else None),
    )
    if context is None and load.parts:
        notes.append(f"The log does not tell the context: the {asked.context:,} tokens of your worker are assumed.")
    return asked, notes


def _kind(told: str, types: CacheTypes) -> str:
    """A type of cache as the engines' profiles call it."""
    return "fp8" if told.startswith("fp8") and "fp8" in types.names else told


def _machine(mine: Machine, load: Load, notes: list[str]) -> Machine:
    """The log's devices where it names them and they are other ones; else this worker's machine."""
    if load.on_processor:
        if mine.accelerator or mine.memory is not None:
            notes.append("In the log everything is in system memory: it is compared with a load on the processor.")
        return Machine(ram=mine.ram, ram_bandwidth=mine.ram_bandwidth)
    known = [find_accelerator(name) for name in load.accelerators]
    used = len(load.devices) if load.devices else len(known)
    named = [one for one in known if one is not None][:used] if used else []
    kinds = Counter(label for one in named if (label := label_of(one)))
    if not kinds or kinds.total() < len(named):
        return mine
    if kinds == Counter({kind.accelerator: kind.count for kind in mine.kinds}):
        return mine
    (label, count), *others = kinds.items()
    beside = tuple(Cards(name, number) for name, number in others)
    found = Machine(label, count, None, mine.ram, mine.ram_bandwidth, beside)
    if not_together(found):
        notes.append("The log names devices of several makers: it is compared with your worker's machine.")
        return mine
    if mine.told:
        notes.append(
            f"The log is of {found.label}, and your worker has {mine.label}: it is compared with {found.label}."
        )
    return found


def _hardware(asked: Worker, load: Load) -> Hardware | None:
    return asked.hardware or Hardware() if load.on_processor else asked.hardware


def _options(asked: Worker, load: Load) -> LoadOptions:
    told: dict[str, Any] = {"build": load.build, "unified_kv": load.unified}
    if load.library:
        # Each of its slots has a part of the whole context, as the library counts.
        told |= {"library": True, "context": load.context, "parallel": load.slots or 1}
    if load.flash_attention is not None:
        told["flash_attention"] = load.flash_attention
    if asked.profile.slug == "ollama":
        told.pop("unified_kv")
    return replace(asked.options, **{name: value for name, value in told.items() if value is not None})


def _variant(record: ModelRecord, variants: Sequence[RecordVariant], load: Load) -> tuple[RecordVariant, str]:
    """The variant that the log tells of: by its file, else by its packing; else such files of unknown size."""
    for one in variants:
        if load.file and any(name.rpartition("/")[2] == load.file for name in one.files):
            return one, ""
    format_ = "gguf" if engine_name(load.engine) in LLAMA_FAMILY else "safetensors"
    mine = [one for one in variants if one.format == format_]
    quant = ""
    if format_ == "gguf":
        quant = read_name(load.file).quantization or load.quantization or _label_in(load.name)
    fitting = [one for one in mine if quant and one.quantization.lower() == quant.lower()]
    if fitting:
        return fitting[0], ""
    if mine and (not quant or format_ != "gguf"):
        said = "" if len(mine) == 1 else "The log does not tell the packing: the first variant of its format is taken."
        return mine[0], said
    said = f"This page lists no {quant} file: what such a file of this model takes is compared."
    if not quant and format_ == "gguf":
        said = "The log does not tell the packing of its file, and this page lists no GGUF files."
    elif not quant:
        said = "This page lists no files of safetensors: weights of 16 bits are compared."
    known = load.file_bytes if format_ == "gguf" else None
    return RecordVariant(
        format=format_, quantization=quant, size_bytes=known, label=quant or format_label(format_)
    ), said


def _label_in(name: str) -> str:
    return read_name(f"{name}.gguf").quantization or "" if name else ""


# --- the comparison --------------------------------------------------------------------------------------------------


def _parts(load: Load, estimate: MemoryEstimate, hardware: Hardware | None) -> list[ComparedPart]:
    everywhere = _counts_everywhere(load, estimate, hardware)
    found = []
    for part in load.parts:
        names = (part.name, *part.more)
        bytes_ = [estimate.component(name).bytes for name in names]
        estimated = None if None in bytes_ else sum(one or 0 for one in bytes_)
        measured = part.bytes if everywhere or not part.devices else part.on_devices
        if part.name == "weights" and estimated is not None and everywhere:
            estimated += estimate.host
        if part.name == "compute" and part.devices:
            measured = part.on_devices
        words = " and ".join([_WORDS[part.name], *(_WORDS[name].lower() for name in part.more)])
        found.append(ComparedPart(part.name, words, estimated, measured, part.devices, part.host))
    return found


def _unlike(parts: Sequence[ComparedPart], match: Match) -> str:
    """Why weights cannot be this model's, where the log does not prove that they are; blank where they may be."""
    weights = next((part for part in parts if part.name == "weights"), None)
    if match.same is Same.YES or weights is None or weights.difference is None:
        return ""
    if _LOW < weights.difference < _HIGH:
        return ""
    measured, estimated = weights.measured / GIB, (weights.estimated or 0) / GIB
    return (
        f"This log seems to be of another model or packing: its weights take {measured:.1f} GiB, and those of this "
        f"page's model {estimated:.1f} GiB. {match.sentence}"
    )


_LOW, _HIGH = -0.3, 0.4
"""Beyond these an estimate of weights is of other weights, where nothing but the size tells what was loaded."""


def _counts_everywhere(load: Load, estimate: MemoryEstimate, hardware: Hardware | None) -> bool:
    """Whether system memory counts: where it is the device's own, or more was left in it than the token table."""
    if hardware is not None and (hardware.unified or not hardware.accelerators):
        return True
    offered, went = load.layers_offered, load.layers_on_gpu
    if offered and went is not None and went < offered:
        return True
    weights: Part | None = load.part("weights")
    return weights is not None and weights.host > 1.25 * estimate.host + 256 * MIB


def _peak(load: Load, estimate: MemoryEstimate) -> list[ComparedPart]:
    """The most that the engine's library took: everything but the driver's part."""
    overhead = estimate.component("overhead").bytes
    estimated = None if estimate.total is None or overhead is None else estimate.total - overhead
    assert load.peak is not None
    return [ComparedPart("peak", _WORDS["peak"], estimated, load.peak, {})]


def _speeds(
    load: Load,
    inputs: VariantInputs,
    engine: str,
    hardware: Hardware | None,
    fit: FitResult | None,
    asked: Worker,
) -> tuple[ComparedSpeed | None, ComparedSpeed | None]:
    decode = prompt = None
    placed = _as_loaded(fit, load)
    if load.decode is not None:
        if load.drafting:
            reason = "In the log something guessed ahead, of which pages know nothing."
            speed = SpeedEstimate(None, reason=reason)
        elif hardware is None or placed is None:
            speed = SpeedEstimate(None, reason="Your worker's machine is not told, and the log does not name it.")
        else:
            speed = estimate_speed(inputs, engine, hardware, placed, kv_type=asked.kv)
        decode = ComparedSpeed(
            "Speed of writing", load.decode, speed.tokens_per_second, speed.low, speed.high, speed.reason
        )
    tokens = load.prompt_tokens
    if load.prompt is not None and tokens:
        if hardware is None or placed is None:
            reading = ReadingEstimate(tokens, None, reason="Your worker's machine is not told.")
        else:
            reading = estimate_reading(inputs, engine, hardware, placed, prompt=tokens, kv_type=asked.kv)
        about, low, high = (
            tokens / seconds if seconds else None for seconds in (reading.seconds, reading.high, reading.low)
        )
        prompt = ComparedSpeed("Speed of reading", load.prompt, about, low, high, reading.reason)
    return decode, prompt


def _as_loaded(fit: FitResult | None, load: Load) -> FitResult | None:
    """The fit as the log tells it: what was loaded did fit, with so many of its layers on accelerators."""
    if fit is None:
        return None
    offered, went = load.layers_offered, load.layers_on_gpu
    if offered and went is not None and 0 < went < offered:
        return replace(fit, fit=Fit.PARTIAL, gpu_layers=went)
    loaded = load.whole or (offered and went == offered)
    return replace(fit, fit=Fit.FITS, gpu_layers=None) if loaded and fit.fit is not Fit.UNKNOWN else fit


# --- words ---------------------------------------------------------------------------------------------------------


def _about(log: ReadLog) -> list[str]:
    load, notes = log.load, []
    if log.loads > 1:
        which = "the last one that came to its end" if load.whole else "the last one"
        notes.append(f"The log tells of {log.loads} loads: {which} is taken, which begins at line {load.line:,}.")
    if log.others:
        names = ", ".join(ENGINE_WORDS.get(engine_name(one), one) for one in log.others)
        notes.append(f"There are lines of {names} in it too, which are left out.")
    if load.planned:
        notes.append("These sizes are what Ollama planned before it loaded the model, rounded; not what was taken.")
    offered, went = load.layers_offered, load.layers_on_gpu
    if offered and went is not None and went < offered and load.devices:
        notes.append(f"{went} of {offered} layers are on accelerators: weights are compared wherever they are.")
    if load.pool and engine_name(load.engine) in PAGED:
        notes.append(
            f"The engine's pool holds {load.pool:,} tokens, all that was free: the cache is compared for so many."
        )
    if load.replicas > 1:
        notes.append(
            f"The model was loaded {load.replicas} times (data parallelism): one of these loads is compared, on its "
            "part of the accelerators."
        )
        if load.spread:
            notes.append("Experts are spread over all of them, which pages do not estimate: weights are not compared.")
    if load.beside.get("draft"):
        notes.append(f"Beside it {load.beside['draft'] / MIB:,.0f} MiB are for drafting, which pages do not estimate.")
    if load.beside.get("graphs"):
        notes.append(f"CUDA graphs take {load.beside['graphs'] / MIB:,.0f} MiB, which pages count as engine overhead.")
    return notes


def _stopped(load: Load) -> str:
    if not load.stopped:
        return ""
    wanted = f" It asked for {load.wanted / GIB:.1f} GiB more." if load.wanted else ""
    return f"The engine ran out of memory {_STAGES[load.stopped]}.{wanted}"


def _told_options(load: Load) -> dict[str, object]:
    """How the engine was started, as the log tells it."""
    told = {
        "context": load.context,
        "slots": load.slots,
        "pool": load.pool,
        "kType": load.k_type,
        "vType": load.v_type,
        "flashAttention": load.flash_attention,
        "ubatch": load.ubatch,
        "layersOnGpu": load.layers_on_gpu,
        "layers": load.layers_offered,
        "ranks": load.ranks if load.ranks > 1 else None,
        "replicas": load.replicas if load.replicas > 1 else None,
    }
    return {name: value for name, value in told.items() if value not in (None, "")}


def kept_fields(record: ModelRecord, found: Comparison) -> dict[str, object]:
    """What is kept of a comparison: the fields of a :class:`~compat.models.Measurement`."""
    machine, load, variant = found.worker.machine, found.load, found.variant
    total = found.total or next((part for part in found.parts if part.estimated is not None), None)
    return {
        "repo_id": record.repo_id,
        "variant": (variant.label if variant is not None else "")[:300],
        "quantization": (variant.quantization if variant is not None else "")[:60],
        "format": (variant.format if variant is not None else "")[:20],
        "engine": found.worker.profile.slug,
        "version": load.version[:60],
        "accelerator": machine.accelerator[:120],
        "count": machine.count,
        "memory_gb": machine.memory,
        "beside": machine.others[:400],
        "ram_gb": machine.ram,
        "options": dict(found.options or {}),
        "parts": [
            {
                "name": part.name,
                "measured": part.measured,
                "estimated": part.estimated,
                "devices": dict(part.devices),
                "host": part.host,
            }
            for part in found.parts
        ],
        "measured_bytes": total.measured if total else None,
        "estimated_bytes": total.estimated if total else None,
        "decode": found.decode.measured if found.decode else None,
        "estimated_decode": found.decode.estimated if found.decode else None,
        "prompt": found.prompt.measured if found.prompt else None,
        "estimated_prompt": found.prompt.estimated if found.prompt else None,
    }
