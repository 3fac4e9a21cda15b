"""How sure a verdict can be: the levels, their names in the API, and the words on a badge."""

from __future__ import annotations

from enum import IntEnum


class Confidence(IntEnum):
    """How sure a verdict is. ``NONE`` exactly when the model is not compatible."""

    NONE = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3

    @property
    def word(self) -> str:
        """The name in the API: ``high``, ``medium``, ``low``, ``none``."""
        return ("none", "low", "medium", "high")[self]

    @property
    def badge(self) -> str:
        """The words on a badge."""
        return ("Won't run", "Might run", "Should run", "Runs")[self]
