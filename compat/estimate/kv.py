"""Bytes an engine keeps per token and per sequence: key-value cache and recurrent state.

Per token and layer ``n_kv_heads x (head_dim_k + head_dim_v) x bits / 8``, summed over the layers that
keep keys and values, each with the cells the engine gives it. llama.cpp pads and bounds as in
``llama-kv-cache.cpp``; vLLM and SGLang page by blocks.

Sparse attention of DeepSeek V3.2 and GLM 5 keeps the keys of an indexer beside them. Read in vLLM 0.33.0
(``DeepseekV32IndexerCache``), SGLang 0.5.23 (``DSATokenToKVPool``), llama.cpp 0c1e57098 (``llama_kv_cache_dsa``) and
mlx-lm 0.32.2 (``deepseek_v32.py``, whose second cache holds zeros in place of values).

Encoders keep nothing: llama.cpp makes no memory for BERT and its like (``create_memory`` in ``llama-model.cpp``), and
vLLM's ``EncoderOnlyAttentionSpec`` none either.
"""

from dataclasses import dataclass

from compat.architectures import LayerKind
from compat.estimate.amounts import Amount, either, largest, rounded, smallest
from compat.estimate.engine_names import FULL_HEADS, LLAMA_FAMILY, PAGED
from compat.estimate.launch import DEFAULT_UBATCH
from compat.estimate.quant import kv_bits
from compat.shapes.shape import LayerCache, ModelShape

LLAMA_PAD = 256
VLLM_BLOCK = 16
VLLM_BATCHED = 2048
"""Prompt tokens in one step by default; a window layer holds them beside its window."""
WINDOWED = (LayerKind.WINDOW, LayerKind.CHUNK)
"""Layers that see the newest tokens only."""


@dataclass(frozen=True)
class CacheOptions:
    """How the cache is asked for. ``context`` is per server; ``parallel`` sequences share or split it."""

    context: int
    kv_type: str = "f16"
    parallel: int = 1
    unified: bool = True
    swa_full: bool = False
    ubatch: int = DEFAULT_UBATCH
    snapshots: int = 0
    v_type: str | None = None
    swa_batch: int | None = None
    """Batch a window layer leaves room for; None: ``ubatch``."""
    swa_slack: int = 0
    """Cells a window layer gets beyond window and batch."""


@dataclass(frozen=True)
class CacheBytes:
    """``kv`` grows with context, ``state`` does not. None is unknown; ``missing`` names what lacked.

    ``pooled``: the engine keeps both in pages of one pool, which is what it calls its KV cache.
    """

    kv: int | None
    state: int | None
    per_token: float | None = None
    missing: tuple[str, ...] = ()
    pooled: bool = False


