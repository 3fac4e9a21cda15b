"""What a quantisation label says about bits per weight, tensor class by tensor class.

A label names a scheme, not a width: every scheme keeps some tensors wider than the rest. GGUF mixes follow llama.cpp's
own rules (``gguf_types.py``). GPTQ, AWQ, FP8 and the like keep embeddings and head in 16 bits.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

from compat.architectures import LayerKind
from compat.estimate.gguf_types import LABELS, MixFacts, Tensors, mean_bits, tensor_types
from compat.estimate.label_sizes import DYNAMIC, label_name
from compat.extraction.ggml_types import BITS_PER_WEIGHT
from compat.shapes.packed_bits import is_whole_table, packed_bits
from compat.shapes.shape import ModelShape


@dataclass(frozen=True)
class Mix:
    """Bits per weight by class, those of :class:`compat.shapes.counting.Split`. None: the same as ``body``."""

    embed: float
    head: float
    body: float
    attn_qk: float | None = None
    attn_qkv: float | None = None
    attn_v: float | None = None
    attn_o: float | None = None
    ffn_up: float | None = None
    ffn_down: float | None = None
    router: float = 32.0
    gguf: bool = True


@dataclass(frozen=True)
class Rows:
    """What one row of a tensor holds, in weights: of most tensors, of what ends attention, of what ends a layer."""

    hidden: int | None = None
    attn_o: int | None = None
    ffn_down: int | None = None


USUAL_FACTS, WHOLE_ROWS = MixFacts(), Rows()
"""Those of a model of which nothing is told."""


def _of_rules(label: str, facts: MixFacts, rows: Rows) -> Mix:
    types = tensor_types(label, facts)

    def bits(kind: Tensors, row: int | None = rows.hidden) -> float:
        return mean_bits(types[kind], row)

    return Mix(
        bits(Tensors.EMBED),
        bits(Tensors.HEAD),
        bits(Tensors.OTHER),
        bits(Tensors.QUERY_KEY),
        bits(Tensors.FUSED),
        bits(Tensors.VALUE),
        bits(Tensors.OUT, rows.attn_o),
        bits(Tensors.UP),
        bits(Tensors.DOWN, rows.ffn_down),
    )


_MOE = "MXFP4_MOE"
_BASES = {"Q2_K": "Q2_K", "Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M", "Q6_K": "Q6_K"}
_ALIASES = {
    "FP16": "F16",
    **{name: mix for name, mix in _BASES.items() if name != mix},
    _MOE: "MXFP4",
    **dict.fromkeys(("Q4_0_4_4", "Q4_0_4_8", "Q4_0_8_8"), "Q4_0"),
}
_TABLES: dict[str, tuple[str, str]] = {
    **{f"{name}_L": (mix, "Q8_0") for name, mix in _BASES.items() if name != "Q3_K"},
    "Q8_K_XL": ("Q8_0", "F16"),
    "Q6_K_XL": ("Q6_K", "Q8_0"),
    "Q5_K_XL": ("Q5_K_M", "Q8_0"),
    "Q4_K_XL": ("Q4_K_M", "Q5_K"),
    "UD-Q3_K_XL": ("Q3_K_M", "Q5_K"),
    "Q3_K_XL": ("Q3_K_L", "Q8_0"),
    "Q2_K_XL": ("Q2_K", "Q5_K"),
}
"""Mixes that are another one but for the type of embedding and head, which fits their files' sizes best."""


