"""What a quantisation label says about bits per weight, tensor class by tensor class.

A label names a scheme, not a width: every scheme keeps some tensors wider than the rest. GGUF mixes
follow ``llama-quant.cpp``; a mix whose rule is not spelled out here takes its body width from the
measured size of Llama 3.1 8B (``tools/quantize/README.md`` of llama.cpp) after its embedding and head
are taken off. GPTQ, AWQ, FP8 and the like keep embeddings and head in 16 bits.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import overload

from compat.extraction.ggml_types import BITS_PER_WEIGHT
from compat.shapes.packed_bits import is_whole_table, packed_bits

MEASURED_BPW: dict[str, float] = {
    "IQ1_S": 2.0042,
    "IQ1_M": 2.146,
    "IQ2_XXS": 2.3824,
    "IQ2_XS": 2.5882,
    "IQ2_S": 2.7403,
    "IQ2_M": 2.9294,
    "IQ3_XXS": 3.2548,
    "IQ3_XS": 3.4977,
    "IQ3_S": 3.6606,
    "IQ3_M": 3.7628,
    "IQ4_XS": 4.4597,
    "IQ4_NL": 4.6818,
    "Q2_K_S": 2.9697,
    "Q2_K": 3.1593,
    "Q3_K_S": 3.6429,
    "Q3_K_M": 3.996,
    "Q3_K_L": 4.2979,
    "Q4_K_S": 4.6672,
    "Q4_K_M": 4.8944,
    "Q5_K_S": 5.5704,
    "Q5_K_M": 5.7036,
    "Q6_K": 6.5633,
}
"""Bits per weight of whole files of Llama 3.1 8B."""

_LLAMA_TOTAL, _LLAMA_TABLE = 8_030_261_248, 128_256 * 4096


@dataclass(frozen=True)
class Mix:
    """Bits per weight by class. None of ``attn_v``, ``attn_o``, ``ffn_down``: the same as ``body``."""

    embed: float
    head: float
    body: float
    attn_v: float | None = None
    attn_o: float | None = None
    ffn_down: float | None = None
    router: float = 32.0
    measured: bool = False
    gguf: bool = True
    k_types: bool = False

    def narrow(self) -> "Mix":
        """The widths of tensors whose rows are no multiple of 256: types in such blocks step up to one of 32."""
        if self.measured:
            # Below four bits there is one such type for all of them.
            wide = max(self.body, BITS_PER_WEIGHT["IQ4_NL"])
            return replace(self, embed=max(self.embed, wide), head=_stepped(self.head), body=wide)
        if not self.k_types:
            return self
        return Mix(
            _stepped(self.embed),
            _stepped(self.head),
            _stepped(self.body),
            _stepped(self.attn_v),
            _stepped(self.attn_o),
            _stepped(self.ffn_down),
            self.router,
            k_types=True,
        )


_STEP_UP = {
    2.625: 4.5,
    3.4375: 4.5,
    4.5: 5.5,
    4.625: 5.5625,
    5.5: 6.0,
    5.53125: 7.0,
    6.03125: 7.25,
    6.5625: 8.5,
}
"""Q2_K and Q3_K to IQ4_NL, Q4_K to Q5_0, Q5_K to Q5_1, Q6_K to Q8_0, and the averages of the mixes."""


@overload
def _stepped(bits: float) -> float: ...
@overload
def _stepped(bits: None) -> None: ...
def _stepped(bits: float | None) -> float | None:
    return bits if bits is None else _STEP_UP.get(bits, bits)


def _half(low: str, high: str) -> float:
    # "use_more_bits" widens the first and last eighth and every third layer between: half of all.
    return (BITS_PER_WEIGHT[low] + BITS_PER_WEIGHT[high]) / 2


def _eighth(low: str, high: str) -> float:
    return (7 * BITS_PER_WEIGHT[low] + BITS_PER_WEIGHT[high]) / 8


_B = BITS_PER_WEIGHT
_RULES: dict[str, Mix] = {
    "Q4_K_M": Mix(_B["Q4_K"], _B["Q6_K"], _B["Q4_K"], _half("Q4_K", "Q6_K"), None, _half("Q4_K", "Q6_K")),
    "Q5_K_M": Mix(_B["Q5_K"], _B["Q6_K"], _B["Q5_K"], _half("Q5_K", "Q6_K"), None, _half("Q5_K", "Q6_K")),
    "Q4_K_S": Mix(_B["Q4_K"], _B["Q6_K"], _B["Q4_K"], _eighth("Q4_K", "Q5_K"), None, _eighth("Q4_K", "Q5_K")),
    "Q5_K_S": Mix(_B["Q5_K"], _B["Q6_K"], _B["Q5_K"]),
    "Q6_K": Mix(_B["Q6_K"], _B["Q6_K"], _B["Q6_K"]),
    "Q8_0": Mix(_B["Q8_0"], _B["Q8_0"], _B["Q8_0"]),
    "Q4_0": Mix(_B["Q4_0"], _B["Q6_K"], _B["Q4_0"]),
    "Q4_1": Mix(_B["Q4_1"], _B["Q6_K"], _B["Q4_1"]),
    "Q5_0": Mix(_B["Q5_0"], _B["Q6_K"], _B["Q5_0"]),
    "Q5_1": Mix(_B["Q5_1"], _B["Q6_K"], _B["Q5_1"]),
    "MXFP4": Mix(_B["Q8_0"], _B["Q8_0"], _B["MXFP4"], _B["Q8_0"], _B["Q8_0"]),
    "F32": Mix(32.0, 32.0, 32.0),
    "F16": Mix(16.0, 16.0, 16.0),
    "BF16": Mix(16.0, 16.0, 16.0),
}


_RULES.update({label: replace(mix, k_types=True) for label, mix in _RULES.items() if "_K" in label})


def _from_measure(label: str) -> Mix:
    table = {"IQ1": "Q2_K", "IQ2": "Q2_K", "Q2_K": "Q2_K", "IQ3": "IQ3_S", "Q3_K": "Q3_K", "IQ4": "IQ4_XS"}
    embed = _B[next(kind for start, kind in table.items() if label.startswith(start))]
    head = _B["Q5_K"] if label.startswith(("IQ1", "IQ2")) else _B["Q6_K"]
    rest = _LLAMA_TOTAL - 2 * _LLAMA_TABLE
    body = (MEASURED_BPW[label] * _LLAMA_TOTAL - (embed + head) * _LLAMA_TABLE) / rest
    return Mix(embed, head, body, measured=True)


_BASES = {"Q2_K": "Q2_K", "Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M", "Q6_K": "Q6_K"}
_ALIASES = {
    "FP16": "F16",
    **{name: mix for name, mix in _BASES.items() if name != mix},
    "MXFP4_MOE": "MXFP4",
    **dict.fromkeys(("Q4_0_4_4", "Q4_0_4_8", "Q4_0_8_8"), "Q4_0"),
}
_TABLES: dict[str, tuple[str, str]] = {
    **{f"{name}_L": (mix, "Q8_0") for name, mix in _BASES.items() if name != "Q3_K"},
    "Q8_K_XL": ("Q8_0", "F16"),
    "Q6_K_XL": ("Q6_K", "Q8_0"),
    "Q5_K_XL": ("Q5_K_M", "Q8_0"),
    "Q4_K_XL": ("Q4_K_M", "Q5_K"),
    "Q3_K_XL": ("Q3_K_M", "Q5_K"),
    "Q2_K_XL": ("Q2_K", "Q5_K"),
}
"""Mixes that are another one but for the type of embedding and head, which fits their files' sizes best."""
_GGUF_LABEL = re.compile(r"(?:I?Q\d|TQ\d|B?F16|F32|FP16|MXFP4)[A-Z0-9_]*")
_SUFFIXES = ("_QAT", "-QAT")


