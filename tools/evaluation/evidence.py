"""Tries every roundabout way to a fact on records of the bundled catalogue that tell the fact themselves.

    python -m tools.evaluation.evidence

writes ``compat/engines/data/evidence.json``, which rules go by and ``/accuracy/`` shows.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import compat
from compat.architectures import hint_in, known_model
from compat.engines.evidence import FILE
from compat.extraction.extract import extract, goes_by_its_name, told_for_a_family, witness_of
from compat.extraction.facts import Provenance
from compat.extraction.quantization import VAGUE, packing_of
from compat.extraction.relatives import Witnesses, architecture_by, context_by, of_architecture
from compat.hub.payloads import HubModel, parse_record
from compat.ingest.from_files import BUNDLED
from compat.shapes.known import find_shape

TARGET = Path(compat.__file__).parent / "engines" / "data" / FILE
_WORDS = {
    ("architecture", Provenance.RELATIVES): "two or more relatives' records that agree: its base, conversions, copies",
    ("architecture", Provenance.RELATIVE): "the record of one relative: its base, a conversion, a copy",
    ("architecture", Provenance.KNOWN): "its id, where the repository is well known",
    ("architecture", Provenance.LIST): "a list that tells one for a family of models",
    ("architecture", Provenance.NAME): "the first words of its name",
    ("context", Provenance.RELATIVES): "two or more relatives' records that agree",
    ("context", Provenance.RELATIVE): "the record of one relative",
    ("context", Provenance.KNOWN): "the published model that it is named after",
    ("quantization", Provenance.NAME): "a word of its name that is a method's",
    ("format", Provenance.PACKING): "its packing: packed weights are safetensors, but for GGUF files",
}
_NO_METHOD = VAGUE | {"W4A16", "W8A16", "W8A8", "W4A8"}
"""Words of a name that tell a width, whoever packs it."""
_OF_ONE_PACKER = "bitsandbytes"
"""Four cases of five are its, almost all of one publisher: they would tell how sure names are of all other packings."""
Case = tuple[str, Provenance, bool]


def cases_of(models: Mapping[str, HubModel]) -> Iterator[Case]:
    """Every case in which a fact can be reached and is known: what, from where, and whether it was right."""
    own = {model.id: model for model in models.values() if not told_for_a_family(model)}
    yield from _told_for_families(model for model in models.values() if model.id not in own)
    read = {repo_id: witness_of(model, extract(model)) for repo_id, model in own.items()}
    witnesses = Witnesses(read.values())
    for model in own.values():
        config = model.config or {}
        model_type, context = config.get("model_type"), config.get("max_position_embeddings")
        shape, known, hint = find_shape(model.name), known_model(model.id), hint_in(model.name)
        relatives = witnesses.relatives_of(read[model.id])
        guess = known.model_type if known else hint[0] if hint else None
        by_relatives = architecture_by(relatives, guess)
        if isinstance(model_type, str):
            if by_relatives:
                yield "architecture", by_relatives.provenance, by_relatives.value == model_type
            for origin, told in (
                (Provenance.KNOWN, known and known.model_type),
                (Provenance.NAME, hint and hint[0]),
            ):
                if isinstance(told, str):
                    yield "architecture", origin, told == model_type
        if isinstance(context, int):
            published = (known and known.context) or (shape and shape.context) or None
            heard = context_by(of_architecture(relatives, by_relatives), published) if by_relatives else None
            if heard:
                yield "context", heard.provenance, heard.value == context
            if shape and shape.context:
                yield "context", Provenance.KNOWN, shape.context == context
        yield from _formats_of_packed(model)
        told_packing = packing_of(model, config)
        bare = model.model_copy(update={"config": None, "tags": None, "library_name": None, "siblings": None})
        by_name = packing_of(bare, {})
        read_packing = told_packing.provenance is Provenance.CONFIG and not goes_by_its_name(model, told_packing)
        if read_packing and by_name.known and by_name.label not in _NO_METHOD | {_OF_ONE_PACKER}:
            names = (told_packing.label, *(told_packing.scheme or "").split())
            yield "quantization", Provenance.NAME, by_name.label in names


def _formats_of_packed(model: HubModel) -> Iterator[Case]:
    """Whether weights whose packing is told without the list of files are in safetensors files."""
    told = {
        variant.facts.format
        for variant in extract(model).variants
        if variant.facts.format_from in (Provenance.HUB, Provenance.TAG) and variant.facts.format != "adapter"
    }
    if told and packing_of(model.model_copy(update={"siblings": None}), model.config or {}).known:
        yield "format", Provenance.PACKING, "safetensors" in told


def _told_for_families(models: Iterable[HubModel]) -> Iterator[Case]:
    """The list is no config.json: it is what is tried, on models whose configuration is published."""
    for model in models:
        shape, known = find_shape(model.name), known_model(model.id)
        model_type = (model.config or {}).get("model_type")
        published = shape.model_type if shape else known and known.model_type
        if isinstance(model_type, str) and published:
            yield "architecture", Provenance.LIST, model_type == published


def bundled_models() -> dict[str, HubModel]:
    """Every model of the bundled catalogue by its id."""
    with gzip.open(BUNDLED) as lines:
        return {model.id: model for model in (parse_record(line).model for line in lines)}


def measure(models: Mapping[str, HubModel]) -> dict[str, object]:
    """The file's content, from models by their ids."""
    counts = Counter(cases_of(models))
    paths = [
        {
            "fact": fact,
            "from": str(origin),
            "words": words,
            "right": counts[fact, origin, True],
            "cases": counts[fact, origin, True] + counts[fact, origin, False],
        }
        for (fact, origin), words in _WORDS.items()
        if counts[fact, origin, True] + counts[fact, origin, False]
    ]
    source = f"{len(models):,} records of the bundled catalogue, those of them that tell the fact themselves"
    return {"source": source, "paths": paths}


if __name__ == "__main__":
    TARGET.write_text(json.dumps(measure(bundled_models()), indent=1) + "\n", encoding="utf-8")
