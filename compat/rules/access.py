"""Can the files be had at all?"""

from __future__ import annotations

from compat.engines.profile import EngineProfile
from compat.extraction.facts import VariantFacts
from compat.rules.result import Finding, Severity

CODE = "gated"

_GATED = (
    Finding(
        CODE,
        Severity.WARNS,
        "Gated: the authors ask you to accept their terms on the Hub before you can download the files.",
        "asks for terms",
    ),
    Finding(
        CODE, Severity.RECOMMENDS, "Open the model's page on the Hub, accept the terms, and download with your token."
    ),
)


def check(facts: VariantFacts, profile: EngineProfile) -> tuple[Finding, ...]:
    """A gated repository warns and says what to do; it is not an engine's fault. An untold gate says nothing."""
    return _GATED if facts.gated else ()
