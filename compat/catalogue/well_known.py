"""Which records are of well-known models: those that many people download, and other builds of the same models.

How often a repository is downloaded is told of few, so that a build counts by its model (see
:mod:`compat.catalogue.builds`): one is enough that is downloaded by many.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from compat.architectures import name_words
from compat.extraction.facts import Provenance

WELL_KNOWN = 1000
"""Downloads a month from which on a model counts as well known."""
_ALTERED = frozenset({
    *("abliterated", "abliterate", "ablated", "uncensored", "heretic", "obliterated", "decensored", "derestricted"),
    *("unfiltered", "nsfw", "roleplay", "rp", "merge", "merged", "slerp", "reap", "pruned", "crack", "distilled"),
})  # fmt: skip
"""Words of the names of models that somebody made of another one's weights: freed of refusals, merged, cut down."""


def is_altered(name: str) -> bool:
    """Whether a name says that somebody altered another one's model."""
    return not _ALTERED.isdisjoint(name_words(name.replace(".", "-")))


@dataclass(frozen=True, slots=True)
class Build:
    """What of a record tells whether it is of a well-known model.

    ``model`` is the number of its model, ``place`` its own among the best known, ``counted`` where its number of
    weights is from.
    """

    repo_id: str
    model: int
    place: int
    downloads: int | None
    counted: str
    gone: str

    @property
    def often(self) -> int:
        """Its downloads a month, where they are many; else 0."""
        return self.downloads if self.downloads is not None and self.downloads >= WELL_KNOWN else 0


def well_known(builds: Sequence[Build]) -> list[int]:
    """The places in the sequence of the builds of well-known models, the best-known model first.

    Of its builds the most downloaded comes first, then those of the best-known build's owner and of owners whose
    builds many download. Left out are those whose number of weights is a guess, that are gone, and whose model somebody
    altered.
    """
    best: dict[int, Build] = {}
    popular: defaultdict[str, int] = defaultdict(int)
    plain = [(at, one) for at, one in enumerate(builds) if not is_altered(one.repo_id.rpartition("/")[2])]
    for _, one in plain:
        popular[_owner(one)] += one.often
        known = best.get(one.model)
        if one.often and (known is None or one.place < known.place):
            best[one.model] = one
    found = []
    for at, one in plain:
        known = best.get(one.model)
        if known is not None and not one.gone and one.counted and not Provenance(one.counted).guessed:
            owner = _owner(one)
            found.append((known.place, -one.often, owner != _owner(known), -popular[owner], one.repo_id, at))
    return [at for *_, at in sorted(found)]


def _owner(build: Build) -> str:
    return build.repo_id.rpartition("/")[0]
