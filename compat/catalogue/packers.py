"""Whose packed weights people take without a second thought: those who make models, and those who pack many well.

A maker is told by the catalogue: others say that they made theirs from one of the owner's, or the owner's are
downloaded by many. Those who only pack are named in few records, so the ones that everybody takes stand here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

PACKERS = frozenset({
    *("bartowski", "casperhansen", "city96", "cyankiwi", "ggml-org", "hugging-quants", "intel", "ista-daslab"),
    *("lmstudio-community", "lonestriker", "maziyarpanahi", "mlx-community", "mradermacher", "neuralmagic", "nvidia"),
    *("quantfactory", "quanttrio", "redhatai", "second-state", "solidrust", "techxgenus", "thebloke", "turboderp"),
    *("turboderp-org", "unsloth"),
})  # fmt: skip
"""Owners in lower case whose packings are taken everywhere."""
OFTEN_TAKEN = 100_000
"""Downloads a month of all of an owner's repositories from which on it is known."""
OFTEN_BUILT_ON = 20
"""Repositories that say they were made from an owner's from which on it is a maker."""


def trusted_owners(downloads: Iterable[tuple[str, int | None]], built_on: Iterable[tuple[str, int]]) -> Collection[str]:
    """The owners in lower case whose builds are trusted, by the downloads and by the descendants of what is theirs."""
    known = {owner.lower() for owner, count in downloads if owner and (count or 0) >= OFTEN_TAKEN}
    made = {owner.lower() for owner, count in built_on if owner and count >= OFTEN_BUILT_ON}
    return PACKERS | known | made
