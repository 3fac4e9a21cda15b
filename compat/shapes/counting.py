"""Where a model's parameters sit: counted from its dimensions, tensor class by tensor class.

Quantisers treat classes differently (embeddings and the output head often stay wide), and a mixture of
experts reads only some of them for one token; both need the split. Counts are numbers of weights, not
bytes. Norms and biases are left out: under 0.1 % of every model here.
"""

from dataclasses import dataclass

from compat.architectures import LayerKind, architecture_of
from compat.shapes.shape import ModelShape


@dataclass(frozen=True)
class Split:
    """Parameters by tensor class. ``body`` is everything that is neither embedding nor output head.

    What stands after it are parts of ``body``, None when the dimensions do not tell; ``attn_qkv`` is what makes
    queries, keys and values in one, ``ffn_up`` the gate too. ``head`` is 0 when the embedding doubles as output head.
    ``lookup`` holds per-layer embedding tables (Gemma 3n and 4), of which a token reads one row.
    """

    total: int
    embed: int
    head: int
    body: int
    router: int | None = None
    attn_qk: int | None = None
    attn_qkv: int | None = None
    attn_v: int | None = None
    attn_o: int | None = None
    ffn_up: int | None = None
    ffn_down: int | None = None
    lookup: int = 0

    @property
    def complete(self) -> bool:
        """Whether every part of ``body`` that a GGUF mix treats apart is known."""
        return None not in (self.router, self.attn_v, self.attn_o, self.ffn_down)


@dataclass(frozen=True)
class _Attention:
    """Weights of all token mixers; ``rest`` are of linear attention, beside what makes its queries, keys and values."""

    qk: int
    v: int
    o: int
    qkv: int
    rest: int

    @property
    def total(self) -> int:
        return self.qk + self.v + self.o + self.qkv + self.rest


@dataclass(frozen=True)
class _Counts:
    attention: _Attention
    ffn: int
    ffn_down: int
    router: int
    routed: int
    hearing: int = 0


def embedding_parameters(shape: ModelShape) -> int | None:
    """Weights of the token embedding table."""
    return shape.vocab * shape.hidden if shape.vocab and shape.hidden else None


def split_parameters(shape: ModelShape, parameters: int | None = None) -> Split | None:
    """Parameters by class; ``parameters`` (the file's own count) outranks the dimensions.

    None when neither a total nor the dimensions for one are known, or the embedding is unknown.
    """
    return _split(shape, parameters or shape.parameters)


def split_by_dimensions(shape: ModelShape) -> Split | None:
    """Parameters by class as the dimensions alone tell them, whatever was counted; None where they do not."""
    return _split(shape, None)


_ALIKE = 0.005
"""The share of the weights by which a count may miss the dimensions: norms and biases."""


def _split(shape: ModelShape, total: int | None) -> Split | None:
    table = embedding_parameters(shape)
    if table is None:
        return None
    head = 0 if shape.tied else table
    counts = _count(shape)
    if total is None:
        if counts is None or shape.tied is None:
            return None
        total = table + head + counts.attention.total + counts.ffn + counts.router + counts.hearing
    lookup = (shape.vocab or 0) * (shape.layers or 0) * (shape.per_layer_embed or 0)
    if shape.tied and counts is not None and not lookup:
        # Files that hold a table twice which is one: what is loaded is one.
        once = table + counts.attention.total + counts.ffn + counts.router + counts.hearing
        total -= table if abs(total - once - table) < _ALIKE * once else 0
    body = total - table - head - lookup
    if body <= 0:
        return None
    if counts is None or lookup:
        return Split(total, table, head, body, _router(shape), lookup=lookup)
    mixers, down = counts.attention, counts.ffn_down
    return Split(
        total,
        table,
        head,
        body,
        counts.router,
        mixers.qk,
        mixers.qkv,
        mixers.v,
        mixers.o,
        counts.ffn - down,
        down,
    )


def routed_parameters(shape: ModelShape, parameters: int | None = None) -> int | None:
    """Weights of all routed experts together; None when they cannot be counted, or come out as more than there are."""
    if not shape.experts:
        return 0
    parts = split_parameters(shape, parameters)
    routed = _routed(shape)
    if routed:
        return routed if parts is None or routed <= parts.body else None
    attention = _attention(shape)
    if parts is None or attention is None:
        return None
    # What is neither embedding nor attention is experts, but for routers and a shared expert.
    return max(parts.body - attention.total, 0)


def counted_width(shape: ModelShape) -> int | None:
    """The feed-forward width that the number of weights leaves room for, where a configuration does not tell it.

    None of a mixture, and where attention cannot be counted. The head is a table of its own unless told otherwise.
    """
    parts, attention = split_parameters(shape), _attention(shape)
    if shape.experts or parts is None or attention is None or not shape.hidden or not shape.layers:
        return None
    width = (parts.body - attention.total) // (_matrices(shape) * shape.hidden * shape.layers)
    return width if width > 0 else None


def active_parameters(shape: ModelShape, parameters: int | None = None) -> int | None:
    """Weights read for one token: everything but the experts that were not chosen.

    The token embedding is one row, not a table, so it is not counted unless it is the output head too. Nor is what a
    repository holds beside the stack: a layer that guesses tokens ahead, a vision tower.
    """
    total = parameters or shape.parameters
    parts = split_parameters(shape, total)
    if parts is None:
        return None
    read = parts.total - parts.lookup - (parts.embed if parts.head else 0)
    if not shape.experts:
        return None if architecture_of(shape.model_type or "").mixture else read
    if shape.active_parameters:
        return min(shape.active_parameters, parts.total)
    experts = routed_parameters(shape, total)
    if experts is None or not shape.experts_used:
        return None
    unread = experts * (shape.experts - shape.experts_used) // shape.experts + _beside(shape, parts.total)
    return max(read - unread, 0)


