"""The engine for who has named a machine and none: what a newcomer there would take, with lines to type and speeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from compat.catalogue.verdict import runs_nothing
from compat.catalogue.workers import Machine, Worker
from compat.engines.hardware import GIB

LARGE_CARD = 40 * GIB
"""From here on a card is one for servers or workstations."""


@dataclass(frozen=True, slots=True)
class SuitedEngine:
    """The engine, as a worker without a machine, and why it is the one, as a sentence."""

    worker: Worker
    why: str


def suited_engine(machine: Machine, available: Mapping[str, Worker]) -> SuitedEngine:
    """The engine to begin with on a machine; the site's first one where none of those fits it or is offered."""
    for slug, why in _in_order(machine):
        one = available.get(slug)
        if one is not None and not one.registered and not runs_nothing(replace(one, machine=machine)):
            return SuitedEngine(one, why)
    return SuitedEngine(next(iter(available.values())), "It is this site's first engine.")


def _in_order(machine: Machine) -> Iterator[tuple[str, str]]:
    cards = machine.hardware.accelerators if machine.hardware is not None else ()
    if any(card.vendor == "apple" for card in cards):
        yield "mlx-lm", "It is made for Apple silicon."
    large = bool(cards) and all(not card.unified and (card.memory or 0) >= LARGE_CARD for card in cards)
    if large and not machine.beside:
        yield "vllm", "It is what servers with such cards run, and it uses several of them at once."
    if len(cards) > 1:
        yield "llama-cpp", "It shares a model out to cards of any kind."
    yield "ollama", "It is the quickest to begin with on a machine like this."
    yield "llama-cpp", "It runs on nearly every machine."
