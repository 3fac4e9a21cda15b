"""The engine profiles as this site runs them: what ships, with the operator's settings applied."""

from __future__ import annotations

from collections.abc import Mapping

from compat.engines import EngineProfile, all_profiles
from compat.models import EngineSetting
from compat.models.composed import ComposedQuery

_SETTINGS = ComposedQuery(lambda: EngineSetting.objects.values_list("slug", "enabled", "context_policy"))


def engines() -> Mapping[str, EngineProfile]:
    """Every enabled profile by slug, the default first, with the site's own context policy. One query."""
    settings = {slug: (enabled, policy) for slug, enabled, policy in _SETTINGS.rows()}
    found: dict[str, EngineProfile] = {}
    for slug, profile in all_profiles().items():
        enabled, policy = settings.get(slug, (profile.offered, ""))
        if not enabled and not profile.default:
            continue
        found[slug] = profile.with_context_policy(policy) if policy else profile
    return found


def ensure_settings() -> None:
    """Give every profile its row, so that the admin can show it; never changes one that exists."""
    rows = [EngineSetting(slug=slug, enabled=profile.offered) for slug, profile in all_profiles().items()]
    EngineSetting.objects.bulk_create(rows, ignore_conflicts=True)