@lru_cache(maxsize=4096)
def gguf_mix(label: str | None, facts: MixFacts = USUAL_FACTS, rows: Rows = WHOLE_ROWS) -> Mix | None:
    """The mix of a GGUF file type (``Q4_K_M``, ``UD-Q4_K_XL``) of a model; None when the label is not one."""
    whole = label_name(label)
    name = whole.removeprefix(DYNAMIC)
    if name == _MOE and not facts.experts:
        facts = replace(facts, experts=1)  # a label that only mixtures have, of one whose layers are not known
    name = _ALIASES.get(name, name)
    if whole in _TABLES or name in _TABLES:
        like, table = _TABLES.get(whole) or _TABLES[name]
        base = gguf_mix(like, facts, rows)
        wide = mean_bits({table: 1.0}, rows.hidden)
        return None if base is None else replace(base, embed=wide, head=wide)
    return _of_rules(name, facts, rows) if name in LABELS else None


_WIDE = {
    "bf16": 16.0,
    "fp16": 16.0,
    "f16": 16.0,
    "float16": 16.0,
    "bfloat16": 16.0,
    "fp32": 32.0,
    "f32": 32.0,
}


def packed_mix(label: str | None, bits: float | None = None) -> Mix | None:
    """The mix of a safetensors scheme (``AWQ``, ``FP8``, ``bf16``, ``4bit`` of MLX); None when unknown.

    ``bits`` that a packed weight takes are told apart where the label does not say them.
    """
    name = (label or "").strip().lower().replace("_", "-")
    if name in _WIDE:
        return Mix(_WIDE[name], _WIDE[name], _WIDE[name], router=_WIDE[name], gguf=False)
    bits = bits or packed_bits(name)
    if bits is None:
        return None
    wide = bits if is_whole_table(name) else 16.0
    return Mix(wide, wide, bits, router=wide, gguf=False)


def mix_of(
    label: str | None, engine: str | None = None, bits: float | None = None, shape: ModelShape | None = None
) -> Mix | None:
    """The mix a label means; ``engine`` decides where two worlds use one word (``BF16``, ``MXFP4``).

    ``bits`` of a packed weight are only told of what is no GGUF file. Of a GGUF file's, ``shape`` decides too.
    """
    if bits is not None:
        return packed_mix(label, bits)
    own = (USUAL_FACTS, WHOLE_ROWS) if shape is None else (_facts_of(shape), _rows_of(shape))
    if engine in (None, "llama.cpp", "ollama", "lmstudio", "rbee"):
        return gguf_mix(label, *own) or packed_mix(label)
    return packed_mix(label) or gguf_mix(label, *own)


def _facts_of(shape: ModelShape) -> MixFacts:
    usual = USUAL_FACTS
    shared = shape.heads // shape.kv_heads if shape.heads and shape.kv_heads else usual.shared_keys
    if shape.caches and shape.caches[0].kind is LayerKind.STATE and not (shape.state and shape.state.keys):
        shared = 0  # llama.cpp asks the first layer, which in most hybrids has no heads
    return MixFacts(shape.layers or usual.layers, shared, shape.experts or 0, shape.model_type or "")


def _rows_of(shape: ModelShape) -> Rows:
    down = (shape.expert_ffn or shape.ffn) if shape.experts else shape.ffn
    out = shape.heads * shape.head_dim if shape.heads and shape.head_dim else None
    return Rows(shape.hidden, out, down)


def kv_bits(kv_type: str | None) -> float | None:
    """Bits per stored key or value; None for a type not known here."""
    name = (kv_type or "").strip().lower().replace("-", "_")
    return _KV_BITS.get(name)


_KV_BITS: dict[str, float] = {
    "f32": 32.0,
    "fp32": 32.0,
    **dict.fromkeys(("f16", "fp16", "bf16", "float16", "bfloat16", "auto", "bf16/fp16", "half"), 16.0),
    **{name.lower(): BITS_PER_WEIGHT[name] for name in ("Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0", "IQ4_NL")},
    "q8": BITS_PER_WEIGHT["Q8_0"],
    # MLX keeps a 16-bit scale and a 16-bit bias for 64 of them.
    "8bit": 8.5,
    "4bit": 4.5,
    **dict.fromkeys(("fp8", "fp8_e4m3", "fp8_e5m2", "int8"), 8.0),
}
