"""Engine profiles: what each engine accepts, and on which hardware. Pure Python, read from strict data files."""

from .gpu_capability import Capability
from .loader import all_profiles, default_profile, profile
from .profile import EngineProfile, ProfileError

__all__ = ["Capability", "EngineProfile", "ProfileError", "all_profiles", "default_profile", "profile"]
