"""Filling the catalogue from a Hub: page by page of its list, each record completed by its ``config.json``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asgiref.sync import sync_to_async
from django.utils import timezone

from compat.hub import HubBadPayload, HubClient, HubError, HubRateLimited, HubSettings
from compat.hub.documents import Kind, Told, told
from compat.hub.payloads import parse_record
from compat.ingest import store
from compat.ingest.gguf_metadata import gguf_header_of
from compat.models import RecordDocument

log = logging.getLogger(__name__)

KEPT_FOR_LISTS = 50
"""Requests of the Hub's quota that are not spent on sizes, so that the next pages of a list can be asked for."""
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
    with_sizes: bool = False,
    whole: bool = False,
) -> Told:
    """An answer of the Hub with what is read at its commit: ``config.json``, the header of a GGUF file, files' sizes.

    Raises :class:`~compat.hub.errors.HubBadPayload` where the answer itself cannot be kept.
    """
    read = timezone.now()
    more: dict[Kind, dict[str, Any]] = {}
    if with_config and (config := await client.config_of(record)):
        more[Kind.CONFIG] = {"config": config}
    if with_header and (header := await gguf_header_of(client, record)):
        more[Kind.GGUF] = {"_gguf_header": header}
    if with_sizes and (detail := await _detail_of(client, record)):
        more[Kind.DETAIL] = detail
    return told(kind, record, read, more, whole=whole)


async def _detail_of(client: HubClient, record: dict[str, Any]) -> dict[str, Any] | None:
    """A model's own answer, which tells the sizes of its files; None where there is none of the record's commit."""
    try:
        model = parse_record(record).model
        detail = parse_record(await client.model(model.id))
    except HubError as error:
        log.info("%s comes without sizes: %s", record.get("id"), error)
        return None
    return detail.payload if (detail.model.id, detail.model.sha) == (model.id, model.sha) else None


async def fill_from_hub(
    wanted: Wanted, settings: HubSettings, progress: Callable[[int], None] | None = None
) -> tuple[store.Counts, str]:
    """Take models page by page; returns what came of it, and the Hub's error if it ended too early.

    Every page is stored before the next is asked for, also where not all could be read at its commits, so that nothing
    read is lost. What is kept of a commit already is not asked for again.
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
                items, error = await _told_of(client, wanted, page)
                counts.add(await sync_to_async(store.store_raw)(items, origin="hub", progress=progress))
                if error:
                    return counts, error
    except HubError as error:
        return counts, str(error)
    return counts, ""


async def _told_of(
    client: HubClient, wanted: Wanted, page: Sequence[dict[str, Any]]
) -> tuple[list[tuple[str, Told | HubBadPayload]], str]:
    """Every record of a page by its name, with what is to be read at its commit, or what is wrong with it.

    If the Hub fails meanwhile, the rest of the page comes without, and with the error.
    """
    read = timezone.now()
    kept = await sync_to_async(_kept)([str(item.get("id")) for item in page])
    unsized = [_place(item) for item in page if _is_packed(item) and (*_place(item), Kind.DETAIL) not in kept]
    left = client.questions_left
    sized = set(unsized if left is None else unsized[: max(0, left - KEPT_FOR_LISTS)])

    failures: list[str] = []

    async def completed(item: dict[str, Any]) -> Told | HubBadPayload:
        place = _place(item)
        try:
            return await all_told(
                client,
                Kind.LIST,
                item,
                with_config=wanted.with_config and (*place, Kind.CONFIG) not in kept,
                with_header=wanted.with_headers and (*place, Kind.GGUF) not in kept,
                with_sizes=wanted.with_config and place in sized,
            )
        except HubBadPayload as error:
            return error
        except HubRateLimited as error:
            # Others were let through before: they still get their answers.
            failures.append(str(error))
            return _row(item, read)

    tasks = [asyncio.create_task(completed(item)) for item in page]
    _, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    for task in waiting:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    items: list[tuple[str, Told | HubBadPayload]] = []
    for item, result in zip(page, results, strict=True):
        if isinstance(result, HubError) and not isinstance(result, HubBadPayload):
            failures.append(str(result))
        elif isinstance(result, BaseException) and not isinstance(result, HubBadPayload | asyncio.CancelledError):
            raise result
        whole = result if isinstance(result, Told | HubBadPayload) else _row(item, read)
        items.append((str(item.get("id", "a record without id")), whole))
    return items, next(iter(failures), "")


def _row(item: dict[str, Any], read: datetime) -> Told | HubBadPayload:
    """The row of a list by itself, or what is wrong with it."""
    try:
        return told(Kind.LIST, item, read)
    except HubBadPayload as error:
        return error


def _place(item: dict[str, Any]) -> tuple[str, str]:
    """Repository and commit."""
    return str(item.get("id")), str(item.get("sha"))


def _is_packed(item: dict[str, Any]) -> bool:
    """Whether only the sizes of a record's files tell how large its weights are: GGUF files, quantized weights."""
    files, config = item.get("siblings"), item.get("config")
    names = [file.get("rfilename") for file in files if isinstance(file, dict)] if isinstance(files, list) else []
    quantized = isinstance(config, dict) and ("quantization_config" in config or "quantization" in config)
    return quantized or any(isinstance(name, str) and name.lower().endswith(".gguf") for name in names)


def _kept(repo_ids: Sequence[str]) -> set[tuple[str, ...]]:
    """Repository, commit and kind of all documents of some repositories. One query."""
    rows = RecordDocument.objects.filter(record__repo_id__in=repo_ids).exclude(sha="")
    return set(rows.values_list("record__repo_id", "sha", "kind"))
