"""A machine out of what people type of it: ``2x3090, 64 GB RAM``, ``M3 Max 64GB``, ``laptop with a 4070``.

What may mean two things is not taken for one of them: it is named as not understood, with what would be. The exceptions
are said: a size beside a card is the system's, a small one right behind its name or one in parentheses there is the
card's own, a number behind a Mac's chip that it is sold with are its GB, and a size that is counted (``2x24GB``) is
that of so many cards where neither a card nor what takes none is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from compat.engines.accelerator_names import (
    TIMES,
    ReadName,
    accelerator_named,
    meant_by,
    read_name,
    times_alone,
    times_first,
    wrong_count,
)
from compat.engines.hardware import GIB, MOST_ACCELERATORS
from compat.engines.machine_told import GB_OF, Device, Told
from compat.engines.processor_names import INTEGRATED, PROCESSOR
from compat.engines.typed_words import memory_told, plain_words, without_bodywork, without_disks, without_engine
from compat.wording import or_

_MOST_GB = 16_384.0
"""More is not read as one machine's: the largest servers that one system runs on hold as much."""
_MOST_BEHIND = 8.0
"""GB of a size right behind a card's name that is below this is the card's own: of a system's memory there is more."""
_NEARLY = 0.06
"""Two sizes are the same up to this part of them."""
PARTED = re.compile(
    # Not the plus of Ryzen AI Max+ 395.
    r"\s*[,;|\n]\s*|\s+(?:\+|&|and|plus|with|und|mit)\s+|(?<=\w)(?<!max)[+&](?=\w)"
    # A number before the slash is a size as well: 16/512GB.
    r"|(?<=\w)(?<!\b\d)(?<!\b\d\d)(?<!\b\d\d\d)/(?=\d{1,4} ?[gt]i?b\b)",
    re.IGNORECASE,
)
_BESIDE = re.compile(r"\+|&|and|plus|with|und|mit", re.IGNORECASE)
_RATE = re.compile(
    r"(?:\bat )?(?<![\w.])(\d{1,4}(?:\.\d{1,2})?) ?gb(?: ?/ ?s\b|ps\b| a second\b| per second\b)", re.IGNORECASE
)
_CARDS = r"vram|(?:video|gpu|graphics) (?:memory|ram)|grafikspeicher|videospeicher|gddr\dx?|hbm\de?"
_KIND = (
    r"(?:system |main )?(?:memory|ram)|(?:unified|shared) memory|lpddr\w*|ddr\w*|(?:arbeits|haupt|system)speicher"
    rf"|{_CARDS}"
)
_SIZE = re.compile(
    rf"(?:\b({_KIND})[:= ] ?)?(?<![\w.-])(?:(\d{{1,2}}) ?{TIMES} ?)?(\d{{1,7}}(?:\.\d{{1,3}})?) ?"
    # A card may be called 780M: so many megabytes are written out.
    rf"(?:(t(?!i\b)|g|m(?=i|b|eg))(?:i?b|i|igs?|egs?|[ei][gr]abytes?)?)\b(?(1)|(?:(?: of)? ((?:\w+ )?(?:{_KIND}))\b)?)",
    re.IGNORECASE,
)
SIZE_LAST = re.compile(r"(?<![\w.])\d{1,4} ?(?:g|gi|gi?b)$", re.IGNORECASE)
_KIND_NEXT = re.compile(rf"(?:of )?(?:{_KIND})\b", re.IGNORECASE)
_BARE_SIZES = "|".join(
    map(str, (*range(2, 25), 28, 30, 31, 32, 36, 40, 48, 64, 72, 80, 96, 128, 192, 256, 384, 512, 768, 1024))
)
_NO_UNIT = re.compile(rf"(?<![\w.-])({_BARE_SIZES}) (?=(?:{_KIND})\b)", re.IGNORECASE)
"""``64 RAM``: so many GB."""
_NO_CARD = re.compile(
    r"\b(?:no|without|ohne|keine?n?)\s+(?:\w+\s+)?(?:e?gpu|cards?|graphics|grafik\w*)\b|\b(?:cpu|processor)[\s-]+only\b"
    r"|\b(?:only|just|nur)\s+(?:a |die |der )?(?:cpu|processor|prozessor)\b|\b(?:integrated|onboard)\b",
    re.IGNORECASE,
)
_PROCESSOR_NAMED = re.compile(r"\b(?:cpu|processor|prozessor)\b", re.IGNORECASE)
_CARD_NAMED = re.compile(r"\b(?:e?gpus?|graphics|cards?|grafik\w*)\b", re.IGNORECASE)
_TAKES_NO_CARD = re.compile(r"\b(?:laptop|notebook|thinkpad|ultrabook|mac(?:book)?|imac|mbp|mba)s?\b", re.IGNORECASE)
"""Of a computer that takes none so many of a size are modules of its memory."""
_MODULES = re.compile(r"\b(?:lp)?ddr\d?x?\b", re.IGNORECASE)
"""What only the system's memory is called."""
_BEHIND = re.compile(
    r"(?:(?:laptop|notebook|gpu|graphics|card) )*(\d{1,5}(?:\.\d{1,2})?) ?(g(?=i?b?\b)|m(?=i?b\b))i?b?\b"
    r"(?! ?(?:/|ps\b|a sec|per sec))",
    re.IGNORECASE,
)
_FRAMEWORK = re.compile(r"\bframework desktop\b", re.IGNORECASE)
_FRAMEWORK_SIZE = re.compile(r"(?<![\w.])(64|128) ?gi?b?\b", re.IGNORECASE)
"""With less it has a smaller processor."""
_LAPTOP = re.compile(r"\b(?:laptop|notebook|thinkpad|ultrabook)s?\b", re.IGNORECASE)
_OUTSIDE = re.compile(
    r"\b(?:e-?gpu|desktop|external|thunderbolt)\b|\b(?:not?|keine?n?)\s+(?:an?\s+|in\s+)*(?:laptop|notebook)\b",
    re.IGNORECASE,
)
_SEVERAL = re.compile(r"[\dX]s$")
"""``3090s``, ``MI300Xs``"""
_WITH = re.compile(r"with|mit", re.IGNORECASE)
_NOT = frozenset(("not", "no", "without", "ohne", "kein", "keine", "keinen", "nicht", "statt"))
_BEFORE_COUNT = frozenset(("have", "has", "got", "with", "my", "habe", "mit", "of", "mein", "meine"))
_SAYING_NOTHING = frozenset((
    *("a", "an", "the", "my", "i", "have", "has", "got", "it", "is", "of", "at", "on", "in", "for", "each", "total"),
    *("gpu", "gpus", "card", "cards", "accelerator", "graphics", "laptop", "notebook", "desktop", "pc", "computer"),
    *("machine", "server", "workstation", "mac", "macbook", "imac", "mini", "studio", "air", "pro", "linux"),
    *("windows", "cpu", "processor", "core", "cores", "ram", "memory", "vram", "system", "nvidia", "amd", "apple"),
    *("intel", "geforce", "radeon", "with", "and", "unified", "shared", "x", "only", "just", "no", "not", "without"),
    *("any", "integrated", "onboard", "nothing", "but", "nur", "ohne", "kein", "keine", "und", "mit", "ich", "habe"),
    *("hab", "ein", "eine", "einen", "mein", "meine", "im", "grafikkarte", "grafikkarten", "karte", "rechner"),
    *("prozessor", "gaming", "gamer", "rig", "build", "setup", "box", "home", "homelab", "old", "new", "used", "egpu"),
    *("external", "nvlink", "sli", "single", "one", "founders", "edition", "fe", "oc", "running", "run", "from"),
    *("asus", "msi", "gigabyte", "zotac", "evga", "pny", "palit", "gainward", "sapphire", "powercolor", "xfx"),
    *("asrock", "tuf", "ventus", "aorus", "ubuntu", "debian", "fedora", "wsl", "wsl2", "macos", "chip", "google"),
    *("lite", "hash", "rate", "lhr", "stück", "alt", "alter", "altes", "alten", "surface", "geforce", "dell", "hp"),
    *("lenovo", "acer", "microsoft", "legion", "ideapad", "yoga", "omen", "pavilion", "inspiron", "xps", "alienware"),
    *("razer", "zenbook", "vivobook", "zephyrus", "nitro", "predator", "aspire", "latitude", "precision", "elitebook"),
    *("colab", "kaggle", "cloud", "thinkpad", "ultrabook", "gen", "cpu-only", "mbp", "mba", "silicon"),
))  # fmt: skip
_MOST_WORDS = 40
_LONGEST_NAME = 7