def pad(value: int, step: int) -> int:
    """``value`` rounded up to a multiple of ``step``."""
    return -(-value // step) * step


def estimate_cache(shape: ModelShape, engine: str, options: CacheOptions) -> CacheBytes:
    """Key-value cache and recurrent state in bytes for ``options.parallel`` sequences."""
    if shape.encoder:
        return CacheBytes(0, 0, 0.0)
    missing = []
    bits_k, bits_v = cache_bits(engine, options)
    if bits_k is None or bits_v is None:
        missing.append(f"bits of cache type '{options.kv_type}'")
    if shape.caches is None:
        missing.append(_lacking(shape))
    if missing or shape.caches is None or bits_k is None or bits_v is None:
        return CacheBytes(None, None, missing=tuple(missing))
    kv = 0.0
    per_token = 0.0
    for layer, count in shape.layer_counts:
        k, v = layer_widths(layer, shape, engine)
        each = count * ((k * bits_k + v * bits_v) / 8 + index_bytes(layer, engine))
        kv += each * (reserved_cells(layer, engine, options) + heard_cells(shape.hears or 0, engine, options))
        per_token += each if layer.kind in (LayerKind.FULL, LayerKind.BOTH) else 0
    state = state_bytes(shape, options)
    if state is None:
        missing.append("size of the recurrent state")
    pages = hybrid_pages(shape, engine)
    if pages is not None:
        of_keys, state = unified_pool(pages, options, (bits_k, bits_v))
        return CacheBytes(of_keys, state, per_token, tuple(missing), pooled=True)
    return CacheBytes(round(kv), state, per_token, tuple(missing))


@dataclass(frozen=True)
class HybridPages:
    """What vLLM's one pool for attention and recurrent layers depends on.

    So many ``full`` layers keep ``k`` keys and ``v`` values a token, so many ``recurrent`` ones ``state`` bytes each.
    """

    full: Amount
    recurrent: Amount
    state: Amount
    k: Amount
    v: Amount


def hybrid_pages(shape: ModelShape, engine: str) -> HybridPages | None:
    """The pages of a model with both kinds of layers on vLLM; None of others, and where layers differ in width."""
    if engine != "vllm" or shape.state is None or shape.caches is None or not shape.state_layers:
        return None
    keeping = [layer for layer in shape.caches if layer.kind not in (LayerKind.STATE, LayerKind.NONE)]
    widths = {layer_widths(layer, shape, engine) for layer in keeping}
    if len(widths) != 1 or any(layer.kind in WINDOWED for layer in keeping):
        return None
    k, v = widths.pop()
    # The convolution's tail is kept as the model computes, in 16 bits, the matrix in 32.
    state = 2 * shape.state.conv + 4 * shape.state.recurrent
    return HybridPages(len(keeping), shape.state_layers, state, k, v) if k + v else None


def _filled(amount: Amount, group: Amount) -> Amount:
    return -(-amount // group) * group


PAGES_OF_STATE = 2
"""Pages that vLLM keeps of each sequence's state, so that a prompt's beginning can be used again."""


def unified_pool(pages: HybridPages, options: CacheOptions, bits: tuple[float, float]) -> tuple[Amount, Amount]:
    """(bytes of keys and values, bytes of states) of vLLM's pool for ``options.parallel`` sequences.

    All pages are as large as a state, so a page of keys holds hundreds of tokens. Layers are taken in groups of one
    size, as many as there are of the rarer kind; a group that is not full is filled with layers that hold nothing. Read
    in vLLM 0.33.0: ``_align_hybrid_block_size``, ``kv_cache_planning.py`` and ``MambaSpec``.
    """
    each = rounded(-(-(pages.k * bits[0] + pages.v * bits[1]) // 8))
    block = _filled(-(-pages.state // each), VLLM_BLOCK)
    few, many = smallest(pages.full, pages.recurrent), largest(pages.full, pages.recurrent)
    group = either(2 * many < 3 * few, many, few)
    sequences = options.parallel * block * each
    keys = -(-options.context // block) * _filled(pages.full, group)
    return keys * sequences, PAGES_OF_STATE * _filled(pages.recurrent, group) * sequences


def reserved_cells(layer: LayerCache, engine: str, options: CacheOptions) -> int:
    """Token slots the engine reserves in one layer, all sequences together."""
    if layer.kind in (LayerKind.STATE, LayerKind.NONE):
        return 0
    context, parallel = options.context, options.parallel
    windowed = layer.kind in WINDOWED and layer.window is not None and not options.swa_full
    if engine in LLAMA_FAMILY:
        if options.unified:
            streams, size = 1, pad(context, LLAMA_PAD)
        else:
            streams, size = parallel, pad(-(-context // parallel), LLAMA_PAD)
        if windowed:
            assert layer.window is not None
            span = (
                layer.window * (parallel if options.unified else 1)
                + (options.swa_batch or options.ubatch)
                + options.swa_slack
            )
            size = min(size, pad(span, LLAMA_PAD))
        return size * streams
    step = VLLM_BLOCK if engine in PAGED else 1
    size = context
    if windowed and layer.window is not None:
        if engine in PAGED:
            # One block more: a window seldom starts at the edge of one.
            size = min(size, pad(layer.window - 1 + VLLM_BATCHED, step) + step)
        else:
            size = min(size, layer.window)
    return pad(size, step) * parallel


def heard_cells(tokens: int, engine: str, options: CacheOptions) -> int:
    """Token slots that each layer keeps of recordings of so many tokens, one for each sequence, whatever the context.

    In vLLM 0.33.0 they are pages as any (``CrossAttentionSpec``).
    """
    return pad(tokens, VLLM_BLOCK if engine in PAGED else 1) * options.parallel


def state_bytes(shape: ModelShape, options: CacheOptions) -> int | None:
    """Recurrent state in bytes: 32-bit values per state layer and sequence, whatever the context."""
    layers = shape.state_layers
    if layers == 0:
        return 0
    if shape.state is None:
        return None
    values = shape.state.conv + shape.state.recurrent
    return values * 4 * layers * options.parallel * (1 + options.snapshots)


def cache_bits(engine: str, options: CacheOptions) -> tuple[float | None, float | None]:
    """(bits of a key, bits of a value) in the cache; None for a type that is not known."""
    # rbee computes and caches in 32 bits whatever the file holds.
    k_type = "f32" if engine == "rbee" else options.kv_type
    return kv_bits(k_type), kv_bits(options.v_type or k_type)


def is_narrow(engine: str, options: CacheOptions) -> bool:
    """Whether keys or values are kept in fewer than 16 bits."""
    return any(bits is not None and bits < 16 for bits in cache_bits(engine, options))


def layer_widths(layer: LayerCache, shape: ModelShape, engine: str) -> tuple[int, int]:
    """(keys, values) that one layer keeps a token, as the engine stores them."""
    mla = shape.mla
    full = engine in FULL_HEADS or (engine == "mlx-lm" and shape.model_type in _FULL_ON_MLX)
    if mla is not None and layer.k_width and full and shape.heads and mla.nope and mla.v_dim:
        return shape.heads * (mla.nope + mla.rope), shape.heads * mla.v_dim
    if not layer.index or engine in _INDEX_IN_BYTES or (layer.index_shared and engine in LLAMA_FAMILY):
        return layer.k_width, layer.v_width
    return layer.k_width + layer.index, layer.v_width + (layer.index if engine == "mlx-lm" else 0)


_FULL_ON_MLX = frozenset({"deepseek_v2", "minicpm3", "youtu_llm"})
"""Model types whose code in mlx-lm 0.32.2 keeps the full heads of a latent attention; of others the latent form."""
_INDEX_IN_BYTES = frozenset({"vllm", "sglang"})
"""Engines that keep an indexer's keys in eight bits, with a scale of 32 for every 128, whatever the cache's type."""
_INDEX_GROUP = 128


def index_bytes(layer: LayerCache, engine: str) -> int:
    """Bytes that one layer keeps a token of an indexer's keys, where those are not of the cache's type."""
    if not layer.index or layer.index_shared or engine not in _INDEX_IN_BYTES:
        return 0
    return layer.index + layer.index // _INDEX_GROUP * 4


def _lacking(shape: ModelShape) -> str:
    for name, value in (
        ("layers", shape.layers),
        ("kv heads", shape.kv_heads),
        ("head size", shape.head_dim),
    ):
        if value is None and not (shape.mla and name != "layers"):
            return name
    return "which layers keep keys and values"
