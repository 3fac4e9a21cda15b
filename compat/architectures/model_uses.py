"""What well-known lines of models are for, by the beginning of their names: ``uses.toml``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Annotated, Literal

from pydantic import Field

from compat.architectures.name_hints import name_words, without_maker
from compat.strict_data import Name, StrictTable, check_table, parse_toml, read_text

_FILE = "uses.toml"


class ModelLine(StrictTable):
    """A line of models; the head of ``uses.toml`` says what each field means."""

    begins: Annotated[list[Name], Field(min_length=1)]
    uses: Annotated[list[Literal["chat", "code", "reasoning", "vision"]], Field(min_length=1)]
    but: Annotated[list[Name], Field(alias="not")] = []


class Lines(StrictTable):
    """The whole table."""

    lines: list[ModelLine]


@cache
def model_lines() -> tuple[ModelLine, ...]:
    """The lines in the table; raises ``DataError``. Read once a process."""
    text = read_text(resources.files(__package__).joinpath(_FILE))
    return tuple(check_table(Lines, parse_toml(text, _FILE), _FILE).lines)


def uses_of_line(name: str) -> Iterator[tuple[str, str]]:
    """(use, beginning of the name that tells it) for a model's name."""
    words = without_maker(name_words(name))
    plain = "-".join(words)
    for line in model_lines():
        start = next((one for one in line.begins if _begins(plain, one)), "")
        if start and not set(line.but).intersection(words):
            for use in line.uses:
                yield use, start


def _begins(plain: str, start: str) -> bool:
    return plain.startswith(start) and not plain[len(start) : len(start) + 1].isalpha()
