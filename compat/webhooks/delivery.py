"""One request to a receiver, bounded in time and size. Only the ``tasks`` process loads this: it speaks HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Thread

import httpx

from compat.hub.retry import retry_after

TIMEOUT = 10.0
"""Seconds for everything: connecting, sending, and reading the beginning of the answer."""
MOST_READ = 4096
"""Bytes of an answer that are read; the connection is closed after them."""
MOST_SHOWN = 500
_GRACE = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request. ``status`` is None where none came; ``error`` is empty where the event was taken.

    ``pause`` is the seconds the receiver asks to be left alone, ``duration`` the seconds the request took.
    """

    status: int | None = None
    text: str = ""
    error: str = ""
    pause: float | None = None
    duration: float | None = None


def post_body(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send a body as it is; never raises for what the other side does, and follows no redirect.

    In a thread of its own, which is left alone where the name's lookup, which nothing can break off, takes too long.
    """
    answers: list[Answer] = []
    asking = Thread(target=lambda: answers.append(asyncio.run(_post(url, body, headers))), daemon=True)
    start = time.monotonic()
    asking.start()
    asking.join(TIMEOUT + _GRACE)
    if answers:
        return answers[0]
    return Answer(error=f"No answer within {TIMEOUT:g} seconds.", duration=time.monotonic() - start)


async def _post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    start = time.monotonic()
    heard: list[httpx.Response] = []
    text = bytearray()
    error = ""
    try:
        async with (
            asyncio.timeout(TIMEOUT),
            httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False, trust_env=False) as client,
            client.stream("POST", url, content=body, headers=_headers(headers)) as response,
        ):
            heard.append(response)
            async for chunk in response.aiter_raw():
                text += chunk[: MOST_READ - len(text)]
                if len(text) >= MOST_READ:
                    break
    except (TimeoutError, httpx.TimeoutException):
        error = f"No answer within {TIMEOUT:g} seconds."
    except httpx.ConnectError as problem:
        error = f"No connection: {problem}"
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as problem:
        error = f"The connection broke: {problem}"
    duration = time.monotonic() - start
    if not heard:
        return Answer(error=error[:300], duration=duration)
    # Once the status is there the receiver has decided, whatever becomes of the rest of its answer.
    response = heard[0]
    return Answer(
        status=response.status_code,
        text=_shown(bytes(text)),
        error=_meaning(response),
        pause=retry_after(response.headers),
        duration=duration,
    )


def _headers(own: Mapping[str, str]) -> dict[str, str]:
    return {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "RunsHere-Webhooks/1",
        "Accept-Encoding": "identity",
        **own,
    }


def _meaning(response: httpx.Response) -> str:
    """What an answer's status says against it; empty for a success."""
    status = response.status_code
    if 200 <= status < 300:
        return ""
    if 300 <= status < 400:
        where = _shown(response.headers.get("location", "").encode())[:150] or "another address"
        return f"It redirects ({status}) to {where}, which is not followed. Tell the webhook that address instead."
    if status == 410:
        return "It answered 410 Gone: it wants no more events."
    return f"It answered {status}."


def _shown(raw: bytes) -> str:
    """The beginning of an answer as text that any database can hold."""
    text = raw.decode("utf-8", errors="replace")
    return "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text)[:MOST_SHOWN]
