"""Holds estimates by label against the GGUF files of the bundled catalogue whose sizes are told.

    python -m tools.evaluation.label_sizes

prints the error by label and writes ``compat/estimate/data/label_sizes.json``: by how much the layers of a label's
files are larger than their sum, by the kind of model. How many weights a file has is told by the repository's own
file of 16 or 8 bits, so that no wrong count is taken for a wide mix. The errors beside the label are those of each
repository with a table of all others.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import compat
from compat.estimate.gguf_types import LABELS
from compat.estimate.label_sizes import FILE, ModelKind, file_label, kind_of, label_name, size_factor
from compat.estimate.weights import Weights, estimate_weights
from compat.extraction.extract import extract
from compat.hub.payloads import parse_record
from compat.ingest.from_files import BUNDLED
from compat.shapes.known import complete, namesake
from compat.shapes.layer_facts import shape_facts
from compat.shapes.shape import ModelShape, from_config
from tools.evaluation.rows import quantile

TARGET = Path(compat.__file__).parent / "estimate" / "data" / FILE
LEAST_FILES = 3
"""Files of so many repositories make a factor."""
NEGLIGIBLE = 0.01
_PLAIN = {"BF16": 16.0, "F16": 16.0, "Q8_0": 8.5}
"""Labels of one width, the surest first, and what a weight takes."""
_SMALLEST = 500_000_000
"""Sizes are told to two or three digits: of smaller models that is too little."""


@dataclass(frozen=True)
class SizedFile:
    """A file whose size is told, in bytes; ``tables`` are embedding and head in it, ``layers`` the sum of all else."""

    repository: str
    label: str
    kind: ModelKind
    size: int
    tables: float
    layers: float

    @property
    def ratio(self) -> float:
        """By how much its layers are larger than their sum."""
        return (self.size - self.tables) / self.layers

    def error(self, factor: float) -> float:
        """The relative error of an estimate with this factor, never negative."""
        return abs((self.tables + factor * self.layers) / self.size - 1)


def sized_files(path: Path = BUNDLED) -> Iterator[SizedFile]:
    """Every such file of repositories that have a file of one width as well."""
    with gzip.open(path, "rt") as lines:
        for line in lines:
            record = json.loads(line)
            if any(file.get("size") for file in record.get("siblings") or ()):
                yield from _of_record(record)


def _of_record(record: dict[str, object]) -> Iterator[SizedFile]:
    model = parse_record(record).model
    found = extract(model)
    sizes = {
        file_label(variant.facts.quantization, variant.key): variant.size_bytes
        for variant in found.variants
        if variant.facts.format == "gguf" and variant.facts.quantization and variant.size_bytes
    }
    shape = _shape(shape_facts(model.config), found.parameters.value, model.id)
    plain = next((label for label in _PLAIN if label in sizes), None)
    # The files of gpt-oss keep its experts in four bits, whatever they are called.
    if plain is None or (shape is not None and shape.model_type == "gpt_oss"):
        return
    count = round(sizes[plain] * 8 / _PLAIN[plain])
    told = found.parameters.value or count
    if count < _SMALLEST or not 0.6 < count / told < 1.6:
        return
    for label, size in sizes.items():
        weights = estimate_weights(shape, parameters=count, quant=label, engine="llama.cpp")
        if weights.total is not None:
            kind = kind_of(shape) if weights.parts is not None else ModelKind.UNKNOWN
            tables = _tables(weights)
            layers = (weights.total - tables) / size_factor(label, kind)
            yield SizedFile(model.id, label_name(label), kind, size, tables, layers)


def _tables(weights: Weights) -> float:
    """Bytes of embedding, head and tables by layer."""
    if weights.parts is None or weights.mix is None:
        return 0
    return (weights.embed or 0) + weights.lookup + weights.parts.head * weights.mix.head / 8


def _shape(facts: str | None, parameters: int | None, name: str) -> ModelShape | None:
    own = complete(from_config(json.loads(facts), parameters)) if facts else None
    known = namesake(name.rpartition("/")[2]) if own is None or own.caches is None else None
    return known if known is not None else own


Table = dict[str, dict[str, float]]


def make_table(files: Iterable[SizedFile]) -> Table:
    """The medians by label and kind, but for those that change nothing; of a kind with few files, that of all kinds.

    llama.cpp's own mixes are counted tensor by tensor: a table of them told files that it was not made of no better.
    """
    ratios: dict[str, dict[ModelKind, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for file in files:
        if file.label not in LABELS:
            ratios[file.label][file.kind][file.repository] = file.ratio
    table: Table = {}
    for label, kinds in sorted(ratios.items()):
        for kind in ModelKind:
            known = _alike(kinds, kind)
            factor = round(median(known), 3)
            if len(known) >= LEAST_FILES and abs(factor - 1) > NEGLIGIBLE:
                table.setdefault(label, {})[str(kind)] = factor
    return table


_MIXTURES = frozenset({ModelKind.EXPERTS, ModelKind.HYBRID_EXPERTS})
_OTHERS = frozenset({ModelKind.DENSE, ModelKind.HYBRID, ModelKind.TABLES})


def _alike(kinds: Mapping[ModelKind, Mapping[str, float]], kind: ModelKind) -> list[float]:
    """The ratios of a kind; where they are few, of all mixtures or all others, then of all whose layers are known."""
    near = next((group for group in (_MIXTURES, _OTHERS) if kind in group), frozenset({kind}))
    found: list[float] = []
    for group in ({kind}, near, _MIXTURES | _OTHERS, set(ModelKind)):
        found = [ratio for one in group for ratio in kinds.get(one, {}).values()]
        if len(found) >= LEAST_FILES:
            break
    return found


def errors(files: Iterable[SizedFile]) -> Mapping[str, list[float]]:
    """Relative errors by label, each repository's with a table that all others make."""
    listed = list(files)
    found: dict[str, list[float]] = defaultdict(list)
    for repository in sorted({file.repository for file in listed}):
        table = make_table(file for file in listed if file.repository != repository)
        for file in listed:
            if file.repository == repository:
                factor = table.get(file.label, {}).get(str(file.kind), 1.0)
                found[file.label].append(file.error(factor))
    return found


def render_table(table: Table) -> str:
    """The data file's text."""
    note = "Made by python -m tools.evaluation.label_sizes of the bundled catalogue's files."
    return json.dumps({"note": note, "labels": table}, indent=1) + "\n"


def main() -> None:
    """Print the errors and write the table."""
    files = list(sized_files())
    sys.stdout.write(f"{'label':10} {'files':>5} {'median':>7} {'p90':>7}\n")
    for label, found in sorted(errors(files).items(), key=lambda item: -len(item[1])):
        sys.stdout.write(f"{label:10} {len(found):5} {median(found):7.1%} {quantile(found, 0.9):7.1%}\n")
    text = render_table(make_table(files))
    changed = TARGET.read_text("utf-8") != text
    TARGET.write_text(text, "utf-8")
    sys.stdout.write(f"{FILE}: {'changed' if changed else 'unchanged'}\n")


if __name__ == "__main__":
    main()
