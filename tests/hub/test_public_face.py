"""What ``compat.hub`` offers, and that reading payloads does not load an HTTP client."""

from __future__ import annotations

import subprocess
import sys

import pytest

import compat.hub


def test_everything_offered_is_there():
    assert sorted(compat.hub.__all__) == compat.hub.__all__
    for name in compat.hub.__all__:
        assert getattr(compat.hub, name).__module__.startswith("compat.hub.")


def test_nothing_else_is():
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = compat.hub.Nonsense


def test_payloads_come_without_an_http_client():
    code = "import sys, compat.hub, compat.hub.payloads; sys.exit('httpx' in sys.modules or 'django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
