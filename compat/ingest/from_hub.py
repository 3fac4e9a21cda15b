"""Filling the catalogue from a Hub: page by page of its list, each record completed by its ``config.json``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from asgiref.sync import sync_to_async

from compat.hub import HubClient, HubError, HubSettings
from compat.ingest import store
from compat.ingest.gguf_metadata import with_gguf_header

LIST_FIELDS = (
    "author", "cardData", "config", "createdAt", "disabled", "downloads", "gated", "gguf", "lastModified",
    "library_name", "likes", "pipeline_tag", "private", "safetensors", "sha", "siblings", "tags", "trendingScore",
)  # fmt: skip
"""What is asked for each model of a list; the context length is not among what a list can tell."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which models to take: the first ``limit`` by ``sort``, narrowed by search words, author and tags."""

    limit: int
    search: str = ""
    author: str = ""
    tags: tuple[str, ...] = ()
    sort: str = "downloads"
    with_config: bool = True
    with_headers: bool = False


async def model_pages(client: HubClient, wanted: Wanted) -> AsyncIterator[list[dict[str, Any]]]:
    """Pages of records, each record completed by its ``config.json`` where it has one that can be read."""
    async for page in client.list_models(
        search=wanted.search or None,
        author=wanted.author or None,
        filter=wanted.tags,
        sort=wanted.sort,
        limit=wanted.limit,
        expand=LIST_FIELDS,
    ):
        if wanted.with_config:
            page = list(await asyncio.gather(*map(client.completed, page)))
        if wanted.with_headers:
            page = list(await asyncio.gather(*(with_gguf_header(client, item) for item in page)))
        yield page


async def fill_from_hub(
    wanted: Wanted, settings: HubSettings, progress: Callable[[int], None] | None = None
) -> tuple[store.Counts, str]:
    """Take models page by page; returns what came of it, and the Hub's error if it ended too early.

    Every page is stored before the next is asked for, so that nothing read is lost.
    """
    counts = store.Counts()
    try:
        async with HubClient(settings) as client:
            async for page in model_pages(client, wanted):
                items = [(str(_id(item)), item) for item in page]
                counts.add(await sync_to_async(store.store_raw)(items, origin="hub", progress=progress))
    except HubError as error:
        return counts, str(error)
    return counts, ""


def _id(item: Any) -> Any:
    return item.get("id", "a record without id") if isinstance(item, dict) else "something that is no record"