@dataclass(slots=True)
class _Size:
    """A size as it was typed: its GB, what it is said to be, and whether it stands beside what went before.

    ``with_`` says that it does so as something that this has: ``RTX 3060 with 12 GB``.
    """

    text: str
    gb: float
    kind: str
    count: int
    beside: bool = False
    with_: bool = False


def read_typed(text: str) -> Told:
    """What somebody typed."""
    whole = read_name(text)
    if whole.label:
        return Told(devices=[Device(whole.label, whole.memory, whole.count)])
    told, sizes = Told(), list[_Size]()
    text = _without_wrong_counts(without_engine(plain_words(text), told.said), told)
    text = without_bodywork(without_disks(text, told.said))
    size = _FRAMEWORK_SIZE.search(text) if _FRAMEWORK.search(text) else None
    if size:
        told.said.append(f"The Framework Desktop with {size[1]} GB has a Ryzen AI Max+ 395.")
        text = _FRAMEWORK.sub("Ryzen AI Max+ 395", text)
    told.alone = _is_without_card(text) or _MODULES.search(text) is not None
    text, told.bandwidth = memory_told(text, told)
    between, laptop = "", _is_laptop(text)
    for part, after in _parts(" ".join(text.split())):
        sizes += _read_part(part, between, told, laptop=laptop)
        between = after
    _put_into_laptop(text, told)
    _give_sizes(told, sizes, cards=_TAKES_NO_CARD.search(text) is None)
    return told


