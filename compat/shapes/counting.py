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


def _split(shape: ModelShape, total: int | None) -> Split | None:
    table = embedding_parameters(shape)
    if table is None:
        return None
    head = 0 if shape.tied else table
    counts = _count(shape)
    if total is None:
        if counts is None or shape.tied is None:
            return None
        total = table + head + counts.attention.total + counts.ffn + counts.router
    lookup = (shape.vocab or 0) * (shape.layers or 0) * (shape.per_layer_embed or 0)
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


def active_parameters(shape: ModelShape, parameters: int | None = None) -> int | None:
    """Weights read for one token: everything but the experts that were not chosen.

    The token embedding is one row, not a table, so it is not counted unless it is the output head too.
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
    return max(read - experts * (shape.experts - shape.experts_used) // shape.experts, 0)


def _matrices(shape: ModelShape) -> int:
    return 3 if shape.gated_ffn else 2


def _sparse_layers(shape: ModelShape) -> int | None:
    if shape.layers is None:
        return None
    return shape.layers - (shape.dense_layers or 0)


def _routed(shape: ModelShape) -> int | None:
    """Weights of all routed experts together, as the dimensions make them; None where these do not tell."""
    sparse = _sparse_layers(shape)
    width = shape.expert_ffn or (shape.ffn if shape.dense_layers is None else None)
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
    attention = _attention(shape)
    sparse, router = _sparse_layers(shape), _router(shape)
    if attention is None or sparse is None or router is None or not shape.hidden or not shape.layers:
        return None
    n = _matrices(shape)
    if not shape.experts:
        if not shape.ffn:
            return None
        ffn = n * shape.hidden * shape.ffn * shape.layers
        return _Counts(attention, ffn, ffn // n, 0, 0)
    experts = _routed(shape)
    if experts is None or (shape.dense_layers and not shape.ffn):
        return None
    dense = n * shape.hidden * (shape.ffn or 0) * (shape.dense_layers or 0)
    shared = n * shape.hidden * (shape.shared_ffn or 0) * sparse
    ffn = experts + dense + shared
    return _Counts(attention, ffn, ffn // n, router, experts)


__all__ = [
    "Split",
    "active_parameters",
    "embedding_parameters",
    "routed_parameters",
    "split_by_dimensions",
    "split_parameters",
]
