"""Does it run: facts x engine profile -> findings -> result. Pure Python; :func:`judge` is the way in."""

from .judge import Judgement, judge, judge_all, order_of, rules_version
from .result import CompatibilityResult, Confidence, Finding, Severity

__all__ = [
    "CompatibilityResult",
    "Confidence",
    "Finding",
    "Judgement",
    "Severity",
    "judge",
    "judge_all",
    "order_of",
    "rules_version",
]
