"""Can the files be had at all?"""

from __future__ import annotations

from collections.abc import Iterator

from compat.engines.profile import EngineProfile
from compat.extraction.facts import VariantFacts
from compat.rules.result import Finding, Severity

CODE = "gated"


def check(facts: VariantFacts, profile: EngineProfile) -> Iterator[Finding]:
    """A gated repository warns and says what to do; it is not an engine's fault. An untold gate says nothing."""
    if facts.gated:
        yield Finding(
            CODE,
            Severity.WARNS,
            "Gated: the authors ask you to accept their terms on the Hub before you can download the files.",
            "asks for terms",
        )
        yield Finding(
            CODE,
            Severity.RECOMMENDS,
            "Open the model's page on the Hub, accept the terms, and download with your token.",
        )
