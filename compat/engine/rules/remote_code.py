"""Does the model ask to run Python code of its own?"""

from __future__ import annotations

from collections.abc import Iterator

from compat.engine.profile import EngineProfile
from compat.engine.result import Finding, Severity
from compat.metadata.facts import VariantFacts

CODE = "remote-code"


def check(facts: VariantFacts, profile: EngineProfile) -> Iterator[Finding]:
    """Remote code never blocks a file an engine reads by itself, but a person should know of it."""
    if facts.remote_code and facts.format != "gguf":
        yield Finding(
            CODE,
            Severity.WARNS,
            "The repository brings Python code of its own; read it before you let a worker run it.",
            "brings its own code",
        )
