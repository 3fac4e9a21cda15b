"""Bytes an engine keeps per token and per sequence: key-value cache and recurrent state.

Per token and layer ``n_kv_heads x (head_dim_k + head_dim_v) x bits / 8``, summed over the layers that
keep keys and values, each with the cells the engine gives it. llama.cpp pads and bounds as in
``llama-kv-cache.cpp``; vLLM and SGLang page by blocks.
"""

from dataclasses import dataclass

from compat.architectures import LayerKind
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
    """Cells a window layer gets beyond window and batch: none in llama.cpp, 1 in what node-llama-cpp makes of it."""


@dataclass(frozen=True)
class CacheBytes:
    """``kv`` grows with context, ``state`` does not. None is unknown; ``missing`` names what lacked."""

    kv: int | None
    state: int | None
    per_token: float | None = None
    missing: tuple[str, ...] = ()


def pad(value: int, step: int) -> int:
    """``value`` rounded up to a multiple of ``step``."""
    return -(-value // step) * step


def estimate_cache(shape: ModelShape, engine: str, options: CacheOptions) -> CacheBytes:
    """Key-value cache and recurrent state in bytes for ``options.parallel`` sequences."""
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
    for layer in shape.caches:
        k, v = layer_widths(layer, shape, engine)
        each = (k * bits_k + v * bits_v) / 8
        kv += each * reserved_cells(layer, engine, options)
        per_token += each if layer.kind in (LayerKind.FULL, LayerKind.BOTH) else 0
    state = state_bytes(shape, options)
    if state is None:
        missing.append("size of the recurrent state")
    return CacheBytes(round(kv), state, per_token, tuple(missing))


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


def layer_widths(layer: LayerCache, shape: ModelShape, engine: str) -> tuple[int, int]:
    """(keys, values) that one layer keeps a token, as the engine stores them."""
    mla = shape.mla
    if mla is not None and layer.k_width and engine in FULL_HEADS and shape.heads and mla.nope and mla.v_dim:
        return shape.heads * (mla.nope + mla.rope), shape.heads * mla.v_dim
    return layer.k_width, layer.v_width


def _lacking(shape: ModelShape) -> str:
    for name, value in (
        ("layers", shape.layers),
        ("kv heads", shape.kv_heads),
        ("head size", shape.head_dim),
    ):
        if value is None and not (shape.mla and name != "layers"):
            return name
    return "which layers keep keys and values"
