"""What search engines are told: every page, by sitemaps, and what not to crawl, by ``robots.txt``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TypeAlias

from django.contrib.sitemaps import Sitemap
from django.core.paginator import EmptyPage
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from compat.models import CuratedList, ModelRecord

from .feeds import Addresses, address

AT_ONCE = 10_000
"""So many ids make a page of the models' sitemap; the protocol allows 50,000 addresses."""
PAGES = ("home", "browse", "lists", "report", "workers", "accuracy", "api-docs")
Model: TypeAlias = tuple[str, datetime | None]
"""A model's id, and when it last changed on the Hub."""


class Pages(Sitemap[str]):
    """The pages there is one of, by the names of their routes."""

    def __init__(self, names: Sequence[str] = PAGES, address_of: Addresses = address) -> None:
        self._names, self._address_of = names, address_of

    def items(self) -> list[str]:
        """The names."""
        return list(self._names)

    def location(self, item: str) -> str:
        """The page's address."""
        return self._address_of(item)


class Lists(Sitemap[str]):
    """The published lists, by slug."""

    def __init__(self, address_of: Addresses = address) -> None:
        self._address_of = address_of

    def items(self) -> list[str]:
        """The slugs. One query."""
        return list(
            CuratedList.objects.filter(published=True).order_by("position", "id").values_list("slug", flat=True)
        )

    def location(self, item: str) -> str:
        """The list's page."""
        return self._address_of("list", item)


class Models(Sitemap[Model]):
    """Some models, or all of the catalogue in pages by id: a page is one walk along the key, however far it begins."""

    def __init__(self, models: Iterable[Model] | None = None, address_of: Addresses = address) -> None:
        self._models, self._address_of = models, address_of

    def items(self) -> list[Model]:
        """The given models."""
        return list(self._models or ())

    @property
    def paginator(self) -> PagesById:  # type: ignore[override] # all that sitemaps ask of one
        """The pages of the whole catalogue, or the given models as one."""
        return PagesById(None if self._models is None else self.items())

    def location(self, item: Model) -> str:
        """The model's page."""
        return self._address_of("detail", item[0])

    def lastmod(self, item: Model) -> datetime | None:
        """When it last changed on the Hub."""
        return item[1]

    def get_latest_lastmod(self) -> None:
        """Not told: it would be a look at every model."""


class PagesById:
    """The catalogue in pages of ids, in the form of a paginator. A page may be short, or empty, where ids are gone."""

    def __init__(self, given: list[Model] | None) -> None:
        self._given = given

    @cached_property
    def num_pages(self) -> int:
        """How many pages there are; one query."""
        if self._given is not None:
            return 1
        last: int = ModelRecord.objects.aggregate(last=Max("pk"))["last"] or 0
        return last // AT_ONCE + 1

    def page(self, number: int | str) -> PageOfIds:
        """One page; raises :class:`~django.core.paginator.EmptyPage` for a number that there is not."""
        if not str(number).isdecimal() or not 1 <= int(number) <= self.num_pages:
            raise EmptyPage(f"There is no page {number}.")
        return PageOfIds(self._given, int(number))


class PageOfIds:
    """One of the pages."""

    def __init__(self, given: list[Model] | None, number: int) -> None:
        self._given, self._number = given, number

    @property
    def object_list(self) -> Iterable[Model]:
        """Its models; one query."""
        if self._given is not None:
            return self._given
        start = (self._number - 1) * AT_ONCE
        found = ModelRecord.objects.filter(pk__gte=start, pk__lt=start + AT_ONCE, gone="").order_by("pk")
        return found.values_list("repo_id", "modified")


SITEMAPS: Mapping[str, type[Sitemap[str]] | type[Sitemap[Model]]] = {"pages": Pages, "lists": Lists, "models": Models}


def rules(sitemap: str, closed: Sequence[str] = ()) -> str:
    """A ``robots.txt``: where the sitemap is, and what is not to be crawled."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in closed), *([] if closed else ["Allow: /"])]
    return "\n".join([*lines, *(["", f"Sitemap: {sitemap}"] if sitemap else []), ""])


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """``/robots.txt``: models and lists, but not every list that filters can make, nor what is for programs."""
    closed = (f"{reverse('browse')}*?", reverse("fetch"), reverse("admin:index"), "/api/v1/", "/api/models")
    text = rules(request.build_absolute_uri(reverse("sitemaps")), closed)
    return HttpResponse(text, content_type="text/plain; charset=utf-8")
