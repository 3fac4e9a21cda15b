"""Whether an estimate fits a machine, said with its numbers; the largest context that still does."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf

from compat.engines.hardware import CPU_FRACTION, GIB, Hardware
from compat.estimate.amounts import Amount
from compat.estimate.cache_limits import attention_of, cache_bar
from compat.estimate.cache_types import cache_types
from compat.estimate.engine_names import EXPERTS_FIRST, LLAMA_FAMILY, PAGED, engine_name
from compat.estimate.launch import Aside, LoadOptions, launch_of, memory_share
from compat.estimate.memory import (
    LEAST_PACKED_BITS,
    OF_LAYERS,
    MemoryEstimate,
    VariantInputs,
    cache_options,
    estimate_memory,
    variant_weights,
    with_largest_file,
)
from compat.estimate.offload import Offload, experts_aside, layers_aside
from compat.estimate.token_work import experts_held
from compat.estimate.weights import LEAST_BITS
from compat.estimate.widths import widening_of
from compat.wording import or_

TIGHT = 0.9
"""Above nine tenths of a device the margin is smaller than the estimate's own error."""
LEFT_TO_OTHERS = 8 * GIB
"""System memory for the system and what else somebody has open: where less is left, it counts as full."""


ASSUMED_BITS = 16.0
"""How wide weights are taken to be of which nothing tells it."""


class Fit(StrEnum):
    """The verdict on memory. ``UNEVEN``: all devices together would hold it, but it cannot be cut for so many.

    ``CACHE``: the engine does not keep this model's cache as it is asked for, whatever the memory.
    """

    FITS = "fits"
    TIGHT = "tight"
    PARTIAL = "partial offload"
    TOO_LARGE = "too large"
    UNEVEN = "cannot be shared out"
    CACHE = "no such cache"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class FitResult:
    """The verdict with its numbers. ``need`` and ``room`` are bytes on the device that is fullest by its share; of what
    lies in both memories they are those of all devices together.

    ``need`` is None where it cannot be told, and ``room`` is then that of all devices; None where nobody told it.

    ``gpu_layers`` is how many layers a partial offload keeps whole on the accelerators, ``host_need`` what it puts into
    system memory, and ``offload`` what lies where. ``left_out`` is a sentence on devices that the engine does not use
    by itself, or cannot for this model, and ``doubt`` one on why it may not keep the cache as it is asked for.
    ``spread``: the engine is told to take all devices, as it would by itself take one that does not hold all.
    ``crowded``: what lies in system memory leaves hardly any of it.
    """

    fit: Fit
    sentence: str
    estimate: MemoryEstimate
    need: int | None = None
    room: int | None = None
    gpu_layers: int | None = None
    host_need: int | None = None
    crowded: bool = False
    left_out: str = ""
    offload: Offload | None = None
    doubt: str = ""
    spread: bool = False
    together: int | None = None
    """The room of all devices in bytes, where what all of them are to hold is more than that."""
    width: float | None = None
    """Bits of a weight as the engine holds it, where the verdict rests on how wide it is assumed to be stored."""

    @property
    def devices(self) -> tuple[Mapping[str, int], ...]:
        """The bytes of each part on each device that is used; empty where they are not known."""
        return self.estimate.device_parts() if self.offload is None else self.offload.devices

    @property
    def supposes_projector(self) -> bool:
        """Whether a vision projector is counted in that may be smaller: nothing tells its size."""
        return self.width is None and self.estimate.component("projector").supposed > 0

    @property
    def supposes_layers(self) -> bool:
        """Whether what the layers take is counted in that may be smaller: nothing but a name tells them."""
        return self.width is None and any(self.estimate.component(name).supposed for name in OF_LAYERS)

    @property
    def most(self) -> int:
        """Bytes on the device that holds most, where a need is that of one of several: a smaller one may be fuller."""
        return max(self.estimate.per_device or (0,)) if self.is_of_one else 0

    @property
    def in_system(self) -> int:
        """Bytes in system memory beside accelerators: what spills over, or what an engine always leaves there."""
        return self.estimate.host if self.host_need is None else self.host_need

    @property
    def whole_need(self) -> int:
        """What it needs on its fullest device, and in system memory where it spills over; bytes, 0 if not known."""
        return (self.need or 0) + (self.host_need or 0)

    @property
    def is_likely_beyond(self) -> bool:
        """Whether it needs more than the whole machine has, unless something that is assumed of it is less."""
        return self.fit is Fit.UNKNOWN and self.need is not None

    @property
    def is_at_most(self) -> bool:
        """Whether the need is that of the largest file there usually is, over all devices: its files are not listed."""
        return self.need is not None and self.estimate.per_device is None

    @property
    def is_of_one(self) -> bool:
        """Whether the need is that of one of several devices, the fullest, and the others hold a part as well."""
        return self.estimate.per_device is not None and self.estimate.devices > 1 and self.offload is None


