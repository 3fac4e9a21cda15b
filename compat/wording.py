"""Words of sentences that several layers write."""

from __future__ import annotations

from collections.abc import Sequence


def or_(values: Sequence[str]) -> str:
    """``a, b or c``"""
    return ", ".join(values[:-1]) + f" or {values[-1]}" if len(values) > 1 else "".join(values)
