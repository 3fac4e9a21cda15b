"""How many conversations an engine with one pool for all keeps at the same time: what is left, by what one takes."""

from __future__ import annotations

from compat.estimate.engine_names import PAGED, engine_name
from compat.estimate.fit import Fit, FitResult

MOST_SEQUENCES = 256
"""vLLM's and SGLang's usual limit of sequences in one batch, whatever the memory."""


def conversations_at_once(fit: FitResult, rooms: tuple[int, ...] | None, engine: str, slots: int = 1) -> int | None:
    """Conversations that each fill the context of ``fit``; None where the engine has no such pool or it is not known.

    ``rooms`` are the bytes a model may take on each device. ``slots`` conversations are part of the need already; the
    pool of the fullest device counts.
    """
    estimate = fit.estimate
    if engine_name(engine) not in PAGED or fit.fit not in (Fit.FITS, Fit.TIGHT) or not rooms:
        return None
    if estimate.per_device is None:
        return None
    pool = sum(estimate.component(name).bytes or 0 for name in ("kv", "state"))
    if pool <= 0:
        return None
    left = min(room - used for room, used in zip(rooms, estimate.per_device, strict=False))
    # In whole bytes: what is left on one device, by what one conversation takes there.
    return min(slots + left * slots * len(estimate.per_device) // pool, MOST_SEQUENCES)
