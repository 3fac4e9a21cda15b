"""Which build is taken, of one repository's and of one model's: as somebody would choose who has run many.

What is left of the model comes first, then whether it fits with a tenth of the memory to spare, then how fast it
writes. A build is *good* from four bits on, as :mod:`compat.estimate.quality` has it. The classes, the best first:

====== =========================================================================================
class  a build that
====== =========================================================================================
18-16  fits with a tenth of the memory to spare and writes fast: nearly lossless, very good, good
15     does as well, and is not nearly lossless, in a packing for which the hardware has nothing
14     is good and writes fast, with little memory to spare; or on a processor, and leaves hardly any to anything else
13     is good and writes fast, with layers or experts in system memory
12     is good, fits, and writes about as fast as people read
11     is fair (three bits), fits, and is not slow
10     is as 13, or as 14 on a processor, and leaves hardly any system memory to anything else
9, 8   is good, or fair, with layers or experts in system memory, and is not slow
7      is as one of these two, or as 12 or 11 with little to spare, and leaves hardly any to anything else
6      is good or fair, and slow
5      is poor (fewer bits), and not slow: only where nothing better is of use
4, 3   is poor and slow; or crawls, whatever it is
1      has a memory need that is not known: never before one that is known
====== =========================================================================================

So a mixture of experts is taken in four bits with experts in system memory before one in one bit that fits, and no
build that crawls is taken where a smaller one is of use. Eight bits that a card computes as they are, and that fit with
room to spare, are taken before four that it has to unpack, even where the four are surer. Of one class the engine's own
preference decides (see :func:`compat.rules.judge.order_of`), then, of several repositories, who packed it
(:mod:`compat.catalogue.packers`).

A build whose verdict rests on a guess, or whose packer nobody knows, counts for some classes less, and so does one in a
packing of which the engine's own makers say that their code for it is slow: where another fits as well, that one is
taken, even as a guess. One that something speaks against, a guess or a reported failure, comes behind all that is of
use and that nothing speaks against.

The same table decides for one record and for the columns of a whole catalogue.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from compat.engines.hardware import Accelerator
from compat.engines.system_memory import USUAL_MEMORY
from compat.estimate import Fit, Hardware
from compat.estimate.need_columns import FIT_CODES, FITS
from compat.estimate.quality import FAIR, GOOD, NEARLY_LOSSLESS, POOR, VERY_GOOD
from compat.rules.result import Confidence, confidence_of

CRAWLING, SLOW, FAST = 3.0, 5.0, 10.0
"""Tokens a second: below the first nobody waits for it, below the second it is slower than people read."""
_CRAWLS, _SLOW, _READS, _FAST = range(4)
REFUSED, UNKNOWN_NEED = -1, 1
"""What does not run, and the class of what has a memory need that is not known."""
LEAST_OF_USE = 6
"""The least class of what is neither poor nor so slow that nobody waits for it."""
FIT_WELL = frozenset({12, 14, 15, 16, 17, 18})
"""The classes of what is good, fits, and writes no slower than people read."""
CLASS_WORDS = {
    18: "fits with a tenth of the memory to spare, writes fast, and keeps nearly all of the model",
    17: "fits with a tenth of the memory to spare, writes fast, and its packing is very good",
    16: "fits with a tenth of the memory to spare, writes fast, and its packing is good",
    15: "fits with a tenth of the memory to spare, and writes fast; the hardware has nothing for its packing",
    14: "fits with little memory to spare, and its packing is good",
    13: "partly in system memory, and fast all the same",
    12: "fits, and writes about as fast as people read",
    11: "fits, in a packing that is fair",
    10: "fast, with hardly any system memory left beside it",
    9: "partly in system memory, and writes about as fast as people read",
    8: "partly in system memory, in a packing that is fair",
    7: "no slower than people read, with hardly any system memory left beside it",
    6: "slower than people read",
    5: "its packing is poor",
    4: "slow, and its packing is poor",
    3: "so slow that nobody waits for it",
    UNKNOWN_NEED: "memory need not known",
}
"""What a class is, in words."""
WORDS_WITHOUT_SPEED = {
    18: "fits with a tenth of the memory to spare, and keeps nearly all of the model",
    17: "fits with a tenth of the memory to spare, and its packing is very good",
    16: "fits with a tenth of the memory to spare, and its packing is good",
    15: "fits with a tenth of the memory to spare; the hardware has nothing for its packing",
    13: "partly in system memory, in a packing that is good",
    12: "fits, and its packing is good",
    10: "with hardly any system memory left beside it, in a packing that is good",
    9: "partly in system memory, in a packing that is good",
    7: "with hardly any system memory left beside it",
    6: "likely slower than people read, where memory is as slow as is usual",
    4: "likely slow, where memory is as slow as is usual, and its packing is poor",
    3: "likely so slow that nobody waits for it, where memory is as slow as is usual",
}
"""The same where no number is shown that a word about its speed could be held against; as above for the others."""
_POINTS = {
    18: 40,
    17: 38,
    16: 36,
    15: 31,
    14: 30,
    13: 28,
    12: 24,
    11: 18,
    10: 16,
    9: 14,
    8: 8,
    7: 4,
    6: -4,
    5: -10,
    4: -25,
    3: -30,
}
"""What a build of each class counts in the suggested order: see :mod:`compat.catalogue.suggesting`."""
DOUBTED, GUESSED, SURE = range(3)
"""How far a verdict is to be trusted: something speaks against it that is not certain; it rests on a guess, or nobody
knows the packer; neither.
"""
_OF_TRUST = {DOUBTED: -45, GUESSED: -8, SURE: 0}
"""What is added for each."""
_UNOPTIMIZED = -13
"""What is added where the engine's code for the packing is slow: a guess of another packing goes before it."""
BEHIND = -1000
"""What a need that is not known counts: more than all else together."""
_RANKED = sorted(
    (points + added + _UNOPTIMIZED * slow, trust, kind, slow)
    for kind, points in (*_POINTS.items(), (UNKNOWN_NEED, BEHIND))
    for trust, added in _OF_TRUST.items()
    for slow in (False, True)
)
_CODES = {(trust, kind, slow): code for code, (_, trust, kind, slow) in enumerate(_RANKED, 1)}
POINTS = np.array([0, *(points for points, _, _, _ in _RANKED)], dtype=np.int16)
"""The points of builds, by what they are worth."""
KINDS = np.array([0, *(kind for _, _, kind, _ in _RANKED)], dtype=np.int8)
TRUSTS = np.array([DOUBTED, *(trust for _, trust, _, _ in _RANKED)], dtype=np.int8)
UNOPTIMIZED = np.array([False, *(slow for _, _, _, slow in _RANKED)])
"""Their class, how far each is to be trusted, and whether the engine's code for the packing is slow."""
UNSURE = np.array([0, *(_CODES[min(trust, GUESSED), kind, slow] for _, trust, kind, slow in _RANKED)], dtype=np.int8)
"""What they are worth where something is."""
UNKNOWN_WORTH = _CODES[SURE, UNKNOWN_NEED, False]
WORTHS = len(_RANKED) + 1
"""Worths are below this."""


