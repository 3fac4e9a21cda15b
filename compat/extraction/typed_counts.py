"""What the Hub's count of elements by data type makes: weights, and bytes.

Packed weights come with scales, which the Hub counts as elements of their own: eight bits for every 16 weights of NVFP4
and every 32 of the MX formats. They are no weights, and six or three per cent of them. An example: of gpt-oss-120b it
counts 118.2 billion U8, which are 114.7 billion weights of four bits and a scale for every 32 of these.
"""

from __future__ import annotations

from collections.abc import Mapping

from compat.extraction.quantization import Packing

FLOAT_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "BOOL": 1}
INTEGER_BYTES = {"I64": 8, "U64": 8, "I32": 4, "U32": 4, "I16": 2, "U16": 2, "I8": 1, "U8": 1}
_SCALED = {"NVFP4": 16, "MXFP4": 32, "MXFP8": 32}
"""How many weights share an eight-bit scale."""
_SCALES = {"NVFP4": ("F8_E4M3", "U8"), "MXFP4": ("F8_E8M0", "U8"), "MXFP8": ("F8_E8M0", "U8")}
"""The data types that scales are written in, the usual one first."""


def weights_a_scale(packing: Packing) -> int | None:
    """How many weights share an eight-bit scale; None where the packing is not known to have such scales."""
    return _SCALED.get(_scaled_as(packing))


def _scaled_as(packing: Packing) -> str:
    numbers = (packing.scheme or "").rpartition(" ")[2]
    return numbers if numbers in _SCALED else (packing.label or "").removeprefix("MLX ")


def weights_counted(counts: Mapping[str, int], packing: Packing) -> dict[str, int]:
    """The counts without scales, where they are of weights."""
    return _without_scales(counts, packing, dict.fromkeys(counts, 1.0))


def weights_in_words(counts: Mapping[str, int], packing: Packing) -> dict[str, int] | None:
    """The weights behind counts of words: as many to a word as its width has room for. None where no width is told."""
    if packing.bits is None:
        return None
    width = packed_width(packing.bits)
    room = {name: INTEGER_BYTES[name] * 8 / width if name in INTEGER_BYTES else 1.0 for name in counts}
    return _without_scales(counts, packing, room)


def packed_width(bits: float) -> int:
    """How many bits of a word a weight takes, of what it takes with its scales."""
    return max(round(bits - 0.2), 1)


def _without_scales(counts: Mapping[str, int], packing: Packing, room: Mapping[str, float]) -> dict[str, int]:
    """The weights of each data type, of which each element holds ``room``, without what is scales of others."""
    weights = {name: round(count * room[name]) for name, count in counts.items()}
    group = weights_a_scale(packing)
    if group is None:
        return weights
    usual, other = _SCALES[_scaled_as(packing)]
    packed = _packed_in(weights, _scaled_as(packing))
    scales = next((name for name in (usual, other) if counts.get(name) and name != packed), None)
    if scales is not None:
        # Weights of the scales' own data type may lie beside them.
        own = counts[scales] - min(counts[scales], weights[packed] // group if packed else 0)
        return weights | {scales: own}
    if packed in (usual, other) and packed in INTEGER_BYTES:
        # Codes and scales in one data type. Of words the scales are counted as they are, of weights too.
        return weights | {packed: round(counts[packed] / (1 / room[packed] + 1 / group))}
    return weights


def _packed_in(weights: Mapping[str, int], scaled_as: str) -> str:
    """The data type of the packed weights themselves: integers, or floats of eight bits where the codes are eight."""
    if scaled_as == "MXFP8" and weights.get("F8_E4M3"):
        return "F8_E4M3"
    return max((name for name in weights if name in INTEGER_BYTES), key=weights.__getitem__, default="")


def bytes_of_words(counts: Mapping[str, int]) -> int | None:
    """What counts of words take; None where a data type is unknown, or none is told."""
    sizes = FLOAT_BYTES | INTEGER_BYTES
    if not counts or not counts.keys() <= sizes.keys():
        return None
    return sum(count * sizes[dtype] for dtype, count in counts.items())


def bytes_of_weights(counts: Mapping[str, int], bits: float | None) -> int | None:
    """What counts of weights take: those of integer types at the packing's width, which holds their scales."""
    if not counts or not counts.keys() <= (FLOAT_BYTES | INTEGER_BYTES).keys():
        return None
    if bits is None and counts.keys() & INTEGER_BYTES.keys():
        return None
    return round(
        sum(
            count * (bits or 0) / 8 if dtype in INTEGER_BYTES else count * FLOAT_BYTES[dtype]
            for dtype, count in counts.items()
        )
    )
