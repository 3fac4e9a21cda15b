"""Is it publicly reported to fail on this engine?"""

from __future__ import annotations

from collections.abc import Iterator

from compat.engines.gpu_capability import Capability
from compat.engines.known_failures import KnownFailure, failures_about
from compat.engines.profile import EngineProfile
from compat.extraction.facts import VariantFacts
from compat.rules import advice
from compat.rules.guesses import as_far_as_told
from compat.rules.result import Confidence, Finding, Severity

CODE = "known-failure"


def check(facts: VariantFacts, profile: EngineProfile, hardware: Capability | None) -> Iterator[Finding]:
    """What is known to fail blocks or warns, with the public report; on hardware that is not known it is only told.

    There, what hardware alone is to blame for is not told: it would stand beside every model, on whatever somebody has.
    """
    for failure in failures_about(facts, profile):
        told = _told(failure, profile, hardware)
        yield from as_far_as_told(told, facts) if failure.packings else told


def _told(failure: KnownFailure, profile: EngineProfile, hardware: Capability | None) -> Iterator[Finding]:
    happens = failure.happens_on(hardware)
    text = f"{failure.sentence} See {failure.report}."
    if happens and failure.cause:
        yield Finding(failure.cause, Severity.BLOCKS, text, failure.brief)
        if failure.cause == "quantization":
            yield advice.for_engine(profile)
        elif failure.packings and hardware is not None:
            yield advice.for_hardware(hardware)
    elif happens:
        yield Finding(CODE, Severity.WARNS, text, failure.brief, failure.limit, failure.limit is Confidence.LOW)
    elif happens is None and (hardware is not None or not failure.of_hardware_alone):
        yield Finding(CODE, Severity.WARNS, text)


def depends_on_hardware(facts: VariantFacts, profile: EngineProfile) -> bool:
    """Whether something fails for these facts on some hardware only."""
    return any(failure.depends_on_hardware for failure in failures_about(facts, profile))
