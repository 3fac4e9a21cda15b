"""Base-model inheritance: facts that a record leaves out are taken from its base model's record."""

from __future__ import annotations

from collections.abc import Sequence

from compat.architectures import architecture_of_gguf
from compat.extraction.extract import Base, Extraction, extract, wanted_base
from compat.hub.documents import kept_record
from compat.hub.payloads import HubModel, ParsedRecord
from compat.models import ModelRecord, payloads_of
from compat.shapes.gguf_keys import config_from_gguf
from compat.shapes.layer_facts import shape_facts


def extracted_with_bases(batch: Sequence[ParsedRecord]) -> list[tuple[ParsedRecord, Extraction, ParsedRecord | None]]:
    """Every record with its extraction, and with the base model's record where that told what it left out."""
    alone = [(parsed, extract(parsed.model)) for parsed in batch]
    wanted = {parsed.model.id: wanted_base(parsed.model, extraction) for parsed, extraction in alone}
    bases = _bases({base for base in wanted.values() if base}, batch)
    found: list[tuple[ParsedRecord, Extraction, ParsedRecord | None]] = []
    for parsed, extraction in alone:
        base = bases.get(wanted[parsed.model.id] or "")
        if base is None:
            found.append((parsed, extraction, None))
        else:
            found.append((parsed, extract(parsed.model, Base(base.model.id, extract(base.model))), base))
    return found


def _bases(wanted: set[str], batch: Sequence[ParsedRecord]) -> dict[str, ParsedRecord]:
    """The records of some base models, from the batch at hand or the catalogue."""
    found = {parsed.model.id: parsed for parsed in batch if parsed.model.id in wanted}
    missing = wanted - found.keys()
    if missing:
        payloads = payloads_of(ModelRecord.objects.filter(repo_id__in=missing).values_list("pk", flat=True))
        found |= {parsed.model.id: parsed for parsed in map(kept_record, payloads.values())}
    return found


def extraction_of(model: HubModel) -> Extraction:
    """The extraction of one record as the catalogue would store it, its base model's record included. One query."""
    alone = extract(model)
    wanted = wanted_base(model, alone)
    base = _bases({wanted}, ()).get(wanted) if wanted else None
    return extract(model, Base(base.model.id, extract(base.model))) if base else alone


def shape_facts_of(parsed: ParsedRecord, base: ParsedRecord | None) -> str:
    """What shapes the memory estimate: the file's own header first, then the configuration, then the base's."""
    header = parsed.model.gguf_header
    if header and header.architecture:
        config = config_from_gguf(header.values, architecture_of_gguf(header.architecture).name)
        told = shape_facts({**config, "vocab_size": config.get("vocab_size") or header.vocab_size})
        if told:
            return told
    return shape_facts(parsed.model.config) or (shape_facts(base.model.config) if base else "")
