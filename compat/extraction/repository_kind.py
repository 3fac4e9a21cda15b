"""Are there as many weights as the config's shape needs at the very least?

An adapter or a draft head often carries the config of the model it belongs to. Counting tells them apart: no model has
fewer weights than its embedding and attention matrices alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compat.architectures import architecture_of, name_words
from compat.extraction.parameters import LANGUAGE_MODEL, WIDE_FLOATS, named_sizes
from compat.extraction.quantization import Packing
from compat.hub.payloads import HubModel

_SHARE = 0.5
"""Below this share of the least count a file set is no whole model; half leaves room for pruned vocabularies."""

_WIDE = 2048
_SHALLOW = 6
"""From this width on, so few layers make a draft head (one layer always, more if the name tells of another size)."""

_SHAPE_KEYS = (
    "hidden_size",
    "num_hidden_layers",
    "vocab_size",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
)
_COUNTED = 1_000_000
"""Counts below are no adapters but weights that were saved empty by mistake."""
_PART_WORDS = frozenset({"lora", "qlora", "adapter", "adapters", "mtp", "peft"})


def least_parameters(config: Mapping[str, Any]) -> int | None:
    """The weights of embedding and attention alone, from the config; None where a number is not told."""
    numbers = [config.get(key) for key in _SHAPE_KEYS]
    model_type = config.get("model_type")
    if not isinstance(model_type, str) or not architecture_of(model_type).plain_attention:
        return None
    if not all(isinstance(number, int) and not isinstance(number, bool) and number > 0 for number in numbers):
        return None
    hidden, layers, vocabulary, heads, kv_heads, head_dim = (int(number or 0) for number in numbers)
    attention = hidden * head_dim * (2 * heads + 2 * kv_heads)
    return vocabulary * hidden + layers * attention


def is_partial(model: HubModel, config: Mapping[str, Any], packing: Packing) -> bool:
    """Whether the counted weights are far too few for a model of this shape, or the name says that they are a part.

    Packed weights cannot be held against the shape: their count is of the words they are packed in.
    """
    block = model.safetensors
    if block is None or not block.count or block.count < _COUNTED or LANGUAGE_MODEL in config:
        return False
    named = min((size for _, size in named_sizes(model.name)), default=None)
    if _is_shallow(config, known_size=named is not None) and (named is None or block.count < _SHARE * named):
        return True
    least = least_parameters(config)
    if least is None:
        part = bool(_PART_WORDS.intersection(name_words(model.name))) and isinstance(config.get("model_type"), str)
        return part and block.count < _SHARE * (named or 0)
    if packing.known or (block.parameters and not set(block.parameters) <= WIDE_FLOATS):
        return False
    return block.count < _SHARE * least


def _is_shallow(config: Mapping[str, Any], *, known_size: bool) -> bool:
    layers, hidden = config.get("num_hidden_layers"), config.get("hidden_size")
    if not isinstance(layers, int) or not isinstance(hidden, int):
        return False
    return 0 < layers <= (_SHALLOW if known_size else 1) and hidden >= _WIDE
