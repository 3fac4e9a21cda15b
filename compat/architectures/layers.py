"""What the layers of an architecture keep between tokens, as its own code fixes it: the ``layers`` of the table.

A configuration that states ``layer_types`` always wins over what stands in the table.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PositiveInt


class LayerKind(StrEnum):
    """What one layer keeps between tokens."""

    FULL = "full"  # keys and values of every token
    WINDOW = "window"  # keys and values of the last tokens only
    CHUNK = "chunk"  # keys and values of the present chunk only
    STATE = "state"  # a recurrent state of fixed size
    BOTH = "both"  # full attention and a recurrent state side by side
    NONE = "none"  # nothing: a plain feed-forward layer, or it reuses another layer's cache


_Kind = Annotated[LayerKind, Field(strict=False)]


class LayerStructure(BaseModel):
    """What an architecture's code fixes about its layers, where the configuration does not say it.

    ``period`` n: layers n-1, 2n-1, ... attend to all tokens, the others are of kind ``other``.
    ``from_end``: the period is counted from the last layer backwards. ``every``: all layers are of this kind.
    ``explicit``: the pattern differs from model to model and must be read from the file.
    ``window``: tokens a window or chunk layer sees. ``head_dim``: values of one attention head.
    ``mla``: multi-head latent attention, as DeepSeek's. ``mha``: a key head for each query head (multi-head attention).
    ``grouped``: query heads share key heads, as a configuration tells by a name that lists do not look for; what they
    tell instead is one for each.
    ``index``: width of the keys that a sparse-attention indexer stores beside a latent cache.
    ``tied``: the embedding is the output head too. ``gated_ffn``: three feed-forward matrices, not two.
    ``gated_query``: the query projection makes a gate of the same width.
    ``encoder``: it reads a whole text at once and keeps nothing for the next token. ``hears``: an encoder makes so many
    tokens of a recording, to each of which every layer of the decoder attends (cross-attention).
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    period: PositiveInt = 1
    other: _Kind = LayerKind.FULL
    window: PositiveInt | None = None
    head_dim: PositiveInt | None = None
    every: _Kind | None = None
    explicit: bool = False
    mla: bool = False
    mha: bool = False
    grouped: bool = False
    tied: bool | None = None
    gated_ffn: bool = True
    gated_query: bool = False
    from_end: bool = False
    index: int = 0
    encoder: bool = False
    hears: PositiveInt | None = None


_F, _W, _S = LayerKind.FULL, LayerKind.WINDOW, LayerKind.STATE

LAYER_TYPE_WORDS: dict[str, LayerKind] = {
    "full_attention": _F,
    "attention": _F,
    "global_attention": _F,
    "sliding_attention": _W,
    "local_attention": _W,
    "chunked_attention": LayerKind.CHUNK,
    "linear_attention": _S,
    "mamba": _S,
    "mamba2": _S,
    "conv": _S,
    "recurrent": _S,
    "mlp": LayerKind.NONE,
    "moe": LayerKind.NONE,
    "hybrid": LayerKind.BOTH,
}
"""Words of ``layer_types`` and ``layers_block_type``."""

PATTERN_LETTERS: dict[str, LayerKind] = {"M": _S, "*": _F, "-": LayerKind.NONE, "E": LayerKind.NONE}
"""Letters of Nemotron-H's ``hybrid_override_pattern``."""


def layer_kinds(structure: LayerStructure, layers: int) -> tuple[LayerKind, ...] | None:
    """The kinds of ``layers`` layers by an architecture's rule; None where each model has a pattern of its own.

    With ``period=4, other=window`` eight layers are three windows, one full, three windows, one full.
    """
    if structure.explicit:
        return None
    if structure.every is not None:
        return (structure.every,) * layers
    first = layers if structure.from_end else 0
    return tuple(_F if (i + 1 - first) % structure.period == 0 else structure.other for i in range(layers))
