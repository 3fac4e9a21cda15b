"""Which engines a machine may be asked about, and the one for who names none.

That is what a newcomer there would take, with lines to type and speeds. An address says :data:`AUTO` where it is meant,
so that it is chosen anew for another machine, and never in place of an engine that somebody named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from compat.catalogue.verdict import runs_nothing
from compat.catalogue.workers import AUTO, Machine, Worker
from compat.engines.hardware import GIB
from compat.estimate.cache_types import HAS_UBATCH, cache_types

LARGE_CARD = 40 * GIB
"""From here on a card is one for servers or workstations."""
_FIRST = "It is this site's first engine."


@dataclass(frozen=True, slots=True)
class SuitedEngine:
    """The engine, as a worker without a machine, and why it is the one, as a sentence."""

    worker: Worker
    why: str


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of an engine that not every one has; see :class:`~compat.catalogue.workers.Worker`."""

    kv: str = ""
    kv_values: str = ""
    ubatch: int | None = None

    def are_of(self, worker: Worker) -> bool:
        """Whether a worker's engine has all of it."""
        engine = worker.profile.slug
        types = cache_types(engine)
        values = not self.kv_values or (types.apart and types.takes(self.kv_values))
        return values and (not self.kv or types.takes(self.kv)) and (self.ubatch is None or engine in HAS_UBATCH)


def engine_on(slug: str, machine: Machine, available: Mapping[str, Worker]) -> Worker | None:
    """An engine on a machine that may be asked about it: one that runs anything there; None for any other.

    A worker that the operator registered is none, as it has a machine of its own.
    """
    one = available.get(slug)
    if one is None or one.registered:
        return None
    there = replace(one, machine=machine)
    return None if runs_nothing(there) else there


def engines_on(machine: Machine, available: Mapping[str, Worker]) -> Mapping[str, Worker]:
    """The engines that a machine may be asked about, each on it, by slug."""
    found = ((slug, engine_on(slug, machine, available)) for slug in available)
    return {slug: one for slug, one in found if one is not None}


def best_known_on(machine: Machine) -> Sequence[str]:
    """Engines in the order in which most people think of them: those that suit a machine, then the widely used."""
    return tuple(dict.fromkeys([*(slug for slug, _ in _in_order(machine)), *_WIDELY_USED]))


_WIDELY_USED = (
    *("ollama", "llama-cpp", "lm-studio", "vllm", "sglang", "transformers", "tgi"),
    *("tensorrt-llm", "mlx-lm"),
)


def suited_engine(machine: Machine, available: Mapping[str, Worker], options: Options | None = None) -> SuitedEngine:
    """The engine to begin with on a machine, of those that have what is asked of them where any has.

    The site's first one where no machine is told, or nothing fits it.
    """
    first = SuitedEngine(next(iter(available.values())), _FIRST)
    if not machine.told:
        return first
    asked = options or Options()
    fitting = ((slug, why) for slug, why in _in_order(machine) if engine_on(slug, machine, available) is not None)
    begin = None
    for slug, why in fitting:
        begin = begin or SuitedEngine(available[slug], why)
        if asked.are_of(available[slug]):
            return SuitedEngine(available[slug], why)
    for slug in ("vllm", *available):
        if engine_on(slug, machine, available) is not None and asked.are_of(available[slug]):
            return SuitedEngine(available[slug], "It has what you ask of it.")
    return begin or first


def engine_meant(slug: str, machine: Machine, available: Mapping[str, Worker], options: Options | None = None) -> str:
    """The slug of the worker that is meant by one, or by :data:`AUTO`, on a machine."""
    if slug != AUTO or AUTO in available:
        return slug
    return suited_engine(machine, available, options).worker.slug


def named_there(asked: str, worker: Worker, machine: Machine, available: Mapping[str, Worker]) -> str:
    """What names a worker's engine on another machine: still :data:`AUTO` where that would choose the same one."""
    return AUTO if asked == AUTO and engine_meant(AUTO, machine, available) == worker.slug else worker.slug


def _in_order(machine: Machine) -> Iterator[tuple[str, str]]:
    cards = machine.hardware.accelerators if machine.hardware is not None else ()
    if any(card.vendor == "apple" for card in cards):
        yield "mlx-lm", "It is made for Apple silicon."
    large = bool(cards) and all(not card.unified and (card.memory or 0) >= LARGE_CARD for card in cards)
    if large and not machine.beside:
        yield "vllm", "It is what servers with such cards run, and it uses several of them at once."
    if len(cards) > 1:
        yield "llama-cpp", "It shares a model out to cards of any kind."
    yield "ollama", "It is the quickest to begin with on a machine like this."
    yield "llama-cpp", "It runs on nearly every machine."
