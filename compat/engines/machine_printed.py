"""A machine out of what programs print: ``nvidia-smi``, ``rocm-smi``, ``lspci``, ``free``, ``neofetch``..."""

from __future__ import annotations

import re

from compat.engines.accelerator_names import general_names, power, read_name
from compat.engines.hardware import GIB
from compat.engines.machine_told import GB_OF, Device, Told
from compat.engines.system_memory import processor_bandwidth

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
_FETCH_MEMORY = re.compile(r"\bMemory: *\d{1,8}(?:\.\d{1,2})? *[KMG]iB */ *(\d{1,8}(?:\.\d{1,2})?) *([MGT])iB\b")
_FETCH_NAME = r": *(\w[^\n:@\[]{0,99}?)(?= *(?:\(\d|@|\[|\n|$| (?:GPU(?: \d{1,2})?|Memory):))"
_FETCH_CPU = re.compile(rf"\bCPU{_FETCH_NAME}")
_FETCH_GPU = re.compile(rf"\bGPU(?: \d{{1,2}})?{_FETCH_NAME}")
_WINDOWS = re.compile(
    r"\bCard name: *([^\n]{1,80}?)(?= {2}| *(?:$|/ | (?:Manufacturer|Chip type|DAC type|Dedicated Memory|Memory):))",
    re.MULTILINE,
)
_WINDOWS_CARD = re.compile(r"\bDedicated Memory: *(\d{2,7}) ?MB\b")
_WINDOWS_MEMORY = re.compile(r"(?:(?<!\w )|(?<=MB ))\bMemory: *(\d{3,8}) ?MB RAM\b")


def read_printed(text: str) -> Told | None:
    """What a program printed; None where the text is no program's."""
    told = Told()
    for read in (_nvidia_smi, _rocm_smi, _lspci, _mac, _system, _fetch):
        read(text, told)
    anything = told.devices or told.ram is not None or told.processor or told.said
    return told if anything else None


def _nvidia_smi(text: str, told: Told) -> None:
    """``nvidia-smi``, ``nvidia-smi -L`` and ``nvidia-smi --query-gpu=name,memory.total --format=csv``."""
    names = _SMI_LIST.findall(text)
    slices = [float(one) for one in _SMI_MIG.findall(text)]
    if names and slices:
        told.devices.append(Device("", min(slices)))
        told.said.append("The card is cut up (MIG): the smallest of its parts is taken, as a model is loaded into one.")
        return
    found = [Device(name) for name in names]
    if not found:
        found = [Device(name, float(size) / 1024) for name, size in _SMI_CSV.findall(text)]
    if not found:
        rows, sizes = _SMI_ROW.findall(text), _SMI_MEMORY.findall(text)
        told_sizes = [float(one) / 1024 for one in sizes] if len(sizes) == len(rows) else [None] * len(rows)
        found = [Device(name, size) for name, size in zip(rows, told_sizes, strict=True)]
    told.devices += found


def _rocm_smi(text: str, told: Told) -> None:
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
        told.devices.append(Device(named or gfx or series, memory))
    if not cards:
        for name in map(_first, _AMD_NAME.findall(text)):
            if read_name(name).label:
                told.devices.append(Device(name))
            elif processor_bandwidth(name):
                told.processor = told.processor or name.strip()
    if _ROCM_TABLE.search(text) and not cards:
        told.said.append("rocm-smi names no card by itself: paste rocm-smi --showproductname --showmeminfo vram.")


def _lspci(text: str, told: Told) -> None:
    """``lspci``, with or without ``-nn``."""
    found: list[str] = []
    for line in _LSPCI.findall(_SLOT.sub("\n", text)):
        names = [one for one in _BRACKETS.findall(line) if not _NO_NAME.fullmatch(one)]
        found.append(names[-1] if names else " ".join(line.split()[:6]))
    _take_listed(found, told)