def _is_without_card(text: str) -> bool:
    """Whether a text says that there is no card, or names a processor and no card."""
    named = _PROCESSOR_NAMED.search(text) is not None and _CARD_NAMED.search(text) is None
    return named or _NO_CARD.search(text) is not None


def _read_part(part: str, between: str, told: Told, *, laptop: bool) -> list[_Size]:
    """Take in one part of a text, of a laptop or not; what is told of sizes in it is given back."""
    count, name = _bare_count(part)
    card = read_name(name)
    if card.label:
        # A size that stands with a name is that of this accelerator, whatever else there is.
        told.devices.append(Device(card.label, card.memory, card.count * count, _is_sized(name)))
        return []
    integrated = INTEGRATED.search(part)
    if integrated:
        told.said.append(f"Left out, as no accelerator of the list: {integrated[0].strip()}.")
        told.alone = True
        part = _without(part, integrated)
    processor = PROCESSOR.search(part)
    if processor:
        told.processor, told.alone = told.processor or processor[0].strip(), True
        part = _without(part, processor)
    rest = _NO_UNIT.sub(r"\1 GB ", _names(part, told, laptop=laptop))
    rate = _RATE.search(rest)
    if rate:
        told.bandwidth = told.bandwidth or float(rate[1])
        rest = _without(rest, rate)
    found, words = list(_sizes(rest, told)), _SIZE.sub(" ", rest).split()
    if found and not words:
        found[-1].beside = _BESIDE.search(between) is not None
        found[-1].with_ = _WITH.fullmatch(between.strip()) is not None
    _leave(words, told, laptop=laptop)
    return found


def _without(text: str, found: re.Match[str]) -> str:
    return f"{text[: found.start()]} {text[found.end() :]}"


def _bare_count(part: str) -> tuple[int, str]:
    """How many a part tells before a name that is a number (``2 3090``), and the name; 1 for any other."""
    found = re.fullmatch(r"(\d{1,2}) (\d{3,4}s?\b.*)", part)
    name = re.sub(r"^(\d{4})s\b", r"\1", found[2]) if found else ""
    if found and 1 <= int(found[1]) <= MOST_ACCELERATORS and read_name(name).label:
        return int(found[1]), name
    return 1, part