def judge_fit(variant: VariantInputs, engine: str, hardware: Hardware, options: LoadOptions | None = None) -> FitResult:
    """Whether the variant fits the machine at the context asked for, with the cache asked for."""
    options, slug = options or LoadOptions(), variant.runtime(engine)
    estimate = estimate_memory(variant, slug, hardware, options)
    cache = cache_options(options, launch_of(slug, options))
    bar = cache_bar(attention_of(variant.shape, slug), slug, hardware, cache)
    if bar is not None and bar.sure:
        return FitResult(Fit.CACHE, bar.sentence, estimate)
    found = _judged(variant, slug, hardware, options, estimate)
    if estimate.cards is not None:
        found = _alone_or_spread(found, variant, slug, hardware, options)
    return found if bar is None else replace(found, doubt=bar.sentence)


WHOLE, IN_PART, NOWHERE = range(3)
"""How a verdict ranks by where it has a model lie: on accelerators alone, in both memories, or neither is told."""


def rank_of(fit: Fit) -> int:
    """The rank of a verdict."""
    return WHOLE if fit in (Fit.FITS, Fit.TIGHT) else IN_PART if fit is Fit.PARTIAL else NOWHERE


def stays_alone(alone: Amount, spread: Amount) -> Amount:
    """Whether a model is told to lie on the one card that an engine chooses, by the ranks there and on all cards."""
    return (alone == WHOLE) | ((alone == IN_PART) & (spread >= IN_PART))


def _alone_or_spread(
    alone: FitResult, variant: VariantInputs, slug: str, hardware: Hardware, options: LoadOptions
) -> FitResult:
    """The verdict on the one card that an engine chooses, or on all where it must be told to take them."""
    count, rank = len(hardware.accelerators), rank_of(alone.fit)
    if rank == WHOLE:
        return alone
    everywhere = replace(options, spread=True)
    spread = _judged(variant, slug, hardware, everywhere, estimate_memory(variant, slug, hardware, everywhere))
    if stays_alone(rank, rank_of(spread.fit)):
        return replace(alone, left_out=f"Ollama by itself takes one of the {count} GPUs alone for it.")
    if rank_of(spread.fit) == rank:
        return spread
    told = f"Set OLLAMA_SCHED_SPREAD to 1 for Ollama: by itself it takes one of the {count} GPUs, which is too small."
    return replace(spread, spread=True, left_out=told)


def _judged(
    variant: VariantInputs, slug: str, hardware: Hardware, options: LoadOptions, estimate: MemoryEstimate
) -> FitResult:
    """The verdict on the memory alone."""
    engine, chosen = engine_name(slug), estimate.cards is not None
    among, hardware = len(hardware.accelerators), hardware.with_cards(estimate.cards)
    rooms = rooms_of(hardware, engine, options)
    if rooms is None:
        return FitResult(Fit.UNKNOWN, "The worker's memory is not known.", estimate)
    largest = with_largest_file(variant)
    beyond = estimate.floor > sum(rooms) + spill_room(engine, hardware, rooms)
    if estimate.per_device is None:
        if beyond:
            sentence = _at_least(estimate, rooms, "" if largest is None else _SMALLEST)
            return FitResult(Fit.TOO_LARGE, sentence, estimate, estimate.floor, sum(rooms))
        spanned = None if largest is None else _by_files(judge_fit(largest, slug, hardware, options), estimate, rooms)
        if spanned is not None:
            return spanned
        what = ", ".join(estimate.missing)
        sentence = f"Cannot be told: {what} unknown."
        left_out = _left_out(estimate, len(rooms))
        return FitResult(Fit.UNKNOWN, sentence, estimate, room=sum(rooms), left_out=left_out)
    index = max(range(len(estimate.per_device)), key=lambda i: _load(estimate, rooms, i))
    need, room = estimate.per_device[index], rooms[index]
    used, count = len(estimate.per_device), len(rooms)
    assumed = _assumed(estimate, rooms[:used], spill_room(engine, hardware, rooms))
    if need <= room:
        fit = Fit.FITS if need <= TIGHT * room else Fit.TIGHT
        where = "" if used == 1 else _on_fullest(estimate.per_device, rooms, index, hardware)
        where = f" on one of the {among} GPUs" if chosen else where
        sentence = f"Needs {_gib(need, room)} of {_gib(room, need)}{where} at {options.context:,} tokens"
        sentence += "." if fit is Fit.FITS else ": little to spare."
        full = need > easy_memory(hardware)
        return FitResult(fit, sentence, estimate, need, room, crowded=full, left_out=_left_out(estimate, count))
    if not assumed and used < count and sum(estimate.per_device) <= sum(rooms):
        sentence = (
            f"{_needed(estimate.cuts.sizes)}: {estimate.cuts.why_not(count)}. On {used} of the {count} here it "
            f"needs {_gib(need, room)} on the fullest, which has {_gib(room, need)}."
        )
        return FitResult(Fit.UNEVEN, sentence, estimate, need, room)
    partial = _partial(variant, engine, estimate, rooms, spill_room(engine, hardware, rooms), options.aside)
    if partial is not None:
        return replace(partial, crowded=partial.in_system > easy_spill(engine, hardware, rooms))
    widening = widening_of(engine, variant.format, variant.quant, variant.shape)
    width = widening.bits if widening is not None and widening.happens_on(hardware) else ASSUMED_BITS
    wide = width if variant.width_assumed and estimate.component("weights").least else None
    result = _beyond(estimate, rooms, index, assumed=assumed, width=wide)
    return replace(result, sentence=_at_least(estimate, rooms)) if beyond and wide is not None else result


