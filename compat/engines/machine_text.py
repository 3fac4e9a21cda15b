"""A machine out of text: what somebody types of it (``2x3090, 64 GB RAM``), or what a program prints of it.

Plain functions from text to :class:`MachineText`. They read no more than :data:`MOST_CHARACTERS`, raise nothing, and
name what they could not read. Sizes are GB as on the box (GiB), as everywhere beside ``memory`` and ``ram``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from compat.engines.accelerator_names import accelerator_named, near_names, read_name, suggested_names, times_first
from compat.engines.cards import Cards
from compat.engines.hardware import GIB
from compat.engines.hosted_machines import hosted_machines
from compat.engines.machine_printed import read_printed
from compat.engines.machine_told import Device, Told
from compat.engines.machine_typed import PARTED, SIZE_LAST, read_typed
from compat.engines.macs import chips_sold, mac_named, sizes_sold
from compat.engines.system_memory import processor_bandwidth
from compat.wording import and_, or_, plain_characters

MOST_CHARACTERS = 65_536
"""So much text is read; what stands behind is left out, and that is said."""
_MOST_TYPED = 400
"""Nobody types a machine in more characters than that."""
_MOST_UNREAD = 5
_ALTERNATIVES = re.compile(r"\s+(?:or|oder|vs\.?|versus)\s+|\s*或者?\s*", re.IGNORECASE)
_INTEGRATED = re.compile(r"Radeon \d{3}M")
"""Graphics inside a processor, beside which laptops have a card of their own."""
_ONE_CHIP = {"Radeon 8060S": "Ryzen AI Max+ 395"}
"""What programs name beside the processor that it is a part of."""


@dataclass(frozen=True, slots=True)
class MachineText:
    """What was read of a text. ``accelerator`` is a label or general name of the list.

    ``memory`` is that of one accelerator and ``ram`` the system's, in GB; ``ram_bandwidth`` in GB a second. ``bare`` is
    a size alone, of which it is not told whether it is the one or the other. ``said`` are sentences on what was taken
    how, and ``unread`` the parts that nobody understands; ``instead`` is what may be meant by some of them. ``beside``
    are accelerators of other kinds. ``apart`` are the machines of a text that tells several, what no engine uses at
    once, or the machines that a computer's name may mean; nothing else is told then.
    """

    accelerator: str = ""
    count: int = 1
    memory: float | None = None
    ram: float | None = None
    ram_bandwidth: float | None = None
    processor: str = ""
    bare: float | None = None
    said: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    beside: tuple[Cards, ...] = ()
    instead: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    apart: tuple[MachineText, ...] = ()

    @property
    def told(self) -> bool:
        """Whether anything of a machine was read."""
        return bool(self.accelerator) or self.memory is not None or self.ram is not None

    @property
    def whole(self) -> bool:
        """Whether all of it was understood."""
        return self.told and not self.unread and self.bare is None

    @property
    def parameters(self) -> Mapping[str, str]:
        """The same as the parameters of an address: GB to a tenth, never more than there is."""
        numbers = {"memory": self.memory, "ram": self.ram, "ram_bandwidth": self.ram_bandwidth}
        found = {"accelerator": self.accelerator, "count": str(self.count) if self.count > 1 else ""}
        found |= {name: f"{_tenths(value):.10g}" for name, value in numbers.items() if value is not None}
        found["beside"] = ", ".join(cards.words for cards in self.beside)
        return {name: value for name, value in found.items() if value}

    def near(self) -> dict[str, list[str]]:
        """What may be meant by each part that nobody understands: a search through all names."""
        return {part: list(self.instead.get(part) or _near(part)) for part in self.unread}


def read_machine(text: str) -> MachineText:
    """The machine that a text tells of: typed by a person, or printed by a program."""
    characters = plain_characters(text[:MOST_CHARACTERS])[:MOST_CHARACTERS]
    plain = re.sub(r"[^\S\n]|[\x00-\x09\x0b-\x1f\x7f]", " ", characters.replace("\r", "\n"))
    told = read_printed(plain)
    if told is None:
        typed = " ".join(plain.split())
        found = _typed(typed[:_MOST_TYPED])
        if len(typed) > _MOST_TYPED:
            found = replace(found, unread=(*found.unread, f"{typed[_MOST_TYPED : _MOST_TYPED + 40]}…"))
    else:
        found = _machine(told)
    if len(text) > MOST_CHARACTERS:
        found = replace(found, said=(*found.said, f"Only the first {MOST_CHARACTERS:,} characters were read."))
    return found


def completions(text: str, most: int = 6) -> list[str]:
    """What somebody may be about to type: the text with its last part as an accelerator's label."""
    typed = plain_characters(text[-_MOST_TYPED:])
    if SIZE_LAST.search(typed):
        return []
    start = max((one.end() for one in PARTED.finditer(typed)), default=0)
    start += len(typed[start:]) - len(typed[start:].lstrip())
    name = start + times_first(typed[start:])
    before = f"{typed[:name].rstrip()} " if name > start else typed[:name]
    labels = suggested_names(typed[name:], most)
    return [f"{before}{label}" for label in labels if label.lower() != typed[name:].strip().lower()]


