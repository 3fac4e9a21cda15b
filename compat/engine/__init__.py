"""Does it run: facts x engine profile -> findings -> result. Pure Python; :func:`judge` is the way in."""

from .capability import Capability
from .judge import RULES_VERSION, Judgement, judge, judge_all, order_of
from .profile import EngineProfile, ProfileError, all_profiles, default_profile, profile
from .result import CompatibilityResult, Confidence, Finding, Severity

__all__ = [
    "RULES_VERSION",
    "Capability",
    "CompatibilityResult",
    "Confidence",
    "EngineProfile",
    "Finding",
    "Judgement",
    "ProfileError",
    "Severity",
    "all_profiles",
    "default_profile",
    "judge",
    "judge_all",
    "order_of",
    "profile",
]
