"""How fast a processor reads system memory: channels times transfers a second times eight bytes.

The list holds what makers publish as the most that a processor takes. A machine with slower or fewer modules reads
slower, which is why pages ask for the bandwidth instead of the processor.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Self

from pydantic import Field, model_validator

from compat.strict_data import Name, StrictTable, check_table, parse_json, read_text

_BYTES = 8
"""Bytes of one transfer on one channel of 64 bits."""


def memory_bandwidth(channels: float, rate: float) -> float:
    """Bytes a second of so many channels of 64 bits at ``rate`` million transfers a second (DDR5-5600: 5600)."""
    return channels * rate * _BYTES * 1e6


USUAL_MEMORY = {
    f"{channels} channels of DDR{kind}-{rate}": round(memory_bandwidth(channels, rate) / 1e9, 1)
    for channels, kind, rate in (
        *((2, 4, 2666), (2, 4, 3200), (2, 5, 4800), (2, 5, 5600), (2, 5, 6000), (2, 5, 6400)),
        *((4, 4, 3200), (4, 5, 5200), (8, 4, 3200), (8, 5, 4800), (12, 5, 4800), (12, 5, 6400)),
    )
}
"""What is often built in, and the GB a second of each, to pick from."""


class _Processor(StrictTable):
    """An entry of ``processors.json``: the channels of 64 bits, and the most million transfers a second on each."""

    name: Name
    channels: Annotated[float, Field(gt=0, le=24)]
    rate: Annotated[float, Field(gt=0, le=20_000)]


class _Processors(StrictTable):
    note: str
    processors: Annotated[list[_Processor], Field(min_length=1)]

    @model_validator(mode="after")
    def _differ(self) -> Self:
        names = [one.name.lower() for one in self.processors]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{name} stands there twice")
        return self


def read_processors(text: str, filename: str = "processors.json") -> Mapping[str, float]:
    """Bytes a second by name, from the text of such a file; raises ``DataError`` naming the file and the field."""
    told = check_table(_Processors, parse_json(text, filename), filename)
    return {one.name: memory_bandwidth(one.channels, one.rate) for one in told.processors}


@cache
def processors() -> Mapping[str, float]:
    """The bundled processors with what each reads a second at most; raises ``DataError`` where the file is wrong."""
    return read_processors(read_text(files("compat.engines") / "data" / "processors.json"))


_NOISE = frozenset({"amd", "intel", "core", "cpu", "processor", "with", "w", "radeon", "graphics", ""})


def _words(name: str) -> frozenset[str]:
    plain = name.lower().replace("(r)", " ").replace("(tm)", " ").split("@")[0]
    return frozenset(re.split(r"[\s()/,-]+", plain)) - _NOISE


def processor_bandwidth(name: str) -> float | None:
    """What a processor reads a second at most; None of one that is not listed. All words of the listed name must be
    in ``name``, which may have more.
    """
    words = _words(name)
    found = [(len(_words(known)), rate) for known, rate in processors().items() if _words(known) <= words]
    return max(found)[1] if found else None