_SMALLEST = " with the smallest file that such a repository usually has"


def _at_least(estimate: MemoryEstimate, rooms: tuple[int, ...], how: str = "") -> str:
    """That not even the least the weights can take goes in; ``how``: what takes it, where that is not their bits."""
    weights = estimate.component("weights")
    bits = LEAST_BITS if weights.bytes is None else LEAST_PACKED_BITS
    narrowest = how or (" even at 1 bit a weight" if bits == 1 else f" even at {bits} bits a weight")
    narrowest = narrowest if weights.least else ""
    return (
        f"Needs at least {_gib(estimate.floor, sum(rooms))}{narrowest}, "
        f"the worker has {_gib(sum(rooms), estimate.floor)}."
    )


def _on_fullest(each: tuple[int, ...], rooms: tuple[int, ...], index: int, hardware: Hardware) -> str:
    """Where a need lies that is that of one of several devices; where another one holds more, that is told as well."""
    largest = max(range(len(each)), key=each.__getitem__)
    if _gib(each[largest]) == _gib(each[index]):
        return " on the fullest device"
    own, other = hardware.accelerators[index].name, hardware.accelerators[largest].name
    more, there = _gib(each[largest]), _gib(rooms[largest])
    beside = f"and {more} of {there} on another"
    return f" on the fullest device ({own}) {beside} ({other})"


def _beyond(
    estimate: MemoryEstimate, rooms: tuple[int, ...], index: int, *, assumed: bool, width: float | None
) -> FitResult:
    """The verdict on what goes in nowhere: the whole against all devices, or a part against the device it is for.

    ``index`` is that of the fullest device, and ``assumed`` whether it might be less than it is taken to be, as weights
    of ``width`` bits may; None where that is told.
    """
    each = estimate.per_device or ()
    need, room, total, there = each[index], rooms[index], sum(each), sum(rooms)
    together = there if len(each) > 1 and total > there else None
    if assumed:
        told = width is None
        width = width or ASSUMED_BITS
        how, untold = f"at {width:.0f} bits a weight", "How wide its weights are is not told."
        if told and estimate.component("projector").supposed:
            how, untold = "with a vision projector of the usual size", "How large its own is, nothing tells."
        elif told and any(estimate.component(name).supposed for name in OF_LAYERS):
            how, untold = (
                "with the layers of the model it is named after",
                "Whether they are its own, only its name tells.",
            )
        wanted = f"Would need {_gib(need, room)} {how}, more than the {_gib(room, need)} here."
        if together is not None:
            wanted = f"Would need {_gib(total, there)} {how}, more than the {_gib(there, total)} here."
        elif len(each) > 1:
            wanted = f"Would need {_gib(need, room)} {how}, more than the fullest device's {_gib(room, need)}."
        sentence = f"{wanted} {untold}"
        return FitResult(Fit.UNKNOWN, sentence, estimate, need, room, together=together, width=None if told else width)
    sentence = f"Needs {_gib(need, room)}, the worker has {_gib(room, need)}."
    if together is not None:
        sentence = f"Needs {_gib(total, there)} in all, the accelerators have {_gib(there, total)} together."
    elif len(each) > 1:
        sentence = (
            f"Needs {_gib(total, there)} in all, and {_gib(need, room)} of it on the fullest device, which has "
            f"{_gib(room, need)}."
        )
    return FitResult(Fit.TOO_LARGE, sentence, estimate, need, room, together=together)


