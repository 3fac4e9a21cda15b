"""Memory an engine takes beyond weights and cache: compute buffers, activations, driver context.

Each formula names the tensors that are alive together at an engine's peak. Where a figure is a typical
value and not a count, the result's basis is ``default``.

Sources: allocation logs of llama.cpp 0.5 on ten model shapes (CPU: exact to a few MiB), what llama-server of July 2026
and ``nvidia-smi`` told on RTX 3090 and compute-buffer tests of unsloth studio (CUDA), the peak-memory tables of
Qwen2.5 and Qwen3 (Transformers), the memory profile of vLLM on RTX 3090, A100 and H100.
"""

from dataclasses import dataclass

from compat.architectures import LayerKind
from compat.estimate.amounts import Amount, either, largest, rounded
from compat.estimate.engine_names import LLAMA_FAMILY
from compat.estimate.kv import LLAMA_PAD, WINDOWED, CacheOptions, cache_bits, is_narrow, pad, reserved_cells
from compat.estimate.weights import Basis
from compat.shapes.counting import counted_width
from compat.shapes.shape import ModelShape

MIB = 1024 * 1024

CUDA_GRAPHS = 300
"""MiB that vLLM sets aside for the graphs it captures: 0.21 to 0.36 GiB in logs of one and two cards."""

SAMPLER_COPIES = 9.7
"""Copies of the logits alive in vLLM's sampler profile: 9.6 to 9.9 on H100 over three vocabularies
(Qwen3 0.6B and 32B alike, Llama 3 70B, gpt-oss 20B), 10.0 on A100 with 256 sequences."""


@dataclass(frozen=True)
class BufferOptions:
    """What the size of the buffers depends on besides the model.

    ``sequences``: the batch vLLM sizes its sampler for. ``eager_kv``: attention that expands grouped
    keys and values to all heads instead of reading them in place. ``legacy_cache``: old and new cache
    alive together at each step, as in model code before the cache classes of Transformers. ``output_rows``: tokens
    of llama.cpp's micro-batch whose logits are kept, all of them where it is None. ``embeds``: what the model makes of
    each token is asked for, not what comes next.
    """

    flash_attention: bool = True
    devices: int = 1
    gpu: bool = True
    vendor: str | None = None
    device_memory: int | None = None
    device: str = ""
    sequences: int | None = None
    eager_kv: bool = False
    legacy_cache: bool = False
    output_rows: int | None = None
    embeds: bool = False


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
    return _chunked(shape, cache, engine)


def driver_overhead(engine: str, options: BufferOptions) -> Buffer:
    """Driver context and library workspaces, per device. Typical values, hence basis ``default``."""
    if not options.gpu:
        return Buffer(64 * MIB, Basis.DEFAULT, "process of the engine")
    if engine in LLAMA_FAMILY and options.vendor in ("nvidia", None):
        # What nvidia-smi tells of llama-server beyond its own buffers: 296 to 307 MiB on RTX 3090, 153 on a laptop.
        return Buffer(310 * MIB, Basis.DEFAULT, "driver context of one process")
    context = {"nvidia": 450, "amd": 400, "intel": 300, "apple": 100}.get(options.vendor or "", 450)
    if engine in LLAMA_FAMILY or engine == "mlx-lm":
        return Buffer(context * MIB, Basis.DEFAULT, "driver context of one process")
    if engine in ("vllm", "sglang", "tensorrt-llm"):
        # Outside torch: 0.15 GiB on one GPU, 0.6 GiB with NCCL buffers, on top of the driver context.
        extra = 154 if options.devices == 1 else 614
        if engine == "vllm" and options.vendor in ("nvidia", "amd", None):
            return Buffer(
                (context + extra + CUDA_GRAPHS) * MIB, Basis.DEFAULT, "driver context, buffers and CUDA graphs"
            )
        return Buffer((context + extra) * MIB, Basis.DEFAULT, "driver context and communication buffers")
    return Buffer(context * MIB, Basis.DEFAULT, "driver context")


def predicted(shape: ModelShape) -> int | None:
    """How many words there are to choose the next one of: 0 for a model that has none to write; None: not known."""
    return 0 if shape.encoder else shape.vocab


