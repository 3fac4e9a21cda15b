"""What people type around a machine, made plain: words of other languages, and what says nothing of what runs there.

Each function takes a text and gives it back with the same meaning and fewer ways to say it.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from compat.engines.accelerator_names import read_name
from compat.engines.loader import all_profiles
from compat.engines.machine_told import Told
from compat.engines.system_memory import memory_bandwidth

SIZE = r"\d{1,7}(?:\.\d{1,3})? ?[tg](?:i?b?|igs?|[ei][gr]abytes?)"
"""GB or TB as people write them."""

# --- other languages -------------------------------------------------------------------------------------------------

_CHINESE = re.compile("[\u4e00-\u9fff]")
_NUMBERS = {"一": 1, "二": 2, "两": 2, "双": 2, "单": 1, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8}
_KIND = "(unified memory|V?RAM)"
_MEMORY_TOLD = re.compile(rf"{_KIND}(?:[:为是] ?)?({SIZE}|\d{{1,4}}(?![\d.]))|({SIZE})的?{_KIND}", re.IGNORECASE)
"""The size and what it is the size of, in either order, written together."""
_CARDS_COUNTED = re.compile("([一二两双单三四五六七八]|\\d{1,2}) ?[张块片个枚卡]")
_MEMORY = (("显存", "VRAM"), ("统一内存", "unified memory"), ("(?:系统|运行)?内存|运存", "RAM"))
_WORDS = (
    ("核显|集显", "onboard"), ("无|没有", "no"), ("苹果", "Apple"), ("显卡|独显|卡", "GPU"),
    ("固态硬盘|固态|硬盘", "SSD"), ("笔记本电脑|笔记本", "laptop"), ("台式机|台式", "desktop"), ("或者|或", " or "),
    ("[和加]|以及", ","), ("处理器", "CPU"), ("核心?", "cores"), ("英?寸", "inch"),
    ("我有|我的|我|一台|电脑|主机|的|有|是|带|用|配|芯片", ""),
)  # fmt: skip
_PIECES = re.compile(
    r"(?<![\w.])(\d{1,2}) ?(?:st(?:ü|u|ue)ck|stk\.?|pcs\.?|pieces?|units?)(?: of| von)?(?!\w)", re.IGNORECASE
)
_PAIR = re.compile(r"\b(?:an? )?pair of\b|\bein paar\b", re.IGNORECASE)
_FRENCH_SIZE = re.compile(r"(?<![\w.])(\d{1,4}(?:[.,]\d)?) ?([gt])o\b(?: de(?= ))?", re.IGNORECASE)
_MARKS = re.compile(r"\((?:r|tm|c)\)", re.IGNORECASE)
_WITH = re.compile(r"\bw/ ?", re.IGNORECASE)
_MAX_Q = re.compile(r"\bwith (max-q)(?: design)?\b", re.IGNORECASE)
_QUOTES = re.compile(r"(?<!\b\d\d)\"|`")
"""Not the sign for inches."""
_ENDS = re.compile(r"[.!?…]+(?=\s|[\"',;)]|$)")
_DECIMAL = re.compile(r"(?<![\w.,])(\d{1,2}),(\d)(?= ?[tg]i?b)", re.IGNORECASE)
_THOUSANDS = re.compile(r"(?<![\w.,])(\d),(\d{3})(?= ?[gm]i?b)", re.IGNORECASE)
_USED = re.compile(
    r"\b(memory: ?)\d{1,8}(?:\.\d{1,2})? ?[kmg]ib ?/ ?(\d{1,8}(?:\.\d{1,2})? ?[mgt]ib)\b(?: ?\(\d{1,3}%\))?",
    re.IGNORECASE,
)
"""As neofetch and fastfetch print it: what is used of all there is."""


def plain_words(text: str) -> str:
    """A text without pictures, and with the words of other languages for memory, cards and how many as in English."""
    text = "".join(" " if unicodedata.category(one) in ("So", "Sk") else one for one in text)
    if _CHINESE.search(text):
        text = _from_chinese(text)
    text = _MAX_Q.sub(r"\1", _WITH.sub("with ", _MARKS.sub(" ", text)))
    text = _PIECES.sub(_times, _PAIR.sub("2x", text))
    text = _FRENCH_SIZE.sub(r"\1 \2B", text)
    text = _QUOTES.sub(" ", _ENDS.sub(" ", _USED.sub(r"\1\2", text)))
    text = _THOUSANDS.sub(r"\1\2", _DECIMAL.sub(r"\1.\2", text))
    return " ".join(text.split())


def _from_chinese(text: str) -> str:
    text = _CARDS_COUNTED.sub(_times, text)
    text = re.sub(r"双 ?(?=[A-Za-z0-9])", "2x ", text)
    for chinese, english in _MEMORY:
        text = re.sub(chinese, english, text)
    text = _MEMORY_TOLD.sub(_in_english, text)
    text = re.sub(r"(unified memory|V?RAM)", r" \1 ", text)
    for chinese, english in _WORDS:
        text = re.sub(chinese, f" {english} ", text)
    return text


def _in_english(found: re.Match[str]) -> str:
    kind, size = found[1] or found[4], found[2] or found[3]
    return f", {size} {'GB ' if size.isdecimal() else ''}{kind}, "


def _times(found: re.Match[str]) -> str:
    """How many, before or behind what it is the number of."""
    number = _NUMBERS.get(found[1]) or found[1]
    before = found.string[: found.start()].rstrip()
    behind = before[-1:].isascii() and before[-1:].isalnum() and not _JOINS_LAST.search(before)
    return f" x{number} " if behind else f" {number}x "


_JOINS_LAST = re.compile(r"\b(?:and|plus|with|und|mit|or|oder|have|got|habe)$", re.IGNORECASE)

# --- what says nothing of it -----------------------------------------------------------------------------------------

_DISK_WORDS = r"(?:ssd|nvme|hdd|emmc|hard ?(?:disk|drive)|disk|storage|festplatte|speicherplatz)s?"
_DISK = re.compile(
    rf"(?<![\w.]){SIZE} ?(?:of )?(?:m\.2 |pcie |gen ?\d |sata )*{_DISK_WORDS}\b(?: (?:ssd|hdd|drive|disk)\b)?"
    rf"|\b{_DISK_WORDS}[: ] ?{SIZE}\b",
    re.IGNORECASE,
)
_CORES = re.compile(
    r"(?<![\w.])\d{1,3}[- ]?(?:cores?|kerne?n?|threads?|v?cpus?)\b(?:[- ](?:cpu|gpu|processor|neural engine)\b)?",
    re.IGNORECASE,
)
_WATTS = re.compile(r"(?:\b(?:at|limited to) )?(?<![\w.])(?:\d{2,3}w|\d{2,4} ?watts?)\b", re.IGNORECASE)
_SYSTEM = re.compile(r"\b(?:windows|win|ubuntu|debian|fedora|macos) ?\d{1,2}(?:\.\d{1,2})?\b", re.IGNORECASE)
_INCH = r"(?:\"|''|-? ?(?:inch(?:es)?|zoll)\b)"
_SCREEN = re.compile(
    rf"(?<![\w.])\d{{2}}(?:[.,]\d)? ?{_INCH}|(?<=book pro )1[3-6]\b|(?<=book air )1[135]\b|(?<=\bimac )2[147](?:\.5)?\b"
    r"|(?<=\bmbp )1[3-6]\b|(?<=\bmba )1[135]\b|(?<=macbook )1[1-6]\b",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?:\b(?:early|mid|late)[- ]?)?\b20(?:0[6-9]|1\d|2[1-9])\b", re.IGNORECASE)
_MAC = re.compile(r"\b(?:mac(?:book)?|imac|mbp|mba)\b", re.IGNORECASE)
_MEMORY_AND_DISK = re.compile(
    r"(?<![\w/.])(\d{1,3}) ?(?:gb)? ?/ ?((?:256|512|1024|2048) ?(?:gb)?|[1248] ?tb)\b", re.IGNORECASE
)
_APPLE = re.compile(r"\bm[1-9]\b|\b(?:mac(?:book)?|imac)\b", re.IGNORECASE)


def without_disks(text: str, said: list[str]) -> str:
    """The text without sizes of disks, which are no memory; ``said`` gets a sentence on them."""
    disks = [found[0].strip() for found in _DISK.finditer(text)]
    both = _MEMORY_AND_DISK.search(text) if _APPLE.search(text) else None
    if both:
        # As shops name Macs: 16/512.
        disks.append(both[2])
        text = _MEMORY_AND_DISK.sub(r"\1 GB", text, count=1)
    if disks:
        said.append(f"Disks hold no model that runs: {', '.join(disks)} is left out.")
    return _DISK.sub(" ", text)


_TOKENS = r"(?:\d{1,4}(?:\.\d)? ?k|\d{1,2} ?m|\d{1,3},\d{3}|\d{5,7}|1024|2048|4096|8192)"
"""No other number of four digits: a card may be called that."""
_CONTEXT_WORDS = r"(?:(?:num_)?ctx|(?:max )?context)(?:[- ](?:length|window|size))?"
_CONTEXT = (
    rf"{_TOKENS}[- ]?(?:tokens? )?(?:of )?(?:{_CONTEXT_WORDS}|tokens?)(?! ?(?:of |[:=] ?)?\d)"
    rf"|{_CONTEXT_WORDS}(?: of |[:= ] ?){_TOKENS}"
)


@cache
def _engine_or_context() -> re.Pattern[str]:
    """Names of engines, however their words are parted, and numbers of tokens."""
    names = {"mlx", *(name for one in all_profiles().values() for name in (one.name, one.slug))}
    spelled = {r"[-. ]?".join(map(re.escape, re.split(r"[-. ]", name))) for name in names}
    engines = "|".join(sorted(spelled, key=len, reverse=True))
    return re.compile(
        rf"(?:\b(?:using|via|under|mit|with) )?(?<![\w.-])((?:{engines})|{_CONTEXT})(?![\w-])", re.IGNORECASE
    )


def without_engine(text: str, said: list[str]) -> str:
    """The text without engines and contexts, which are no machine; ``said`` gets a sentence on them.

    A text that tells nothing else stays as it is.
    """
    told = [found[1].strip() for found in _engine_or_context().finditer(text)]
    rest = _engine_or_context().sub(" ", text)
    if not told or not re.search(r"\w", rest):
        return text
    said.append(f"Engine and context are told beside a machine: {', '.join(told)} is left out.")
    return rest


def without_bodywork(text: str) -> str:
    """The text without cores, watts, screens, versions of systems, and years of Macs: nothing here rests on them."""
    text = _SCREEN.sub(" ", _SYSTEM.sub(" ", _WATTS.sub(" ", _CORES.sub(" ", text))))
    return _YEAR.sub(" ", text) if _MAC.search(text) else text


# --- memory that a processor reads -----------------------------------------------------------------------------------

_CHANNEL_WORDS = {"single": 1, "dual": 2, "quad": 4, "octa": 8}
_CHANNELS = re.compile(r"\b(single|dual|quad|octa|\d{1,2})[- ]?(?:channels?|kanal)\b", re.IGNORECASE)
_RATED = re.compile(
    r"\b((?:lp)?ddr[2-6]x?)(?:-(\d{4,5})|[ -](\d{4,5}) ?(?:mhz|mt/?s)|[ ](\d{4,5})(?![\w.]| (?:xtx?|ti|ada|super)\b))"
    r"(?: ?(?:mhz|mt/?s)\b)?",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"(?:@ ?)?(?<![\w.])(\d{4,5}) ?(?:mhz|mt/?s)\b", re.IGNORECASE)


def memory_told(text: str, told: Told) -> tuple[str, float | None]:
    """The text without channels and transfers a second of its memory, and the GB a second where it tells both."""
    rate: int | None = None
    channels = _CHANNELS.search(text)
    rated = _RATED.search(text)
    if rated:
        number = rated[2] or rated[3] or rated[4]
        if rated[4] and read_name(number).label:
            # A card may be called that: nobody knows which is meant.
            told.unread.append(rated[0].strip())
            told.instead[rated[0].strip()] = (f"{rated[1]}-{number}", f"{rated[1]}, {number}")
            return f"{text[: rated.start()]}{rated[1]}{text[rated.end() :]}", None
        rate = int(number)
        text = f"{text[: rated.start()]}{rated[1]}{text[rated.end() :]}"
    clock = _CLOCK.search(text)
    if clock:
        rate = rate or int(clock[1])
        text = f"{text[: clock.start()]} {text[clock.end() :]}"
    if not channels:
        return text, None
    text = _CHANNELS.sub(" ", text)
    word = channels[1].lower()
    number_of = _CHANNEL_WORDS.get(word) or int(word)
    if rate is None or not 1 <= number_of <= 24 or not 800 <= rate <= 20_000:
        return text, None
    read = round(memory_bandwidth(number_of, rate) / 1e9, 1)
    told.said.append(f"{number_of} channels at {rate:,} million transfers a second read {read:g} GB a second.")
    return text, read
