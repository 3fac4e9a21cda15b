"""One GET to the Hub, made safely: paced, retried, bounded, and never with the token to a stranger."""

from __future__ import annotations

import asyncio
import re
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Self

import httpx

from compat.hub.errors import HubBadPayload, HubOffline, HubUnavailable
from compat.hub.failures import HANDLED, Refusal, Subject, error_of_answer, error_of_exception, login_page
from compat.hub.payloads import decode_json
from compat.hub.rate_limit_budget import Pace, Patience, Slot, parse_allowance
from compat.hub.retry import retry_after, with_retries
from compat.hub.settings import HubSettings

_FILE_HOSTS = ("huggingface.co", "hf.co")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 5
_MAX_REASON_BYTES = 16 * 1024
_WEB_PAGE = re.compile(rb"\s*<(?:!doctype|!--|html|head|\?xml)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes of a file that are wanted: so many from a start."""

    start: int
    length: int

    @property
    def header(self) -> str:
        """As the ``Range`` header wants it, with both ends included."""
        return f"bytes={self.start}-{self.start + self.length - 1}"


@dataclass(frozen=True, slots=True)
class Question:
    """What to get: the address, the bucket it counts in, what it is about, and which bytes (None: all).

    ``booked`` is called when the request has its place in the quota and is about to be sent.
    """

    url: str
    bucket: str
    subject: Subject
    span: Span | None = None
    booked: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A success: its status, headers, address (of the last redirect) and unpacked body."""

    status: int
    headers: httpx.Headers
    url: httpx.URL
    body: bytes


@dataclass(slots=True)
class _Effort:
    """What one question may still take: the waits that the Hub asks for, and the seconds of all its answers."""

    patience: Patience
    seconds: float


class Transport:
    """The connections to one Hub, paced by ``pace``; an async context manager."""

    def __init__(
        self,
        settings: HubSettings,
        pace: Pace,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._settings, self._pace = settings, pace
        self._home = httpx.URL(settings.endpoint)
        self._spent = 0.0
        self._http = httpx.AsyncClient(
            transport=transport,
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # none is kept
            headers={"User-Agent": settings.user_agent, "Accept": "*/*"},
            timeout=httpx.Timeout(settings.read_timeout, connect=settings.connect_timeout, pool=None),
            limits=httpx.Limits(max_connections=settings.max_connections),
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                await self._pace.settle()
        finally:
            self._pace.abandon()
            await self._http.__aexit__(kind, error, trace)

    def is_home(self, url: httpx.URL) -> bool:
        """Whether an address is the endpoint's own host: the only place that may see the token."""
        if url.host != self._home.host or url.scheme not in {"http", "https"}:
            return False
        if url.scheme == self._home.scheme:
            return _port(url) == _port(self._home)
        return url.scheme == "https" and _port(url) == 443 and _port(self._home) == 80

    async def get(self, question: Question) -> Answer:
        """The answer to a question, after redirects and retries; else an error of the Hub's tree."""
        if self._settings.offline:
            raise HubOffline(
                f"This site runs offline, so {self._settings.host} was not asked for {question.subject}. "
                "Unset HF_HUB_OFFLINE to let it ask."
            )
        effort = _Effort(Patience(self._settings.max_wait), self._settings.total_timeout)
        return await with_retries(lambda: self._follow(question, effort), self._settings)

    async def _follow(self, question: Question, effort: _Effort) -> Answer:
        url = httpx.URL(question.url)
        for _ in range(_MAX_REDIRECTS + 1):
            answer = await self._hop(url, question, effort)
            if answer.status not in _REDIRECTS:
                return answer
            url = self._redirected(answer, question)
        raise HubBadPayload(f"{self._settings.host} redirects {question.subject} without end.")

    def _redirected(self, answer: Answer, question: Question) -> httpx.URL:
        try:
            url = answer.url.join(answer.headers.get("location", ""))
        except (httpx.InvalidURL, ValueError):
            raise HubBadPayload(f"{self._settings.host} redirects {question.subject} to no web address.") from None
        if self.is_home(url) or (question.bucket == "resolvers" and _is_file_host(url)):
            return url
        raise HubUnavailable(
            f"{self._settings.host} redirects {question.subject} to {url.host[:100]!r}, which is not "
            "followed. Check HF_ENDPOINT, or whether this network asks for a login."
        )

    async def _hop(self, url: httpx.URL, question: Question, effort: _Effort) -> Answer:
        if not self.is_home(url):
            return await self._exchange(url, question, None, effort)
        async with self._pace.slot(question.bucket, effort.patience) as slot:
            if question.booked:
                question.booked()
            return await self._exchange(url, question, slot, effort)

    async def _exchange(self, url: httpx.URL, question: Question, slot: Slot | None, effort: _Effort) -> Answer:
        """One request and its answer; ``slot`` is None away from home, where neither pace nor token apply."""
        most = self._settings.most_seconds
        allowed = min(effort.seconds, effort.seconds if most is None else most - self._spent)
        if allowed <= 0:
            raise HubUnavailable(f"{self._settings.host} took too long to answer. Try again later.")
        begun = time.monotonic()
        try:
            async with asyncio.timeout(allowed):
                request = self._http.build_request(
                    "GET", url, headers=self._headers(question, at_home=slot is not None)
                )
                response = await self._http.send(request, stream=True)
                try:
                    return await self._judge(response, question, slot)
                finally:
                    await response.aclose()
        except HANDLED as error:
            raise error_of_exception(error, self._settings) from error
        finally:
            effort.seconds -= time.monotonic() - begun
            self._spent += time.monotonic() - begun

    def _headers(self, question: Question, *, at_home: bool) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity" if question.span else "gzip, deflate"}
        if question.span:
            headers["Range"] = question.span.header
        if at_home and self._settings.token:
            headers["Authorization"] = f"Bearer {self._settings.token}"
        return headers

    async def _judge(self, response: httpx.Response, question: Question, slot: Slot | None) -> Answer:
        status = response.status_code
        if slot and response.is_success:
            slot.hear(response.headers)
        elif slot:
            await slot.heard(response.headers)
        if status in _REDIRECTS or (status == 416 and question.span):
            return Answer(status, response.headers, response.url, b"")
        if not 200 <= status < 300:
            raise await self._refusal(response, question, slot)
        if question.span:
            body = await self._read_span(response, question.span, question)
        else:
            body = await self._read_whole(response, question)
        return Answer(status, response.headers, response.url, body)

    async def _refusal(self, response: httpx.Response, question: Question, slot: Slot | None) -> Exception:
        headers, status = response.headers, response.status_code
        # A pause of no seconds is none: who keeps to it asks again and again.
        pause = retry_after(headers) or None
        allowance = parse_allowance(headers, question.bucket)
        if status == 429 and allowance and allowance.left == 0:
            pause = max(pause or 0.0, allowance.resets_in)
        if slot and pause is not None and status in {429, 503}:
            await slot.hold(pause, failure=status != 429)
        said = _reason(await _read(response, _MAX_REASON_BYTES))
        return error_of_answer(Refusal(status, headers, said, question.bucket, pause), question.subject, self._settings)

    async def _read_whole(self, response: httpx.Response, question: Question) -> bytes:
        limit = self._settings.max_response_bytes
        body = await _read(response, limit + 1)
        if len(body) > limit:
            raise HubBadPayload(
                f"{self._settings.host} sent more than {limit:,} bytes for {question.subject}: too many."
            )
        return body

    async def _read_span(self, response: httpx.Response, span: Span, question: Question) -> bytes:
        host, subject = self._settings.host, question.subject
        if _encoding(response) != "identity":
            raise HubBadPayload(f"{host} packed a part of {subject} that was asked for as it is.")
        if response.status_code == 206:
            expected = _span_length(response.headers.get("content-range", ""), span)
            if expected is None:
                raise HubBadPayload(f"{host} sent another part of {subject} than was asked for.")
            body = await _read(response, expected)
            if len(body) < expected:
                raise httpx.RemoteProtocolError("the part ended early")
            return body
        if span.start:
            raise HubUnavailable(f"{host} cannot send parts of {subject}: it ignores the Range header.")
        body = await _read(response, span.length)
        if _WEB_PAGE.match(body):
            raise login_page(subject, self._settings)
        return body


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _is_file_host(url: httpx.URL) -> bool:
    return (
        url.scheme == "https"
        and _port(url) == 443
        and any(url.host == host or url.host.endswith("." + host) for host in _FILE_HOSTS)
    )


def _span_length(content_range: str, asked: Span) -> int | None:
    """The bytes that a ``Content-Range`` promises; None if they are not the ones asked for."""
    unit, _, rest = content_range.strip().partition(" ")
    first, _, last = rest.partition("/")[0].partition("-")
    if unit.lower() != "bytes" or not all(
        text.isascii() and text.isdigit() and len(text) < 20 for text in (first, last)
    ):
        return None
    length = int(last) - int(first) + 1
    return length if int(first) == asked.start and 0 < length <= asked.length else None


def _encoding(response: httpx.Response) -> str:
    return response.headers.get("content-encoding", "").strip().lower() or "identity"


async def _read(response: httpx.Response, limit: int) -> bytes:
    """The unpacked body, cut at ``limit`` bytes: no more is ever held, however well it was packed."""
    encoding = _encoding(response)
    if encoding not in {"identity", "gzip", "x-gzip", "deflate"}:
        raise httpx.DecodingError(f"unexpected content encoding {encoding[:40]!r}")
    unpacker = None if encoding == "identity" else zlib.decompressobj(wbits=47)  # 47: gzip or zlib, told by its header
    body, received = bytearray(), 0
    async for chunk in response.aiter_raw():
        received += len(chunk)
        room = limit - len(body)
        body += chunk[:room] if unpacker is None else _unpack(unpacker, chunk, room)
        if len(body) >= limit or received >= limit:
            break
        if unpacker is not None and unpacker.eof:
            break
    else:
        if unpacker is not None and received and not unpacker.eof:
            raise httpx.RemoteProtocolError("the packed body ended early")
    return bytes(body)


def _unpack(unpacker: zlib._Decompress, chunk: bytes, room: int) -> bytes:
    try:
        return unpacker.decompress(chunk, room)
    except zlib.error as error:
        raise httpx.DecodingError(str(error)) from error


def _reason(body: bytes) -> str:
    """The ``error`` of a JSON body; empty where there is none."""
    try:
        said = decode_json(body)
    except HubBadPayload:
        return ""
    text = said.get("error") if isinstance(said, dict) else None
    return text if isinstance(text, str) else ""