def _without_wrong_counts(text: str, told: Told) -> str:
    """The text without the parts that tell a number of accelerators which none is; they are told as not understood."""
    while (wrong := wrong_count(text)) is not None:
        begin = max((one.end() for one in PARTED.finditer(text, 0, wrong.start)), default=0)
        end = next((one.start() for one in PARTED.finditer(text, wrong.end)), len(text))
        part = text[begin:end].strip()
        name = " ".join(f"{text[begin : wrong.start]} {text[wrong.end : end]}".split())
        told.unread.append(part)
        told.said.append(wrong.sentence)
        told.instead[part] = tuple(f"{number}x {name}" if number > 1 else name for number in wrong.near or (1,))
        text = f"{text[:begin]} {text[end:]}"
    return text


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """The parts of a text, each with what parts it from the next."""
    begin = 0
    for between in PARTED.finditer(text):
        if between[0].strip().isalpha() and _is_in_name(text, between):
            continue
        yield text[begin : between.start()], between[0]
        begin = between.end()
    yield text[begin:], ""


def _is_in_name(text: str, between: re.Match[str]) -> bool:
    """Whether a word between two parts is one of a name's own: ``Snapdragon X Plus X1P-64-100``."""
    word = between[0].strip()
    before, after = text[: between.start()].split()[-2:], text[between.end() :].split()[:1]
    labels = (read_name(" ".join([*before, word, *more])).label for more in (after, ()))
    return any(word.lower() in label.lower().split() for label in labels)


def _sizes(part: str, told: Told) -> Iterator[_Size]:
    for found in _SIZE.finditer(part):
        kind = (found[1] or found[5] or "").lower()
        gb = float(found[3]) * GB_OF[found[4].lower()]
        if gb > _MOST_GB:
            _too_much(found, told)
        elif 0.25 <= gb <= _MOST_GB:
            yield _Size(found[0].strip(), gb, _kind(kind), int(found[2] or 1) or 1)
        else:
            told.unread.append(found[0].strip())


def _too_much(found: re.Match[str], told: Told) -> None:
    """Tell of a size that no machine has, and what may be meant by it."""
    text = found[0].strip()
    told.unread.append(text)
    size = f"{found[3]} {found[4].upper()}B"
    told.said.append(f"{size} is more memory than is read of one machine: {_MOST_GB / 1024:g} TB is the most.")
    if found[4].lower() == "t" and len(found[3]) < 4:
        told.instead[text] = (f"{found[3]} GB RAM", f"{size} SSD")


def _kind(words: str) -> str:
    """``card`` for memory of an accelerator, ``system`` for that of the system; empty where it is not told."""
    if re.search(_CARDS, words):
        return "card"
    return "system" if words else ""


def _names(part: str, told: Told, *, laptop: bool) -> str:
    """Take the accelerators that a part names out of it: the longest rows of words that are a name."""
    words, in_brackets = _words_and_brackets(part)
    rest: list[str] = []
    at = 0
    while at < len(words):
        for length in range(min(_LONGEST_NAME, len(words) - at), 0, -1) if at < _MOST_WORDS else ():
            row = words[at : at + length]
            read = _name(row, " ".join(words[at + length : at + length + 2]), laptop=laptop)
            if read.label and not (length > 1 and row[0].isdecimal() and len(row[0]) < 3 and _belongs_before(rest)):
                if rest and rest[-1].lower() in _NOT:
                    told.unread.append(" ".join([rest.pop(), *row]))
                    at += length
                    break
                told.devices.append(Device(read.label, read.memory, read.count, _is_sized(" ".join(row))))
                at += length
                at += _take_own_size(words[at:], in_brackets[at:], told)
                # What stood on both sides of a name does not belong together.
                rest.append("\n")
                break
        else:
            rest.append(words[at])
            at += 1
    return " ".join(rest)


def _words_and_brackets(part: str) -> tuple[list[str], list[bool]]:
    """The words of a part without brackets, and of each whether one opens right before it."""
    words: list[str] = []
    opened: list[bool] = []
    bracket = False
    for word in part.replace("(", " ( ").replace(")", " ) ").split():
        if word not in "()":
            words.append(word)
            opened.append(bracket)
        bracket = word == "("
    return words, opened


def _is_sized(name: str) -> bool:
    return SIZE_LAST.search(name) is not None


