"""What to take instead of weights that are packed in a way that is not read: said alike by several rules."""

from __future__ import annotations

from compat.engines.gpu_capability import Capability
from compat.engines.profile import EngineProfile
from compat.rules.result import Finding, Severity

_ELSE = "Take the unpacked original, or a version packed in another way."


def for_engine(profile: EngineProfile) -> Finding:
    """Where the engine does not read them."""
    return Finding("quantization", Severity.RECOMMENDS, profile.advice.get("quantization") or _ELSE)


def for_hardware(hardware: Capability) -> Finding:
    """Where the hardware does not compute them."""
    text = f"Take the unpacked original, or a version packed in a way {device(hardware)} can read."
    return Finding("platform", Severity.RECOMMENDS, text)


def device(hardware: Capability) -> str:
    """What a worker computes with, in words."""
    return "a processor" if hardware.vendor == "cpu" else "this GPU"
