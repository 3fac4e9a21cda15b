"""System checks: what must be true of the database and the data files before the site can keep its promises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from compat.architectures import known_models, known_shapes, model_lines, published_facts, read_tables
from compat.engines import all_profiles
from compat.engines.evidence import evidence
from compat.engines.hardware import accelerators
from compat.engines.known_failures import known_failures
from compat.engines.system_memory import processors
from compat.estimate.label_sizes import label_sizes
from compat.estimate.ledger import shipped_ledger
from compat.estimate.speed_constants import calibration
from compat.strict_data import DataError

DATA_FILES: tuple[Callable[[], object], ...] = (
    read_tables,
    known_shapes,
    known_models,
    published_facts,
    model_lines,
    all_profiles,
    accelerators,
    processors,
    known_failures,
    evidence,
    calibration,
    label_sizes,
    shipped_ledger,
)
"""What reads the data files that the site works with; each keeps what it read."""


def wrong_data() -> list[str]:
    """A sentence for each reader of data files that found one wrong, with file, place and field."""
    found: list[str] = []
    for read in DATA_FILES:
        try:
            read()
        except DataError as error:
            found.append(f"A data file is wrong: {error}")
    return found


@register()
def data_files_are_valid(**kwargs: Any) -> list[CheckMessage]:
    """Every data file must load: a mistake in one stops the start, not a page."""
    return [Error(sentence, id="compat.E001") for sentence in wrong_data()]


def require_valid_data() -> None:
    """For web servers, which run no system checks; raises ``ImproperlyConfigured``."""
    if sentences := wrong_data():
        raise ImproperlyConfigured(" ".join(sentences))


@register(Tags.database)
def sqlite_can_search(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """SQLite must be built with FTS5 and its trigram tokenizer."""
    if connection.vendor != "sqlite" or not databases:
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT sqlite_version(), sqlite_compileoption_used('ENABLE_FTS5')")
        version, fts5 = cursor.fetchone()
    if not fts5 or tuple(map(int, version.split("."))) < (3, 34, 0):
        return [
            Error(
                f"SQLite {version} cannot search text.",
                hint="Use SQLite 3.34 or newer with FTS5, or PostgreSQL through DATABASE_URL.",
                id="compat.E002",
            )
        ]
    return []
