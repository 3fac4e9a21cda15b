"""Where a text names a processor, or the graphics inside one that no list of accelerators has."""

from __future__ import annotations

import re

_MODEL = r"(?!(?:rtx|gtx)?[1-5]0[5-9]0(?:ti)?\b)(?!\d+ ?[gt]i?b)"
"""No card follows, as in ``Ryzen 7 4070``, and no size."""
_NAMES = (
    r"(?:core\s+)?i[3579][\s-]?\d{4,5}\w{0,3}",
    r"(?:core\s+)?ultra\s+[3579]\s+\d{3}\w{0,3}",
    rf"ryzen\s+(?:threadripper\s+)?(?:pro\s+)?(?:[3579]\s+)?(?:pro\s+)?{_MODEL}\d{{4}}\w{{0,3}}",
    rf"threadripper\s+(?:pro\s+)?{_MODEL}\d{{4}}\w{{0,3}}",
    rf"epyc\s+{_MODEL}\d\w{{3,5}}",
    rf"xeon(?:\s+(?:gold|silver|platinum|bronze|w\d?|e\d))?[\s-]+{_MODEL}(?=\w*\d)\w{{4,8}}(?:\s+v\d)?",
    r"e[357]-\d{4}(?:\s?v\d)?",
    r"raspberry\s*pi(?:\s*\d\w?)?",
    r"(?:(?:processor|celeron|pentium(?:\s+(?:gold|silver))?)\s+)?n(?:9[57]|[1-3][05][05]|[3-6]\d{3})",
    r"celeron|pentium",
    r"(?:ryzen|(?:core\s+)?ultra)\s+[3579]",
    r"(?:core\s+)?i[3579]",
    r"ryzen\s+ai\s+[3579]\s+(?:hx\s+|pro\s+)*\d{3}",
    r"xeon|epyc|threadripper|ryzen(?!\s+ai\b)",
    r"[1-9]\d[05]0x(?:3d)?",
    r"1[0-4]\d{3}(?:kf?|f|ks)",
)
PROCESSOR = re.compile(
    r"\b(?:(?:[1248] ?x|dual|two)\s*)?(?:(?:intel|amd)\s+)?"
    rf"(?:{'|'.join(_NAMES)})\b(?:\s+\d{{1,3}}-core)?(?:\s+processor)?",
    re.IGNORECASE,
)
"""A processor, with how many of it."""
INTEGRATED = re.compile(
    r"\b(?:(?:intel\s+)?iris(?:\s+(?:xe|plus|pro))?|(?:intel\s+)?uhd|intel\s+hd|hd(?=\s+graphics))(?:\s+graphics)?"
    r"(?:\s+\d{3,4})?\b|\b(?:radeon\s+)?(?:rx\s+)?vega\s+(?:3|6|7|8|10|11)\b(?:\s+graphics)?"
    r"|\b(?:amd\s+)?radeon\s+graphics\b",
    re.IGNORECASE,
)
"""Graphics inside a processor."""
