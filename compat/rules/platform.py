"""Does the hardware do what the engine, the format and the packing ask of it?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from compat.architectures import architecture_of
from compat.engines.gpu_capability import (
    KIND_LABELS,
    PLATFORM_LABELS,
    VENDOR_LABELS,
    Capability,
    amd_generation_name,
    generation_name,
)
from compat.engines.profile import EngineProfile, Experimental, FormatRule, Packing, join_words
from compat.extraction.extract import format_label
from compat.extraction.facts import Provenance, VariantFacts
from compat.rules import advice, known_failures
from compat.rules.guesses import as_far_as_told
from compat.rules.result import Confidence, Finding, Severity
from compat.wording import or_

CODE = "platform"


def check(facts: VariantFacts, profile: EngineProfile, hardware: Capability | None) -> Iterator[Finding]:
    """Known hardware is held against the needs and may block; unknown hardware only gets told of them."""
    rule, packing = _bound_format_of(facts, profile), _packing_of(facts, profile)
    if hardware is None:
        if rule is not None:
            yield _told_format(rule, profile)
        if packing is not None:
            yield from _told(packing, profile, mixture=_is_mixture(facts))
        return
    yield from _engine_on(hardware, profile)
    if rule is not None:
        yield from _format_on(hardware, rule, profile)
    if packing is not None:
        yield from as_far_as_told(_packing_on(hardware, packing, profile, mixture=_is_mixture(facts)), facts)
    if _is_packed(facts) and (packing is None or not packing.platforms) and _is_unexplored(hardware, profile):
        yield _untold_there(hardware, facts.quantization or "", profile)


def depends_on_hardware(facts: VariantFacts, profile: EngineProfile) -> bool:
    """Whether hardware may change the answer to these facts, beyond what the engine asks of it for any model."""
    return (
        _packing_of(facts, profile) is not None
        or _bound_format_of(facts, profile) is not None
        or (profile.experimental is not None and not profile.experimental.like and _is_packed(facts))
        or known_failures.depends_on_hardware(facts, profile)
    )


def facts_for_hardware(facts: VariantFacts) -> VariantFacts:
    """What of the facts is held against hardware, here and by what is known to fail; nothing else is told in it."""
    origin = facts.quantization_from
    return VariantFacts(
        architecture=facts.architecture,
        format=facts.format,
        quantization=None if origin is Provenance.CONTRADICTED else facts.quantization,
        quantization_from=origin if origin.guessed and origin is not Provenance.CONTRADICTED else Provenance.UNKNOWN,
        scheme=facts.scheme,
        sharded=facts.sharded,
    )


def _is_mixture(facts: VariantFacts) -> bool:
    return architecture_of(facts.architecture or "").mixture


def _bound_format_of(facts: VariantFacts, profile: EngineProfile) -> FormatRule | None:
    """How the engine loads the format, where it does so on some of its platforms only."""
    rule = profile.format(facts.format or "")
    return rule if rule is not None and rule.platforms else None


def _packing_of(facts: VariantFacts, profile: EngineProfile) -> Packing | None:
    """How weights are packed, as far as an engine's profile knows it; None for plain weights and GGUF files."""
    if _is_packed(facts) and not profile.criteria:
        return profile.packing(facts.quantization or "", facts.scheme)
    return None


def _is_packed(facts: VariantFacts) -> bool:
    """Whether weights are told to be packed, other than in a GGUF file."""
    contradicted = facts.quantization_from is Provenance.CONTRADICTED
    return bool(facts.quantization) and facts.format != "gguf" and not contradicted


def _named(platforms: Iterable[str]) -> str:
    return join_words(PLATFORM_LABELS[platform] for platform in platforms)


def _told_format(rule: FormatRule, profile: EngineProfile) -> Finding:
    runs_on = _named(rule.platforms)
    return Finding(
        CODE,
        Severity.WARNS,
        f"{profile.name} loads {format_label(rule.name)} files on {runs_on} only; check that yours is among them.",
        f"{runs_on} only",
        Confidence.MEDIUM,
    )


def _format_on(hardware: Capability, rule: FormatRule, profile: EngineProfile) -> Iterator[Finding]:
    if set(hardware.platforms) & set(rule.platforms):
        return
    runs_on = _named(rule.platforms)
    label = format_label(rule.name)
    yield Finding(
        CODE,
        Severity.BLOCKS,
        f"{profile.name} loads {label} files on {runs_on} only; this worker has {VENDOR_LABELS[hardware.vendor]}.",
        f"{label} on {runs_on} only",
    )
    others = [format_label(other.name) for other in profile.formats if not other.platforms]
    if others:
        yield Finding(CODE, Severity.RECOMMENDS, f"Look for a {or_(others)} version of this model.")


