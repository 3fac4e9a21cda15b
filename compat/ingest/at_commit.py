"""What is read of a model beside the answer that names it: each document once a commit, and only where it tells more.

``config.json``, the model's own answer with the sizes of its files, the file tree, and headers of weight files. One
that cannot be had never costs the others, nor the answer itself.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.utils import timezone

from compat.hub import HubBadPayload, HubClient, HubError, HubGated, HubNotFound
from compat.hub.documents import Document, Kind, Told, kept_record, merged, with_more
from compat.hub.payloads import HubModel, ParsedRecord, parse_record
from compat.ingest.file_tree import lacks_sizes, tree_of
from compat.ingest.gguf_metadata import gguf_header_of, gguf_tensors_of
from compat.ingest.lacking import Kept, is_closed, lacks_config, lacks_own_answer, place_of
from compat.ingest.lasting import LASTING
from compat.ingest.safetensors_metadata import needs_headers, safetensors_headers_of

log = logging.getLogger(__name__)

HEADERS = (Kind.GGUF, Kind.GGUF_TENSORS, Kind.SAFETENSORS)


@dataclass(frozen=True, slots=True)
class Completed:
    """What was told of a model, with what else was read at its commit; ``failure`` is why something could not be.

    ``closed`` says that files were asked for, and are given to other accounts than this site's.
    """

    told: Told
    failure: HubError | None = None
    closed: bool = False


@dataclass(slots=True)
class _Reading:
    """What is read of one model at its commit, and why some of it could not be."""

    name: str
    more: dict[Kind, Mapping[str, Any]] = field(default_factory=dict)
    failures: list[HubError] = field(default_factory=list)
    closed: bool = False

    async def add(
        self, kind: Kind, answer: Awaitable[Mapping[str, Any] | None], lasting: tuple[type[Exception], ...] = LASTING
    ) -> None:
        """Wait for an answer. One that fails for good tells nothing, which is kept; None is kept as not asked for.

        Raises :class:`~compat.hub.errors.HubNotFound` where the Hub says that it has no such repository any more.
        """
        try:
            told = await answer
        except lasting as error:
            log.debug("%s comes without %s for good: %s", self.name, kind, error)
            told = {}
        except HubGated:
            self.closed = True
            return
        except HubError as error:
            if isinstance(error, HubNotFound) and error.is_told:
                raise
            log.debug("%s comes without %s: %s", self.name, kind, error)
            self.failures.append(error)
            return
        if told is not None:
            self.more[kind] = told


def kept_of(repo_id: str, documents: Iterable[Document]) -> set[tuple[str, ...]]:
    """Which documents of a repository need not be asked for again: those that tell a commit."""
    return {(repo_id, one.sha, one.kind) for one in documents if one.sha}


def with_known(found: Told, documents: Iterable[Document]) -> Told:
    """What was told, with a record that says all that is known at its commit: ``documents`` of others are left out."""
    first = found.documents[0]
    same = [one for one in documents if one.sha == first.sha and one.kind is not first.kind]
    return replace(found, record=kept_record(merged(found.record.model.id, [*found.documents, *same])))


def known_by(found: Told) -> ParsedRecord:
    """The record with what was read since."""
    first, *more = found.documents
    told = {key: value for key, value in found.record.payload.items() if key != "id"}
    return kept_record(merged(found.record.model.id, [replace(first, data=told), *more]))


async def with_documents(client: HubClient, found: Told, kept: Kept) -> Completed:
    """The same with ``config.json`` and the sizes of its files, as far as they are lacking.

    Raises :class:`~compat.hub.errors.HubNotFound` where the Hub says that it has no such repository any more.
    """
    read, model = timezone.now(), found.record.model
    reading = _Reading(model.id)
    if lacks_config(model, kept) and not is_closed(model, client.settings):
        await reading.add(Kind.CONFIG, _config_of(client, model))
    own = found.documents[0].kind is Kind.DETAIL
    if not own and lacks_own_answer(model, kept):
        await reading.add(Kind.DETAIL, _own_answer(client, model), lasting=())
    if own or Kind.DETAIL in reading.more:
        sized = parse_record(reading.more[Kind.DETAIL]).model if Kind.DETAIL in reading.more else model
        if (*place_of(model), Kind.TREE) not in kept and lacks_sizes(sized):
            await reading.add(Kind.TREE, tree_of(client, sized))
    return _completed(found, reading, read)


async def with_headers(client: HubClient, found: Told, kept: Kept) -> Completed:
    """The same with the headers of its weight files, as far as they tell more than the Hub and are lacking.

    That there is no header that can be read is kept as well, as a document that tells nothing: nobody asks again.
    Raises as :func:`with_documents` does.
    """
    read, model = timezone.now(), known_by(found).model
    reading = _Reading(model.id)
    if is_closed(model, client.settings):
        return Completed(found)
    if found.whole or (*place_of(model), Kind.GGUF) not in kept:
        await reading.add(Kind.GGUF, _under("_gguf_header", gguf_header_of(client, model)))
    if (*place_of(model), Kind.GGUF_TENSORS) not in kept:
        await reading.add(Kind.GGUF_TENSORS, _under("_gguf_tensors", gguf_tensors_of(client, model)))
    if (*place_of(model), Kind.SAFETENSORS) not in kept and needs_headers(model):
        await reading.add(Kind.SAFETENSORS, _under("_safetensors_header", safetensors_headers_of(client, model)))
    return _completed(found, reading, read)


async def _under(key: str, header: Awaitable[Mapping[str, Any] | None]) -> dict[str, Any] | None:
    told = await header
    return None if told is None else {key: told} if told else {}


async def all_told(client: HubClient, found: Told, kept: set[tuple[str, ...]], *, closed: bool) -> Completed:
    """A model's own answer with all that is read at its commit; no files of one that is known as ``closed``."""
    if closed:
        kept = kept | {(*place_of(found.record.model), Kind.CONFIG)}
        return await with_documents(client, replace(found, whole=True), kept)
    documents = await with_documents(client, replace(found, whole=True), kept)
    headers = await with_headers(client, documents.told, kept)
    return replace(headers, closed=documents.closed or headers.closed)


def _completed(found: Told, reading: _Reading, read: datetime) -> Completed:
    for kind, answer in reading.more.items():
        try:
            found = with_more(found, {kind: answer}, read)
        except HubBadPayload as error:
            log.debug("%s of %s cannot be kept: %s", kind, found.record.model.id, error)
            found = with_more(found, {kind: {}}, read)
    return Completed(found, next(iter(reading.failures), None), reading.closed)


async def _config_of(client: HubClient, model: HubModel) -> dict[str, Any]:
    """The ``config.json`` of its commit; empty where there is none."""
    config = await client.config_json(model.id, model.sha or "main")
    return {"config": config} if config else {}


async def _own_answer(client: HubClient, model: HubModel) -> dict[str, Any] | None:
    """Its own answer, which tells the sizes of its files; None where the Hub has another commit by now."""
    detail = parse_record(await client.model(model.id))
    return detail.payload if (detail.model.id, detail.model.sha) == (model.id, model.sha) else None
