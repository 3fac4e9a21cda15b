"""What an engine foresees of a model before it loads it, and the one card among several that it then loads it onto.

Ollama does (fb30760): ``PredictServerVRAM`` in ``llm/llama_server.go`` adds up the file and sixteen bits of a cache of
whole heads, and ``selectLlamaServerPlacement`` in ``server/sched.go`` takes the card with most room where that is at
most four fifths of it, else all cards. ``OLLAMA_SCHED_SPREAD`` has it take all of them in any case.
"""

from compat.engines.hardware import Hardware
from compat.estimate.amounts import Amount, either, largest

LOOKS_AHEAD = frozenset({"ollama"})
"""Engines that choose by what they foresee."""
FILLED = 0.80
"""The share of a room that what is foreseen may take."""


def foreseen_cache(layers: Amount, kv_heads: Amount, hidden: Amount, heads: Amount, context: int) -> Amount:
    """Bytes of cache that are foreseen for a model of these numbers, of which none is known where it is not above 0."""
    width = either(heads > 0, largest(hidden, 0) // largest(heads, 1), 0)
    return 4 * largest(layers, 0) * largest(kv_heads, 1) * width * context


def lone_card(engine: str, hardware: Hardware) -> int | None:
    """Which of several cards an engine asks whether it holds all; None where it takes all there are anyway."""
    rooms = hardware.usable() if engine in LOOKS_AHEAD and len(hardware.accelerators) > 1 else ()
    known = [room for room in rooms if room is not None]
    return known.index(max(known)) if known and len(known) == len(rooms) else None


def goes_alone(weights: Amount, cache: Amount, room: int) -> Amount:
    """Whether so much is loaded onto one card with ``room`` bytes. Of weights of -1 nothing is known, and it is not."""
    return (weights >= 0) & (100 * (weights + cache) <= 80 * room)
