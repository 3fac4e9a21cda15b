"""The environment of the site's templates: what they may call, and how they write addresses.

Templates are Jinja's; the admin's own stay Django's. A new filter or function is a line here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Protocol

from django.template import defaultfilters
from django.templatetags.static import static
from django.urls import get_script_prefix, reverse
from django_htmx.jinja import htmx_script
from jinja2 import Environment

from compat.facets import license_label
from compat.metadata.extract import format_label
from compat.metadata.languages import language_label
from compat.metadata.task import task_label

from . import show

FILTERS = {
    "ago": show.ago,
    "capfirst": defaultfilters.capfirst,
    "code_spans": show.code_spans,
    "compact": show.compact,
    "count": show.count,
    "date": defaultfilters.date,
    "day": show.day,
    "error_share": show.error_share,
    "floatformat": defaultfilters.floatformat,
    "format_label": format_label,
    "gib": show.gib,
    "kilo": show.kilo,
    "language_label": language_label,
    "level_class": show.level_class,
    "license_label": license_label,
    "linebreaksbr": defaultfilters.linebreaksbr,
    "percent": show.percent,
    "pluralize": defaultfilters.pluralize,
    "size": show.size,
    "task_label": task_label,
    "truncatechars": defaultfilters.truncatechars,
    "verdict_class": show.verdict_class,
    "verdict_word": show.verdict_word,
    "whole_need": show.whole_need,
}

FUNCTIONS = {
    "bar": show.bar,
    "comb": show.comb,
    "fact": show.fact,
    "fit_bar": show.fit_bar,
    "legend": show.legend,
    "memory_bar": show.memory_bar,
    "verdict_bar": show.verdict_bar,
}


class Addresses(Protocol):
    """How pages write addresses."""

    def page(self, name: str, *args: str) -> str:
        """The address of a page, by the name its route has."""

    def file(self, path: str) -> str:
        """The address of a style sheet, script or icon."""


class SiteAddresses:
    """The addresses of the running site."""

    def page(self, name: str, *args: str) -> str:
        """The address of a page, by the name its route has."""
        return _reversed(get_script_prefix(), name, args)

    def file(self, path: str) -> str:
        """The address of a static file."""
        return static(path)


@lru_cache(maxsize=4096)
def _reversed(prefix: str, name: str, args: tuple[str, ...]) -> str:
    """Found once for each name and argument; ``prefix`` is the path below which the site is served."""
    return reverse(name, args=args)


def environment(**options: Any) -> Environment:
    """The running site's environment; settings name it."""
    return environment_with(SiteAddresses(), **options)


def environment_with(addresses: Addresses, **options: Any) -> Environment:
    """An environment whose pages write addresses in this way."""
    made = Environment(**options)  # noqa: S701 - escaping is among the options
    icons = show.Icons(addresses.file)

    def browse_address(query: str) -> str:
        """The address of a list of models by its query string."""
        return addresses.page("browse") + (f"?{query}" if query else "")

    made.filters.update(FILTERS, browse_address=browse_address)
    made.globals.update(
        FUNCTIONS,
        url=addresses.page,
        static=addresses.file,
        icon=icons.icon,
        badge=icons.badge,
        htmx_script=htmx_script,
    )
    return made
