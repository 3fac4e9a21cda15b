"""Measured speeds: which of them are decode speeds of one sequence, on what, and how the estimate compares.

A run is estimated by the function that pages call, from where its layers lay: told by the point where it tells, else by
the verdict on memory that a page would give.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from compat.engines.hardware import GIB, Accelerator, Hardware, find_accelerator
from compat.engines.system_memory import processor_bandwidth
from compat.estimate.engine_names import LLAMA_FAMILY
from compat.estimate.fit import Fit, judge_fit
from compat.estimate.memory import LoadOptions, VariantInputs
from compat.estimate.placement import Placement, Way, place
from compat.estimate.quant import kv_bits
from compat.estimate.speed import SpeedEstimate, estimate_placed, least_seconds, placement_for, work_of
from compat.estimate.token_work import Work
from compat.estimate.weights import estimate_weights
from compat.shapes.known import Resolver
from compat.shapes.shape import ModelShape
from tools.evaluation.points import Point, engine_slug, point_id, point_shape
from tools.evaluation.rows import Comparison, Evaluation, evaluate_comparisons, source_name


@dataclass(frozen=True)
class Run:
    """One usable run: what a token cost, where its layers lay, and how many came out a second.

    ``hardware`` names the class of the devices, or the way they worked together.
    """

    work: Work
    engine: str
    placement: Placement
    hardware: str
    machine: str
    family: str
    model: str
    measured: float
    point: Point


@dataclass(frozen=True)
class Setup:
    """What a point was measured with."""

    engine: str
    shape: ModelShape
    variant: VariantInputs
    hardware: Hardware
    kv_type: str


def setup_of(point: Point, resolve: Resolver | None = None) -> Setup | str:
    """The engine, model and machine of a point, or what is missing to know them."""
    engine = engine_slug(str(point.get("engine") or ""))
    if engine is None:
        return f"engine '{point.get('engine')}' is not modelled"
    hardware = point_hardware(point)
    if isinstance(hardware, str):
        return hardware
    shape = point_shape(point, resolve)
    if shape is None:
        return "no shape is known for the model"
    quant = point_quant(point, engine)
    if quant is None:
        return "the quantization is not given"
    size = point.get("file_gib")
    variant = VariantInputs(
        shape,
        file_bytes=round(float(size) * GIB) if size else None,
        quant=quant,
        format="gguf" if engine in ("llama.cpp", "ollama", "lmstudio") else "safetensors",
    )
    return Setup(engine, shape, variant, hardware, str(point.get("kv_cache_dtype") or "f16"))


def usable(point: Point, resolve: Resolver | None = None) -> Run | str:
    """The run behind a point, or why it is not a decode speed of one sequence."""
    refused = _refused(point)
    if refused is not None:
        return refused
    setup = setup_of(point, resolve)
    if isinstance(setup, str):
        return setup
    work = work_of(setup.variant, setup.engine, setup.hardware, _depth(point), setup.kv_type)
    if isinstance(work, str):
        return f"not known: {work}"
    placement = placement_of(point, setup)
    if isinstance(placement, str):
        return placement
    measured = float(point["tok_s"])
    if measured * least_seconds(work, placement) > 1:
        return "faster than the memory can be read: drafted tokens, a cache, or a wrong label"
    return Run(
        work,
        setup.engine,
        placement,
        _class_name(placement),
        str(point["hardware"]),
        setup.shape.model_type or "unknown",
        str(point["model"]),
        measured,
        point,
    )


def _class_name(placement: Placement) -> str:
    first = placement.portions[0].hardware
    return {
        Way.ONE: first,
        Way.SPLIT: f"{first}, several",
        Way.TOGETHER: f"{first}, several",
        Way.OFFLOAD: f"{first}, with system memory",
    }[placement.way]


def _refused(point: Point) -> str | None:
    engine = engine_slug(str(point.get("engine") or ""))
    if engine is None:
        return f"engine '{point.get('engine')}' is not modelled"
    if not point.get("tok_s"):
        return "no speed is given"
    if point.get("spec_decoding") or point.get("mtp"):
        return "speculative decoding"
    if str(point.get("metric")).lower().startswith("prefill"):
        return "a speed of reading, not of writing"
    if "decode" not in str(point.get("metric")).split(":")[0].lower() and point.get("prompt_tokens") != 1:
        return "the prompt is counted in"
    # llama-bench's 512 and 2048 are batch sizes of the prompt, not sequences.
    batch = int(point.get("batch") or 1)
    if batch > 1 and not (engine in ("llama.cpp", "ollama") and batch in (512, 2048)):
        return "several sequences at once"
    return None


def placement_of(point: Point, setup: Setup) -> Placement | str:
    """Where the layers lay: as the point tells, else as the page's verdict on memory has it."""
    layers, told = setup.shape.layers, int(point.get("gpu_layers") or 0)
    hardware = setup.hardware
    if hardware.accelerators and layers and 0 < told < layers:
        return _plain(place(setup.engine, hardware, None, told / layers))
    if setup.engine not in LLAMA_FAMILY and _overfull(setup):
        return "larger than its cards, on an engine that keeps nothing in system memory"
    here = setup.engine in LLAMA_FAMILY and hardware.accelerators
    if not here or any(one.memory is None for one in hardware.accelerators):
        return _plain(place(setup.engine, hardware))
    # Without a word on the context, llama.cpp's tools take 4096 tokens.
    context = max(int(point.get("ctx") or 4096), _depth(point))
    kv_type = setup.kv_type if kv_bits(setup.kv_type) is not None else "f16"
    # The run did load: what the card does not hold was somewhere.
    roomy = replace(hardware, system_memory=hardware.system_memory or 1024 * GIB)
    fit = judge_fit(setup.variant, setup.engine, roomy, LoadOptions(context, kv_type=kv_type))
    if fit.fit is Fit.UNKNOWN:
        return _plain(place(setup.engine, hardware))
    if fit.fit is Fit.TOO_LARGE:
        return "larger than cards and system memory by our estimate"
    return _plain(placement_for(setup.variant, setup.engine, hardware, fit))


