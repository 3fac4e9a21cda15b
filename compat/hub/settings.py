"""How this site speaks to a Hub: where it is, who we are, and how patient we are.

The environment variables are those every Hub client reads, so that one setting serves them all.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

DEFAULT_ENDPOINT = "https://huggingface.co"
USER_AGENT = "RunsHere/0.1"

_TRUE = frozenset({"1", "ON", "YES", "TRUE"})
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSettings:
    """One Hub and our manners towards it. Times are seconds, sizes are bytes.

    ``total_timeout`` bounds the answers to one question from first to last byte, those to further attempts included,
    so that a Hub that trickles cannot hold us; ``most_seconds`` the answers to all questions of one connection (None:
    no bound). ``max_wait`` bounds what one request waits because the Hub asked for it; a longer wait is refused with
    :class:`~compat.hub.errors.HubRateLimited`. ``backoff`` is the first pause before a retry; it doubles.
    """

    endpoint: str = DEFAULT_ENDPOINT
    token: str | None = field(default=None, repr=False)
    offline: bool = False
    user_agent: str = USER_AGENT
    connect_timeout: float = 10.0
    read_timeout: float = 20.0
    total_timeout: float = 120.0
    most_seconds: float | None = None
    max_attempts: int = 5
    backoff: float = 0.5
    max_wait: float = 60.0
    max_response_bytes: int = 32 * _MIB
    max_connections: int = 8

    def __post_init__(self) -> None:
        object.__setattr__(self, "endpoint", _checked_endpoint(self.endpoint))
        object.__setattr__(self, "token", _checked_token(self.token))
        for name in (
            "connect_timeout",
            "read_timeout",
            "total_timeout",
            "max_attempts",
            "max_response_bytes",
        ):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above zero")

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """The settings that ``HF_ENDPOINT``, ``HF_TOKEN`` and ``HF_HUB_OFFLINE`` ask for.

        ValueError, with a sentence for the operator, where one of them cannot be meant.
        """
        offline = environ.get("HF_HUB_OFFLINE") or environ.get("TRANSFORMERS_OFFLINE") or ""
        return cls(
            endpoint=environ.get("HF_ENDPOINT", "").strip() or DEFAULT_ENDPOINT,
            token=environ.get("HF_TOKEN") or environ.get("HUGGING_FACE_HUB_TOKEN"),
            offline=offline.upper() in _TRUE,
        )

    @property
    def host(self) -> str:
        """The endpoint as people speak of it: host, and port if it has one of its own."""
        return urlsplit(self.endpoint).netloc


def _checked_endpoint(text: str) -> str:
    example = f"write an address such as {DEFAULT_ENDPOINT}"
    if not text.isprintable() or " " in text:
        raise ValueError(f"HF_ENDPOINT holds a space or a control character; {example}")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"HF_ENDPOINT {text!r} is not a web address ({error}); {example}") from None
    if parts.username is not None or parts.password is not None:
        raise ValueError("HF_ENDPOINT must not hold a user name or password; put the token in HF_TOKEN")
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise ValueError(f"HF_ENDPOINT {text!r} is not a web address; {example}")
    if parts.query or parts.fragment:
        raise ValueError(f"HF_ENDPOINT {text!r} must not hold '?' or '#'; {example}")
    return text.rstrip("/")


def _checked_token(text: str | None) -> str | None:
    token = (text or "").strip()
    if not all("!" <= character <= "~" for character in token):
        raise ValueError("HF_TOKEN holds characters that no token has; copy it again from the Hub's settings page")
    return token or None