def _class(quality: int, fit: Fit, pace: int, *, unaided: bool, crowded: bool) -> int:
    """The class of one kind of build, as the module's docstring has it."""
    whole, spare = fit in (Fit.FITS, Fit.TIGHT), fit is Fit.FITS
    if not whole and fit is not Fit.PARTIAL:
        return UNKNOWN_NEED if fit is Fit.UNKNOWN else REFUSED
    if pace == _CRAWLS:
        return 3
    if quality == POOR:
        return 4 if pace == _SLOW else 5
    if pace == _SLOW:
        return 6
    if not whole:
        usual, full = (8, 7) if quality == FAIR else (9, 7) if pace == _READS else (13, 10)
        return full if crowded else usual
    if crowded and not spare:
        return 7 if quality == FAIR or pace == _READS else 10
    if quality == FAIR:
        return 11
    if pace == _READS:
        return 12
    if crowded or not spare:
        return 14
    if unaided and quality < NEARLY_LOSSLESS:
        return 15
    return {NEARLY_LOSSLESS: 18, VERY_GOOD: 17, GOOD: 16}[quality]


_QUALITIES = (POOR, FAIR, GOOD, VERY_GOOD, NEARLY_LOSSLESS)
_CLASSES = np.array(
    [
        _class(quality, fit, pace, unaided=unaided, crowded=crowded)
        for unaided in (False, True)
        for crowded in (False, True)
        for quality in _QUALITIES
        for fit in FITS
        for pace in range(4)
    ],
    dtype=np.int8,
).reshape(2, 2, len(_QUALITIES), len(FITS), 4)
_WORTH_OF = np.array(
    [
        [[_CODES.get((trust, kind, slow), UNKNOWN_WORTH) for slow in (False, True)] for trust in _OF_TRUST]
        for kind in range(max(_POINTS) + 1)
    ],
    dtype=np.int8,
)
_PARTLY, _WHOLE = FIT_CODES[Fit.PARTIAL], FIT_CODES[Fit.FITS]
_PACES = np.array([CRAWLING, SLOW, FAST])


