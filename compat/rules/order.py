"""The rules, one file each, in the order in which causes are named."""

from collections.abc import Callable, Iterable

from compat.engines.profile import EngineProfile
from compat.extraction.facts import VariantFacts
from compat.rules import (
    access,
    architecture,
    completeness,
    context,
    formats,
    modality,
    quantization,
    remote_code,
    task,
)
from compat.rules.result import Finding

Rule = Callable[[VariantFacts, EngineProfile], Iterable[Finding]]

RULES: tuple[Rule, ...] = (
    architecture.check,
    task.check,
    formats.check,
    completeness.check,
    context.check,
    quantization.check,
    modality.check,
    remote_code.check,
    access.check,
)
"""The rules that need only facts and profile, in order; the one on hardware takes that too and comes after them."""

__all__ = ["RULES", "Rule"]