def _overfull(setup: Setup) -> bool:
    weights = estimate_weights(setup.shape, quant=setup.variant.quant, engine=setup.engine).total
    memory = sum(one.memory or 0 for one in setup.hardware.accelerators)
    return bool(weights and memory and weights > memory)


def _plain(found: Placement | str) -> Placement | str:
    return "the memory bandwidth is not known" if isinstance(found, str) else found


def prompt_of(point: Point) -> tuple[float | None, int, int]:
    """(tokens of the prompt read a second, how many were read, how many were there before)."""
    if str(point.get("metric")).lower().startswith("prefill"):
        return float(point["tok_s"]), int(point.get("n_prompt") or 0), int(point.get("prompt_tokens") or 0)
    rate, prompt = point.get("prefill_tok_s"), int(point.get("prompt_tokens") or 0)
    return (float(rate) if rate else None), prompt, _depth(point) if _is_bench(point) else 0


def _is_bench(point: Point) -> bool:
    """Whether it is llama-bench at a depth, which the context tells."""
    prompt, output = int(point.get("prompt_tokens") or 0), float(point.get("output_tokens") or 0)
    return bool(prompt == 512 and output == 128 and int(point.get("batch") or 1) > 1 and point.get("ctx"))


def _depth(point: Point) -> int:
    """Tokens before the average generated one."""
    prompt, output = int(point.get("prompt_tokens") or 0), float(point.get("output_tokens") or 0)
    if _is_bench(point):
        return int(point["ctx"])
    return prompt + round(output / 2)


_DEFAULT_TAG = "Q4_K_M"
"""What an Ollama name without a quantization tag pulls."""


def point_quant(point: Point, engine: str) -> str | None:
    """The point's quantization: its own word, else the one its name spells out."""
    stated = point.get("quant")
    if stated:
        return str(stated)
    name = str(point.get("model")).lower()
    found = re.search(r"[-:](\dbit|q\d_[\w]+|bf16|fp16|mxfp4|awq|gptq|fp8)(?:\.gguf)?$", name)
    if found:
        return found.group(1)
    if engine == "ollama" and ":" in name and not name.endswith(("-mlx", "-qat", "-cloud")):
        return "MXFP4" if name.startswith("gpt-oss") else _DEFAULT_TAG
    return None


_CPU = ("CPU_ONLY", "CPU")
_SMALL_HOST = re.compile(r"(Pi |HiFive )")


