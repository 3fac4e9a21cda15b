"""From facts and a profile to a result: run the rules, weigh the findings, pick the best variant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from compat.engines.gpu_capability import Capability
from compat.engines.profile import EngineProfile
from compat.extraction.facts import VariantFacts
from compat.rules import known_failures, platform, quantization
from compat.rules.order import RULES
from compat.rules.result import CAUSES, CompatibilityResult, Confidence, Finding, Severity
from compat.source_digest import digest_sources

_JUDGED_BY = (
    *("architectures", "shapes", "extraction", "engines", "rules"),
    *("engines/data/known_failures.toml", "engines/data/evidence.json"),
)
"""All that makes a verdict but the profile: the rules, the facts and tables they go by, GPU capabilities."""

_QUANTIZATION_ORDER = (  # noqa: SIM905 - a name a line would be pages
    "Q4_K_M Q4_K_L Q4_K_XL Q5_K_M Q5_K_L Q5_K_XL Q4_K_S Q4_K Q6_K Q6_K_L Q6_K_XL Q5_K_S Q5_K Q8_0 Q8_K_XL "
    "IQ4_XS IQ4_NL MXFP4_MOE Q4_1 Q4_0 Q5_1 Q5_0 Q3_K_L Q3_K_XL Q3_K_M IQ3_M BF16 F16 F32"
).split()
_CAUSE_RANK = {code: rank for rank, code in enumerate(CAUSES)}
_OF_NO_USE_TO_A_REFUSAL = frozenset({"guess", "derived", "text-only"})
_BLOCKS, _WARNS, _RECOMMENDS, _SUPPORTS = Severity.BLOCKS, Severity.WARNS, Severity.RECOMMENDS, Severity.SUPPORTS
"""Each under a name of the module: until Python 3.12 that is found in a fraction of the time."""
_RANK = {name: rank for rank, name in enumerate(_QUANTIZATION_ORDER)}


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict for a record on one engine: a result per variant, and the variants from best to worst."""

    results: tuple[CompatibilityResult, ...]
    order: tuple[int, ...]

    @property
    def best(self) -> int:
        """The index of the best variant."""
        return self.order[0]

    @property
    def result(self) -> CompatibilityResult:
        """The record's verdict: that of its best variant."""
        return self.results[self.best]


def rules_version(profile: EngineProfile) -> str:
    """What a verdict of this profile is made with, as digests of the code and tables, and of the profile.

    Stored verdicts of another version are made again; no number is raised by hand. 25 characters, a policy more.
    """
    return f"{digest_sources(*_JUDGED_BY)}.{profile.digest}"


def judge(facts: VariantFacts, profile: EngineProfile, capability: Capability | None = None) -> CompatibilityResult:
    """What one engine says of one variant; on given hardware, what that hardware lacks may refuse it too."""
    findings = [finding for rule in RULES for finding in rule(facts, profile)]
    findings += platform.check(facts, profile, capability)
    findings += known_failures.check(facts, profile, capability)
    return _result(findings)


class Bound(NamedTuple):
    """What some findings leave of a verdict: the surest it can be (None: no limit), the cause of a refusal, whether
    something speaks against it that is not certain, and whether the hardware has nothing for the packing.
    """

    limit: Confidence | None
    cause: str
    doubted: bool
    unaided: bool


def bound_without_hardware(facts: VariantFacts, profile: EngineProfile) -> Bound:
    """What the rules leave that do not look at hardware."""
    return _bound([finding for rule in RULES for finding in rule(facts, profile)])


def bound_on_hardware(facts: VariantFacts, profile: EngineProfile, capability: Capability) -> Bound:
    """What the other ones leave on given hardware. Both together are what :func:`judge` answers."""
    found = [*platform.check(facts, profile, capability), *known_failures.check(facts, profile, capability)]
    return _bound(found)


def bound_of_engine(profile: EngineProfile, capability: Capability | None) -> Bound:
    """What the engine itself leaves of every verdict on given hardware, whatever the model."""
    return _bound(list(platform.check(VariantFacts(), profile, capability)))


def _bound(findings: Sequence[Finding]) -> Bound:
    causes = [finding.code for finding in findings if finding.severity is _BLOCKS]
    limit = min((finding.limits for finding in findings if finding.limits is not None), default=None)
    doubted = any(finding.doubts for finding in findings)
    unaided = any(finding.unaided for finding in findings)
    return Bound(limit, min(causes, key=_CAUSE_RANK.__getitem__, default=""), doubted, unaided)


