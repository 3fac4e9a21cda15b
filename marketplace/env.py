"""Settings from the environment: read once, refused when they make no sense."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"0", "false", "no", "off", ""})


class Environment:
    """Typed access to environment variables; ``NAME_FILE`` may name a file that holds the value."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = os.environ if values is None else values

    def text(self, name: str, default: str = "") -> str:
        """The variable's text, from ``NAME`` or the file named by ``NAME_FILE``."""
        if name in self._values:
            return self._values[name].strip()
        path = self._values.get(f"{name}_FILE")
        if path is None:
            return default
        try:
            return Path(path).read_text("utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE names {path}, which cannot be read: {error.strerror}") from None

    def flag(self, name: str, *, default: bool) -> bool:
        """A yes or no; anything else is refused."""
        value = self._values.get(name, "yes" if default else "no").strip().lower()
        if value in _YES:
            return True
        if value in _NO:
            return False
        raise ImproperlyConfigured(f"{name} is {value!r}: use true or false")

    def number(self, name: str, default: int, least: int = 0, most: int | None = None) -> int:
        """A whole number of at least ``least``, and at most ``most``."""
        value = self._values.get(name, "").strip() or str(default)
        if not value.isdecimal() or int(value) < least:
            raise ImproperlyConfigured(f"{name} is {value!r}: use a whole number of at least {least}")
        if most is not None and int(value) > most:
            raise ImproperlyConfigured(f"{name} is {value!r}: use a whole number from {least} to {most}")
        return int(value)

    def words(self, name: str, default: str = "") -> list[str]:
        """A list separated by commas."""
        return [word.strip() for word in self.text(name, default).split(",") if word.strip()]


SQLITE_OPTIONS: dict[str, Any] = {
    # A transaction that reads and then writes must not find the lock taken in between.
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": (
        "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA mmap_size=134217728;"
        "PRAGMA journal_size_limit=27103364;PRAGMA cache_size=-8000"
    ),
}


def database_settings(url: str, base: Path) -> dict[str, Any]:
    """Django's database settings from a URL: ``sqlite:///path`` or ``postgresql://user:secret@host:5432/name``."""
    parts = urlsplit(url)
    name = unquote(parts.path[1:])
    if parts.scheme == "sqlite":
        path = Path(name)
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": path if path.is_absolute() else base / path,
            "OPTIONS": dict(SQLITE_OPTIONS),
            # Workers are threads: a connection for each is kept open rather than made for each request.
            "CONN_MAX_AGE": None,
        }
    if parts.scheme in ("postgres", "postgresql"):
        if not name:
            raise ImproperlyConfigured("DATABASE_URL names no database: postgresql://user@host:5432/NAME")
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": name,
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": parts.hostname or "",
            "PORT": str(parts.port or ""),
            "CONN_MAX_AGE": 600,
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": dict(parse_qsl(parts.query)),
        }
    raise ImproperlyConfigured(f"DATABASE_URL begins with {parts.scheme!r}: use sqlite:/// or postgresql://")
