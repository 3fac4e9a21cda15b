"""How many bytes a model's weights take: the file's own size first, a count by tensor class second."""

from dataclasses import dataclass, replace
from enum import StrEnum

from compat.estimate.label_sizes import ModelKind, kind_of, size_factor
from compat.estimate.quant import MEASURED_BPW, Mix, mix_of
from compat.shapes.counting import Split, routed_parameters, split_by_dimensions, split_parameters
from compat.shapes.shape import ModelShape
from compat.shapes.tensor_bytes import TensorBytes


class Basis(StrEnum):
    """What a number rests on, the firmest first."""

    FILE = "file size"
    FORMULA = "formula"
    DEFAULT = "default"
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
    mix = mix_of(quant, engine, bits)
    if mix is not None and mix.gguf and shape is not None:
        parameters = _in_gguf(shape, parameters)
    parts = split_parameters(shape, parameters) if shape is not None else None
    if mix is not None and shape is not None:
        mix = _fitted(mix, shape)
    embed = round(parts.embed * _embed_bits(parts, mix) / 8) if parts and mix else None
    lookup = round(parts.lookup * _lookup_bits(mix) / 8) if parts and mix else 0
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
        embed_bits, head_bits, *rest = _class_bits(parts, mix, _native_experts(shape, parts, mix))
        factor = size_factor(quant, kind_of(shape)) if mix.gguf else 1.0
        left = _attention_left_wide(shape, mix)
        total = round((embed_bits + head_bits + factor * sum(rest) + left) / 8) + lookup
        basis = Basis.DEFAULT if mix.gguf and not parts.complete and mix.body < 8 else Basis.FORMULA
        detail = f"{parts.total / 1e9:.2f}B parameters by tensor class at {total * 8 / parts.total:.2f} bits"
        return Weights(total, basis, embed, lookup, detail, parts=parts, mix=mix)
    if count is None:
        return Weights(None, Basis.UNKNOWN, missing=("parameters",), mix=mix)
    total = round(count * _whole_bits(quant, mix) / 8)
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


def _fitted(mix: Mix, shape: ModelShape) -> Mix:
    """``mix`` with the types llama.cpp falls back to where a row is no multiple of 256 weights."""
    wide = mix.narrow()
    if shape.hidden and shape.hidden % 256:
        mix = replace(wide, ffn_down=mix.ffn_down, attn_o=mix.attn_o)
    row = shape.expert_ffn if shape.experts else shape.ffn
    if row and row % 256 and (mix.k_types or mix.measured):
        mix = replace(mix, ffn_down=wide.ffn_down if wide.ffn_down is not None else wide.body)
    return mix


def _embed_bits(parts: Split, mix: Mix) -> float:
    # A tied table is the output head too, and is kept as wide as a head.
    return mix.embed if parts.head else max(mix.head, mix.embed)


def _lookup_bits(mix: Mix) -> float:
    # What keeps the embedding wide leaves the tables by layer as they are.
    return min(mix.embed, mix.body) if mix.gguf else 16.0


_FALLBACK_DOWN = 0.30
"""Share of the body in ``ffn_down`` when dimensions do not tell: between a dense 8B (27 %) and a
mixture of experts (32 %)."""


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
    head = abs(told - counted.total - counted.embed) < 0.01 * counted.embed and not counted.head
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
    router = parts.router or 0
    value = parts.attn_v if parts.attn_v is not None else 0
    out = parts.attn_o if parts.attn_o is not None else 0
    down = parts.ffn_down if parts.ffn_down is not None else round(_FALLBACK_DOWN * parts.body)
    rest = parts.body - router - value - out - down

    def bits(width: float | None) -> float:
        return mix.body if width is None else width

    return (
        parts.embed * _embed_bits(parts, mix),
        parts.head * mix.head,
        router * mix.router,
        value * bits(mix.attn_v),
        out * bits(mix.attn_o),
        down * bits(mix.ffn_down),
        rest * mix.body,
    )


def _whole_bits(quant: str | None, mix: Mix) -> float:
    name = (quant or "").upper().removeprefix("UD-")
    return MEASURED_BPW.get(name, max(mix.body, 4.9) if mix.gguf and mix.body < 5 else mix.body)
