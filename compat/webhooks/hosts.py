"""Which addresses may be told of events: those of the hosts that the operator named, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\]")
_ADDRESS = re.compile(r"https?://(?P<host>[^/?#@\\]+)(?:[/?][\x21-\x22\x24-\x5b\x5d-\x7e]*)?", re.IGNORECASE)
_USUAL = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Host:
    """A host that may be told. ``port`` None is the usual one; ``plain`` allows http, as every loopback host does."""

    name: str
    port: int | None = None
    plain: bool = False


def read_hosts(words: Iterable[str]) -> tuple[Host, ...]:
    """Hosts from ``host``, ``host:port`` or ``http://host:port``; raises :class:`ValueError` for anything else."""
    return tuple(_host(word) for word in words)


def _host(word: str) -> Host:
    scheme, separator, rest = word.lower().rpartition("://")
    parts = _name_and_port(rest)
    if parts is None or (separator and scheme not in _USUAL):
        raise ValueError(
            f"{word!r} is not a host: write hooks.example.org, hooks.example.org:8443, or, to allow http without "
            "encryption, http://hooks.example.org"
        )
    name, port = parts
    return Host(name, port, plain=scheme == "http" or _is_loopback(name))


def _name_and_port(text: str) -> tuple[str, int | None] | None:
    """Name and port of ``name[:port]``; None where that is not what it is."""
    name, colon, digits = (text, "", "") if text.endswith("]") else text.partition("]:" if "[" in text else ":")
    name = f"{name}]" if colon == "]:" else name
    if not _NAME.fullmatch(name) or ".." in name:
        return None
    if not colon:
        return name, None
    if not (digits.isascii() and digits.isdecimal() and 0 < int(digits[:6]) < 65536):
        return None
    return name, int(digits)


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def is_origin(address: str) -> bool:
    """Whether this is the address of a site and nothing more: scheme, host and perhaps a port."""
    scheme, separator, rest = address.lower().partition("://")
    return bool(separator) and scheme in _USUAL and _name_and_port(rest) is not None


def objection_to_address(address: str, allowed: Sequence[Host]) -> str:
    """What speaks against sending to an address, and what to do about it; empty where nothing does."""
    if not allowed:
        return (
            "This site sends no webhooks: WEBHOOK_HOSTS is empty. Set it to the hosts that may be told, such as "
            "hooks.example.org, for the web and the tasks process alike, and start both again."
        )
    found = _ADDRESS.fullmatch(address)
    parts = _name_and_port(found["host"].lower()) if found else None
    if parts is None:
        return "This is not a web address that can be told. Write one such as https://hooks.example.org/models."
    name, port = parts
    scheme = urlsplit(address).scheme
    fitting = [host for host in allowed if host.name == name and _same_port(host, port, scheme)]
    if not fitting:
        named = name if port in (None, _USUAL[scheme]) else f"{name}:{port}"
        return f"{named} is not among the hosts that may be told. Add it to WEBHOOK_HOSTS, or use one that is there."
    if scheme == "http" and not any(host.plain for host in fitting):
        return f"Use https: http is not encrypted. To allow it all the same, write http://{name} into WEBHOOK_HOSTS."
    return ""


def _same_port(host: Host, port: int | None, scheme: str) -> bool:
    usual = _USUAL[scheme]
    return (port or usual) == (host.port or usual)
