"""Measured decode speeds: which of them are decode speeds of one sequence, and how the estimate compares."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from compat.engines.hardware import GIB, Accelerator, find_accelerator
from compat.estimate.buffers import BufferOptions, compute_buffer, driver_overhead
from compat.estimate.kv import CacheOptions, estimate_cache
from compat.estimate.speed import (
    Work,
    constants,
    hardware_class,
    seconds_per_token,
    shared_constants,
    token_work,
)
from compat.estimate.weights import Weights, estimate_weights
from compat.shapes.known import Resolver
from compat.shapes.shape import ModelShape
from tools.evaluation.points import Point, engine_slug, point_id, point_shape
from tools.evaluation.rows import Comparison, Evaluation, evaluate_comparisons, source_name


@dataclass(frozen=True)
class Run:
    """One usable run: what a token cost, on what, and how many came out a second."""

    work: Work
    engine: str
    hardware: str
    machine: str
    bandwidth: float
    family: str
    model: str
    measured: float
    point: Point


def usable(point: Point, resolve: Resolver | None = None) -> Run | str:
    """The run behind a point, or why it is not a decode speed of one sequence on one device."""
    refused = _refused(point)
    if refused is not None:
        return refused
    engine = engine_slug(str(point["engine"]))
    assert engine is not None
    device = point_device(point)
    if device is None or device.bandwidth is None:
        return "the memory bandwidth is not known"
    shape = point_shape(point, resolve)
    if shape is None:
        return "no shape is known for the model"
    quant = point_quant(point, engine)
    if quant is None:
        return "the quantization is not given"
    weights = estimate_weights(shape, quant=quant, engine=engine)
    kv_type = str(point.get("kv_cache_dtype") or "f16")
    work = token_work(shape, weights, engine, quant, _depth(point), kv_type)
    if isinstance(work, str):
        return f"not known: {work}"
    if shape.layers and 0 < int(point.get("gpu_layers") or 0) < shape.layers:
        return "a partial offload: fewer layers on the GPU than the model has"
    if _exceeds(point, shape, weights, engine, device):
        return "a partial offload: the model is larger than the card"
    measured = float(point["tok_s"])
    if measured * work.weight_bytes > device.bandwidth:
        return "faster than the memory can be read: drafted tokens, a cache, or a wrong label"
    return Run(
        work,
        engine,
        hardware_class(device),
        str(point["hardware"]),
        device.bandwidth,
        shape.model_type or "unknown",
        str(point["model"]),
        measured,
        point,
    )


def _refused(point: Point) -> str | None:
    engine = engine_slug(str(point.get("engine") or ""))
    if engine is None:
        return f"engine '{point.get('engine')}' is not modelled"
    if not point.get("tok_s"):
        return "no speed is given"
    if point.get("spec_decoding") or point.get("mtp"):
        return "speculative decoding"
    if int(point.get("gpu_count") or 1) > 1 or int(point.get("tensor_parallel") or 1) > 1:
        return "several devices"
    if str(point.get("hw_class")) == "CPU_ONLY" or point.get("backend") == "cpu":
        return "a CPU run: its memory bandwidth is not known"
    if "decode" not in str(point.get("metric")).split(":")[0].lower() and point.get("prompt_tokens") != 1:
        return "the prompt is counted in"
    # llama-bench's 512 and 2048 are batch sizes of the prompt, not sequences.
    batch = int(point.get("batch") or 1)
    if batch > 1 and not (engine in ("llama.cpp", "ollama") and batch in (512, 2048)):
        return "several sequences at once"
    return None


def _depth(point: Point) -> int:
    """Tokens before the average generated one."""
    prompt, output = int(point.get("prompt_tokens") or 0), float(point.get("output_tokens") or 0)
    if prompt == 512 and output == 128 and int(point.get("batch") or 1) > 1 and point.get("ctx"):
        return int(point["ctx"])  # llama-bench at a depth
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


def point_device(point: Point) -> Accelerator | None:
    """The device, with the bandwidth the point itself gives where it gives one."""
    name = str(point.get("hardware"))
    memory = point.get("vram_gb")
    found = find_accelerator(name, float(memory) if memory else None) or find_accelerator(name)
    bandwidth = point.get("bandwidth_gb_s")
    if found is None:
        if bandwidth is None:
            return None
        words = set(name.lower().split())
        vendor = "apple" if "apple" in words else "amd" if words & {"rx", "radeon", "amd"} else "nvidia"
        kind = "unified" if point.get("hw_class") == "UNIFIED" else "gpu"
        return Accelerator(name, vendor, kind, bandwidth=float(bandwidth) * 1e9)
    if point.get("hw_class") == "UNIFIED" and not found.unified:
        found = replace(found, kind="unified")
    return replace(found, bandwidth=float(bandwidth) * 1e9) if bandwidth else found


def _exceeds(point: Point, shape: ModelShape, weights: Weights, engine: str, device: Accelerator) -> bool:
    memory = point.get("vram_gb") or (device.memory / GIB if device.memory else None)
    if memory is None or weights.total is None:
        return False
    # Without a word on the context, llama.cpp's tools take 4096 tokens.
    context = max(int(point.get("ctx") or 4096), _depth(point))
    need = weights.total - (weights.embed or 0 if weights.parts and weights.parts.head else 0) - weights.lookup
    if engine in ("llama.cpp", "ollama", "lmstudio"):
        options = CacheOptions(context, str(point.get("kv_cache_dtype") or "f16"))
        need += estimate_cache(shape, engine, options).kv or 0
        buffers = BufferOptions(vendor=device.vendor)
        need += compute_buffer(shape, engine, options, buffers).bytes or 0
        need += driver_overhead(engine, buffers).bytes or 0
    return need > float(memory) * GIB


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


def estimate_run(run: Run) -> float | None:
    """Estimated tokens a second; None without a calibration for the pair."""
    found = constants(run.engine, run.hardware)
    if found is None:
        return None
    return 1 / seconds_per_token(run.work, run.bandwidth, found.efficiency, found.launch, shared_constants(run.engine))


def speed_accuracy(points: Iterable[Point], resolve: Resolver | None = None) -> Evaluation:
    """Compare estimated with measured decode speeds. Quality is ``table`` for vendors', else ``user``."""
    comparisons: list[Comparison] = []
    listed = list(points)
    found, skipped = usable_runs(listed, resolve)
    for run in found:
        estimated = estimate_run(run)
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
