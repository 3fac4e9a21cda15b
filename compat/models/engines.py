"""The engine profiles as this site runs them: what ships, with the operator's settings applied."""

from __future__ import annotations

from collections.abc import Mapping

from compat.engines import EngineProfile, all_profiles
from compat.models import EngineSetting


def engines() -> Mapping[str, EngineProfile]:
    """Every enabled profile by slug, the default first, with the site's own context policy. One query."""
    settings = {setting.slug: setting for setting in EngineSetting.objects.all()}
    found: dict[str, EngineProfile] = {}
    for slug, profile in all_profiles().items():
        setting = settings.get(slug)
        if not (setting.enabled if setting else profile.offered) and not profile.default:
            continue
        policy = setting.context_policy if setting else ""
        found[slug] = profile.with_context_policy(policy) if policy else profile
    return found


def ensure_settings() -> None:
    """Give every profile its row, so that the admin can show it; never changes one that exists."""
    rows = [EngineSetting(slug=slug, enabled=profile.offered) for slug, profile in all_profiles().items()]
    EngineSetting.objects.bulk_create(rows, ignore_conflicts=True)
