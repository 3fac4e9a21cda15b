"""How much of a model is left in a packing, in a word: measured where that was published, else by its bits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

MEASURED = {
    "Q8_0": 0.0026,
    "Q6_K": 0.0217,
    "Q5_K_M": 0.0569,
    "Q5_K_S": 0.1049,
    "Q5_1": 0.1062,
    "Q5_0": 0.1316,
    "Q4_K_M": 0.1754,
    "Q4_K_S": 0.2689,
    "Q4_1": 0.4511,
    "Q4_0": 0.4685,
    "Q3_K_L": 0.5562,
    "Q3_K_M": 0.6569,
    "Q3_K_S": 1.6321,
    "Q2_K_S": 3.1836,
    "Q2_K": 3.5199,
}
"""By how much a packing raises the perplexity of Llama 3 8B, which is 6.23 unpacked: llama.cpp's own figures, as
``llama-quantize --help`` prints them. A model may suffer less or more; the order stays."""
SOURCE = "llama.cpp, llama-quantize --help"
_AS_MUCH = {
    **dict.fromkeys(("Q8_K", "Q8_K_L", "Q8_K_XL", "Q8_0_XL", "Q8_0_L"), "Q8_0"),
    **dict.fromkeys(("Q6_K_S", "Q6_K_M", "Q6_K_L", "Q6_K_XL"), "Q6_K"),
    **dict.fromkeys(("Q5_K", "Q5_K_L", "Q5_K_XL"), "Q5_K_M"),
    **dict.fromkeys(("Q4_K", "Q4_K_L", "Q4_K_XL"), "Q4_K_M"),
    **dict.fromkeys(("Q3_K_XL",), "Q3_K_L"),
    **dict.fromkeys(("Q3_K",), "Q3_K_M"),
    **dict.fromkeys(("Q2_K_L", "Q2_K_XL"), "Q2_K"),
}
"""Mixes that others made of the same types, with some tensors wider, by the measured one that they go beyond. A label
without a size is that of llama.cpp's usual mix."""
_WORDS = ((0.06, "nearly lossless"), (0.15, "very good"), (0.5, "good"), (0.7, "fair"), (float("inf"), "poor"))
"""The most that perplexity rises by, and the word for it."""
_BITS = ((6.5, "nearly lossless"), (4.9, "very good"), (3.9, "good"), (3.3, "fair"), (0.0, "poor"))
"""The least bits that a weight takes, and the word: what the measured packings of such width have."""
_WIDTH = re.compile(
    r"(?:^|[^\d.])(\d{1,2}(?:\.\d{1,2})?)[- ]?bits?|^(?:TQ|I?Q|INT|W)(\d)|(?:MX|NV)?FP(\d{1,2})", re.IGNORECASE
)
_PLAIN = frozenset({"BF16", "F16", "FP16", "F32", "FP32"})
POOR, FAIR, GOOD, VERY_GOOD, NEARLY_LOSSLESS = range(5)
"""The words as numbers, the worst first."""
_CODES = {
    "as made": NEARLY_LOSSLESS,
    "poor": POOR,
    "fair": FAIR,
    "good": GOOD,
    "very good": VERY_GOOD,
    "nearly lossless": NEARLY_LOSSLESS,
}


@dataclass(frozen=True, slots=True)
class Quality:
    """A word for what is left, and what it rests on as a sentence."""

    word: str
    basis: str


@lru_cache(maxsize=4096)
def quality_of(label: str | None, bits: float | None = None, *, as_made: bool = False) -> Quality | None:
    """The quality of weights packed in this way; None where nothing is packed, or neither label nor bits tell a width.

    ``bits`` is what a packed weight takes with its scales, where that is known. ``as_made``: they are the model's own
    release.
    """
    name = _bare(label)
    if not name or name in _PLAIN:
        return None
    if as_made:
        return Quality("as made", "The model was published in this packing: no build of it keeps more.")
    rise = MEASURED.get(_AS_MUCH.get(name, name))
    if rise is not None:
        word = next(word for most, word in _WORDS if rise <= most)
        if name in MEASURED:
            return Quality(
                word, f"Measured on Llama 3 8B, whose perplexity of 6.23 it raises by {rise:.2f} ({SOURCE})."
            )
        return Quality(word, f"As {_AS_MUCH[name]}, whose types it has, and which was measured ({SOURCE}).")
    width = bits if bits is not None else _named_width(name)
    if width is None:
        return None
    word = next(word for least, word in _BITS if width >= least)
    return Quality(word, f"By its {width:g} bits a weight: what measured packings of that width have.")


@lru_cache(maxsize=4096)
def quality_code(label: str | None, bits: float | None = None, *, named: bool = False, as_made: bool = False) -> int:
    """The same as a number that builds are told apart by: what is not packed loses nothing, and of what is packed in a
    way that tells no width most is of four bits. A file that is to be ``named`` by its packing, and is not, may be any.
    """
    told = quality_of(label, bits, as_made=as_made)
    if told is not None:
        return _CODES[told.word]
    return NEARLY_LOSSLESS if is_plain(label) or (not label and not named) else GOOD if label else FAIR


def width_of(label: str | None, bits: float | None = None, average: float | None = None) -> int | None:
    """The bits that a weight of this packing has, as people count them: by its name, else rounded; None if unknown.

    Weights that are not packed have as many as their data type. ``average`` is the size of the files over all weights:
    where it is not half of that, most of them are packed as they were made, whatever the label says (gpt-oss in F16).
    """
    name = _bare(label)
    if is_plain(name):
        plain = 32 if name.endswith("32") else 16
        return plain if average is None or average >= plain / 2 else round(average)
    told = _named_width(name) if name else None
    width = told if told is not None else bits
    return round(width) if width else None


def is_plain(label: str | None) -> bool:
    """Whether a label is that of numbers that nobody packed."""
    return _bare(label) in _PLAIN


def _bare(label: str | None) -> str:
    """A label without what says who mixed it."""
    return (label or "").upper().removeprefix("UD-")


def _named_width(name: str) -> float | None:
    told = _WIDTH.search(name)
    return float(next(filter(None, told.groups()))) if told else None
