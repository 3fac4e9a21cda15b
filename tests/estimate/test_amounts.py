"""Arithmetic on columns."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from compat.estimate.amounts import distinct


@given(arrays(st.sampled_from([np.int8, np.int32, np.int64]), st.integers(0, 200), elements=st.integers(-9, 9)))
def test_every_value_is_told_once_in_order(column):
    found = distinct(column)
    assert found.tolist() == sorted(set(column.tolist()))
    assert found.dtype == column.dtype
