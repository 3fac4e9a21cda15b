"""How many bytes a model's weights take: the file's own size first, a count by tensor class second."""

from dataclasses import dataclass, replace
from enum import StrEnum

from compat.estimate.label_sizes import ModelKind, kind_of, size_factor
from compat.estimate.quant import Mix, mix_of
from compat.extraction.ggml_types import BITS_PER_WEIGHT
from compat.shapes.counting import Split, routed_parameters, split_by_dimensions, split_parameters
from compat.shapes.shape import ModelShape
from compat.shapes.tensor_bytes import TensorBytes


class Basis(StrEnum):
    """What a number rests on, the firmest first."""

    FILE = "file size"
    FORMULA = "formula"
    DEFAULT = "default"
    ASSUMED = "assumed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Weights:
    """Bytes of the weights. ``total`` None means unknown, and ``missing`` says what was lacking.

    ``embed`` is the token embedding table as stored, ``lookup`` per-layer embedding tables: an engine
    may leave both in system memory. ``least`` is what the weights take in any case where ``total`` is unknown, or rests
    on an assumption. ``tensors`` is what the files list, where they were read: nothing of it is reckoned then.
    """

    total: int | None
    basis: Basis
    embed: int | None = None
    lookup: int = 0
    detail: str = ""
    missing: tuple[str, ...] = ()
    parts: Split | None = None
    mix: Mix | None = None
    least: int = 0
    tensors: TensorBytes | None = None

    @property
    def tied(self) -> bool | None:
        """Whether the output head is the embedding itself; None where nothing tells it."""
        if self.tensors is not None:
            return not self.tensors.head
        return None if self.parts is None else not self.parts.head


LEAST_BITS = 1
"""No scheme stores a weight in less: the narrowest of ggml's types takes 1.125."""


