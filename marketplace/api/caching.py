"""Conditional requests: an answer's tag is made of all it depends on, so that an unchanged one is not made again."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.cache import get_conditional_response
from django.utils.http import http_date, parse_etags

from compat.catalogue import catalogue_state
from compat.catalogue.workers import Worker
from compat.rules import rules_version
from marketplace import VERSION
from marketplace.page_cache import may_be_kept

from .parameters import available_workers

CACHE_CONTROL = "public, max-age=60, stale-while-revalidate=600"
_MADE_OF = "_api_made_of"


def made_of(request: HttpRequest, *parts: object) -> None:
    """Note what else the answer is made of that changes without the catalogue's version, times among it.

    Its tag is then one that only the view can make: the client's is compared after it.
    """
    setattr(request, _MADE_OF, parts)


def _tag(request: HttpRequest, version: int, changed: object, workers: Mapping[str, Worker]) -> str:
    known = [(one.slug, one.name, rules_version(one.profile), one.machine, one.options) for one in workers.values()]
    # A tag does not outlive a record's freshness, so that a client which always asks for changes finds stale ones.
    period = int(time.time()) // max(1, settings.RECORD_TTL // 4)
    more = getattr(request, _MADE_OF, ())
    asked = (request.get_full_path(), request.get_host())
    parts = repr((VERSION, version, changed, more, period, *asked, known))
    return f'"{hashlib.blake2b(parts.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()}"'


def answer_conditionally(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Answer 304 where the client already has this answer; give every good answer its tag, date and lifetime."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        version, changed, _ = catalogue_state()
        tag = _tag(request, version, changed, available_workers(request))
        known = {one.removeprefix("W/") for one in parse_etags(request.headers.get("If-None-Match", ""))}
        if tag in known:
            # Only good answers carry a tag, so this question was a good one.
            return _labelled(HttpResponseNotModified(), tag, changed)
        response = view(request, *args, **kwargs)
        if hasattr(request, _MADE_OF):
            tag = _tag(request, version, changed, available_workers(request))
            times = [part for part in getattr(request, _MADE_OF) if isinstance(part, datetime)]
            changed = max(filter(None, (changed, *times)), default=None)
        if response.status_code != 200:
            response.headers.setdefault("Cache-Control", "no-store")
            return response
        may_be_kept(_labelled(response, tag, changed))
        moment = int(changed.timestamp()) if changed else None
        found = get_conditional_response(request, etag=tag, last_modified=moment, response=response)
        return found if isinstance(found, HttpResponse) else response

    return answered


def _labelled(response: HttpResponse, tag: str, changed: Any) -> HttpResponse:
    response.headers["ETag"] = tag
    response.headers["Cache-Control"] = CACHE_CONTROL
    if changed:
        response.headers["Last-Modified"] = http_date(changed.timestamp())
    return response
