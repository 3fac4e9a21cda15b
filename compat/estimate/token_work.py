"""What one token costs, whatever computes it: bytes read of weights and cache, layers run.

Of a mixture only the experts that were chosen are read. How wide those are is told by the label of the packing, and by
how much larger or smaller the file is than the label says.
"""

from __future__ import annotations

from dataclasses import dataclass

from compat.architectures import LayerKind
from compat.estimate.amounts import Amount
from compat.estimate.engine_names import LLAMA_FAMILY
from compat.estimate.label_sizes import kind_of, size_factor
from compat.estimate.quant import Mix, kv_bits
from compat.estimate.weights import LEAST_BITS, MXFP4_BITS, Basis, Weights, estimate_weights
from compat.shapes.counting import active_parameters, routed_parameters
from compat.shapes.shape import ModelShape

_WINDOWED = (LayerKind.WINDOW, LayerKind.CHUNK)

SCHEMES = ("awq", "gptq", "fp8", "nvfp4", "mxfp4")
"""Packings whose kernels are calibrated apart."""
CODES = ("wide", "blocks", "lattice", *SCHEMES)
"""Every way to unpack weights that kernels differ in."""


@dataclass(frozen=True)
class Work:
    """What one token costs: bytes read from weights and cache, layers run. ``codes`` is one of ``CODES``.

    Of ``weight_bytes``, ``expert_bytes`` are of the experts that were chosen. All experts take ``experts_held``, and
    all weights ``held_bytes``, read or not. ``weights`` is how many are read and unpacked. Bytes, weights and layers
    may be columns of many models, whose ``experts`` and ``codes`` are then alike.
    """

    weight_bytes: Amount
    cache_bytes: Amount
    layers: Amount
    state_layers: Amount
    experts: bool
    codes: str
    expert_bytes: Amount = 0.0
    experts_held: Amount = 0.0
    held_bytes: Amount = 0.0
    weights: Amount = 0.0


def codes_of(quant: str | None, engine: str) -> str:
    """How the weights are unpacked: ``wide``, ``blocks``, ``lattice`` (IQ1 to IQ3), or the scheme's name."""
    name = (quant or "").lower().removeprefix("ud-").replace("_", "-")
    if name in ("bf16", "f16", "fp16", "f32", "fp32"):
        return "wide"
    if engine in LLAMA_FAMILY:
        return "lattice" if name.startswith(("iq1", "iq2", "iq3", "tq")) else "blocks"
    for scheme in SCHEMES:
        if name.startswith(scheme):
            return scheme
    return "blocks"


def cache_read(shape: ModelShape, depth: int, kv_type: str = "f16") -> float | None:
    """Bytes of cache one token reads after ``depth`` others."""
    values = values_read(shape, depth)
    return None if values is None else cache_bytes(values, kv_type)


def cache_bytes(values: Amount, kv_type: str) -> Amount:
    """Bytes of so many cached values."""
    return values * (kv_bits(kv_type) or 16.0) / 8


def values_read(shape: ModelShape, depth: int) -> int | None:
    """Keys and values one token reads after ``depth`` others; None where it is not known which layers keep them."""
    if shape.caches is None:
        return None
    total = 0
    for layer in shape.caches:
        seen = min(depth, layer.window) if layer.kind in _WINDOWED and layer.window else depth
        total += (layer.k_width + layer.v_width + layer.index) * seen
    return total


NEGLIGIBLE = 0.05
"""The share of the weights that are read below which it matters little what the cache adds."""


def values_at_most(shape: ModelShape, depth: int) -> int | None:
    """The same if all layers keep them."""
    if not (shape.layers and shape.kv_heads and shape.head_dim):
        return None
    return 2 * shape.layers * shape.kv_heads * shape.head_dim * depth


def token_work(
    shape: ModelShape,
    weights: Weights,
    engine: str,
    quant: str | None,
    depth: int,
    kv_type: str = "f16",
    label: LabelRead | None = None,
) -> Work | str:
    """What one token costs, or the fact that is missing, or in which facts do not agree.

    ``label`` is what :func:`label_read` says of these weights, where that is known already.
    """
    if weights.total is None:
        return ", ".join(weights.missing) or "size of the weights"
    if shape.hears:
        return "how long it listens before it writes"
    if engine == "ollama" and (quant or "").startswith("MLX"):
        return "how fast Ollama's own runner of MLX weights is, of which no runs were measured"
    if shape.layers is None:
        return "number of layers"
    if weights.parts is None:
        return "parameters by tensor class"
    label = label or label_read(shape, weights, engine, quant)
    if label.used is None:
        return "how many of its weights one token needs"
    read = label.scaled_to(weights.total)
    if read is None or read.all <= 0 or read.all * 8 < label.used * LEAST_BITS:
        return "size of what one token needs (its size, packing and number of weights do not agree)"
    cached = cache_read(shape, depth, kv_type)
    if cached is None:
        # Layers unknown: if even all of them together hardly matter, count all; otherwise do not guess.
        most = values_at_most(shape, depth)
        cached = None if most is None else cache_bytes(most, kv_type)
        if cached is None or cached > NEGLIGIBLE * read.all:
            return "which of its layers keep keys and values"
    return Work(
        read.all,
        cached,
        shape.layers,
        # A short convolution keeps a few values and no state to compute anew: it is no more than a layer.
        shape.state_layers if shape.state is None or shape.state.recurrent else 0,
        bool(shape.experts),
        codes_of(quant, engine),
        read.experts,
        read.experts_held,
        float(weights.total),
        float(label.used),
    )


