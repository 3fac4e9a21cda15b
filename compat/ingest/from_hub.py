"""Filling the catalogue from a Hub: page by page of its list, each record completed by what is read at its commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asgiref.sync import sync_to_async
from django.utils import timezone

from compat.hub import HubBadPayload, HubClient, HubError, HubRateLimited, HubSettings
from compat.hub.documents import Kind, Told, kept_record, merged, told, with_more
from compat.hub.payloads import parse_record
from compat.ingest import store
from compat.ingest.file_tree import lacks_sizes, tree_of
from compat.ingest.gguf_metadata import file_to_read, gguf_header_of
from compat.ingest.safetensors_metadata import MOST_SHARDS, files_to_read, needs_headers, safetensors_headers_of
from compat.models import documents_kept

log = logging.getLogger(__name__)

KEPT_FOR_LISTS = 50
"""Requests of the Hub's quota that are not spent on sizes, so that the next pages of a list can be asked for."""
KEPT_FOR_CONFIGS = 500
"""The same of its quota for files, which headers do not take from the ``config.json`` of the next pages."""
Kept = Container[tuple[str, ...]]
"""Repository, commit and kind of documents that need not be asked for again."""
Item = tuple[str, Told | HubBadPayload]
"""A repository by its name, with what was told of it, or what is wrong with it."""
LIST_FIELDS = (
    "author", "cardData", "config", "createdAt", "disabled", "downloads", "gated", "gguf", "lastModified",
    "library_name", "likes", "pipeline_tag", "private", "safetensors", "sha", "siblings", "tags", "trendingScore",
)  # fmt: skip
"""What is asked for each model of a list; the context length is not among what a list can tell."""
_HEADERS = (Kind.GGUF, Kind.SAFETENSORS)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which models to take: the first ``limit`` by ``sort``, narrowed by search words, author and tags.

    Headers of weight files are read of ``most_headers`` models, best known first (None: of all).
    """

    limit: int
    search: str = ""
    author: str = ""
    tags: tuple[str, ...] = ()
    sort: str = "downloads"
    with_config: bool = True
    most_headers: int | None = 0


async def all_told(client: HubClient, record: dict[str, Any], kept: Kept) -> Told:
    """A model's own answer with all that is read at its commit, but for headers and a tree that are ``kept``.

    Raises :class:`~compat.hub.errors.HubBadPayload` where the answer itself cannot be kept.
    """
    return await _with_headers(client, await _told(client, Kind.DETAIL, record, kept=kept, whole=True), kept)


async def _told(
    client: HubClient,
    kind: Kind,
    record: dict[str, Any],
    *,
    with_config: bool = True,
    with_sizes: bool = False,
    whole: bool = False,
    kept: Kept,
) -> Told:
    """An answer of the Hub with the ``config.json`` of its commit, and the sizes of its files.

    The tree of the files is read where a model's own answer leaves sizes out. Raises
    :class:`~compat.hub.errors.HubBadPayload` where the answer itself cannot be kept.
    """
    read = timezone.now()
    more: dict[Kind, dict[str, Any]] = {}
    if with_config and (config := await client.config_of(record)):
        more[Kind.CONFIG] = {"config": config}
    if with_sizes and (detail := await _detail_of(client, record)):
        more[Kind.DETAIL] = detail
    if kind is Kind.DETAIL or Kind.DETAIL in more:
        model = parse_record(more.get(Kind.DETAIL, record)).model
        left = client.questions_left
        spare = left is None or left > KEPT_FOR_LISTS
        if spare and (*_place(record), Kind.TREE) not in kept and lacks_sizes(model):
            tree = await tree_of(client, model)
            more |= {} if tree is None else {Kind.TREE: tree}
    return told(kind, record, read, more, whole=whole)


async def _with_headers(client: HubClient, found: Told, kept: Kept) -> Told:
    """The same with the headers of its weight files, as far as they tell more than the Hub and are not ``kept``.

    That there is no header that can be read is kept as well, as a document that tells nothing: nobody asks again.
    """
    read = timezone.now()
    more: dict[Kind, dict[str, Any]] = {}
    record = kept_record(merged(found.record.model.id, found.documents))
    place = _place(record.payload)
    if found.whole or (*place, Kind.GGUF) not in kept:
        header = await gguf_header_of(client, record.payload)
        if header is not None:
            more[Kind.GGUF] = {"_gguf_header": header} if header else {}
    if (*place, Kind.SAFETENSORS) not in kept and needs_headers(record.model):
        headers = await safetensors_headers_of(client, record.model)
        if headers is not None:
            more[Kind.SAFETENSORS] = {"_safetensors_header": headers} if headers else {}
    try:
        return with_more(found, more, read)
    except HubBadPayload as error:
        log.info("the headers of %s cannot be kept: %s", found.record.model.id, error)
        return found


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
                most = None if wanted.most_headers is None else max(0, wanted.most_headers - counts.headers)
                if most != 0 and not error:
                    items, read = await _with_best_headers(client, items, await _kept(page), most)
                    counts.headers += read
                counts.add(await sync_to_async(store.store_raw)(items, origin="hub", progress=progress))
                if error:
                    return counts, error
    except HubError as error:
        return counts, str(error)
    return counts, ""


async def _told_of(client: HubClient, wanted: Wanted, page: Sequence[dict[str, Any]]) -> tuple[list[Item], str]:
    """Every record of a page by its name, with what is to be read at its commit, or what is wrong with it.

    If the Hub fails meanwhile, the rest of the page comes without, and with the error.
    """
    read = timezone.now()
    kept = await _kept(page)
    unsized = [_place(item) for item in page if _is_packed(item) and (*_place(item), Kind.DETAIL) not in kept]
    left = client.questions_left
    sized = set(unsized if left is None else unsized[: max(0, left - KEPT_FOR_LISTS)])

    failures: list[str] = []

    async def completed(item: dict[str, Any]) -> Told | HubBadPayload:
        try:
            return await _told(
                client,
                Kind.LIST,
                item,
                with_config=wanted.with_config and (*_place(item), Kind.CONFIG) not in kept,
                with_sizes=wanted.with_config and _place(item) in sized,
                kept=kept,
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
    items: list[Item] = []
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


async def _kept(page: Sequence[dict[str, Any]]) -> set[tuple[str, ...]]:
    return await sync_to_async(documents_kept)([str(item.get("id")) for item in page])


def _place(item: Mapping[str, Any]) -> tuple[str, str]:
    """Repository and commit."""
    return str(item.get("id")), str(item.get("sha"))


def _is_packed(item: dict[str, Any]) -> bool:
    """Whether only the sizes of a record's files tell how large its weights are: GGUF files, quantized weights."""
    files, config = item.get("siblings"), item.get("config")
    names = [file.get("rfilename") for file in files if isinstance(file, dict)] if isinstance(files, list) else []
    quantized = isinstance(config, dict) and ("quantization_config" in config or "quantization" in config)
    return quantized or any(isinstance(name, str) and name.lower().endswith(".gguf") for name in names)


