"""The rules, one file each, in the order in which causes are named."""

from collections.abc import Callable, Iterable

from compat.engine.profile import EngineProfile
from compat.engine.result import Finding
from compat.metadata.facts import VariantFacts

from . import access, architecture, context, formats, packing, remote_code, task

Rule = Callable[[VariantFacts, EngineProfile], Iterable[Finding]]

RULES: tuple[Rule, ...] = (
    architecture.check,
    task.check,
    formats.check,
    context.check,
    packing.check,
    remote_code.check,
    access.check,
)

__all__ = ["RULES", "Rule"]