def estimate_weights(
    shape: ModelShape | None,
    *,
    file_bytes: int | None = None,
    parameters: int | None = None,
    quant: str | None = None,
    engine: str | None = None,
    bits: float | None = None,
    tensors: TensorBytes | None = None,
) -> Weights:
    """Bytes of the weights as the engine holds them.

    ``tensors``: what the variant's files list, believed before anything else. ``file_bytes``: their summed size.
    ``parameters``: the files' own count. ``quant``: the label of the scheme. ``bits``: what it packs a weight in,
    where the label does not say.
    """
    mix = mix_of(quant, engine, bits, shape)
    if mix is not None and mix.gguf and shape is not None:
        parameters = _in_gguf(shape, parameters)
    parts = split_parameters(shape, parameters) if shape is not None else None
    embed = round(parts.embed * _embed_bits(parts, mix) / 8) if parts and mix else None
    lookup = round(parts.lookup * _lookup_bits(parts, mix) / 8) if parts and mix else 0
    if tensors is not None:
        detail = "tensors that its files list"
        return Weights(
            tensors.total,
            Basis.FILE,
            tensors.embed or None,
            tensors.lookup,
            detail,
            parts=parts,
            mix=mix,
            tensors=tensors,
        )
    if file_bytes is not None:
        return Weights(file_bytes, Basis.FILE, embed, lookup, "size of the weight files", parts=parts, mix=mix)
    count = parameters or (shape.parameters if shape is not None else None)
    if mix is None:
        what = "quantization" if not quant else f"bits per weight of '{quant}'"
        weights = count or (parts.total if parts is not None else 0)
        return Weights(None, Basis.UNKNOWN, missing=(what,), least=weights * LEAST_BITS // 8)
    if parts is not None:
        native = _native_experts(shape, parts, mix)
        embed_bits, head_bits, *rest = _class_bits(parts, mix, native)
        factor = size_factor(quant, kind_of(shape)) if mix.gguf else 1.0
        left = _attention_left_wide(shape, mix)
        # Whatever a label's mix keeps wider is none of the experts that stay as they were made.
        as_made = native * MXFP4_BITS
        total = round((embed_bits + head_bits + factor * (sum(rest) - as_made) + as_made + left) / 8) + lookup
        basis = Basis.DEFAULT if mix.gguf and not parts.complete and mix.body < 8 else Basis.FORMULA
        detail = f"{parts.total / 1e9:.2f}B parameters by tensor class at {total * 8 / parts.total:.2f} bits"
        return Weights(total, basis, embed, lookup, detail, parts=parts, mix=mix)
    if count is None:
        return Weights(None, Basis.UNKNOWN, missing=("parameters",), mix=mix)
    total = round(count * _whole_bits(mix) / 8)
    if mix.gguf:
        total = round(total * size_factor(quant, ModelKind.UNKNOWN))
    return Weights(total, Basis.DEFAULT, detail="parameters x bits, layers unknown", mix=mix)


def output_head(weights: Weights) -> int:
    """Bytes of the table that makes words of the last layer's values; a tied one is a copy of the embedding.

    0 where the weights cannot be told apart.
    """
    parts, total = weights.parts, weights.total
    if weights.tensors is not None:
        return weights.tensors.head or weights.tensors.embed
    if parts is None or total is None:
        return 0
    if weights.mix is None:
        return total * (parts.head or parts.embed) // parts.total
    return round(parts.head * weights.mix.head / 8) if parts.head else weights.embed or 0


def _embed_bits(parts: Split, mix: Mix) -> float:
    # A tied table is the output head too, and is kept as wide as a head.
    return mix.embed if parts.head else max(mix.head, mix.embed)


def _lookup_bits(parts: Split, mix: Mix) -> float:
    if not mix.gguf:
        # MLX packs them like everything else.
        return mix.embed
    # llama.cpp takes the tables by layer for embeddings; mixes that leave those in 16 bits pack these all the same.
    bits = _embed_bits(parts, mix)
    return bits if mix.body >= 16 else min(bits, BITS_PER_WEIGHT["Q8_0"])


_USUAL = Split(
    total=8_029_995_008,
    embed=525_336_576,
    head=525_336_576,
    body=6_979_321_856,
    router=0,
    attn_qk=671_088_640,
    attn_qkv=0,
    attn_v=134_217_728,
    attn_o=536_870_912,
    ffn_up=3_758_096_384,
    ffn_down=1_879_048_192,
)
"""Where the weights of a usual model are, Llama 3.1 8B: for those whose dimensions do not tell it."""


_TOWER = 1.35
"""Repositories count so many times the weights of the language model at most, with towers and drafting layers."""


def _in_gguf(shape: ModelShape, parameters: int | None) -> int | None:
    """Weights in a GGUF file: the language model's alone, where its dimensions tell them.

    A repository's own count holds the tower for images and sounds, which is a file of its own, and layers for drafting.
    """
    told = parameters or shape.parameters
    counted = split_by_dimensions(shape)
    if told is None or counted is None:
        return parameters
    # An output head that the configuration does not tell is no tower.
    head = abs(told - counted.total - counted.embed) < 0.05 * counted.embed and not counted.head
    return counted.total if counted.total < told <= _TOWER * counted.total and not head else parameters


MXFP4_BITS = 4.25


def _native_experts(shape: ModelShape | None, parts: Split, mix: Mix) -> int:
    """Weights of experts that stay in their native four bits whatever the label: those of gpt-oss."""
    if shape is None or shape.model_type != "gpt_oss" or not (mix.gguf or mix.body == MXFP4_BITS):
        return 0
    return min(routed_parameters(shape, parts.total) or 0, parts.body)


def _attention_left_wide(shape: ModelShape | None, mix: Mix) -> float:
    """Bits that attention takes beyond a packing that leaves it out, as many NVFP4 files do."""
    if shape is None or mix.gguf or mix.body >= 16 or "self_attn" not in shape.unpacked or not shape.hidden:
        return 0.0
    rows = sum(
        layer.q_width * (3 if shape.gated_query else 2) + layer.k_width + layer.v_width for layer in shape.caches or ()
    )
    return 0.0 if shape.mla else rows * shape.hidden * (16 - mix.body)


def _class_bits(parts: Split, mix: Mix, native: int = 0) -> tuple[float, ...]:
    if native:
        # What is beside the experts is as wide as the label says; packed files leave it in 16 bits.
        rest = mix.body if mix.gguf and mix.body != MXFP4_BITS else (mix.attn_o or 16.0)
        wide = (parts.body - native) * max(rest, mix.attn_v or 0)
        return parts.embed * _embed_bits(parts, mix), parts.head * mix.head, wide, native * MXFP4_BITS
    told = parts if parts.complete else _as_usual(parts)
    named = [(getattr(told, name) or 0, getattr(mix, name)) for name in _NAMED]
    rest = told.body - sum(count for count, _ in named)
    return (
        parts.embed * _embed_bits(parts, mix),
        parts.head * mix.head,
        *(count * (mix.body if width is None else width) for count, width in named),
        rest * mix.body,
    )


_NAMED = ("router", "attn_qk", "attn_qkv", "attn_v", "attn_o", "ffn_up", "ffn_down")


def _as_usual(parts: Split) -> Split:
    """The same with a body like that of a usual model."""
    share = (parts.body - (parts.router or 0)) / _USUAL.body
    return replace(parts, **{name: round(share * getattr(_USUAL, name)) for name in _NAMED[1:]})


def _whole_bits(mix: Mix) -> float:
    """Bits a weight of a whole file whose parts are not told."""
    return sum(_class_bits(_USUAL, mix)) / _USUAL.total if mix.gguf else mix.body
