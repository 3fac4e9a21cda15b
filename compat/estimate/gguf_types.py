"""Which type llama.cpp packs each tensor of a GGUF file in, by the file's label and the model's dimensions.

Read in llama.cpp 007dbbf (``src/llama-quant.cpp``): a label names the type that most tensors get, and the rules widen
or narrow some by what they are, by the layer they are in, and by how many heads share a key. Files of the rarer labels
are made with a matrix of importance, which those below three bits cannot do without.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from compat.extraction.ggml_types import BITS_PER_WEIGHT


class Tensors(StrEnum):
    """Tensors that the rules tell apart. ``FUSED`` are queries, keys and values in one, as of linear attention;
    ``UP`` is the gate too, and ``OTHER`` whatever no rule names.
    """

    EMBED = "embed"
    HEAD = "head"
    QUERY_KEY = "attn_qk"
    VALUE = "attn_v"
    FUSED = "attn_qkv"
    OUT = "attn_o"
    UP = "ffn_up"
    DOWN = "ffn_down"
    OTHER = "other"


@dataclass(frozen=True)
class MixFacts:
    """What the rules look at beside the label; as it stands, Llama 3.1 8B.

    ``shared_keys`` is how many heads share a key, 0 where the first layer has none.
    """

    layers: int = 32
    shared_keys: int = 4
    experts: int = 0
    model_type: str = "llama"


Shares = Mapping[str, float]
"""The share of some tensors that each type has, of layers from the first to the last."""

_MOST: Mapping[str, str] = {
    **{name: name for name in ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q6_K", "IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS")},
    **{name: name for name in ("IQ3_XXS", "IQ3_S", "IQ4_NL", "IQ4_XS", "TQ1_0", "TQ2_0", "F16", "BF16", "F32")},
    **dict.fromkeys(("IQ2_S",), "IQ2_XS"),
    **dict.fromkeys(("IQ2_M",), "IQ2_S"),
    **dict.fromkeys(("IQ3_XS", "IQ3_M"), "IQ3_S"),
    **dict.fromkeys(("Q2_K", "Q2_K_S"), "Q2_K"),
    **dict.fromkeys(("Q3_K_S", "Q3_K_M", "Q3_K_L"), "Q3_K"),
    **dict.fromkeys(("Q4_K_S", "Q4_K_M"), "Q4_K"),
    **dict.fromkeys(("Q5_K_S", "Q5_K_M"), "Q5_K"),
    "MXFP4": "MXFP4",
}
"""The type that most tensors get, by label."""
LABELS = frozenset(_MOST)
"""Every label that llama.cpp's rules make files of."""
_LOWEST = ("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M")
_PLAIN = ("F16", "BF16", "F32")
_MIXTRAL = 8
"""So many experts are taken for Mixtral, whose few attention weights are kept wide."""
_WIDE_VALUES = ("llama", "qwen2")
"""Families whose models of eighty layers are taken for Llama 70B, with eight heads to a key."""


def tensor_types(label: str, facts: MixFacts) -> Mapping[Tensors, Shares]:
    """The types of each kind of tensors; ``label`` is one of ``LABELS``."""
    most = _MOST[label]
    found: dict[Tensors, Shares] = {kind: {most: 1.0} for kind in Tensors}
    if label in _PLAIN:
        return found
    if label == "MXFP4":
        experts = (Tensors.UP, Tensors.DOWN) if facts.experts else ()
        return {**found, **{kind: {"Q8_0": 1.0} for kind in Tensors if kind not in experts}}
    found[Tensors.HEAD] = {_head(label, most): 1.0}
    found[Tensors.EMBED] = {_embedding(label, most): 1.0}
    values = _values(label, most, facts)
    found[Tensors.VALUE] = found[Tensors.FUSED] = values
    found[Tensors.QUERY_KEY] = {_query_key(label, most): 1.0}
    found[Tensors.OUT] = {_out(label, most, facts): 1.0}
    found[Tensors.DOWN] = _down(label, most, facts)
    if label == "IQ3_XS":
        first, last = facts.layers // 8, 7 * facts.layers // 8
        found[Tensors.UP] = _some("IQ3_XXS", (last - first) / facts.layers, most)
    return found


def _head(label: str, most: str) -> str:
    if label in (*_LOWEST, "IQ3_XXS"):
        return "Q5_K"
    return most if most == "Q8_0" else "Q6_K"


def _embedding(label: str, most: str) -> str:
    if label in ("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS"):
        return "Q2_K"
    if label in ("IQ2_S", "IQ2_M", "IQ3_XXS"):
        return "IQ3_S"
    return "Q4_K" if label.startswith("TQ") else most


