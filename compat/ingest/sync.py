"""Keeps a selection of a Hub's models in the catalogue: the list, who is missing, then documents, best known first.

Every step is one transaction that also notes what comes next, so that a run that is killed at any moment has lost one
step, and the next one goes on after it:

1. *The list.* A page's rows are stored as they are, with the address of the next page, and what is still to be read of
   each model; meanwhile the Hub is asked for that page. A selection of the best known is a ranking, and is read whole
   each time (one question for 500 models); one without a limit is read whole once a week, and in between only what
   changed since.
2. *Who is missing.* Models that an earlier pass found and this one did not are asked for one by one: deleted, renamed,
   or just not among the best known any more.
3. *Documents* at the commit that the list told: configurations, sizes and headers, of the best known models first.

It waits for the Hub's quota as long as the Hub says, and keeps the lease of the selection meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from compat.batches import BATCH, batched
from compat.collecting import collected_rarely
from compat.hub import HubBadPayload, HubClient, HubError, HubNotFound, HubRateLimited
from compat.hub.client import MAX_PAGE_SIZE
from compat.hub.documents import Kind, Told, kept_record, told
from compat.hub.payloads import HubModel
from compat.hub.rate_limit_budget import Party, Wait
from compat.ingest import jobs, lease
from compat.ingest.ahead import Beside
from compat.ingest.at_commit import (
    HEADERS,
    Completed,
    kept_of,
    known_by,
    with_documents,
    with_headers,
    with_known,
)
from compat.ingest.clock import lies_ahead
from compat.ingest.closed import closed_now, note_closed, note_open
from compat.ingest.departures import note_gone, note_whereabouts, why_gone
from compat.ingest.hub_quota import hub_client, run_to_end
from compat.ingest.lacking import Kept, is_closed, lacks_documents, lacks_headers
from compat.ingest.listed import Asked, Policies, Row, Rows, rows_of
from compat.ingest.runs import finish_run, note_sign, start_run
from compat.ingest.selection import Selection
from compat.ingest.store import Counts, store_told
from compat.models import (
    HubSelection,
    Job,
    ModelRecord,
    SelectedModel,
    VisitorAddition,
    documents_kept,
    keys_in_any_case,
    read_documents,
)
from compat.models.composed import ComposedQuery
from compat.models.engines import engines
from compat.models.written import write_rows

log = logging.getLogger(__name__)

OVERLAP = timedelta(hours=1)
"""What changed so long before the last pass began is listed again: clocks differ, and lists lag behind."""
WHOLE_EVERY = timedelta(days=7)
"""How often a selection without a limit is read whole: only so downloads and deletions are noticed."""
BEGUN_ANEW = timedelta(days=1)
"""A pass that did not end within so long is begun again: the order of a list moves."""
LONGEST_WAIT = 3600.0
"""Seconds that one request waits for the Hub's quota; the Hub's windows are of 300."""
PAGE = MAX_PAGE_SIZE
"""Models that one page of the list may hold."""
AT_ONCE = 50
"""Models whose documents are stored together."""
MOST_FAILURES = 10
"""After so many models in a row of which something could not be read, the Hub is left alone."""
MOST_IN_VAIN = 3
"""So many pages in a row that bring only models which the pass has found already are a list that has no end."""
ALONE = 2
"""Full pages that are read by this process alone; more of them are worth the start of another beside it."""
CORES = os.cpu_count() or 1
BOOKED_WITHIN = 0.5
"""Seconds within which a request has its place in the quota, unless it has to wait for that."""
SILENT_PAUSE = 60.0
"""Seconds to wait where the Hub refuses for its quota and does not say for how long."""

Result = TypeVar("Result")


class Teller(Protocol):
    """Who is told how a run gets on."""

    def begin(self, what: str, total: int | None) -> None:
        """A stage begins, of so many models if that is known."""
        ...

    def advance(self, more: int) -> None:
        """So many more of the stage are done."""
        ...

    def say(self, text: str) -> None:
        """A sentence for people, such as why nothing moves."""
        ...


@dataclass(frozen=True, slots=True)
class _NotingTeller:
    """Tells another one, and has how far a run is noted with its next sign."""

    teller: Teller
    run: Job

    def begin(self, what: str, total: int | None) -> None:
        jobs.begin_stage(self.run, what, total)
        self.teller.begin(what, total)

    def advance(self, more: int) -> None:
        self.run.done += more
        self.teller.advance(more)

    def say(self, text: str) -> None:
        self.teller.say(text)


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is read: documents at all, and headers of so many models, best known first (None: of all)."""

    documents: bool = True
    most_headers: int | None = 0


