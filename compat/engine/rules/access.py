"""Can the files be had at all?"""

from __future__ import annotations

from collections.abc import Iterator

from compat.engine.profile import EngineProfile
from compat.engine.result import Finding, Severity
from compat.metadata.facts import VariantFacts

CODE = "gated"


def check(facts: VariantFacts, profile: EngineProfile) -> Iterator[Finding]:
    """A gated repository warns and says what to do; it is not an engine's fault."""
    if facts.gated:
        yield Finding(
            CODE,
            Severity.WARNS,
            "Gated: the authors ask you to accept their terms on the Hub before you can download the files.",
            "needs access",
        )
        yield Finding(
            CODE,
            Severity.RECOMMENDS,
            "Open the model's page on the Hub, accept the terms, and download with your token.",
        )
