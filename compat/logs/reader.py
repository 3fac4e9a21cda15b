"""What the readers of all engines share: loads one after the other, and words that lead a line to whom it concerns."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar

from .load import Load

Handler = Callable[..., bool]
Handlers = tuple[tuple[tuple[str, ...], Handler], ...]
"""Words of which a line must hold one, and what then reads it; the first that understands the line has it."""


class Reader:
    """Reads the lines of a log in order. ``loads`` are the loads that it tells of, ``telling`` how many lines told."""

    engine: ClassVar[str]
    handlers: ClassVar[Handlers]

    def __init__(self) -> None:
        self.loads: list[Load] = []
        self.telling = 0
        self.line = 0

    @property
    def load(self) -> Load:
        """The load that the lines are about at the moment."""
        return self.loads[-1] if self.loads else self.begin()

    def begin(self) -> Load:
        """Another load begins."""
        self.loads.append(Load(self.engine, self.line))
        return self.loads[-1]

    def feed(self, number: int, line: str) -> None:
        """One line."""
        self.line = number
        self.telling += self.read(line)

    def read(self, line: str) -> bool:
        """Whether the line told something."""
        return heard(self, self.handlers, line)

    def finish(self) -> None:
        """Once all lines were read."""


def heard(reader: Reader, handlers: Handlers, line: str) -> bool:
    """Whether one of these understands the line. Loops, because generators take four times as long."""
    for words, handler in handlers:
        for word in words:
            if word in line:
                if handler(reader, line):
                    return True
                break
    return False


class RankedReader(Reader):
    """Of an engine that cuts every layer over its devices and prints a line for each, or for the first alone."""

    @staticmethod
    def device(line: str) -> str:
        """The device that a line is about."""
        rank = _RANK.search(line[:160])
        return f"GPU{rank[1] if rank else 0}"

    def finish(self) -> None:
        """What one device told holds for each of those that told nothing."""
        for load in self.loads:
            for devices in load.held.values():
                untold = load.ranks - len(devices)
                usual = max(devices.values(), default=0)
                devices |= {f"rank {load.ranks - i}": usual for i in range(untold)}


_RANK = re.compile(r"(?:TP|rank=)(\d{1,3})")
