"""What tables say of repositories by their ids: exact ones, or ``*`` for any ending."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class IdPatterns(Generic[T]):
    """Values by pattern. An exact id comes first, then the longest beginning."""

    def __init__(self, rows: Iterable[tuple[str, T]]) -> None:
        rows = list(rows)
        self._exact = {pattern: value for pattern, value in rows if not pattern.endswith("*")}
        self._begins = {pattern[:-1]: value for pattern, value in rows if pattern.endswith("*")}
        longest = sorted(self._begins, key=len, reverse=True)
        self._beginning = re.compile("|".join(map(re.escape, longest)))

    def find(self, repo_id: str) -> T | None:
        """The value for a repository; None where no pattern fits its id."""
        if repo_id in self._exact:
            return self._exact[repo_id]
        found = self._beginning.match(repo_id)
        return self._begins.get(found[0]) if found else None
