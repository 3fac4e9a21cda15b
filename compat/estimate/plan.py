"""Ways to run a variant on a machine: as asked, and with the least given up where that does not go or is slow.

Every plan is a verdict of :func:`~compat.estimate.fit.judge_fit` on options that a person can ask for, made explicit:
what each card holds, what lies in system memory, how fast it is, and what to type. No number is worked out here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil
from typing import NamedTuple

from compat.engines.hardware import CPU_FRACTION, GIB, Hardware
from compat.estimate.cache_types import SIXTEEN_BITS, cache_types
from compat.estimate.engine_names import EXPERTS_FIRST, LLAMA_FAMILY, TENSOR_PARALLEL, engine_name
from compat.estimate.fit import Fit, FitResult, judge_fit, largest_context, rooms_of, spill_room
from compat.estimate.launch import Aside, LoadOptions, launch_of
from compat.estimate.memory import VariantInputs
from compat.estimate.parallel import stage_counts, tells_stages
from compat.estimate.run_line import CHOOSES_CARDS, ONE_CARD, ModelFiles, RunLine, Start, run_line
from compat.estimate.speed import SpeedEstimate, estimate_speed

MOST_PLANS = 3
"""So many ways are told at most."""
SHORTEST_CONTEXT = 1024
"""Tokens below which a shortened context is of no use to anybody."""

WHOLE = (Fit.FITS, Fit.TIGHT)


class Change(StrEnum):
    """What a plan does otherwise than was asked."""

    SLOTS = "fewer at once"
    CACHE = "smaller cache"
    CONTEXT = "shorter context"
    EXPERTS = "experts in system memory"
    LAYERS = "layers in system memory"
    CARDS = "fewer cards"
    STAGES = "layers in stages"


@dataclass(frozen=True)
class DeviceNeed:
    """What one device holds: bytes by part, and the ``room`` there is for them."""

    name: str
    parts: Mapping[str, int]
    room: int

    @property
    def need(self) -> int:
        """Bytes of all parts."""
        return sum(self.parts.values())

    @property
    def free(self) -> int:
        """Bytes left over; 0 where the need is more than the room."""
        return max(self.room - self.need, 0)


@dataclass(frozen=True)
class Plan:
    """One way to run it. ``changes`` are against what was asked, ``gives_up`` says what each costs.

    ``line`` is what to type, or a sentence why that is not known. ``hardware`` has the cards that may be used.
    ``runtime`` is what of the engine loads such files, as the slug of an engine.
    """

    engine: str
    runtime: str
    options: LoadOptions
    hardware: Hardware
    fit: FitResult
    speed: SpeedEstimate
    changes: tuple[Change, ...]
    gives_up: tuple[str, ...]
    line: RunLine | str

    @property
    def tensor_parallel(self) -> int:
        """Over how many cards each layer is cut."""
        estimate = self.fit.estimate
        return estimate.devices // estimate.stages if engine_name(self.runtime) in TENSOR_PARALLEL else 1

    @property
    def pipeline_parallel(self) -> int:
        """How many cards, or groups of cards, hold whole layers, one after the other."""
        estimate = self.fit.estimate
        return estimate.stages if engine_name(self.runtime) in TENSOR_PARALLEL else estimate.devices

    @property
    def needs(self) -> tuple[DeviceNeed, ...]:
        """What each device holds, the first one first."""
        return device_needs(self.fit, self.engine, self.hardware, self.options)

    @property
    def alike(self) -> bool:
        """Whether there are several devices that hold as much as each other."""
        needs = self.needs
        return len(needs) > 1 and len({(device.need, device.room) for device in needs}) == 1

    @property
    def spilled(self) -> Mapping[str, int]:
        """Bytes in system memory beside accelerators, by what they are."""
        return spilled_of(self.fit)

    @property
    def flags(self) -> tuple[str, ...]:
        """The arguments of the command that loads the model; empty where they are not known."""
        return () if isinstance(self.line, str) else self.line.arguments

    @property
    def slots(self) -> int:
        """How many sequences are served at once."""
        return launch_of(self.runtime, self.options).slots

    @property
    def keeps(self) -> bool:
        """Whether context, cache and slots are as they were asked for."""
        return not _GIVEN_UP.intersection(self.changes)

    @property
    def asks_otherwise(self) -> bool:
        """Whether the page of what was asked shows something else: other options, or fewer cards."""
        return not {Change.EXPERTS, Change.LAYERS, Change.STAGES}.issuperset(self.changes)


_GIVEN_UP = {Change.SLOTS, Change.CACHE, Change.CONTEXT}


@dataclass(frozen=True)
class Plans:
    """The ways there are, the best first; or what the machine ``lacks`` for what was asked, as a sentence."""

    plans: tuple[Plan, ...] = ()
    lacks: str = ""


def device_needs(fit: FitResult, engine: str, hardware: Hardware, options: LoadOptions) -> tuple[DeviceNeed, ...]:
    """What each device holds of a verdict; empty where the need is not known."""
    hardware = hardware.with_cards(fit.estimate.cards)
    rooms = rooms_of(hardware, engine, options) or ()
    names = [one.name for one in hardware.accelerators] or ["System memory"]
    return tuple(DeviceNeed(name, parts, room) for name, parts, room in zip(names, fit.devices, rooms, strict=False))


def host_need(fit: FitResult, engine: str, hardware: Hardware, options: LoadOptions) -> DeviceNeed | None:
    """What lies in system memory beside accelerators, and its room (0: not told); None where nothing does."""
    hardware = hardware.with_cards(fit.estimate.cards)
    parts, rooms = spilled_of(fit), rooms_of(hardware, engine, options)
    if not parts or not hardware.accelerators or rooms is None:
        return None
    return DeviceNeed("System memory", parts, spill_room(engine_name(engine), hardware, rooms))


def spilled_of(fit: FitResult) -> Mapping[str, int]:
    """Bytes in system memory beside accelerators, by what they are: also what an engine always leaves there."""
    told = {"embedding": fit.estimate.host} if fit.offload is None else fit.offload.host
    return {what: size for what, size in told.items() if size}


@dataclass(frozen=True)
class _Asked:
    """A variant on an engine and a machine, and how it was asked for."""

    variant: VariantInputs
    engine: str
    hardware: Hardware
    options: LoadOptions
    model: ModelFiles

    @property
    def runtime(self) -> str:
        """What of the engine loads such files."""
        return self.variant.runtime(self.engine)

    def judged(self, options: LoadOptions, hardware: Hardware | None = None) -> FitResult:
        return judge_fit(self.variant, self.engine, hardware or self.hardware, options)

    def plan(
        self,
        fit: FitResult,
        options: LoadOptions,
        changes: tuple[Change, ...] = (),
        hardware: Hardware | None = None,
        speed: SpeedEstimate | None = None,
    ) -> Plan:
        hardware = hardware or self.hardware
        there = hardware.with_cards(fit.estimate.cards)
        used = list(there.accelerators[: fit.estimate.devices])
        memories = []
        for one, memory in zip(self.hardware.accelerators, _memories(self.hardware), strict=False):
            memories.append(memory if one in used else 0)
            if one in used:
                used.remove(one)
        layers = self.variant.shape.layers if self.variant.shape is not None else None
        held = tuple(zip(fit.devices, rooms_of(there, self.engine, options) or (), strict=False))
        first = there.accelerators[0] if there.accelerators else None
        stages, own = fit.estimate.stages, fit.estimate.cards is not None
        start = Start(self.model, options, layers, tuple(memories), fit.offload, stages, held, first, own, fit.spread)
        if fit.offload is not None:
            moved = Change.LAYERS if fit.offload.experts is None else Change.EXPERTS
            changes = (*changes, moved)
        if speed is None:
            speed = estimate_speed(self.variant, self.engine, hardware, fit, kv_type=options.kv_type)
        given_up = tuple(self._words(change, options, fit, hardware) for change in changes)
        line = run_line(self.engine, start)
        return Plan(self.engine, self.runtime, options, hardware, fit, speed, changes, given_up, line)

    def _words(self, change: Change, options: LoadOptions, fit: FitResult, hardware: Hardware) -> str:
        """What a change costs, as a sentence."""
        if change is Change.SLOTS:
            return f"One request at a time instead of {launch_of(self.runtime, self.options).slots}."
        if change is Change.CACHE:
            return f"Keys and values in {options.kv_type} instead of {_cache_words(self.options)}: a little less exact."
        if change is Change.CONTEXT:
            return f"A context of {options.context:,} tokens instead of {self.options.context:,}."
        if change is Change.CARDS:
            left = len(self.hardware.accelerators) - len(hardware.accelerators)
            return f"Nothing but speed, if anything: {'one card is' if left == 1 else f'{left} cards are'} left free."
        if change is Change.STAGES:
            return f"Speed: its layers lie in {options.stages} stages, which compute a request one after the other."
        moved = sum(size for what, size in spilled_of(fit).items() if what != "embedding")
        what = "experts" if change is Change.EXPERTS else "layers"
        return f"Speed: {what} of {moved / GIB:.1f} GiB lie in system memory, which is slower."


def _cache_words(options: LoadOptions) -> str:
    return " and ".join(dict.fromkeys((options.kv_type, options.v_type or options.kv_type)))


def make_plans(
    variant: VariantInputs,
    engine: str,
    hardware: Hardware,
    options: LoadOptions | None = None,
    *,
    model: ModelFiles,
    fit: FitResult | None = None,
    speed: SpeedEstimate | None = None,
    longest: int | None = None,
) -> Plans:
    """The ways to run ``model`` on a machine, ``engine`` being a profile's slug.

    ``fit`` and ``speed`` are those of what was asked, and ``longest`` the longest context that fits then, if they were
    worked out already. Where the need is not known there is no plan.
    """
    asked = _Asked(variant, engine, hardware, options or LoadOptions(), model)
    fit = fit or asked.judged(asked.options)
    if fit.fit is Fit.CACHE:
        return Plans((), fit.sentence)
    if fit.estimate.per_device is None:
        return Plans()
    found: list[Plan] = []
    if fit.fit in (*WHOLE, Fit.PARTIAL):
        found.append(asked.plan(fit, asked.options, speed=speed))
    if fit.fit in WHOLE:
        found += _on_fewer_cards(asked, fit)
        return Plans(tuple(_fastest_first(found)))
    found += _aside(asked, fit)
    found += _in_stages(asked, fit)
    # Of ways that give up the same, only the fastest.
    found = _fastest_first(found)[:1]
    found += _lighter(asked, longest, most=MOST_PLANS - len(found))
    if not found:
        found += _lightest(asked)
    if found or fit.fit is Fit.UNKNOWN:
        # Of weights that may be narrower than assumed nobody can say what they lack.
        return Plans(tuple(found))
    return Plans((), lacking(variant, engine, hardware, asked.options, fit))


def _fastest_first(plans: list[Plan]) -> list[Plan]:
    """The same plans, with one first that is surely faster than the first of them."""
    if not plans:
        return []
    best = plans[0]
    for other in plans[1:]:
        if other.speed.low is not None and best.speed.high is not None and other.speed.low > best.speed.high:
            best = other
    return [best, *(plan for plan in plans if plan is not best)]


def _aside(asked: _Asked, fit: FitResult) -> Iterator[Plan]:
    """What was asked, with the other part of it in system memory than the engine would move by itself."""
    if engine_name(asked.runtime) not in EXPERTS_FIRST:
        return
    now = None if fit.offload is None else Aside.LAYERS if fit.offload.experts is None else Aside.EXPERTS
    for aside in Aside:
        if aside is now or (aside is Aside.LAYERS and now is None):
            continue
        options = replace(asked.options, aside=aside)
        other = asked.judged(options)
        if other.fit is Fit.PARTIAL and other.offload is not None:
            moved = Aside.LAYERS if other.offload.experts is None else Aside.EXPERTS
            if moved is aside:
                yield asked.plan(other, options)


def _in_stages(asked: _Asked, fit: FitResult) -> Iterator[Plan]:
    """What was asked on all cards in the fewest stages that hold it, where each layer cannot be cut over all."""
    for stages in _stage_counts(asked.variant, asked.engine, asked.hardware, fit):
        options = replace(asked.options, stages=stages)
        found = asked.judged(options)
        if found.fit in WHOLE:
            yield asked.plan(found, options, (Change.STAGES,))
            return


def _lighter(asked: _Asked, longest: int | None, most: int) -> list[Plan]:
    """The least that is given up so that all goes onto the accelerators."""
    found: list[Plan] = []
    for options, changes in _smaller(asked):
        if len(found) < most and not any(set(plan.changes) <= set(changes) for plan in found):
            fit = asked.judged(options)
            if fit.fit in WHOLE and not fit.doubt:
                found.append(asked.plan(fit, options, changes))
    if longest is None:
        longest = largest_context(
            asked.variant, asked.engine, asked.hardware, asked.options, limit=asked.options.context
        )
    if longest is not None and SHORTEST_CONTEXT <= longest < asked.options.context:
        options = replace(asked.options, context=longest)
        fit = asked.judged(options)
        if fit.fit in WHOLE:
            found.append(asked.plan(fit, options, (Change.CONTEXT,)))
    return found[:most]


def _lightest(asked: _Asked) -> list[Plan]:
    """Everything given up at once, where nothing less goes; partly in system memory if need be."""
    kept = []
    for options, changes in _smaller(asked):
        fit = asked.judged(options)
        if fit.fit is Fit.PARTIAL and not fit.doubt:
            return [asked.plan(fit, options, changes)]
        if fit.fit is not Fit.CACHE and not fit.doubt:
            kept.append((options, changes))
    options, changes = kept[-1] if kept else (asked.options, ())
    longest = largest_context(asked.variant, asked.engine, asked.hardware, options, limit=asked.options.context)
    if not longest or longest < SHORTEST_CONTEXT:
        return []
    options = replace(options, context=longest)
    fit = asked.judged(options)
    return [asked.plan(fit, options, (*changes, Change.CONTEXT))] if fit.fit in WHOLE else []


_SMALLER_CACHES = ("q8_0", "fp8", "8bit", "q4_0", "4bit")
"""Types of cache that are offered in place of 16 bits, the more exact first."""


def _smaller(asked: _Asked) -> Iterator[tuple[LoadOptions, tuple[Change, ...]]]:
    """Options that need less memory, those that give up least first."""
    options = asked.options
    wide = options.kv_type in (SIXTEEN_BITS, "auto", "bf16", "f32") and options.v_type in (None, options.kv_type)
    types = [name for name in _SMALLER_CACHES if wide and name in cache_types(asked.engine).names]
    single = [replace(options, parallel=1)] if launch_of(asked.runtime, options).slots > 1 else []
    for one in single:
        yield one, (Change.SLOTS,)
    for name in types:
        yield replace(options, kv_type=name, v_type=None), (Change.CACHE,)
    for one in single:
        for name in types:
            yield replace(one, kv_type=name, v_type=None), (Change.SLOTS, Change.CACHE)


def _on_fewer_cards(asked: _Asked, fit: FitResult) -> list[Plan]:
    """The same on as few cards as hold it, which leaves the others for something else.

    Of unlike cards, the fastest one that holds all.
    """
    cards = asked.hardware.accelerators
    if len(cards) < 2 or fit.estimate.devices < 2 or asked.engine not in CHOOSES_CARDS:
        return []
    alike = len(set(cards)) == 1
    by_speed = sorted(dict.fromkeys(cards), key=lambda card: -(card.bandwidth or 0))
    most = 2 if asked.engine in ONE_CARD else fit.estimate.devices
    tried = [cards[:count] for count in range(1, most)] if alike else [(card,) for card in by_speed]
    for some in tried:
        fewer = replace(asked.hardware, accelerators=some)
        found = asked.judged(asked.options, fewer)
        if found.fit in WHOLE and found.estimate.devices == len(some):
            return [asked.plan(found, asked.options, (Change.CARDS,), fewer)]
    return []


def lacking(variant: VariantInputs, engine: str, hardware: Hardware, options: LoadOptions, fit: FitResult) -> str:
    """The least memory that a machine lacks for what was asked, on its cards or beside them, as a sentence.

    ``fit`` is the verdict on it; empty where more memory of any of these would not do.
    """
    engine = variant.runtime(engine)
    rooms = rooms_of(hardware, engine, options)
    if rooms is None or fit.estimate.per_device is None:
        return ""
    ways = []
    ends = [_on_cards(variant, engine, hardware, options, fit)]
    for stages in _stage_counts(variant, engine, hardware, fit):
        other = replace(options, stages=stages)
        judged = judge_fit(variant, engine, hardware, other)
        ends.append(_on_cards(variant, engine, hardware, other, judged))
    least = min((end for end in ends if end is not None), default=None)
    if least is not None:
        where = _where(hardware, least.cards)
        more = f"{_up(least.size)} more {where}"
        ways.append(f"{more}, in stages" if least.stages > 1 else more)
    told, moved = hardware.system_memory, replace(options, aside=Aside.LAYERS)
    if spills_over(engine, hardware) and told is not None:
        wanted = judge_fit(variant, engine, replace(hardware, system_memory=_MOST_LACKING), moved).host_need
        if wanted is not None:
            beside = ceil((wanted - spill_room(engine, hardware, rooms)) / CPU_FRACTION)
            ways.append(f"{_up(beside)} more system memory, to keep a part of it there, which is slower")
    if len(ways) > 1:
        return f"What was asked lacks {ways[0]}, or {ways[1]}."
    return f"What was asked lacks {ways[0]}." if ways else ""


class _Lack(NamedTuple):
    """The fewest bytes that are lacking, in how many stages, and on which cards."""

    size: int
    stages: int
    cards: tuple[int, ...]


def _on_cards(
    variant: VariantInputs, engine: str, hardware: Hardware, options: LoadOptions, fit: FitResult
) -> _Lack | None:
    """What is lacking on cards; None where no more memory would do."""
    rooms = rooms_of(hardware, engine, options)
    if rooms is None or fit.estimate.per_device is None:
        return None
    short = [need - room for need, room in zip(fit.estimate.per_device, rooms, strict=False)]
    lack = tuple(n for n, size in enumerate(short) if size > 0 or engine_name(engine) not in TENSOR_PARALLEL)
    taken = min(room / max(memory, 1) for room, memory in zip(rooms, _memories(hardware), strict=True))
    found = _least(
        lambda more: judge_fit(variant, engine, _with_more(hardware, lack, more), options).fit in WHOLE,
        ceil(max(short) / taken),
    )
    return None if found is None else _Lack(found, fit.estimate.stages, lack)


def _stage_counts(variant: VariantInputs, engine: str, hardware: Hardware, fit: FitResult) -> tuple[int, ...]:
    """In how many stages all cards can hold a model whose layers cannot be cut over all of them."""
    name, count, shape = engine_name(engine), len(hardware.accelerators), variant.shape
    if fit.estimate.devices == count or shape is None or not tells_stages(shape, name, variant.parameters):
        return ()
    return stage_counts(fit.estimate.cuts, name, shape.layers or 0, count)


def spills_over(engine: str, hardware: Hardware) -> bool:
    """Whether the engine can keep in system memory what the accelerators, with a memory of their own, do not take."""
    return engine_name(engine) in LLAMA_FAMILY and bool(hardware.accelerators) and not hardware.unified


def _where(hardware: Hardware, cards: tuple[int, ...]) -> str:
    if not hardware.accelerators:
        return "system memory"
    if hardware.unified:
        return "memory"
    if len(cards) == 1:
        return "on the card" if len(hardware.accelerators) == 1 else f"on the {hardware.accelerators[cards[0]].name}"
    return f"on each of the {len(cards)} cards"


def _up(size: int) -> str:
    """``size`` in GiB with one digit, never less than it is."""
    return f"{ceil(size * 10 / GIB) / 10:.1f} GiB"


def _memories(hardware: Hardware) -> tuple[int, ...]:
    if not hardware.accelerators:
        return (hardware.system_memory or 0,)
    return tuple(one.memory or hardware.system_memory or 0 for one in hardware.accelerators)


def _with_more(hardware: Hardware, cards: tuple[int, ...], more: int) -> Hardware:
    """The machine with so many bytes more on some of its cards, or of system memory where that is all it has."""
    if not hardware.accelerators:
        return replace(hardware, system_memory=(hardware.system_memory or 0) + more)
    grown = tuple(
        replace(one, memory=(one.memory or hardware.system_memory or 0) + more) if number in cards else one
        for number, one in enumerate(hardware.accelerators)
    )
    return replace(hardware, accelerators=grown)


_MOST_LACKING = 4096 * GIB


def _least(enough: Callable[[int], bool], guess: int) -> int | None:
    """The fewest bytes that are enough, sought in growing steps from a guess; None where none are.

    More is never worse.
    """
    low, high, step = 0, max(guess, 1), 1
    while not enough(high):
        low, high, step = high, high + step, 4 * step
        if high > _MOST_LACKING:
            return None
    step = 1
    while high - step > low:
        if not enough(high - step):
            low = high - step
            break
        high, step = high - step, 4 * step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
