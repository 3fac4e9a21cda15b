"""The one table of ggml's tensor types."""

from compat.extraction.ggml_types import BITS_PER_WEIGHT, TENSOR_TYPES


def test_the_table_of_types_knows_no_name_twice():
    names = [name for name, _, _ in TENSOR_TYPES.values()]
    assert len(names) == len(set(names)) == len(BITS_PER_WEIGHT)
    assert all(block > 0 and size > 0 for _, block, size in TENSOR_TYPES.values())


def test_widths_are_those_that_ggml_states():
    stated = {"F16": 16.0, "Q8_0": 8.5, "Q4_0": 4.5, "Q2_K": 2.625, "Q6_K": 6.5625, "IQ1_M": 1.75, "TQ1_0": 1.6875}
    assert {name: BITS_PER_WEIGHT[name] for name in stated} == stated
    assert min(BITS_PER_WEIGHT.values()) == 1.125