def _take_own_size(words: Sequence[str], in_brackets: Sequence[bool], told: Told) -> int:
    """Let the last accelerator have a size that stands right behind its name; how many words that is."""
    device = told.devices[-1]
    known = accelerator_named(device.name)
    found = _BEHIND.match(" ".join(words[:6]))
    if found is None or device.sized or device.memory is not None or known is None or known.unified:
        return 0
    taken = len(found[0].split())
    first = next(place for place, word in enumerate(words) if word[0].isdecimal())
    gb = float(found[1]) * GB_OF[found[2].lower()]
    behind = gb < _MOST_BEHIND or in_brackets[first]
    if not behind or not 0.25 <= gb <= _MOST_GB or _KIND_NEXT.match(" ".join(words[taken : taken + 3])):
        return 0
    device.memory = gb
    told.said.append(f"{gb:g} GB is taken as the memory of the {device.name}.")
    return taken


def _belongs_before(rest: Sequence[str]) -> bool:
    """Whether a number belongs to the words before it (``Ryzen 5``), and is not how many follow."""
    return bool(rest) and rest[-1] != "\n" and rest[-1].lower() not in _BEFORE_COUNT


def _name(words: Sequence[str], after: str, *, laptop: bool) -> ReadName:
    """The accelerator that these words name. A size that is said to be one of memory is none of the name's own.

    In a laptop it may be one that is built into laptops alone.
    """
    row = " ".join(words)
    if _KIND_NEXT.match(after) and SIZE_LAST.search(row):
        return ReadName()
    read = read_name(row)
    if not read.label and laptop and re.search(r"\d{3}", row) and not read_name(SIZE_LAST.sub("", row)).label:
        read = read_name(f"{row} Laptop")
    return read if read.label or not _SEVERAL.search(row) else read_name(row[:-1])


def _leave(words: Sequence[str], told: Told, *, laptop: bool) -> None:
    """What is left of a part: how many there are of the only accelerator, else what nobody understands."""
    words = [word for word in words if not _MODULES.fullmatch(word)]
    left = " ".join(words)
    count = times_alone(left)
    telling = [
        word for word in words if word.lower().strip("()[].:!?\"'") not in _SAYING_NOTHING and re.search(r"\w", word)
    ]
    if count and len(told.devices) == 1 and told.devices[0].count == 1:
        told.devices[0].count = count
    elif len(telling) == 1 and _is_size_of(telling[0], told):
        told.devices[0].memory = float(telling[0])
        told.said.append(f"{telling[0]} is taken as {telling[0]} GB of memory.")
    # Words that say nothing by themselves belong to what they stand in: "Pro 6000".
    elif telling:
        part = telling[0] if len(telling) == 1 and telling[0].isdecimal() else left[:60]
        told.unread.append(part)
        _offer_those_meant(part, told, laptop=laptop)


def _offer_those_meant(part: str, told: Told, *, laptop: bool) -> None:
    """Where a part is the name of several different accelerators, say which: none of them is taken for it."""
    name = " ".join(_LAPTOP.sub(" ", part).split())
    count, name = name[: times_first(name)], name[times_first(name) :]
    labels = (meant_by(f"{name} Laptop") if laptop else ()) or meant_by(name)
    if labels:
        told.instead[part] = tuple(f"{count}{label}" for label in labels)
        told.said.append(f"{name} may be the {or_(labels)}: choose one, or tell its memory.")


def _is_size_of(word: str, told: Told) -> bool:
    """Whether a number is one of the GB that the only accelerator, which shares its memory, is sold with."""
    if not (word.isascii() and word.isdecimal() and len(word) < 5 and len(told.devices) == 1):
        return False
    device = told.devices[0]
    known = accelerator_named(device.name)
    return known is not None and device.memory is None and int(word) * GIB in known.memory_options


def _is_laptop(text: str) -> bool:
    return _LAPTOP.search(text) is not None and _OUTSIDE.search(text) is None


