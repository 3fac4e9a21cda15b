"""What of a record and its facts is kept in columns: one row of the record, and the rows of its parts.

Pure, so that it can be worked out in any process; ``compat/ingest/writing.py`` writes it down.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from compat.extraction.extract import (
    Extraction,
    extract,
    needs_relatives,
    own_shape_facts,
    packed_model,
    witness_of,
)
from compat.extraction.facts import VariantFacts, digest_of
from compat.extraction.relatives import READ, Witness
from compat.hub.payloads import HubModel, ParsedRecord

OPEN = "open"
"""The gate of a repository whose files can be had without accepting terms."""
_YEAR = re.compile(r"\b(20\d\d(?:-\d\d){0,2})\b")
_NO_LETTERS = re.compile(r"[^a-z0-9]+")
_MAX_DOWNLOADS = 2**38 - 1
_MAX_LIKES = 2**24 - 1


class Parts(NamedTuple):
    """The columns of a record by their names, the digest of its facts, and what its parts hold.

    ``relations`` are pairs of base and kind. ``as_of`` among the columns is what the record's own notes tell.
    """

    columns: dict[str, Any]
    sheet: str
    relations: list[tuple[str, str]]
    variants: list[dict[str, Any]]
    languages: tuple[str, ...]
    tags: str


class Prepared(NamedTuple):
    """What a record tells by itself: to its relatives, and its columns.

    ``asks``: its relatives may tell something that it leaves out. ``read_itself``: it read its own architecture.
    """

    witness: Witness
    asks: bool
    read_itself: bool
    parts: Parts


def prepared_of(parsed: ParsedRecord) -> tuple[Prepared, tuple[VariantFacts, ...]]:
    """What a record tells by itself, and the facts that are judged."""
    model, extraction, shape = parsed.model, extract(parsed.model), own_shape_facts(parsed.model)
    prepared = Prepared(
        witness_of(model, extraction, shape),
        needs_relatives(extraction),
        extraction.architecture.provenance in READ,
        parts_of(parsed, extraction, shape),
    )
    return prepared, extraction.judged


def parts_of(parsed: ParsedRecord, extraction: Extraction, shape_facts: str) -> Parts:
    """What is kept of a record. ``shape_facts`` shape its memory estimate."""
    model = parsed.model
    judged = extraction.judged
    packed = packed_model(model, extraction)
    columns = {
        "repo_id": model.id,
        "owner": model.owner,
        "name": model.name,
        "sha": (model.sha or "")[:64],
        "gated": _gate(model.gated),
        "disabled": bool(model.disabled),
        "gone": model.gone or "",
        "gone_since": model.departure.since if model.departure else None,
        "downloads": model.downloads,
        "likes": model.likes,
        "trending": model.trending_score,
        "popularity": popularity(model.downloads, model.likes),
        "created": model.created_at,
        "modified": model.last_modified,
        "task": extraction.task.value or "",
        "library": (model.library_name or "")[:60],
        "license": extraction.license or "",
        "family": extraction.family or "",
        "architecture": extraction.architecture.value or "",
        "architecture_from": extraction.architecture.provenance,
        "parameters": storable(extraction.parameters.value),
        "parameters_from": extraction.parameters.provenance,
        "context": None if extraction.context.provenance.guessed else extraction.context.value,
        "formats": formats_of(judged),
        "shape_facts": shape_facts,
        "packed_model": packed.lower() if packed else None,
        "projector": bool(extraction.projectors),
        "projector_bytes": extraction.projector_bytes,
        "size_bytes": storable(extraction.repository_size),
        "as_of": newest_date_of(model),
        "digest": parsed.digest,
        "search_text": f"{model.id.lower()} {normalise_name(model.name)}",
    }
    variants = [
        {
            "position": position,
            "key": variant.key[:1100],
            "label": variant.label[:300],
            "format": variant.facts.format or "",
            "quantization": (variant.facts.quantization or "")[:40],
            "size_bytes": storable(variant.size_bytes),
            "bits": variant.bits,
            "as_made": variant.as_made or None,
            "tensors": variant.tensors.as_text() if variant.tensors else None,
            "files": list(variant.files),
            "missing_shards": variant.missing_shards,
        }
        for position, variant in enumerate(extraction.variants)
    ]
    relations = [(relation.repo_id, relation.kind) for relation in extraction.relations]
    return Parts(columns, digest_of(judged), relations, variants, extraction.languages, _lines(_tags_of(model)))


def formats_of(facts: Iterable[VariantFacts]) -> str:
    """The formats of some variants, separated by blanks."""
    return " ".join(dict.fromkeys(fact.format for fact in facts if fact.format))[:80]


def _tags_of(model: HubModel) -> list[str]:
    """What a record is tagged with, and the library that it is for: the Hub takes either for the other."""
    return [*(model.tags or ()), *filter(None, [model.library_name])]


def _lines(tags: list[str]) -> str:
    """Tags as they are kept, empty where there are none; one of several lines is none that could be asked for."""
    return "".join(f"\n{tag}" for tag in dict.fromkeys(tags) if tag and "\n" not in tag) + "\n" if tags else ""


def storable(number: int | None) -> int | None:
    """A number the database can hold; a sum beyond that says nothing true of any model."""
    return number if number is not None and number < 2**63 else None


def _gate(told: bool | str | None) -> str:
    """The record's gate. Older Hub answers say only that there is one: the stricter kind is taken."""
    if isinstance(told, str):
        return told
    return "" if told is None else "manual" if told else OPEN


def popularity(downloads: int | None, likes: int | None) -> int:
    """Downloads in the high bits, likes in the low 24: one sortable number."""
    return min(downloads or 0, _MAX_DOWNLOADS) << 24 | min(likes or 0, _MAX_LIKES)


def normalise_name(name: str) -> str:
    """A name without punctuation, so that ``phi2`` finds ``phi-2``."""
    return _NO_LETTERS.sub("", name.lower())


def newest_date_of(model: HubModel) -> str:
    """The newest date that the record's own source notes name."""
    dates = [date for note in (model.source or {}).values() for date in _YEAR.findall(str(note))]
    return max(dates, default="")
