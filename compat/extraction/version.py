"""Which code and tables stored facts were read by."""

from __future__ import annotations

from compat.architectures import digest_tables
from compat.source_digest import digest_sources

_READ_BY = (
    "extraction",
    "hub/documents.py",
    "hub/payloads.py",
    "shapes",
    "models/lineage.py",
    "ingest/judging.py",
    "ingest/listed.py",
    "ingest/writing.py",
)
"""From the Hub's answer, as it is kept, to columns and fact sheets."""


def facts_version() -> str:
    """Changes with everything that reads facts out of kept answers and puts them into columns; 25 characters."""
    return f"{digest_sources(*_READ_BY)}.{digest_tables()}"
