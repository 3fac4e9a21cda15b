"""How far the estimates are from what was measured: per quantity, engine, family, quality and source.

Every point is either compared or counted as skipped with its reason; no average hides an engine or a
family, because each has its own row. Errors are relative: ``|estimate / measurement - 1|``.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from compat.estimate.buffers import MIB, Buffer, compute_buffer, driver_overhead
from compat.estimate.kv import estimate_cache
from compat.estimate.ledger import Bounds
from compat.estimate.torch_peak import TorchRun, torch_peak
from compat.estimate.weights import Basis, Weights, estimate_weights
from compat.shapes.known import Resolver
from compat.shapes.shape import ModelShape
from tools.evaluation.points import Point, Protocol, point_id, point_shape, protocol, repeated
from tools.evaluation.rows import Comparison, Evaluation, evaluate_comparisons, source_name


def memory_accuracy(points: Iterable[Point], resolve: Resolver | None = None) -> Evaluation:
    """Compare memory estimates with measured loads."""
    listed = list(points)
    again = repeated(listed)
    comparisons: list[Comparison] = []
    skipped: Counter[str] = Counter()
    held = bounds = 0
    for index, point in enumerate(listed):
        if point.get("quality") == "low":
            skipped["near the card's limit or preallocating: an upper bound only"] += 1
            bound = _total(point, resolve)
            if bound is not None:
                bounds += 1
                held += bound <= float(point["total_mib"]) * 1.05
            continue
        if index in again:
            skipped["one reading repeated over several contexts"] += 1
            continue
        found, reasons = _compare(point, resolve)
        comparisons += found
        skipped.update(reasons)
    return evaluate_comparisons(len(listed), comparisons, skipped, Bounds(held, bounds))


def _total(point: Point, resolve: Resolver | None) -> float | None:
    found, _ = _compare(point, resolve)
    return next((c.estimated for c in found if c.quantity == "total"), None)


def _compare(point: Point, resolve: Resolver | None) -> tuple[list[Comparison], list[str]]:
    how = protocol(point)
    if isinstance(how, str):
        return [], [how]
    shape = point_shape(point, resolve)
    if shape is None:
        return [], ["no shape is known for the model"]
    estimates, lacking = _estimates(point, shape, how)
    if _offloaded(point, estimates.get("total")):
        return [], ["the model is larger than the card: a partial offload"]
    found, reasons = [], []
    for quantity, key in _QUANTITIES:
        measured, estimated = point.get(key), estimates.get(quantity)
        if measured and estimated is not None:
            found.append(_comparison(point, shape, how, quantity, float(measured), estimated))
        elif measured:
            reasons.append(f"{quantity}: {_reason(point, quantity, lacking)}")
    return found, reasons


def _offloaded(point: Point, total: float | None) -> bool:
    memory = point.get("gpu_vram_gb")
    if memory is None or total is None:
        return False
    return total > float(memory) * 1024 * int(point.get("gpu_count") or 1)


_QUANTITIES = (
    ("weights", "weights_mib"),
    ("kv", "kv_mib"),
    ("state", "recurrent_mib"),
    ("compute", "compute_mib"),
    ("total", "total_mib"),
)


_NEEDS = {"total": ("weights", "kv", "compute"), "state": ("kv",)}


def _reason(point: Point, quantity: str, lacking: dict[str, tuple[str, ...]]) -> str:
    if quantity == "kv" and not point.get("kv_tokens") and not point.get("ctx"):
        return "the figure is a preallocated pool"
    if quantity in ("compute", "total") and not point.get("ctx"):
        return "no context is given"
    named = [fact for need in _NEEDS.get(quantity, (quantity,)) for fact in lacking.get(need, ())]
    return f"not known: {named[0]}" if named else "a fact of the point is missing"


def _comparison(
    point: Point, shape: ModelShape, how: Protocol, quantity: str, measured: float, estimated: float
) -> Comparison:
    return Comparison(
        point_id(point),
        quantity,
        how.engine,
        shape.model_type or "unknown",
        str(point.get("quality")),
        source_name(str(point.get("source") or "")),
        measured,
        estimated,
    )


def _estimates(point: Point, shape: ModelShape, how: Protocol) -> tuple[dict[str, float], dict[str, tuple[str, ...]]]:
    """(MiB by quantity, missing facts by quantity)."""
    facts = point.get("hparams") or {}
    quant = point.get("quant")
    weights = estimate_weights(shape, parameters=facts.get("n_params"), quant=quant, engine=how.engine)
    lacking = {"weights": weights.missing}
    out: dict[str, float] = {}
    kv = state = None
    if weights.total is not None:
        out["weights"] = weights.total / how.ranks / MIB
    if how.cache.context:
        cache = estimate_cache(shape, how.engine, how.cache)
        lacking["kv"] = cache.missing
        kv, state = cache.kv, cache.state
        if kv is not None:
            out["kv"] = kv / how.ranks / MIB
        if state:
            out["state"] = state / MIB
    compute = _compute(point, shape, how, weights)
    lacking["compute"] = compute.missing
    if compute.bytes is not None:
        out["compute"] = compute.bytes / MIB
    if weights.total is not None and kv is not None and compute.bytes is not None:
        total = _whole(shape, how, weights, kv, state or 0, compute.bytes, str(quant))
        if total is not None:
            out["total"] = total / MIB
    return out, lacking


def _compute(point: Point, shape: ModelShape, how: Protocol, weights: Weights) -> Buffer:
    if how.engine != "vllm" and not how.cache.context:
        return Buffer(None, Basis.UNKNOWN)
    found = compute_buffer(shape, how.engine, how.cache, how.buffers)
    if found.bytes is not None and str(point.get("note") or "").startswith("growth"):
        none = compute_buffer(shape, how.engine, replace(how.cache, context=1), how.buffers)
        return replace(found, bytes=found.bytes - (none.bytes or 0))
    return found


def _whole(
    shape: ModelShape, how: Protocol, weights: Weights, kv: int, state: int, compute: int, quant: str
) -> int | None:
    """The estimate of what the point's total means."""
    assert weights.total is not None
    if how.engine == "transformers":
        prompt = None if how.phase == "decode" else how.input_tokens
        run = TorchRun(prompt, how.gpus, duplicates_tied=quant.lower() == "awq")
        return torch_peak(shape, weights, kv, quant, how.cache, how.buffers, run)
    held = weights.total
    if weights.parts is not None and weights.parts.head and how.buffers.gpu and how.buffers.vendor != "apple":
        held -= weights.embed or 0
    if how.buffers.vendor != "apple":
        held -= weights.lookup
    spare = driver_overhead(how.engine, how.buffers).bytes or 0
    return held + kv + state + (compute + spare) * how.gpus
