"""From facts and a profile to a result: run the rules, weigh the findings, pick the best variant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from compat.metadata.facts import VariantFacts

from .profile import EngineProfile
from .result import CAUSES, CompatibilityResult, Confidence, Finding, Severity
from .rules import RULES

RULES_VERSION = 1
"""Raised with every change of a rule; stored verdicts of another version are judged again."""

_QUANTIZATION_ORDER = (
    "Q4_K_M Q4_K_L Q4_K_XL Q5_K_M Q5_K_L Q5_K_XL Q4_K_S Q4_K Q6_K Q6_K_L Q6_K_XL Q5_K_S Q5_K Q8_0 Q8_K_XL IQ4_XS IQ4_NL "
    "MXFP4_MOE Q4_1 Q4_0 Q5_1 Q5_0 Q3_K_L Q3_K_XL Q3_K_M IQ3_M BF16 F16 F32"
).split()
_RANK = {name: rank for rank, name in enumerate(_QUANTIZATION_ORDER)}


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict for a record on one engine: a result per variant, and which variant is the best."""

    results: tuple[CompatibilityResult, ...]
    best: int

    @property
    def result(self) -> CompatibilityResult:
        """The record's verdict: that of its best variant."""
        return self.results[self.best]


def rules_version(profile: EngineProfile) -> str:
    """What a stored verdict was made with: rules and profile."""
    return f"{RULES_VERSION}.{profile.digest}"


def judge(facts: VariantFacts, profile: EngineProfile) -> CompatibilityResult:
    """What one engine says of one variant."""
    return _result([finding for rule in RULES for finding in rule(facts, profile)])


def judge_all(variants: Sequence[VariantFacts], profile: EngineProfile) -> Judgement:
    """What one engine says of a record: every variant judged, the best one named."""
    results = tuple(judge(facts, profile) for facts in variants)
    return Judgement(results, best_of(variants, results, profile))


def best_of(variants: Sequence[VariantFacts], results: Sequence[CompatibilityResult], profile: EngineProfile) -> int:
    """The index of the best variant: surest verdict first, then the engine's preferred format, then quantization.

    Among refused variants, one that gets further through the rules is better: its cause is the one worth telling.
    """
    formats = [rule.name for rule in profile.formats]

    def rank(index: int) -> tuple[int, int, int, int, int]:
        facts, result = variants[index], results[index]
        return (
            -result.level,
            -CAUSES.index(result.cause) if result.cause in CAUSES[:-1] else 0,
            formats.index(facts.format) if facts.format in formats else len(formats),
            _RANK.get(facts.quantization or "", len(_RANK)) if facts.format == "gguf" else bool(facts.quantization),
            index,
        )

    return min(range(len(variants)), key=rank)


def _result(findings: Sequence[Finding]) -> CompatibilityResult:
    blocks = sorted(
        (finding for finding in findings if finding.severity is Severity.BLOCKS),
        key=lambda finding: CAUSES.index(finding.code),
    )
    warns = [finding for finding in findings if finding.severity is Severity.WARNS]
    supports = [finding for finding in findings if finding.severity is Severity.SUPPORTS]
    if blocks:
        confidence = Confidence.NONE
    else:
        confidence = min((f.limits for f in findings if f.limits is not None), default=Confidence.LOW)
    cause = blocks[0].code if blocks else ""
    if blocks:
        # A refused model gets only the advice that lifts its first cause, and no warning about guesses.
        findings = [f for f in findings if f.severity is not Severity.RECOMMENDS or f.code in (cause, "gated")]
        warns = [finding for finding in warns if finding.code != "guess"]
    limiting = [finding for finding in warns if finding.limits is confidence]
    shown = blocks or limiting or [finding for finding in warns if finding.brief]
    return CompatibilityResult(
        compatible=not blocks,
        confidence=confidence.word,
        reasons=tuple(finding.text for finding in (blocks or supports)),
        warnings=tuple(finding.text for finding in warns),
        recommendations=tuple(
            dict.fromkeys(finding.text for finding in findings if finding.severity is Severity.RECOMMENDS)
        ),
        cause=cause,
        brief=shown[0].brief if shown else "",
        codes=tuple(dict.fromkeys(finding.code for finding in findings)),
    )
