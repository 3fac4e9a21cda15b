"""Which of a Hub's models are taken: the question to its list, and what of the answers is meant."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from compat.hub.payloads import HubModel

LIST_FIELDS = (
    "author", "cardData", "config", "createdAt", "disabled", "downloads", "gated", "gguf", "lastModified",
    "library_name", "likes", "pipeline_tag", "private", "safetensors", "sha", "siblings", "tags", "trendingScore",
)  # fmt: skip
"""What is asked for each model of a list; the context length is not among what a list can tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The first ``limit`` models by ``sort`` (None: all there are), narrowed by all the rest.

    ``least_parameters`` and ``most_parameters`` bound the number of weights: of a model whose number the list does not
    tell, neither holds.
    """

    limit: int | None = 1000
    sort: str = "downloads"
    search: str = ""
    author: str = ""
    task: str = ""
    license: str = ""
    tags: tuple[str, ...] = ()
    least_parameters: int | None = None
    most_parameters: int | None = None
    least_downloads: int | None = None
    least_likes: int | None = None

    def key(self, endpoint: str) -> str:
        """What the next run of the same selection finds what this one left by. 32 hex digits."""
        told = json.dumps([endpoint, asdict(self)], sort_keys=True)
        return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()

    def __str__(self) -> str:
        """In words, for people: ``the 1,000 most downloaded models by Qwen``."""
        first = _ORDERS[self.sort]
        words = [f"all {first} models first" if self.limit is None else f"the {self.limit:,} {first} models"]
        words += [f"named “{self.search}”"] if self.search else []
        words += [f"by {self.author}"] if self.author else []
        words += [f"for {self.task}"] if self.task else []
        words += [f"under {self.license}"] if self.license else []
        words += [f"tagged {tag}" for tag in self.tags]
        bounds = (
            (self.least_parameters, "at least", "weights"),
            (self.most_parameters, "at most", "weights"),
            (self.least_downloads, "at least", "downloads"),
            (self.least_likes, "at least", "likes"),
        )
        words += [f"with {which} {number:,} {what}" for number, which, what in bounds if number is not None]
        return " ".join(words)

    def question(self, *, by_change: bool) -> dict[str, Any]:
        """How the Hub is asked; ``by_change`` for what was changed last first, whatever the order wanted."""
        tags = (*self.tags, *([f"license:{self.license}"] if self.license else []))
        return {
            "search": self.search or None,
            "author": self.author or None,
            "task": self.task or None,
            "filter": tags,
            "sort": "last_modified" if by_change else self.sort,
            "expand": LIST_FIELDS,
        }

    @property
    def is_whole(self) -> bool:
        """Whether the Hub's list of it is wanted to its end, whatever stands in it."""
        return self.limit is None and self.least_downloads is None and self.least_likes is None

    def takes(self, model: HubModel) -> bool:
        """Whether a model that the Hub lists is meant: what its list cannot be asked for."""
        weights = model.safetensors.count if model.safetensors else None
        if weights is None and model.gguf:
            weights = model.gguf.total
        return (
            _within(weights, self.least_parameters, self.most_parameters)
            and _within(model.downloads, self.least_downloads)
            and _within(model.likes, self.least_likes)
        )

    def ends_at(self, model: HubModel) -> bool:
        """Whether none of those that follow in the wanted order can be meant."""
        if self.sort == "downloads":
            return model.downloads is not None and not _within(model.downloads, self.least_downloads)
        return self.sort == "likes" and model.likes is not None and not _within(model.likes, self.least_likes)


_ORDERS = {
    "downloads": "most downloaded",
    "likes": "best liked",
    "trending_score": "trending",
    "last_modified": "newest changed",
}


def _within(number: int | None, least: int | None, most: int | None = None) -> bool:
    if least is None and most is None:
        return True
    return number is not None and (least is None or number >= least) and (most is None or number <= most)


def changed_before(model: HubModel, time: datetime) -> bool:
    """Whether a model was last changed before a time."""
    return model.last_modified is not None and model.last_modified < time
