"""Torch's peak allocation under Transformers: loading, computing the prompt, or decoding, whichever is most.

One function for the estimate a person sees and for its comparison with the published peaks. The causes
were read off those tables: where a constant slope per token equals named tensors to within a percent, the
tensors are taken as the cause.
"""

from dataclasses import dataclass

from compat.estimate.buffers import BufferOptions, compute_buffer, dequantised_matrix
from compat.estimate.kv import CacheOptions
from compat.estimate.weights import Weights
from compat.shapes.shape import ModelShape

WORKSPACE = 32 * 1024 * 1024
"""Matrix library workspace per device: 32 MiB on Hopper."""


@dataclass(frozen=True)
class TorchRun:
    """How the peak was reached. ``prompt`` None: the peak of decoding alone.

    ``duplicates_tied``: a tied table is held twice while loading, as AutoAWQ did in 2024.
    """

    prompt: int | None
    devices: int = 1
    duplicates_tied: bool = False


def torch_peak(
    shape: ModelShape,
    weights: Weights,
    kv: int,
    quant: str | None,
    cache: CacheOptions,
    buffers: BufferOptions,
    run: TorchRun,
) -> int | None:
    """Bytes allocated at the peak over all devices, without driver contexts; None when not known."""
    if weights.total is None:
        return None
    held = weights.total + held_beyond_weights(shape, weights, quant)
    fixed = WORKSPACE * run.devices
    decode = held + kv * (2 if buffers.legacy_cache else 1) + fixed
    if buffers.eager_kv and shape.heads and shape.head_dim and shape.kv_heads:
        # Keys and values of one layer, expanded to all heads, and the old keys beside the grown ones.
        query, grouped = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
        decode += cache.context * (2 * query + grouped) * 2
    if run.prompt is None:
        return decode
    whole = compute_buffer(shape, "transformers", cache, buffers).bytes
    if whole is None:
        return None
    share = min(run.prompt / cache.context, 1.0)
    prompt = held + (kv + whole * run.devices) * share + fixed
    load = weights.total + (weights.embed or 0) if run.duplicates_tied and _is_tied(weights) else 0
    return round(max(prompt, decode, load))


def held_beyond_weights(shape: ModelShape, weights: Weights, quant: str | None) -> int:
    """Bytes that a loader keeps for good beside the weights as they are in their files."""
    label = (quant or "").lower()
    # The FP8 loader makes the output head a tensor of its own.
    head = (weights.embed or 0) if label.startswith("fp8") and _is_tied(weights) else 0
    unpacked = label.startswith("gptq") and not label.endswith("int8")
    return head + ((dequantised_matrix(shape) or 0) if unpacked else 0)


def _is_tied(weights: Weights) -> bool:
    return weights.parts is not None and not weights.parts.head
