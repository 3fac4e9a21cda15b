"""The site's icons and badges without its static files' addresses: an exported page finds the icon sheet by itself."""

from __future__ import annotations

from functools import cache

from django.utils.html import format_html
from django.utils.safestring import SafeString

from compat.engine import CompatibilityResult, Confidence
from marketplace.show import verdict_class, verdict_word

from .catalogue import CAUSE_CODES, OTHER_CAUSE

SPRITE = '<use href="@sprite#'
"""Stands for the icon sheet's address, which differs with a page's depth. No text can hold it: quotes are escaped."""


@cache
def icon(name: str, size: int = 18) -> SafeString:
    """One icon of the sheet, hidden from screen readers."""
    return SafeString(
        format_html('<svg class="icon" width="{0}" height="{0}" aria-hidden="true">', size)
        + SafeString(SPRITE)
        + format_html('{}"/></svg>', name)
    )


@cache
def badge_of(kind: str, word: str) -> SafeString:
    """A badge by its class and word."""
    return format_html('<span class="badge {}">{}{}</span>', kind, icon(kind, 15), word)


def badge(result: CompatibilityResult) -> SafeString:
    """A verdict's badge: shape, colour and word."""
    return badge_of(verdict_class(result), verdict_word(result))


CODES: dict[str, tuple[str, str, str]] = {
    **{str(int(level)): (f"v-{level.word}", level.badge, "") for level in reversed(Confidence) if level},
    **{code: ("v-none", Confidence.NONE.badge, cause) for cause, code in CAUSE_CODES.items()},
    OTHER_CAUSE: ("v-none", Confidence.NONE.badge, ""),
    CAUSE_CODES["unknown"]: ("v-unknown", "Unknown", "too few facts"),
}
"""What each character of a verdict string stands for: class, word, and short cause."""
