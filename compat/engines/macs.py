"""Macs by the name of the computer, which leaves open which chip is inside: to be offered, and never taken.

Chips and sizes as Apple's technical specifications of each computer list them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_M1, _M2, _M3, _M4, _M5 = (8, 16), (8, 16, 24), (8, 16, 24), (16, 24, 32), (16, 24, 32)
MAC_CHIPS: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    "MacBook Air": {"M1": _M1, "M2": _M2, "M3": _M3, "M4": _M4, "M5": _M5},
    "MacBook Pro": {
        "M1": _M1, "M1 Pro": (16, 32), "M1 Max": (32, 64),
        "M2": _M2, "M2 Pro": (16, 32), "M2 Max": (32, 64, 96),
        "M3": _M3, "M3 Pro": (18, 36), "M3 Max": (36, 48, 64, 96, 128),
        "M4": _M4, "M4 Pro": (24, 48), "M4 Max": (36, 48, 64, 128),
        "M5": _M5, "M5 Pro": (24, 48, 64), "M5 Max": (36, 48, 64, 128),
    },
    "Mac mini": {"M1": _M1, "M2": _M2, "M2 Pro": (16, 32), "M4": _M4, "M4 Pro": (24, 48, 64)},
    "iMac": {"M1": _M1, "M3": _M3, "M4": _M4},
    "Mac Studio": {
        "M1 Max": (32, 64), "M1 Ultra": (64, 128), "M2 Max": (32, 64, 96), "M2 Ultra": (64, 128, 192),
        "M3 Ultra": (96, 256, 512), "M4 Max": (36, 48, 64, 128),
    },
    "Mac Pro": {"M2 Ultra": (64, 128, 192)},
}  # fmt: skip
"""The GB that each chip was sold with in each computer."""
_SHORT = {"MacBook Air": "mba", "MacBook Pro": "mbp"}
_NAMES = {
    name: re.compile(rf"\b(?:{name.replace(' ', ' ?')}|{_SHORT.get(name, name)})\b", re.IGNORECASE)
    for name in MAC_CHIPS
}
_LINES = {
    "MacBook": re.compile(r"\bmacbook\b", re.IGNORECASE),
    "Mac": re.compile(r"\bmac\b|\bapple silicon\b", re.IGNORECASE),
}
"""What leaves open which computer it is as well."""
_INTEL = re.compile(r"\b(?:20(?:0\d|1\d)|intel)\b", re.IGNORECASE)


def mac_named(text: str) -> str:
    """The computer that a text names; empty where it names none, or one from before Apple's own chips."""
    named = [name for name, spelled in _NAMES.items() if spelled.search(text)]
    named = named or [name for name, spelled in _LINES.items() if spelled.search(text)][:1]
    return named[0] if len(named) == 1 and not _INTEL.search(text) else ""


def chips_sold(name: str, size: float) -> list[str]:
    """The labels of the chips that a computer, or one of a line, was sold with together with so many GB."""
    names = [one for one in MAC_CHIPS if name == one or (name in _LINES and one.startswith(name))]
    names = list(MAC_CHIPS) if name == "Mac" else names
    chips = {chip for one in names for chip, sizes in MAC_CHIPS[one].items() if size in sizes}
    return [f"Apple {chip}" for chip in sorted(chips, key=_generation_and_tier)]


def sizes_sold(label: str) -> tuple[int, ...]:
    """The GB that a chip was sold with in any computer, the least first; none for what is no chip of a Mac."""
    chip = label.removeprefix("Apple ")
    return tuple(sorted({size for chips in MAC_CHIPS.values() for size in chips.get(chip, ())}))


def _generation_and_tier(chip: str) -> tuple[int, int]:
    number, _, tier = chip.partition(" ")
    return int(number[1:]), ("", "Pro", "Max", "Ultra").index(tier)
