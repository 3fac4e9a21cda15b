"""A machine out of text: what somebody types of it (``2x3090, 64 GB RAM``), or what a program prints of it.

Plain functions from text to :class:`MachineText`. They read no more than :data:`MOST_CHARACTERS`, raise nothing, and
name what they could not read. Sizes are GB as on the box (GiB), as everywhere beside ``memory`` and ``ram``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from compat.engines.accelerator_names import (
    TIMES,
    ReadName,
    accelerator_named,
    general_names,
    near_names,
    power,
    read_name,
    suggested_names,
    times_alone,
    times_first,
)
from compat.engines.cards import Cards
from compat.engines.hardware import GIB
from compat.engines.system_memory import processor_bandwidth
from compat.wording import plain_characters

MOST_CHARACTERS = 65_536
"""So much text is read; what stands behind is left out, and that is said."""
_MOST_TYPED = 400
"""Nobody types a machine in more characters than that."""
_MOST_UNREAD = 5
_MOST_GB = 100_000.0
_UNIT = {"t": 1024.0, "g": 1.0, "m": 1 / 1024, "k": 1 / 1024**2}


@dataclass(frozen=True, slots=True)
class MachineText:
    """What was read of a text. ``accelerator`` is a label or general name of the list.

    ``memory`` is that of one accelerator and ``ram`` the system's, in GB; ``ram_bandwidth`` in GB a second. ``bare`` is
    a size alone, of which it is not told whether it is the one or the other. ``said`` are sentences on what was taken
    how, and ``unread`` the parts that nobody understands. ``beside`` are accelerators of other kinds.
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
        """The accelerators that come near to each part that nobody understands: a search through all names."""
        return {part: near_names(part) for part in self.unread}


@dataclass(slots=True)
class _Device:
    """One accelerator that a text tells of, and how many GB it has where the text tells that as well."""

    name: str
    memory: float | None = None
    count: int = 1


@dataclass(slots=True)
class _Told:
    """What is collected while a text is read."""

    devices: list[_Device] = field(default_factory=list)
    ram: float | None = None
    bandwidth: float | None = None
    processor: str = ""
    said: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def read_machine(text: str) -> MachineText:
    """The machine that a text tells of: typed by a person, or printed by a program."""
    characters = plain_characters(text[:MOST_CHARACTERS])[:MOST_CHARACTERS]
    plain = re.sub(r"[^\S\n]|[\x00-\x09\x0b-\x1f\x7f]", " ", characters.replace("\r", "\n"))
    told = _printed(plain)
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
    if _SIZE_LAST.search(typed):
        return []
    start = max((one.end() for one in _BETWEEN.finditer(typed)), default=0)
    start += len(typed[start:]) - len(typed[start:].lstrip())
    start += times_first(typed[start:])
    labels = suggested_names(typed[start:], most)
    return [f"{typed[:start]}{label}" for label in labels if label.lower() != typed[start:].strip().lower()]


# --- what programs print ---------------------------------------------------------------------------------------------

_SMI_LIST = re.compile(r"GPU \d{1,3}: ([^\n(]{1,80}?) \(UUID: GPU-")
_SMI_MIG = re.compile(r"MIG \d{1,2}(?:c\.\d)?g?\.?\d{0,2}g?\.(\d{1,3})gb\S* +Device")
_SMI_ROW = re.compile(r"\| +\d{1,3} +([A-Z][^|\n]{1,60}?) +(?:On|Off|N/A) +\| +[0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:")
_SMI_MEMORY = re.compile(r"\d{1,8}MiB */ *(\d{1,8})MiB")
_SMI_CSV = re.compile(
    r"^ *(?:\d{1,3}, *)?((?:NVIDIA|Tesla|Quadro|GeForce)[^,\n]{1,60}), *(\d{4,8}) *(?:MiB\b|$)", re.MULTILINE
)
_ROCM = re.compile(
    r"GPU\[(\d{1,3})\]\s*: *(Card [Ss]eries|Card [Mm]odel|GFX Version|VRAM Total Memory \(B\)): *([^\n]{1,80})"
)
_ROCM_TABLE = re.compile(r"ROCm System Management Interface|Concise Info")
_AMD_NAME = re.compile(r"(?:Marketing Name|MARKET_NAME): *([^\n]{1,80})")
_MAC = re.compile(r"\b(?:Chip|Chipset Model|machdep\.cpu\.brand_string): *(Apple M\d{1,2}(?: (?:Pro|Max|Ultra))?)\b")
_MAC_CARD = re.compile(r"\bChipset Model: *((?!Apple)[^\n]{1,60})")
_MAC_MEMORY = re.compile(r"(?<!\w )\bMemory: *(\d{1,5}(?:\.\d{1,2})?) *([GT])B\b")
_MAC_BYTES = re.compile(r"\bhw\.memsize: *(\d{9,15})\b")
_LSPCI = re.compile(r"(?:VGA compatible controller|3D controller|Display controller)(?: \[\w{4}\])?: *([^\n]{1,200})")
_SLOT = re.compile(r" (?=[0-9a-f]{2}:[0-9a-f]{2}\.\d )")
_NO_NAME = re.compile(r"[0-9a-f]{4}(?::[0-9a-f]{4})?|AMD/ATI")
_BRACKETS = re.compile(r"\[([^\]]{1,120})\]")
_MEMINFO = re.compile(r"\bMemTotal: *(\d{1,15}) *kB")
_FREE = re.compile(r"\bMem: +(\d{1,15}(?:\.\d{1,2})?)([KMGT])?i?B?\b")
_CPU = re.compile(r"\b(?:Model name|model name|Processor Name) *: *([^\n]{1,80})")
_WINDOWS = re.compile(r"\bCard name: *([^\n]{1,80})")


