"""Speaks to a Hugging Face Hub; the only place that knows HTTP. No Django here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compat.hub.errors import (
    HubBadPayload,
    HubDisabled,
    HubError,
    HubFileNotFound,
    HubGated,
    HubNotFound,
    HubOffline,
    HubRateLimited,
    HubUnauthorized,
    HubUnavailable,
)
from compat.hub.payloads import HubModel, ParsedRecord, parse_record
from compat.hub.settings import HubSettings

if TYPE_CHECKING:
    from compat.hub.client import HubClient

__all__ = [
    "HubBadPayload",
    "HubClient",
    "HubDisabled",
    "HubError",
    "HubFileNotFound",
    "HubGated",
    "HubModel",
    "HubNotFound",
    "HubOffline",
    "HubRateLimited",
    "HubSettings",
    "HubUnauthorized",
    "HubUnavailable",
    "ParsedRecord",
    "parse_record",
]


def __getattr__(name: str) -> Any:
    # Most of the site reads payloads and never asks a Hub; only those who do should load an HTTP client.
    if name == "HubClient":
        from compat.hub.client import HubClient

        return HubClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
