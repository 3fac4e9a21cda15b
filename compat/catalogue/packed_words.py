"""What people type of how weights are packed (``q4``, ``4bit``, ``awq``), and the catalogue's labels that are meant."""

from __future__ import annotations

import re
from collections.abc import Iterable

from compat.catalogue.facets import FACETS
from compat.catalogue.index import CatalogueIndex
from compat.catalogue.index_columns import Mask

_FORMATS = frozenset({"gguf", "onnx", "openvino"})
"""Words that are a format, not a packing."""
_BITS = re.compile(r"([2-8])-?bits?|int([2-8])")
_OF_FOUR = frozenset({"AWQ", "GPTQ", "AutoRound"})
"""Packings that are of 4 bits unless something else is said of them."""
_NO_WIDTH = re.compile(r"EXL\d")
"""Labels whose number is none of bits."""
_PLAIN = {"fp16": "F16", "f16": "F16", "bf16": "BF16"}


def having_packed(index: CatalogueIndex, word: str) -> Mask:
    """The groups whose builds are packed as a word says."""
    facet = next(one for one in FACETS if one.name == ("format" if word in _FORMATS else "quantization"))
    values = index.values(facet)
    return values.having([word] if word in _FORMATS else labels_meant(word, values.names))


def labels_meant(word: str, labels: Iterable[str]) -> list[str]:
    """The labels that a word means: of ``q4`` those of GGUF files in 4 bits, of ``4bit`` all that are of so many."""
    wanted = _PLAIN.get(word, word.upper().removeprefix("UD-").replace("AUTOROUND", "AutoRound"))
    bits = _BITS.fullmatch(word)
    if bits:
        return [label for label in labels if _bits_of(label) == int(bits[1] or bits[2])]
    if re.fullmatch(r"I?Q\d", wanted):
        return [
            label for label in labels if re.match(rf"{wanted if wanted[0] == 'I' else f'I?{wanted}'}(?:_|$)", label)
        ]
    return [label for label in labels if label.split()[-1] == wanted or label.startswith(f"{wanted}_")]


def _bits_of(label: str) -> int | None:
    """The bits of a weight that a label tells, without those behind the point."""
    number = None if _NO_WIDTH.match(label) else re.search(r"\d+", label)
    return int(number[0]) if number else 4 if label in _OF_FOUR else None
