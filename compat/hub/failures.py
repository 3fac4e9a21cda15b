"""From what went wrong on the wire to an error of the tree, with a sentence that says what to do."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from compat.hub.errors import (
    HubBadPayload,
    HubDisabled,
    HubError,
    HubFileNotFound,
    HubGated,
    HubNotFound,
    HubUnauthorized,
    HubUnavailable,
)
from compat.hub.rate_limit_budget import rate_limited
from compat.hub.retry import RETRIED_STATUS, Transient
from compat.hub.settings import HubSettings

_LATER = "Check the network and HF_ENDPOINT, or try again later."
_ILLEGAL = "Check HF_ENDPOINT and the id that was asked for."


@dataclass(frozen=True, slots=True)
class _Meaning:
    error: type[HubError]
    passes: bool
    sentence: str


# The first class that fits is taken, so the particular ones stand before the general ones.
_MEANINGS: tuple[tuple[type[Exception], _Meaning], ...] = (
    (httpx.ConnectTimeout, _Meaning(HubUnavailable, True, "{host} could not be reached in time. " + _LATER)),
    (
        httpx.PoolTimeout,
        _Meaning(HubUnavailable, True, "Too many requests to {host} are waiting for an answer."),
    ),
    (httpx.TimeoutException, _Meaning(HubUnavailable, True, "{host} did not answer in time. " + _LATER)),
    (httpx.ConnectError, _Meaning(HubUnavailable, True, "{host} could not be reached. " + _LATER)),
    (httpx.NetworkError, _Meaning(HubUnavailable, True, "The connection to {host} broke. " + _LATER)),
    (
        httpx.ProxyError,
        _Meaning(HubUnavailable, True, "The proxy did not reach {host}. Check the proxy settings."),
    ),
    (
        httpx.UnsupportedProtocol,
        _Meaning(HubBadPayload, False, "{host} led to an address we cannot open. " + _ILLEGAL),
    ),
    (
        httpx.LocalProtocolError,
        _Meaning(HubBadPayload, False, "The request to {host} could not be made. " + _ILLEGAL),
    ),
    (httpx.ProtocolError, _Meaning(HubUnavailable, True, "{host} broke off its answer. " + _LATER)),
    (httpx.DecodingError, _Meaning(HubBadPayload, False, "{host} sent an answer that cannot be unpacked.")),
    (httpx.TooManyRedirects, _Meaning(HubBadPayload, False, "{host} redirects without end. " + _ILLEGAL)),
    (httpx.HTTPError, _Meaning(HubUnavailable, True, "The request to {host} failed. " + _LATER)),
    (
        httpx.InvalidURL,
        _Meaning(HubBadPayload, False, "{host} led to something that is no web address. " + _ILLEGAL),
    ),
    (httpx.CookieConflict, _Meaning(HubBadPayload, False, "{host} sent cookies that contradict each other.")),
    (httpx.StreamError, _Meaning(HubUnavailable, True, "The answer of {host} was cut off. " + _LATER)),
    (TimeoutError, _Meaning(HubUnavailable, True, "{host} took too long to answer. " + _LATER)),
    (OSError, _Meaning(HubUnavailable, True, "The connection to {host} broke. " + _LATER)),
    # Header values that the library itself stumbles over.
    (ValueError, _Meaning(HubBadPayload, False, "{host} sent an answer that cannot be read.")),
)
HANDLED = tuple(kind for kind, _ in _MEANINGS)
"""What to catch around a request; each has its meaning here."""


def error_of_exception(error: Exception, settings: HubSettings) -> HubError | Transient:
    """What an exception of the HTTP library means; :class:`Transient` around the error if it may pass."""
    lower = _root_cause(error)
    if isinstance(lower, ssl.SSLCertVerificationError):
        return HubUnavailable(
            f"The certificate of {settings.host} could not be verified. "
            "Set SSL_CERT_FILE if your network has a certificate authority of its own."
        )
    if isinstance(lower, socket.gaierror):
        return Transient(HubUnavailable(f"The name {settings.host} could not be resolved. {_LATER}"))
    meaning = next(meaning for kind, meaning in _MEANINGS if isinstance(error, kind))
    found = meaning.error(meaning.sentence.format(host=settings.host))
    return Transient(found) if meaning.passes else found


def _root_cause(error: BaseException) -> BaseException:
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        error = error.__cause__ or error.__context__ or error
    return error


@dataclass(frozen=True, slots=True)
class Subject:
    """What a request was about, for the sentence in an error."""

    repo_id: str = ""
    filename: str = ""
    revision: str = ""

    def __str__(self) -> str:
        if self.filename:
            return f"{self.filename} of {self.repo_id}"
        return self.repo_id or "the list of models"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is no success.

    ``said`` is the reason in its body, ``pause`` the wait in seconds it asks for.
    """

    status: int
    headers: Mapping[str, str]
    said: str
    bucket: str
    pause: float | None


def error_of_answer(refusal: Refusal, subject: Subject, settings: HubSettings) -> HubError | Transient:
    """What such an answer means; :class:`Transient` around the error if it may pass."""
    status, headers = refusal.status, refusal.headers
    if status in RETRIED_STATUS:
        return Transient(_passing(refusal, settings), pause_told=refusal.pause is not None)
    code, host = headers.get("x-error-code", ""), settings.host
    reason = _plain(headers.get("x-error-message") or refusal.said)
    if code == "GatedRepo":
        return HubGated(
            f"{subject} is gated. Accept its licence at {settings.endpoint}/{subject.repo_id} "
            "with the account that HF_TOKEN belongs to, then try again."
        )
    if code == "EntryNotFound" or (status == 404 and subject.filename and not code):
        return HubFileNotFound(f"{host} has no file {subject}.")
    if code == "RevisionNotFound":
        return HubNotFound(f"{subject.repo_id} has no revision {subject.revision or 'of that name'} on {host}.")
    if reason == "Access to this resource is disabled":
        return HubDisabled(f"{host} has disabled {subject}.", is_told=True)
    if status in {404, 410} and not subject.repo_id:
        return HubUnavailable(f"{host} has no list of models at this address. Check HF_ENDPOINT.")
    if code == "RepoNotFound" or status in {404, 410, 451}:
        return HubNotFound(
            f"{host} has no {subject} that this site may see. Check the spelling; "
            "if the repository is private, HF_TOKEN must belong to someone with access.",
            is_told=code == "RepoNotFound" or status in {410, 451},
        )
    because = f" ({reason})" if reason else ""
    if status in {401, 403}:
        return HubUnauthorized(f"{host} refused access to {subject}: {status}{because}. Check HF_TOKEN.")
    return HubError(f"{host} refused the request for {subject}: {status}{because}.")


def login_page(subject: Subject, settings: HubSettings) -> HubUnavailable:
    """The error for a web page in place of data: a network that asks for a login answers so, whatever was asked."""
    return HubUnavailable(
        f"{settings.host} sent a web page for {subject}. Check whether this network asks for a login, and HF_ENDPOINT."
    )


def _passing(refusal: Refusal, settings: HubSettings) -> HubError:
    if refusal.status == 429:
        return rate_limited(settings.host, refusal.bucket, refusal.pause)
    return HubUnavailable(f"{settings.host} answered {refusal.status}: it is in trouble. Try again later.")


def _plain(text: str) -> str:
    """Words from outside, short, printable and without a full stop of their own."""
    return "".join(character for character in text[:200] if character.isprintable()).strip().rstrip(".")
