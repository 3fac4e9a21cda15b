"""What a guess makes of a refusal: said alike by all rules that look at how weights are packed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from compat.extraction.facts import VariantFacts
from compat.rules.result import Confidence, Finding, Severity


def as_far_as_told(found: Iterable[Finding], facts: VariantFacts) -> Iterator[Finding]:
    """Findings that rest on how the weights are packed: where only a name or a list tells that, they refuse nothing."""
    for finding in found:
        if finding.severity is Severity.BLOCKS and facts.quantization_from.guessed:
            text = f"{finding.text} How the weights are packed is only guessed, though."
            yield Finding(finding.code, Severity.WARNS, text, f"{facts.quantization} packing unclear", Confidence.LOW)
        else:
            yield finding