def _some(other: str, share: float, most: str) -> Shares:
    return {other: share, most: 1 - share} if 0 < share < 1 else {other if share else most: 1.0}


def _more(layers: int) -> float:
    """The share of the layers that ``use_more_bits`` names: the ends, and every third between."""
    first, last = layers // 8, 7 * layers // 8
    return sum(i < first or i >= last or (i - first) % 3 == 2 for i in range(layers)) / layers


def _values(label: str, most: str, facts: MixFacts) -> Shares:
    if label in _LOWEST:
        if facts.shared_keys >= 4 or facts.experts >= 4:
            return {"Q4_K": 1.0}
        return {"IQ3_S" if label in ("IQ2_S", "IQ2_M") else "Q2_K": 1.0}
    found: Shares = {most: 1.0}
    if label == "Q2_K":
        found = {"Q4_K" if facts.shared_keys >= 4 else "Q3_K": 1.0}
    elif (label in ("Q2_K_S", "IQ3_XXS", "IQ3_XS", "IQ3_S") and facts.shared_keys >= 4) or label == "IQ3_M":
        found = {"Q4_K": 1.0}
    elif label == "Q3_K_M":
        found = _some("Q5_K", min(2 / facts.layers, 1), "Q4_K")
    elif label == "Q3_K_L" or (label in ("IQ4_NL", "IQ4_XS") and facts.shared_keys >= 4):
        found = {"Q5_K": 1.0}
    elif label in ("Q4_K_M", "Q5_K_M"):
        found = _some("Q6_K", _more(facts.layers), most)
    elif label == "Q4_K_S":
        found = _some("Q5_K", min(4 / facts.layers, 1), most)
    if facts.layers == 80 and facts.shared_keys > 1 and facts.model_type in _WIDE_VALUES:
        found = _replaced(found, {"Q3_K": "Q5_K", "Q4_K": "Q5_K"})
    return {"Q8_0": 1.0} if facts.experts == _MIXTRAL else found


def _replaced(shares: Shares, others: Mapping[str, str]) -> Shares:
    found: dict[str, float] = {}
    for name, share in shares.items():
        other = others.get(name, name)
        found[other] = found.get(other, 0.0) + share
    return found


def _query_key(label: str, most: str) -> str:
    return {"IQ3_XS": "IQ3_XXS", "IQ3_XXS": "IQ2_S"}.get(label, most)


def _out(label: str, most: str, facts: MixFacts) -> str:
    if facts.experts == _MIXTRAL and most.startswith(("Q2", "Q3", "Q4_K", "IQ")) and label != "Q3_K_L":
        return "Q5_K"
    wider = {"Q2_K": "Q3_K", "IQ3_XXS": "IQ3_S", "Q3_K_M": "Q4_K", "Q3_K_L": "Q5_K", "IQ3_M": "Q4_K"}
    wider |= dict.fromkeys(("IQ1_S", "IQ1_M"), "IQ2_XXS") | dict.fromkeys(("IQ2_S", "IQ2_M"), "IQ3_S")
    return wider.get(label, most)


def _down(label: str, most: str, facts: MixFacts) -> Shares:
    layers = facts.layers
    eighth = (layers // 8) / layers
    if label in _LOWEST:
        return _some("IQ3_S" if label in ("IQ2_S", "IQ2_M") else "Q2_K", eighth, most)
    if label in ("Q4_K_M", "Q5_K_M"):
        return _some("Q6_K", _more(layers), most)
    if label == "Q3_K_M":
        return _some("Q5_K", (layers // 16) / layers, "Q4_K")
    if label in ("Q2_K", "Q3_K_L"):
        return {"Q3_K" if label == "Q2_K" else "Q5_K": 1.0}
    first = {"Q2_K_S": "Q4_K", "IQ3_M": "Q4_K", "Q4_K_S": "Q5_K"}.get(label)
    return {most: 1.0} if first is None else _some(first, eighth, most)


_NARROW_ROWS = {
    **dict.fromkeys(("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_XS"), "IQ4_NL"),
    **dict.fromkeys(("Q2_K", "Q3_K", "TQ1_0", "TQ2_0"), "Q4_0"),
    "Q4_K": "Q5_0",
    "Q5_K": "Q5_1",
    "Q6_K": "Q8_0",
}
"""What a type in blocks of 256 becomes where a row is no multiple of that."""
_BLOCK = 256


def mean_bits(shares: Shares, row: int | None) -> float:
    """Bits a weight of tensors with rows of so many weights; None: whole blocks."""
    if row and row % _BLOCK:
        shares = _replaced(shares, _NARROW_ROWS)
    return sum(BITS_PER_WEIGHT[name] * share for name, share in shares.items())
