"""Filling the catalogue from a Hub: page by page of its list, each record completed by its ``config.json``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from asgiref.sync import sync_to_async
from django.utils import timezone

from compat.hub import HubBadPayload, HubClient, HubError, HubSettings
from compat.hub.documents import Kind, Told, told
from compat.ingest import store
from compat.ingest.gguf_metadata import gguf_header_of
from compat.models import RecordDocument

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


async def all_told(
    client: HubClient,
    kind: Kind,
    record: dict[str, Any],
    *,
    with_config: bool = True,
    with_header: bool = True,
    whole: bool = False,
) -> Told:
    """An answer of the Hub with what is read at its commit: ``config.json``, and the header of a GGUF file.

    Raises :class:`~compat.hub.errors.HubBadPayload` where the answer itself cannot be kept.
    """
    read = timezone.now()
    config = await client.config_of(record) if with_config else None
    header = await gguf_header_of(client, record) if with_header else None
    more = {
        **({Kind.CONFIG: {"config": config}} if config else {}),
        **({Kind.GGUF: {"_gguf_header": header}} if header else {}),
    }
    return told(kind, record, read, more, whole=whole)


async def fill_from_hub(
    wanted: Wanted, settings: HubSettings, progress: Callable[[int], None] | None = None
) -> tuple[store.Counts, str]:
    """Take models page by page; returns what came of it, and the Hub's error if it ended too early.

    Every page is stored before the next is asked for, so that nothing read is lost. What is kept of a commit already is
    not asked for again.
    """
    counts = store.Counts()
    try:
        async with HubClient(settings) as client:
            async for page in client.list_models(
                search=wanted.search or None,
                author=wanted.author or None,
                filter=wanted.tags,
                sort=wanted.sort,
                limit=wanted.limit,
                expand=LIST_FIELDS,
            ):
                items = await _told_of(client, wanted, page)
                counts.add(await sync_to_async(store.store_raw)(items, origin="hub", progress=progress))
    except HubError as error:
        return counts, str(error)
    return counts, ""


async def _told_of(
    client: HubClient, wanted: Wanted, page: Sequence[dict[str, Any]]
) -> list[tuple[str, Told | HubBadPayload]]:
    """Every record of a page by its name, with what is to be read at its commit, or what is wrong with it."""
    kept = await sync_to_async(_kept)([str(item.get("id")) for item in page])

    async def one(item: dict[str, Any]) -> Told | HubBadPayload:
        place = (item.get("id"), item.get("sha"))
        try:
            return await all_told(
                client,
                Kind.LIST,
                item,
                with_config=wanted.with_config and (*place, Kind.CONFIG) not in kept,
                with_header=wanted.with_headers and (*place, Kind.GGUF) not in kept,
            )
        except HubBadPayload as error:
            return error

    found = await asyncio.gather(*map(one, page))
    return [(str(item.get("id", "a record without id")), told) for item, told in zip(page, found, strict=True)]


def _kept(repo_ids: Sequence[str]) -> set[tuple[Any, ...]]:
    """Repository, commit and kind of all documents of some repositories. One query."""
    rows = RecordDocument.objects.filter(record__repo_id__in=repo_ids).exclude(sha="")
    return set(rows.values_list("record__repo_id", "sha", "kind"))