def _told(packing: Packing, profile: EngineProfile, *, mixture: bool) -> Iterator[Finding]:
    """What a packing needs beyond what the engine needs anyway."""
    least = packing.least(mixture=mixture) or 0
    newer, processor = least > (profile.compute_capability or 0), packing.of_processor(mixture=mixture)
    platforms = packing.runs_on(mixture=mixture) or profile.platforms
    fewer = set(platforms) != set(profile.platforms)
    if not newer and not fewer and packing.below is None and not packing.gfx and not packing.processor:
        return
    words = [_condition(platform, packing, least if newer else 0, processor) for platform in platforms]
    brief = f"needs {generation_name(least)} or newer" if newer and platforms == ("cuda",) else "needs certain hardware"
    yield Finding(
        CODE,
        Severity.WARNS,
        f"With weights packed as {packing.name}, {profile.name} runs on {join_words(words)}; check that "
        "yours is among them.",
        brief,
        Confidence.MEDIUM,
    )


def _condition(platform: str, packing: Packing, least: float, processor: str) -> str:
    """What of a platform a packing runs on, in words; ``least`` 0 is what the engine asks anyway."""
    if platform == "cpu" and processor:
        return f"{PLATFORM_LABELS[platform]}, with {processor}"
    if platform == "cuda" and packing.below is not None:
        return f"NVIDIA GPUs older than {generation_name(packing.below)}"
    if platform == "cuda" and least:
        return f"NVIDIA GPUs of the {generation_name(least)} generation or newer"
    if platform == "rocm" and packing.gfx:
        return "AMD's " + or_([amd_generation_name(gfx) for gfx in packing.gfx])
    return PLATFORM_LABELS[platform]


def _experimental_on(hardware: Capability, profile: EngineProfile) -> Experimental | None:
    """What tells that the engine might run on this hardware, which is none of its own; None where nothing does."""
    tried = profile.experimental
    own = set(hardware.platforms) & set(profile.platforms)
    return tried if tried is not None and not own and tried.platform in hardware.platforms else None


def _is_unexplored(hardware: Capability, profile: EngineProfile) -> bool:
    """Whether the engine might run on this hardware, and nothing tells with which of its own platforms' code."""
    tried = _experimental_on(hardware, profile)
    return tried is not None and not tried.like


def _untold_there(hardware: Capability, label: str, profile: EngineProfile) -> Finding:
    text = f"That {profile.name} reads weights packed as {label} on {VENDOR_LABELS[hardware.vendor]}, nothing tells."
    return Finding(CODE, Severity.WARNS, text, f"{label} unsure there", Confidence.LOW, doubts=True)


def _engine_on(hardware: Capability, profile: EngineProfile) -> Iterator[Finding]:
    tried = _experimental_on(hardware, profile)
    if tried is not None:
        label = PLATFORM_LABELS[tried.platform]
        yield Finding(CODE, Severity.WARNS, f"{tried.note}.", f"experimental on {label}", Confidence.LOW)
        return
    if not set(hardware.platforms) & set(profile.platforms):
        runs_on = _named(profile.platforms)
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
    for doubt in profile.doubts:
        if doubt.concerns(hardware):
            yield Finding(CODE, Severity.WARNS, f"{doubt.note}. See {doubt.report}.", doubt.brief, doubt.limit)
    if _lacks(hardware, profile.gfx) and "vulkan" not in profile.platforms:
        have = amd_generation_name(hardware.gfx or "")
        yield Finding(
            CODE,
            Severity.BLOCKS,
            f"{profile.name} is not built for this AMD GPU's generation, {have}.",
            f"not built for {hardware.gfx}",
        )
        yield Finding(CODE, Severity.RECOMMENDS, "Choose an engine that runs through Vulkan, such as llama.cpp.")


