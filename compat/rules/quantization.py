"""Can the engine read weights packed this way?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compat.architectures import architecture_of
from compat.engines.evidence import sureness
from compat.engines.profile import EngineProfile, Packing, join_words
from compat.extraction.facts import Provenance, VariantFacts
from compat.extraction.quantization import CLOSING, MLX, PACKED, SHARED_NAMES, VAGUE
from compat.rules import advice
from compat.rules.guesses import as_far_as_told, packing_brief, unclear_brief
from compat.rules.result import Confidence, Finding, Severity

CODE = "quantization"
_MANY, _TOO_MANY = 6, 30
_OF_BITSANDBYTES = frozenset({"4-bit", "8-bit"})
"""The widths that bitsandbytes packs in."""
_OF_INTEGERS = ("GPTQ", "AWQ", "compressed-tensors", "AutoRound", "bitsandbytes", "Quark", "torchao", "HQQ", "MLX")
"""The methods of which one may have packed what only a width is told of."""
_SECOND_HAND = frozenset({Provenance.TAG, Provenance.LIST, Provenance.NAME})
"""What tells a width well enough to doubt it, and not to refuse it: names round averages, and lists go by names."""

_TOLD_BY = {
    Provenance.RELATIVES: "its relatives",
    Provenance.RELATIVE: "a relative",
    Provenance.PACKING: "its packing",
    Provenance.KNOWN: "a known model",
    Provenance.LIST: "a list",
    Provenance.NAME: "its name",
}
"""What tells a packing where nothing of the model itself does, in the few words of a badge."""


def check(facts: VariantFacts, profile: EngineProfile) -> Iterator[Finding]:
    """GGUF labels against the engine's types, other packings against its methods."""
    if profile.criteria:
        yield from _unexamined(facts, profile)
    elif facts.format == "gguf":
        yield from _gguf(facts, profile)
    elif facts.quantization and facts.format is not None:
        yield from as_far_as_told(_packed(facts, profile, facts.quantization), facts)


def _unexamined(facts: VariantFacts, profile: EngineProfile) -> Iterator[Finding]:
    """Criteria that accept a format and say nothing of what is packed inside."""
    if facts.format != "safetensors" or not facts.quantization:
        return
    yield Finding(
        CODE,
        Severity.WARNS,
        f"The weights are packed with {facts.quantization} ({facts.quantization_from.label}); "
        f"{profile.name}'s criteria were tested on plain 16-bit weights and do not look at packing.",
        packing_brief(facts.quantization, f"{facts.quantization} packing untested"),
    )
    yield Finding(CODE, Severity.RECOMMENDS, "The unpacked original of this model is the surer choice.")


def _gguf(facts: VariantFacts, profile: EngineProfile) -> Iterator[Finding]:
    types, label = profile.gguf_types, facts.quantization
    if types is None or profile.format("gguf") is None:
        return
    if label is None:
        if types.note:
            yield Finding(
                CODE,
                Severity.WARNS,
                f"The file's quantization is not told, and {types.note}.",
                "quantization not told",
                Confidence.LOW,
            )
        return
    if label in types.accepted:
        return
    if label in types.doubtful:
        yield Finding(
            CODE,
            Severity.WARNS,
            f"{label} files mix several types, and {types.note}.",
            f"{label} mix",
            Confidence.LOW,
        )
        return
    yield Finding(
        CODE,
        Severity.BLOCKS,
        f"{profile.name} does not read the quantization {label}.",
        f"{label} quantization",
    )
    yield Finding(CODE, Severity.RECOMMENDS, "Take a Q4_K_M or Q8_0 file of this model.")


def _packed(facts: VariantFacts, profile: EngineProfile, label: str) -> Iterator[Finding]:
    if facts.quantization_from is Provenance.CONTRADICTED:
        text = (
            f"Its name tells of weights packed with {label}, and its config.json, which was read whole, of no packing: "
            f"whether {profile.name} reads them depends on which is right."
        )
        yield Finding(CODE, Severity.WARNS, text, unclear_brief(label), Confidence.LOW)
        return
    packing = profile.packing(label, facts.scheme)
    if label == MLX and packing is not None and packing.refused:
        packing = None  # made for MLX, and perhaps not packed at all
    told = f"{label}{_by(facts.scheme)} ({facts.quantization_from.label})"
    refused = _why_refused(packing, facts.architecture) if packing is not None else ""
    guessed = facts.architecture_from.guessed and packing is not None and not packing.refused
    second_hand = facts.quantization_from in _SECOND_HAND
    unclear = _by_an_unknown_writer(facts, profile, label) if second_hand and (refused or packing is None) else None
    if unclear is not None:
        yield unclear
        return
    if packing is None:
        closes = facts.scheme == CLOSING
        makers = ("MLX", "bitsandbytes") if label in _OF_BITSANDBYTES else ("MLX",)
        if label in VAGUE and (profile.packings or label == MLX) and not (closes and not _reads_any(profile, makers)):
            # Names that close so are MLX's wherever more was told.
            doubts = not _reads_any(profile, makers[:1] if closes else _OF_INTEGERS)
            text, brief = _unclear(label, profile), unclear_brief(label)
            yield Finding(CODE, Severity.WARNS, text, brief, Confidence.LOW, doubts)
            return
        read = dict.fromkeys(packing.name for packing in profile.packings if not packing.refused)
        names = [name for name in read if name.partition(" ")[0] not in read or " " not in name]
        if not names:
            reads = "it takes plain weights only"
        elif len(names) > _MANY:
            reads = "that is not one of the methods it knows"
        else:
            reads = f"it reads {join_words(names)}"
        yield Finding(
            CODE,
            Severity.BLOCKS,
            f"The weights are packed with {told}; {profile.name} cannot read that: {reads}.",
            packing_brief(label, f"{label} packing"),
        )
        yield advice.for_engine(profile)
        return
    method = MLX if label.startswith(f"{MLX} ") else label
    if packing.refused and packing.name != method and second_hand:
        text = (
            f"The weights are told to be packed with {told}, which was not read from the model's own files: if it is "
            f"right, {profile.name} does not load that: {refused}."
        )
        yield Finding(CODE, Severity.WARNS, text, unclear_brief(label), Confidence.LOW, doubts=True)
        return
    if refused and guessed:
        text = f"The weights are packed with {told}; if it is {facts.architecture}, {profile.name} does not load that."
        yield Finding(CODE, Severity.WARNS, text, unclear_brief(label), Confidence.LOW, doubts=True)
        return
    if refused:
        text = f"The weights are packed with {told}; {profile.name} does not load that: {refused}."
        yield Finding(CODE, Severity.BLOCKS, text, packing_brief(label, f"{label} packing"))
        yield advice.for_engine(profile)
        return
    yield _reads(facts, profile, packing, told)


