"""How many bits a packed weight takes, scales and zero points included, by its packing's name and the width told."""

from __future__ import annotations

import re

_WIDTHS = {
    # Four-bit codes with a 16-bit scale and a 4-bit zero point per 128 weights.
    **dict.fromkeys(("awq", "gptq", "int4", "w4a16"), 4 + 20 / 128),
    **dict.fromkeys(("w8a16", "gptq-int8"), 8 + 24 / 128),
    **dict.fromkeys(("w8a8", "int8", "bnb-8bit", "w8a8-int8", "w8a8-fp8"), 8.0),
    # One scale per 128 x 128 block.
    "fp8": 8 + 32 / (128 * 128),
    # One 8-bit scale per 32 weights, or per 16.
    **dict.fromkeys(("mxfp4", "mlx mxfp4"), 4.25),
    **dict.fromkeys(("mxfp8", "mlx mxfp8"), 8.25),
    **dict.fromkeys(("nvfp4", "mlx nvfp4"), 4.5),
    # One 32-bit scale per 64 weights, itself kept in 8 bits.
    "bnb-4bit": 4 + 8 / 64 + 32 / (64 * 256),
}
_SAME_AS = {
    "awq-int4": "awq",
    "w4afp8": "int4",
    "awq-4bit": "awq",
    "gptq-int4": "gptq",
    "gptq-4bit": "gptq",
    "gptq-8bit": "gptq-int8",
    "fp8-dynamic": "fp8",
    "float8": "fp8",
    "bitsandbytes-4bit": "bnb-4bit",
    "bitsandbytes-8bit": "bnb-8bit",
    "bitsandbytes-int4": "bnb-4bit",
    "bitsandbytes-int8": "bnb-8bit",
    "compressed-tensors-int8": "int8",
    "nf4": "bnb-4bit",
}
_MLX = re.compile(r"(?:mlx[- ]?)?(\d(?:\.\d+)?)-?bit(?:-dq)?|mlx-(\d)bit")
_INTEGERS = re.compile(r"(?:int|w)(\d)(?:a\d+)?")
_MLX_SCALES = 32 / 64
"""MLX keeps a 16-bit scale and a 16-bit bias for 64 weights."""
_AS_TOLD = ("exl2", "exl3")
"""Packings whose width is told as an average that holds their scales."""


def packed_bits(label: str, width: float | None = None) -> float | None:
    """Bits a weight under a packing (``AWQ``, ``MLX 4-bit``); None where neither label nor ``width`` tells it.

    ``width`` is what the configuration or the name says of the codes alone (8 for a GPTQ model of eight bits).
    """
    name = label.strip().lower().replace("_", "-")
    mlx = _MLX.fullmatch(name)
    if mlx:
        told = float(mlx[1] or mlx[2])
        # A width that is no whole number is an average over the file, which holds the scales.
        return told + _MLX_SCALES if told.is_integer() else told
    if width is not None and name in _AS_TOLD:
        return width
    of_width = f"{name}-{width:g}bit" if width is not None else name
    usual = _WIDTHS.get(_SAME_AS.get(of_width) or _SAME_AS.get(name, name))
    whole = _INTEGERS.fullmatch(name)
    if usual is None and whole:
        width = float(whole[1])
    if width is None or (usual is not None and round(usual) == round(width)):
        return usual
    if not width.is_integer():
        return width
    return width + (20 if width < 8 else 24) / 128


def is_whole_table(label: str) -> bool:
    """Whether a packing packs embeddings too; most keep them, and the output head, in 16 bits."""
    return bool(_MLX.fullmatch(label.strip().lower().replace("_", "-"))) or label.lower().startswith("mlx ")
