"""Accelerators of several kinds in one machine, as text: ``2x RTX 3060 12 GB, RTX 3050 8 GB``."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from compat.engines.accelerator_names import read_name

_BETWEEN = re.compile(r"\s*[,;+&\n]\s*|\s+(?:and|plus)\s+", re.IGNORECASE)

_SIZED = re.compile(r"(.+?) (\d{1,4}(?:\.\d{1,2})?) ?GB", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Cards:
    """Some accelerators of one kind; ``memory`` is that of one, in GB, where its name does not tell it."""

    accelerator: str
    count: int = 1
    memory: float | None = None

    @property
    def words(self) -> str:
        """As :func:`read_cards` reads them."""
        times = f"{self.count}x " if self.count > 1 else ""
        return f"{times}{self.accelerator}" + (f" {self.memory:g} GB" if self.memory is not None else "")


def read_cards(text: str) -> tuple[tuple[Cards, ...], tuple[str, ...]]:
    """The accelerators that a text names, in any spelling, and the parts of it that name none."""
    found: list[Cards] = []
    unread: list[str] = []
    for part in filter(None, (one.strip() for one in _BETWEEN.split(text))):
        read, sized = read_name(part), _SIZED.fullmatch(part)
        if not read.label and sized:
            # With more memory than it is sold with.
            read = replace(read_name(sized[1]), memory=float(sized[2]))
        if read.label:
            found.append(Cards(read.label, read.count, read.memory))
        else:
            unread.append(part)
    return tuple(found), tuple(unread)
