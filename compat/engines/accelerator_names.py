"""What people, drivers and tools call an accelerator, and the one that is meant: the one place where names are read.

A *label* is the name that pages, addresses and the API use. Most are names of the list itself, with the memory where
one name was sold in several sizes (``RTX 3060 12 GB``). A *general* name leaves open which of several is meant
(``RTX 3060``, ``gfx1100``): it is understood as well, and stands for the one that holds and reads the least.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType

from compat.engines.hardware import GIB, MOST_ACCELERATORS, Accelerator, accelerators
from compat.wording import plain_characters

MOST_LETTERS = 80
"""No name has more."""
_MAKERS = frozenset((
    *("nvidia", "amd", "ati", "apple", "intel", "qualcomm", "valve", "corporation", "inc", "geforce", "radeon"),
    *("tesla", "instinct", "graphics", "gpu", "card", "series", "generation", "edition", "with", "design", "r", "tm"),
))  # fmt: skip
"""What makers and drivers put around an accelerator's own name."""
_LINES = frozenset({"rtx", "gtx", "rx", "arc", "quadro"})
"""The lines that people leave out where the number says it."""
_SHARED = frozenset({("titan",)})
"""What is left of a name, and is that of others as well which the list does not have: no name by itself."""
_FORMS = frozenset(
    {"pcie", "pci", "e", "oam", "hbm2", "hbm2e", "hbm3", "hbm3e"} | {f"sxm{n}" for n in ("", 2, 3, 4, 5)}
)
"""How an accelerator is built in: heeded where the list tells such ones apart."""
_SPLITS = (
    (re.compile(r"\b(rtx|gtx|gt|rx)(?=a?\d)"), r"\1 "),
    (re.compile(r"(?<=\d)(ti|super|xtx|xt|gre)(?=super\b|\b)"), r" \1 "),
    (re.compile(r"\bmax\+(?=\d)"), "max+ "),
    (re.compile(r"(?<=\d) ?(ti)s\b"), r" \1 super"),
    (re.compile(r"\b(\d{4})d\b"), r"\1 d"),
    (re.compile(r"\b(m\d)(pro|max|ultra)(?=\d|\b)"), r"\1 \2 "),
    (re.compile(r"\b([2-5]0[5-9]0|1[06][5-8]0)m\b"), r"\1 laptop"),
    # How many lanes a slot has is no number of cards.
    (re.compile(r"\b(pcie?)(?: ?(?:gen ?)?[1-6](?:\.0)?)? ?x ?(?:1|2|4|8|16)\b"), r"\1"),
    (re.compile(r"\bmobile\b"), "laptop"),
    (re.compile(r"(?<=\d)( ti)? (?:lite hash rate|lhr)\b"), r"\1"),
    # Turned round: no older card of these numbers is a Pro.
    (re.compile(r"\b(?:rtx )?(2000|4000|4500|5000|6000) pro\b"), r"rtx pro \1"),
    # AMD's numbers that only a Pro has.
    (re.compile(r"\b(?:ai )?pro (?=w[5-7]\d00|wx ?\d|v\d\d0\b|r9700)"), ""),
    (re.compile(r"\bwx ?(?=\d{4}\b)"), "wx "),
)
_SIZE = re.compile(r"(?<![\w.])(\d{1,4}(?:\.\d{1,3})?(?= ?g(?:i?b|i)\b)|\d{1,2}(?= ?g\b)) ?g(?:i?b|i)?\b")
_CHIP = re.compile(r"(?:ad10|ga10|tu1[01]|gp10|gb20)\d")
"""What a chip is called, which tables put behind the names of cards."""
TIMES = "[x\u00d7*]"
"""The signs that stand between how many and what: ``2x``, ``x2``, ``2 * RTX 3090``."""
_TIMES_FIRST = re.compile(rf"^\(?(\d{{1,2}}) ?{TIMES} ?(?=[a-z]|\d{{3}})|^(\d{{1,2}}) (?=[a-z])", re.IGNORECASE)
_TIMES_LAST = re.compile(rf"(?<=[\w)])(?: \(?{TIMES} ?|(?<=\d){TIMES})(\d{{1,2}})\)?$", re.IGNORECASE)
_TIMES_ALONE = re.compile(rf"(\d{{1,2}}) ?{TIMES}|{TIMES} ?(\d{{1,2}})", re.IGNORECASE)
_TIMES_WORDS = {
    "dual": 2,
    "two": 2,
    "twin": 2,
    "three": 3,
    "triple": 3,
    "four": 4,
    "quad": 4,
    "eight": 8,
    "zwei": 2,
    "drei": 3,
    "vier": 4,
    "acht": 8,
}
_AMOUNT = r"[-+]?(?:\d+/\d+|\d{1,3}(?:,\d{3})+|\d{1,2},\d{1,2}|\d+(?:\.\d+)?(?:e[-+]?\d+)?)"
_AMOUNT_FIRST = re.compile(
    # A processor may be called 5600X.
    rf"(?<![\w.,/])(?!\d{{4}}x)({_AMOUNT}) ?{TIMES}(?!tx?\b) ?"
    r"(?=[a-z]|\d{3}|\d+(?:\.\d+)? ?[gtm]i?b?\b)",
    re.IGNORECASE,
)
_AMOUNT_LAST = re.compile(
    rf"(?<=[\w)])(?: \(?{TIMES} ?|(?<=\d){TIMES})({_AMOUNT})(?=\)?(?: *(?:$|[,;+&|])| (?:and|und|plus|with|mit)\b))",
    re.IGNORECASE,
)
_SIZE_NEXT = re.compile(r"\d+(?:\.\d+)? ?[gtm]i?b?\b", re.IGNORECASE)
_COUNT_BEFORE = re.compile(r"(?<![\w.])\d{1,2} ?$")
_LANES = re.compile(r"\bpcie?(?: ?(?:gen ?)?[1-6](?:\.0)?)? ?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ReadName:
    """What was read of a name: its label, empty for none that is known, how many, and the GB of a shared memory."""

    label: str = ""
    count: int = 1
    memory: float | None = None


@cache
def accelerator_labels() -> Mapping[str, Accelerator]:
    """Every bundled accelerator by a label of its own: its name, with its memory where one name has several sizes."""
    names = [one.name for one in accelerators()]
    found: dict[str, Accelerator] = {}
    for one in accelerators():
        sized = f"{one.name} {one.memory / GIB:g} GB" if one.memory and names.count(one.name) > 1 else one.name
        found.setdefault(sized, one)
    return MappingProxyType(found)


@cache
def general_names() -> Mapping[str, tuple[str, ...]]:
    """Names that leave open which of several labels is meant, each with those, the least first."""
    labels = accelerator_labels()
    found: dict[str, list[str]] = {}
    for label, one in labels.items():
        for name in filter(None, (_without_size(label), one.gfx)):
            found.setdefault(name, []).append(label)
    taken = {*labels, *(name for one in labels.values() for name in one.also)}
    several = {name: tuple(sorted(ones, key=power)) for name, ones in found.items() if len(ones) > 1}
    return MappingProxyType({name: ones for name, ones in several.items() if name not in taken})


def label_of(one: Accelerator) -> str:
    """The label of a bundled accelerator; empty for any other."""
    return next((label for label, known in accelerator_labels().items() if known == one), "")


def accelerator_named(label: str) -> Accelerator | None:
    """The bundled accelerator of exactly this label, or the least of those a general name stands for."""
    meant = general_names().get(label, (label,))
    return accelerator_labels().get(meant[0])


def read_name(name: str, memory: float | None = None) -> ReadName:
    """The accelerator that people spell so (``nvidia geforce rtx 4070``, ``2x3090``, ``m3 max 64gb``).

    ``memory`` in GB chooses between the sizes of one name, as a size in the name does. A size that no such accelerator
    has, a name that may be several of different makes, and one that none has are not known.
    """
    exact = _lowered().get(name.strip().lower())
    if exact and memory is None:
        return ReadName(exact)
    if wrong_count(name):
        return ReadName()
    count, plain = _counted(_plain(name))
    sizes = _SIZE.findall(plain)
    if len(sizes) > 1:
        return ReadName()
    told = float(sizes[0]) if sizes else memory
    words = _words(_SIZE.sub(" ", plain))
    if told is not None and (words, told) in _sized_names():
        return ReadName(_sized_names()[words, told], count)
    spelled = _spelled(sizes=told is not None)
    bare = tuple(word for word in words if word not in _FORMS and not _CHIP.fullmatch(word))
    for key in (words, _without_line(words), bare, _without_line(bare)):
        if key and key in spelled:
            return _picked(spelled[key], told, count)
    return ReadName()


def find_accelerator(name: str, memory_gb: float | None = None) -> Accelerator | None:
    """The one accelerator of a name; ``memory_gb`` chooses between sizes. None where none is, or several may be."""
    read = read_name(name, memory_gb)
    one = accelerator_labels().get(read.label)
    told = memory_gb if memory_gb is not None else read.memory
    return replace(one, memory=round(told * GIB)) if one and one.memory_options and told is not None else one


def near_names(name: str, most: int = 3) -> list[str]:
    """The labels that come nearest to a name that is none: those that go on where it ends, then those spelled alike."""
    plain = _SIZE.sub(" ", _counted(_plain(name))[1])
    words = _words(plain)[:8]
    wanted = " ".join(words)
    known = _plain_labels()
    same = read_name(wanted).label
    several = meant_by(name)
    close = difflib.get_close_matches(wanted, known, most, cutoff=0.55) if wanted else []
    sizes = general_names().get(same, (same,) if same else ())
    turned = [label for label, own in _label_words() if len(words) > 1 and set(words) <= set(own)]
    alike = [label for one in close for label in known[one]]
    return list(dict.fromkeys([*several, *sizes, *suggested_names(plain, most), *turned, *alike]))[:most]


def meant_by(name: str) -> tuple[str, ...]:
    """The labels that a name stands for which is that of several different accelerators; empty for any other name.

    Sizes of one accelerator are none of them: there is a general name for these.
    """
    if read_name(name).label:
        return ()
    words = _words(_SIZE.sub(" ", _counted(_plain(name))[1]))
    known = _spelled(sizes=False)
    labels = next((known[key] for key in (words, _without_line(words)) if key in known), ())
    general = {label: whole for whole, ones in general_names().items() if not whole.startswith("gfx") for label in ones}
    found = tuple(dict.fromkeys(general.get(label, label) for label in labels))
    return found if len(found) > 1 else ()


def suggested_names(start: str, most: int = 6) -> list[str]:
    """The labels that somebody may be typing: each word begins one of the label's; the shortest first."""
    words = _words(_plain(start))
    found = [
        (len(own), place, label)
        for place, (label, own) in enumerate(_label_words())
        if words and _begin_in_order(words, own)
    ]
    return [label for _, _, label in sorted(found)][:most]


def _begin_in_order(starts: Sequence[str], words: Sequence[str]) -> bool:
    """Whether each start begins a word of its own, in the same order."""
    rest = iter(words)
    return all(any(word.startswith(start) for word in rest) for start in starts)


def _plain(name: str) -> str:
    """Lower case, without signs that mean nothing, and with what is written together in parts."""
    plain = re.sub(r"\((?:r|tm|c)\)|[®™©]", " ", plain_characters(name[:MOST_LETTERS]).lower())
    plain = re.sub(r"[-_,:/()\[\]|]", " ", plain)
    for pattern, parts in _SPLITS:
        plain = pattern.sub(parts, " ".join(plain.split()))
    return " ".join(plain.split())


def _words(plain: str) -> tuple[str, ...]:
    return tuple(word for word in plain.split() if word not in _MAKERS)


def _without_line(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in words if word not in _LINES)


def _counted(plain: str) -> tuple[int, str]:
    """How many a name tells, and the rest of it."""
    first, _, rest = plain.partition(" ")
    if first in _TIMES_WORDS and rest:
        return _TIMES_WORDS[first], rest
    found = _TIMES_FIRST.search(plain) or _TIMES_LAST.search(plain)
    number = _number_in(found)
    return (number, plain[: found.start()] + plain[found.end() :]) if found and number else (1, plain)


@dataclass(frozen=True, slots=True)
class WrongCount:
    """How many a text tells that cannot be: where that stands, the number as it is written, and those near to it."""

    start: int
    end: int
    number: str
    near: tuple[int, ...]

    @property
    def sentence(self) -> str:
        """What is wrong, and what would be right."""
        return (
            f"“{self.number}” is no number of accelerators: use a whole number from 1 to {MOST_ACCELERATORS}, "
            "such as “2x RTX 3090”."
        )


def wrong_count(text: str) -> WrongCount | None:
    """The first number of accelerators in a text that is none: below 1, above the most, or not whole."""
    for pattern in (_AMOUNT_FIRST, _AMOUNT_LAST):
        for found in pattern.finditer(text):
            number, before = found[1], text[: found.start()]
            if pattern is _AMOUNT_LAST and (_COUNT_BEFORE.search(before) or _LANES.search(before)):
                continue
            if text[found.start() : found.end()].strip().lower() in _ending_in_x():
                continue
            if pattern is _AMOUNT_FIRST and len(number) > 2 and _spelled(sizes=False).get((number,)):
                # The name stands first: ``4090 x 100``.
                continue
            whole = int(number) if number.isascii() and number.isdecimal() and len(number) < 12 else 0
            # Of memory there are more modules than a machine has accelerators.
            most = 99 if pattern is _AMOUNT_FIRST and _SIZE_NEXT.match(text, found.end()) else MOST_ACCELERATORS
            if not 1 <= whole <= most:
                return WrongCount(found.start(), found.end(), number, _near_counts(number))
    return None


@cache
def _ending_in_x() -> frozenset[str]:
    """Words of names that look like how many: ``RX 580X``."""
    return frozenset(word for _, words in _label_words() for word in words if re.fullmatch(r"\d+x", word))


def _near_counts(number: str) -> tuple[int, ...]:
    """The whole numbers of accelerators that may be meant by one that is none."""
    thousands = re.fullmatch(r"[-+]?\d{1,3}(?:,\d{3})+", number)
    try:
        told = abs(float(number.replace(",", "" if thousands else ".")))
    except ValueError:
        return ()
    near = dict.fromkeys((math.floor(told), math.ceil(told))) if told < MOST_ACCELERATORS else {MOST_ACCELERATORS: None}
    return tuple(one for one in near if one)


def times_alone(text: str) -> int:
    """How many a text tells that says nothing else (``2x``, ``x 2``); 0 for any other."""
    return _number_in(_TIMES_ALONE.fullmatch(text.strip()))


def times_first(text: str) -> int:
    """Where the name begins in a text that may tell how many before it."""
    found = _TIMES_FIRST.search(text)
    return found.end() if found else 0


def _number_in(found: re.Match[str] | None) -> int:
    return next((int(one) for one in found.groups() if one), 0) if found else 0


def _without_size(label: str) -> str:
    """A label without what tells several of one name apart: a size, or the number of a Snapdragon."""
    return re.sub(r" (?:\d+(?:\.\d+)? ?GB|X1[EP]-\w+-\w+)$", "", label)


def power(label: str) -> tuple[float, float, float]:
    """What the accelerator of a label holds, reads and computes, to find the least; unknown counts as nothing."""
    one = accelerator_labels()[label]
    return one.memory or min(one.memory_options, default=0), one.bandwidth or 0.0, one.tflops or 0.0


def _names_of(label: str, one: Accelerator) -> Iterator[str]:
    yield label
    yield from one.also
    if one.gfx:
        yield one.gfx


@cache
def _lowered() -> Mapping[str, str]:
    return {label.lower(): label for label in (*general_names(), *accelerator_labels())}


@cache
def _spelled(*, sizes: bool) -> Mapping[tuple[str, ...], tuple[str, ...]]:
    """The labels by the words they are called by, with and without the line's.

    A name with its line goes before those without, and where no size is told one without a size before those with.
    """
    kinds: tuple[dict[tuple[str, ...], list[str]], ...] = ({}, {}, {}, {})
    for label, one in accelerator_labels().items():
        for name in _names_of(label, one):
            plain = _plain(name)
            words = _words(_SIZE.sub(" ", plain))
            sized = not sizes and _SIZE.search(plain) is not None
            for kind, key in ((1 - sized, _without_line(words)), (3 - sized, words)):
                if label not in kinds[kind].setdefault(key, []):
                    kinds[kind][key].append(label)
    return {key: tuple(labels) for kind in kinds for key, labels in kind.items() if key not in _SHARED}


@cache
def _sized_names() -> Mapping[tuple[tuple[str, ...], float], str]:
    """Labels by other names that tell a size: their words, and the GB."""
    found = {}
    for label, one in accelerator_labels().items():
        for name in one.also:
            plain = _plain(name)
            size = _SIZE.search(plain)
            if size:
                found[_words(_SIZE.sub(" ", plain)), float(size[1])] = label
    return found


def _picked(labels: Sequence[str], told: float | None, count: int) -> ReadName:
    """The label that is meant among those spelled alike."""
    known = accelerator_labels()
    if told is not None:
        shared = [label for label in labels if known[label].memory_options]
        boards = [label for label in labels if _is_board_of(known[label], told)]
        sized = [label for label in labels if _is_about(known[label].memory, told)]
        if sized:
            return ReadName(min(sized, key=lambda label: (_off(known[label].memory, told), power(label))), count)
        if boards:
            return ReadName(boards[0], count * known[boards[0]].on_board)
        return ReadName(min(shared, key=power), count, told) if shared else ReadName()
    if len(labels) == 1:
        return ReadName(labels[0], count)
    general = next((name for name, ones in general_names().items() if set(ones) == set(labels)), "")
    return ReadName(general, count)


def _is_about(memory: int | None, told: float) -> bool:
    """Whether a memory is that of so many GB: tools report the size minus what the driver keeps."""
    return _off(memory, told) < 0.06 * told + 0.2


def _is_board_of(one: Accelerator, told: float) -> bool:
    """Whether so many GB are those of a whole board, which several of this accelerator are."""
    return one.on_board > 1 and one.memory is not None and _is_about(one.memory * one.on_board, told)


def _off(memory: int | None, told: float) -> float:
    """How many whole GB lie between a memory and one that is told."""
    return float("inf") if memory is None else abs(round(memory / GIB) - round(told))


@cache
def _plain_labels() -> Mapping[str, tuple[str, ...]]:
    """Labels and general names as they are compared: lower case, without makers' words and sizes."""
    found: dict[str, tuple[str, ...]] = {}
    for label in (*general_names(), *accelerator_labels()):
        plain = " ".join(_words(_SIZE.sub(" ", _plain(label))))
        found[plain] = (*found.get(plain, ()), label)
    return found


@cache
def _label_words() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Labels and general names with their words, makers' words left out, in the order of the list."""
    return tuple(
        (label, _words(_plain(label)))
        for label in (*general_names(), *accelerator_labels())
        if not label.startswith("gfx")
    )
