"""What a text tells of a machine, as it is collected while that is read."""

from __future__ import annotations

from dataclasses import dataclass, field

GB_OF = {"t": 1024.0, "g": 1.0, "m": 1 / 1024, "k": 1 / 1024**2}
"""GB of each unit, by its first letter."""


@dataclass(slots=True)
class Device:
    """One accelerator that a text tells of, and how many GB it has where the text tells that as well.

    ``sized`` says that a size stood in its name: another one is not its own.
    """

    name: str
    memory: float | None = None
    count: int = 1
    sized: bool = False


@dataclass(slots=True)
class Told:
    """All of it.

    ``alone`` says that there is a processor and no card. ``bare`` is a size of which it is not told what it is the size
    of. ``unread`` nobody understands, and ``instead`` says what may be meant by some of that.
    """

    devices: list[Device] = field(default_factory=list)
    ram: float | None = None
    bandwidth: float | None = None
    processor: str = ""
    alone: bool = False
    said: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    instead: dict[str, tuple[str, ...]] = field(default_factory=dict)
    bare: float | None = None
