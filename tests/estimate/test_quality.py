"""Words for the quality of packed weights."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compat.estimate.quality import GOOD, MEASURED, NEARLY_LOSSLESS, quality_code, quality_of

ORDER = ["nearly lossless", "very good", "good", "fair", "poor"]


@pytest.mark.parametrize(
    ("label", "bits", "word"),
    [
        ("Q8_0", None, "nearly lossless"),
        ("Q6_K", None, "nearly lossless"),
        ("Q5_K_M", None, "nearly lossless"),
        ("Q5_K_S", None, "very good"),
        ("Q4_K_M", None, "good"),
        ("UD-Q4_K_M", None, "good"),
        ("Q3_K_M", None, "fair"),
        ("Q3_K_S", None, "poor"),
        ("Q2_K", 3.0, "poor"),
        ("IQ4_XS", None, "good"),
        ("IQ3_M", 3.66, "fair"),
        ("IQ3_XXS", 3.06, "poor"),
        ("IQ1_M", None, "poor"),
        ("TQ1_0", None, "poor"),
        ("MLX 8-bit", None, "nearly lossless"),
        ("MLX 4-bit", 4.5, "good"),
        ("AWQ", 4.25, "good"),
        ("FP8", None, "nearly lossless"),
        ("NVFP4", 4.5, "good"),
        ("W4A16", None, "good"),
        ("INT8", None, "nearly lossless"),
    ],
)
def test_a_packing_has_a_word(label, bits, word):
    found = quality_of(label, bits)
    assert found.word == word
    assert found.basis.startswith("Measured" if label.removeprefix("UD-") in MEASURED else "By its")


@pytest.mark.parametrize(("label", "bits"), [("", None), (None, 4.5), ("BF16", 16.0), ("F16", None), ("AWQ", None)])
def test_where_nothing_tells_it_there_is_no_word(label, bits):
    assert quality_of(label, bits) is None


OF_ONE_KIND = [
    "Q2_K_S Q2_K Q2_K_L Q2_K_XL Q3_K_S Q3_K_M Q3_K Q3_K_L Q3_K_XL Q4_K_S Q4_K_M Q4_K Q4_K_L Q4_K_XL Q5_K_S",
    "Q4_K_XL Q5_K_S Q5_K_M Q5_K Q5_K_L Q5_K_XL Q6_K Q6_K_L Q6_K_XL Q8_0 Q8_K_XL",
    "Q4_0 Q4_1 Q5_0 Q5_1 Q8_0",
    "IQ1_S IQ1_M IQ2_XXS IQ2_XS IQ2_S IQ2_M IQ3_XXS IQ3_XS IQ3_S IQ3_M IQ4_XS IQ4_NL",
    "2-bit 3-bit 4-bit 5-bit 6-bit 8-bit",
    "MXFP4 MXFP6 MXFP8",
    "W4A16 W8A16",
]
"""Packings of one kind as catalogues name them, by the bits that a weight takes, the fewest first."""


@pytest.mark.parametrize("kind", OF_ONE_KIND)
@pytest.mark.parametrize("mixed", ["", "UD-"])
def test_of_one_kind_what_has_more_bits_never_has_the_lesser_word(kind, mixed):
    words = [ORDER.index(quality_of(mixed + label).word) for label in kind.split()]
    assert words == sorted(words, reverse=True)


@given(st.lists(st.floats(1, 16), min_size=2, max_size=2), st.sampled_from(["AWQ", "GPTQ", "EXL3", "MLX 4-bit"]))
def test_more_bits_told_never_have_the_lesser_word(bits, label):
    fewer, more = (ORDER.index(quality_of(label, one).word) for one in sorted(bits))
    assert more <= fewer


def test_what_was_measured_as_worse_never_has_the_better_word():
    words = [ORDER.index(quality_of(label).word) for label in sorted(MEASURED, key=MEASURED.__getitem__)]
    assert words == sorted(words)


def test_what_was_published_packed_loses_nothing():
    assert quality_of("MXFP4", 4.25).word == "good"
    assert quality_of("MXFP4", 4.25, as_made=True).word == "as made"
    assert quality_code("MXFP4", 4.25) == GOOD
    assert quality_code("MXFP4", 4.25, as_made=True) == NEARLY_LOSSLESS == quality_code("BF16")