def _printed(text: str) -> _Told | None:
    """What a program printed; None where the text is no program's."""
    told = _Told()
    for read in (_nvidia_smi, _rocm_smi, _lspci, _mac, _system):
        read(text, told)
    anything = told.devices or told.ram is not None or told.processor or told.said
    return told if anything else None


def _nvidia_smi(text: str, told: _Told) -> None:
    """``nvidia-smi``, ``nvidia-smi -L`` and ``nvidia-smi --query-gpu=name,memory.total --format=csv``."""
    names = _SMI_LIST.findall(text)
    slices = [float(one) for one in _SMI_MIG.findall(text)]
    if names and slices:
        told.devices.append(_Device("", min(slices)))
        told.said.append("The card is cut up (MIG): the smallest of its parts is taken, as a model is loaded into one.")
        return
    found = [_Device(name) for name in names]
    if not found:
        found = [_Device(name, float(size) / 1024) for name, size in _SMI_CSV.findall(text)]
    if not found:
        rows, sizes = _SMI_ROW.findall(text), _SMI_MEMORY.findall(text)
        told_sizes = [float(one) / 1024 for one in sizes] if len(sizes) == len(rows) else [None] * len(rows)
        found = [_Device(name, size) for name, size in zip(rows, told_sizes, strict=True)]
    told.devices += found


def _rocm_smi(text: str, told: _Told) -> None:
    """``rocm-smi --showproductname --showmeminfo vram``, ``amd-smi static`` and ``rocminfo``."""
    cards: dict[str, dict[str, str]] = {}
    for number, what, value in _ROCM.findall(text):
        # Where line ends were lost, the next card's line follows.
        cards.setdefault(number, {})[what.lower().split()[1 if what.startswith("Card") else 0]] = value.split("GPU[")[0]
    for card in cards.values():
        size = card.get("vram", "").strip()
        memory = float(size) / GIB if size.isdecimal() and len(size) < 16 else None
        series, gfx = card.get("series", "").strip(), card.get("gfx", "").strip()
        named = next((one for one in (series, card.get("model", "").strip()) if read_name(one).label), "")
        told.devices.append(_Device(named or gfx or series, memory))
    if not cards:
        for name in map(_first, _AMD_NAME.findall(text)):
            if read_name(name).label:
                told.devices.append(_Device(name))
            elif processor_bandwidth(name):
                told.processor = told.processor or name.strip()
    if _ROCM_TABLE.search(text) and not cards:
        told.said.append("rocm-smi names no card by itself: paste rocm-smi --showproductname --showmeminfo vram.")


def _lspci(text: str, told: _Told) -> None:
    """``lspci``, with or without ``-nn``."""
    left: list[str] = []
    for line in _LSPCI.findall(_SLOT.sub("\n", text)):
        names = [one for one in _BRACKETS.findall(line) if not _NO_NAME.fullmatch(one)]
        label = _least_of(names[-1]) if names else ""
        if label:
            told.devices.append(_Device(label))
            if "/" in names[-1]:
                told.said.append(f"lspci names several at once ({names[-1]}): {label} is taken, the least of them.")
        else:
            left.append(names[-1] if names else " ".join(line.split()[:6]))
    if left:
        told.said.append(f"Left out, as no accelerator of the list: {', '.join(dict.fromkeys(left))}.")