def _reads(facts: VariantFacts, profile: EngineProfile, packing: Packing, told: str) -> Finding:
    """That an engine reads a packing, no surer than its profile and what told the packing are."""
    label = facts.quantization or ""
    limit, brief = packing.confidence, packing.brief
    if limit is Confidence.LOW:
        brief = brief or f"{label} packing unsure"
    sure = sureness(CODE, facts.quantization_from)
    if sure is not None:
        # The measure is of safetensors; MLX's own names were right in all cases but two.
        tried = facts.format == "safetensors" and not label.startswith(MLX)
        sure = sure if tried else Confidence.MEDIUM
        limit = min(limit, sure)
        brief = f"{label} told by {_TOLD_BY[facts.quantization_from]} alone" if sure is Confidence.LOW else brief
    note = f" ({packing.note})" if packing.note else ""
    text = f"{profile.name} reads weights packed with {told}{note}."
    experimental, slow = packing.experimental, packing.unoptimized
    return Finding(CODE, Severity.SUPPORTS, text, brief, limit, doubts=experimental, unoptimized=slow)


def _reads_any(profile: EngineProfile, methods: Sequence[str]) -> bool:
    found = map(profile.packing, methods)
    return any(packing is not None and not packing.refused for packing in found)


def _why_refused(packing: Packing, architecture: str | None) -> str:
    """Why an engine does not load a packing that it knows, for this architecture; empty where it does."""
    if architecture in packing.excepted:
        return f"it does not read that for {architecture}"
    known = architecture_of(architecture or "")
    if packing.dense_alone and known.mixture:
        return "it does not read that for mixtures of experts"
    if packing.experts_alone and known.dense:
        return packing.note or "it reads that for mixtures of experts alone"
    if packing.architectures and architecture not in packing.architectures:
        many = len(packing.architectures) > _TOO_MANY and packing.note
        return many or f"it reads that for {join_words(sorted(packing.architectures))} only"
    return packing.refused


_MODELS_AS_WELL = frozenset({"BitNet"})
"""Packings whose names are of models too, which are published in plain numbers as well."""
_NUMBERS = frozenset({"NVFP4", "MXFP4", "MXFP8", "FP8", "W4AFP8", "W4A8", "W8A8", "W4A16", "W8A16"})
_WRITERS = ("compressed-tensors", "ModelOpt", "Quark", "AutoRound")
"""Methods that hold numbers of several kinds; a name tells the numbers, and not who wrote them."""


def _by_an_unknown_writer(facts: VariantFacts, profile: EngineProfile, told: str) -> Finding | None:
    """That a name tells numbers which the engine reads of some writers, or a model that may not be packed; None where
    the engine reads it of nobody."""
    if told in _MODELS_AS_WELL:
        text = (
            f"The weights are told to be {told} ({facts.quantization_from.label}), as models are called whose weights "
            f"may be plain numbers too: {profile.name} does not read packed ones."
        )
        return Finding(CODE, Severity.WARNS, text, unclear_brief(told), Confidence.LOW, doubts=True)
    if told in SHARED_NAMES:
        found = {"compressed-tensors": profile.packing("compressed-tensors")}
    else:
        found = {writer: profile.packing(writer, told) for writer in _WRITERS if told in _NUMBERS}
    read = {writer: packing for writer, packing in found.items() if packing is not None}
    writers = [writer for writer, packing in read.items() if not _why_refused(packing, facts.architecture)]
    if not writers:
        return None
    text = (
        f"The weights are told to be {told} ({facts.quantization_from.label}), and not by whom they were packed: "
        f"{profile.name} reads those of {join_words(writers)}."
    )
    return Finding(CODE, Severity.WARNS, text, unclear_brief(told), Confidence.LOW)


def _by(scheme: str | None) -> str:
    return f", by {CLOSING} as names that close so are," if scheme == CLOSING else ""


def _unclear(label: str, profile: EngineProfile) -> str:
    if label == MLX:
        return (
            f"The weights were made for MLX, and nothing tells whether they are packed: {profile.name} can only read "
            "those that are not."
        )
    packed = "The weights are packed" if label == PACKED else f"The weights are packed ({label})"
    return (
        f"{packed} by a method that is not told: whether {profile.name} reads it depends on "
        "the method, which only config.json tells."
    )