def _typed(text: str) -> MachineText:
    """What somebody typed: one machine, or several of which one is meant."""
    several = [_machine(read_typed(one)) for one in _ALTERNATIVES.split(text)]
    if len(several) > 1 and all(one.accelerator and one.whole for one in several):
        return MachineText(apart=tuple(several), said=("These are several machines: choose one.",))
    found = _machine(read_typed(text))
    if not (found.accelerator or found.memory or found.apart or found.unread or found.processor):
        found = _which_mac(text, found)
    anything = found.told or found.apart or found.unread
    return found if anything or not hosted_machines(text) else replace(found, unread=(text,))


def _which_mac(text: str, found: MachineText) -> MachineText:
    """Of a Mac whose chip is not told: the machines that were sold with its memory, to choose from."""
    size = found.bare if found.bare is not None else found.ram
    name = mac_named(text)
    chips = chips_sold(name, size) if size is not None and name else []
    if not chips:
        return found
    asked = f"Which chip does the {name} have? It was sold with {size:g} GB and {or_(chips)}."
    return MachineText(
        apart=tuple(MachineText(accelerator=chip, memory=size) for chip in chips), said=(asked, *found.said)
    )


def _near(part: str) -> list[str]:
    """What may be meant by a part that nobody understands."""
    if re.fullmatch(r"\d{1,4}", part) and not read_name(part).label:
        return [f"{part} GB RAM", f"{part} GB VRAM"]
    if len(part) < 3 or re.fullmatch(r"-?[\d.,]+ ?[gmt]i?b?\b.*", part, re.IGNORECASE):
        return []
    return hosted_machines(part) or near_names(part)


def _machine(told: Told) -> MachineText:
    """One machine of all that was read: accelerators of one kind, and what lies beside them; or several of them."""
    kinds: Counter[_Kind] = Counter()
    said, unread = list(told.said), list(told.unread)
    for device in told.devices:
        label, memory = _labelled(device, said, unread)
        if label or memory is not None:
            kinds[label, memory] += device.count
    said += [_board_words(label, count) for (label, _), count in kinds.items() if _is_part_of_board(label)]
    said += [
        _unsold_words(label, memory) for label, memory in kinds if memory is not None and _is_unsold(label, memory)
    ]
    ram = told.ram
    for kind in [kind for kind in kinds if _ONE_CHIP.get(kind[0]) in {name for name, _ in kinds}]:
        del kinds[kind]
        whole = next(one for one in kinds if one[0] == _ONE_CHIP[kind[0]])
        if whole[1] is None:
            kinds[whole[0], kind[1]] = kinds.pop(whole)
    machines = _machines(kinds)
    inside = [kind for kind in kinds if _INTEGRATED.fullmatch(kind[0])]
    if len(machines) > 1 and inside and len(machines) - len(inside) == 1:
        left = and_([_counted_words(kind, kinds[kind]) for kind in inside])
        said.append(f"Graphics inside a processor are not judged together with a card: {left} is left out.")
        ram = ram if ram is not None else next((memory for _, memory in inside if memory is not None), None)
        machines = [one for one in machines if one[0] not in inside]
    if told.processor:
        said.append(_processor_words(told.processor))
    if told.alone and not kinds and ram is None and told.bare is None:
        said.append("Tell how much memory it has as well, such as “64 GB RAM”.")
    found = MachineText(
        ram_bandwidth=told.bandwidth,
        processor=told.processor,
        bare=told.bare,
        said=tuple(dict.fromkeys(said)),
        unread=tuple(dict.fromkeys(unread))[:_MOST_UNREAD],
        instead=told.instead,
    )
    if len(machines) > 1:
        alone = tuple(_with_cards(replace(found, said=()), one, kinds, _ram_of(one[0], ram)) for one in machines)
        return replace(found, said=(_why_apart(machines, kinds), *found.said), apart=alone, ram_bandwidth=None)
    return _with_cards(found, machines[0] if machines else [], kinds, ram)


def _is_part_of_board(label: str) -> bool:
    known = accelerator_named(label)
    return known is not None and known.on_board > 1


def _board_words(label: str, count: int) -> str:
    """What is taken of boards that hold several GPUs, of which people mean the whole and programs show each."""
    known = accelerator_named(label)
    each, of_all = (known.memory or 0) / GIB if known else 0, known.on_board if known else 1
    taken = "1 is taken" if count == 1 else f"{count} are taken"
    return f"One board holds {of_all} {label}, each with {each:g} GB, and engines see each by itself: {taken}."


