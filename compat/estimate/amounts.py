"""Arithmetic that takes numbers and columns of numbers alike, so that one formula serves one model and a million."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

Amount = Any
"""Bytes, tokens, widths or seconds: a number, or a column with one value a model."""


def largest(*amounts: Amount) -> Amount:
    """The largest of some amounts, value by value where one of them is a column."""
    columns = any(isinstance(amount, np.ndarray) for amount in amounts)
    return reduce(np.maximum, amounts) if columns else max(amounts)


def smallest(*amounts: Amount) -> Amount:
    """The smallest of some amounts, value by value where one of them is a column."""
    columns = any(isinstance(amount, np.ndarray) for amount in amounts)
    return reduce(np.minimum, amounts) if columns else min(amounts)


def either(condition: Amount, amount: Amount, other: Amount) -> Amount:
    """One amount where a condition holds, the other elsewhere."""
    if isinstance(condition, np.ndarray):
        return np.where(condition, amount, other)
    return amount if condition else other


def rounded(amount: Amount) -> Amount:
    """To whole bytes, halves to the even one, as ``round`` does."""
    return np.rint(amount).astype(np.int64) if isinstance(amount, np.ndarray) else round(amount)


def distinct(column: Amount) -> Amount:
    """The values of a column of whole numbers, ascending, each once.

    ``np.unique`` hashes them, which takes twenty times as long where they are many and most differ.
    """
    ordered = np.sort(column)
    first = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]
