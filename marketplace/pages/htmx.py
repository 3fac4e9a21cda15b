"""Page or fragment: decided here and nowhere else."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.translation import get_language
from django_htmx.middleware import HtmxDetails

from marketplace.cookies import MACHINES as MACHINES_COOKIE
from marketplace.cookies import WORKER as WORKER_COOKIE
from marketplace.page_cache import may_be_kept


class HtmxHttpRequest(HttpRequest):
    """A request that has passed django-htmx's middleware."""

    htmx: HtmxDetails


def wants_fragment(request: HtmxHttpRequest) -> bool:
    """Whether htmx asks for a part of the page; history restores and links boosted to whole pages need all of it."""
    if not request.htmx or request.htmx.history_restore_request:
        return False
    return not request.htmx.boosted or bool(request.htmx.target)


def address_header(request: HtmxHttpRequest, address: str) -> str:
    """Push the address, or replace the last one: typing on in the search box refines one entry of the history."""
    try:
        here = urlsplit(request.htmx.current_url or "")
    except ValueError:
        # What a client made up is no address, and no address is where it is.
        here = urlsplit("")
    typing_on = request.htmx.trigger_name == "q" and "q" in parse_qs(here.query)
    same = f"{here.path}?{here.query}".rstrip("?") == address
    return "HX-Replace-Url" if typing_on or same else "HX-Push-Url"


def render_page(
    request: HtmxHttpRequest,
    template: str,
    context: dict[str, Any],
    *,
    fragment: str = "",
    status: int = 200,
    push: str = "",
) -> HttpResponse:
    """Render a page, or for htmx the template of a part of it. ``push`` is the address the browser should then show."""
    part = bool(fragment) and wants_fragment(request)
    response = render(request, fragment if part else template, {**context, "fragment": part}, status=status)
    if part and push:
        response[address_header(request, push)] = push
    return _labelled(request, response)


def unkept(response: HttpResponse) -> HttpResponse:
    """An answer that the next one may differ from at any moment: no cache may keep it."""
    response["Cache-Control"] = "no-store"
    del response["CDN-Cache-Control"]
    return response


SHARED = "public, max-age=0, s-maxage=60"
"""Browsers ask each time (an unchanged page costs them a 304); a cache in front may answer for a minute."""
BEHIND = "public, max-age=60, stale-while-revalidate=172800"
"""The same for caches that know RFC 9213: for two days they may answer first and ask for a newer page afterwards."""


def _labelled(request: HtmxHttpRequest, response: HttpResponse) -> HttpResponse:
    """Say what caches may do. A page for somebody with a cookie of ours is theirs alone, and so is what htmx asks for
    and a page in another language than English.

    ``Vary`` would do for caches that heed it; the large ones in front of sites do not.
    """
    patch_vary_headers(response, ["HX-Request", "Cookie"])
    ours = {settings.SESSION_COOKIE_NAME, "messages", WORKER_COOKIE, MACHINES_COOKIE, settings.LANGUAGE_COOKIE_NAME}
    if request.htmx or get_language() != settings.LANGUAGE_CODE or not ours.isdisjoint(request.COOKIES):
        response["Cache-Control"] = "private, no-cache"
    elif response.status_code == 200:
        response["Cache-Control"] = SHARED
        response["CDN-Cache-Control"] = BEHIND
    may_be_kept(response)
    return response