def trust_in(sureness: Any, doubted: Any, untold: Any = False) -> Any:
    """How far a verdict is to be trusted by its sureness (see :func:`~compat.rules.result.sureness_of`), or several;
    ``doubted`` where it is not certain that its memory can be had, ``untold`` where nothing tells which file is taken.
    """
    sure = (confidence_of(sureness) >= Confidence.MEDIUM) & ~np.asarray(doubted) & ~np.asarray(untold)
    return np.where(sure, SURE, np.where(np.asarray(sureness) % 2, DOUBTED, GUESSED))


def worths(
    quality: Any,
    fits: Any,
    speed: Any,
    trust: Any,
    unaided: Any = False,
    unoptimized: Any = False,
    crowded: Any = False,
) -> Any:
    """How much each build is worth, from 1 on; negative for what does not run. The more the better.

    ``quality`` is as :func:`compat.estimate.quality.quality_code` tells it, ``fits`` a code of
    :data:`~compat.estimate.need_columns.FITS`, ``speed`` tokens a second (NaN: no number), ``trust`` how far its
    verdict is to be trusted, ``unaided`` whether the hardware has nothing for its packing, ``unoptimized`` whether the
    engine's code for that is slow, ``crowded`` whether what lies in system memory leaves hardly any. Without a number,
    what lies in both memories is taken to write as fast as people read, and everything else fast.
    """
    pace = np.where(np.isnan(speed), np.where(fits == _PARTLY, _READS, _FAST), np.searchsorted(_PACES, speed, "right"))
    bare, full, slow = (np.asarray(told).astype(np.int8) for told in (unaided, crowded, unoptimized))
    kinds = _CLASSES[bare, full, quality, fits, pace]
    return np.where(kinds == REFUSED, REFUSED, _WORTH_OF[np.maximum(kinds, 0), trust, slow]).astype(np.int8)


SLOWEST_MEMORY = min(USUAL_MEMORY.values())
"""GB a second of the slowest system memory that is usual."""


def paced_on(hardware: Hardware) -> Hardware:
    """The machine by which builds that lie in system memory and have no speed are told apart: where nobody said how
    fast that memory is, with the slowest that is usual. A chip that shares it, and of which no table tells how fast it
    reads, reads it as fast. What was not measured there writes as fast as it can be read at the most. No number that is
    shown rests on any of these.
    """
    rate = hardware.system_bandwidth or SLOWEST_MEMORY * 1e9
    sharing = (replace(one, bandwidth=rate) if _is_untold(one) else one for one in hardware.accelerators)
    return replace(hardware, system_bandwidth=rate, accelerators=tuple(sharing))


def is_in_system_memory(hardware: Hardware) -> bool:
    """Whether everything lies in a machine's system memory, as far as is told how fast anything is read."""
    return all(map(_is_untold, hardware.accelerators))


def _is_untold(accelerator: Accelerator) -> bool:
    return accelerator.unified and accelerator.bandwidth is None


def is_paced_by_memory(fits: Any, hardware: Hardware) -> Any:
    """Whether builds that fit so are as fast as system memory, by codes of :data:`FITS`."""
    return (fits == _PARTLY) | is_in_system_memory(hardware)


UNTOLD_PACE = (CRAWLING + SLOW) / 2
"""Tokens a second that a build is taken to write where memory is as slow as a system's and nobody knows its weights."""


def worth(
    quality: int,
    fit: Fit,
    speed: float | None,
    trust: int,
    *,
    unaided: bool = False,
    unoptimized: bool = False,
    crowded: bool = False,
) -> int:
    """The same of one build."""
    pace = np.nan if speed is None else speed
    return int(worths(quality, FIT_CODES[fit], pace, trust, unaided, unoptimized, crowded))


def most_worth(quality: int, trust: int, *, unaided: bool = False, unoptimized: bool = False) -> int:
    """What a build of a quality is worth at the most, wherever it lies."""
    return int(worths(quality, _WHOLE, np.nan, trust, unaided, unoptimized))
