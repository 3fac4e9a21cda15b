"""A log of any engine: which engine it is of, which of its loads counts, and what it does not tell."""

from __future__ import annotations

from dataclasses import dataclass

from .lines import lines_of, text_of
from .llama_cpp import LlamaReader
from .load import Load, LogError
from .mlx import MlxReader
from .ollama import OllamaReader, is_of_ollama
from .reader import Reader
from .sglang import SglangReader
from .vllm import VllmReader

READERS: tuple[type[Reader], ...] = (LlamaReader, OllamaReader, VllmReader, SglangReader, MlxReader)
"""The reader of each engine, in the order in which pages name them."""


def engines_read(last: str = "or") -> str:
    """The engines whose logs are read, in words."""
    names = [reader.name for reader in READERS]
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


@dataclass(frozen=True, slots=True)
class ReadLog:
    """What a log tells: the load that counts, how many loads it tells of, and which parts are not told.

    ``others`` are engines of which there are lines too.
    """

    load: Load
    loads: int
    missing: tuple[str, ...]
    others: tuple[str, ...] = ()


def read_log(given: str | bytes) -> ReadLog:
    """Read a log: the last load that came to its end, else the last one that tells anything.

    Raises :class:`LogError` where it is no log of an engine that is read here, or tells of no load.
    """
    text = text_of(given)
    # Ollama's log holds llama.cpp's lines; without lines of its own it is llama.cpp's.
    other = LlamaReader if is_of_ollama(text) else OllamaReader
    found = [reader() for reader in READERS if reader is not other]
    for number, line in lines_of(text):
        for reader in found:
            reader.feed(number, line)
    for reader in found:
        reader.finish()
    told = [(reader, load) for reader in found for load in reader.loads if load.tells or load.stopped]
    if not told:
        raise LogError(_why_nothing(found))
    reader, load = max(told, key=lambda one: (one[1].whole, one[0].telling if not one[1].whole else 0, one[1].line))
    others = sorted({one.engine for one, its in told if one is not reader and its.tells})
    return ReadLog(load, sum(1 for one, _ in told if one is reader), missing_of(load), tuple(others))


def _why_nothing(readers: list[Reader]) -> str:
    seen = [reader.name for reader in readers if reader.telling]
    if seen:
        return (
            f"This looks like a log of {seen[0]}, but it tells no size and no speed. "
            "Take the lines from the start of the load. llama-server prints them with --verbosity 4."
        )
    return (
        f"Nothing in this text is a line that {engines_read()} prints about a load. "
        "Paste the engine's own output from its start."
    )


_USUAL = {reader.engine: reader.usual for reader in READERS}


def missing_of(load: Load) -> tuple[str, ...]:
    """What such a log usually tells and this one does not.

    Names of parts (all: ``memory``), ``model``, ``context``, ``speed``.
    """
    held = {part.name for part in load.parts}
    parts = [part for part in _USUAL.get(load.engine, ()) if part not in held]
    if not held and not load.stopped:
        parts = [] if load.peak or load.file_bytes else ["memory"]
    if not (load.name or load.file or load.architecture):
        parts.append("model")
    if load.context is None and load.pool is None and load.parts:
        parts.append("context")
    if not load.speeds:
        parts.append("speed")
    return tuple(parts)