def _llama(shape: ModelShape, cache: CacheOptions, options: BufferOptions) -> Buffer:
    assert shape.hidden is not None
    missing = []
    if predicted(shape) is None:
        missing.append("vocabulary size")
    if not options.flash_attention and shape.heads is None:
        missing.append("attention heads")
    if missing:
        return Buffer(None, Basis.UNKNOWN, missing=tuple(missing))
    windows = [layer for layer, _ in shape.layer_counts if layer.kind in WINDOWED and layer.window]
    cells = max((reserved_cells(layer, "llama.cpp", cache) for layer in windows), default=0)
    widths = LlamaWidths(
        shape.hidden,
        predicted(shape) or 0,
        feed_forward_width(shape) or 0,
        shape.heads or 0,
        (shape.kv_heads or 0) * (shape.head_dim or 0),
        widest_full_layer(shape),
        query_width(shape),
        routed_width(shape),
        cells // (1 if cache.unified else cache.parallel),
        int(is_indexed(shape)),
        int(shape.encoder),
    )
    total = llama_compute(widths, cache, options, options.devices)
    return Buffer(total, Basis.FORMULA, "largest of output, feed-forward and attention buffers")


@dataclass(frozen=True)
class LlamaWidths:
    """The widths that llama.cpp's compute buffer is made of, in values a token; 0 where there is no such part.

    ``kv`` is the width of one layer's keys, ``widest`` that of the widest layer's keys and values together, ``query``
    of its queries, ``routed`` of what all chosen experts give. ``window_cells`` are the tokens that a windowed layer
    keeps of one stream. ``indexed`` is 1 where an indexer chooses the tokens that layers attend to, ``encoder`` where
    they attend to those of the micro-batch alone.
    """

    hidden: Amount
    vocab: Amount
    feed_forward: Amount
    heads: Amount
    kv: Amount
    widest: Amount
    query: Amount
    routed: Amount
    window_cells: Amount
    indexed: Amount = 0
    encoder: Amount = 0


