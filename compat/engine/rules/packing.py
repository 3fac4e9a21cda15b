"""Are safetensors weights packed in a way the engine's criteria never looked at?"""

from __future__ import annotations

from collections.abc import Iterator

from compat.engine.profile import EngineProfile
from compat.engine.result import Finding, Severity
from compat.metadata.facts import VariantFacts

CODE = "quantization"


def check(facts: VariantFacts, profile: EngineProfile) -> Iterator[Finding]:
    """Quantized safetensors warn: the criteria accept the format and say nothing of what is packed inside."""
    if facts.format != "safetensors" or not facts.quantization:
        return
    yield Finding(
        CODE,
        Severity.WARNS,
        f"The weights are packed with {facts.quantization} ({facts.quantization_from.label}); "
        f"{profile.name}'s criteria were tested on plain 16-bit weights and do not look at packing.",
        f"{facts.quantization} packing untested",
    )
    yield Finding(CODE, Severity.RECOMMENDS, "The unpacked original of this model is the surer choice.")
