"""From where a request comes, behind however many proxies the operator says there are."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv6Address, IPv6Network

from django.conf import settings
from django.http import HttpRequest

UNKNOWN = "unknown"
_LONGEST = 60


def address_of(request: HttpRequest) -> str:
    """The address that a request comes from; see :func:`client_address`."""
    meta = request.META
    return client_address(meta.get("REMOTE_ADDR") or "", meta.get("HTTP_X_FORWARDED_FOR", ""), settings.TRUSTED_PROXIES)


def client_address(remote: str, forwarded: str, proxies: int) -> str:
    """The client's address: IPv4 as it is, IPv6 as its network of 64 bits, which one household or machine has alone.

    ``remote`` is the other end of the connection, ``forwarded`` the ``X-Forwarded-For`` header. Each of the trusted
    ``proxies`` adds to that header, on the right, whom it spoke with; what stands further left is the client's own
    invention. Entries that are no address are passed over towards us, so that they never make a new client.
    """
    told = forwarded.rsplit(",", proxies)[-proxies:] if proxies and forwarded.strip() else []
    return next((found for text in (*told, remote) if (found := _grouped(text))), UNKNOWN)


def _grouped(text: str) -> str:
    text = text.strip()
    if len(text) > _LONGEST:
        return ""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(IPv4Address(text)) if ":" not in text else _group_of(IPv6Address(text))
    except AddressValueError:
        return ""


def _group_of(address: IPv6Address) -> str:
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(IPv6Network((int(address) >> 64 << 64, 64)))