def experts_held(
    shape: ModelShape, weights: Weights, engine: str, quant: str | None, label: LabelRead | None = None
) -> int:
    """Bytes that all experts of a mixture take; 0 where there are none, or they cannot be told apart."""
    if weights.tensors is not None:
        return weights.tensors.experts
    if weights.total is None or weights.parts is None or not shape.experts:
        return 0
    read = (label or label_read(shape, weights, engine, quant)).scaled_to(weights.total)
    return 0 if read is None else min(round(read.experts_held), weights.total)


@dataclass(frozen=True)
class _Read:
    """Bytes that one token reads, those of experts among them, and what all experts take."""

    all: float
    experts: float = 0.0
    experts_held: float = 0.0


_AGREES = (0.6, 1.7)
"""What a file may be of the size that its label tells, with all that mixes keep wider or narrower."""


@dataclass(frozen=True)
class LabelRead:
    """What one token reads of weights of the size that their label tells, in bytes, for files of other sizes.

    ``used`` are the weights that it needs, None where that is not known. ``own`` says that the label tells no size, and
    the file's own stands for it: only then it differs from file to file of one label.
    """

    used: int | None
    size: int = 0
    read: _Read = _Read(0.0)
    own: bool = True

    def scaled_to(self, size: int) -> _Read | None:
        """The same of a file that is larger or smaller; None where it is too much so, or too little is known."""
        if self.used is None or (not self.own and not _AGREES[0] <= size / self.size <= _AGREES[1]):
            return None
        scale = size / self.size
        return _Read(self.read.all * scale, self.read.experts * scale, self.read.experts_held * scale)


def label_read(shape: ModelShape, weights: Weights, engine: str, quant: str | None) -> LabelRead:
    """What one token reads of weights whose parameters by class are known."""
    assert weights.parts is not None
    count = weights.parts.total
    used = active_parameters(shape, count)
    if used is None:
        return LabelRead(None)
    told, own = weights, True
    if weights.basis is Basis.FILE and weights.tensors is None:
        labelled = estimate_weights(shape, parameters=count, quant=quant, engine=engine)
        if labelled.total is not None and labelled.parts is not None:
            told, own = labelled, False
    assert told.total is not None
    assert told.parts is not None
    table = told.parts.embed if told.parts.head else 0
    unread = max(told.parts.total - told.parts.lookup - table - used, 0)
    bits = _expert_bits(told, shape, quant)
    stored = told.total - told.lookup - ((told.embed or 0) if told.tied is False else 0)
    routed = routed_parameters(shape, count) or 0
    if told.tensors is not None and routed:
        bits = 8 * told.tensors.experts / routed
    chosen = routed - min(unread, routed)
    read = _Read(stored - unread * bits / 8, chosen * bits / 8, routed * bits / 8)
    return LabelRead(used, told.total, read, own)


def _expert_bits(weights: Weights, shape: ModelShape, quant: str | None) -> float:
    """Bits of a weight of the experts, which are most of a mixture's body."""
    assert weights.parts is not None
    assert weights.total is not None
    mix, parts = weights.mix, weights.parts
    if not shape.experts or not parts.body:
        return 0.0
    if shape.model_type == "gpt_oss" and mix is not None and (mix.gguf or mix.body == MXFP4_BITS):
        return MXFP4_BITS
    head = round(parts.head * (mix.head if mix is not None else 16.0) / 8)
    average = (weights.total - weights.lookup - (weights.embed or 0) - head) * 8 / parts.body
    if mix is None:
        return average
    label = _label_bits(mix, shape) * (size_factor(quant, kind_of(shape)) if mix.gguf else 1.0)
    return average if average > _WIDER * label else min(label, average)


_WIDER = 1.5
"""How many times as wide as its experts a mixture's body may be, for all that is kept wider; above it is unpacked."""


def _label_bits(mix: Mix, shape: ModelShape) -> float:
    up, down = (mix.body if width is None else width for width in (mix.ffn_up, mix.ffn_down))
    return (2 * up + down) / 3 if shape.gated_ffn else (up + down) / 2
