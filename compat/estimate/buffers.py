"""Memory an engine takes beyond weights and cache: compute buffers, activations, driver context.

Each formula names the tensors that are alive together at an engine's peak. Where a figure is a typical
value and not a count, the result's basis is ``default``.

Sources: allocation logs of llama.cpp 0.5 on ten model shapes (CPU: exact to a few MiB), compute-buffer
tests of unsloth studio (CUDA), the peak-memory tables of Qwen2.5 and Qwen3 (Transformers), the memory
profile of vLLM on RTX 3090, A100 and H100.
"""

from dataclasses import dataclass

from compat.architectures import LayerKind
from compat.estimate.engine_names import LLAMA_FAMILY
from compat.estimate.kv import LLAMA_PAD, CacheOptions, pad
from compat.estimate.quant import kv_bits
from compat.estimate.shape import ModelShape
from compat.estimate.weights import Basis

MIB = 1024 * 1024

SAMPLER_COPIES = 9.7
"""Copies of the logits alive in vLLM's sampler profile: 9.6 to 9.9 on H100 over three vocabularies
(Qwen3 0.6B and 32B alike, Llama 3 70B, gpt-oss 20B), 10.0 on A100 with 256 sequences."""


@dataclass(frozen=True)
class BufferOptions:
    """What the size of the buffers depends on besides the model.

    ``sequences``: the batch vLLM sizes its sampler for. ``eager_kv``: attention that expands grouped
    keys and values to all heads instead of reading them in place. ``legacy_cache``: old and new cache
    alive together at each step, as in model code before the cache classes of Transformers.
    """

    flash_attention: bool = True
    devices: int = 1
    gpu: bool = True
    vendor: str | None = None
    device_memory: int | None = None
    sequences: int | None = None
    eager_kv: bool = False
    legacy_cache: bool = False


@dataclass(frozen=True)
class Buffer:
    """Bytes on each device that computes; None is unknown and ``missing`` says why."""

    bytes: int | None
    basis: Basis
    detail: str = ""
    missing: tuple[str, ...] = ()


def compute_buffer(shape: ModelShape | None, engine: str, cache: CacheOptions, options: BufferOptions) -> Buffer:
    """Activations and scratch at the engine's peak, per device."""
    if shape is None or shape.hidden is None:
        return Buffer(None, Basis.UNKNOWN, missing=("hidden size",))
    if engine in LLAMA_FAMILY:
        return _llama(shape, cache, options)
    if engine in ("vllm", "tensorrt-llm", "sglang"):
        return _batched(shape, cache, options, engine)
    if engine in ("transformers", "tgi"):
        return _transformers(shape, cache)
    if engine == "rbee":
        return _whole_prompt(shape, cache)
    return _chunked(shape, 2048)


def overhead(engine: str, options: BufferOptions) -> Buffer:
    """Driver context and library workspaces, per device. Typical values, hence basis ``default``."""
    if not options.gpu:
        return Buffer(64 * MIB, Basis.DEFAULT, "process of the engine")
    context = {"nvidia": 450, "amd": 400, "intel": 300, "apple": 100}.get(options.vendor or "", 450)
    if engine in LLAMA_FAMILY or engine == "mlx-lm":
        return Buffer(context * MIB, Basis.DEFAULT, "driver context of one process")
    if engine in ("vllm", "sglang", "tensorrt-llm"):
        # Outside torch: 0.15 GiB on one GPU, 0.6 GiB with NCCL buffers, on top of the driver context.
        extra = 154 if options.devices == 1 else 614
        return Buffer((context + extra) * MIB, Basis.DEFAULT, "driver context and communication buffers")
    return Buffer(context * MIB, Basis.DEFAULT, "driver context")


