"""What people type of how weights are packed, and the labels that are meant."""

from __future__ import annotations

import pytest

from compat.catalogue.packed_words import labels_meant

LABELS = (
    *("BF16", "F16", "Q8_0", "Q4_K_M", "Q4_K_S", "Q4_0", "IQ4_XS", "Q5_K_M", "AWQ", "GPTQ", "4-bit", "8-bit", "FP8"),
    *("MLX 4-bit", "MLX 4.5-bit", "MLX 8-bit", "MLX NVFP4", "NVFP4", "MXFP4", "MXFP4_MOE", "INT4", "W4A16", "EXL3"),
)


@pytest.mark.parametrize(
    ("word", "labels"),
    [
        ("q4", {"Q4_K_M", "Q4_K_S", "Q4_0", "IQ4_XS"}),
        ("iq4", {"IQ4_XS"}),
        ("q4_k", {"Q4_K_M", "Q4_K_S"}),
        ("q4_k_m", {"Q4_K_M"}),
        ("q8", {"Q8_0"}),
        ("awq", {"AWQ"}),
        ("fp8", {"FP8"}),
        ("fp16", {"F16"}),
        ("nvfp4", {"NVFP4", "MLX NVFP4"}),
        ("mxfp4", {"MXFP4", "MXFP4_MOE"}),
        ("exl3", {"EXL3"}),
        ("exl2", set()),
        ("8bit", {"Q8_0", "8-bit", "FP8", "MLX 8-bit"}),
        ("3-bit", set()),
    ],
)
def test_a_word_means_the_labels_of_its_width(word, labels):
    assert set(labels_meant(word, LABELS)) == labels


def test_four_bits_are_all_that_are_of_four():
    four = set(labels_meant("4bit", LABELS))
    assert (
        four == set(labels_meant("int4", LABELS)) >= {"Q4_0", "AWQ", "GPTQ", "4-bit", "MLX 4.5-bit", "NVFP4", "W4A16"}
    )
    assert not four & {"BF16", "F16", "Q8_0", "Q5_K_M", "FP8", "EXL3", "8-bit"}