def _put_into_laptop(text: str, told: Told) -> None:
    """Take the cards of a laptop for what their makers call so there, which holds and computes less."""
    if not _is_laptop(text):
        return
    for device in list(told.devices):
        known = accelerator_named(device.name)
        if known is None or known.unified or device.count > 1 or known.of_laptop:
            continue
        # A label is longer than a card's name where it tells one of several sizes.
        size = device.memory
        if size is None and known.memory is not None and known.name != device.name:
            size = known.memory / GIB
        own = read_name(f"{known.name} Laptop", size)
        others = read_name(f"{known.name} Laptop").label or read_name(f"{known.name}M").label
        if not own.label and size is None:
            own = read_name(f"{known.name}M")
        if own.label:
            told.said.append(f"In a laptop it is the {own.label}: write “desktop” or “eGPU” beside it if yours is not.")
            device.name, device.memory = own.label, None
        elif others:
            part = f"{device.name}{'' if device.memory is None else f' {device.memory:g} GB'}"
            told.devices.remove(device)
            told.unread.append(part)
            told.instead[part] = (others,)
            told.said.append(
                f"The {others} has another memory: write “desktop” or “eGPU” beside it if yours is not that."
            )


def _give_sizes(told: Told, sizes: Sequence[_Size], *, cards: bool) -> None:
    """Let each size find what it is the size of; ``cards`` says that so many of a size may be cards."""
    device = told.devices[0] if told.devices else None
    known = accelerator_named(device.name) if device else None
    shared = known is not None and known.unified and known.memory is None
    system = any(size.kind == "system" for size in sizes)
    bare: float | None = None
    taken = False
    for size in sizes:
        whole = size.gb * size.count
        if size.kind == "card":
            device = _sized(told, size, device)
        elif device is not None and shared and device.memory is None:
            device.memory = whole
        elif size.kind == "system" or (device is None and told.alone and not taken and not system):
            told.ram = (told.ram or 0) + whole
            taken = taken or not size.kind
            if size.count > 1 and not size.kind:
                told.said.append(f"{whole:g} GB is taken as system memory.")
        elif device is None and bare is not None:
            told.unread.append(size.text)
        elif device is None and cards and 1 < size.count <= MOST_ACCELERATORS:
            device = Device("", size.gb, size.count)
            told.devices.append(device)
            told.said.append(
                f"{size.count} x {size.gb:g} GB is taken as {size.count} accelerators with {size.gb:g} GB each: "
                "write RAM behind it if it is system memory."
            )
        elif device is None:
            bare = size.gb
        elif _may_be_its_own(device, size) and (size.with_ or not size.beside):
            device.memory = size.gb
        elif shared or ((taken or system) and size.count == 1):
            # The memory is told, so that this is something else.
            told.unread.append(size.text)
            told.instead[size.text] = (f"{size.text} SSD",)
        else:
            told.ram = (told.ram or 0) + whole
            taken = True
            told.said.append(f"{whole:g} GB is taken as system memory.")
    told.bare = bare


def _sized(told: Told, size: _Size, device: Device | None) -> Device:
    """The first accelerator, with the memory that it is told to have or what it has of that of all together."""
    if device is None:
        device = Device("", None, size.count)
        told.devices.append(device)
    if _is_of_all(device, size):
        device.memory = size.gb / device.count
        told.said.append(f"{size.gb:g} GB is taken as the memory of all {device.count} together.")
    elif len(told.devices) == 1 or _may_be_its_own(device, size):
        device.memory = size.gb
    elif abs(sum(map(_memory, told.devices)) - size.gb) > _NEARLY * size.gb:
        told.unread.append(size.text)
    return device


def _memory(device: Device) -> float:
    """The GB of all accelerators of one name; 0 where nothing tells them."""
    known = accelerator_named(device.name)
    of_one = device.memory or (known.memory / GIB if known is not None and known.memory is not None else 0)
    return of_one * device.count


def _is_of_all(device: Device, size: _Size) -> bool:
    """Whether a size is what several accelerators have together: one alone is not made with as much."""
    if device.count == 1 or size.count > 1:
        return False
    each = replace(size, gb=size.gb / device.count)
    device = replace(device, memory=None, sized=False)
    return _may_be_its_own(device, each) and not _may_be_its_own(device, size)


def _may_be_its_own(device: Device, size: _Size) -> bool:
    """Whether a size is one that an accelerator is made with, and nothing else tells its memory."""
    known = accelerator_named(read_name(device.name, size.gb).label)
    if device.memory is not None or device.sized or known is None:
        return False
    return known.memory is None or abs(known.memory / GIB - size.gb) < _NEARLY * size.gb + 0.2