def llama_compute(widths: LlamaWidths, cache: CacheOptions, options: BufferOptions, devices: Amount) -> Amount:
    """Bytes of llama.cpp's compute buffer on each of ``devices``: the largest of three steps, and input copies.

    Beside what a step makes, the hidden rows before and after it and the masks of all layers are alive.
    """
    row = cache.ubatch * 4
    hidden, query = widths.hidden * row, widths.query * row
    streams = 1 if cache.unified else cache.parallel
    cells = pad(-(-cache.context // streams), LLAMA_PAD)
    tokens = either(widths.encoder > 0, min(cells, pad(cache.ubatch, LLAMA_PAD)), cells)
    masked = cache.ubatch * (2 if options.flash_attention else 4)
    # An indexer has a mask of its own and scores every token in 32 bits; then two masks are made of those it chose.
    chosen = widths.indexed * tokens * cache.ubatch
    mask = (tokens + widths.window_cells) * masked + 2 * chosen
    every_row = options.output_rows is None or options.embeds
    rows = cache.ubatch if every_row else min(options.output_rows or 0, cache.ubatch)
    output = widths.vocab * rows * 4 + 2 * hidden + (mask if options.gpu else 0)
    # What experts give goes where their gates were, if it is no wider.
    wider = either(widths.routed > 2 * widths.feed_forward, widths.routed, 0)
    steps = (3 * widths.feed_forward + wider) * row
    feed = either(widths.feed_forward > 0, steps + 2 * hidden + query + mask, 0)
    attention: Amount = 0
    if not options.flash_attention:
        attention = widths.heads * tokens * row + mask + 5 * hidden + 2 * widths.kv * row + 4 * chosen
    elif options.gpu:
        attention = _dequantised(widths.widest, cache, tokens * streams) + mask + 2 * hidden + 2 * query + 4 * chosen
    # Layers split over several cards are pipelined: four input copies on each, and of what one card gives the next.
    piped = 3 * mask + 4 * hidden if options.gpu else 0
    return largest(output, feed, attention) + either(devices > 1, piped, 0)


def _dequantised(widest: Amount, cache: CacheOptions, tokens: int) -> Amount:
    """16-bit copy of one layer's cache that flash attention on a GPU makes of a quantised cache."""
    narrow = [bits for bits in cache_bits("llama.cpp", cache) if bits is not None and bits < 16]
    return tokens * widest * 2 if narrow else 0


def is_indexed(shape: ModelShape) -> bool:
    """Whether an indexer chooses the tokens that layers attend to."""
    return any(layer.index for layer, _ in shape.layer_counts)


def widest_full_layer(shape: ModelShape) -> int:
    """Values a token of the widest layer that keeps those of all tokens, keys and values together."""
    if shape.encoder:
        return 0
    return max((c.k_width + c.v_width for c, _ in shape.layer_counts if c.kind is LayerKind.FULL), default=0)


def query_width(shape: ModelShape) -> int:
    """Values a token of the widest layer's queries; 0 where they are not known."""
    return max((layer.q_width for layer, _ in shape.layer_counts), default=0)


def routed_width(shape: ModelShape) -> int:
    """Values a token of what all experts chosen for it give, before they are added up; 0 without experts."""
    return shape.hidden * shape.experts_used if shape.experts and shape.hidden and shape.experts_used else 0


def feed_forward_width(shape: ModelShape) -> int | None:
    """Width of the feed-forward part that one token passes through; of all its experts together."""
    if not shape.experts:
        return shape.ffn or counted_width(shape)
    width = shape.expert_width
    if width is None or not shape.experts_used:
        return shape.ffn
    return max(width * shape.experts_used, shape.shared_ffn or 0, (shape.ffn or 0) if shape.dense_layers else 0)


def token_bytes(shape: ModelShape) -> int | None:
    """Bytes one prompt token needs at the peak of a layer: gate, up and product, four hidden rows."""
    width = feed_forward_width(shape)
    if width is None or shape.hidden is None:
        return None
    return 2 * (3 * width + 4 * shape.hidden)


def _batched(shape: ModelShape, cache: CacheOptions, options: BufferOptions, engine: str) -> Buffer:
    vocab = predicted(shape)
    if vocab is None and not options.embeds:
        return Buffer(None, Basis.UNKNOWN, missing=("vocabulary size",))
    each = token_bytes(shape) or 0
    if engine != "vllm" and not each:
        return Buffer(None, Basis.UNKNOWN, missing=("feed-forward width",))
    sequences, tokens = batch_sizes(options)
    detail = f"largest of the sampler for {sequences} sequences and {tokens} prompt tokens in one layer"
    if options.embeds:
        detail = f"{tokens} tokens in one layer"
    total = batched_compute(vocab or 0, each, options, engine, max(options.devices, 1))
    total += int(is_indexed(shape)) * indexer_compute(cache, engine)
    return Buffer(total, Basis.DEFAULT, detail)


_SMALL_BATCHES = ("a100", "gb10", "dgx spark")
"""Words in the names of large devices that vLLM gives the limits of small ones."""


def batch_sizes(options: BufferOptions) -> tuple[int, int]:
    """(sequences, prompt tokens) that a server of a paged engine plans one step for, by the device.

    As ``get_batch_defaults`` of vLLM 0.33.0.
    """
    memory = options.device_memory or 0
    huge = memory >= 160 * 1024 * MIB
    large = huge or (memory >= 70 * 1024 * MIB and not any(word in options.device.lower() for word in _SMALL_BATCHES))
    return options.sequences or (1024 if large else 256), 16384 if huge else 8192 if large else 2048


def batched_compute(vocab: Amount, each: Amount, options: BufferOptions, engine: str, devices: Amount) -> Amount:
    """Bytes of a paged engine's activations on each of ``devices``; ``each`` is :func:`token_bytes`."""
    sequences, tokens = batch_sizes(options)
    if options.embeds:
        # Nothing is sampled: ``_dummy_pooler_run`` in vLLM's model runner.
        return tokens * each // devices
    sampler = rounded(SAMPLER_COPIES * sequences * vocab * 4) if engine == "vllm" else 0
    logits = sequences * vocab * 4 if engine != "vllm" else 0
    return largest(sampler, tokens * each // devices + logits)


INDEXER_SCORES = 512
"""MiB that vLLM sets aside for the scores of an indexer (``VLLM_SPARSE_INDEXER_MAX_LOGITS_MB``)."""


def indexer_compute(cache: CacheOptions, engine: str) -> int:
    """Bytes that an indexer takes beside a layer's activations, on each device.

    vLLM reserves a workspace for keys by the longest context (``get_max_prefill_buffer_size``); SGLang takes what is
    free, and others are not known to plan for one.
    """
    if engine != "vllm":
        return 0
    factor = 5 if cache.context <= 256 * 1024 else 2
    return INDEXER_SCORES * MIB + cache.context * (576 * 2 // 132) * factor * 132


def _transformers(shape: ModelShape, cache: CacheOptions) -> Buffer:
    each = token_bytes(shape)
    if each is None:
        return Buffer(None, Basis.UNKNOWN, missing=("feed-forward width",))
    total = transformers_compute(each, cache, shape.hears or 0)
    if (shape.hears or 0) > cache.context:
        return Buffer(total, Basis.FORMULA, f"{shape.hears} tokens of a recording in one layer")
    return Buffer(total, Basis.FORMULA, f"{cache.context} prompt tokens in one layer")


def transformers_compute(each: Amount, cache: CacheOptions, heard: Amount = 0) -> Amount:
    """Bytes of one layer that computes the whole prompt at once, or a recording of ``heard`` tokens where that is more;
    ``each`` is :func:`token_bytes`.
    """
    return largest(cache.context, heard) * each * cache.parallel


def _whole_prompt(shape: ModelShape, cache: CacheOptions) -> Buffer:
    each = token_bytes(shape)
    if each is None or shape.heads is None:
        return Buffer(None, Basis.UNKNOWN, missing=("feed-forward width or attention heads",))
    prompt = min(cache.context, CANDLE_PROMPT)
    return Buffer(candle_compute(each, shape.heads, cache), Basis.DEFAULT, f"{prompt} prompt tokens in 32 bits")


CANDLE_PROMPT = 2048
"""Tokens of a typical prompt, which candle computes at once."""


def candle_compute(each: Amount, heads: Amount, cache: CacheOptions) -> Amount:
    """Bytes of a prompt that candle computes at once in 32 bits, attention scores included."""
    prompt = min(cache.context, CANDLE_PROMPT)
    scores = heads * prompt * prompt * 4
    return 2 * prompt * each + 2 * scores


def _chunked(shape: ModelShape, cache: CacheOptions, engine: str) -> Buffer:
    each = token_bytes(shape)
    if each is None:
        return Buffer(None, Basis.UNKNOWN, missing=("feed-forward width",))
    basis = Basis.DEFAULT if engine == "mlx-lm" else Basis.FORMULA
    if shape.heads is None and narrow_on_mlx(cache, engine):
        return Buffer(None, Basis.UNKNOWN, missing=("attention heads",))
    total = chunked_compute(each, predicted(shape) or 0, shape.heads or 0, cache, engine)
    return Buffer(total, basis, f"{CHUNK} prompt tokens in one layer")


def narrow_on_mlx(cache: CacheOptions, engine: str) -> bool:
    """Whether MLX keeps the cache in fewer than 16 bits, for which it has no attention in one kernel."""
    return engine == "mlx-lm" and is_narrow(engine, cache)


CHUNK = 2048
"""Prompt tokens that engines without a larger plan compute in one go."""


def chunked_compute(each: Amount, vocab: Amount, heads: Amount, cache: CacheOptions, engine: str) -> Amount:
    """Bytes of one layer that computes a chunk of the prompt, and one row of logits.

    MLX's published peaks hold the logits of the whole chunk, and its mask over the context, in 16 bits. Of a narrow
    cache it makes the scores of all heads beside them (``quantized_scaled_dot_product_attention``): 1.10 and 1.11 times
    their 16 bits by its own ``get_peak_memory`` (mlx 0.32.4 on a processor, 16 heads, 4,096 and 8,192 tokens).
    """
    layer = CHUNK * each + vocab * 4
    if engine != "mlx-lm":
        return layer
    scored = heads * cache.context if narrow_on_mlx(cache, engine) else 0
    return layer + min(CHUNK, cache.context) * (vocab + cache.context + scored) * 2


def projector_need(size: Amount, engine: str) -> Amount:
    """Bytes of a vision projector whose file has so many, with what computes an image beside it.

    llama-server reserves 1,284 MiB for a file of 857, and 322 for the graph beside one of 800.
    """
    return size * 3 // 2 if engine in LLAMA_FAMILY else size


def usual_projector(parameters: int | None) -> int:
    """Bytes of a 16-bit vision projector whose size nothing tells, for a model of so many weights: as large as nearly
    all that are told. Of the bundled catalogue's, 207 MB go with 0.8 billion weights, 676 with 4, 1,181 with 31.
    """
    most = 1_200_000_000
    return most if parameters is None else min(most, parameters * 7 // 20)


def dequantised_matrix(shape: ModelShape) -> int | None:
    """16-bit copy of the largest matrix, as the exllama GPTQ kernels keep one; bytes."""
    return shape.hidden * shape.ffn * 2 if shape.hidden and shape.ffn else None