def _by_files(largest: FitResult, estimate: MemoryEstimate, rooms: tuple[int, ...]) -> FitResult | None:
    """The verdict on files that are not listed, by that on the largest there usually is; None without a span to tell.

    What fits with the largest fits with any; else it depends.
    """
    if largest.estimate.per_device is None:
        return None
    least, most, room = estimate.floor / GIB, sum(largest.estimate.per_device), sum(rooms)
    span = f"Needs {least:.1f} to {_gib(most, room)}, by the file that is taken: its files are not listed"
    if largest.fit in (Fit.FITS, Fit.TIGHT):
        sentence = f"{span}. {_gib(room, most)} are there."
        return replace(largest, sentence=sentence, estimate=estimate, need=most, room=room)
    return FitResult(Fit.UNKNOWN, f"{span}; {_gib(room, most)} are there.", estimate, room=room)


def _assumed(estimate: MemoryEstimate, rooms: tuple[int, ...], spill: int) -> bool:
    """Whether what does not go in is partly assumed, and might go in without that: weights that may be narrower, a
    projector that may be smaller, layers that only a name tells.

    ``rooms`` are those of the devices that are used.
    """
    return estimate.total is not None and estimate.floor < estimate.total and estimate.floor <= sum(rooms) + spill


def kept_caches(
    variant: VariantInputs, engine: str, hardware: Hardware, options: LoadOptions | None = None
) -> tuple[str, ...]:
    """The types of cache, of those that the engine has, that it does not stop at for this variant on this machine."""
    options, slug = options or LoadOptions(), variant.runtime(engine)
    attention, launch = attention_of(variant.shape, slug), launch_of(slug, options)
    found = []
    for name in cache_types(engine).names:
        bar = cache_bar(attention, slug, hardware, cache_options(replace(options, kv_type=name, v_type=None), launch))
        if bar is None or not bar.sure:
            found.append(name)
    return tuple(found)


def largest_context(
    variant: VariantInputs,
    engine: str,
    hardware: Hardware,
    options: LoadOptions | None = None,
    *,
    limit: int | None = None,
) -> int | None:
    """The most tokens that still fit wholly on the devices, at most ``limit`` or the model's own.

    None when the estimate or the limit is unknown, or the cache one that the engine does not keep; 0 when not even one
    token fits. Where the width of the weights is
    assumed it is told at that width, or None if nothing fits then. Exact: need never falls as the context grows, so
    halving the interval finds the edge.
    """
    options = options or LoadOptions()
    top = limit or (variant.shape.context if variant.shape is not None else None)
    if top is None:
        return None

    def fits(context: int) -> bool | None:
        # What lies where beside the devices is of no matter here, and told soonest of whole layers.
        found = judge_fit(variant, engine, hardware, replace(options, context=context, aside=Aside.LAYERS))
        return None if found.fit in (Fit.UNKNOWN, Fit.CACHE) else found.fit in (Fit.FITS, Fit.TIGHT)

    if fits(top):
        return top
    least = fits(1)
    if not least:
        return None if least is None else 0
    low, high = 1, top
    while high - low > 1:
        middle = (low + high) // 2
        if fits(middle):
            low = middle
        else:
            high = middle
    return low


def rooms_of(hardware: Hardware, engine: str, options: LoadOptions) -> tuple[int, ...] | None:
    """Bytes a model may take on each device: what is usable, less what the engine leaves alone; None if not known."""
    engine = engine_name(engine)
    usable = hardware.usable()
    if None in usable:
        return None
    share, gpu = 1.0, bool(hardware.accelerators)
    if engine in PAGED:
        # On a processor the share is one of all there is, and what is usable leaves some out already.
        share = memory_share(options, gpu=gpu) / (1.0 if gpu else CPU_FRACTION)
    return tuple(round(u * share) for u in usable if u is not None)


