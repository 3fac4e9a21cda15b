"""Does the model ask to run Python code of its own?"""

from __future__ import annotations

from collections.abc import Iterator

from compat.engines.profile import EngineProfile
from compat.extraction.facts import VariantFacts
from compat.rules.architecture_match import match_architecture
from compat.rules.result import Confidence, Finding, Severity

CODE = "remote-code"


def check(facts: VariantFacts, profile: EngineProfile) -> Iterator[Finding]:
    """A person should know of it. It counts where the engine has nothing of its own for the architecture."""
    if not facts.remote_code or facts.format == "gguf":
        return
    native = facts.architecture is not None and match_architecture(facts, profile).group is not None
    if profile.criteria:
        yield _read_first()
    elif profile.remote_code == "runs" and not native:
        yield _read_first()
        yield Finding(
            CODE,
            Severity.WARNS,
            f"{profile.name} has no code of its own for this architecture and runs the repository's; whether that "
            "works with this version nobody has checked here.",
            "runs its own code",
            Confidence.LOW,
        )
        yield Finding(
            CODE, Severity.RECOMMENDS, "Read the repository's Python files, then load with trust_remote_code."
        )


def _read_first() -> Finding:
    return Finding(
        CODE,
        Severity.WARNS,
        "The repository brings Python code of its own; read it before you let a worker run it.",
        "brings its own code",
    )
