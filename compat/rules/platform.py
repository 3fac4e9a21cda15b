"""Does the hardware do what the engine and the packing ask of it?"""

from __future__ import annotations

from collections.abc import Iterator

from compat.engines.gpu_capability import PLATFORM_LABELS, VENDOR_LABELS, Capability, generation_name
from compat.engines.profile import EngineProfile, Packing, join_words
from compat.extraction.facts import VariantFacts
from compat.rules.result import Confidence, Finding, Severity

CODE = "platform"


def check(facts: VariantFacts, profile: EngineProfile, hardware: Capability | None) -> Iterator[Finding]:
    """Known hardware is held against the needs and may block; unknown hardware only gets told of them."""
    packing = _packing_of(facts, profile)
    if hardware is None:
        if packing is not None:
            yield from _told(packing, profile)
        return
    yield from _engine_on(hardware, profile)
    if packing is not None:
        yield from _packing_on(hardware, packing, profile)


def depends_on_hardware(facts: VariantFacts, profile: EngineProfile) -> bool:
    """Whether hardware may change the answer to these facts, beyond what the engine asks of it for any model."""
    return _packing_of(facts, profile) is not None


def _packing_of(facts: VariantFacts, profile: EngineProfile) -> Packing | None:
    """How weights are packed, as far as an engine's profile knows it; None for plain weights and GGUF files."""
    if facts.quantization and facts.format != "gguf" and not profile.criteria:
        return profile.packing(facts.quantization, facts.scheme)
    return None


def _told(packing: Packing, profile: EngineProfile) -> Iterator[Finding]:
    """What a packing needs beyond what the engine needs anyway."""
    least = packing.compute_capability or 0
    newer = least > (profile.compute_capability or 0)
    fewer = bool(packing.platforms) and set(packing.platforms) != set(profile.platforms)
    if not newer and not fewer:
        return
    platforms = packing.platforms or profile.platforms
    words = []
    for platform in platforms:
        if platform == "cuda" and newer:
            words.append(f"NVIDIA GPUs of the {generation_name(least)} generation or newer")
        else:
            words.append(PLATFORM_LABELS[platform])
    brief = f"needs {generation_name(least)} or newer" if newer and platforms == ("cuda",) else "needs certain hardware"
    yield Finding(
        CODE,
        Severity.WARNS,
        f"With weights packed as {packing.name}, {profile.name} runs on {join_words(words)}; check that "
        "yours is among them.",
        brief,
        Confidence.MEDIUM,
    )


def _engine_on(hardware: Capability, profile: EngineProfile) -> Iterator[Finding]:
    if not set(hardware.platforms) & set(profile.platforms):
        runs_on = join_words(PLATFORM_LABELS[platform] for platform in profile.platforms)
        yield Finding(
            CODE,
            Severity.BLOCKS,
            f"{profile.name} runs on {runs_on}; this worker has {VENDOR_LABELS[hardware.vendor]}.",
            f"not on {VENDOR_LABELS[hardware.vendor].removeprefix('an ')}",
        )
        yield Finding(CODE, Severity.RECOMMENDS, "Choose an engine made for this hardware, such as llama.cpp.")
        return
    least = profile.compute_capability
    if least and _older(hardware, least):
        yield _too_old(hardware, least, profile.name)


def _packing_on(hardware: Capability, packing: Packing, profile: EngineProfile) -> Iterator[Finding]:
    if packing.platforms and not set(hardware.platforms) & set(packing.platforms):
        runs_on = join_words(PLATFORM_LABELS[platform] for platform in packing.platforms)
        yield Finding(
            CODE,
            Severity.BLOCKS,
            f"{profile.name} reads {packing.name} on {runs_on} only; this worker has {VENDOR_LABELS[hardware.vendor]}.",
            f"{packing.name} not on this GPU",
        )
        yield _other_packing()
        return
    if hardware.vendor != "nvidia":
        return
    if packing.compute_capability and _older(hardware, packing.compute_capability):
        yield _too_old(hardware, packing.compute_capability, f"{packing.name} in {profile.name}")
        yield _other_packing()
    elif packing.native and _older(hardware, packing.native):
        yield Finding(
            CODE,
            Severity.WARNS,
            f"This GPU is older than {generation_name(packing.native)}, which has {packing.name} built in: the weights "
            "are unpacked while computing, which works for most models but is slower.",
            f"{packing.name} without hardware help",
            Confidence.MEDIUM,
        )
    elif hardware.compute_capability is None and packing.compute_capability:
        yield from _told(packing, profile)


def _older(hardware: Capability, least: float) -> bool:
    return (
        hardware.vendor == "nvidia" and hardware.compute_capability is not None and hardware.compute_capability < least
    )


def _too_old(hardware: Capability, least: float, what: str) -> Finding:
    have = generation_name(hardware.compute_capability or 0)
    return Finding(
        CODE,
        Severity.BLOCKS,
        f"{what} needs an NVIDIA GPU of the {generation_name(least)} generation or newer; this one is {have}.",
        f"needs {generation_name(least)} or newer",
    )


def _other_packing() -> Finding:
    return Finding(
        CODE,
        Severity.RECOMMENDS,
        "Take the unpacked original, or a version packed in a way this GPU can read.",
    )
