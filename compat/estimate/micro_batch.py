"""The micro-batch that an engine chooses by the context and the room it sees, where nobody tells one.

Ollama does (fb30760, since June 2026): ``automaticGenerationBatch`` and what it calls in ``server/sched.go``, after
what it foresees (:mod:`compat.estimate.foreseen`).
"""

from typing import NamedTuple

from compat.engines.hardware import GIB, Hardware
from compat.estimate.amounts import Amount
from compat.estimate.foreseen import FILLED
from compat.estimate.launch import DEFAULT_UBATCH


class _Step(NamedTuple):
    """A batch, taken for more than ``above`` tokens, with ``beside`` bytes more and at most ``filled`` of the room."""

    batch: int
    above: int
    filled: float
    beside: int


_STEPS = (_Step(1024, 4096, 0.75, 768 * 1024**2), _Step(2048, 32_768, 0.60, 2 * GIB))
_SMALL_CARD, _SMALL_BATCH = 8 * GIB, 256
"""What CUDA without flash attention gets on a card of so many bytes, for more tokens than the first step's."""


def batches_for(context: int, hardware: Hardware | None, *, flash_attention: bool) -> tuple[int, ...]:
    """The micro-batches there may be for so many tokens on a machine, the smallest first."""
    accelerators = hardware.accelerators if hardware is not None else ()
    if not flash_attention and any(one.vendor == "nvidia" for one in accelerators):
        small = any(one.memory is not None and one.memory <= _SMALL_CARD for one in accelerators)
        return (_SMALL_BATCH if small and context > _STEPS[0].above else DEFAULT_UBATCH,)
    return (DEFAULT_UBATCH, *(step.batch for step in _STEPS if context > step.above))


def takes_batch(batch: int, weights: Amount, cache: Amount, hardware: Hardware | None) -> Amount:
    """Whether a micro-batch above the usual is taken beside weights and cache of so many bytes on all devices.

    Beside weights of -1, of which not even the largest file that there may be is known, it is not; nor where the room
    is not known: the need is then that of the smallest machine that holds the model.
    """
    step = next(step for step in _STEPS if step.batch == batch)
    known = weights >= 0
    if hardware is not None and not hardware.accelerators:
        # It sees no room on a processor, and goes by the context alone.
        return known
    rooms = [size for size in hardware.usable() if size is not None] if hardware is not None else []
    if hardware is None or len(rooms) < len(hardware.accelerators):
        return known & False
    foreseen, room = weights + cache, sum(rooms)
    fits = (foreseen <= step.filled * room) & (foreseen + step.beside <= FILLED * room)
    return fits & known