def _packing_on(hardware: Capability, packing: Packing, profile: EngineProfile, *, mixture: bool) -> Iterator[Finding]:
    what = f"{packing.name} in {profile.name}"
    platforms = packing.runs_on(mixture=mixture)
    least = packing.least(mixture=mixture)
    tried = _experimental_on(hardware, profile)
    there = {tried.platform, tried.like} if tried is not None else set(hardware.platforms)
    if tried is not None and tried.like == "cpu" and packing.of_processor(mixture=mixture):
        needed = packing.of_processor(mixture=mixture)
        text = f"{what} needs {needed}; this worker has {VENDOR_LABELS[hardware.vendor]}."
        yield Finding(CODE, Severity.BLOCKS, text, f"{packing.name} not on {advice.device(hardware)}")
        yield advice.for_hardware(hardware)
    elif platforms and not there & set(platforms):
        yield _not_on(hardware, platforms, packing, profile)
        yield advice.for_hardware(hardware)
    elif _lacks(hardware, packing.gfx):
        needed = or_([amd_generation_name(gfx) for gfx in packing.gfx])
        have = amd_generation_name(hardware.gfx or "")
        yield Finding(
            CODE,
            Severity.BLOCKS,
            f"{what} needs AMD's {needed}; this GPU is {have}.",
            f"{packing.name} not on {advice.device(hardware)}",
        )
        yield advice.for_hardware(hardware)
    elif least and _older(hardware, least):
        more = mixture and least != packing.compute_capability
        yield _too_old(hardware, least, f"{what}, with the weights of a mixture of experts," if more else what)
        yield advice.for_hardware(hardware)
    elif packing.below and hardware.compute_capability and hardware.compute_capability >= packing.below:
        have = generation_name(hardware.compute_capability)
        yield Finding(
            CODE,
            Severity.BLOCKS,
            f"{what} runs on NVIDIA GPUs older than {generation_name(packing.below)} only; this one is {have}.",
            f"{packing.name} not on {have}",
        )
        yield advice.for_hardware(hardware)
    elif there & set(packing.unsure):
        yield _unsure_on(hardware, packing, there)
    elif packing.native and _older(hardware, packing.native):
        native = generation_name(packing.native)
        yield _unpacked(f"This GPU is older than {native}, the first with hardware for {packing.name}", packing)
    elif _lacks(hardware, packing.native_gfx):
        yield _on_another_generation(packing)
    elif hardware.vendor == "cpu" and packing.of_processor(mixture=mixture):
        yield _on_some_processors(packing, what, mixture=mixture)
    elif tried is None and packing.native_platforms and not set(hardware.platforms) & set(packing.native_platforms):
        yield _unpacked(f"There is no hardware for {packing.name} in {KIND_LABELS[hardware.vendor]}", packing)
    elif hardware.vendor == "nvidia" and hardware.compute_capability is None and packing.compute_capability:
        yield from _told(packing, profile, mixture=mixture)


def _not_on(hardware: Capability, platforms: Iterable[str], packing: Packing, profile: EngineProfile) -> Finding:
    experts = " of mixtures of experts" if platforms != packing.platforms else ""
    return Finding(
        CODE,
        Severity.BLOCKS,
        f"{profile.name} reads {packing.name}{experts} on {_named(platforms)} only; this worker has "
        f"{VENDOR_LABELS[hardware.vendor]}.",
        f"{packing.name} not on {advice.device(hardware)}",
    )


def _on_another_generation(packing: Packing) -> Finding:
    having = " and ".join(amd_generation_name(gfx) for gfx in packing.native_gfx)
    if packing.elsewhere:
        text = f"This GPU is not one of AMD's {having}: {packing.elsewhere}."
        return Finding(CODE, Severity.WARNS, text, f"{packing.name} unsure on this GPU", Confidence.LOW)
    return _unpacked(f"This GPU is not one of AMD's {having}, which have hardware for {packing.name}", packing)


def _unsure_on(hardware: Capability, packing: Packing, there: Iterable[str]) -> Finding:
    reason = next(packing.unsure[platform] for platform in there if platform in packing.unsure)
    text = f"This worker has {VENDOR_LABELS[hardware.vendor]}: {reason}."
    return Finding(CODE, Severity.WARNS, text, f"{packing.name} unsure there", Confidence.LOW)


def _on_some_processors(packing: Packing, what: str, *, mixture: bool) -> Finding:
    needed = packing.of_processor(mixture=mixture)
    experts = ", with the weights of a mixture of experts," if needed != packing.processor else ""
    return Finding(
        CODE,
        Severity.WARNS,
        f"On a processor {what}{experts} needs {needed}; check that yours has it.",
        "needs certain processors",
        Confidence.MEDIUM,
    )


def _older(hardware: Capability, least: float) -> bool:
    return (
        hardware.vendor == "nvidia" and hardware.compute_capability is not None and hardware.compute_capability < least
    )


def _lacks(hardware: Capability, generations: tuple[str, ...]) -> bool:
    """Whether this is an AMD GPU of a known generation that is not among them; none means all."""
    return bool(generations) and hardware.gfx is not None and hardware.gfx not in generations


def _unpacked(why: str, packing: Packing) -> Finding:
    return Finding(
        CODE,
        Severity.WARNS,
        f"{why}: the weights are unpacked while computing, which works for most models but is slower.",
        f"{packing.name} without hardware help",
        Confidence.MEDIUM,
        unaided=True,
    )


def _too_old(hardware: Capability, least: float, what: str) -> Finding:
    have = generation_name(hardware.compute_capability or 0)
    return Finding(
        CODE,
        Severity.BLOCKS,
        f"{what} needs an NVIDIA GPU of the {generation_name(least)} generation or newer; this one is {have}.",
        f"needs {generation_name(least)} or newer",
    )
