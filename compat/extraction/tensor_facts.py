"""What the tensors of safetensors files tell together: how many weights, in how many bytes, and how they are packed.

Names and shapes of a module's tensors say which method packed it, as each stores its own. An example: ``qweight`` of
4096 x 512 words beside ``scales`` of 32 x 4096 are 4096 x 4096 weights that AWQ packed for its GEMM kernels, eight to a
word along the outputs; with ``scales`` of 4096 x 32 they are packed along the inputs, for its GEMV kernels, and with
``qweight`` of 512 x 4096 they are GPTQ's. Only sums are kept, as the list itself may have a hundred thousand entries.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compat.extraction.safetensors_header import Tensor

AWQ, AWQ_GEMV, GPTQ, BITSANDBYTES = "awq", "awq-gemv", "gptq", "bitsandbytes"
FP8, MLX, NVFP4, MXFP4, COMPRESSED = "fp8", "mlx", "nvfp4", "mxfp4", "compressed-tensors"
LAYOUTS = (AWQ, AWQ_GEMV, GPTQ, BITSANDBYTES, FP8, MLX, NVFP4, MXFP4, COMPRESSED)
"""Ways to pack weights that names and shapes of tensors tell apart."""

_EMBEDDING = re.compile(r"(?:^|\.)(?:embed_tokens|tok_embeddings|wte|word_embeddings|embed_in)\.")
_HEAD = re.compile(r"(?:^|\.)(?:lm_head|embed_out)\.|^output\.weight$")
_EXPERT = re.compile(r"\.experts?\.")
_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks|block)\.(\d{1,4})\.")
_FP8 = frozenset({"F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ"})
_BESIDE = (
    *(".qzeros", ".g_idx", ".scales", ".biases", ".SCB", ".weight_format", ".absmax", ".nested_absmax"),
    *(".quant_map", ".nested_quant_map", ".weight_scale", ".weight_scale_inv", ".weight_scale_2", ".input_scale"),
    *(".input_scale_inv", ".weight_global_scale", ".input_global_scale", ".weight_zero_point", ".weight_shape"),
    *(".weight_g_idx", ".k_scale", ".v_scale", ".output_scale", "_scales", ".act_scale", "_scale_inv"),
)
"""How tensors end that belong to packed weights and are none."""
_TABLES = (".bias", ".masked_bias", "position_ids", "position_index", "_mask")
_QUANT_STATE = ".quant_state.bitsandbytes__"


@dataclass(frozen=True, slots=True)
class TensorFacts:
    """The sums over all tensors that were read.

    ``counts`` and ``bytes`` are of stored values by data type, the most bytes first; ``roles`` has the bytes of the
    embedding table, the output head, and experts, where names tell them. ``layout`` is one of :data:`LAYOUTS`, empty
    for plain weights, None where modules are packed in several ways, or in one that is not known here. ``weights``
    counts what was packed, without scales and the like, but for what is in ``words`` of 32 bits of which shapes do not
    tell how many weights each holds; None where there are weights packed in a way that is not known here.
    """

    tensors: int
    layers: int
    counts: Mapping[str, int]
    bytes: Mapping[str, int]
    roles: Mapping[str, int]
    layout: str | None
    weights: int | None
    words: int = 0

    def as_json(self) -> dict[str, Any]:
        """As a document keeps it."""
        return {
            "tensors": self.tensors,
            "layers": self.layers,
            "counts": dict(self.counts),
            "bytes": dict(self.bytes),
            "roles": dict(self.roles),
            "layout": self.layout,
            "weights": self.weights,
            "words": self.words,
        }


@dataclass(frozen=True, slots=True)
class _Packed:
    """Weights that a module packs: how, and how many (None: words of 32 bits that do not tell it)."""

    layout: str
    weights: int | None


def facts_of_tensors(tensors: Sequence[Tensor]) -> TensorFacts:
    """The facts of some files' tensors."""
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    roles: Counter[str] = Counter()
    layers: set[str] = set()
    for tensor in tensors:
        counts[tensor.dtype] += tensor.parameters
        sizes[tensor.dtype] += tensor.bytes
        if role := _role(tensor.name):
            roles[role] += tensor.bytes
        if found := _LAYER.search(tensor.name):
            layers.add(found[1])
    packed = dict(_packed(tensors))
    layouts = {one.layout for one in packed.values()}
    unknown = any(_is_words(one) and one.name not in packed and not _is_beside(one.name) for one in tensors)
    weights, words = _weights(tensors, packed)
    order = sorted(sizes, key=lambda dtype: (-sizes[dtype], dtype))
    return TensorFacts(
        tensors=len(tensors),
        layers=len(layers),
        counts={dtype: counts[dtype] for dtype in order},
        bytes={dtype: sizes[dtype] for dtype in order},
        roles={role: roles[role] for role in sorted(roles)},
        layout=None if unknown or len(layouts) > 1 else next(iter(layouts), ""),
        weights=None if unknown else weights,
        words=0 if unknown else words,
    )


