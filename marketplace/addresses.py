"""Addresses of this site's pages, put together."""

from __future__ import annotations


def with_query(path: str, query: str) -> str:
    """A path with a query string behind it, where there is one."""
    return f"{path}?{query}" if query else path
