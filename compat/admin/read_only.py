"""What the records, verdicts and logs of the admin share: they can be looked at, not edited."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


class ReadOnly:
    """What comes from the Hub or from the rules is looked at here, never edited."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """No."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """No."""
        return False
