"""The machines that a visitor's browser keeps: a name and the machine's part of an address each, in one cookie."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from django.http import HttpRequest, HttpResponse

from marketplace.cookies import MACHINES

MOST = 8
"""So many machines are kept; one more takes the place of the oldest."""
LONGEST_NAME = 30
_LONGEST = 3000
"""Characters of the cookie, beyond which the oldest machines go; browsers keep 4,096 bytes."""
_YEAR = 365 * 24 * 3600


def kept_machines(request: HttpRequest) -> dict[str, str]:
    """The kept machines by name, the newest first: query strings of the worker's parameters, as they were kept."""
    told = request.COOKIES.get(MACHINES, "")
    if len(told) > _LONGEST:
        return {}
    pairs = parse_qsl(told, max_num_fields=None)[:MOST]
    return {name[:LONGEST_NAME]: query for name, query in pairs}


def keep_machine(request: HttpRequest, response: HttpResponse, name: str, query: str) -> None:
    """Keep a machine, under a name that it takes from another one if need be."""
    rest = {other: kept for other, kept in kept_machines(request).items() if other != name}
    _set(request, response, dict(list({name: query, **rest}.items())[:MOST]))


def forget_machine(request: HttpRequest, response: HttpResponse, name: str) -> None:
    """Keep a machine no longer."""
    _set(request, response, {other: kept for other, kept in kept_machines(request).items() if other != name})


def _set(request: HttpRequest, response: HttpResponse, machines: Mapping[str, str]) -> None:
    kept = list(machines.items())
    while len(told := urlencode(kept)) > _LONGEST:
        kept.pop()
    if told:
        response.set_cookie(MACHINES, told, max_age=_YEAR, httponly=True, samesite="Lax", secure=request.is_secure())
    else:
        response.delete_cookie(MACHINES, samesite="Lax")
