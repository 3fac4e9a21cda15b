"""Atom feeds: new models that run, and every curated list. The running site and an export both answer with these."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from django.contrib.syndication.views import Feed
from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed

from compat import catalogue
from compat.catalogue import ListPage, Row
from compat.catalogue.current import current_index
from compat.catalogue.finding import Finding
from compat.catalogue.question import Question
from compat.catalogue.rows import records_by_id
from compat.catalogue.workers import Worker, workers
from compat.models import CuratedList

from .show import verdict_word

NEWEST = 50
HUB = "https://huggingface.co/"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""What XML cannot say."""

Addresses: TypeAlias = Callable[..., str]
"""The address of a page by its route's name and arguments, such as ``reverse`` is."""


def address(name: str, *args: str) -> str:
    """Where a page of the running site is."""
    return reverse(name, args=args)


Item: TypeAlias = tuple[Row, Worker]
"""A model, and the worker that its verdict is about."""


class Atom(Atom1Feed):
    """Atom that is the same each time: a feed without dates is not of now."""

    def latest_post_date(self) -> datetime:
        """When the newest entry changed."""
        dated = any(item["pubdate"] or item["updateddate"] for item in self.items)
        return super().latest_post_date() if dated else _NEVER


@dataclass(frozen=True)
class Channel:
    """What a feed is made of."""

    title: str
    subtitle: str
    page: str
    worker: Worker
    rows: Sequence[Row]


class ModelFeed(Feed[Item, Channel]):
    """Models as entries: the verdict on the site's first worker, and the curator's note."""

    feed_type = Atom
    author_name = "RunsHere"

    def __init__(self, address_of: Addresses = address) -> None:
        self._address_of = address_of

    def title(self, channel: Channel) -> str:
        """The feed's title."""
        return _text(channel.title)

    def subtitle(self, channel: Channel) -> str:
        """What is in it."""
        return _text(channel.subtitle)

    def link(self, channel: Channel) -> str:
        """The page that shows the same."""
        return channel.page

    def items(self, channel: Channel) -> list[Item]:
        """The models, each with the worker of its verdict."""
        return [(row, channel.worker) for row in channel.rows]

    def item_title(self, item: Item) -> str:
        """The repository's id."""
        return item[0].record.repo_id

    def item_description(self, item: Item) -> str:
        """The verdict in a sentence, and the note."""
        row, worker = item
        brief = f": {row.result.brief}" if row.result.brief else ""
        return _text(f"{verdict_word(row.result)} on {worker.name}{brief}. {row.note}".rstrip())

    def item_link(self, item: Item) -> str:
        """The model's page."""
        return self._address_of("detail", item[0].record.repo_id)

    def item_guid(self, item: Item) -> str:
        """The same on every site: the model's address on the Hub."""
        return HUB + item[0].record.repo_id

    def item_pubdate(self, item: Item) -> datetime | None:
        """When it appeared on the Hub, where that is told."""
        return item[0].record.created

    def item_updateddate(self, item: Item) -> datetime | None:
        """When it last changed there."""
        record = item[0].record
        return max(filter(None, (record.modified, record.created)), default=None)


def _text(text: str) -> str:
    return _NO_TEXT.sub("", text)


def new_models(rows: Sequence[Row], worker: Worker, address_of: Addresses = address) -> Channel:
    """The feed of new models that run."""
    subtitle = f"The {NEWEST} newest models that run on {worker.name}, newest first"
    return Channel("RunsHere: new models that run", subtitle, address_of("home"), worker, rows)


def list_models(page: ListPage, address_of: Addresses = address) -> Channel:
    """The feed of a curated list, in the curator's order."""
    title, where = f"RunsHere: {page.curated.title}", address_of("list", page.curated.slug)
    return Channel(title, page.curated.description, where, page.worker, page.rows)


class NewModels(ModelFeed):
    """``/feed.xml``"""

    def get_object(self, request: HttpRequest) -> Channel:
        """The newest models that run on the site's first worker. At most eight queries."""
        available = workers()
        worker = next(iter(available.values()))
        found = Finding(current_index(), Question(sort="created"), worker)
        records = records_by_id(found.ids(0, NEWEST))
        dated = [record for record in records if record.created]
        return new_models(catalogue.rows_of(dated, worker) if dated else [], worker)


class ListModels(ModelFeed):
    """``/lists/<slug>/feed.xml``"""

    def get_object(self, request: HttpRequest, slug: str) -> Channel:
        """A published list. Five queries."""
        try:
            return list_models(catalogue.curated_list(slug))
        except CuratedList.DoesNotExist:
            raise Http404(f"There is no list “{slug}”.") from None