def _take_listed(found: list[str], told: Told) -> None:
    """Take the accelerators of the list among what lspci's database calls them; the others are told as left out."""
    left = []
    for names in found:
        label = _least_of(names)
        if not label:
            left.append(names)
            continue
        told.devices.append(Device(label))
        if "/" in names:
            told.said.append(f"lspci names several at once ({names}): {label} is taken, the least of them.")
    if left:
        told.said.append(f"Left out, as no accelerator of the list: {', '.join(dict.fromkeys(left))}.")


def _least_of(names: str) -> str:
    """The least of the accelerators that lspci's database gives one number: ``Radeon RX 7900 XT/7900 XTX/7900 GRE``."""
    first, *others = [one.strip() for one in re.split(r" ?/ ?", names) if one.strip()] or [""]
    begin = first.split()[:-1]
    spelled = [first, *others, *(" ".join([*begin, one]) for one in others)]
    labels = [read.label for read in map(read_name, spelled) if read.label]
    meant = [one for label in labels for one in general_names().get(label, (label,))]
    return min(meant, key=power, default="")


def _mac(text: str, told: Told) -> None:
    """``system_profiler SPHardwareDataType``, ``SPDisplaysDataType`` and ``sysctl``."""
    chips = _MAC.findall(text)
    sizes = [float(size) * GB_OF[unit.lower()] for size, unit in _MAC_MEMORY.findall(text)]
    sizes += [float(size) / GIB for size in _MAC_BYTES.findall(text)]
    if chips:
        told.devices.append(Device(chips[0], sizes[0] if sizes else None))
    elif sizes:
        told.ram = sizes[0]
    told.devices += [Device(name) for name in _MAC_CARD.findall(text) if read_name(name).label]


def _system(text: str, told: Told) -> None:
    """``free``, ``/proc/meminfo``, ``lscpu``, ``/proc/cpuinfo``, and what ``dxdiag`` tells."""
    total = _MEMINFO.search(text)
    if total:
        told.ram = int(total[1]) / 1024**2
    free = _FREE.search(text)
    if free and told.ram is None:
        told.ram = float(free[1]) * (GB_OF[free[2].lower()] if free[2] else _unit_of(float(free[1])))
    cpu = _CPU.search(text)
    if cpu and not read_name(cpu[1]).label:
        told.processor = _first(cpu[1])
    _dxdiag(text, told)


def _fetch(text: str, told: Told) -> None:
    """``neofetch`` and ``fastfetch``, which print how much memory is used before how much there is."""
    memory, cpu, cards = _FETCH_MEMORY.search(text), _FETCH_CPU.search(text), _FETCH_GPU.findall(text)
    if memory is None or not (cpu or cards):
        return
    total = float(memory[1]) * GB_OF[memory[2].lower()]
    chip = read_name(cpu[1]).label if cpu else ""
    named = bool(told.devices)
    if not chip:
        told.ram = total
        told.processor = told.processor or (cpu[1].strip() if cpu else "")
    elif not named:
        told.devices.append(Device(chip, total))
    if not named:
        # They have the names of cards from where lspci has them.
        _take_listed([name for name in map(str.strip, cards) if not chip or read_name(name).label != chip], told)


def _dxdiag(text: str, told: Told) -> None:
    """``dxdiag``: its cards with their own memory, and the system's."""
    names, sizes = [_first(name) for name in _WINDOWS.findall(text)], _WINDOWS_CARD.findall(text)
    own = [float(size) / 1024 for size in sizes] if len(sizes) == len(names) else [None] * len(names)
    told.devices += [
        Device(name, size if read_name(name).label else None) for name, size in zip(names, own, strict=True)
    ]
    memory = _WINDOWS_MEMORY.search(text)
    if memory and names and told.ram is None:
        told.ram = float(memory[1]) / 1024


def _first(value: str) -> str:
    """A value without what follows it on the same line, where line ends were lost."""
    return re.split(r" {2,}", value.strip())[0]


def _unit_of(number: float) -> float:
    """What ``free`` counts in where it does not say: KiB by itself, MiB with ``-m``, GiB with ``-g``."""
    return GB_OF["k"] if number >= 2_000_000 else GB_OF["m"] if number >= 2048 else 1.0
