"""How often somebody may ask: ``300/minute``, as settings and the admin write it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_DAY = 86_400
_WRITTEN = re.compile(
    r"(\d{1,9})\s*(?:/|per\s)\s*(?:(\d{1,5})\s*)?(second|minute|hour|day)s?", re.ASCII | re.IGNORECASE
)
WANTED = "use a number and a time of at most a day, such as 300/minute or 1000/5 minutes, or off"


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``amount`` requests in any ``seconds``; both are at least 1."""

    amount: int
    seconds: int

    def __str__(self) -> str:
        unit = next(name for name, size in reversed(_UNITS.items()) if self.seconds % size == 0)
        count = self.seconds // _UNITS[unit]
        return f"{self.amount:,} per {unit}" if count == 1 else f"{self.amount:,} per {count:,} {unit}s"


def parse_rate(text: str) -> Rate | None:
    """What the text says, None for ``off``; anything else is a ValueError that says what would make sense."""
    text = text.strip()
    if text.lower() == "off":
        return None
    found = _WRITTEN.fullmatch(text)
    amount, seconds = (int(found[1]), int(found[2] or 1) * _UNITS[found[3].lower()]) if found else (0, 0)
    if not amount or not 0 < seconds <= _DAY:
        raise ValueError(WANTED)
    return Rate(amount, seconds)


def rate_setting(name: str, text: str) -> Rate | None:
    """The rate that a setting says; nonsense stops the start."""
    try:
        return parse_rate(text)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is {text[:60]!r}: {error}") from None