def point_hardware(point: Point) -> Hardware | str:
    """The machine, with the bandwidths the point itself gives where it gives some."""
    told = point.get("host_bandwidth_gb_s")
    host = float(told) * 1e9 if told else processor_bandwidth(str(point.get("cpu") or ""))
    memory = point.get("ram_gb")
    ram = round(float(memory) * GIB) if memory else None
    if str(point.get("hw_class")) in _CPU:
        if point.get("backend") not in (None, "cpu"):
            return "a processor by its class, an accelerator by its backend"
        bandwidth = point.get("bandwidth_gb_s")
        own = float(bandwidth) * 1e9 if bandwidth else host or processor_bandwidth(str(point.get("hardware")))
        return Hardware(system_memory=ram, system_bandwidth=own)
    if point.get("backend") == "cpu":
        return "an accelerator by its class, the processor by its backend"
    if _SMALL_HOST.match(str(point.get("hardware"))):
        return "a graphics card on a single-board computer, whose processor is slow to start it"
    count = max(int(point.get("gpu_count") or 1), int(point.get("tensor_parallel") or 1))
    device = point_device(point, count)
    if device is None or device.bandwidth is None:
        return "the memory bandwidth is not known"
    return Hardware((device,) * count, ram, host)


def point_device(point: Point, count: int = 1) -> Accelerator | None:
    """One device, with the bandwidth the point itself gives where it gives one."""
    name, told = _device_name(str(point.get("hardware"))), point.get("vram_gb")
    memory = float(told) if told else None
    found = find_accelerator(name, memory)
    if found is None and memory and count > 1:
        found = find_accelerator(name, memory / count)  # the sum of all
        memory = memory / count if found is not None else memory
    found = found or find_accelerator(name)
    bandwidth = point.get("bandwidth_gb_s")
    unified = point.get("hw_class") == "UNIFIED"
    if found is None:
        if bandwidth is None:
            return None
        words = set(name.lower().split())
        vendor = "apple" if "apple" in words else "amd" if words & {"rx", "radeon", "amd"} else "nvidia"
        found = Accelerator(name, vendor, "unified" if unified else "gpu")
    if unified and not found.unified:
        found = replace(found, kind="unified")
    # A shared memory is told whole, a card's without what the driver keeps.
    size = round(memory * GIB) if memory else found.memory
    return replace(found, memory=size, bandwidth=float(bandwidth) * 1e9 if bandwidth else found.bandwidth)


def _device_name(text: str) -> str:
    """The accelerator of a machine that is named with it: ``Intel 13900K (Nvidia 4090)``."""
    inner = re.search(r"\(([^)]*)\)", text)
    if inner and re.search(r"nvidia|amd|intel arc|rtx|radeon", inner.group(1).lower()):
        return inner.group(1)
    return text


def usable_runs(points: Iterable[Point], resolve: Resolver | None = None) -> tuple[list[Run], Counter[str]]:
    """All usable runs, and why the others are not.

    Reports of one machine, model, quantization and engine that differ threefold cannot all be of a model
    that is wholly on the card: the slow ones are left out.
    """
    found: list[Run] = []
    skipped: Counter[str] = Counter()
    for point in points:
        run = usable(point, resolve)
        if isinstance(run, str):
            skipped[run] += 1
        else:
            found.append(run)
    best: dict[tuple[str, ...], float] = {}
    for run in found:
        best[_setup(run)] = max(best.get(_setup(run), 0.0), run.measured)
    kept = [r for r in found if r.measured * 3 > best[_setup(r)] or _depth(r.point) > 8192]
    if len(kept) < len(found):
        skipped["a third of another report of the same setup: not wholly on the card"] = len(found) - len(kept)
    return kept, skipped


def _setup(run: Run) -> tuple[str, ...]:
    return run.machine, run.model, str(run.point.get("quant")), run.engine


def estimate_run(run: Run) -> SpeedEstimate:
    """What a page would say of the run."""
    return estimate_placed(run.work, run.engine, run.placement)


def speed_accuracy(points: Iterable[Point], resolve: Resolver | None = None) -> Evaluation:
    """Compare estimated with measured decode speeds. Quality is ``table`` for vendors', else ``user``."""
    comparisons: list[Comparison] = []
    listed = list(points)
    found, skipped = usable_runs(listed, resolve)
    for run in found:
        estimated = estimate_run(run).tokens_per_second
        if estimated is None:
            skipped[f"no calibration for {run.engine} on {run.hardware}"] += 1
            continue
        source = source_name(str(run.point.get("source") or ""))
        comparisons.append(
            Comparison(
                f"{point_id(run.point)} on {run.machine}",
                "decode",
                f"{run.engine} {run.hardware}",
                run.family,
                "table" if source.startswith("QwenLM") else "user",
                source,
                run.measured,
                estimated,
            )
        )
    return evaluate_comparisons(len(listed), comparisons, skipped)
