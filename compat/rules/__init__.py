"""Does it run: facts x engine profile -> findings -> result. Pure Python; :func:`judge` is the way in."""

from .judge import RULES_VERSION, Judgement, judge, judge_all, order_of
from .result import CompatibilityResult, Confidence, Finding, Severity

__all__ = [
    "RULES_VERSION",
    "CompatibilityResult",
    "Confidence",
    "Finding",
    "Judgement",
    "Severity",
    "judge",
    "judge_all",
    "order_of",
]