def _beside(shape: ModelShape, total: int) -> int:
    """Weights of a mixture that are counted but not of its stack, where they are as many as a layer's experts at least.

    No layer is left out of the dimensions, so that what they miss of the stack itself is less.
    """
    stack, sparse = _stack(shape), _sparse_layers(shape)
    if stack is None or not sparse:
        return 0
    beside = total - stack
    return beside if beside >= (_routed(shape) or total) // sparse else 0


def _stack(shape: ModelShape) -> int | None:
    """All weights of a mixture as its dimensions make them, those of latent attention too; None where they do not."""
    table, attention, feed = embedding_parameters(shape), _attention(shape), _feed_forward(shape)
    mixers = _latent(shape) if shape.mla else attention.total if attention is not None else None
    if table is None or mixers is None or feed is None or shape.tied is None:
        return None
    lookup = (shape.vocab or 0) * (shape.layers or 0) * (shape.per_layer_embed or 0)
    return table * (1 if shape.tied else 2) + mixers + feed[0] + (_router(shape) or 0) + lookup


def _latent(shape: ModelShape) -> int | None:
    """Weights of latent attention, whose queries and keys are made through a rank each."""
    mla = shape.mla
    if mla is None or None in (mla.nope, mla.v_dim, mla.queries, shape.hidden, shape.heads, shape.layers):
        return None
    hidden, heads = shape.hidden or 0, shape.heads or 0
    nope, v_dim, queries = mla.nope or 0, mla.v_dim or 0, mla.queries or 0
    made = hidden * (queries + mla.rank + mla.rope) + queries * heads * (nope + mla.rope)
    return (shape.layers or 0) * (made + mla.rank * heads * (nope + v_dim) + heads * v_dim * hidden)


def _matrices(shape: ModelShape) -> int:
    return 3 if shape.gated_ffn else 2


def _sparse_layers(shape: ModelShape) -> int | None:
    if shape.layers is None:
        return None
    return shape.layers - (shape.dense_layers or 0)


def _routed(shape: ModelShape) -> int | None:
    """Weights of all routed experts together, as the dimensions make them; None where these do not tell."""
    sparse = _sparse_layers(shape)
    width = shape.expert_width
    if not (sparse and width and shape.hidden and shape.experts):
        return None
    return _matrices(shape) * shape.hidden * width * shape.experts * sparse


def _router(shape: ModelShape) -> int | None:
    sparse = _sparse_layers(shape)
    if not shape.experts:
        return 0
    return sparse * shape.experts * shape.hidden if sparse and shape.hidden else None


def _attention(shape: ModelShape) -> _Attention | None:
    """Weights of all token mixers; None for kinds not counted here."""
    if not (shape.hidden and shape.heads and shape.caches) or shape.mla:
        return None
    queries = keys = values = outputs = fused = rest = 0
    for cache, count in shape.layer_counts:
        if cache.kind in (LayerKind.BOTH, LayerKind.NONE):
            return None
        if cache.kind is LayerKind.STATE:
            state = shape.state
            if state is None or state.inner is None or state.keys is None:
                return None
            # Gated delta rule: q, k, v and the gate z go in, v comes out; two scalars a head are left out.
            fused += count * (2 * state.keys + state.inner)
            rest += count * 2 * state.inner
            continue
        queries += count * cache.q_width * (2 if shape.gated_query else 1)
        outputs += count * cache.q_width
        keys += count * cache.k_width
        # Where values are the keys' own projection, only window layers have a matrix of their own.
        values += 0 if shape.value_is_key and cache.kind is LayerKind.FULL else count * cache.v_width
    return _Attention(*(shape.hidden * width for width in (queries + keys, values, outputs, fused, rest)))


def _count(shape: ModelShape) -> _Counts | None:
    attention, feed, router = _attention(shape), _feed_forward(shape), _router(shape)
    if attention is None or feed is None or router is None:
        return None
    ffn, experts = feed
    hearing = _hearing(shape)
    if hearing is None:
        return None
    return _Counts(attention, ffn, ffn // _matrices(shape), router, experts, hearing)


def _hearing(shape: ModelShape) -> int | None:
    """Weights of an encoder for sound, of what looks at it, and of all positions; 0 where there is none, None where
    its dimensions are not told.
    """
    if shape.hears is None:
        return 0
    if not (shape.hidden and shape.ffn and shape.layers and shape.encoder_layers and shape.mels and shape.context):
        return None
    width = shape.hidden
    layer = 4 * width * width
    encoder = shape.encoder_layers * (layer + 2 * width * shape.ffn) + 3 * width * (shape.mels + width)
    return encoder + shape.layers * layer + width * (shape.hears + shape.context)


def _feed_forward(shape: ModelShape) -> tuple[int, int] | None:
    """(weights of everything that feeds forward, those of its routed experts)."""
    sparse, n = _sparse_layers(shape), _matrices(shape)
    if sparse is None or not shape.hidden or not shape.layers:
        return None
    if not shape.experts:
        return (n * shape.hidden * shape.ffn * shape.layers, 0) if shape.ffn else None
    experts = _routed(shape)
    if experts is None or (shape.dense_layers and not shape.ffn):
        return None
    dense = n * shape.hidden * (shape.ffn or 0) * (shape.dense_layers or 0)
    shared = n * shape.hidden * (shape.shared_ffn or 0) * sparse
    return experts + dense + shared, experts


__all__ = [
    "Split",
    "active_parameters",
    "counted_width",
    "embedding_parameters",
    "routed_parameters",
    "split_by_dimensions",
    "split_parameters",
]
