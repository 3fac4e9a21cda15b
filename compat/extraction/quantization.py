"""How a record's safetensors weights are packed, from exact fields first and the name's words last."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from compat.architectures import name_words
from compat.extraction.facts import Fact, Provenance
from compat.hub.payloads import HubModel

_METHODS = {
    "awq": "AWQ",
    "gptq": "GPTQ",
    "fp8": "FP8",
    "mxfp4": "MXFP4",
    "nvfp4": "NVFP4",
    "bitsandbytes": "bitsandbytes",
    "exl2": "EXL2",
    "exl3": "EXL3",
    "compressed-tensors": "compressed-tensors",
    "auto-round": "AutoRound",
    "hqq": "HQQ",
    "aqlm": "AQLM",
    "modelopt": "ModelOpt",
    "quark": "Quark",
    "torchao": "torchao",
    "eetq": "EETQ",
    "spqr": "SpQR",
    "vptq": "VPTQ",
    "bitnet": "BitNet",
}
_NAME_WORDS = {
    **{key: value for key, value in _METHODS.items() if "-" not in key and key != "quark"},
    "bnb": "bitsandbytes",
    "autoround": "AutoRound",
    "w4a16": "W4A16",
    "w8a8": "W8A8",
    "w8a16": "W8A16",
    "int4": "INT4",
    "int8": "INT8",
    "gguf": "",
}
_TAG_WORDS = {
    "awq": "AWQ",
    "gptq": "GPTQ",
    "fp8": "FP8",
    "exl2": "EXL2",
    "exl3": "EXL3",
    "bitsandbytes": "bitsandbytes",
}
_SCHEMES = (
    ("nvfp4", "NVFP4"),
    ("mxfp4", "MXFP4"),
    ("mxfp8", "MXFP8"),
    ("w4a8", "W4A8"),
    ("fp8", "FP8"),
    ("float-quantized", "FP8"),
)
"""What the fields of ModelOpt, compressed-tensors and Quark say of the numbers they hold, most telling first."""

QUANTIZATIONS = frozenset(
    (
        *_METHODS.values(),
        *filter(None, _NAME_WORDS.values()),
        *(scheme for _, scheme in _SCHEMES),
        *(f"INT{bits}" for bits in range(1, 9)),
        *(f"MLX {bits}-bit" for bits in range(1, 10)),
    )
)
"""Every packing that is told by a name of ours; a method nobody here has heard of keeps its own."""
_BITS = re.compile(r"(\d)(?:-?bits?)")


def scheme_of(config: Mapping[str, Any]) -> str | None:
    """The numbers a packing method holds (``NVFP4``, ``FP8``, ``INT4``...), where its own fields tell it."""
    block = config.get("quantization_config")
    if not isinstance(block, Mapping):
        return None
    told = " ".join(str(block.get(key, "")) for key in ("quant_algo", "format", "quant_method")).lower()
    for word, scheme in _SCHEMES:
        if word in told:
            return scheme
    bits = block.get("bits")
    if block.get("quant_method") == "bitsandbytes":
        bits = 4 if block.get("load_in_4bit") is True else 8 if block.get("load_in_8bit") is True else None
    return f"INT{bits}" if isinstance(bits, int) and not isinstance(bits, bool) and 1 <= bits <= 8 else None


def quantization_of(model: HubModel, config: Mapping[str, Any]) -> Fact[str]:
    """The packing of the safetensors weights (``AWQ``, ``FP8``, ``MLX 4-bit``...); unknown where nothing
    tells.

    Unknown is also what plain 16-bit weights give: no field says "not quantized".
    """
    block = config.get("quantization_config")
    if isinstance(block, Mapping):
        method = block.get("quant_method")
        if isinstance(method, str) and method:
            label = _METHODS.get(method.lower(), method[:40])
            return Fact(label, Provenance.CONFIG, f"quantization_config.quant_method is “{method[:40]}”")
    mlx = config.get("quantization")
    if isinstance(mlx, Mapping) and isinstance(mlx.get("bits"), int):
        return Fact(f"MLX {mlx['bits']}-bit", Provenance.CONFIG, f"quantization.bits is {mlx['bits']}")
    tags = model.tags or ()
    for tag in tags:
        if tag in _TAG_WORDS:
            return Fact(_TAG_WORDS[tag], Provenance.TAG, f"tagged “{tag}”")
    words = name_words(model.name)
    if "mlx" in (*tags, model.library_name) or "mlx" in words:
        bits = _BITS.search(" ".join(words))
        if bits:
            return Fact(f"MLX {bits[1]}-bit", Provenance.NAME, f"an MLX model whose name says “{bits[0]}”")
    for word in words:
        label = _NAME_WORDS.get(word, "")
        if label:
            return Fact(label, Provenance.NAME, f"its name says “{word.upper()}”")
    return Fact.unknown()