def _least_of(names: str) -> str:
    """The least of the accelerators that lspci's database gives one number: ``Radeon RX 7900 XT/7900 XTX/7900 GRE``."""
    first, *others = [one.strip() for one in re.split(r" ?/ ?", names) if one.strip()]
    begin = first.split()[:-1]
    spelled = [first, *others, *(" ".join([*begin, one]) for one in others)]
    labels = [read.label for read in map(read_name, spelled) if read.label]
    meant = [one for label in labels for one in general_names().get(label, (label,))]
    return min(meant, key=power, default="")


def _mac(text: str, told: _Told) -> None:
    """``system_profiler SPHardwareDataType``, ``SPDisplaysDataType`` and ``sysctl``."""
    chips = _MAC.findall(text)
    sizes = [float(size) * _UNIT[unit.lower()] for size, unit in _MAC_MEMORY.findall(text)]
    sizes += [float(size) / GIB for size in _MAC_BYTES.findall(text)]
    if chips:
        told.devices.append(_Device(chips[0], sizes[0] if sizes else None))
    elif sizes:
        told.ram = sizes[0]
    told.devices += [_Device(name) for name in _MAC_CARD.findall(text) if read_name(name).label]


def _system(text: str, told: _Told) -> None:
    """``free``, ``/proc/meminfo``, ``lscpu``, ``/proc/cpuinfo``, and cards as ``dxdiag`` names them."""
    total = _MEMINFO.search(text)
    if total:
        told.ram = int(total[1]) / 1024**2
    free = _FREE.search(text)
    if free and told.ram is None:
        told.ram = float(free[1]) * (_UNIT[free[2].lower()] if free[2] else _unit_of(float(free[1])))
    cpu = _CPU.search(text)
    if cpu and not read_name(cpu[1]).label:
        told.processor = _first(cpu[1])
    told.devices += [_Device(_first(name)) for name in _WINDOWS.findall(text)]


def _first(value: str) -> str:
    """A value without what follows it on the same line, where line ends were lost."""
    return re.split(r" {2,}", value.strip())[0]


def _unit_of(number: float) -> float:
    """What ``free`` counts in where it does not say: KiB by itself, MiB with ``-m``, GiB with ``-g``."""
    return _UNIT["k"] if number >= 2_000_000 else _UNIT["m"] if number >= 2048 else 1.0


# --- what people type ------------------------------------------------------------------------------------------------

_BETWEEN = re.compile(r"\s*[,;|\n]\s*|\s+(?:\+|&|and|plus|with|und|mit)\s+", re.IGNORECASE)
_BESIDE = re.compile(r"\+|&|and|plus|with|und|mit", re.IGNORECASE)
_RATE = re.compile(
    r"(?:\bat )?(?<![\w.])(\d{1,4}(?:\.\d{1,2})?) ?gb(?: ?/ ?s\b|ps\b| a second\b| per second\b)", re.IGNORECASE
)
_CARDS = r"vram|(?:video|gpu|graphics) (?:memory|ram)"
_KIND = rf"(?:system |main )?(?:memory|ram)|(?:unified|shared) memory|lpddr\w*|ddr\w*|{_CARDS}"
_SIZE = re.compile(
    rf"(?:\b({_KIND})[:= ] ?)?(?<![\w.-])(?:(\d{{1,2}}) ?{TIMES} ?)?(\d{{1,7}}(?:\.\d{{1,3}})?) ?"
    # A card may be called 780M: so many megabytes are written out.
    rf"(?:(t|g|m(?=i|b|eg))(?:i?b|i|igs?|egs?|[ei][gr]abytes?)?)\b(?:(?: of)? ((?:\w+ )?(?:{_KIND}))\b)?",
    re.IGNORECASE,
)
_SIZE_LAST = re.compile(r"(?<![\w.])\d{1,4} ?(?:g|gi|gi?b)$", re.IGNORECASE)
_KIND_NEXT = re.compile(rf"(?:of )?(?:{_KIND})\b", re.IGNORECASE)
_PROCESSOR = re.compile(
    r"\b(?:(?:intel|amd)\s+)?(?:(?:core\s+)?i[3579][\s-]?\d{4,5}\w{0,3}|(?:core\s+)?ultra\s+[3579]\s+\d{3}\w{0,3}"
    r"|ryzen\s+(?:threadripper\s+)?(?:pro\s+)?(?:[3579]\s+)?(?:pro\s+)?\d{4}\w{0,3}"
    r"|threadripper\s+(?:pro\s+)?\d{4}\w{0,3}|epyc\s+\w{4,6}|xeon(?:\s+(?:gold|silver|platinum|bronze|w\d?|e\d))?"
    r"[\s-]+\w{4,8}(?:\s+v\d)?)\b(?:\s+\d{1,3}-core)?(?:\s+processor)?",
    re.IGNORECASE,
)
_SAYING_NOTHING = frozenset((
    *("a", "an", "the", "my", "i", "have", "has", "got", "it", "is", "of", "at", "on", "in", "for", "each", "total"),
    *("gpu", "gpus", "card", "cards", "accelerator", "graphics", "laptop", "notebook", "desktop", "pc", "computer"),
    *("machine", "server", "workstation", "mac", "macbook", "imac", "mini", "studio", "air", "pro", "linux", "windows"),
    *("cpu", "processor", "core", "cores", "ram", "memory", "vram", "system", "nvidia", "amd", "apple", "intel"),
    *("geforce", "radeon", "with", "and", "unified", "shared", "x", "only", "just", "no", "not", "without", "any"),
    *("integrated", "onboard", "nothing", "but", "nur", "ohne", "kein", "keine", "und", "mit"),
))  # fmt: skip
_MOST_WORDS = 40
_LONGEST_NAME = 7


