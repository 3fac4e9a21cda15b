"""Which build is taken, of one repository's and of one model's: as somebody would choose who has run many.

What is left of the model comes first, then whether it fits with room to spare, then how fast it writes. A build is
*good* from four bits on, as :mod:`compat.estimate.quality` has it. The classes, the best first:

====== =========================================================================================
class  a build that
====== =========================================================================================
15-13  fits with room to spare and writes fast: nearly lossless, very good, good
12     is good and writes fast, with little memory to spare
11     is good and writes fast, with layers or experts in system memory
10     is good, fits, and writes about as fast as people read
9      is fair (three bits), fits, and is not slow
8, 7   is good, or fair, with layers or experts in system memory, and is not slow
6      is good or fair, and slow
5      is poor (fewer bits), and not slow: only where nothing better is of use
4, 3   is poor and slow; or crawls, whatever it is
1      has a memory need that is not known: never before one that is known
====== =========================================================================================

So a mixture of experts is taken in four bits with experts in system memory before one in one bit that fits, and no
build that crawls is taken where a smaller one is of use. Of one class the engine's own preference decides (see
:func:`compat.rules.judge.order_of`), then, of several repositories, who packed it (:mod:`compat.catalogue.packers`).

The same table decides for one record and for the columns of a whole catalogue.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from compat.engines.system_memory import USUAL_MEMORY
from compat.estimate import Fit, Hardware
from compat.estimate.need_columns import FITS
from compat.estimate.quality import FAIR, GOOD, NEARLY_LOSSLESS, POOR, VERY_GOOD

CRAWLING, SLOW, FAST = 3.0, 5.0, 10.0
"""Tokens a second: below the first nobody waits for it, below the second it is slower than people read."""
_CRAWLS, _SLOW, _READS, _FAST = range(4)
GOOD_ENOUGH = 8
"""From this class on a build is of use without a second thought; a surer verdict counts for more than what is above."""
SURE, OF_USE = 16, 32
"""What is added to a class: for a verdict that rests on no guess, and for one that is of use."""
WORTHS = 64
"""Worths are below this."""
REFUSED = -1


def _class(quality: int, fit: Fit, pace: int) -> int:
    """The class of one kind of build, as the module's docstring has it."""
    whole, spare = fit in (Fit.FITS, Fit.TIGHT), fit is Fit.FITS
    if not whole and fit is not Fit.PARTIAL:
        return 1 if fit is Fit.UNKNOWN else REFUSED
    if pace == _CRAWLS:
        return 3
    if quality == POOR:
        return 4 if pace == _SLOW else 5
    if pace == _SLOW:
        return 6
    if quality == FAIR:
        return 9 if whole else 7
    if pace == _READS:
        return 10 if whole else 8
    if not spare:
        return 12 if whole else 11
    return {NEARLY_LOSSLESS: 15, VERY_GOOD: 14, GOOD: 13}[quality]


_CLASSES = np.array(
    [
        [[_class(quality, fit, pace) for pace in range(4)] for fit in FITS]
        for quality in (POOR, FAIR, GOOD, VERY_GOOD, NEARLY_LOSSLESS)
    ],
    dtype=np.int8,
)
_FIT_CODES = {fit: code for code, fit in enumerate(FITS)}
_PARTLY, _WHOLE = _FIT_CODES[Fit.PARTIAL], _FIT_CODES[Fit.FITS]
_PACES = np.array([CRAWLING, SLOW, FAST])


def worths(quality: Any, fits: Any, speed: Any, sure: Any) -> Any:
    """How much each build is worth, from 0 on; negative for what does not run. The more the better.

    ``quality`` is as :func:`compat.estimate.quality.quality_code` tells it, ``fits`` a code of
    :data:`~compat.estimate.need_columns.FITS`, ``speed`` tokens a second (NaN: no number), ``sure`` whether the rules
    are sure of it. Without a number, what lies in both memories is taken to write as fast as people read, and
    everything else fast.
    """
    pace = np.where(np.isnan(speed), np.where(fits == _PARTLY, _READS, _FAST), np.searchsorted(_PACES, speed, "right"))
    found = _CLASSES[quality, fits, pace]
    told = (found > 1) * (SURE * np.asarray(sure) + OF_USE * (found >= GOOD_ENOUGH))
    return (found + told).astype(np.int8)


def paced_on(hardware: Hardware) -> Hardware | None:
    """The machine by which builds that lie in system memory are told apart where nobody said how fast that is: with
    the slowest that is usual. No number that is shown rests on it. None where it is told.
    """
    return (
        replace(hardware, system_bandwidth=min(USUAL_MEMORY.values()) * 1e9)
        if hardware.system_bandwidth is None
        else None
    )


def is_paced_by_memory(fits: Any, hardware: Hardware) -> Any:
    """Whether builds that fit so are as fast as system memory, by codes of :data:`FITS`."""
    return (fits == _PARTLY) | (not hardware.accelerators)


def worth(quality: int, fit: Fit, speed: float | None, *, sure: bool) -> int:
    """The same of one build."""
    return int(worths(quality, _FIT_CODES[fit], np.nan if speed is None else speed, sure))


def most_worth(quality: int, *, sure: bool) -> int:
    """What a build of a quality is worth at the most, wherever it lies."""
    return int(worths(quality, _WHOLE, np.nan, sure))