def _llama(shape: ModelShape, cache: CacheOptions, options: BufferOptions) -> Buffer:
    assert shape.hidden is not None
    row = cache.ubatch * 4
    hidden = shape.hidden * row
    tokens = pad(cache.context, LLAMA_PAD)
    mask = tokens * cache.ubatch * (2 if options.flash_attention else 4)
    missing = []
    if shape.vocab is None:
        missing.append("vocabulary size")
    output = (shape.vocab or 0) * row + 2 * hidden + (mask if options.gpu else 0)
    width = _ffn_width(shape)
    feed = 3 * width * row + 4 * hidden + mask if width else 0
    kv = (shape.kv_heads or 0) * (shape.head_dim or 0)
    attention = 0
    if not options.flash_attention:
        if shape.heads is None:
            missing.append("attention heads")
        attention = (shape.heads or 0) * tokens * row + mask + 5 * hidden + 2 * kv * row
    elif options.gpu:
        attention = _dequantised(shape, cache, tokens) + mask + 8 * hidden
    if missing:
        return Buffer(None, Basis.UNKNOWN, missing=tuple(missing))
    # Layers split over several cards are pipelined: four input copies on each.
    copies = 4 if options.devices > 1 and options.gpu else 1
    total = max(output, feed, attention) + (copies - 1) * mask
    return Buffer(total, Basis.FORMULA, "largest of output, feed-forward and attention buffers")


def _dequantised(shape: ModelShape, cache: CacheOptions, tokens: int) -> int:
    """16-bit copy of one layer's cache that flash attention on a GPU makes of a quantised cache."""
    bits = kv_bits(cache.kv_type)
    if bits is None or bits >= 16 or shape.caches is None:
        return 0
    widest = max((c.k_width + c.v_width for c in shape.caches if c.kind is LayerKind.FULL), default=0)
    return tokens * widest * 2


def _ffn_width(shape: ModelShape) -> int | None:
    if not shape.experts:
        return shape.ffn
    if shape.expert_ffn and shape.experts_used:
        return shape.expert_ffn * shape.experts_used
    return shape.ffn


def _token_bytes(shape: ModelShape) -> int | None:
    """Bytes one prompt token needs at the peak of a layer: gate, up and product, four hidden rows."""
    width = _ffn_width(shape)
    if width is None or shape.hidden is None:
        return None
    return 2 * (3 * width + 4 * shape.hidden)


def _batched(shape: ModelShape, cache: CacheOptions, options: BufferOptions, engine: str) -> Buffer:
    if shape.vocab is None:
        return Buffer(None, Basis.UNKNOWN, missing=("vocabulary size",))
    large = options.device_memory is not None and options.device_memory >= 70 * 1024 * MIB
    sequences = options.sequences or (1024 if large else 256)
    tokens = 8192 if large else 2048
    each = _token_bytes(shape)
    sampler = round(SAMPLER_COPIES * sequences * shape.vocab * 4) if engine == "vllm" else 0
    layer = tokens * each // max(options.devices, 1) if each else 0
    logits = sequences * shape.vocab * 4 if engine != "vllm" else 0
    if not sampler and not each:
        return Buffer(None, Basis.UNKNOWN, missing=("feed-forward width",))
    detail = f"largest of the sampler for {sequences} sequences and {tokens} prompt tokens in one layer"
    return Buffer(max(sampler, layer + logits), Basis.DEFAULT, detail)


def _transformers(shape: ModelShape, cache: CacheOptions) -> Buffer:
    each = _token_bytes(shape)
    if each is None:
        return Buffer(None, Basis.UNKNOWN, missing=("feed-forward width",))
    total = cache.context * each * cache.parallel
    return Buffer(total, Basis.FORMULA, f"{cache.context} prompt tokens in one layer")


def _whole_prompt(shape: ModelShape, cache: CacheOptions) -> Buffer:
    """candle computes the prompt at once in 32 bits, attention scores included; 2048 tokens is typical."""
    each = _token_bytes(shape)
    if each is None or shape.heads is None:
        return Buffer(None, Basis.UNKNOWN, missing=("feed-forward width or attention heads",))
    prompt = min(cache.context, 2048)
    scores = shape.heads * prompt * prompt * 4
    return Buffer(2 * prompt * each + 2 * scores, Basis.DEFAULT, f"{prompt} prompt tokens in 32 bits")


def _chunked(shape: ModelShape, chunk: int) -> Buffer:
    each = _token_bytes(shape)
    if each is None:
        return Buffer(None, Basis.UNKNOWN, missing=("feed-forward width",))
    logits = (shape.vocab or 0) * 4
    return Buffer(chunk * each + logits, Basis.FORMULA, f"{chunk} prompt tokens in one layer")


def dequantised_matrix(shape: ModelShape) -> int | None:
    """16-bit copy of the largest matrix, as the exllama GPTQ kernels keep one; bytes."""
    return shape.hidden * shape.ffn * 2 if shape.hidden and shape.ffn else None