@lru_cache(maxsize=512)
def gguf_mix(label: str | None) -> Mix | None:
    """The mix of a GGUF file type (``Q4_K_M``, ``UD-Q4_K_XL``); None when the label is not one."""
    name = (label or "").strip().upper().removeprefix("UD-").rstrip("?")
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    name = _ALIASES.get(name, name)
    if not _GGUF_LABEL.fullmatch(name):
        return None
    if name in _TABLES:
        like, table = _TABLES[name]
        base = gguf_mix(like)
        return None if base is None else replace(base, embed=_B[table], head=_B[table])
    if name in _RULES:
        return _RULES[name]
    return _from_measure(name) if name in MEASURED_BPW else None


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


def mix_of(label: str | None, engine: str | None = None, bits: float | None = None) -> Mix | None:
    """The mix a label means; ``engine`` decides where two worlds use one word (``BF16``, ``MXFP4``).

    ``bits`` of a packed weight are only told of what is no GGUF file.
    """
    if bits is not None:
        return packed_mix(label, bits)
    gguf_first = engine in (None, "llama.cpp", "ollama", "lmstudio", "rbee")
    first, second = (gguf_mix, packed_mix) if gguf_first else (packed_mix, gguf_mix)
    return first(label) or second(label)


def kv_bits(kv_type: str | None) -> float | None:
    """Bits per stored key or value; None for a type not known here."""
    name = (kv_type or "").strip().lower().replace("-", "_")
    return _KV_BITS.get(name)


_KV_BITS: dict[str, float] = {
    "f32": 32.0,
    "fp32": 32.0,
    **dict.fromkeys(("f16", "fp16", "bf16", "float16", "bfloat16", "auto", "bf16/fp16", "half"), 16.0),
    **{name.lower(): _B[name] for name in ("Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0", "IQ4_NL")},
    "q8": _B["Q8_0"],
    # MLX keeps a 16-bit scale and a 16-bit bias for 64 of them.
    "8bit": 8.5,
    "4bit": 4.5,
    **dict.fromkeys(("fp8", "fp8_e4m3", "fp8_e5m2", "int8"), 8.0),
}