def spill_room(engine: str, hardware: Hardware, rooms: tuple[int, ...]) -> int:
    """Bytes of system memory that could take what the accelerators cannot; 0 where there is no such way.

    Of a memory that both share, it is what the accelerators' part leaves.
    """
    if engine not in LLAMA_FAMILY or not hardware.accelerators:
        return 0
    left = round((hardware.system_memory or 0) * CPU_FRACTION)
    return max(left - sum(rooms), 0) if hardware.unified else left


def easy_memory(hardware: Hardware) -> float:
    """How many bytes may be taken where nothing is told to lie in system memory beside accelerators: of a processor's,
    all but what other programs need.
    """
    return inf if hardware.accelerators else (hardware.system_memory or 0) - LEFT_TO_OTHERS


def easy_spill(engine: str, hardware: Hardware, rooms: tuple[int, ...]) -> int:
    """How many of those bytes may be taken with enough left: a tenth of them, and what other programs need."""
    spill, memory = spill_room(engine, hardware, rooms), hardware.system_memory or 0
    kept = memory - round(memory * CPU_FRACTION)
    return min(int(TIGHT * spill), spill + kept - LEFT_TO_OTHERS)


def _load(estimate: MemoryEstimate, rooms: tuple[int, ...], index: int) -> float:
    assert estimate.per_device is not None
    return estimate.per_device[index] / max(rooms[index], 1)


def _partial(
    variant: VariantInputs,
    engine: str,
    estimate: MemoryEstimate,
    rooms: tuple[int, ...],
    spill: int,
    aside: Aside | None,
) -> FitResult | None:
    """What fits with a part of it in ``spill`` bytes of system memory: whole layers, or a mixture's experts alone.

    Unless ``aside`` asks for one of them, an engine that by itself moves experts first is judged so where that goes.
    """
    layers = variant.shape.layers if variant.shape is not None else None
    if not layers or not spill or estimate.per_device is None:
        return None
    found = None if aside is Aside.EXPERTS else layers_aside(estimate, layers, rooms, spill)
    if engine in EXPERTS_FIRST and aside is not Aside.LAYERS:
        found = _experts_aside(variant, engine, estimate, rooms, spill) or found
    if found is None:
        return None
    room, host = sum(rooms), sum(found.host.values())
    there = sum(component.bytes or 0 for component in estimate.components)
    need = sum(sum(device.values()) for device in found.devices)
    whole = need + host
    wanted = f"Needs {_gib(whole, room)}, the accelerators have {_gib(room, whole)}"
    if estimate.cards is not None:
        wanted = f"Needs {_gib(whole, room)}, the one GPU that Ollama takes has {_gib(room, whole)}"
    if there <= room:
        full, most = max(zip(estimate.per_device, rooms, strict=True), key=lambda pair: pair[0] - pair[1])
        wanted = f"Needs {_gib(full, most)} on the fullest device, which has {_gib(most, full)}"
    where = f"{found.layers} of {layers} layers there"
    if found.experts is not None:
        where = f"all there but the experts of {found.experts} of {layers} layers"
    sentence = f"{wanted}: {where}, {_gib(host)} in system memory, and slower for it."
    return FitResult(Fit.PARTIAL, sentence, estimate, need, room, found.layers, host, offload=found)


def _experts_aside(
    variant: VariantInputs, engine: str, estimate: MemoryEstimate, rooms: tuple[int, ...], spill: int
) -> Offload | None:
    assert variant.shape is not None
    shape = variant.shape
    held = experts_held(shape, variant_weights(variant, engine), engine, variant.quant)
    return experts_aside(estimate, shape.layers or 0, shape.dense_layers or 0, held, rooms, spill)


def _left_out(estimate: MemoryEstimate, count: int) -> str:
    """A sentence on the devices that are not used; empty where all are."""
    used = estimate.devices
    if used == count:
        return ""
    return f"Start it on {used} of the {count} GPUs: {estimate.cuts.why_not(count)}."


def _needed(sizes: tuple[int, ...]) -> str:
    """``Needs 1, 2 or 4 GPUs``."""
    return "Needs 1 GPU" if sizes == (1,) else f"Needs {or_([str(size) for size in sizes])} GPUs"


def _gib(size: int, beside: int | None = None) -> str:
    """``size`` in GiB, with one more digit where one would make it look like ``beside``."""
    digits = 2 if beside is not None and f"{size / GIB:.1f}" == f"{beside / GIB:.1f}" else 1
    return f"{size / GIB:,.{digits}f} GiB"
