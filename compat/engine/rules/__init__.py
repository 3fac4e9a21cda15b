"""The rules, one file each, in the order in which causes are named."""

from collections.abc import Callable, Iterable

from compat.engine.profile import EngineProfile
from compat.engine.result import Finding
from compat.metadata.facts import VariantFacts

from . import access, architecture, completeness, context, formats, parts, quantization, remote_code, task

Rule = Callable[[VariantFacts, EngineProfile], Iterable[Finding]]

RULES: tuple[Rule, ...] = (
    architecture.check,
    task.check,
    formats.check,
    completeness.check,
    context.check,
    quantization.check,
    parts.check,
    remote_code.check,
    access.check,
)
"""The rules that need only facts and profile; the one on hardware takes that too and is called beside
them.
"""

__all__ = ["RULES", "Rule"]
