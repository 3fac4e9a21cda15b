"""Workers: an engine on hardware, as the operator registered it or as the visitor describes theirs.

Without hardware a worker is an engine alone: verdicts then say what the engine accepts, and nothing of memory.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from compat.engines import Capability, EngineProfile
from compat.engines.accelerator_names import accelerator_named, general_names, read_name
from compat.engines.cards import Cards, read_cards
from compat.engines.hardware import GIB, MOST_ACCELERATORS
from compat.estimate import Accelerator, Hardware, LoadOptions
from compat.estimate.cache_types import CACHE_TYPES, HAS_UBATCH, SIXTEEN_BITS, cache_types
from compat.estimate.engine_names import LLAMA_FAMILY, engine_name
from compat.estimate.launch import DEFAULT_CONTEXT, Launch, launch_of
from compat.models import SiteWorker
from compat.models.composed import ComposedQuery
from compat.models.engines import engines
from compat.wording import or_

CONTEXT_STOPS = (4096, 8192, 16384, 32768, 65536, 131072)
AUTO = "auto"
"""Stands in an address for the engine that suits the machine; :mod:`compat.catalogue.suited_engine` chooses it."""


@dataclass(frozen=True)
class Machine:
    """What a worker runs on. ``memory`` is GiB of one accelerator, ``ram`` GiB of the system; None is not told.

    ``ram_bandwidth`` is how many GB of system memory the processor reads in a second. ``accelerator`` is a label or a
    general name of :mod:`compat.engines.accelerator_names`, or empty for one of which only the memory is told.
    ``beside`` are accelerators of other kinds, which come after these.
    """

    accelerator: str = ""
    count: int = 1
    memory: float | None = None
    ram: float | None = None
    ram_bandwidth: float | None = None
    beside: tuple[Cards, ...] = ()

    @property
    def told(self) -> bool:
        """Whether anything is known of it."""
        return bool(self.accelerator) or self.memory is not None or self.ram is not None

    @cached_property
    def hardware(self) -> Hardware | None:
        """The same for the memory estimate; None where nothing is told."""
        if not self.told:
            return None
        ram = round(self.ram * GIB) if self.ram is not None else None
        rate = self.ram_bandwidth * 1e9 if self.ram_bandwidth is not None else None
        found = [one for kind in self.kinds if (one := kind._one()) is not None for _ in range(kind.count)]  # noqa: SLF001 - its own kind
        return Hardware(accelerators=tuple(found), system_memory=ram, system_bandwidth=rate)

    @property
    def kinds(self) -> tuple[Machine, ...]:
        """The machine for each kind of accelerator, as if there were no others."""
        if not self.beside:
            return (self,)
        others = (replace(self, accelerator=one.accelerator, count=one.count, memory=one.memory) for one in self.beside)
        return tuple(replace(one, beside=()) for one in (self, *others))

    @property
    def others(self) -> str:
        """The accelerators of other kinds, as an address tells them."""
        return ", ".join(one.words for one in self.beside)

    @property
    def total(self) -> int:
        """How many accelerators it has, of whatever kind."""
        return sum(kind.count for kind in self.kinds)

    def _one(self) -> Accelerator | None:
        known = accelerator_named(self.accelerator) if self.accelerator else None
        memory = round(self.memory * GIB) if self.memory is not None else None
        if known is not None:
            memory = next(iter(self._sizes), None) if memory is None else memory
            return replace(known, memory=memory) if memory is not None else known
        if memory is None:
            return None
        return Accelerator(name=f"{self.memory:g} GB accelerator", vendor="", kind="gpu", memory=memory)

    @property
    def _sizes(self) -> tuple[int, ...]:
        """Bytes a shared memory is sold with, the least first, where nobody told how large this one is."""
        known = accelerator_named(self.accelerator) if self.accelerator else None
        if known is None or known.memory is not None or self.memory is not None or self.ram is not None:
            return ()
        return tuple(sorted(known.memory_options))

    @property
    def choices(self) -> Mapping[str, Machine]:
        """The machines that this one may be, by what tells them apart, where its name leaves open which is meant."""
        if self._sizes:
            return {f"{size / GIB:g} GB": replace(self, memory=size / GIB) for size in self._sizes}
        if self.memory is not None:
            return {}
        return {label: replace(self, accelerator=label) for label in general_names().get(self.accelerator, ())}

    @property
    def assumed(self) -> str:
        """Which of several machines this one is taken for, in sentences; empty where it is told."""
        return " ".join(filter(None, (kind._taken for kind in self.kinds)))  # noqa: SLF001 - its own kind

    @property
    def _taken(self) -> str:
        names = list(self.choices)
        if not names:
            return ""
        if self._sizes:
            return f"{self.accelerator} is sold with {or_(names)}: {names[0]} is taken, the least. Tell yours."
        return f"{self.accelerator} may be {or_(names)}: {names[0]} is taken, the least. Tell yours."

    @property
    def words(self) -> str:
        """All of it, as :func:`compat.engines.machine_text.read_machine` reads it: ``2x RTX 3090, 64 GB RAM``."""
        times = f"{self.count}x " if self.count > 1 else ""
        known = accelerator_named(self.accelerator)
        kind = "unified memory" if known is not None and known.unified else "VRAM"
        memory = f"{self.memory:g} GB {kind}" if self.memory is not None else ""
        named = " + ".join([f"{self.accelerator} {memory}".strip(), *(one.words for one in self.beside)])
        ram = f"{self.ram:g} GB RAM" if self.ram is not None else ""
        rate = f"{self.ram_bandwidth:g} GB/s" if self.ram_bandwidth is not None else ""
        return ", ".join(filter(None, (times + named if named else "", f"{ram} at {rate}" if ram and rate else ram)))

    @property
    def label(self) -> str:
        """In a few words: ``2 x RTX 4090``, ``24 GB``, ``64 GB of system memory``."""
        times = f"{self.count} × " if self.count > 1 else ""  # noqa: RUF001 - the multiplication sign is meant
        beside = "".join(f" + {kind.label}" for kind in self.kinds[1:])
        if self.accelerator:
            return f"{times}{self.accelerator}" + (f", {self.memory:g} GB" if self.memory is not None else "") + beside
        if self.memory is not None:
            return f"{times}{self.memory:g} GB" + beside
        return f"{self.ram:g} GB of system memory" if self.ram is not None else ""


@dataclass(frozen=True)
class Worker:
    """An engine, perhaps on a machine, and how a visitor wants to use it.

    ``kv`` is the type of the cache, of its keys alone where ``kv_values`` tells another for the values. ``slots`` are
    served at once, ``ubatch`` prompt tokens computed in one go; None is what the engine does by itself. ``said`` are
    sentences on how the text was taken that told the machine.
    """

    slug: str
    name: str
    profile: EngineProfile
    machine: Machine = field(default_factory=Machine)
    context: int = DEFAULT_CONTEXT
    kv: str = SIXTEEN_BITS
    kv_values: str = ""
    slots: int | None = None
    ubatch: int | None = None
    registered: bool = False
    said: tuple[str, ...] = field(default=(), compare=False)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What machine this is taken for, in sentences, where that was not told in so many words."""
        return tuple(filter(None, (self.machine.assumed, *self.said)))

    @property
    def hardware(self) -> Hardware | None:
        """What it runs on, for estimates."""
        return self.machine.hardware

    @property
    def options(self) -> LoadOptions:
        """How a model is loaded on it."""
        return LoadOptions(
            context=self.context,
            kv_type=self.kv,
            v_type=self.kv_values or None,
            parallel=self.slots,
            ubatch=self.ubatch,
        )

    @property
    def launch(self) -> Launch:
        """How the engine is started for that."""
        return launch_of(self.profile.slug, self.options)

    @property
    def cache(self) -> str:
        """The cache in a few words: ``f16 cache``, ``q8_0 keys and f16 values, shared by 4 requests at once``."""
        apart = self.kv_values and self.kv_values != self.kv
        types = f"{self.kv} keys and {self.kv_values} values" if apart else f"{self.kv} cache"
        slots, shared = self.launch.slots, engine_name(self.profile.slug) in LLAMA_FAMILY and self.launch.unified
        return types + (f", {'shared by' if shared else 'for each of'} {slots} requests at once" if slots > 1 else "")

    @property
    def cache_choices(self) -> Mapping[str, str]:
        """The types of cache that its engine has, and what pages call them."""
        return {name: CACHE_TYPES[name] for name in cache_types(self.profile.slug).names}

    @property
    def keeps_apart(self) -> bool:
        """Whether its engine takes one type for keys and another for values."""
        return cache_types(self.profile.slug).apart

    @property
    def has_ubatch(self) -> bool:
        """Whether the engine's micro-batch can be chosen."""
        return self.profile.slug in HAS_UBATCH

    @property
    def key(self) -> tuple[Hashable, ...]:
        """All of it that a verdict depends on: its slug does not tell, as an operator may change its machine."""
        return self.profile.slug, self.profile.digest, self.machine, self.options

    @property
    def label(self) -> str:
        """Engine and machine: ``llama.cpp, RTX 4090``."""
        return f"{self.name}, {self.machine.label}" if self.machine.told and not self.registered else self.name

    @property
    def capability(self) -> Capability | None:
        """What its accelerators can do; None where they are not named. With system memory alone it is the processor."""
        if self.machine.ram is not None and self.machine.memory is None and not self.machine.accelerator:
            return Capability("cpu")
        named = [accelerator_named(kind.accelerator) for kind in self.machine.kinds if kind.accelerator]
        known = [one for one in named if one is not None]
        if not known or len(known) < len(self.machine.kinds):
            return None
        first, count = known[0], self.machine.total
        return Capability(first.vendor, _least_capability(known), _generation(known), count, first.unified)