def judge_all(
    variants: Sequence[VariantFacts], profile: EngineProfile, capability: Capability | None = None
) -> Judgement:
    """What one engine says of a record: every variant judged, the best one first in order."""
    results = tuple(judge(facts, profile, capability) for facts in variants)
    return Judgement(results, tuple(order_of(variants, results, profile)))


def verdict_of(facts: Sequence[VariantFacts], profile: EngineProfile, version: str) -> dict[str, Any]:
    """A verdict as it is stored, but for what it is about; ``version`` is that of :func:`rules_version`."""
    judgement = judge_all(facts, profile)
    return {
        "profile": profile.slug,
        "confidence": judgement.result.level,
        "cause": judgement.result.cause,
        "best": judgement.best,
        "results": [result.as_stored() for result in judgement.results],
        "rules": version,
    }


def order_of(
    variants: Sequence[VariantFacts], results: Sequence[CompatibilityResult], profile: EngineProfile
) -> list[int]:
    """The variants from best to worst: surest verdict, then the engine's preferred format, then quantization.

    Among refused variants, one that gets further through the rules is better: its cause is the one worth telling. Best
    is one of which too little is known: it may still run.
    """
    formats = [rule.name for rule in profile.formats]

    def rank(index: int) -> tuple[int, int, int, int, int]:
        facts, result = variants[index], results[index]
        return (
            -result.sureness,
            -_CAUSE_RANK.get(result.cause, 0),
            formats.index(facts.format) if facts.format in formats else len(formats),
            _RANK.get(facts.quantization or "", len(_RANK)) if facts.format == "gguf" else bool(facts.quantization),
            index,
        )

    return sorted(range(len(variants)), key=rank)


def _result(findings: Sequence[Finding]) -> CompatibilityResult:
    blocks = [finding for finding in findings if finding.severity is _BLOCKS]
    if blocks:
        return _refusal(findings, blocks)
    reasons: list[str] = []
    warnings: list[str] = []
    advice: list[str] = []
    confidence: Confidence | None = None
    started: list[str] = []
    doubted = unaided = unoptimized = unread = False
    for code, severity, text, _, limits, doubts, bare, slow, arguments in findings:
        if severity is _SUPPORTS:
            reasons.append(text)
        elif severity is _WARNS:
            warnings.append(text)
            unread = unread or (doubts and code == quantization.CODE)
        else:
            advice.append(text)
        if limits is not None and (confidence is None or limits < confidence):
            confidence = limits
        doubted = doubted or doubts
        unaided = unaided or bare
        unoptimized = unoptimized or slow
        if arguments:
            started += arguments
    if confidence is None:
        confidence = Confidence.LOW
    return CompatibilityResult(
        compatible=True,
        confidence=confidence.word,
        reasons=tuple(reasons),
        warnings=tuple(warnings),
        recommendations=tuple(dict.fromkeys(advice)),
        brief=next((f.brief for f in findings if f.brief and f.limits is confidence), "")
        or next((f.brief for f in findings if f.brief and f.severity is _WARNS), ""),
        codes=_codes(findings),
        doubted=doubted,
        unaided=unaided,
        unoptimized=unoptimized,
        started_with=tuple(dict.fromkeys(started)) if started else (),
        unread=unread,
    )


def _refusal(findings: Sequence[Finding], blocks: list[Finding]) -> CompatibilityResult:
    """A refused model gets only the advice that lifts its first cause, and no warning about guesses."""
    blocks.sort(key=lambda finding: _CAUSE_RANK[finding.code])
    cause = blocks[0].code
    warnings = [f.text for f in findings if f.severity is _WARNS and f.code not in _OF_NO_USE_TO_A_REFUSAL]
    advice = [f.text for f in findings if f.severity is _RECOMMENDS and f.code in (cause, "gated")]
    return CompatibilityResult(
        compatible=False,
        confidence=Confidence.NONE.word,
        reasons=tuple([finding.text for finding in blocks]),
        warnings=tuple(warnings),
        recommendations=tuple(dict.fromkeys(advice)),
        cause=cause,
        brief=next((finding.brief for finding in blocks if finding.brief), ""),
        codes=_codes(findings),
    )


def _codes(findings: Sequence[Finding]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([finding.code for finding in findings]))
