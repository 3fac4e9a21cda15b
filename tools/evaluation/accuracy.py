"""How far the memory that pages show is from what was measured: per part, engine, year, family and source.

Each point becomes the question that a page would be asked, and ``estimate_memory`` answers it as it answers pages.
Every point is either compared or counted as left out with its reason.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from compat.engines.hardware import GIB, Hardware
from compat.estimate import MemoryEstimate, estimate_memory
from compat.estimate.engine_names import LLAMA_FAMILY, TENSOR_PARALLEL
from tools.evaluation.asked import Asked, Records, asked
from tools.evaluation.point_rows import MemoryPoint
from tools.evaluation.points import name_of, repeated
from tools.evaluation.rows import Bound, Comparison, Evaluation, engine_and_year, evaluate_comparisons, source_name

MIB = 1024 * 1024
ENTIRE = ("weights", "kv", "state", "compute", "overhead", "projector")
"""The parts of the whole that pages show."""


def memory_accuracy(points: Iterable[MemoryPoint], records: Records | None = None) -> Evaluation:
    """Compare what pages show with measured loads."""
    listed = list(points)
    again = repeated(listed)
    comparisons: list[Comparison] = []
    skipped: Counter[str] = Counter()
    bounds: list[Bound] = []
    comparable = answered = 0
    for index, point in enumerate(listed):
        found, reasons, asks = _compare(point, records, again=index in again)
        if point.bound is not None:
            bounds += [Bound(one, point.bound) for one in found]
            if found:
                skipped[f"{point.bound} bounds only: {_BOUNDS[point.bound]}"] += 1
                continue
            found = []
        comparisons += found
        skipped.update(reasons)
        comparable += asks
        answered += asks and bool(found)
    return evaluate_comparisons(len(listed), comparisons, skipped, bounds, comparable, answered)


_BOUNDS = {
    "upper": "the engine takes all it can get, or the card was nearly full",
    "lower": "a part of what is needed was read",
}


def _compare(point: MemoryPoint, records: Records | None, *, again: bool) -> tuple[list[Comparison], list[str], bool]:
    """(comparisons, reasons why there is none, whether pages can be asked at all)."""
    if again and point.bound is None:
        return [], ["one reading repeated over several contexts or models"], False
    if point.partial is not None:
        return [], [f"no figure that pages show: {point.partial}"], False
    question = asked(point, records)
    if isinstance(question, str):
        return [], [question], False
    if question.inputs.shape is None:
        return [], ["no shape is known for the model"], True
    layers = question.inputs.shape.layers
    if point.offload or (layers and 0 < (point.gpu_layers or 0) < layers):
        return [], ["only some layers on the accelerator, for which pages have no option"], False
    if _spills(point, question):
        return (
            [],
            ["the weights are larger than the card, or than what was taken of it: not all were on it"],
            False,
        )
    found, reasons = [], []
    for quantity, measured in _measured(point):
        answer = _estimated(point, question, quantity)
        if isinstance(answer, str):
            reasons.append(f"{quantity}: {answer}")
        else:
            found.append(_comparison(point, question, quantity, measured, *answer))
    return found, reasons, True


def _measured(point: MemoryPoint) -> Iterator[tuple[str, float]]:
    parts = {
        "weights": point.weights_mib,
        "file": point.file_mib,
        "kv": point.kv_mib,
        "state": point.state_mib,
        "compute": point.compute_mib,
        "total": point.total_mib,
    }
    for quantity, measured in parts.items():
        if measured is not None:
            yield quantity, measured
    logged = (point.total_mib, point.weights_mib, point.kv_mib, point.compute_mib)
    if point.total_is == "process" and None not in logged:
        total, weights, kv, compute = (size or 0 for size in logged)
        left = total - weights - kv - (point.state_mib or 0) - compute * point.count
        if left > 0:
            yield "overhead", left


def _estimated(point: MemoryPoint, question: Asked, quantity: str) -> tuple[float, str] | str:
    """(MiB that pages show of the part, what it rests on), or why they show none."""
    if quantity == "file":
        # Where there is no accelerator, the part is all of the weights, none of them elsewhere.
        question = replace(question, hardware=Hardware(), inputs=replace(question.inputs, file_bytes=None))
        quantity = "weights"
    needs_context = quantity in ("kv", "compute", "total") and question.engine not in _PLANNED
    if needs_context and not (point.ctx or point.kv_tokens):
        return "no context is given"
    if quantity == "kv" and not (point.kv_tokens or point.ctx):
        return "the figure is of a pool whose tokens are not told"
    estimate = estimate_memory(question.inputs, question.engine, question.hardware, question.options)
    if quantity == "total":
        return _whole(point, estimate)
    part = estimate.component(quantity)
    if part.bytes is None:
        return f"pages show none: {', '.join(estimate.missing) or 'not known'}"
    each = estimate.devices if quantity == "compute" else 1
    if point.per_rank and question.engine in TENSOR_PARALLEL and quantity in ("weights", "kv", "state"):
        each = point.tensor_parallel or 1
    held = part.bytes
    if quantity == "weights" and question.engine not in LLAMA_FAMILY:
        held += estimate.component("projector").bytes or 0  # a tower in the model's own files is one of its weights
    return held / each / MIB, str(part.basis)


_PLANNED = frozenset({"vllm", "sglang", "tensorrt-llm"})
"""Engines whose buffers are planned without a look at the context."""


def _whole(point: MemoryPoint, estimate: MemoryEstimate) -> tuple[float, str] | str:
    """The sum of the parts that the reading is of."""
    parts = [estimate.component(name) for name in ENTIRE if point.total_is != "allocated" or name != "overhead"]
    if any(part.bytes is None for part in parts):
        return f"pages show none: {', '.join(estimate.missing) or 'not known'}"
    return sum(part.bytes or 0 for part in parts) / MIB, str(estimate.component("weights").basis)


_SURELY_LESS = 0.9
"""A card of which less than this share of the weights was taken cannot hold them, however they are estimated."""


def _spills(point: MemoryPoint, question: Asked) -> bool:
    if question.hardware is None or question.hardware.unified:
        return False
    size = estimate_memory(question.inputs, question.engine, Hardware(), question.options).component("weights").bytes
    if size is None:
        return False
    if point.total_is == "card" and point.bound is None and point.total_mib is not None:
        taken = point.total_mib * MIB
        if taken < _SURELY_LESS * size:
            return True
    return point.accelerator_gb is not None and size > point.accelerator_gb * point.count * GIB


def _comparison(
    point: MemoryPoint, question: Asked, quantity: str, measured: float, estimated: float, basis: str
) -> Comparison:
    shape = question.inputs.shape
    return Comparison(
        name_of(point),
        quantity,
        question.engine,
        engine_and_year(question.engine, point.date),
        (shape.model_type if shape else None) or "unknown",
        point.quality,
        source_name(point.source),
        measured,
        estimated,
        basis,
        "processor" if point.processor_only else "accelerator",
    )