@dataclass(slots=True)
class _Size:
    """A size as it was typed: its GB, what it is said to be, and whether it stands beside what went before."""

    gb: float
    kind: str
    count: int
    beside: bool


def _typed(text: str) -> MachineText:
    """What somebody typed."""
    told, sizes = _Told(), list[_Size]()
    whole = read_name(text)
    if whole.label:
        return _machine(_Told(devices=[_Device(whole.label, whole.memory, whole.count)]))
    beside = False
    for part, between in _parts(text):
        card = read_name(part)
        if card.label:
            # A size that stands with a name is that of this accelerator, whatever else there is.
            told.devices.append(_Device(card.label, card.memory, card.count))
            beside = _BESIDE.search(between) is not None
            continue
        processor = _PROCESSOR.search(part)
        if processor and not read_name(part).label:
            told.processor = told.processor or processor[0].strip()
            part = f"{part[: processor.start()]} {part[processor.end() :]}"
        rest = _names(part, told)
        rate = _RATE.search(rest)
        if rate:
            told.bandwidth = told.bandwidth or float(rate[1])
            rest = f"{rest[: rate.start()]} {rest[rate.end() :]}"
        found, words = list(_sizes(rest, told)), _SIZE.sub(" ", rest).split()
        if found:
            found[-1].beside = beside and not words
        sizes += found
        _leave(words, told)
        beside = _BESIDE.search(between) is not None
    return _with_sizes(told, sizes)


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """The parts of a text, each with what parts it from the next."""
    begin = 0
    for between in _BETWEEN.finditer(text):
        if between[0].strip().isalpha() and _is_in_name(text, between):
            continue
        yield text[begin : between.start()], between[0]
        begin = between.end()
    yield text[begin:], ""


def _is_in_name(text: str, between: re.Match[str]) -> bool:
    """Whether a word between two parts is one of a name's own: ``Snapdragon X Plus X1P-64-100``."""
    word = between[0].strip()
    before, after = text[: between.start()].split()[-2:], text[between.end() :].split()[:1]
    label = read_name(" ".join([*before, word, *after])).label
    return word.lower() in label.lower().split()


def _sizes(part: str, told: _Told) -> Iterator[_Size]:
    for found in _SIZE.finditer(part):
        kind = (found[1] or found[5] or "").lower()
        gb = float(found[3]) * _UNIT[found[4].lower()]
        if 0.25 <= gb <= _MOST_GB:
            yield _Size(gb, _kind(kind), int(found[2] or 1) or 1, beside=False)
        else:
            told.unread.append(found[0].strip())


def _kind(words: str) -> str:
    """``card`` for memory of an accelerator, ``system`` for that of the system; empty where it is not told."""
    if re.search(_CARDS, words):
        return "card"
    return "system" if words else ""


