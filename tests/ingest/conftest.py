"""What tests of filling the catalogue share."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compat.hub import HubSettings

NO_WAITING = {"backoff": 0.001, "max_attempts": 2, "total_timeout": 5.0}


@pytest.fixture
def at(settings):
    """The site asks the Hub given."""

    def point(hub, **changes):
        settings.HUB = replace(HubSettings(endpoint=hub.url, **NO_WAITING), **changes)

    return point