@dataclass(slots=True)
class _Page:
    """A page of the list: the ids on it, what comes after it, what is selected of it, and what its rows tell.

    It has ``ended`` the pass where nothing that follows can be meant.
    """

    names: frozenset[str]
    following: str | None
    ended: bool
    items: list[Told]
    rows: Rows


class _Answer(NamedTuple):
    """A page of the list as the Hub told it, the address of the next, and when it was read."""

    rows: list[dict[str, Any]]
    following: str | None
    read: datetime


class _Fetch(NamedTuple):
    """A question for a page of the list. ``booked``: it has its place in the quota."""

    url: str
    booked: asyncio.Event
    answer: asyncio.Task[_Answer]


@dataclass(slots=True)
class _Sync:
    """One run over one selection."""

    selection: Selection
    extent: Extent
    teller: Teller
    row: HubSelection
    run: Job
    client: HubClient = field(init=False)
    counts: Counts = field(default_factory=Counts)
    lost: bool = False
    beside: Beside | None = None
    _full_pages: int = 0
    _fetched: _Fetch | None = None
    _addresses: set[str] = field(default_factory=set)
    _page_before: frozenset[str] = frozenset()
    _in_vain: int = 0
    _left_alone_until: float = 0.0

    async def go(self) -> None:
        self.client = hub_client(Party.OPERATOR, waiting=self._wait, max_wait=LONGEST_WAIT)
        async with self.client:
            signs = asyncio.create_task(self._give_signs())
            try:
                await self._read_list()
                await self._ask_for_missing()
                if self.extent.documents:
                    await self._read_documents()
                if self.extent.most_headers != 0:
                    await self._read_headers()
            finally:
                signs.cancel()
                with suppress(asyncio.CancelledError):
                    await signs

    # --- signs of life ----------------------------------------------------------------------------------------------

    async def _give_signs(self) -> None:
        while True:
            await asyncio.sleep(lease.RENEWED_EVERY)
            with suppress(DatabaseError):
                await sync_to_async(self._sign)()

    def _sign(self) -> None:
        note_sign(self.run, self.counts)
        try:
            lease.renew(self.row.pk)
        except lease.LostError:
            self.lost = True

    async def _wait(self, wait: Wait) -> None:
        text = _words_of(wait, self.client.settings.host, with_token=bool(self.client.settings.token))
        if wait.seconds >= 1:
            self.teller.say(text)
        self.run.doing = text[:300]
        with suppress(DatabaseError):
            await sync_to_async(self._sign)()
        self.run.doing = ""

    async def _patiently(self, ask: Callable[[], Awaitable[Result]]) -> Result:
        """The answer to a question, asked again where the Hub refuses for its quota without a word of how long."""
        for _ in range(MOST_FAILURES):
            try:
                return await ask()
            except HubRateLimited as error:
                if error.retry_after:
                    raise
                await self._leave_alone()
        return await ask()

    async def _leave_alone(self) -> None:
        """Wait a while; whoever else comes meanwhile waits for the same end."""
        clock = asyncio.get_running_loop().time
        if clock() >= self._left_alone_until:
            self._left_alone_until = clock() + SILENT_PAUSE
            await self._wait(Wait("api", SILENT_PAUSE, None, None, failure=False))
        await asyncio.sleep(max(0.0, self._left_alone_until - clock()))

    async def _commit(self, step: Callable[[], Result]) -> Result:
        """Do a step in one transaction, with the lease in hand."""

        def held() -> Result:
            with transaction.atomic():
                lease.renew(self.row.pk)
                done = step()
                jobs.note_now_and_then(self.run)
                return done

        if self.lost:
            raise lease.LostError
        return await sync_to_async(held)()

    # --- 1: the list ------------------------------------------------------------------------------------------------

    async def _read_list(self) -> None:
        await self._commit(self._open_pass)
        row = self.row
        self.teller.begin("Reading the list", self.selection.limit)
        resumed, first = bool(row.cursor), self._first_page()
        url: str | None = row.cursor or first
        coming: asyncio.Task[_Page] | None = None
        try:
            while row.is_open and url is not None:
                try:
                    page = await (coming or self._page(url))
                except HubError as error:
                    # A refusal that is none of the particular ones: the Hub does not know the place any more.
                    if not resumed or type(error) is not HubError:
                        raise
                    log.info("the list is read from its beginning again: %s", error)
                    await self._commit(self._begin_pass)
                    self._addresses.clear()
                    self._fetched = None
                    url, resumed = first, False
                    continue
                url, coming, resumed = page.following, None, False
                if url is not None and self._goes_on_after(page):
                    coming = await self._ask_ahead(url)
                self.teller.advance(await self._commit(partial(self._store_page, page)))
        finally:
            if coming is not None:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)
            if self._fetched is not None:
                self._fetched.answer.cancel()
                await asyncio.gather(self._fetched.answer, return_exceptions=True)
            if self.beside is not None:
                self.beside.close()

    async def _ask_ahead(self, url: str) -> asyncio.Task[_Page]:
        """Read a page of the list while the one before it is stored.

        Its request takes its place in the quota first, which is kept in the same database; where that is not to be had
        at once, nothing waits for it.
        """
        booked = asyncio.create_task(self._fetch(url).booked.wait())
        page = asyncio.create_task(self._page(url))
        await asyncio.wait({page, booked}, timeout=BOOKED_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        booked.cancel()
        return page

    def _fetch(self, url: str) -> _Fetch:
        """The question for a page of the list, which is asked once."""
        if self._fetched is None or self._fetched.url != url:
            booked = asyncio.Event()

            async def ask() -> _Answer:
                rows, following = await self.client.list_page(url, self._addresses, booked.set)
                return _Answer(rows, following, timezone.now())

            self._fetched = _Fetch(url, booked, asyncio.create_task(self._patiently(ask)))
        return self._fetched

    async def _page(self, url: str) -> _Page:
        raws, following, read = await self._fetch(url).answer
        if following is not None and raws and self.selection.is_whole and not self.row.only_changes:
            self._fetch(following)
        found = await self._read(raws)
        self._full_pages += len(raws) >= PAGE
        return _Page(
            names=frozenset(str(raw.get("id")) for raw in raws),
            following=following,
            ended=following is None or not raws or found.ended,
            items=[row.told(read) for row in found.taken],
            rows=found,
        )

    async def _read(self, raws: Sequence[Mapping[str, Any]]) -> Rows:
        """What the rows of a page tell: of a long list in a process beside this one."""
        asked = Asked(self.selection)
        if self.row.only_changes:
            assert self.row.current is not None
            asked = Asked(self.selection, since=self.row.current - OVERLAP)
        if self.beside is None and self._full_pages >= ALONE and CORES > 1:
            self.beside = Beside(await sync_to_async(_policies)())
        found = None
        if self.beside is not None and len(raws) >= PAGE // 2:
            found = await asyncio.to_thread(self.beside.read, raws, asked)
        if found is None:
            found = await asyncio.to_thread(rows_of, raws, asked, {}, set())
        return found

    def _goes_on_after(self, page: _Page) -> bool:
        """Whether the page after this one is wanted, whatever of this one is new: no request is made in vain."""
        limit = self.selection.limit
        wanted = limit is None or self.row.listed + len(page.items) < limit
        return wanted and not page.ended and self._in_vain < MOST_IN_VAIN - 1

    def _first_page(self) -> str:
        size = PAGE if self.selection.limit is None else min(PAGE, self.selection.limit)
        return self.client.list_address(page_size=size, **self.selection.question(by_change=self.row.only_changes))

    def _open_pass(self) -> None:
        row, now = self.row, timezone.now()
        row.refresh_from_db()
        if row.is_open and _since(row.began, BEGUN_ANEW, now):
            return
        known = row.current is not None and not lies_ahead(row.current)
        row.only_changes = self.selection.limit is None and known and _since(row.whole, WHOLE_EVERY, now)
        row.is_open, row.began = True, now
        self._begin_pass()

    def _begin_pass(self) -> None:
        """Read the list from its first page on."""
        row = self.row
        row.number, row.cursor, row.pages, row.listed = row.number + 1, "", 0, 0
        self._save_pass()

    def _save_pass(self) -> None:
        self.row.save(
            update_fields=[
                "number",
                "is_open",
                "only_changes",
                "cursor",
                "pages",
                "listed",
                "began",
                "whole",
                "whole_number",
                "current",
            ]
        )

    def _store_page(self, page: _Page) -> int:
        """Store a page's rows and what the next is; returns how many models were found that the pass had not yet."""
        row, ended = self.row, page.ended
        for where, why in page.rows.refused:
            self.counts.reject(where, why)
        found = self._take(page)
        row.pages, row.listed, row.cursor = row.pages + 1, row.listed + found, page.following or ""
        if self.selection.limit is not None and row.listed >= self.selection.limit:
            ended = True
        if ended:
            row.is_open, row.cursor = False, ""
            row.current = row.began
            if not row.only_changes:
                row.whole, row.whole_number = row.began, row.number
        again = page.names == self._page_before or (page.items and not found)
        self._in_vain = self._in_vain + 1 if again else 0
        self._page_before = page.names
        if row.is_open and self._in_vain >= MOST_IN_VAIN:
            raise HubBadPayload(
                f"The list of {settings.HUB.host} brings the same models again on page {row.pages}: it has no end."
            )
        self._save_pass()
        return found

    def _take(self, page: _Page) -> int:
        """Store rows of the list, and have their models in the selection; at most as many as are still wanted."""
        row = self.row
        ids = keys_in_any_case(row.repo_id for row in page.rows.taken)
        known = {pk for (pk,) in _SEEN.rows(row.pk, row.number, list(ids.values()))} if ids else set()
        fresh: dict[str, tuple[Row, Told]] = {}
        left = None if self.selection.limit is None else self.selection.limit - row.listed
        for found, item in zip(page.rows.taken, page.items, strict=True):
            key = found.repo_id.lower()
            if ids.get(key) in known or key in fresh:
                continue
            if left is not None and len(fresh) >= left:
                break
            fresh[key] = found, item
        self.counts.add(store_told([item for _, item in fresh.values()], origin="hub", ahead=page.rows.ahead))
        self._note_members(list(fresh.values()), ids)
        if stored := [ids[key] for key in fresh if key in ids]:
            VisitorAddition.objects.filter(record__in=stored).delete()
        return len(fresh)

    def _note_members(self, found: Sequence[tuple[Row, Told]], known: Mapping[str, int]) -> None:
        """Have models in the selection; ``known`` are keys of those that had a record, by their ids in lower case."""
        names = [row.repo_id for row, _ in found]
        ids = {**known, **keys_in_any_case(name for name in names if name.lower() not in known)}
        kept = documents_kept(names)
        more = {(repo_id, sha) for repo_id, sha, kind in kept if kind != Kind.LIST}
        write_rows(
            SelectedModel,
            [
                {
                    "selection_id": self.row.pk,
                    "record_id": ids[row.repo_id.lower()],
                    "seen": self.row.number,
                    **(_lacking(item.record.model, kept) if (row.repo_id, row.sha) in more else _lacking_of(row)),
                }
                for row, item in found
            ],
            unique_fields=["selection", "record"],
            update_fields=["seen", "lacks_documents", "lacks_headers"],
        )

    # --- 2: who is missing ------------------------------------------------------------------------------------------

    async def _ask_for_missing(self) -> None:
        missing = self.row.members.filter(seen__lt=self.row.whole_number)
        total = await sync_to_async(missing.count)()
        if not total:
            return
        self.teller.begin("Asking for models that the list left out", total)
        async for (member,) in _batches(missing, 1):
            repo_id = member.record.repo_id
            try:
                answer = await self._patiently(partial(whereabouts, self.client, repo_id))
            except HubBadPayload as error:
                self.counts.reject(repo_id, error)
                continue
            await self._commit(partial(self._note_whereabouts, member, answer))
            self.teller.advance(1)

    def _note_whereabouts(self, member: SelectedModel, answer: Told | str) -> None:
        member.delete()
        self.counts.add(note_whereabouts(member.record.repo_id, answer))

    # --- 3: documents -----------------------------------------------------------------------------------------------

    async def _read_documents(self) -> None:
        lacking = self.row.members.filter(lacks_documents=True).exclude(self._closed())
        total = await sync_to_async(lacking.count)()
        self.teller.begin("Reading configurations and sizes", total)
        await self._complete(lacking, with_documents, most=None)

    async def _read_headers(self) -> None:
        lacking = self.row.members.filter(lacks_headers=True).exclude(self._closed())
        total = await sync_to_async(lacking.count)()
        most = self.extent.most_headers
        self.teller.begin("Reading headers of weight files", total if most is None else min(total, most))
        await self._complete(lacking, with_headers, most=most)

    def _closed(self) -> Q:
        """What is known as closed to this site's token, and was not opened to all meanwhile."""
        return closed_now("record__") & ~Q(record__gated__in=("", ModelRecord.OPEN))

    async def _complete(self, lacking: QuerySet[SelectedModel], read: Read, *, most: int | None) -> None:
        """Read what models lack, the best known first, and store it by ``AT_ONCE``."""
        in_a_row: list[HubError] = []
        async for batch in _batches(lacking, AT_ONCE, most):
            known = await sync_to_async(_known)(batch)
            done = await asyncio.gather(*(self._one(read, one.told, one.kept) for one in known))
            await self._commit(partial(self._store_completed, known, done))
            self.teller.advance(len(batch))
            for one in done:
                failure = one.failure if isinstance(one, Completed) else None
                in_a_row = [*in_a_row, failure] if failure else []
            if len(in_a_row) >= MOST_FAILURES:
                break
        if in_a_row:
            raise in_a_row[-1]

    async def _one(self, read: Read, item: Told, kept: Kept) -> Completed | str:
        """What is told of one model, or why it is gone."""

        async def ask() -> Completed:
            found = await read(self.client, item, kept)
            if isinstance(found.failure, HubRateLimited) and not found.failure.retry_after:
                raise found.failure
            return found

        try:
            return await self._patiently(ask)
        except HubNotFound as error:
            return why_gone(error)
        except HubError as error:
            return Completed(item, error)

    def _store_completed(self, known: Sequence[_Known], done: Sequence[Completed | str]) -> None:
        here: list[tuple[_Known, Completed]] = []
        for before, one in zip(known, done, strict=True):
            if isinstance(one, str):
                before.member.delete()
                self.counts.gone += note_gone(before.member.record.repo_id, one)
            else:
                here.append((before, one))
        more = [one.told for _, one in here if len(one.told.documents) > 1]
        store_told(more, origin="hub")
        self.counts.completed += len(more)
        self.counts.headers += sum(any(one.kind in HEADERS and one.data for one in item.documents) for item in more)
        note_open([before.member.record_id for before, one in here if one.failure is None and not one.closed])
        for before, one in here:
            if one.closed:
                note_closed(before.member.record_id)
            elif one.failure is None:
                member, name = before.member, one.told.record.model.id
                member.lacks_documents = member.lacks_documents and not self.extent.documents
                kept = before.kept | kept_of(name, one.told.documents)
                member.lacks_headers = _lacks_headers(known_by(one.told).model, kept)
        SelectedModel.objects.bulk_update([before.member for before, _ in here], ["lacks_documents", "lacks_headers"])


@dataclass(frozen=True, slots=True)
class _Known:
    """What the catalogue knows of a model: what the Hub told of it last, and which documents are kept."""

    member: SelectedModel
    told: Told
    kept: set[tuple[str, ...]]


Read = Callable[[HubClient, Told, Kept], Awaitable[Completed]]


async def _batches(
    members: QuerySet[SelectedModel], size: int, most: int | None = None
) -> AsyncIterator[list[SelectedModel]]:
    """Members of a kind, the best known first, each once; at most so many in all.

    Whoever takes a batch may make them members of another kind before the next.
    """
    given: set[int] = set()
    while queue := await sync_to_async(_best_known)(members, given):
        for batch in batched(queue, size):
            part = batch if most is None else batch[: most - len(given)]
            if not part:
                return
            given.update(member.pk for member in part)
            yield part


def _best_known(members: QuerySet[SelectedModel], given: Collection[int]) -> list[SelectedModel]:
    left = members.exclude(pk__in=given) if len(given) <= BATCH else members
    found = left.select_related("record").order_by("-record__popularity", "record__repo_id")
    return [member for member in found[: _QUEUED + len(given)] if member.pk not in given]


_QUEUED = 2000
"""So many members are put in order at once."""


async def whereabouts(client: HubClient, repo_id: str) -> Told | str:
    """What the Hub tells of a repository: its own answer, under its new id where it has one, or why it is gone.

    Raises the :class:`~compat.hub.errors.HubError` of any other failure.
    """
    try:
        return told(Kind.DETAIL, await client.model(repo_id), timezone.now())
    except HubNotFound as error:
        why = why_gone(error)
        if not why:
            raise
        return why


def _since(moment: datetime | None, within: timedelta, now: datetime) -> bool:
    """Whether something happened no longer ago than that; what lies ahead is of a clock that was set back."""
    return moment is not None and moment > now - within and not lies_ahead(moment)


_SEEN = ComposedQuery(
    lambda selection, number, records: SelectedModel.objects.filter(
        selection__id=selection, seen=number, record__id__in=records
    ).values_list("record_id")
)
"""Which of some records a pass has found already."""


def _lacking_of(row: Row) -> dict[str, bool]:
    """What is still to be read of a model of which nothing is kept but the row of the list."""
    closed = row.gated and not settings.HUB.token
    return {"lacks_documents": row.lacks_documents, "lacks_headers": row.lacks_headers and not closed}


def _lacking(model: HubModel, kept: Kept) -> dict[str, bool]:
    return {"lacks_documents": lacks_documents(model, kept), "lacks_headers": _lacks_headers(model, kept)}


def _lacks_headers(model: HubModel, kept: Kept) -> bool:
    """Whether headers are to be read: what is closed to this site would only take the place of others."""
    return not is_closed(model, settings.HUB) and lacks_headers(model, kept)


def _known(batch: Sequence[SelectedModel]) -> list[_Known]:
    """What is known of some models, with all that was told at the commit that the Hub told last.

    A model that was fetched by itself meanwhile may have lost the row of its list to its own answer, and one that a
    file brought since has neither: that one is left to the next list.
    """
    read_documents([member.record for member in batch])
    found = []
    for member in batch:
        documents = [row.document for row in member.record.kept_documents]
        by_kind = {one.kind: one for one in documents}
        first = by_kind.get(Kind.LIST) or by_kind.get(Kind.DETAIL)
        if first is None:
            continue
        name = member.record.repo_id
        item = with_known(Told(kept_record({"id": name, **first.data}), (first,)), documents)
        found.append(_Known(member, item, kept_of(name, documents)))
    return found


def _policies() -> Policies:
    return {slug: profile.context_policy for slug, profile in engines().items()}


def _words_of(wait: Wait, host: str, *, with_token: bool) -> str:
    minutes, seconds = divmod(round(wait.seconds), 60)
    long = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
    if wait.failure:
        return f"Waiting {long}: {host} is in trouble and asks to be left alone for so long."
    of = {"api": "questions", "resolvers": "files"}.get(wait.bucket, wait.bucket)
    quota = ""
    if wait.quota and wait.window:
        window = f"{wait.window / 60:g} minutes" if wait.window >= 60 else f"{wait.window:g} seconds"
        quota = f" ({wait.quota:,} in {window})"
    token = "" if with_token else " With a token (HF_TOKEN) it is larger."
    return f"Waiting {long} until {host} takes requests again: its quota for {of}{quota} is used up.{token}"


def sync(selection: Selection, extent: Extent, teller: Teller) -> tuple[Counts, str]:
    """Bring a selection up to date; returns what came of it, and why it ended too early, if it did.

    Raises :class:`~compat.ingest.lease.TakenError` where another process is at the same selection.
    """
    key = selection.key(settings.HUB.endpoint)
    row, _ = HubSelection.objects.get_or_create(key=key, defaults={"name": str(selection)[:300]})
    dead = lease.take_patiently(row)
    run = start_run(f"{settings.HUB.host}: {selection}", "hub", selection=row, dead=dead)
    doing = _Sync(selection, extent, _NotingTeller(teller, run), row, run)
    error = "It was interrupted."
    try:
        with collected_rarely():
            run_to_end(doing.go)
        error = ""
    except HubError as problem:
        error = str(problem)
    except lease.LostError:
        error = "Another process has taken over this selection."
    finally:
        with transaction.atomic():
            finish_run(run, doing.counts, error)
            lease.leave(row.pk)
    return doing.counts, error
