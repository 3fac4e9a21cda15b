"""Answers kept for whoever asks the same again: whole, compressed, with their headers.

What may be kept says so itself (:func:`may_be_kept`). An answer is good for the catalogue's version it was made of, and
for a minute at most, because pages tell how long ago something was. Each process keeps its own, bounded in bytes; where
there is a Redis, processes find there what another one made.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from http.cookies import SimpleCookie
from threading import Event, Lock
from typing import Any, NamedTuple, TypeVar

from django.conf import settings
from django.core.cache import BaseCache, caches
from django.core.exceptions import MiddlewareNotUsed
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import re_accepts_gzip
from django.utils.cache import get_conditional_response
from django.utils.http import parse_http_date_safe
from django.utils.translation import get_language

from compat.catalogue import catalogue_state
from compat.models import Catalogue
from marketplace.cookies import MACHINES as MACHINES_COOKIE
from marketplace.cookies import WORKER as WORKER_COOKIE

from . import VERSION
from .freshness import leaves_work

T = TypeVar("T")
log = logging.getLogger(__name__)

SECONDS = 60
"""How old an answer may be."""
LARGEST = 1024 * 1024
"""Bytes of the largest answer that is kept."""
LONGEST = 2000
"""Letters that may tell one answer from another; of longer addresses none is kept."""
PATIENCE = 5.0
"""Seconds for which a request waits for another one to make the same answer, before it makes its own."""
PAUSE = 10.0
"""Seconds for which a Redis that failed is not asked."""
LOG_EVERY = 600.0
"""Seconds between two lines in the log about that."""
FORM = 1
"""The form of what is kept: another number, and what processes of another release left in Redis is not read."""
_ALONE = 400
"""Bytes that an answer takes beside its body and headers, about."""
_ANEW = "/healthz", "/fetch/", "/log/", "/machine/read/", "/admin/"
"""Where nothing is kept, so that nobody need look."""
_CONDITIONS = "HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE"
_MAY = "may_be_kept"


def may_be_kept(response: HttpResponse) -> None:
    """Say that an answer is the same for everybody who asks so (:func:`key_of`), and for a minute.

    ``Cache-Control: no-store`` takes it back.
    """
    setattr(response, _MAY, True)


class Kept(NamedTuple):
    """An answer as it was sent first."""

    headers: tuple[tuple[str, str], ...]
    body: bytes
    made: float
    """When, in seconds since 1970."""
    worker: SimpleCookie | None
    """The cookie that remembers the worker which the address told: no more personal than the address."""

    @property
    def size(self) -> int:
        """Bytes, about."""
        return _ALONE + len(self.body) + sum(len(name) + len(value) for name, value in self.headers)

    def response(self) -> HttpResponse:
        """The answer again, and how old it is."""
        found = HttpResponse(self.body, headers=dict(self.headers))
        found.headers["Age"] = str(max(0, int(time.time() - self.made)))
        if self.worker:
            found.cookies.load(self.worker)
        return found


def key_of(request: HttpRequest) -> str | None:
    """What an answer depends on, as a digest; None for requests that are always answered anew.

    These are: host and address, the language, whether gzip is understood, the worker and the machines of the cookies,
    all that htmx tells of itself, the catalogue's version, and this release. One query.
    """
    meta, cookies = request.META, request.COOKIES
    if request.method not in ("GET", "HEAD") or request.path_info.startswith(_ANEW):
        return None
    if not {settings.SESSION_COOKIE_NAME, "messages"}.isdisjoint(cookies):
        return None
    parts = (
        (request.scheme, meta.get("HTTP_HOST", ""), request.path_info, request.GET.urlencode()),
        get_language(),
        bool(re_accepts_gzip.search(meta.get("HTTP_ACCEPT_ENCODING", ""))),
        cookies.get(WORKER_COOKIE, ""),
        cookies.get(MACHINES_COOKIE, ""),
        sorted(item for item in meta.items() if item[0].startswith("HTTP_HX_")),
    )
    told = repr(parts)
    if len(told) > LONGEST:
        return None
    try:
        version = Catalogue.current_version()
    except DatabaseError:
        # Whoever answers says so.
        return None
    whole = repr((FORM, VERSION, version, told)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(whole, digest_size=18).hexdigest()


def kept_of(request: HttpRequest, response: HttpResponseBase) -> Kept | None:
    """What to keep of an answer, if it may be."""
    if (
        not isinstance(response, HttpResponse)
        or not getattr(response, _MAY, False)
        or response.status_code != 200
        or request.META["REQUEST_METHOD"] != "GET"
        or "no-store" in response.headers.get("Cache-Control", "")
        or not response.cookies.keys() <= {WORKER_COOKIE}
        or leaves_work(request)
        or len(response.content) > LARGEST
    ):
        return None
    return Kept(tuple(response.items()), response.content, time.time(), response.cookies or None)


class Memory:
    """A process's answers: the least asked for go first where there are more than ``most`` bytes."""

    def __init__(self, most: int) -> None:
        self.most, self.size = most, 0
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._kept)

    def get(self, key: str) -> Kept | None:
        """An answer that is not too old."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            if not _is_new(found):
                self._drop(key)
                return None
            self._kept.move_to_end(key)
            return found

    def put(self, key: str, kept: Kept) -> None:
        """Keep an answer."""
        with self._lock:
            if key in self._kept:
                self._drop(key)
            self._kept[key] = kept
            self.size += kept.size
            while self.size > self.most:
                self._drop(next(iter(self._kept)))

    def _drop(self, key: str) -> None:
        self.size -= self._kept.pop(key).size


def _is_new(kept: Kept) -> bool:
    return 0 <= time.time() - kept.made < SECONDS


class Shared:
    """The answers of all processes, in Redis. While that fails each process has its own alone."""

    def __init__(self) -> None:
        from redis.exceptions import RedisError

        self._failures = RedisError
        self._asked_again, self._told = 0.0, -LOG_EVERY

    def get(self, key: str) -> Kept | None:
        """An answer that is not too old."""
        found = self._asked(lambda cache: cache.get(f"page:{key}"))
        return found if isinstance(found, Kept) and _is_new(found) else None

    def put(self, key: str, kept: Kept) -> None:
        """Keep an answer; Redis drops it by itself."""
        self._asked(lambda cache: cache.set(f"page:{key}", kept, SECONDS))

    def _asked(self, question: Callable[[BaseCache], T]) -> T | None:
        now = time.monotonic()
        if now < self._asked_again:
            return None
        try:
            return question(caches["default"])
        except self._failures as error:
            self._asked_again = now + PAUSE
            if now - self._told >= LOG_EVERY:
                self._told = now
                log.warning("The Redis that keeps answers failed (%s). Each process keeps its own.", error)
            return None


class PageCacheMiddleware:
    """Answers what was asked a moment ago from memory.

    Further out stand only those who look at each request: the security headers, and the API's rates.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        if not settings.PAGE_CACHE_MB:
            raise MiddlewareNotUsed
        self._get_response = get_response
        self.memory = Memory(settings.PAGE_CACHE_MB * 1024 * 1024)
        self._shared = Shared() if settings.REDIS_URL else None
        self._making: dict[str, Event] = {}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """One request."""
        key = key_of(request)
        if key is None:
            return self._get_response(request)
        kept = self._find(key)
        if kept is None:
            mine = Event()
            first = self._making.setdefault(key, mine)
            if first is mine:
                try:
                    return self._make(request, key)
                finally:
                    del self._making[key]
                    mine.set()
            first.wait(PATIENCE)
            kept = self.memory.get(key)
        return _conditional(request, kept.response()) if kept else self._make(request, key)

    def _find(self, key: str) -> Kept | None:
        kept = self.memory.get(key)
        if kept is None and self._shared:
            kept = self._shared.get(key)
            if kept:
                self.memory.put(key, kept)
        return kept

    def _make(self, request: HttpRequest, key: str) -> HttpResponseBase:
        # The API tells by its tag alone that nothing changed. A page is made all the same: then to be kept.
        asked = {} if request.path_info.startswith("/api/") else _without_conditions(request)
        newest = _is_newest()
        response = self._get_response(request)
        request.META.update(asked)
        kept = kept_of(request, response) if newest else None
        if kept:
            self.memory.put(key, kept)
            if self._shared:
                self._shared.put(key, kept)
        return _conditional(request, response) if asked and isinstance(response, HttpResponse) else response


def _is_newest() -> bool:
    """Whether answers are made of the catalogue as it is: for a moment after a change they are made of what it was."""
    try:
        return catalogue_state().newest
    except DatabaseError:
        return False


def _without_conditions(request: HttpRequest) -> dict[str, Any]:
    """Take out what asks for an answer only if it is another one; returns that."""
    asked = {name: request.META.pop(name) for name in _CONDITIONS if name in request.META}
    # Made from META when it is first looked at.
    request.__dict__.pop("headers", None)
    return asked


def _conditional(request: HttpRequest, response: HttpResponse) -> HttpResponseBase:
    """The answer, or 304 where the client has it already."""
    if response.status_code != 200:
        return response
    modified = response.headers.get("Last-Modified")
    found = get_conditional_response(
        request,
        etag=response.headers.get("ETag"),
        last_modified=parse_http_date_safe(modified) if modified else None,
        response=response,
    )
    return found if isinstance(found, HttpResponse) else response
