"""What a guess makes of a refusal: said alike by all rules that look at how weights are packed."""

from __future__ import annotations

from collections.abc import Iterable

from compat.extraction.facts import VariantFacts
from compat.extraction.quantization import CLOSING, MLX, PACKED
from compat.rules.result import Confidence, Finding, Severity


def as_far_as_told(found: Iterable[Finding], facts: VariantFacts) -> Iterable[Finding]:
    """Findings that rest on how the weights are packed: where only a name or a list tells that, they refuse nothing.

    Two kinds of names count as read. With MLX and a width, all of the 856 records of the bundled catalogue that have
    tags are tagged ``mlx``, and so are all 521 whose names close with a width and no method (``Foo-4bit``).
    """
    label = facts.quantization or ""
    if not facts.quantization_from.guessed or label.startswith(f"{MLX} ") or facts.scheme == CLOSING:
        return found
    return [_lowered(finding, label) if finding.severity is Severity.BLOCKS else finding for finding in found]


def packing_brief(label: str, brief: str) -> str:
    """The short text on a packing: of one that nobody names, that it is not named."""
    return "packing method not told" if label == PACKED else brief


def unclear_brief(label: str) -> str:
    """The short text on a packing of which it is not clear whether it is there, or whose it is."""
    return packing_brief(label, f"{label} packing unclear")


def _lowered(finding: Finding, label: str) -> Finding:
    text = f"{finding.text} How the weights are packed is only guessed, though."
    return Finding(finding.code, Severity.WARNS, text, unclear_brief(label), Confidence.LOW, doubts=True)
