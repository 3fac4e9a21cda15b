"""Feeds, sitemap and robots.txt of the exported site: the running site's own, about the exported models."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.contrib.sites.requests import RequestSite
from django.http import HttpRequest
from django.template.loader import render_to_string

from compat.catalogue import ListPage
from marketplace.feeds import NEWEST, Channel, ModelFeed, list_models, new_models
from marketplace.sitemaps import Lists, Models, Pages, rules

from .edition import browse_path
from .render import Renderer

_NOWHERE = "http://nowhere.invalid/"
"""Stands for the site's address where that is not told."""


class _Place(HttpRequest):
    """A request for a file of the site, as Django's frameworks want one to make addresses whole."""

    def __init__(self, base: str, path: str) -> None:
        super().__init__()
        self._base = urlsplit(base)
        self.path = self._base.path + path

    def get_host(self) -> str:
        """The site's host; whether this process may answer for it is no matter."""
        return self._base.netloc

    def _get_scheme(self) -> str:
        return self._base.scheme


class Channels:
    """Makes what feed readers and search engines ask for."""

    def __init__(self, renderer: Renderer) -> None:
        self._catalogue, self._renderer = renderer.catalogue, renderer
        self._base = renderer.base or _NOWHERE

    def _address(self, name: str, *args: str) -> str:
        """The address of a page on the site's host."""
        path = self._renderer.edition.path(name, *args)
        return path if "://" in path else urlsplit(self._base).path + path

    def newest(self) -> str:
        """The newest models that run on the default engine. Models of unknown age are left out."""
        dated = [entry for entry in self._catalogue.entries if entry.runs and entry.record.created]
        newest = sorted(dated, key=lambda entry: (-entry.record.created.timestamp(), entry.place))[:NEWEST]  # type: ignore[union-attr] # dated
        channel = new_models(self._catalogue.rows(newest), self._catalogue.workers[0], self._address)
        return self._feed(channel, "feed.xml")

    def curated(self, page: ListPage) -> str:
        """One curated list."""
        return self._feed(list_models(page, self._address), f"lists/{page.curated.slug}/feed.xml")

    def _feed(self, channel: Channel, path: str) -> str:
        feed = ModelFeed(self._address).get_feed(channel, _Place(self._base, path))
        return self._placed(feed.writeString("utf-8"))

    def sitemap(self) -> str:
        """Every page, with the day its model last changed where the Hub told it."""
        models = [(entry.record.repo_id, entry.record.modified) for entry in self._catalogue.entries]
        sections = (
            Pages(("home", "browse", "lists", "report", "search"), self._address),
            Pages(list(map(browse_path, self._renderer.pages[1:])), (urlsplit(self._base).path + "{}").format),
            Lists(self._address),
            Models(models, self._address),
        )
        place = _Place(self._base, "sitemap.xml")
        urls = [url for section in sections for url in section.get_urls(site=RequestSite(place), protocol=place.scheme)]
        return self._placed(render_to_string("sitemap.xml", {"urlset": urls}))

    def robots(self) -> str:
        """Everything may be crawled."""
        return rules(f"{self._renderer.base}sitemap.xml" if self._renderer.base else "")

    def _placed(self, text: str) -> str:
        return text.replace(_NOWHERE, "/")
