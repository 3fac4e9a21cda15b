"""What this site asks a Hub: lists of models, one model, its configuration, its files, a few bytes of one.

Knows the Hub's addresses and nothing of rules; answers are plain JSON for :mod:`compat.hub.payloads` to
check. Everything that goes wrong is raised as an error of :mod:`compat.hub.errors`.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import httpx

from compat.hub.errors import HubBadPayload, HubFileNotFound, HubNotFound
from compat.hub.failures import Subject, login_page
from compat.hub.payloads import decode_json, files_of_tree, is_repo_id
from compat.hub.rate_limit_budget import Clock, Ledger, Pace, Party, Sleep, Waiting
from compat.hub.settings import HubSettings
from compat.hub.transport import Answer, Question, Span, Transport

MAX_PAGE_SIZE = 500
"""The most models the Hub is asked for at once."""
MOST_LARGE_READS = 2
MOST_TREE_PAGES = 10
MOST_FILES = 10_000
"""The largest file tree that is read; a Hub lists a thousand files a page."""

_CONFIG = "config.json"
_SORTS = {"trending_score": "trendingScore", "last_modified": "lastModified", "created_at": "createdAt"}
_NEXT = re.compile(r'<([^<>]*)>\s*;\s*rel="?next"?')


class HubClient:
    """An open connection to one Hub; use it in ``async with``.

    ``ledger``, ``party`` and ``share`` say from which quota its requests are taken, and ``waiting`` is told before it
    waits for the Hub: see :class:`~compat.hub.rate_limit_budget.Pace`. ``transport``, ``clock`` and ``sleep`` are for
    tests: another wire, another time.
    """

    def __init__(
        self,
        settings: HubSettings | None = None,
        *,
        ledger: Ledger | None = None,
        party: Party = Party.OPERATOR,
        share: float = 0.0,
        waiting: Waiting | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock = time.time,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.settings = settings or HubSettings.from_environ()
        pace = Pace(self.settings.host, clock, sleep, ledger=ledger, party=party, share=share, waiting=waiting)
        self._transport = Transport(self.settings, pace, transport=transport)
        self.large_reads = asyncio.Semaphore(MOST_LARGE_READS)
        """Whoever holds many megabytes of a file at once takes one of these, so that memory stays bounded."""

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    def list_address(
        self,
        *,
        search: str | None = None,
        author: str | None = None,
        task: str | None = None,
        filter: str | Sequence[str] | None = None,  # noqa: A002 - the Hub's own word
        sort: str = "downloads",
        page_size: int = MAX_PAGE_SIZE,
        expand: Sequence[str] = (),
    ) -> str:
        """The address of a list's first page, best models first.

        ``filter`` is a tag, or several that must all hold. ``expand`` names the fields wanted (with ``id``);
        without it the Hub sends its short form. A page may hold fewer records than ``page_size``.
        """
        if not 1 <= page_size <= MAX_PAGE_SIZE:
            raise ValueError(f"page_size must be between 1 and {MAX_PAGE_SIZE}")
        query: list[tuple[str, str]] = [("sort", _SORTS.get(sort, sort)), ("limit", str(page_size))]
        query += [("search", search)] if search else []
        query += [("author", author)] if author else []
        query += [("pipeline_tag", task)] if task else []
        query += [("filter", tag) for tag in ([filter] if isinstance(filter, str) else filter or ())]
        query += [("expand[]", name) for name in expand]
        return f"{self.settings.endpoint}/api/models?{urlencode(query)}"

    async def list_page(
        self, url: str, seen: set[str], booked: Callable[[], None] | None = None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """The raw records of one page of a list, and the address of the next; None at the end.

        ``seen`` are the addresses read so far, to which this one is added: a next page among them is refused.
        ``booked`` is called when the request is about to be sent.
        """
        seen.add(url)
        answer = await self._transport.get(Question(url, "api", Subject(), booked=booked))
        return self._page(answer, Subject()), self._next(answer, seen, Subject())

    async def model(self, repo_id: str, *, blobs: bool = True) -> dict[str, Any]:
        """One model's raw detail record; ``blobs`` adds the sizes of its files.

        A renamed repository answers under its new id: look at ``id`` in the record.
        """
        url = f"{self.settings.endpoint}/api/models/{self._checked(repo_id)}" + ("?blobs=true" if blobs else "")
        subject = Subject(repo_id)
        record = self._decoded(await self._transport.get(Question(url, "api", subject)), subject)
        if not isinstance(record, dict):
            raise self._unusable(subject, "it is not a JSON object")
        return record

    async def config_json(self, repo_id: str, revision: str = "main") -> dict[str, Any] | None:
        """The repository's ``config.json``; None if it has none. NaN and Infinity in it become None."""
        return await self.json_file(repo_id, _CONFIG, revision)

    async def json_file(self, repo_id: str, filename: str, revision: str = "main") -> dict[str, Any] | None:
        """A file that holds one JSON object; None if there is no such file. NaN and Infinity in it become None."""
        subject = Subject(repo_id, filename, revision)
        try:
            answer = await self._transport.get(Question(self._file_url(subject), "resolvers", subject))
        except HubFileNotFound:
            return None
        found = self._decoded(answer, subject, constants=True)
        if not isinstance(found, dict):
            raise self._unusable(subject, "it is not a JSON object")
        return found

    async def tree(self, repo_id: str, revision: str = "main") -> list[dict[str, Any]]:
        """Every file of a repository with its size, as ``siblings`` are written, in all its folders.

        A tree is told whole or not at all: :class:`HubBadPayload` where it has more than ``MOST_FILES`` entries,
        or takes more bytes than one answer may have.
        """
        subject = Subject(repo_id)
        path = f"{self._checked(repo_id)}/tree/{quote(self._checked_revision(revision), safe='')}"
        url: str | None = f"{self.settings.endpoint}/api/models/{path}?recursive=true&expand=false"
        seen: set[str] = set()
        files: list[dict[str, Any]] = []
        entries = size = 0
        while url is not None:
            seen.add(url)
            answer = await self._transport.get(Question(url, "api", subject))
            page = self._page(answer, subject)
            entries += len(page)
            size += len(answer.body)
            url = self._next(answer, seen, subject)
            too_many = entries > MOST_FILES or size > self.settings.max_response_bytes
            if too_many or (url is not None and len(seen) >= MOST_TREE_PAGES):
                raise self._unusable(subject, f"its file tree is larger than what is read, {MOST_FILES:,} files")
            try:
                files += files_of_tree(page)
            except HubBadPayload as error:
                raise self._unusable(subject, str(error)) from error
        return files

    async def read_range(self, repo_id: str, filename: str, start: int, length: int, revision: str = "main") -> bytes:
        """Up to ``length`` bytes of a file from ``start``: fewer at its end, none past it."""
        most = self.settings.max_response_bytes
        if start < 0 or not 0 <= length <= most:
            raise ValueError(f"start must not be negative, and length must be between 0 and {most:,} bytes")
        if length == 0:
            return b""
        subject = Subject(repo_id, filename, revision)
        question = Question(self._file_url(subject), "resolvers", subject, Span(start, length))
        return (await self._transport.get(question)).body

    def _page(self, answer: Answer, subject: Subject) -> list[dict[str, Any]]:
        page = self._decoded(answer, subject)
        if not isinstance(page, list) or not all(isinstance(item, dict) for item in page):
            raise self._unusable(subject, "it is not a list of JSON objects")
        return page

    def _next(self, answer: Answer, seen: set[str], subject: Subject) -> str | None:
        """The address of the next page, exactly as the Hub wrote it: its cursor is opaque."""
        link = _NEXT.search(answer.headers.get("link", ""))
        if link is None:
            return None
        try:
            url = answer.url.join(link[1])
        except (httpx.InvalidURL, ValueError):
            raise self._unusable(subject, "its next page is no web address") from None
        if not self._transport.is_home(url):
            raise self._unusable(subject, f"its next page is on another host, {url.host[:100]!r}")
        if str(url) in seen:
            raise self._unusable(subject, "its next page is one that was read already")
        return str(url)

    def _decoded(self, answer: Answer, subject: Subject, *, constants: bool = False) -> Any:
        if answer.body.lstrip()[:1] == b"<":
            raise login_page(subject, self.settings)
        try:
            return decode_json(answer.body, constants=constants)
        except HubBadPayload as error:
            raise self._unusable(subject, str(error)) from error

    def _unusable(self, subject: Subject, why: str) -> HubBadPayload:
        return HubBadPayload(f"The answer of {self.settings.host} for {subject} cannot be used: {why}.")

    def _checked(self, repo_id: str) -> str:
        if not is_repo_id(repo_id):
            raise HubNotFound(f"{repo_id[:120]!r} is not the id of a repository: write author/name.")
        return repo_id

    def _checked_revision(self, revision: str) -> str:
        if not revision or revision in {".", ".."} or not revision.isprintable():
            raise HubNotFound(f"{revision[:120]!r} is not the name of a revision.")
        return revision

    def _file_url(self, subject: Subject) -> str:
        parts = subject.filename.split("/")
        if not all(parts) or any(part in {".", ".."} for part in parts) or not subject.filename.isprintable():
            raise HubFileNotFound(f"{subject.filename[:120]!r} is not the path of a file in a repository.")
        revision = quote(self._checked_revision(subject.revision), safe="")
        path = quote(subject.filename, safe="/")
        return f"{self.settings.endpoint}/{self._checked(subject.repo_id)}/resolve/{revision}/{path}"
