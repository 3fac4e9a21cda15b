"""The rules' result and the memory estimate as one answer, so that a badge never contradicts the numbers beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from compat.engines.hardware import GIB
from compat.estimate import Fit, FitResult, Hardware
from compat.estimate.fit import ASSUMED_BITS
from compat.rules import CompatibilityResult, Confidence

_OTHER_CUT = (
    "Use one of these numbers of GPUs, or have each GPU keep whole layers where the engine can (pipeline parallelism), "
    "which is not judged here."
)


_WIDE_CACHE = "Ask for a cache of 16 bits, which every engine keeps."


def apply_memory_fit(result: CompatibilityResult, fit: FitResult | None) -> CompatibilityResult:
    """What remains of a verdict on a machine: too large, not to be cut for so many GPUs, or a cache that the engine
    does not keep refuses; partly in system memory or not known lowers it, as does a cache that it may not keep.

    A refusal by the rules stays as it is: that it would fit is no comfort. Where nobody told the worker's memory, the
    verdict stays as well, and says so.
    """
    if fit is None or not result.compatible:
        return result
    if fit.left_out:
        result = replace(result, warnings=(fit.left_out, *result.warnings))
    if fit.fit is Fit.CACHE:
        return _refused(result, fit.sentence, "cache", "not with such a cache", _WIDE_CACHE)
    if fit.doubt:
        result = _doubted(result, fit.doubt)
    if fit.fit is Fit.TOO_LARGE:
        return _refused(result, fit.sentence, "memory", _short(fit))
    if fit.fit is Fit.UNEVEN:
        return _refused(result, fit.sentence, "platform", "not on so many GPUs", _OTHER_CUT)
    if fit.fit is Fit.PARTIAL:
        return _lowered(result, fit.sentence, "partly in system memory")
    if fit.fit is Fit.UNKNOWN and fit.room is None:
        return replace(result, warnings=(*result.warnings, f"Memory: {fit.sentence}"))
    if fit.fit is Fit.UNKNOWN:
        return _lowered(result, f"Memory: {fit.sentence}", _untold(fit))
    brief = result.brief or ("little memory to spare" if fit.fit is Fit.TIGHT else "")
    return replace(result, reasons=(*result.reasons, fit.sentence), brief=brief)


_ANOTHER_BUILD = frozenset({"format", "quantization"})
"""Causes for which another build of the same model is advised."""


def advise_by_size(
    result: CompatibilityResult, parameters: int | None, hardware: Hardware | None
) -> CompatibilityResult:
    """A refusal that advises another build of the model, where none can fit: it says that its size is in the way too.

    At one bit a weight, fewer than any build has, and in all the memory that there is.
    """
    found = least_need(parameters, hardware)
    if result.cause not in _ANOTHER_BUILD or not found.is_beyond:
        return result
    least, room = found.need / GIB, (found.room or 0) / GIB
    text = (
        f"Its size is in the way as well: even at 1 bit a weight any build of it needs {least:,.0f} GiB, and the "
        f"machine has {room:,.0f} GiB."
    )
    return replace(result, recommendations=(text,))


@dataclass(frozen=True, slots=True)
class LeastNeed:
    """The bytes that any build of a model needs, 0 where nothing tells, and all that a machine has; None: not told."""

    need: float
    room: int | None

    @property
    def is_beyond(self) -> bool:
        """Whether no build can fit."""
        return self.room is not None and self.need > self.room


def least_need(parameters: int | None, hardware: Hardware | None, bits: float = 1) -> LeastNeed:
    """What so many weights need at so many bits each, of which any build has one, and the memory there is for them."""
    need = (parameters or 0) * bits / 8
    rooms = hardware.usable() if hardware is not None else (None,)
    if hardware is None or None in rooms:
        return LeastNeed(need, None)
    beside = 0 if hardware.unified or not hardware.accelerators else hardware.system_memory or 0
    return LeastNeed(need, sum(room or 0 for room in rooms) + beside)


def _refused(result: CompatibilityResult, reason: str, cause: str, brief: str, *advice: str) -> CompatibilityResult:
    return replace(
        result,
        compatible=False,
        confidence=Confidence.NONE.word,
        reasons=(reason,),
        warnings=(),
        recommendations=advice,
        cause=cause,
        brief=brief,
        codes=(*result.codes, cause),
    )


def _doubted(result: CompatibilityResult, warning: str) -> CompatibilityResult:
    return replace(
        result,
        confidence=min(result.level, Confidence.MEDIUM).word,
        warnings=(warning, *result.warnings),
        brief=result.brief or "cache needs certain hardware",
        codes=(*result.codes, "cache"),
    )


def _lowered(result: CompatibilityResult, warning: str, brief: str) -> CompatibilityResult:
    return replace(
        result,
        confidence=min(result.level, Confidence.LOW).word,
        warnings=(warning, *result.warnings),
        brief=brief,
        codes=(*result.codes, "memory"),
    )


def _untold(fit: FitResult) -> str:
    """Why it is not known whether something fits."""
    if fit.need is None:
        return "memory need not known"
    if fit.supposes_projector:
        return "size of its projector not known"
    if fit.supposes_layers:
        return "cache only guessed"
    width = fit.width or ASSUMED_BITS
    return f"too large at {width:.0f} bits"


def _short(fit: FitResult) -> str:
    if fit.need is None or fit.room is None:
        return "too large for its memory"
    each = fit.estimate.per_device or ()
    wanted, there = (fit.need, fit.room) if fit.together is None else (sum(each), fit.together)
    assumed = bool(each) and fit.estimate.floor < sum(each)
    wanted = fit.estimate.floor if assumed else wanted
    if wanted <= 1.05 * there:
        return "just too large for its memory"
    need, room = wanted / GIB, there / GIB
    digits = int(f"{need:.0f}" == f"{room:.0f}")
    if len(each) > 1 and fit.together is None:
        return f"needs {need:,.{digits}f} GiB on a card of {room:,.{digits}f} GiB"
    least = "at least " if assumed or not each else ""
    return f"needs {least}{need:,.{digits}f} GiB, {room:,.{digits}f} GiB here"
