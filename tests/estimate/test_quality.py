"""Words for the quality of packed weights."""

from __future__ import annotations

import pytest

from compat.estimate.quality import MEASURED, quality_of

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


def test_what_was_measured_as_worse_never_has_the_better_word():
    words = [ORDER.index(quality_of(label).word) for label in sorted(MEASURED, key=MEASURED.__getitem__)]
    assert words == sorted(words)
