"""Words of sentences that several layers write, and what people typed, as plain characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence


def or_(values: Sequence[str]) -> str:
    """``a, b or c``"""
    return ", ".join(values[:-1]) + f" or {values[-1]}" if len(values) > 1 else "".join(values)


def and_(values: Sequence[str]) -> str:
    """``a, b and c``"""
    return ", ".join(values[:-1]) + f" and {values[-1]}" if len(values) > 1 else "".join(values)


_OTHERWISE = {
    **dict.fromkeys("\N{MINUS SIGN}", "-"),
    **dict.fromkeys("\N{TRADE MARK SIGN}", "\N{TRADE MARK SIGN}"),
    **dict.fromkeys("\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}", '"'),
    **dict.fromkeys("\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}", "'"),
}
"""What NFKC would make something else of, or leave as it is."""


def plain_characters(text: str) -> str:
    """What was typed or pasted, without characters that nobody sees, and with one way to write a letter, dash or space.

    Full-width digits, ligatures and no-break spaces become what they stand for (NFKC).
    """
    return text if text.isascii() else "".join(map(_plain, text))


def _plain(character: str) -> str:
    # One at a time, as long rows of combining marks take quadratic time to order.
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    return "-" if category == "Pd" else _OTHERWISE.get(character) or unicodedata.normalize("NFKC", character)