def _role(name: str) -> str:
    if _EMBEDDING.search(name):
        return "embed"
    if _HEAD.search(name):
        return "head"
    return "experts" if _EXPERT.search(name) else ""


def _is_beside(name: str) -> bool:
    return name.endswith(_BESIDE) or _QUANT_STATE in name


def _is_words(tensor: Tensor) -> bool:
    """Whether its values may hold several weights each: no integers of a mask or a table of positions."""
    words = tensor.dtype in ("I32", "U32", "U8", "I16", "U16", "F4") and len(tensor.shape) > 1
    return words and not tensor.name.endswith(_TABLES)


def _weights(tensors: Iterable[Tensor], packed: Mapping[str, _Packed]) -> tuple[int, int]:
    """The weights that are told, and the words that hold the others."""
    weights = words = 0
    for tensor in tensors:
        found = packed.get(tensor.name)
        if found is None:
            weights += 0 if _is_beside(tensor.name) else tensor.parameters
        elif found.weights is None:
            words += tensor.parameters
        else:
            weights += found.weights
    return weights, words


def _packed(tensors: Sequence[Tensor]) -> Iterable[tuple[str, _Packed]]:
    """The tensors that hold packed weights, each by its name."""
    named = {tensor.name: tensor for tensor in tensors}
    states = {name.partition(_QUANT_STATE)[0] for name in named if _QUANT_STATE in name}
    for tensor in tensors:
        module, _, part = tensor.name.rpartition(".")
        beside = {end: named.get(f"{module}.{end}") for end in ("scales", "qzeros", "g_idx", "biases", "SCB")}
        scale = named.get(f"{module}.weight_scale") or named.get(f"{module}.weight_scale_inv")
        found: _Packed | None = None
        if part == "qweight":
            found = _of_qweight(tensor, beside)
        elif part == "weight_packed":
            found = _of_weight_packed(tensor, scale)
        elif tensor.dtype in _FP8 and not _is_beside(tensor.name):
            found = _Packed(FP8, tensor.parameters)
        elif part == "weight" and tensor.dtype == "U32" and beside["scales"]:
            found = _Packed(MLX, None)
        elif part == "weight" and tensor.name in states:
            found = _Packed(BITSANDBYTES, 2 * tensor.parameters)
        elif part == "weight" and tensor.dtype == "I8" and beside["SCB"]:
            found = _Packed(BITSANDBYTES, tensor.parameters)
        elif part == "weight" and tensor.dtype == "I8" and scale:
            found = _Packed(COMPRESSED, tensor.parameters)
        elif part == "weight" and tensor.dtype == "U8" and scale:
            found = _of_half_bytes(tensor, scale)
        elif part.endswith("_blocks") and tensor.dtype == "U8":
            scales = named.get(tensor.name.removesuffix("_blocks") + "_scales")
            found = _Packed(MXFP4, 2 * tensor.parameters) if scales and scales.dtype == "U8" else None
        if found:
            yield tensor.name, found


def _of_qweight(tensor: Tensor, beside: Mapping[str, Tensor | None]) -> _Packed | None:
    """AWQ and GPTQ, by the side along which words are packed; scales have one entry a group of inputs."""
    scales, zeros = beside["scales"], beside["qzeros"]
    if scales is None or len(tensor.shape) != 2 or len(scales.shape) != 2 or 0 in (*tensor.shape, *scales.shape):
        return None
    rows, columns = tensor.shape
    if tensor.dtype == "I32" and scales.shape[0] == rows:
        return _Packed(AWQ_GEMV, 8 * tensor.parameters)
    if tensor.dtype == "I16" and scales.shape[1] == 4 * rows:
        return _Packed(AWQ_GEMV, 4 * tensor.parameters)
    if tensor.dtype != "I32":
        return None
    outputs = scales.shape[1]
    if outputs == columns:
        if zeros is not None and len(zeros.shape) == 2 and zeros.shape[1]:
            return _Packed(GPTQ, tensor.parameters * outputs // zeros.shape[1])
        inputs = beside["g_idx"]
        return _Packed(GPTQ, inputs.parameters * outputs if inputs is not None else None)
    return _Packed(AWQ, rows * outputs) if outputs % columns == 0 else None


def _of_weight_packed(tensor: Tensor, scale: Tensor | None) -> _Packed | None:
    if tensor.dtype == "U8" and scale is not None:
        return _of_half_bytes(tensor, scale)
    return _Packed(COMPRESSED, None) if tensor.dtype == "I32" else None


def _of_half_bytes(tensor: Tensor, scale: Tensor) -> _Packed | None:
    """Two weights of four bits a byte: NVFP4 has a scale of eight bits for every 16, MXFP4 for every 32."""
    weights = 2 * tensor.parameters
    if scale.dtype == "F8_E4M3" and weights == 16 * scale.parameters:
        return _Packed(NVFP4, weights)
    if scale.dtype in ("U8", "F8_E8M0") and weights == 32 * scale.parameters:
        return _Packed(MXFP4, weights)
    return None
