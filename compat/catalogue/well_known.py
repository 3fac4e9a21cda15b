"""Which records are of well-known models: those that many people download, and other builds of the same models.

How often a repository is downloaded is told of few, so that a build counts by its model: one is enough that is
downloaded by many. Builds of one model go by the same name, but for the words that tell how they are packed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from compat.architectures import name_words
from compat.architectures.name_hints import without_maker
from compat.extraction.facts import Provenance
from compat.models import ModelRecord

WELL_KNOWN = 1000
"""Downloads a month from which on a model counts as well known."""
_AT_ONCE = 5000
_ALTERED = frozenset({
    *("abliterated", "abliterate", "ablated", "uncensored", "heretic", "obliterated", "decensored", "derestricted"),
    *("unfiltered", "nsfw", "roleplay", "rp", "merge", "merged", "slerp", "reap", "pruned", "crack", "distilled"),
})  # fmt: skip
"""Words of the names of models that somebody made of another one's weights: freed of refusals, merged, cut down."""
_PACKED = re.compile(
    r"gguf|ggml|mlx|awq|gptq|exl[23]|fp8|nvfp4|mxfp[48]|bf16|fp16|f16|fp4|int[348]|[2-8]bits?|w\d+a\d+|bnb|4-?bit|dwq|ud|i1"
    r"|i?q\d\w*|imatrix|quantized|dynamic|qat|hf|[kms]|xl|optiq|autoround|marlin|compressed|tensors"
)


def is_altered(name: str) -> bool:
    """Whether a name says that somebody altered another one's model."""
    return not _ALTERED.isdisjoint(name_words(name.replace(".", "-")))


def plain_name(name: str) -> str:
    """The name of the model that a record is a build of: without a maker's name before it, and without packings."""
    return "-".join(word for word in without_maker(name_words(name)) if not _PACKED.fullmatch(word))


def well_known_ids() -> list[int]:
    """The ids of the records of well-known models, the best-known model first, and of its builds the most downloaded.

    Left out are those whose number of weights is a guess, that are gone, and whose model somebody altered. Two queries.
    """
    places: dict[str, int] = {}
    owners: dict[str, str] = {}
    popular: defaultdict[str, int] = defaultdict(int)
    for name, owner, downloads in _known_names():
        popular[owner] += downloads or 0
        if not is_altered(name):
            plain = plain_name(name)
            owners.setdefault(plain, owner)
            places.setdefault(plain, len(places))
    found = []
    records = ModelRecord.objects.filter(gone="").exclude(parameters_from="").order_by()
    columns = ("id", "repo_id", "owner", "name", "parameters_from", "downloads")
    for pk, repo_id, owner, name, counted, downloads in records.values_list(*columns).iterator(_AT_ONCE):
        plain = plain_name(name)
        place = places.get(plain)
        if place is not None and not Provenance(counted).guessed and not is_altered(name):
            known = -(downloads or 0) if (downloads or 0) >= WELL_KNOWN else 0
            found.append((place, known, owner != owners[plain], -popular[owner], repo_id, pk))
    return [pk for *_, pk in sorted(found)]


def _known_names() -> Iterator[tuple[str, str, int | None]]:
    known = ModelRecord.objects.filter(downloads__gte=WELL_KNOWN).order_by("-popularity", "repo_id")
    return known.values_list("name", "owner", "downloads").iterator(_AT_ONCE)