def _least_capability(cards: Sequence[Accelerator]) -> float | None:
    """What all cards compute, as a model is shared out to all; None where one's is not known."""
    told = [card.compute_capability for card in cards]
    return None if None in told else min(one for one in told if one is not None)


def _generation(cards: Sequence[Accelerator]) -> str | None:
    """AMD's generation of all cards; None where they are of several, of which no single name tells."""
    return cards[0].gfx if len({card.gfx for card in cards}) == 1 else None


def not_together(machine: Machine) -> str:
    """Why accelerators of several kinds are not judged as one machine, as a sentence; empty where they are."""
    known = [accelerator_named(kind.accelerator) if kind.accelerator else None for kind in machine.kinds]
    if len(known) < 2:
        return ""
    if any(one is None for one in known):
        return "Accelerators of several kinds are judged together where all are named: name the first as well."
    if any(one is not None and one.unified for one in known):
        return "One of them shares its memory with the system, and is not judged together with others."
    if len({one.vendor for one in known if one is not None}) > 1:
        return "Accelerators of several makers are not judged together, as few engines use both at once."
    if machine.total > MOST_ACCELERATORS:
        return f"Together they are {machine.total}: {MOST_ACCELERATORS} are the most."
    return ""


def too_many(name: str, count: int) -> str:
    """Why no machine has so many of the accelerator of this label, as a sentence; empty where one may.

    A processor that shares its memory with the system is the machine's only one.
    """
    known = accelerator_named(name) if count > 1 and name else None
    if known is None or not known.unified:
        return ""
    return (
        f"A machine has one {name}, which shares its memory with the system: use 1. "
        "Several machines at work together are not judged."
    )