def _is_unsold(label: str, memory: float) -> bool:
    """Whether a Mac's chip was sold with other sizes of memory alone, by all that is known of it."""
    known, sizes = accelerator_named(label), sizes_sold(label)
    options = {size / GIB for size in known.memory_options} if known else set()
    return bool(sizes) and round(memory, 1) not in {*sizes, *options}


def _unsold_words(label: str, memory: float) -> str:
    sizes = or_([str(size) for size in sizes_sold(label)])
    return f"No {label} was sold with {memory:g} GB, but with {sizes} GB: {memory:g} GB is taken all the same."


_Kind = tuple[str, float | None]
"""An accelerator's label, and the GB of one where the label does not tell them."""


def _with_cards(
    found: MachineText, cards: Sequence[_Kind], kinds: Mapping[_Kind, int], ram: float | None
) -> MachineText:
    """A machine with some cards that are judged together, the first of them first."""
    if not cards:
        return replace(found, ram=ram)
    first, *others = cards
    return replace(
        found,
        accelerator=first[0],
        count=kinds[first],
        memory=first[1],
        ram=ram,
        beside=tuple(Cards(name, kinds[name, memory], memory) for name, memory in others),
    )


def _machines(kinds: Mapping[_Kind, int]) -> list[list[_Kind]]:
    """The kinds that are judged as one machine each: cards of one maker are, what shares its memory stands alone.

    In each the kind that holds the most goes first, and so do cards.
    """
    found: dict[object, list[_Kind]] = {}
    for kind in sorted(kinds, key=lambda kind: _rank(kind, kinds[kind]), reverse=True):
        known = accelerator_named(kind[0])
        alone = known is None or known.unified
        found.setdefault(kind if alone or known is None else known.vendor, []).append(kind)
    return list(found.values())


def _why_apart(machines: Sequence[Sequence[_Kind]], kinds: Mapping[_Kind, int]) -> str:
    """Why several are not judged as one machine, as a sentence."""
    words = and_([" + ".join(_counted_words(kind, kinds[kind]) for kind in one) for one in machines])
    known = [accelerator_named(one[0][0]) for one in machines]
    if any(_is_a_machine(one[0]) for one in machines):
        return f"{words} are not in one machine: choose one."
    if any(one is not None and one.unified for one in known):
        return f"{words} are not judged together, as one of them shares its memory with the system: choose one."
    return f"{words} are of several makers, and few engines use both at once: choose one."


def _is_a_machine(kind: _Kind) -> bool:
    """Whether an accelerator is a part of a computer that takes no card beside it: a Mac, a Jetson, a DGX Spark."""
    known = accelerator_named(kind[0])
    return known is not None and known.unified and known.vendor != "amd"


def _ram_of(kind: _Kind, ram: float | None) -> float | None:
    """The system memory that is told, where it may be that of this kind's machine."""
    return None if _is_a_machine(kind) else ram


def _labelled(device: Device, said: list[str], unread: list[str]) -> tuple[str, float | None]:
    """The label of a device, and its GB where the label does not tell them."""
    name = device.name.removesuffix("...").strip()
    if device.memory is not None and name:
        sized = read_name(name, device.memory)
        if sized.label and sized.memory is None:
            return sized.label, None
    read = read_name(name)
    if read.label:
        return read.label, device.memory
    if name:
        unread.append(device.name)
        if device.name.endswith("..."):
            said.append("nvidia-smi cut a name off: nvidia-smi -L prints it in full.")
    return "", device.memory


def _rank(kind: tuple[str, float | None], count: int) -> tuple[bool, float]:
    """Which kind of several is the one to judge for: cards before what shares memory, then what holds more."""
    known = accelerator_named(kind[0])
    return known is None or not known.unified, (kind[1] or _size_of(kind[0]) or 0) * count


def _size_of(label: str) -> float | None:
    known = accelerator_named(label)
    return known.memory / GIB if known is not None and known.memory else None


def _counted_words(kind: tuple[str, float | None], count: int) -> str:
    name = kind[0] or f"{kind[1]:g} GB"
    return f"{count} x {name}" if count > 1 else name


def _processor_words(name: str) -> str:
    rate = processor_bandwidth(name)
    if rate is None:
        return f"Processor: {name}. It is not reckoned with."
    return (
        f"Processor: {name}. It reads {rate / 1e9:.0f} GB of memory a second at most, and less with slower modules: "
        "tell what yours reads, such as “at 60 GB/s”."
    )


def _tenths(gb: float) -> float:
    return int(gb * 10 + 1e-6) / 10
