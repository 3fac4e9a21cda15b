"""Measured speeds of writing, and how the speed that pages show compares; the runs that speeds are calibrated on."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from compat.catalogue.needs import speed_of
from compat.engines.hardware import Accelerator
from compat.estimate.engine_names import LLAMA_FAMILY
from compat.estimate.fit import Fit, judge_fit
from compat.estimate.memory import variant_weights
from compat.estimate.placement import Placement, Way, place
from compat.estimate.speed import USUAL_DEPTH, least_seconds, placement_for, work_of
from compat.estimate.speed_constants import hardware_class
from compat.estimate.token_work import Work
from tools.evaluation.asked import Asked, Records, asked
from tools.evaluation.point_rows import BACKENDS, SpeedPoint
from tools.evaluation.points import name_of
from tools.evaluation.rows import Comparison, Evaluation, engine_and_year, evaluate_comparisons, source_name


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
    point: SpeedPoint


def speed_accuracy(points: Iterable[SpeedPoint], records: Records | None = None) -> Evaluation:
    """Compare the speeds that pages show with measured ones."""
    comparisons: list[Comparison] = []
    skipped: Counter[str] = Counter()
    comparable = 0
    listed = list(points)
    slow, again = slow_reports(listed), repeated_reports(listed)
    for index, point in enumerate(listed):
        refused = _refused(point) or (_SLOW if point in slow else None) or (_AGAIN if index in again else None)
        question = refused or asked(point, records)
        if isinstance(question, str):
            skipped[question] += 1
            continue
        comparable += 1
        answer = _compare(point, question)
        if isinstance(answer, str):
            skipped[answer] += 1
        else:
            comparisons.append(answer)
    return evaluate_comparisons(len(listed), comparisons, skipped, (), comparable, len(comparisons))


_SLOW = "a third of another report of the same setup: not wholly on the accelerator, which neither tells"


_SHALLOW = 8192
"""Tokens into a conversation beyond which reading the cache alone makes a run many times slower."""


def slow_reports(points: Iterable[SpeedPoint]) -> frozenset[SpeedPoint]:
    """Of reports of one machine, model, packing, engine and context, those that are three times slower than another.

    They cannot all be of a model that lies where the others' lies, and nothing but the speeds is looked at: an estimate
    has no say in what it is compared with.
    """
    best: dict[tuple[object, ...], float] = {}
    told = [
        point
        for point in points
        if _refused(point) is None and not (point.offload or point.gpu_layers) and (point.depth or 0) <= _SHALLOW
    ]
    for point in told:
        best[_setup(point)] = max(best.get(_setup(point), 0.0), point.tok_s)
    return frozenset(point for point in told if point.tok_s * 3 <= best[_setup(point)])


_AGAIN = "one reading told twice: the setup, the day and the first three digits are those of another"


def repeated_reports(points: Sequence[SpeedPoint]) -> frozenset[int]:
    """The places of points that tell what an earlier one tells, so that one run counts once."""
    seen: set[tuple[object, ...]] = set()
    again: set[int] = set()
    for index, point in enumerate(points):
        key = (*_setup(point), point.depth, point.date, f"{point.tok_s:.2e}")
        if key in seen and point.date is not None and len(point.date) == _WHOLE_DATE:
            again.add(index)
        seen.add(key)
    return frozenset(again)


_WHOLE_DATE = len("2026-11-29")


def _setup(point: SpeedPoint) -> tuple[object, ...]:
    machine = (point.accelerator, point.accelerator_gb, point.count, point.processor, point.backend, point.ctx)
    return (*machine, point.model, point.quant, point.engine)


_RENEWED = "2025-06"
"""When llama.cpp had become as fast as it is: a 4090 went from 237 to 335 tokens a second in 2025, an A4000 from 91 to
149, with one model.
"""


def _refused(point: SpeedPoint) -> str | None:
    """Why a point is no speed that pages show."""
    if point.drafting:
        return "words guessed ahead by a smaller model, for which pages have no option"
    if point.measures == "prefill":
        return "the speed of reading a prompt, which is compared apart"
    if point.measures == "overall":
        return "the prompt is counted in"
    if point.single_board:
        return "a card on a single-board computer, for which pages have no option"
    if point.accelerator and point.backend == "cpu":
        return "an accelerator by its class, the processor by its backend"
    if point.processor_only and point.backend not in (None, "cpu"):
        return "a processor by its class, an accelerator by its backend"
    if point.ctx and (point.depth or 0) > 2 * point.ctx:
        return "more tokens into a conversation than the context holds: one of the two is wrong"
    if point.engine in LLAMA_FAMILY and (point.date or _RENEWED) < _RENEWED:
        return "an engine of before June 2025: the same cards are half as fast again with today's"
    if point.sequences > 1:
        return "several conversations at once, for which pages have no option"
    return None


def _compare(point: SpeedPoint, question: Asked) -> Comparison | str:
    shape = question.inputs.shape
    if shape is None:
        return "no shape is known for the model"
    layers = shape.layers
    if point.offload or (layers and 0 < (point.gpu_layers or 0) < layers):
        return "pages show none: only some layers on the accelerator, for which they have no option"
    depth = USUAL_DEPTH if point.depth is None else point.depth
    found = speed_of(question.record, question.variant, question.worker, depth=depth)
    if found is None:
        return "pages show none on a machine of which too little is told"
    if found.tokens_per_second is None:
        return f"pages show none: {_without_names(found.reason, question)}"
    hardware = hardware_class(next(iter(_cards(question)), None))
    return Comparison(
        f"{name_of(point)} on {point.accelerator or point.processor}",
        "decode",
        question.engine,
        engine_and_year(question.engine, point.date),
        shape.model_type or "unknown",
        point.quality,
        source_name(point.source),
        point.tok_s,
        found.tokens_per_second,
        hardware,
        "processor" if point.processor_only else "accelerator",
        found.low,
        found.high,
        "" if point.backend is None else f"{question.engine} on {BACKENDS[point.backend]}",
        point.accelerator or point.machine or point.processor or "",
    )


def _cards(question: Asked) -> tuple[Accelerator, ...]:
    return question.hardware.accelerators if question.hardware is not None else ()


def _without_names(reason: str, question: Asked) -> str:
    """The reason without the name of the one card, so that equal reasons are counted together."""
    for card in _cards(question):
        reason = reason.replace(card.name, "this accelerator")
    return reason


# --- what speeds are calibrated on ------------------------------------------------------------------------------


def usable(point: SpeedPoint) -> Run | str:
    """The run behind a point, or why nothing can be calibrated on it."""
    found = _refused(point) or asked(point)
    if isinstance(found, str):
        return found
    shape, hardware = found.inputs.shape, found.worker.hardware
    if shape is None:
        return "no shape is known for the model"
    if point.quant is None:
        return "the quantization is not given"
    if hardware is None:
        return "too little is told of the machine"
    placement = placement_of(point, found)
    if isinstance(placement, str):
        return placement
    work = work_of(found.inputs, found.engine, hardware, point.depth or 0, point.k_type or "f16")
    if isinstance(work, str):
        return f"not known: {work}"
    if point.tok_s * least_seconds(work, placement) > 1:
        return "faster than the memory can be read: drafted tokens, a cache, or a wrong label"
    name = point.processor if point.processor_only else point.accelerator
    family = shape.model_type or "unknown"
    return Run(work, found.engine, placement, _kind(placement), str(name), family, point.model, point.tok_s, point)


def placement_of(point: SpeedPoint, found: Asked) -> Placement | str:
    """Where the layers lay: as the point tells, else as the page's verdict on memory has it."""
    hardware = found.worker.hardware
    layers = found.inputs.shape.layers if found.inputs.shape is not None else None
    if hardware is None:
        return "too little is told of the machine"
    told = point.gpu_layers or 0
    if hardware.accelerators and layers and 0 < told < layers:
        placement = place(found.engine, hardware, None, told / layers)
    elif found.engine not in LLAMA_FAMILY or not hardware.accelerators:
        if _overfull(found):
            return "larger than its cards, on an engine that keeps nothing in system memory"
        placement = place(found.engine, hardware)
    else:
        fit = judge_fit(found.inputs, found.engine, hardware, found.options)
        placement = placement_for(found.inputs, found.engine, hardware, None if fit.fit is Fit.UNKNOWN else fit)
    return "the memory bandwidth is not known" if isinstance(placement, str) else placement


def _overfull(found: Asked) -> bool:
    weights, cards = variant_weights(found.inputs, found.engine).total, _cards(found)
    return bool(weights and cards and weights > sum(card.memory or weights for card in cards))


def _kind(placement: Placement) -> str:
    first = placement.portions[0].hardware
    return {
        Way.ONE: first,
        Way.SPLIT: f"{first}, several",
        Way.TOGETHER: f"{first}, several",
        Way.OFFLOAD: f"{first}, with system memory",
    }[placement.way]


def usable_runs(points: Iterable[SpeedPoint]) -> tuple[list[Run], Counter[str]]:
    """All runs to calibrate on, and why the others are none."""
    listed = list(points)
    found: list[Run] = []
    skipped: Counter[str] = Counter()
    slow = slow_reports(listed)
    for point in listed:
        run = _SLOW if point in slow else usable(point)
        if isinstance(run, str):
            skipped[run] += 1
        else:
            found.append(run)
    return found, skipped
