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
    """Reads the lines of a log in order. ``loads`` are the loads that it tells of, ``telling`` how many lines told.

    ``engine`` is the slug of the engine's profile, ``name`` what people call it, ``usual`` the parts of the memory that
    such a log tells.
    """

    engine: ClassVar[str]
    name: ClassVar[str]
    usual: ClassVar[tuple[str, ...]] = ()
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


MOST_RANKS = 64
"""Devices of one replica at most; what a log tells beyond is not believed."""


class RankedReader(Reader):
    """Of an engine that cuts a model over its devices and prints a line for each, or for the first alone.

    Devices are named by their place: ``GPU1`` cuts every layer with ``GPU0`` (tensor parallelism), ``PP1 GPU0`` holds
    other layers than ``PP0 GPU0`` (pipeline parallelism), and ``DP1 GPU0`` is of another replica (data parallelism).
    """

    @staticmethod
    def device(line: str) -> str:
        """The device that a line is about. The first replica's are not marked as such."""
        places = _places(line)
        # The rank of expert parallelism follows from the others, where they are told.
        own = places.get("TP") or places.get("rank=") or ("0" if "DP" in places else places.get("EP", "0"))
        stage = f"PP{places['PP']} " if "PP" in places else ""
        return f"{_replica(places)}{stage}GPU{own}"

    def holds(self, line: str) -> bool:
        """Whether the load holds something already on the replica that a line is about."""
        mine = _replica(_places(line))
        return any(_replica(_places(device)) == mine for devices in self.load.held.values() for device in devices)

    @staticmethod
    def is_first(line: str) -> bool:
        """Whether a line is about the first replica."""
        return not _replica(_places(line))

    @staticmethod
    def spreads(line: str) -> bool:
        """Whether a line tells that experts are spread over devices (expert parallelism)."""
        return "EP" in _places(line)

    def finish(self) -> None:
        """One replica counts; what one device told of it holds for each that cuts the same layers and told nothing."""
        for load in self.loads:
            for part, devices in list(load.held.items()):
                load.held[part], replicas = _of_one_replica(devices)
                load.replicas = max(load.replicas, replicas)
            for part, devices in list(load.held.items()):
                untold = load.ranks - len(devices)
                if untold > 0 and load.stages > 1:
                    # Other stages hold other layers: what they take cannot be known.
                    del load.held[part]
                    continue
                usual = max(devices.values(), default=0)
                devices |= {f"rank {load.ranks - i}": usual for i in range(untold)}
            if load.replicas > 1 and load.spread:
                load.held.pop("weights", None)


_PLACE = re.compile(r"(?<![A-Za-z0-9])(DP|PP|TP|EP|rank=)(\d{1,3})(?![A-Za-z0-9])")


def _places(text: str) -> dict[str, str]:
    """The ranks that a line or the name of a device tells, by the kind of parallelism."""
    return dict(_PLACE.findall(text[:160]))


def _replica(places: dict[str, str]) -> str:
    number = int(places.get("DP", 0))
    return f"DP{number} " if number else ""


def _of_one_replica(devices: dict[str, int]) -> tuple[dict[str, int], int]:
    """What one replica holds, and how many replicas there are.

    Where attention alone is replicated, each device has a rank of its own all the same, and all of them count.
    """
    found: dict[str, int] = {}
    seen: dict[str, int] = {}
    for device in sorted(devices, key=lambda name: (len(_replica(_places(name))), name)):
        own = device.removeprefix(_replica(_places(device)))
        found.setdefault(own, devices[device])
        seen[own] = seen.get(own, 0) + 1
    return found, max(seen.values(), default=1)