_OWN = ComposedQuery(
    lambda: SiteWorker.objects.filter(published=True).values_list(
        "slug",
        "name",
        "engine",
        "accelerator",
        "count",
        "memory_gb",
        "ram_gb",
        "ram_bandwidth",
        "beside",
        "context",
        "kv",
        "slots",
    )
)


def workers() -> Mapping[str, Worker]:
    """Every worker a visitor can pick, by slug: the engines alone, default first, then the site's own. Two queries."""
    available = engines()
    found = {slug: Worker(slug, profile.name, profile) for slug, profile in available.items()}
    for slug, name, engine, accelerator, count, memory, ram, bandwidth, beside, context, kv, slots in _OWN.rows():
        if engine in available:
            # One registered before some values were refused is judged as the one computer that there is, and as the
            # engine starts by itself.
            accelerator = read_name(accelerator).label or accelerator
            one_kind = 1 if too_many(accelerator, count) else count
            machine = Machine(accelerator, one_kind, memory, ram, bandwidth, read_cards(beside)[0])
            kept = kv if cache_types(engine).takes(kv) else SIXTEEN_BITS
            found[slug] = Worker(slug, name, available[engine], machine, context, kept, slots=slots, registered=True)
    return found


def choose_worker(
    available: Mapping[str, Worker],
    slug: str = "",
    *,
    accelerator: str = "",
    count: int = 1,
    memory: float | None = None,
    ram: float | None = None,
    ram_bandwidth: float | None = None,
    beside: str = "",
    context: int | None = None,
    kv: str = "",
    kv_values: str = "",
    slots: int | None = None,
    ubatch: int | None = None,
    said: tuple[str, ...] = (),
) -> Worker:
    """The worker a visitor picked, changed by what they said of its machine and use; the first one by default."""
    worker = available[slug] if slug else next(iter(available.values()))
    machine = Machine(accelerator, count, memory, ram, ram_bandwidth, read_cards(beside)[0])
    own = replace(worker.machine, ram_bandwidth=ram_bandwidth) if ram_bandwidth is not None else worker.machine
    return replace(
        worker,
        machine=machine if machine.told else own,
        registered=worker.registered and not machine.told,
        context=context or worker.context,
        kv=kv or worker.kv,
        kv_values=kv_values,
        slots=worker.slots if slots is None else slots,
        ubatch=ubatch,
        said=said,
    )
