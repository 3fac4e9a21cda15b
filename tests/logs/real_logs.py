"""The real logs of ``tests/logs/data``."""

from __future__ import annotations

from pathlib import Path

DATA = Path(__file__).parent / "data"


def log(name: str) -> str:
    """The lines of one log."""
    return (DATA / f"{name}.log").read_text("utf-8")
