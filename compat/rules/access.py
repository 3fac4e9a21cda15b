"""Can the files be had at all?"""

from __future__ import annotations

from compat.engines.profile import EngineProfile
from compat.extraction.facts import VariantFacts
from compat.rules.result import Finding, Severity

CODE = "gated"
GONE = "gone"

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


_GONE = {
    "missing": (
        Finding(
            GONE,
            Severity.BLOCKS,
            "Gone from the Hub: the repository was deleted or made private, so its files cannot be downloaded.",
            "gone from the Hub",
        ),
    ),
    "disabled": (
        Finding(
            GONE,
            Severity.BLOCKS,
            "Disabled by the Hub: the files of this repository cannot be downloaded.",
            "disabled by the Hub",
        ),
    ),
}


def check(facts: VariantFacts, profile: EngineProfile) -> tuple[Finding, ...]:
    """What is gone from the Hub is refused: there is nothing to run.

    A gated repository warns and says what to do; it is not an engine's fault. An untold gate says nothing.
    """
    if facts.gone:
        return _GONE.get(facts.gone, _GONE["missing"])
    return _GATED if facts.gated else ()