def _names(part: str, told: _Told) -> str:
    """Take the accelerators that a part names out of it: the longest rows of words that are a name."""
    words = part.replace("(", " ").replace(")", " ").split()
    rest: list[str] = []
    at = 0
    while at < len(words):
        for length in range(min(_LONGEST_NAME, len(words) - at), 0, -1) if at < _MOST_WORDS else ():
            read = _name(words[at : at + length], " ".join(words[at + length : at + length + 2]))
            if read.label:
                told.devices.append(_Device(read.label, read.memory, read.count))
                at += length
                # What stood on both sides of a name does not belong together.
                rest.append("\n")
                break
        else:
            rest.append(words[at])
            at += 1
    return " ".join(rest)


def _name(words: Sequence[str], after: str) -> ReadName:
    """The accelerator that these words name. A size that is said to be one of memory is none of the name's own."""
    row = " ".join(words)
    if _KIND_NEXT.match(after) and _SIZE_LAST.search(row):
        return ReadName()
    read = read_name(row)
    return read if read.label or not row.endswith("s") else read_name(row[:-1])


def _leave(words: Sequence[str], told: _Told) -> None:
    """What is left of a part: how many there are of the only accelerator, else what nobody understands."""
    left = " ".join(words)
    count = times_alone(left)
    if count and len(told.devices) == 1 and told.devices[0].count == 1:
        told.devices[0].count = count
    # Words that say nothing by themselves belong to what they stand in: "Pro 6000".
    elif any(word.lower().strip(".:!?") not in _SAYING_NOTHING for word in words):
        told.unread.append(left[:60])


def _with_sizes(told: _Told, sizes: Sequence[_Size]) -> MachineText:
    """The machine, when each size has found what it is the size of."""
    device = told.devices[0] if told.devices else None
    known = accelerator_named(device.name) if device else None
    shared = known is not None and known.unified and known.memory is None
    bare: float | None = None
    for size in sizes:
        whole = size.gb * size.count
        if size.kind == "card":
            device = _sized(told, size, device)
        elif device is not None and shared and device.memory is None:
            device.memory = whole
        elif size.kind == "system" or (device is None and told.processor):
            told.ram = (told.ram or 0) + whole
        elif device is None:
            bare, told.devices = size.gb, [_Device("", None, size.count)] if size.count > 1 else []
        elif not size.beside and device.memory is None and _has(device.name, size.gb):
            device.memory = size.gb
        else:
            told.ram = (told.ram or 0) + whole
            told.said.append(f"{whole:g} GB is taken as system memory.")
    if bare is not None:
        told.devices = []
    return replace(_machine(told), bare=bare)


def _sized(told: _Told, size: _Size, device: _Device | None) -> _Device:
    """The accelerator with the memory that it is told to have."""
    if device is None:
        device = _Device("", None, size.count)
        told.devices.append(device)
    device.memory = size.gb
    return device


def _has(name: str, gb: float) -> bool:
    """Whether an accelerator of that name is made with so many GB."""
    return read_name(name, gb).label != ""


# --- what it makes together ------------------------------------------------------------------------------------------


def _machine(told: _Told) -> MachineText:
    """One machine of all that was read: accelerators of one kind, and what lies beside them."""
    kinds: Counter[tuple[str, float | None]] = Counter()
    said, unread = list(told.said), list(told.unread)
    for device in told.devices:
        label, memory = _labelled(device, said, unread)
        if label or memory is not None:
            kinds[label, memory] += device.count
    best = max(kinds, key=lambda kind: _rank(kind, kinds[kind]), default=("", None))
    others = [kind for kind in kinds if kind != best]
    beside = [kind for kind in others if _go_together(best[0], kind[0])]
    left = ", ".join(_counted_words(kind, kinds[kind]) for kind in others if kind not in beside)
    if left:
        said.append(f"Accelerators of several makers are not judged together: {left} is left out.")
    if told.processor:
        said.append(_processor_words(told.processor))
    unread = list(dict.fromkeys(unread))[:_MOST_UNREAD]
    return MachineText(
        accelerator=best[0],
        count=kinds[best] or 1,
        memory=best[1],
        ram=told.ram,
        ram_bandwidth=told.bandwidth,
        processor=told.processor,
        said=tuple(dict.fromkeys(said)),
        unread=tuple(unread),
        beside=tuple(Cards(name, kinds[name, memory], memory) for name, memory in beside),
    )


def _go_together(label: str, other: str) -> bool:
    """Whether an engine can share a model out to both: cards of one maker, each with a memory of its own."""
    known = [accelerator_named(label), accelerator_named(other)]
    return all(one is not None and not one.unified for one in known) and len({one.vendor for one in known if one}) == 1


def _labelled(device: _Device, said: list[str], unread: list[str]) -> tuple[str, float | None]:
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
