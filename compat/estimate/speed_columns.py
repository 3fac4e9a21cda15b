"""The decode speed of many variants on one engine, as columns: what :mod:`compat.estimate.speed` says one by one.

What one token costs of a variant does not change with the machine, but for the cache and for weights that some hardware
holds wider; it is read once into a row of :data:`WORK`. On a machine the variants that lie there alike (on as many
devices, with layers or with experts in system memory) and that are computed alike (packing, mixture) go through the
formulas of :mod:`compat.estimate.speed` together, a column instead of a number, so that both give the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compat.engines.hardware import Hardware
from compat.estimate.placement import place
from compat.estimate.speed import USUAL_DEPTH, least_seconds, seconds_of
from compat.estimate.speed_constants import calibration
from compat.estimate.token_work import (
    CODES,
    NEGLIGIBLE,
    LabelRead,
    Work,
    cache_bytes,
    token_work,
    values_at_most,
    values_read,
)
from compat.estimate.weights import Weights
from compat.shapes.shape import ModelShape

WORK = np.dtype(
    [
        *((name, "f8") for name in ("read", "expert_bytes", "experts_held", "held", "weights")),
        *((name, "i4") for name in ("layers", "state_layers")),
        *(("experts", "?"), ("codes", "i1")),
    ]
)
"""What one token costs of a variant without the cache, as ``Work`` has it; ``read`` is NaN where it is not told."""
_UNTOLD = (np.nan, 0.0, 0.0, 0.0, 0.0, 0, 0, False, 0)

WorkRow = tuple[float, float, float, float, float, int, int, bool, int]


def work_row(
    shape: ModelShape | None, weights: Weights, engine: str, quant: str | None, label: LabelRead | None = None
) -> WorkRow:
    """A row of :data:`WORK` for weights as an engine holds them; ``label`` as :func:`token_work` has it."""
    work = "" if shape is None else token_work(shape, weights, engine, quant, 0, label=label)
    if isinstance(work, str):
        return _UNTOLD
    return (
        work.weight_bytes,
        work.expert_bytes,
        work.experts_held,
        work.held_bytes,
        work.weights,
        work.layers,
        work.state_layers,
        work.experts,
        CODES.index(work.codes),
    )


def cached_values(shape: ModelShape) -> tuple[float, float]:
    """(keys and values that one token reads, the same if all layers keep them); NaN where it is not known."""
    read, most = values_read(shape, USUAL_DEPTH), values_at_most(shape, USUAL_DEPTH)
    return np.nan if read is None else read, np.nan if most is None else most


@dataclass(frozen=True)
class Spread:
    """Where many variants lie on one machine: over how many devices, and what of them is in system memory.

    ``share`` is what the accelerators read of the weights that come with layers, 1 where they hold all of it;
    ``experts`` whether the rest are experts alone.
    """

    ranks: NDArray[np.int64]
    share: NDArray[np.float64]
    experts: NDArray[np.bool_]


def decode_speeds(
    work: NDArray[np.void],
    values: NDArray[np.float64],
    most: NDArray[np.float64],
    spread: Spread,
    engine: str,
    hardware: Hardware,
    kv_type: str,
    *,
    at_most: bool = False,
) -> NDArray[np.float64]:
    """Tokens a second of variants that fit where ``spread`` says; NaN where there is no number.

    ``work`` are rows of :data:`WORK`, ``values`` and ``most`` what :func:`cached_values` says of each. ``at_most`` asks
    for what :func:`~compat.estimate.speed.most_speed` says.
    """
    read, cache, most_cache = work["read"], cache_bytes(values, kv_type), cache_bytes(most, kv_type)
    # Where it is not known which layers keep a cache, all are counted if even that hardly matters.
    cache = np.where(np.isnan(cache) & (most_cache <= NEGLIGIBLE * read), most_cache, cache)
    found = np.full(len(work), np.nan)
    for ranks, aside, experts, rows in _alike(work, spread):
        share = spread.share[rows] if aside else None
        placement = place(engine, hardware, ranks if hardware.accelerators else None, share, experts=experts)
        if isinstance(placement, str):
            continue
        some = work[rows]
        asked = Work(
            some["read"],
            cache[rows],
            some["layers"].astype(np.int64),
            some["state_layers"].astype(np.int64),
            bool(some["experts"][0]),
            CODES[some["codes"][0]],
            some["expert_bytes"],
            some["experts_held"],
            some["held"],
            some["weights"],
        )
        if at_most:
            # Of what keeps a cache that is not known nothing is told, as of one.
            found[rows] = 1 / np.where(np.isnan(asked.cache_bytes), np.nan, least_seconds(asked, placement))
            continue
        seconds = seconds_of(asked, engine, placement, calibration())
        if not isinstance(seconds, str):
            found[rows] = 1 / seconds
    return found


def _alike(work: NDArray[np.void], spread: Spread) -> Iterator[tuple[int, bool, bool, NDArray[np.int64]]]:
    """(devices, whether a part is in system memory, whether that are experts, rows) of what goes together."""
    aside = spread.share < 1
    keys = spread.ranks
    for part, size in ((aside, 2), (spread.experts, 2), (work["experts"], 2), (work["codes"], len(CODES))):
        keys = keys * size + part
    told = np.flatnonzero(~np.isnan(work["read"]))
    order = told[np.argsort(keys[told], kind="stable")]
    for rows in np.split(order, np.flatnonzero(np.diff(keys[order])) + 1):
        if len(rows):
            yield int(spread.ranks[rows[0]]), bool(aside[rows[0]]), bool(spread.experts[rows[0]]), rows