async def _with_best_headers(
    client: HubClient, items: Sequence[Item], kept: Kept, most: int | None
) -> tuple[list[Item], int]:
    """What was told of a page, with headers of the best known ``most`` models (None: of all) of which they tell more.

    They wait until all else of the page is read, and leave the Hub's quota for files to the next pages. Returns for how
    many models a header was read as well.
    """
    costs = [(cost, name) for name, found in items if (cost := _requests_for_headers(found, kept))]
    known = {name: found.record.model.downloads or 0 for name, found in items if isinstance(found, Told)}
    costs.sort(key=lambda one: known[one[1]], reverse=True)
    left, spent, chosen = client.files_left, KEPT_FOR_CONFIGS, set()
    for cost, name in costs[:most]:
        spent += cost
        if left is not None and spent > left:
            break
        chosen.add(name)

    async def completed(name: str, found: Told | HubBadPayload) -> Item:
        return name, await _with_headers(client, found, kept) if name in chosen and isinstance(found, Told) else found

    done = await asyncio.gather(*(completed(name, found) for name, found in items))
    return list(done), sum(_has_header(found) for _, found in done)


def _requests_for_headers(found: Told | HubBadPayload, kept: Kept) -> int:
    """How many requests the headers of a model's weight files take, as far as they tell more than is kept."""
    if not isinstance(found, Told):
        return 0
    model = found.record.model
    for one in found.documents:
        if one.kind is Kind.CONFIG:
            model = model.model_copy(update={"config": one.data.get("config")})
    place = model.id, str(model.sha)
    weights = needs_headers(model) and (*place, Kind.SAFETENSORS) not in kept
    gguf = (*place, Kind.GGUF) not in kept and file_to_read(model) is not None
    return gguf + (min(len(files_to_read(model)), MOST_SHARDS + 1) if weights else 0)


def _has_header(told: Told | HubBadPayload) -> bool:
    return isinstance(told, Told) and any(one.kind in _HEADERS and one.data for one in told.documents)
